"""Answers as they are read: a head and a body from the bytes of one connection. Pure.

Rules:

1. One answer to one request. Whatever comes beside it spoils the connection, not the answer.
2. A body is read until its end as HTTP frames it; cut short, there is no answer.
3. A head, and a body without a place of its own to go to, have limits that hold while they are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from httptools import HttpParserError, HttpParserUpgrade

from kraken_async.wire.answer_head import Headers, encoding_at_a_glance, encoding_of, is_interim, new_parser
from kraken_async.wire.body import LARGEST, BadBody, Body
from kraken_async.wire.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Sink

HEAD: Final = 64 * 1024


class BadAnswer(Exception):
    """The bytes are no answer; the text says what is wrong with them."""


def _bad(error: HttpParserError) -> BadAnswer:
    cause = error.__context__
    return BadAnswer(
        str(cause) if isinstance(cause, BadBody) else f"the connection failed ({type(error).__name__})"
    )


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
        self._parser = new_parser(self)
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
        if self.response is not None or (status < 200 and is_interim(status)):
            return
        self._status = status
        head = self._head
        self._headers = Headers(head)
        encoding = encoding_at_a_glance(head)
        if encoding is None:
            encoding = encoding_of(head)
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
