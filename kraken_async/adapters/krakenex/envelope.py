"""The parts that both of krakenex's APIs are made of: their settings, data to fields, results to Kraken's envelope."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from kraken_async import AuthenticationError, KrakenAPIError, KrakenSession, Outcome
from kraken_async.adapters.krakenex.response import Response, Session
from kraken_async.client import with_password
from kraken_async.credentials import warn_if_exposed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.client import Client

log: logging.Logger = logging.getLogger("kraken_async")

_PLAIN: Final = (str, int, float, Decimal, list, tuple, dict)


class Password:
    """A one-time password on its way to the signer; it shows in no repr."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self) -> str:
        """Return the password."""
        return self._text


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it was asked for. ``timeout``: seconds, or what requests takes, a pair of them."""

    kind: str
    method: str
    fields: dict[str, Any]
    timeout: Any = None
    otp: Password | None = None


class Settings:
    """The settings of both APIs, and their way to turn data into calls and results into envelopes."""

    def __init__(self, key: str = "", secret: str = "", **options: Any) -> None:
        self.key: str = key
        self.secret: str = secret
        self.uri: str = os.environ.get("KRAKEN_API_URL") or "https://api.kraken.com"
        self.apiversion = "0"
        self.response: Response | None = None
        self._session = Session()
        self._options = options
        self._json_options: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.uri}>"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs to open a session of its own; key and secret are among it."""
        return {
            name: value for name, value in vars(self).items() if name not in ("_lock", "_open", "response")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _open=None, response=None)

    @property
    def session(self) -> Session:
        """A stand-in without a connection; proxies and adapters of requests have no place here."""
        return self._session

    def json_options(self, **kwargs: Any) -> Self:
        """Read results with these options of json.loads; return this object."""
        self._json_options = kwargs
        return self

    def load_key(self, path: str | os.PathLike[str]) -> None:
        """Read key and secret from a file, a line each.

        A missing line is warned of, and a file that others may read; krakenex takes both silently.
        """
        warn_if_exposed(path)
        with Path(path).open(encoding="utf-8") as file:
            self.key = file.readline().strip()
            self.secret = file.readline().strip()
        if not self.key or not self.secret:
            missing = "key, the first line" if not self.key else "secret, the second line"
            log.warning("%s lacks the %s: private calls are refused", path, missing)

    def identity(self) -> tuple[Any, ...]:
        """Return what a session is made for: when it changes, so must the session."""
        return self.key, self.secret, self.uri

    def make(self) -> KrakenSession:
        """Return a new session with these settings. Raises ValueError for what cannot work."""
        if self.apiversion != "0":
            raise ValueError(f"apiversion is '0', not {self.apiversion!r}")
        options: dict[str, Any] = {"base_url": self.uri, "api_key": None, "api_secret": None}
        if self.key and self.secret:
            options |= {"api_key": self.key, "api_secret": self.secret}
        return KrakenSession.from_env(**{"checks": "warn", **options, **self._options})

    def asked(self, kind: str, method: str, data: Mapping[str, Any] | None, timeout: Any) -> Asked:
        """Return the call for the caller's data, as requests would have sent it: no None, other types by their text.

        A one-time password among private data is of this call alone.
        """
        fields = {name: value for name, value in dict(data or {}).items() if value is not None}
        del data  # a traceback with locals shows no password
        otp = None
        if kind == "private":
            fields.pop("nonce", None)
            otp = Password(str(fields.pop("otp"))) if "otp" in fields else None
        fields = {
            name: value if isinstance(value, _PLAIN) else _text(value) for name, value in fields.items()
        }
        return Asked(kind, method, fields, timeout, otp)

    def check_key(self, method: str) -> None:
        """Raise AuthenticationError (not sent) without a key and a secret, in krakenex's words."""
        if not self.key or not self.secret:
            msg = "Either key or secret is not set! (Use `load_key()`.)"
            raise AuthenticationError(msg, endpoint=method, outcome=Outcome.NOT_SENT)

    def answer(self, envelope: dict[str, Any], asked: Asked) -> Any:
        """Keep an envelope as ``response`` and return it as krakenex does: a file raises JSONDecodeError."""
        self.response = Response(envelope, f"{self.uri}/{self.apiversion}/{asked.kind}/{asked.method}")
        return self.response.json(**self._json_options)


async def ask(session: KrakenSession, asked: Asked) -> dict[str, Any]:
    """Make a call and return Kraken's envelope; raise what is neither an answer nor a refusal."""
    timeout = asked.timeout
    seconds = sum(each for each in timeout if each) if isinstance(timeout, tuple) else timeout
    caller: Client = session.with_options(timeout=seconds) if seconds else session
    caller = with_password(caller, asked.otp) if asked.otp is not None else caller
    try:
        result = await (caller.private if asked.kind == "private" else caller.public)(
            asked.method, asked.fields
        )
    except KrakenAPIError as error:
        if error.outcome is not Outcome.REFUSED or not error.errors:
            raise
        return {"error": list(error.errors)}
    return {"error": [], "result": result}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
