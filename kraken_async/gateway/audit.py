"""Audit log: every write with its token, its fields and its outcome. One JSON object a line, 0600.

Rules kept here:

1. A write is on record before it is handed on ("asked"), and once more when it is over ("ended"): a gateway that is
   killed between the two leaves the first. What its client has heard is said by the next line ("heard").
2. Tokens are named, never quoted; fields that may be secret are left out.
3. Each line is appended by one write to a file opened for it, so a log rotated away is simply begun again.
4. A disk that is full is said once and does not stop anything: a cancel must not fail for want of a log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.order_fields import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

log: logging.Logger = logging.getLogger("kraken_async.gateway")

#: Bytes of the end of the log that are read when the gateway opens.
TAIL: Final = 1024 * 1024


class AuditLog:
    """Append to the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str = ""
        self._heard: list[str] = []
        self._begun = False

    def asked(self, number: str, token: str, account: str, endpoint: str, fields: Mapping[str, Any]) -> None:
        """Put a write on record before it is handed on."""
        self._write(
            {"op": "asked", "call": number, "token": token, "account": account, "endpoint": endpoint}
            | {"fields": redacted(fields)}
        )

    def ended(self, number: str, token: str, outcome: str, **more: Any) -> None:
        """Put on record what came of it: "answered", "refused", "not-sent" or "unknown", and by which ids."""
        given = {name: value for name, value in more.items() if value not in (None, "", [])}
        self._write({"op": "ended", "call": number, "token": token, "outcome": outcome} | given)

    def heard(self, number: str) -> None:
        """Note that the client has the answer of a write. The next line says it, so that it costs none of its own."""
        self._heard.append(number)

    def tail(self) -> list[dict[str, Any]]:
        """Return the last lines, oldest first; those that cannot be read are left out. For opening, not for a loop."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read(TAIL).splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                data = json.loads(line)
                found += [data] if isinstance(data, dict) else []
        return found

    def noted(self, what: str, **more: Any) -> None:
        """Put something else on record: a start, a halt, an end."""
        self._write({"op": what} | more)

    def _line_end(self) -> bytes:
        """Return what ends a line that was broken off when the gateway before this one was killed."""
        try:
            with self.path.open("rb") as file:
                if not file.seek(0, os.SEEK_END):
                    return b""
                file.seek(-1, os.SEEK_END)
                return b"" if file.read(1) == b"\n" else b"\n"
        except OSError:
            return b""

    def _write(self, line: dict[str, Any]) -> None:
        heard, self._heard = self._heard, []
        line = {"at": round(time.time(), 6)} | line | ({"heard": heard} if heard else {})
        data = json.dumps(line, default=str).encode() + b"\n"
        if not self._begun:
            self._begun = True
            data = self._line_end() + data
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            fd = os.open(self.path, flags, 0o600)
            try:
                if os.write(fd, data) != len(data):
                    raise OSError(0, "the disk is full")
            finally:
                os.close(fd)
        except OSError as error:
            if not self.problem:
                log.error("the audit log %s cannot be written: %s", self.path, error.strerror or error)
            self.problem = f"the audit log {self.path} cannot be written: {error.strerror or error}"
        else:
            self.problem = ""
