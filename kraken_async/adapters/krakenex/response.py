"""``response`` and ``session`` of krakenex's API, as far as its users look at them."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class Response:
    """The last answer, as far as krakenex's users look at ``response``; headers are not kept."""

    status_code = 200
    ok = True

    def __init__(self, envelope: dict[str, Any], url: str) -> None:
        self.headers: dict[str, str] = {}
        self.url = url
        self._envelope = envelope

    @property
    def content(self) -> bytes:
        """The body: the envelope as JSON, or the file that RetrieveExport gives."""
        file = self._envelope.get("result")
        return file if isinstance(file, bytes) else json.dumps(self._envelope).encode()

    @property
    def text(self) -> str:
        """The body as text; bytes of a file that are none are replaced."""
        return self.content.decode(errors="replace")

    def json(self, **options: Any) -> Any:
        """Return the envelope, read with json's ``options``. Raises JSONDecodeError for a file, as requests does."""
        if isinstance(self._envelope.get("result"), bytes):
            raise json.JSONDecodeError("Expecting value", self.text, 0)
        return json.loads(self.content, **options) if options else self._envelope

    def raise_for_status(self) -> None:
        """Do nothing: what is no answer was raised already."""


class Session:
    """Stands for the requests session. Headers may be set and are not sent; anything else is an AttributeError."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def __getattr__(self, name: str) -> NoReturn:
        cure = (
            "name the proxy in HTTPS_PROXY"
            if name in ("proxies", "trust_env")
            else "there is no connection here"
        )
        raise AttributeError(f"session.{name} is of requests, which is not used: {cure}")

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.__slots__:
            self.__getattr__(name)
        super().__setattr__(name, value)

    def close(self) -> None:
        """Do nothing; `API.close` closes."""
