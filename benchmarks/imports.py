"""What importing costs in a fresh interpreter: time, and memory that stays."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.processes import Child

#: Name in the tables -> module, and a name then taken from it (some packages import a name when it is used).
IMPORTS: Final = {
    "aiohttp": ("aiohttp", ""),
    "aiohttp again": ("aiohttp", ""),
    "kraken_async": ("kraken_async", ""),
    "kraken_async, and KrakenSession from it": ("kraken_async", "KrakenSession"),
    "krakenex": ("krakenex", ""),
    "python-kraken-sdk": ("kraken.spot", ""),
    "ccxt": ("ccxt.async_support", ""),
    "httpx": ("httpx", ""),
}

# A bare interpreter: whatever it had imported already would not be counted.
_CODE: Final = """
import sys, time
def resident():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
import os
PAGE = os.sysconf("SC_PAGE_SIZE")
memory, cpu, wall = resident(), time.process_time(), time.perf_counter()
module = __import__(sys.argv[1], fromlist=["_"])
if sys.argv[2]:
    getattr(module, sys.argv[2])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print('{"wall": %r, "cpu": %r, "megabytes": %r}' % (wall * 1e3, cpu * 1e3, (resident() - memory) / 1e6))
"""


def cost(name: str) -> dict[str, Any]:
    """Return milliseconds (wall and CPU) and megabytes, in a fresh interpreter. Raises Failed."""
    with Child("-c", _CODE, *IMPORTS[name]) as child:
        return child.answer(60)
