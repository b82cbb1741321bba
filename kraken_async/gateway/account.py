"""Account: one account's session, and the calls that tokens make on it.

A read ends with its client. What has an effect goes its own way: see writes.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.api.endpoints import has_effect, nearest
from kraken_async.errors import KrakenError, Outcome
from kraken_async.gateway import downloads, replies, upstream
from kraken_async.gateway.fields import in_short, shaped
from kraken_async.gateway.gates import Gates
from kraken_async.gateway.neighbours import Neighbours
from kraken_async.gateway.replies import Reply
from kraken_async.gateway.scopes import needed
from kraken_async.gateway.words import plain
from kraken_async.gateway.writes import Writes
from kraken_async.guards import no_funding

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.api.endpoints import Endpoint
    from kraken_async.call import Orphan
    from kraken_async.gateway.audit import AuditLog
    from kraken_async.gateway.config import AccountConfig, GatewayConfig
    from kraken_async.gateway.tokens import Token
    from kraken_async.session import KrakenSession
    from kraken_async.stores.base import Store

log: logging.Logger = logging.getLogger("kraken_async.gateway")

#: Clients give up near 10 s. After its exchange an order has so many seconds to be looked up in.
SETTLE_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 8.0
#: Seconds after which a halt that is still under way is answered as such.
HALT_PATIENCE: Final = 8.0
LAST_CALLS: Final = 50


class LastCall(NamedTuple):
    """One of the last calls, for the page.

    ``order``: what an order asked for, {} for other calls. ``changes``: it is not a read. ``by_kraken``: Kraken
    itself refused it. ``reason``: why it was not sent. ``took``: seconds from its arrival at the gateway to its reply.
    """

    at: float
    token: str
    endpoint: str
    order: dict[str, str]
    changes: bool
    outcome: str
    by_kraken: bool
    error: str | None
    reason: str | None
    took: float


class Account:
    """Make the calls of tokens on one session. The gateway opens and closes the session."""

    session: KrakenSession

    def __init__(self, config: AccountConfig, gateway: GatewayConfig, audit: AuditLog) -> None:
        self.config = config
        self.name: str = config.name
        store = store_of_account(config)
        self.session = session = make_session(config, store, lambda orphan: self.writes.found_out(orphan))
        self.neighbours: Neighbours = Neighbours(store, hashlib.sha256(config.key.encode()).hexdigest()[:16])
        self._reads = upstream.Reads(session, timeout=READ_TIMEOUT, queue_timeout=config.queue_timeout)
        self.gates: Gates = Gates(most=gateway.max_waiting, most_per_token=gateway.max_waiting_per_token)
        self.last_calls: deque[LastCall] = deque(maxlen=LAST_CALLS)
        self.calls_by_token: dict[str, int] = {}
        self.halting: asyncio.Task[Any] | None = None
        self.writes: Writes = Writes(config.name, session, self.gates, audit, config.queue_timeout)
        self._audit = audit

    def __repr__(self) -> str:
        return f"<Account {self.name}, {self.writes!r}>"

    # -- calls ----------------------------------------------------------------------------------------------------

    async def private(
        self, token: Token, endpoint: Endpoint, fields: dict[str, Any], key: str | None = None
    ) -> Reply:
        """Make a private call for a token, and return what its client is answered. Raises nothing of its own."""
        started = time.monotonic()
        reply = await self._private(token, endpoint, fields, key)
        self._note(token.name, endpoint, fields, reply, time.monotonic() - started)
        return reply

    async def _private(
        self, token: Token, endpoint: Endpoint, fields: dict[str, Any], key: str | None
    ) -> Reply:
        words = needed(endpoint, fields)
        changes = has_effect(endpoint, fields)
        if not words.intersection(token.allow):
            reply = _not_allowed(token, endpoint, words)
            if changes:
                self.writes.put_refusal_on_record(token.name, endpoint, fields, reply)
            return reply
        try:
            fields = shaped(endpoint, fields)
        except ValueError as error:
            return replies.invalid(str(error))
        if changes:
            return await self.writes.make(token.name, endpoint, fields, key)
        return await self._read(token.name, endpoint, fields)

    async def public(self, who: str, name: str, fields: dict[str, Any]) -> Reply:
        """Make a public call, at the pace that Kraken allows this address."""
        try:
            await self.gates.enter(who, "public", self.config.queue_timeout)
            try:
                return replies.of_answer(
                    await upstream.public(self.session, name, fields, timeout=READ_TIMEOUT)
                )
            finally:
                self.gates.leave(who, "public")
        except KrakenError as error:
            return replies.of_error(error, changes=False)
        except ValueError as error:
            return replies.invalid(str(error))

    async def _read(self, token: str, endpoint: Endpoint, fields: dict[str, Any]) -> Reply:
        try:
            left = await self.gates.enter(token, "read", self.config.queue_timeout)
            try:
                if endpoint.binary:
                    return await downloads.fetch(self.session, endpoint.name, fields, queue_timeout=left)
                return replies.of_answer(await self._reads.make(endpoint.name, fields, left))
            finally:
                self.gates.leave(token, "read")
        except KrakenError as error:
            return replies.of_error(error, changes=False)
        except ValueError as error:
            return replies.invalid(str(error))

    def _note(
        self, token: str, endpoint: Endpoint, fields: dict[str, Any], reply: Reply, took: float
    ) -> None:
        self.calls_by_token[token] = self.calls_by_token.get(token, 0) + 1
        reason = reply.headers.get(replies.REASON) if reply.outcome == replies.NOT_SENT else None
        self.last_calls.append(
            LastCall(
                at=time.time(),
                token=token,
                endpoint=endpoint.name,
                order=in_short(fields) if endpoint.places_orders else {},
                changes=has_effect(endpoint, fields),
                outcome=reply.outcome,
                by_kraken=reply.by_kraken,
                error=reply.error,
                reason=reason and plain(reason),
                took=took,
            )
        )

    # -- stopping -------------------------------------------------------------------------------------------------

    async def halt(self, token: str) -> dict[str, Any]:
        """Stop all trading on the key. Returns what is to be told: ``halted``, ``cancelled`` or ``error``.

        Asked for while one is under way: the same halt. A client that leaves does not stop it.
        """
        if self.halting is None or self.halting.done():
            self._audit.noted("halt", token=token, account=self.name)
            self.halting = asyncio.get_running_loop().create_task(self.session.halt(), name="gateway halt")
        told: dict[str, Any] = {"account": self.name, "halted": True, "cancelled": None, "error": []}
        try:
            async with asyncio.timeout(HALT_PATIENCE):
                answer = await asyncio.shield(self.halting)
        except TimeoutError:
            return told | {"error": ["the orders' cancel is still under way: look again"], "pending": True}
        except KrakenError as error:
            self._audit.noted("halted", token=token, account=self.name, error=str(error))
            unsent = error.outcome is Outcome.NOT_SENT
            outcome = "did not leave" if unsent else f"was not proven done: {error}"
            return told | {"error": [f"orders are refused from now on, but CancelAll {outcome}"]}
        self._audit.noted("halted", token=token, account=self.name, cancelled=answer)
        return told | {"cancelled": answer}

    async def settled(self) -> None:
        """Wait until no write and no halt is under way. Cancelled: nothing changes."""
        await self.writes.settled()
        if self.halting is not None:
            await asyncio.wait([self.halting])

    async def close(self) -> None:
        """Close the session, and see the ends of all writes put on record."""
        await self.session.aclose()
        await self.neighbours.close()
        await self.writes.close()


def store_of_account(config: AccountConfig) -> Store:
    """Return the store of an account. Raises ValueError for text that names none."""
    from kraken_async.stores.url import store_of

    return store_of(config.store, config.state_dir, name=f"accounts.{config.name}.store")


def make_session(
    config: AccountConfig, store: Store, on_settled: Callable[[Orphan], object] | None = None
) -> KrakenSession:
    """Return the session of an account. Raises ValueError for what cannot work."""
    from kraken_async.calls.retry import RetryPolicy
    from kraken_async.limits.governor import BurstGovernor
    from kraken_async.orders.policy import OrderPolicy
    from kraken_async.session import KrakenSession

    return KrakenSession(
        config.key,
        config.secret,
        base_url=config.base_url,
        tier=config.tier,
        store=store,
        state_dir=config.state_dir,
        governor=None if config.governor else BurstGovernor.off(),
        guard=no_funding,
        orders=OrderPolicy(
            settle_timeout=SETTLE_TIMEOUT, hold_pair_while_unknown=config.hold_pair_while_unknown
        ),
        retry=RetryPolicy(budget=READ_TIMEOUT),
        account=config.name,
        on_settled=on_settled,
    )


def _not_allowed(token: Token, endpoint: Endpoint, words: frozenset[str]) -> Reply:
    if endpoint.funding:
        why = "no token may withdraw or transfer"
    elif not endpoint.known:
        near = nearest(endpoint.name, private=True)
        why = "not known here, and no token may call it" + (f"; {near}?" if near else "")
    elif not words:
        why = "for no token"
    else:
        why = f"the token {token.name} may not: it needs --allow {' or '.join(sorted(words))}"
    return replies.refusal("EGeneral:Permission denied", f"{endpoint.name}: {why}")
