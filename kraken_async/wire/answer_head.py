"""Heads of answers: their fields, looked at only where something asks for them. Pure.

Most heads hold nothing that matters here but an encoding, which is seen at a glance: to take each field from the parser
costs as much as all else that is done to an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from kraken_async.wire.body import BadBody

#: Bytes of one name or value at most, and fields.
FIELD: Final = 8190
FIELDS: Final = 128

_ENCODING: Final = b"content-encoding"
_SUCCESS: Final = b"http/1.1 2"  # a head that goes before an answer begins otherwise
_GZIP: Final = b"\r\ncontent-encoding: gzip\r\n"


class Headers(Mapping[str, str]):
    """An answer's headers as they came. Names are looked up in any case; of equal ones the first counts.

    ``head``: the answer's bytes, its head whole. They are read at the first look: most answers get none.
    """

    __slots__ = ("_by_name", "_head")

    #: Whether names are looked up in any case.
    any_case: Final = True

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._by_name: dict[bytes, tuple[bytes, bytes]] | None = None

    def _read(self) -> dict[bytes, tuple[bytes, bytes]]:
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for pair in Fields(self._head).pairs:
                found.setdefault(pair[0].lower(), pair)
        return found

    def __getitem__(self, name: str) -> str:
        return _text(self._read()[_bytes(name).lower()][1].rstrip(b" \t"))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header, or ``default`` where there is none."""
        found = self._read().get(_bytes(name).lower())
        return default if found is None else _text(found[1].rstrip(b" \t"))

    def __iter__(self) -> Iterator[str]:
        return iter([_text(name) for name, _ in self._read().values()])

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
        self._parser = new_parser(self)
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
        self._whole = not is_interim(self._parser.get_status_code())
        if not self._whole:
            self.pairs.clear()


def new_parser(protocol: object) -> HttpResponseParser:
    """Return a parser of answers that calls this."""
    parser = HttpResponseParser(protocol)
    # As lenient as aiohttp is, whose parser is the same.
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def is_interim(status: int) -> bool:
    """Return whether a head only goes before an answer."""
    return 100 <= status < 200 and status != 101


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def encoding_at_a_glance(head: bytes) -> str | None:
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


def encoding_of(head: bytes) -> str:
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
