"""What importing costs: whole processes ``python -c "import ..."``, from their start to their end.

``python -X importtime`` would tell another thing: it leaves out the start of the interpreter and its end, and what is
imported only when it is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any, Final

from benchmarks.processes import ROOT, Failed, environment

_OPENED: Final = """
import asyncio, tempfile
from kraken_async import FileStore, KrakenSession
async def main():
    with tempfile.TemporaryDirectory() as folder:
        async with KrakenSession("key", "c2VjcmV0" * 8, store=FileStore(folder)):
            pass
asyncio.run(main())
"""
#: Name in the tables -> the module that has to be there, and what the process runs.
IMPORTS: Final = {
    "nothing": ("sys", "pass"),
    "aiohttp": ("aiohttp", "import aiohttp"),
    "aiohttp again": ("aiohttp", "import aiohttp"),
    "kraken_async": ("kraken_async", "import kraken_async"),
    "kraken_async, and KrakenSession from it": ("kraken_async", "from kraken_async import KrakenSession"),
    "kraken_async, and a session opened and closed": ("kraken_async", _OPENED),
    "krakenex": ("krakenex", "import krakenex"),
    "python-kraken-sdk": ("kraken", "import kraken.spot"),
    "ccxt": ("ccxt", "import ccxt.async_support"),
    "httpx": ("httpx", "import httpx"),
}
#: Seconds that a process may take.
LIMIT: Final = 60.0
# The system's own count of a child's peak begins with its parent's. Where /proc is, the process tells what it holds.
_TELL: Final = """
try:
    with open("/proc/self/statm", "rb", 0) as _file:
        print(_file.read().split()[1].decode())
except OSError:
    import resource as _resource
    print(-_resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss)
"""


def cost(name: str) -> dict[str, Any]:
    """Return milliseconds (wall and CPU) and megabytes at its end, of one whole process. Raises Failed."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", f"{IMPORTS[name][1]}\n{_TELL}"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    late = threading.Timer(LIMIT, process.kill)
    late.start()
    try:
        told = process.stdout.read()  # to its end: that of the process
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    finally:
        late.cancel()
        process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"it ended with {process.returncode}")
    return {
        "wall": wall * 1e3,
        "cpu": (used.ru_utime + used.ru_stime) * 1e3,
        "megabytes": _megabytes(int(told)),
    }


def _megabytes(told: int) -> float:
    """Return what a process holds: it tells pages, or, below zero, its peak in kB (bytes on macOS)."""
    if told >= 0:
        return told * os.sysconf("SC_PAGE_SIZE") / 1e6
    return -told / (1e6 if sys.platform == "darwin" else 1e3)
