"""Operators: the gateway's own paths. Look at the accounts, halt one, look an unresolved order up.

    GET  /api/status              --allow read, or halt
    GET  /api/orders/unresolved   --allow read, halt or trade
    POST /api/halt                --allow halt
    POST /api/orders/resolve      --allow read, or trade

A token of ``Authorization: Bearer`` sees its own accounts and no other. Here, HTTP's statuses say what went wrong.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any, Protocol

from kraken_async.errors import KrakenError
from kraken_async.gateway import fields, http, replies, status
from kraken_async.gateway.doubt import name_of

if TYPE_CHECKING:
    from aiohttp import web

    from kraken_async.gateway.account import Account
    from kraken_async.gateway.audit import AuditLog
    from kraken_async.gateway.config import GatewayConfig
    from kraken_async.gateway.tokens import Token, TokenFile


class Serving(Protocol):
    """The gateway that is looked at."""

    config: GatewayConfig
    url: str
    tokens: TokenFile
    audit: AuditLog
    accounts: dict[str, Account]
    started_at: float
    closing: bool


class Operators:
    """Answers the paths under /api/."""

    def __init__(self, gateway: Serving) -> None:
        self._gateway = gateway

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Answer a request of a path of the gateway's own."""
        given = request.headers.get("Authorization", "")
        token = self._gateway.tokens.find(given[7:].strip()) if given[:7].lower() == "bearer " else None
        if token is None:
            answer = http.json_response({"error": ["EAPI:Invalid key"]}, 401)
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        wanted = ("GET", "/api/status"), ("GET", "/api/orders/unresolved")
        if (request.method, path) in wanted:
            enough = {"read", "halt"} if path == "/api/status" else {"read", "halt", "trade"}
            if not enough.intersection(token.allow):
                return http.denied("looking needs --allow read, or halt")
            accounts = [
                self._gateway.accounts[name] for name in token.accounts if name in self._gateway.accounts
            ]
            if path == "/api/status":
                return http.json_response(await self._status(token, accounts))
            shown = [
                {"account": account.name} | status.shown(account, intent, self._resolve_with(account))
                for account in accounts
                for intent in account.session.unresolved()
            ]
            unheard = [
                {"account": account.name} | each
                for account in accounts
                for each in account.writes.unheard.shown()
            ]
            return http.json_response({"error": [], "orders": shown, "unheard": unheard})
        if (request.method, path) == ("POST", "/api/halt"):
            return await self._halt(request, token)
        if (request.method, path) == ("POST", "/api/orders/resolve"):
            return await self._resolve(request, token)
        return http.json_response({"error": ["EGeneral:Unknown method"]}, 404)

    async def _status(self, token: Token, accounts: list[Account]) -> dict[str, Any]:
        from kraken_async import __version__

        problems = [text for text in (self._gateway.tokens.problem, self._gateway.audit.problem) if text]
        shown = [
            await status.of_account(
                account, config=self._gateway.config.path, resolve_with=self._resolve_with(account)
            )
            for account in accounts
        ]
        return {
            "version": __version__,
            "time": time.time(),
            "started_at": self._gateway.started_at,
            "url": self._gateway.url,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "closing": self._gateway.closing,
            "waiting": status.total_waiting(self._gateway.accounts.values()),
            "max_waiting": self._gateway.config.max_waiting,
            "problems": problems,
            "token": {"name": token.name, "allow": token.allow, "expires_at": token.expires_at},
            "accounts": shown,
        }

    def _resolve_with(self, account: Account) -> str:
        where = f"{self._gateway.url}/api/orders/resolve"
        if self._gateway.config.listen.path is not None:
            where = f"--unix-socket {self._gateway.config.listen.path} http://localhost/api/orders/resolve"
        body = json.dumps({"account": account.name, "id": "{id}"})
        return f"curl -sS -X POST {where} -H \"Authorization: Bearer $KRAKEN_GATEWAY_TOKEN\" -d '{body}'"

    async def _asked(self, request: web.BaseRequest, token: Token) -> tuple[Account | None, dict[str, Any]]:
        """Return the account that a request of the gateway's own is about, and its fields. Raises ValueError."""
        data = fields.parse(
            await http.read_body(request), request.headers.get("Content-Type", "") or "application/json"
        )
        name = data.get("account") or (token.accounts[0] if len(token.accounts) == 1 else None)
        if name is None:
            raise ValueError(f"account: one of {', '.join(token.accounts)}")
        return (self._gateway.accounts.get(str(name)) if name in token.accounts else None), data

    async def _halt(self, request: web.BaseRequest, token: Token) -> web.StreamResponse:
        if "halt" not in token.allow:
            return http.denied("halting needs --allow halt")
        try:
            account, _ = await self._asked(request, token)
        except ValueError as error:
            return http.json_response({"error": [f"EGeneral:Invalid arguments:{error}"]}, 400)
        if account is None:
            return http.denied("the token is not for that account")
        return http.json_response(await account.halt(token.name))

    async def _resolve(self, request: web.BaseRequest, token: Token) -> web.StreamResponse:
        """Look an unresolved order up at Kraken. Nothing is placed and nothing cancelled."""
        if not {"read", "trade"}.intersection(token.allow):
            return http.denied("looking an order up needs --allow read, or trade")
        try:
            account, data = await self._asked(request, token)
        except ValueError as error:
            return http.json_response({"error": [f"EGeneral:Invalid arguments:{error}"]}, 400)
        if account is None:
            return http.denied("the token is not for that account")
        wanted = str(data.get("id", ""))
        for intent in account.session.unresolved():
            if wanted in (intent.id, intent.cl_ord_id, str(intent.userref)):
                try:
                    found = await account.session.resolve(intent)
                    account.writes.told(token.name, str(name_of(intent)))
                    return http.response(replies.result(found))
                except KrakenError as error:
                    return http.response(replies.of_error(error, changes=True))
        return http.json_response(
            {"error": ["EGeneral:Invalid arguments:id: no unresolved order has it"]}, 404
        )
