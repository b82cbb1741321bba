"""Cancel to wire: from the moment a caller asks for a cancel until its bytes are at the server's socket.

A row is one process with some sessions, each on a key of its own. Cancels are asked for at random moments, whether or
not the ones before are answered, so that a slow one hides none of those behind it. The server is a round trip away and
refuses nonces out of order, as Kraken does (see :mod:`benchmarks.distant`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import PEERS
from benchmarks.figures import Watched, watched
from benchmarks.full_disk import FullDisk
from benchmarks.plain import API_KEY, SECRET
from benchmarks.plan import Plan
from benchmarks.processes import Child, Failed
from benchmarks.progress import Progress

#: Seconds of a round trip, least and most.
ROUND_TRIP: Final = (0.05, 0.15)
#: What a row's cancel has to be out by, in seconds.
PROMISED: Final = 2.0
#: Seconds that a row is given for its reads to begin.
SETTLING: Final = 5.0
#: Seconds between two reads of a reader that was refused or failed.
PAUSE: Final = 0.2

Send = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. ``limits``: Kraken's limits are kept, else the client's limiter is off."""

    name: str
    client: str
    reads: int = 1_000
    limits: bool = False
    frozen: bool = False
    full: bool = False
    alone: bool = False  # it takes all of a processor, and would slow down the others

    @property
    def ours(self) -> bool:
        """Whether the promise is about it."""
        return self.client == "kraken_async"


ROWS: Final = (
    Row(name="10 reads waiting, limits kept", client="kraken_async", reads=10, limits=True),
    Row(name="10 reads waiting, limits kept", client="ccxt", reads=10, limits=True),
    Row(name="1,000 reads waiting, limits kept", client="kraken_async", limits=True),
    Row(name="1,000 reads waiting, limits kept", client="ccxt", limits=True),
    Row(name="1,000 reads waiting, limiter off", client="kraken_async"),
    Row(name="1,000 reads waiting, limiter off", client="ccxt", alone=True),
    Row(name="the same, a frozen neighbour has the turn", client="kraken_async", frozen=True),
    Row(name="the same, the disk is full", client="kraken_async", full=True),
    Row(name="the same, both", client="kraken_async", frozen=True, full=True),
)


# ------------------------------------------------------------------ the section


def cancels(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Ask for cancels under load, and see when they reach the server."""
    if not hasattr(signal, "SIGSTOP"):
        progress.say("cancels: left out, no process can be stopped here")
        return {}
    rows = [row for row in ROWS if row.client != "ccxt" or find_spec("ccxt") is not None]
    if len(rows) < len(ROWS):
        progress.say("cancels beside ccxt: left out, it is not installed")
    together = [row for row in rows if not row.alone]
    groups = [together, *([row] for row in rows if row.alone)]
    progress.expect(len(groups))
    found: dict[Row, dict[str, Any]] = {}
    for group in groups:
        progress.step("cancels", f"{group[0].name}, {len(group)} at once")
        found |= _together(plan, progress, group)
    return {
        "sessions": plan.cancel_sessions,
        "seconds": plan.cancel_seconds,
        "rows": [{"name": row.name, "client": row.client, **found[row]} for row in rows if row in found],
    }


def _together(plan: Plan, progress: Progress, rows: list[Row]) -> dict[Row, dict[str, Any]]:
    """Run these rows at once, each with a server of its own. One that fails is left out, and said."""
    found: dict[Row, dict[str, Any]] = {}
    with ExitStack() as stack:
        servers, loads = {}, {}
        for row in rows:
            servers[row] = stack.enter_context(Child("-m", "benchmarks.distant", *map(str, ROUND_TRIP)))
            url = f"http://127.0.0.1:{int(servers[row].line(10))}"
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            seconds = plan.cancel_seconds / (2 if row.alone else 1)
            sessions = 1 if row.client == "ccxt" else plan.cancel_sessions
            options = {
                "client": row.client, "url": url, "reads": row.reads, "limits": row.limits, "full": row.full,
                "folder": folder, "seconds": seconds, "sessions": sessions,
                "rate": plan.cancel_rate,
            }  # fmt: skip
            if row.frozen:
                stack.enter_context(frozen_neighbour(folder, sessions))
            loads[row] = stack.enter_context(Child("-m", "benchmarks.cancels", "ask", json.dumps(options)))
            # One after the other: a thousand reads that begin take their time, and it is not theirs that is measured.
            _try(progress, row, loads, lambda load: load.answer(2 * SETTLING + 30))
        for row in list(loads):
            _try(progress, row, loads, lambda load: load.tell({}))
        for row in list(loads):
            asked = _try(progress, row, loads, lambda load: load.answer(30 + 3 * plan.cancel_seconds))
            arrived = asked and _try(progress, row, servers, lambda server: server.ask({}, 20))
            if asked and arrived:
                found[row] = {**_figures(asked, arrived), "writes_refused": asked["writes_refused"]}
    return found


def _try(progress: Progress, row: Row, children: dict[Row, Child], what: Callable[[Child], Any]) -> Any:
    """Return what a child answers; None, and the row is left out from now on, when it fails."""
    try:
        return what(children[row])
    except Failed as error:
        del children[row]
        progress.say(f"{row.client}, {row.name}: {error}")
        return None


def _figures(asked: dict[str, Any], arrived: dict[str, Any]) -> dict[str, Any]:
    waits, refused = [], 0
    for txid, at in asked["asked"].items():
        if txid in arrived["cancels"]:
            came, accepted = arrived["cancels"][txid]
            waits.append(Watched(came - at, seen=True))
            refused += not accepted
        else:
            waits.append(Watched(asked["until"] - at, seen=False))
    return {**watched(waits), "refused": refused, "failed": asked["failed"]}


# ------------------------------------------------------------------ the load


async def ask(
    *, client: str, url: str, reads: int, limits: bool, full: bool, folder: str, seconds: float, sessions: int,
    rate: float,
) -> None:  # fmt: skip
    """Print a line once the reads wait, and on a line of standard input ask for cancels; print when, by their txid.

    ``rate``: cancels a second in each session.
    """
    disk = FullDisk() if full else None
    asked: dict[str, float] = {}
    failed: dict[str, int] = {}
    opener = {"kraken_async": _ours, "ccxt": _ccxt}[client]
    tasks: list[asyncio.Task[Any]] = []

    async def cancel(send: Send, txid: str) -> None:
        asked[txid] = time.monotonic()
        try:
            await send(txid)
        except Exception as error:
            failed[type(error).__name__] = failed.get(type(error).__name__, 0) + 1

    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(opener(url, number, limits, folder)) for number in range(sessions)
        ]
        try:
            for call, _ in opened:
                tasks += [asyncio.ensure_future(_read(call)) for _ in range(reads)]
            await _settled()
            _say({"ready": True})
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            if disk is not None:
                disk.full = True
            rng, until = random.Random(7), time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(rng.expovariate(rate * sessions))
                number = rng.randrange(sessions)
                txid = f"OC{number:04d}-{len(asked):05d}-ABCDEF"
                tasks.append(asyncio.ensure_future(cancel(opened[number][1], txid)))
            await asyncio.sleep(2 * PROMISED)  # the last ones are watched as well
            end = time.monotonic()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if disk is not None:
                disk.full = False  # for closing
    refused = disk.refused if disk else 0
    _say({"asked": asked, "until": end, "failed": failed, "writes_refused": refused})


async def _read(call: Callable[[], Awaitable[Any]]) -> None:
    while True:
        try:
            await call()
            await asyncio.sleep(0)  # those that wait for a connection get it before this asks again
        except Exception:
            await asyncio.sleep(PAUSE)


async def _settled() -> None:
    """Wait until the loop is on time again, after so many reads have begun; not for ever, as some never let it be."""
    deadline = time.monotonic() + SETTLING
    quiet = 0
    while quiet < 5 and time.monotonic() < deadline:
        begun = time.monotonic()
        await asyncio.sleep(0.05)
        quiet = quiet + 1 if time.monotonic() - begun < 0.08 else 0


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


@contextlib.asynccontextmanager
async def _ours(
    url: str, number: int, limits: bool, folder: str
) -> AsyncIterator[tuple[Callable[[], Awaitable[Any]], Send]]:
    from kraken_async import BurstGovernor, FileStore, KrakenSession

    logging.getLogger("kraken_async").setLevel(logging.CRITICAL)  # what it meets here is meant
    governor = BurstGovernor() if limits else BurstGovernor.off()
    async with KrakenSession(
        key_of(number), SECRET, base_url=url, governor=governor, store=FileStore(folder), account=str(number)
    ) as client:
        yield (
            lambda: client.private("Balance"),
            lambda txid: client.private("CancelOrder", txid=txid),
        )
        await client.aclose(grace=0)


@contextlib.asynccontextmanager
async def _ccxt(
    url: str, number: int, limits: bool, folder: str
) -> AsyncIterator[tuple[Callable[[], Awaitable[Any]], Send]]:
    settings = {"apiKey": key_of(number), "secret": SECRET, "enableRateLimit": limits}
    exchange = import_module(PEERS["ccxt"]).kraken(settings)
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], url)
    try:
        yield (
            exchange.private_post_balance,
            lambda txid: exchange.private_post_cancelorder({"txid": txid}),
        )
    finally:
        await exchange.close()


def key_of(number: int) -> str:
    """Return the API key of a session."""
    return f"{API_KEY[:-4]}{number:04d}"


# ------------------------------------------------------------------ the neighbour


@contextlib.contextmanager
def frozen_neighbour(folder: str, sessions: int) -> Any:
    """Keep another process that stands still with the turn of each key in hand."""
    # In a process group of its own: should this process be killed, the system ends the group, stopped as it is.
    child = Child(
        "-m",
        "benchmarks.cancels",
        "stand_still",
        json.dumps({"folder": folder, "sessions": sessions}),
        process_group=0,
    )
    with child:
        child.line(30)
        yield
        child.kill()


async def stand_still(*, folder: str, sessions: int) -> None:
    """Open sessions on the keys, and stop this process once each has the turn and is sending."""
    from kraken_async import BurstGovernor, FileStore, KrakenSession

    signal.signal(
        signal.SIGHUP, signal.SIG_DFL
    )  # by which the system ends a group that stands still, under nohup too
    logging.getLogger("kraken_async").setLevel(logging.CRITICAL)
    sending = 0

    async def send(_request: Any, _timeout: float) -> Any:
        nonlocal sending
        sending += 1
        if sending == sessions:
            _say("stopped")
            os.kill(os.getpid(), signal.SIGSTOP)
        await asyncio.get_running_loop().create_future()

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                KrakenSession(
                    key_of(number), SECRET, governor=BurstGovernor.off(), store=FileStore(Path(folder)),
                    transport=send, account=str(number),
                )
            )
            for number in range(sessions)
        ]  # fmt: skip
        await asyncio.gather(*(client.private("Balance") for client in clients))


if __name__ == "__main__":
    jobs: dict[str, Callable[..., Any]] = {"ask": ask, "stand_still": stand_still}
    asyncio.run(jobs[sys.argv[1]](**json.loads(sys.argv[2])))
