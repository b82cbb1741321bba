"""What a run was made on, and with what."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "kraken-async", "aiohttp", "orjson", "msgspec", "uvloop", "ccxt", "krakenex", "python-kraken-sdk", "httpx",
)  # fmt: skip


@contextlib.contextmanager
def about(*, quick: bool) -> Iterator[dict[str, Any]]:
    """Yield what there is to say of this run; its length and the load are added at its end."""
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "quick": quick,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "packages": dict(_versions()),
        "load_before": _load(),
    }
    begun = time.monotonic()
    yield found
    found["seconds"] = round(time.monotonic() - begun)
    found["load_after"] = _load()


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            yield name, version(name)


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _load() -> float | None:
    """Return how many processes wanted to run in the last minute, this one included."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
