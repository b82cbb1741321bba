"""No secret in anything that any test of the suite prints, or logs at DEBUG.

The keys and secrets that a signer of this process was made of are looked for in each test's output and in its log
records, extra fields included. Signatures, and what children print, are known by their look: in all of it nothing may
look like 64 bytes in base64, as every secret and every signature of Kraken's does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from kraken_async.wire import signer

_SIXTY_FOUR_BYTES = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==")
_SHORT = 16  # a key such as "k" would be found in every word


class Secrecy(logging.Handler):
    """Collects what is secret in one test, and what the test logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.secrets: set[str] = set()
        self._logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._logged.append(f"{record.getMessage()} {record.__dict__}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Around one test: hear all that is logged."""
        self.secrets.clear()
        self._logged.clear()
        root = logging.getLogger()
        before = root.level
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.setLevel(before)
            root.removeHandler(self)

    def shown(self, output: str) -> list[str]:
        """Return what the test has shown and should not have, by its first characters."""
        text = "\n".join([output, *self._logged])
        found = {secret for secret in self.secrets if secret in text} | set(_SIXTY_FOUR_BYTES.findall(text))
        return sorted(f"{each[:6]}... of {len(each)} characters" for each in found)

    def learn_from_signers(self) -> None:
        """From now on, know the secret that each signer of this process is made of, and the key it signs with."""
        decode, sign = signer._decode, cast("Any", signer.Signer.sign)

        def decoding(secret: str) -> bytes:
            self.secrets |= {secret} if len(str(secret)) >= _SHORT else set()
            return decode(secret)

        def signing(*args: Any, **extra: str) -> Any:
            request = sign(*args, **extra)
            key = request.headers["API-Key"]
            self.secrets |= {key} if len(key) >= _SHORT else set()
            return request

        signer._decode = decoding
        signer.Signer.sign = signing  # type: ignore[method-assign]  # for the whole run
