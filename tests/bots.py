"""A program, for child processes, that places, cancels and reads on a key, and tells what it was told."""

from __future__ import annotations

#: Its argument: JSON of key, secret, url, state_dir, seconds. It prints "open", then JSON of told, waits (of cancels,
#: by the time that it ran itself), placed and figures.
BOT = """
import asyncio, json, os, random, sys, time
from collections import Counter
from kraken_async import BurstGovernor, FileStore, KrakenError, KrakenSession, OutcomeUnknown

options = json.loads(sys.argv[1])
told, waits, stood, placed = Counter(), [], [], {}

def record(done):
    told[f"{done.priority} {done.outcome} {done.error or ''}".strip()] += 1
    if done.priority == "CANCEL" and done.attempts:
        sent = time.monotonic() - done.round_trip
        asked = sent - done.wait
        mine = sum(max(0.0, min(sent, end) - max(asked, begin)) for begin, end in stood)
        waits.append(done.wait - mine)

async def heartbeat():
    last = time.monotonic()
    while True:
        await asyncio.sleep(0.02)
        now = time.monotonic()
        if now - last > 0.15:
            stood.append((last, now))
        last = now

async def main():
    until = time.monotonic() + options["seconds"]
    beat = asyncio.create_task(heartbeat())
    async with KrakenSession(options["key"], options["secret"], base_url=options["url"], observers=[record],
                             store=FileStore(options["state_dir"]), governor=BurstGovernor.off()) as client:
        async def orders(number):
            rng = random.Random(f"{os.getpid()} {number}")
            while time.monotonic() < until:
                name = f"{os.getpid():07d}{number}{rng.randrange(10**9):09d}"
                try:
                    await client.private("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price="20000",
                                         volume="0.001", cl_ord_id=name)
                    placed[name] = "placed"
                except OutcomeUnknown as error:
                    placed[name] = "unknown"
                except KrakenError as error:
                    placed[name] = f"{error.outcome.value} {error!s:.60}"
                await asyncio.sleep(rng.uniform(0, 0.5))
                try:
                    await client.private("CancelOrder", cl_ord_id=name)
                except KrakenError as error:
                    told[f"cancel: {type(error).__name__} {error!s:.60}"] += 1
                await asyncio.sleep(rng.uniform(0, 0.5))
        async def reads():
            while time.monotonic() < until:
                try:
                    await client.private("Balance")
                except KrakenError as error:
                    told[f"read: {type(error).__name__}"] += 1
                await asyncio.sleep(0.3)
        print("open", flush=True)
        await asyncio.gather(orders(0), orders(1), reads())
        figures = client.stats().store
    beat.cancel()
    print(json.dumps({"told": told, "waits": waits, "placed": placed, "figures": dict(figures)}), flush=True)

asyncio.run(main())
"""
