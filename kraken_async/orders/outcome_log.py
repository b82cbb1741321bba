"""OutcomeLog: an append-only file of the outcome of each order, for those who have to tell later. Rotated.

A line is a JSON object: ``time`` (unix seconds), ``intent``, ``nonce``, ``endpoint``, ``cl_ord_id``, ``finding`` and
``outcome``: "done", "refused", "not sent", "unknown", "cancelled" or "dismissed". No fields of the order but its id.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.call import CallListener
from kraken_async.errors import OutcomeUnknown

if TYPE_CHECKING:
    from kraken_async.call import Call
    from kraken_async.errors import KrakenError
    from kraken_async.orders.pending_order import PendingOrder

log: logging.Logger = logging.getLogger("kraken_async.orders")

#: Bytes after which the file is renamed to ``<name>.1``, in place of the one before, and begun again.
LARGEST: Final = 8 * 1024 * 1024


class OutcomeLog(CallListener):
    """Writes one file. ``path`` None: nothing. A file that cannot be written is logged once, and stops no order."""

    orders_only = True

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None else Path(path).expanduser()
        self._failing = False

    def call_ended(self, call: Call, result: Any, error: KrakenError | None) -> None:
        """Write the end of an order's call."""
        if call.order is not None and self._path is not None:
            finding = error.finding if isinstance(error, OutcomeUnknown) else None
            self.write(call.order, "done" if error is None else str(error.outcome), finding)

    def write(self, order: PendingOrder, outcome: str, finding: str | None = None) -> None:
        """Write the outcome of an order. Never raises."""
        if self._path is None:
            return
        intent = order.intent
        line = {
            "time": round(time.time(), 3),
            "intent": intent.id,
            "nonce": order.nonce,
            "endpoint": intent.endpoint,
            "cl_ord_id": intent.cl_ord_id,
            "outcome": outcome,
            "finding": finding,
        }
        try:
            self._append(self._path, json.dumps(line, separators=(",", ":")).encode() + b"\n")
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("outcomes cannot be written to %s: %s", self._path, error.strerror or error)
            self._failing = True

    @staticmethod
    def _append(path: Path, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        fd = os.open(path, flags, 0o600)
        try:
            os.write(fd, line)
            full = os.fstat(fd).st_size >= LARGEST
        finally:
            os.close(fd)
        if full:
            path.replace(path.with_name(path.name + ".1"))
