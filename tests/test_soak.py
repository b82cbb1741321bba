"""A long run: mixed traffic, faults and restarts, after which memory and handles are where they were.

``pytest -m soak`` takes ten minutes, ``KRAKEN_SOAK_SECONDS=60 pytest -m soak`` one. It prints its figures.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenError, KrakenSession, OrderPolicy, Priority
from kraken_async.call import Orphan
from kraken_async.emulator import Emulator, Fault, serve_in_thread
from kraken_async.errors import Outcome
from tests.conftest import open_descriptors

pytestmark = pytest.mark.soak

# Read here: in a test the environment's KRAKEN_... are gone.
SECONDS = float(os.environ.get("KRAKEN_SOAK_SECONDS", "600"))
LIFE = min(5.0, SECONDS / 12)  # seconds of one session
BOTS = 12
FAULTY = 0.03  # of the exchanges
GROWTH = 8e6  # bytes that the resident set may differ by between an early and a late stretch of the run
KEPT = 1000  # what the emulator remembers of each kind, so that its own memory is flat
BAD_NONCE = "EAPI:Invalid nonce"

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000"}
FAULTS = (
    Fault.reset("before"),
    Fault.reset("after"),
    Fault.disconnect("before"),
    Fault.disconnect("after"),
    Fault.truncated(),
    Fault.broken_json(),
    Fault.garbage(),
    Fault.html("before"),
    Fault.http(502, "after"),
    Fault.http(503, "before"),
    Fault.http(520, "after"),
    Fault.refuse("EService:Busy"),
    Fault.refuse("EGeneral:Internal error", "after"),
    Fault.late(0.2),
    Fault.slow(0.05),
    Fault.hang("after"),
    Fault.invisible(0.3),
    Fault.filled(),
    Fault.closed(),
)


@dataclass
class Tally:
    """What callers were told, what the log said, and what the process held after each life."""

    told: Counter[str] = field(default_factory=Counter)
    logged: Counter[str] = field(default_factory=Counter)
    resident: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)
    sent: int = 0
    refused_nonces: int = 0  # as the sessions saw them, healed or not
    # The last nonce of each session that was closed without grace.
    torn: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)  # nonces that the emulator refused
    resolved: int = 0
    orphans: int = 0
    refused_unasked: Counter[str] = field(default_factory=Counter)

    def sample(self) -> None:
        gc.collect()
        self.resident.append(_resident())
        self.descriptors.append(len(open_descriptors()))
        self.threads.append(threading.active_count())
        self.tasks.append(len(asyncio.all_tasks()))


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:  # elsewhere only the peak is known
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _Counting(logging.Handler):
    def __init__(self, tally: Tally) -> None:
        super().__init__(logging.WARNING)
        self._logged = tally.logged

    def emit(self, record: logging.LogRecord) -> None:
        self._logged[f"{record.levelname} {record.name}"] += 1
        if record.name == "asyncio":  # a task's forgotten exception, a slow callback: say which
            self._logged[record.getMessage()[:200]] += 1


@contextmanager
def counted_log() -> Iterator[Tally]:
    """Log records are counted, not kept: pytest would keep every one of them until the end.

    A context, not a fixture: pytest attaches itself to what does not propagate as each phase of a test begins.
    """
    found = Tally()
    counting = _Counting(found)
    loggers = [logging.getLogger(name) for name in ("kraken_async", "aiohttp", "asyncio")]
    propagated = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.propagate = False
        logger.addHandler(counting)
    try:
        yield found
    finally:
        for logger, before in zip(loggers, propagated, strict=True):
            logger.propagate = before
            logger.removeHandler(counting)


class Bot:
    """One caller of a session: what it asks for is drawn at random, and so is whether it waits for the answer."""

    def __init__(self, client: KrakenSession, tally: Tally, seed: int) -> None:
        self.client, self.tally, self.random = client, tally, random.Random(seed)
        self.orders: list[str] = []

    async def run(self, until: float) -> None:
        actions: list[tuple[Callable[[], Awaitable[Any]], int]] = [
            (self.read, 40),
            (self.burst, 4),
            (self.place, 20),
            (self.cancel, 15),
            (self.amend, 6),
            (self.batch, 3),
            (self.ask_public, 6),
            (self.leave, 6),
            (self.hurry, 4),
        ]
        kinds, weights = zip(*actions, strict=True)
        while time.monotonic() < until:
            (action,) = self.random.choices(kinds, weights)
            try:
                await action()
            except KrakenError as error:
                self.note(error)
            else:
                self.tally.told["answered"] += 1
            await asyncio.sleep(self.random.random() * 0.01)

    def note(self, error: KrakenError) -> None:
        kind = type(error).__name__
        self.tally.told[f"{error.outcome}: {kind}"] += 1
        if error.outcome is Outcome.REFUSED:
            self.tally.refused_unasked.update(error.errors)

    async def read(self) -> None:
        name = self.random.choice(
            ("Balance", "OpenOrders", "ClosedOrders", "TradesHistory", "Ledgers", "TradeBalance")
        )
        await self.client.private(name)

    async def burst(self) -> None:
        calls = [self.client.private("Balance") for _ in range(self.random.randrange(5, 40))]
        for found in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(found, KrakenError):
                self.note(found)
            elif isinstance(found, BaseException):
                raise found

    async def place(self) -> None:
        result = await self.client.private(
            "AddOrder", LIMIT, volume=f"0.0{self.random.randrange(10**5, 10**6)}"
        )
        self.orders += result["txid"]

    async def batch(self) -> None:
        rows = [{**LIMIT, "volume": f"0.0{self.random.randrange(10**5, 10**6)}"} for _ in range(3)]
        orders = [{name: row[name] for name in row if name != "pair"} for row in rows]
        result = await self.client.private("AddOrderBatch", pair="XBTUSD", orders=orders)
        self.orders += [row["txid"] for row in result["orders"] if "txid" in row]

    async def cancel(self) -> None:
        if self.orders:
            place = self.random.randrange(len(self.orders))
            await self.client.private("CancelOrder", txid=self.orders.pop(place))

    async def amend(self) -> None:
        if self.orders:
            txid = self.random.choice(self.orders)
            price = str(self.random.randrange(15_000, 20_000))
            await self.client.private("AmendOrder", txid=txid, limit_price=price)

    async def ask_public(self) -> None:
        await self.client.public("Ticker", pair="XBTUSD")

    async def leave(self) -> None:
        """Ask, and go away before the answer: while it waits, or while it is in flight."""
        task = asyncio.ensure_future(self.place() if self.random.random() < 0.5 else self.read())
        try:
            await asyncio.wait([task], timeout=self.random.random() * 0.004)
        finally:
            task.cancel()
            (found,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(found, Exception):
            raise found

    async def hurry(self) -> None:
        options = self.client.with_options(queue_timeout=0.01, priority=Priority.HISTORY)
        await options.private("Balance")


async def run(bots: list[Bot], until: float, *, torn: bool) -> None:
    """Let bots of one session run. ``torn``: it is restarted in the middle of everything."""
    client, tally = bots[0].client, bots[0].tally
    tasks = [asyncio.ensure_future(bot.run(until)) for bot in bots]
    try:
        if torn:
            await asyncio.wait(tasks, timeout=max(until - time.monotonic() - 0.5, 0.1))
            for task in tasks:
                task.cancel()
            await client.aclose(grace=0)
            tally.torn.add(client.stats().last_nonce)
        await asyncio.wait(tasks, timeout=60)
    finally:
        for task in tasks:
            task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, BaseException) and not isinstance(found, asyncio.CancelledError):
            raise found


async def life(url: str, emulator: Emulator, folder: Path, tally: Tally, number: int, until: float) -> None:
    """Open a session, settle what the one before left, let the bots run, and close in one of three ways."""

    def orphan(_orphan: Orphan) -> None:
        tally.orphans += 1

    client = KrakenSession(
        *emulator.key,
        base_url=url,
        state_dir=folder,
        governor=BurstGovernor.off(),
        # The patience of a cancel: a call is given up in the very moment in which a cancel overtakes it.
        timeout=1.0,
        orders=OrderPolicy(deadline=2.0, visibility=1.0, settle_timeout=2.0),
        on_orphan=orphan,
    )
    await client.open()
    try:
        for intent in client.unresolved()[:5]:
            try:
                await client.resolve(intent)
            except KrakenError:
                pass
            tally.resolved += 1
        bots = [Bot(client, tally, number * 1_000 + place) for place in range(BOTS)]
        await run(bots, until, torn=number % 3 == 0)
        if number % 3 == 1:
            try:
                await client.halt()
            except KrakenError as error:
                bots[0].note(error)
            client.resume()
    finally:
        await client.aclose()
    stats = client.stats()
    tally.sent += stats.total_nonces_issued
    tally.refused_nonces += stats.errors.get(BAD_NONCE, 0)


@pytest.mark.timeout(SECONDS + 120)
async def test_a_long_run_leaves_memory_and_handles_flat_and_no_nonce_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(1)
    emulator = Emulator(seed=1, history_limit=KEPT)
    number, begun = 0, time.monotonic()
    with counted_log() as tally, serve_in_thread(emulator, jitter=(0.0, 0.002)) as server:
        emulator.faults.plan = lambda _index, _name: draw.choice(FAULTS) if draw.random() < FAULTY else None
        while (now := time.monotonic()) < begun + SECONDS:
            until = min(now + LIFE, begun + SECONDS)
            await life(server.url, emulator, tmp_path / "state", tally, number, until)
            number += 1
            tally.late |= {each.nonce or 0 for each in emulator.history if BAD_NONCE in each.errors}
            faults, emulator.faults.plan = emulator.faults.plan, None
            async with KrakenSession(
                *emulator.key, base_url=server.url, state_dir=tmp_path / "state", governor=BurstGovernor.off()
            ) as sweeper:
                await sweeper.private("CancelAll")
            emulator.faults.plan = faults
            tally.sample()
    seconds = time.monotonic() - begun
    early = tally.resident[len(tally.resident) // 4 : len(tally.resident) // 2]
    late = tally.resident[-(len(tally.resident) // 4) :]
    growth = median(late) - median(early)
    with capsys.disabled():
        print(
            f"\nsoak: {seconds:.0f} s, {number} sessions, {tally.sent:,} private calls ({tally.sent / seconds:.0f}/s), "
            f"{emulator.faults.count:,} exchanges, {tally.refused_nonces} refused for their nonce, besides "
            f"{emulator.refused()} late ones of sessions torn in mid-flight\n"
            f"  resident MB: first {tally.resident[0] / 1e6:.1f}, early {median(early) / 1e6:.1f}, "
            f"late {median(late) / 1e6:.1f}, growth {growth / 1e6:+.2f}; "
            f"on the way {[round(each / 1e6, 1) for each in tally.resident[:: max(number // 10, 1)]]}\n"
            f"  descriptors {tally.descriptors[0]}..{max(tally.descriptors)}, last {tally.descriptors[-1]}; "
            f"threads {min(tally.threads)}..{max(tally.threads)}; tasks {min(tally.tasks)}..{max(tally.tasks)}\n"
            f"  told {dict(tally.told.most_common())}\n"
            f"  refusals {dict(tally.refused_unasked.most_common())}\n"
            f"  orphans {tally.orphans}, intents settled after a restart {tally.resolved}, logged {dict(tally.logged)}"
        )
    assert tally.refused_nonces == 0
    # Bytes of a session that was torn may arrive after the next one has begun; nobody waits for them.
    assert tally.late <= tally.torn
    assert emulator.refused() == len(tally.late)
    assert "InvalidNonce" not in " ".join(tally.told)
    assert tally.sent > SECONDS * 20  # it was a run, not a wait
    assert number >= min(SECONDS / 6, 10)
    assert growth < GROWTH
    assert max(tally.descriptors[1:]) <= tally.descriptors[0] + 3
    assert max(tally.tasks) == tally.tasks[0]
    assert max(tally.threads) <= tally.threads[0] + 2
    assert not any(name.startswith("ERROR asyncio") for name in tally.logged), tally.logged
