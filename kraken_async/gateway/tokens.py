"""Tokens: the right to call the gateway, kept hashed in a file beside the configuration.

Rules kept here:

1. The file holds no token, only its SHA-256: a token has more than 256 random bits, so a slow hash would guard nothing.
2. The file is 0600, replaced in one step under a lock, and read again when it changes: a token that is removed or
   has expired is refused from the next call on.
3. A file that cannot be read, or that others may change, lets no token in.
4. A token is letters and digits, and valid base64: clients that ask for a secret beside the key can be given it twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import string
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.gateway.config import private_file
from kraken_async.gateway.scopes import SCOPES
from kraken_async.system.flock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log: logging.Logger = logging.getLogger("kraken_async.gateway")

PREFIX: Final = "kgwt"
_LETTERS: Final = string.ascii_letters + string.digits
_RANDOM: Final = 44  # of 62 letters: 261 bits; with the prefix a multiple of 4, as base64 asks
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it is kept. Times are unix seconds; ``expires_at`` None: never."""

    name: str
    sha256: str
    accounts: tuple[str, ...]
    allow: tuple[str, ...]
    created_at: float
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"<Token {self.name}: {', '.join(self.allow)} on {', '.join(self.accounts)}>"

    def expired(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at

    @classmethod
    def of(cls, data: dict[str, Any]) -> Token:
        """Read one from the file's JSON. Raises ValueError, KeyError or TypeError for what is not one."""
        token = cls(
            name=str(data["name"]),
            sha256=str(data["sha256"]),
            accounts=tuple(map(str, data["accounts"])),
            allow=tuple(word for word in map(str, data["allow"]) if word in SCOPES),
            created_at=float(data["created_at"]),
            expires_at=None if data.get("expires_at") is None else float(data["expires_at"]),
        )
        if not re.fullmatch(r"[0-9a-f]{64}", token.sha256):
            raise ValueError(f"the token {token.name!r} has no SHA-256")
        return token


def hashed(token: str) -> str:
    """Return what the file keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def seconds_of(text: str) -> float:
    """Return the seconds of "30d", "12h" and the like. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower())
    if found is None or not int(found[1]):
        raise ValueError(f"a time is a number and one of {', '.join(_UNITS)}, such as 30d, not {text!r}")
    return float(int(found[1]) * _UNITS[found[2]])


class TokenFile:
    """The tokens in ``path``. ``clock`` gives unix seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._name = str(path)
        self._clock = clock
        self._seen: tuple[int, ...] | None = None
        self._tokens: tuple[Token, ...] = ()
        self._failed = ""

    # -- for the gateway ------------------------------------------------------------------------------------------

    def find(self, given: str) -> Token | None:
        """Return the living token whose text is ``given``; None for any other. Looks at the file's stamp each time."""
        self._refresh()
        digest, found = hashed(given), None
        for token in self._tokens:  # all of them, so that the time tells nothing of which one it is
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return None if found is None or found.expired(self._clock()) else found

    def _refresh(self) -> None:
        try:
            status = os.stat(self._name)  # noqa: PTH116 - on every call, and pathlib's takes three times as long
            stamp: tuple[int, ...] = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
        except OSError:
            stamp = ()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._tokens, self._failed = tuple(self.read()), ""
        except ValueError as error:
            self._tokens, self._failed = (), str(error)
            log.error("no token is let in: %s", error)

    @property
    def problem(self) -> str:
        """The trouble with the file, in a sentence; empty when all is well."""
        self._refresh()
        return self._failed

    # -- for the command line -------------------------------------------------------------------------------------

    def read(self) -> list[Token]:
        """Return the tokens, none where there is no file. Raises ValueError naming the file and the cure."""
        if not self.path.exists():
            return []
        private_file(self.path, "the tokens in")
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return [Token.of(each) for each in data["tokens"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{self.path} is damaged ({type(error).__name__}): move it away and add the tokens again"
            ) from None

    def add(
        self,
        name: str,
        accounts: Sequence[str],
        allow: Sequence[str],
        *,
        expires_in: float | None = None,
    ) -> str:
        """Keep a new token and return its text, which is kept nowhere. Raises ValueError."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"a token is named by letters, digits, dots and dashes, not {name!r}")
        text = PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
        now = self._clock()
        token = Token(
            name=name,
            sha256=hashed(text),
            accounts=tuple(accounts),
            allow=tuple(allow),
            created_at=round(now, 3),
            expires_at=None if expires_in is None else round(now + expires_in, 3),
        )

        def with_it(tokens: list[Token]) -> list[Token]:
            if any(each.name == name for each in tokens):
                raise ValueError(
                    f"there is a token {name!r} already: remove it first, or choose another name"
                )
            if len(tokens) >= _MOST:
                raise ValueError(f"there are {len(tokens)} tokens, as many as may be: remove some")
            return [*tokens, token]

        self._change(with_it)
        return text

    def remove(self, name: str) -> None:
        """Forget a token. Raises ValueError if there is none of that name."""

        def without_it(tokens: list[Token]) -> list[Token]:
            left = [token for token in tokens if token.name != name]
            if len(left) == len(tokens):
                raise ValueError(f"there is no token {name!r}: see `kraken-async gateway token list`")
            return left

        self._change(without_it)

    def _change(self, change: Callable[[list[Token]], list[Token]]) -> None:
        lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        try:
            lock.acquire()
            data = {"version": 1, "tokens": [asdict(token) for token in change(self.read())]}
            new = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(json.dumps(data, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            raise ValueError(f"{self.path} cannot be written: {error.strerror}") from None
        finally:
            lock.close()
