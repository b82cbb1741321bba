"""Children that are killed: reads jobs from standard input, forks one child for each, reports how it ended.

Started once per test as `python -m tests.stores.crash_child`, so that hundreds of kills do not cost as many imports.
A job is a line of JSON:

    {"where": directory, "log": file, "fault": step or null, "nth": int, "back": seconds, "life": seconds or null,
     "kind": "session" | "source" | "crowd", "nonces": int, "least": int}

Each nonce is written to the log when it is handed out, which stands for sending it: a nonce in the log is used.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from typing import Any

from kraken_async.nonce_source import NonceSource
from kraken_async.stores.base import KeyState, Shared
from kraken_async.stores.file import FileStore, layout


def kill_at(name: str, nth: int) -> None:
    """Have this process killed when the step has been done so many times."""
    seen = 0

    def fault(step: str) -> None:
        nonlocal seen
        if step == name:
            seen += 1
            if seen == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    layout.fault = fault


def set_clock_back(seconds: float) -> None:
    """Patch both forms of the wall clock in this process."""
    real_ns, real = time.time_ns, time.time
    time.time_ns = lambda: real_ns() - int(seconds * 1e9)
    time.time = lambda: real() - seconds


async def session(where: str, log: int, nonces: int) -> None:
    """Two sessions' worth of everything that writes: opening, steps, changes, jumps, flushes, a clean close."""
    for number in range(2):
        key = FileStore(where).key("k", "ns")
        flushes: list[asyncio.Future[None]] = []

        def flush(key: KeyState = key, flushes: list[asyncio.Future[None]] = flushes) -> None:
            flushes.append(asyncio.ensure_future(key.flush()))

        key.on_flush_due = flush
        await key.open(time.monotonic)
        for count in range(nonces):
            await call(key, log)
            if count % 8 == 3:
                await key.update(change)
            if count % 16 == 7:
                os.write(log, b"%d\n" % await key.jump(2_000_000))
                await key.flush()
            await asyncio.sleep(0)
        await asyncio.gather(*flushes)
        if number == 0 or random.random() < 0.5:
            await key.close()


async def call(key: KeyState, log: int) -> None:
    """Log a nonce within its turn."""
    await key.acquire_turn()
    nonce = (await key.step(yes))[1]
    os.write(log, b"%d\n" % nonce)
    await key.release_turn()


def yes(shared: Shared) -> bool:
    """Choose."""
    shared.level, shared.level_at = 1.0, time.monotonic()
    return True


def change(shared: Shared) -> None:
    """Change a slow field."""
    shared.engine = {f"PAIR{number}": [1.0, 1.0] for number in range(random.randrange(50))}
    shared.mark_changed()


async def crowd(where: str, log: int, nonces: int) -> None:
    """One of several processes: the nonce is logged within the turn, so the log has them in order of arrival."""
    key = FileStore(where).key("k", "ns")
    await key.open(time.monotonic)
    for _ in range(nonces):
        await call(key, log)
        await asyncio.sleep(0)
    await key.close()


def source(where: str, log: int, nonces: int) -> None:
    """A NonceSource, with a jump in between."""
    for _ in range(2):
        with NonceSource(FileStore(where), "k") as drawn:
            for count in range(nonces):
                os.write(log, b"%d\n" % drawn.next())
                if count % 16 == 7:
                    os.write(log, b"%d\n" % drawn.jump_forward(2_000_000))


def live(job: dict[str, Any]) -> None:
    """The child's whole life."""
    random.seed(job.get("seed"))
    set_clock_back(job.get("back", 0))
    if job.get("fault"):
        kill_at(job["fault"], job["nth"])
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nonces = job.get("nonces", 20)
    kind = job.get("kind", "session")
    if kind == "source":
        source(job["where"], log, nonces)
    else:
        asyncio.run({"session": session, "crowd": crowd}[kind](job["where"], log, nonces))


def start(job: dict[str, Any]) -> int:
    """Fork a child; return its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        live(job)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def logged(path: str) -> int:
    """How many nonces are in a log."""
    try:
        with open(path, "rb") as log:
            return log.read().count(b"\n")
    except FileNotFoundError:
        return 0


def main() -> None:
    """Serve jobs until standard input ends. With "life", the child is killed after that many seconds.

    They are counted from the start of the children; with "least", from when these have used so many nonces.
    """
    for line in sys.stdin:
        jobs = json.loads(line)
        log, least = jobs[0]["log"], jobs[0].get("least", 0)
        least += logged(log) if least else 0
        children = [start(job) for job in jobs]
        lives = sorted(
            (job["life"], child) for job, child in zip(jobs, children, strict=True) if job.get("life")
        )
        while least and logged(log) < least:
            time.sleep(0.001)
        begun = time.monotonic()
        for life, child in lives:
            time.sleep(max(0.0, begun + life - time.monotonic()))
            os.kill(child, signal.SIGKILL)  # not yet waited for, so the number is still its own
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    main()
