"""How much memory this process holds."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def resident() -> int:
    """Return the resident set in bytes: what it is now, or, where the system does not show it, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
