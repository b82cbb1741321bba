"""The control API: tests in any language set up and look, over HTTP with a token, on loopback only."""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web

from .control_actions import GET, POST, Body
from .emulator import Emulator
from .listening import Listening, is_loopback
from .threads import in_thread
from .values import Refusal

_LARGEST = 1_000_000
_BEARER = "Bearer "


class ControlServer(Listening):
    """Serves the control API of an emulator on ``url`` from `start` to `stop`; every request must carry ``token``.

    Paths are ``/emulator/NAME``; the names are in control_actions.py. ValueError for a host beyond loopback.
    """

    def __init__(
        self, emulator: Emulator, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"the control API listens on loopback only, not on {host}")
        super().__init__(host, port)
        self.token: str = token or secrets.token_urlsafe(24)
        self._emulator = emulator

    def _new_runner(self) -> web.ServerRunner:
        return web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.5)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._allowed(request):
            return _json(401, {"error": "the token is missing or wrong: Authorization: Bearer TOKEN"})
        name = request.path.removeprefix("/emulator/")
        actions = {"POST": POST, "GET": GET}.get(request.method, {})
        action = actions.get(name) if request.path.startswith("/emulator/") else None
        if action is None:
            known = name in POST or name in GET
            return _json(405 if known else 404, {"error": _missing(request.method, request.path)})
        try:
            body = dict(request.query) if request.method == "GET" else _object(await self._read(request))
            return _json(200, _acted(action, self._emulator, body))
        except ValueError as error:
            return _json(400, {"error": str(error)})

    def _allowed(self, request: web.BaseRequest) -> bool:
        given = request.headers.get("Authorization", "")
        if not given.startswith(_BEARER):
            return False
        token = given.removeprefix(_BEARER).encode(errors="surrogateescape")
        return hmac.compare_digest(token, self.token.encode())

    async def _read(self, request: web.BaseRequest) -> bytes:
        body = await request.content.read(_LARGEST + 1)
        while not request.content.at_eof() and len(body) <= _LARGEST:
            body += await request.content.read(_LARGEST + 1 - len(body))
        if len(body) > _LARGEST:
            raise ValueError(f"the body is larger than {_LARGEST} bytes")
        return body


@contextlib.contextmanager
def control_in_thread(emulator: Emulator, **options: Any) -> Iterator[ControlServer]:
    """Serve the control API from a thread; ``options`` are those of `ControlServer`."""
    with in_thread(ControlServer(emulator, **options)) as server:
        yield server


def _acted(action: Callable[[Emulator, Body], Any], emulator: Emulator, body: Body) -> Any:
    """Return what an action answers; what is wrong with its arguments is a ValueError."""
    try:
        return action(emulator, body)
    except Refusal as refusal:
        raise ValueError(", ".join(refusal.errors)) from None
    except (TypeError, ArithmeticError) as error:
        raise ValueError(f"wrong kind of value: {error}") from error


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the body must be a JSON object")
    return fields


def _missing(method: str, path: str) -> str:
    return f"no {method} {path}; there are POST /emulator/{{{','.join(POST)}}} and GET /emulator/{{{','.join(GET)}}}"


def _json(status: int, body: Any) -> web.Response:
    return web.Response(status=status, text=json.dumps(body, default=str), content_type="application/json")
