"""Answers as they are read: a head and a body from the bytes of one connection. Pure.

Rules:

1. One answer to one request. Whatever comes beside it spoils the connection, not the answer.
2. A body is read until its end as HTTP frames it; cut short, there is no answer.
3. A head, and a body without a place of its own to go to, have limits that hold while they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from kraken_async.wire.body import LARGEST, BadBody, Body
from kraken_async.wire.messages import Response

if TYPE_CHECKING:
    from kraken_async.call import Sink

HEAD: Final = 64 * 1024
FIELD: Final = 8190
FIELDS: Final = 128


class BadAnswer(Exception):
    """The bytes are no answer; the text says what is wrong with them."""


class Headers(Mapping[str, str]):
    """An answer's headers as they came. Names are looked up in any case; of equal ones the first counts."""

    __slots__ = ("_by_name", "_pairs")

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs
        self._by_name: dict[str, tuple[str, str]] | None = (
            None  # made at the first look: most answers get none
        )

    def _read(self) -> dict[str, tuple[str, str]]:
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for raw_name, raw_value in self._pairs:
                name = _text(raw_name)
                found.setdefault(name.lower(), (name, _text(raw_value.rstrip(b" \t"))))
        return found

    def __getitem__(self, name: str) -> str:
        return self._read()[name.lower()][1]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header, or ``default`` where there is none."""
        found = self._read().get(name.lower())
        return default if found is None else found[1]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._read().values()])

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:  # a cookie of the edge is no one else's business
        return f"<Headers {', '.join(self)}>"


def _bad(error: HttpParserError) -> BadAnswer:
    cause = error.__context__
    return BadAnswer(
        str(cause) if isinstance(cause, BadBody) else f"the connection failed ({type(error).__name__})"
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


class AnswerReader:
    """Reads the answers that come over one connection, one after the other.

    ``size`` counts the bytes that came for the answer in hand; ``body`` is set once its head is whole.
    """

    size: int

    __slots__ = (
        "_chunked",
        "_headers",
        "_interim",
        "_keep",
        "_parser",
        "_sink",
        "_status",
        "body",
        "response",
        "size",
        "spoilt",
    )

    def __init__(self) -> None:
        self.spoilt: bool = False
        self._new_parser()
        self.expect(None)

    def _new_parser(self) -> None:
        parser = HttpResponseParser(self)
        # As lenient as aiohttp is, whose parser is the same.
        parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._parser = parser

    def expect(self, sink: Sink | None) -> None:
        """Begin with the next answer."""
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunked = self._interim = False
        self._sink = sink
        self.body: Body | None = None
        self.response: Response | None = None
        self.size = 0

    def feed(self, data: bytes | memoryview) -> Response | None:
        """Read what came, and keep none of it by reference; return the answer once it is whole. Raises BadAnswer."""
        self.size += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.spoilt = True
        except HttpParserError as error:
            self.spoilt = True
            if self.response is None:
                raise _bad(error) from None
        if self.body is None and self.size > HEAD:
            raise BadAnswer("a head without an end")
        if self._sink is None and self.size > 2 * LARGEST:
            raise BadAnswer(f"an answer above {LARGEST >> 20} MiB")
        return self.response

    def end(self) -> Response | None:
        """Return the answer that the connection's end makes whole, if one was framed so. Raises BadAnswer."""
        if self.response is not None:
            return self.response
        if self.body is None:
            return None
        headers = Headers(self._headers)
        if "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower():
            raise BadAnswer("the answer was cut short")
        try:
            self.on_message_complete()
        except BadBody as error:
            raise BadAnswer(str(error)) from None
        return self.response

    # -- called by the parser --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin an answer; the one before it must have been asked for."""
        if self.response is not None:
            self.spoilt = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; one that comes after the body is passed over."""
        if self.body is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Know what is coming: an answer, or one that only goes before it."""
        if self.response is not None:
            return
        status = self._status = self._parser.get_status_code()
        self._interim = 100 <= status < 200 and status != 101
        if self._interim:
            return
        headers = self._headers
        if len(headers) > FIELDS or (
            self.size > FIELD and any(len(value) > FIELD for pair in headers for value in pair)
        ):
            raise BadBody("a head without an end")
        encoding = ""
        for name, value in headers:
            if b"\0" in value:
                raise BadBody("a header that holds what no header may hold")
            if len(name) == 16 and name.lower() == b"content-encoding":
                encoding = _text(value)
        self.body = Body(encoding, self._sink if status == 200 else None)

    def on_chunk_header(self) -> None:
        """Note that the body comes in chunks."""
        self._chunked = True

    def on_body(self, chunk: bytes) -> None:
        """Keep a piece of the body."""
        if self.body is not None and self.response is None:
            self.body.add(chunk)

    def on_message_complete(self) -> None:
        """Finish the answer, or go on to the one that it went before."""
        if self._interim:
            self._headers = []
            self._interim = False
        elif self.body is not None and self.response is None:
            self.response = Response(self._status, Headers(self._headers), self.body.finish())
            self._keep = self._parser.should_keep_alive()

    # --------------------------------------------------------------------------------------------------------------

    def keep(self) -> bool:
        """Return whether another request may go over the same connection."""
        if self.spoilt or not self._keep:
            return False
        if self._chunked:
            self._new_parser()  # one that has read trailers gives the last of them to the next answer
        return True
