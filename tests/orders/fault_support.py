"""A session on the emulator over a path in memory, on virtual time; and what each side believes happened.

The exchange is not kind: it shows orders as Kraken does, each world in its own way of those that clients recorded.
Volumes have more digits than a lot, ids are shown in another spelling, a userref that is none in three forms.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from kraken_async import BurstGovernor, KrakenSession, MemoryStore, OrderPolicy, RetryPolicy, guards, runtime
from kraken_async.call import Orphan
from kraken_async.emulator import Behaviour, ConnectionDropped, Emulator
from kraken_async.emulator.orders import Order
from kraken_async.errors import KrakenError, Outcome, OutcomeUnknown, RequestTimeout, TransportError
from kraken_async.orders.intent import Intent
from kraken_async.orders.journal import Journal
from kraken_async.wire.messages import Response, SignedRequest

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000"}
#: More digits than a lot has: the exchange cuts or rounds them.
DIGITS = ".123456789123456"


def volume_of(number: int) -> str:
    """Return the volume by which the orders of call ``number`` are known, whatever the exchange makes of its digits."""
    return f"{number}{DIGITS}"


def unkind(rng: random.Random) -> Behaviour:
    """Return one of the ways in which Kraken was seen to show orders."""
    return Behaviour(
        volumes=rng.choice(("cut", "round")),
        prices=rng.choice(("refuse", "round", "cut")),
        no_userref=rng.choice(("null", "zero", "missing")),
        no_refid=rng.choice(("null", "word", "missing")),
        client_ids=rng.choice(("lower", "sent", "dashed")),
        amend_times=rng.choice(("ms", "us", "ns")),
        key_info=rng.choice(("snake_case", "camelCase")),
        blank_ip_list=rng.random() < 0.5,
        empty_balance=rng.choice(("absent", "object")),
        closing=rng.choice(("nowhere", "still open")),
    )


class MortalJournal(Journal):
    """A journal that may die as its process does: nothing more is written, and its lock is free."""

    async def look(self, now: float) -> None:
        """Read nothing ahead: on virtual time there are no threads."""

    def __init__(self, directory: Path, key: str) -> None:
        super().__init__(directory, key)
        self.recorded: list[Intent] = []

    async def record(self, intent: Intent) -> None:
        self.recorded.append(intent)
        await super().record(intent)

    def on_record(self) -> list[Intent]:
        """Return what is on record."""
        return list(self._open.values())

    def die(self) -> None:
        fd, self._fd, self._shut = self._fd, -1, True
        if fd >= 0:
            os.close(fd)


@dataclass
class World:
    """One emulated exchange, one key's shared state, and any number of sessions on it."""

    directory: Path
    seed: int = 0
    policy: OrderPolicy = field(default_factory=OrderPolicy)
    behaviour: Behaviour | None = None
    orphans: list[Orphan] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.emulator = Emulator(
            clock=lambda: time.time(),  # patched: the name is looked up late
            seed=self.seed,
            behaviour=self.behaviour or unkind(self.random),
        )
        self.key = self.emulator.key
        self.store = MemoryStore()
        self.journals: dict[KrakenSession, MortalJournal] = {}
        self.dead: set[KrakenSession] = set()

    async def send(self, request: SignedRequest, timeout: float) -> Response:
        """Carry one request over the path, and tell what a socket would tell."""
        try:
            async with asyncio.timeout(timeout):
                reply = await self.emulator.deliver(
                    request.method, request.path, request.headers, request.body, sleep=asyncio.sleep
                )
                await asyncio.sleep(reply.pace)
        except TimeoutError:
            raise RequestTimeout(f"no answer within {timeout:g} s") from None
        except ConnectionDropped:
            raise TransportError("the connection was cut") from None
        return Response(reply.status, reply.headers, reply.body)

    async def session(self, **options: Any) -> KrakenSession:
        """Open a session. The key's state is in memory, so that no thread is needed; the journal is on disk."""

        def on_orphan(orphan: Orphan) -> None:
            if session not in self.dead:
                self.hear(orphan)

        given: dict[str, Any] = {
            "store": self.store,
            "governor": BurstGovernor.off(),
            "guard": guards.allow_all,
            "orders": self.policy,
            "on_orphan": on_orphan,
            "transport": self.send,
            "retry": RetryPolicy(jitter=self.random.random),
        }
        session = KrakenSession(*self.key, **{**given, **options})
        journal = self.journals[session] = MortalJournal(self.directory, "k")
        with mock.patch.object(runtime, "open_journal", return_value=journal):
            return await session.open()

    def hear(self, orphan: Orphan) -> None:
        """Keep what a session reports of an order whose caller has left, or was told that it is unknown."""
        self.orphans.append(orphan)

    async def kill(self, session: KrakenSession) -> None:
        """As `kill -9` does: nothing more is written, sent or told; the lock on the journal is free."""
        self.journals[session].die()
        self.dead.add(session)
        with contextlib.suppress(asyncio.CancelledError):
            await session.aclose(grace=0)

    # -- the truth ---------------------------------------------------------------------------------------------

    def placed(self, number: int) -> list[str]:
        """Return the txids of the orders that call ``number`` has placed: by their volume, which is its own.

        Other writers' orders have no nonce; a conditional close is an order's child.
        """
        orders: dict[str, Order] = self.emulator.orders
        return [
            txid
            for txid, order in orders.items()
            if order.volume.to_integral_value("ROUND_DOWN") == Decimal(number)
            and order.nonce is not None
            and order.refid is None
        ]


@dataclass
class Told:
    """What a caller was told of a call: a result, an error, or nothing (it left, or was killed)."""

    result: Any = None
    error: KrakenError | None = None
    left: bool = False

    @property
    def unknown(self) -> bool:
        return self.error is not None and self.error.outcome is Outcome.UNKNOWN

    @property
    def absent(self) -> bool:
        return isinstance(self.error, OutcomeUnknown) and self.error.finding == "absent"

    @property
    def failed(self) -> bool:
        return self.error is not None and not self.unknown


async def told(call: Any) -> Told:
    try:
        return Told(result=await call)
    except KrakenError as error:
        return Told(error=error)
    except asyncio.CancelledError:
        return Told(left=True)


async def settled(session: KrakenSession, what: Intent | OutcomeUnknown) -> Told:
    """Resolve, as often as it takes to get past "not seen"."""
    for _ in range(12):
        answer = await told(session.resolve(what))
        error = answer.error
        if not isinstance(error, OutcomeUnknown) or error.finding == "absent":
            return answer
    return answer
