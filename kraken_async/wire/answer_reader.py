"""Answers as they are read: a head and a body from the bytes of one connection. Pure.

Rules:

1. One answer to one request. Whatever comes beside it spoils the connection, not the answer.
2. A body is read until its end as HTTP frames it; cut short, there is no answer.
3. A head, and a body without a place of its own to go to, have limits that hold while they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from kraken_async.wire.body import LARGEST, BadBody, Body
from kraken_async.wire.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Sink

HEAD: Final = 64 * 1024
FIELD: Final = 8190
FIELDS: Final = 128

_ENCODING: Final = b"content-encoding"
_SUCCESS: Final = b"http/1.1 2"  # a head that goes before an answer begins otherwise
_GZIP: Final = b"\r\ncontent-encoding: gzip\r\n"


class BadAnswer(Exception):
    """The bytes are no answer; the text says what is wrong with them."""


class Headers(Mapping[str, str]):
    """An answer's headers as they came. Names are looked up in any case; of equal ones the first counts.

    ``head``: the answer's bytes, its head whole. They are read at the first look: most answers get none.
    """

    __slots__ = ("_by_name", "head")

    #: Whether names are looked up in any case.
    any_case: Final = True

    def __init__(self, head: bytes) -> None:
        self.head = head
        self._by_name: dict[str, tuple[str, str]] | None = None

    def _read(self) -> dict[str, tuple[str, str]]:
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for raw_name, raw_value in Fields(self.head).pairs:
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


class Fields:
    """Reads the fields of the head that an answer's bytes begin with; a head that only goes before it has none."""

    on_body = on_message_begin = on_message_complete = on_chunk_header = on_chunk_complete = on_status = None

    def __init__(self, head: bytes) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self._whole = False
        self._parser = _parser(self)
        with suppress(HttpParserError, HttpParserUpgrade):  # what follows the head is read elsewhere
            self._parser.feed_data(head)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; one that comes after the body is passed over."""
        if not self._whole:
            self.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """Note the end of the answer's own head."""
        if self._whole:
            return
        self._whole = not _is_interim(self._parser.get_status_code())
        if not self._whole:
            self.pairs.clear()


def _parser(protocol: object) -> HttpResponseParser:
    parser = HttpResponseParser(protocol)
    # As lenient as aiohttp is, whose parser is the same.
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def _is_interim(status: int) -> bool:
    """Return whether a head only goes before an answer."""
    return 100 <= status < 200 and status != 101


def _bad(error: HttpParserError) -> BadAnswer:
    cause = error.__context__
    return BadAnswer(
        str(cause) if isinstance(cause, BadBody) else f"the connection failed ({type(error).__name__})"
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


class AnswerReader:
    """Reads the answers that come over one connection, one after the other.

    ``size`` counts the bytes that came for the answer in hand, until it is whole.
    """

    size: int

    __slots__ = (
        "_body",
        "_head",
        "_headers",
        "_keep",
        "_parser",
        "_pieces",
        "_sink",
        "_status",
        "on_body",
        "response",
        "size",
        "spoilt",
    )

    def __init__(self) -> None:
        self.spoilt: bool = False
        self._pieces: list[bytes] = []
        self.on_body: Callable[[bytes], None] = self._pieces.append  # asked by the parser, for every piece
        self._parser = _parser(self)
        self.expect(None)

    def expect(self, sink: Sink | None) -> None:
        """Begin with the next answer."""
        self._head = b""
        self._headers: Headers | None = None  # set once the head is whole
        self._body: Body | None = None  # set where the pieces are not the body as they are
        self._sink = sink
        self._pieces.clear()
        self.response: Response | None = None
        self.size = 0

    def feed(self, data: bytes | memoryview) -> Response | None:
        """Read what came, and keep none of it by reference; return the answer once it is whole. Raises BadAnswer."""
        if self._headers is None:
            self._head += data
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.spoilt = True
        except HttpParserError as error:
            self.spoilt = True
            if self.response is None:
                raise _bad(error) from None
        response = self.response
        if response is None:
            self._go_on(len(data))
        return response

    def _go_on(self, size: int) -> None:
        """Hold the limits of an answer that takes more than one read."""
        self.size += size
        if self._headers is None:
            if self.size > HEAD:
                raise BadAnswer("a head without an end")
            return
        try:
            self._unpack()
        except BadBody as error:
            raise BadAnswer(str(error)) from None
        if self._sink is None and self.size > 2 * LARGEST:
            raise BadAnswer(f"an answer above {LARGEST >> 20} MiB")

    def _unpack(self) -> Body:
        """Move the pieces that came to the body."""
        body = self._body
        if body is None:
            body = self._body = Body()
        for piece in self._pieces:
            body.add(piece)
        self._pieces.clear()
        return body

    @property
    def body_size(self) -> int:
        """The bytes of the body that came so far, unpacked."""
        return 0 if self._body is None else self._body.size

    def end(self) -> Response | None:
        """Return the answer that the connection's end makes whole, if one was framed so. Raises BadAnswer."""
        headers = self._headers
        if self.response is not None or headers is None:
            return self.response
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

    def on_headers_complete(self) -> None:
        """Know what is coming: an answer, or one that only goes before it."""
        status = self._parser.get_status_code()
        if self.response is not None or (status < 200 and _is_interim(status)):
            return
        self._status = status
        head = self._head
        self._headers = Headers(head)
        encoding = _encoding_at_a_glance(head)
        if encoding is None:
            encoding = _encoding(head)
        if encoding or self._sink is not None:
            self._body = Body(encoding, self._sink if status == 200 else None)

    def on_message_complete(self) -> None:
        """Finish the answer; what goes before it has no end of its own."""
        headers, pieces = self._headers, self._pieces
        if headers is None or self.response is not None:
            return
        if self._body is None and len(pieces) == 1:
            body = pieces[0]  # as most are, which come in one read
        else:
            body = self._unpack().finish()
        self.response = Response(self._status, headers, body)
        self._keep = self._parser.should_keep_alive()

    # --------------------------------------------------------------------------------------------------------------

    def keep(self) -> bool:
        """Return whether another request may go over the same connection."""
        return self._keep and not self.spoilt


def _encoding_at_a_glance(head: bytes) -> str | None:
    """Return what the head that these bytes begin with says its body is encoded in.

    None: the head may hold something odd, and must be read field by field.
    """
    end = head.find(b"\r\n\r\n")
    head = head[: end + 2].lower()  # of one that ends otherwise, too little: it does not begin as it must
    lines = head.count(b"\n")
    if not head.startswith(_SUCCESS) or end > FIELD or lines > FIELDS or b"\0" in head:
        return None
    if _ENCODING not in head:
        return ""
    as_most_are = head.count(_ENCODING) == 1 and _GZIP in head and lines == head.count(b"\r\n")
    return "gzip" if as_most_are and b"\n " not in head and b"\n\t" not in head else None


def _encoding(head: bytes) -> str:
    """Return the same, of any head. Raises BadBody for what none may hold."""
    pairs = Fields(head).pairs
    if len(pairs) > FIELDS or any(len(each) > FIELD for pair in pairs for each in pair):
        raise BadBody("a head without an end")
    encoding = b""
    for name, value in pairs:
        if b"\0" in value:
            raise BadBody("a header that holds what no header may hold")
        if name.lower() == _ENCODING:
            encoding = value
    return _text(encoding)
