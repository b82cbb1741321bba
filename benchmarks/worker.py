"""A worker: a fresh process that opens one contender, or takes one measurement, and answers in lines of JSON.

``python -m benchmarks.worker '{"contender": "kraken_async", "url": "http://127.0.0.1:1234"}'`` then reads jobs, one
line each: ``{"queued": 10, "calls": 600}``. ``'{"measure": "pieces", "options": {...}}'`` takes one measurement and
ends. ``'{"serve": "order_clients.serve", "options": {...}}'`` runs a worker of another kind.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from importlib import import_module
from typing import Any, Final

WARM_UP: Final = 30


async def calls(call: Any, *, queued: int, number: int) -> dict[str, float]:
    """Return the CPU and wall time of one call in microseconds, ``queued`` of them gathered at a time."""
    for _ in range(WARM_UP):  # also opens the connection anew if it was idle for long
        await call()
    batches = max(number // queued, 1)
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    if queued == 1:
        for _ in range(batches):
            await call()
    else:
        for _ in range(batches):
            await asyncio.gather(*[call() for _ in range(queued)])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu / (batches * queued) * 1e6, "wall": wall / (batches * queued) * 1e6}


async def serve(contender: str, url: str, answer: Any) -> None:
    """Open the contender's client and do the jobs that come on standard input, until it ends."""
    from benchmarks.contenders import CONTENDERS, OPENERS

    loop = asyncio.get_running_loop()
    opener = OPENERS[next(each.opener for each in CONTENDERS if each.name == contender)]
    async with opener(url) as call:
        await call()
        answer({"ready": True})
        # Read in a thread, so that the client's own background work goes on between the jobs.
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            job = json.loads(line)
            answer(await calls(call, queued=job["queued"], number=job["calls"]))


def main() -> None:
    """Do what the first argument says."""
    spec = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers

    def answer(value: dict[str, Any]) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    for name in spec.get("without", ()):
        sys.modules[name] = None  # type: ignore[assignment] # makes importing it an ImportError
    try:
        if "measure" in spec:
            module, _, function = spec["measure"].rpartition(".")
            answer(getattr(import_module(f"benchmarks.{module}"), function)(**spec.get("options", {})))
            return
        if "serve" in spec:
            module, _, function = spec["serve"].rpartition(".")
            job = getattr(import_module(f"benchmarks.{module}"), function)
            asyncio.run(job(answer=answer, **spec["options"]))
            return
        factory = import_module("uvloop").new_event_loop if spec.get("uvloop") else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve(spec["contender"], spec["url"], answer))
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"[:300]})
        raise


if __name__ == "__main__":
    main()
