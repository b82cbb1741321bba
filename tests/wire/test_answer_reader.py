"""Heads of answers: what they may hold, and that a head read at a glance is read as one that is read field by field."""

from __future__ import annotations

import gzip
import random

import pytest

from kraken_async.wire import answer_reader as answer_reader_module
from kraken_async.wire.answer_head import FIELD, FIELDS
from kraken_async.wire.answer_reader import HEAD, AnswerReader, BadAnswer
from kraken_async.wire.messages import Response
from tests.wire.odd_answers import odd
from tests.wire.support import OK

BODY = b'{"error":[],"result":{}}'
PACKED = gzip.compress(BODY, mtime=0)
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
LINES = (
    b"X: a\0b",
    b"Set-Cookie: a=b",
    b"content-encoding: gzip",
    b"Content-Encoding:\tdeflate ",
    b"Content-Encoding: gzip, br",
    b" folded",
    b"\tfolded",
    b"X:",
    b"X: " + b"z" * FIELD,
    b"X: " + b"z" * (FIELD + 1),
    b"N" * (FIELD + 1) + b": v",
    b"Connection: close",
    b"X: \xff\xfe",
    *(b"\r\n".join([b"N: v"] * count) for count in (FIELDS - 4, FIELDS - 3, FIELDS, FIELDS + 1)),
)


def answer(*lines: bytes, status: bytes = b"200 OK", body: bytes = BODY, end: bytes = b"\r\n") -> bytes:
    """Return an answer's bytes, with these lines in its head."""
    length = b"Content-Length: %d" % len(body)
    return end.join([b"HTTP/1.1 " + status, length, *lines, b"", body])


def read(data: bytes, size: int = 0) -> Response:
    """Return the answer that these bytes are, which come so many at once, or all."""
    reader = AnswerReader()
    reader.expect(None)
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    for piece in pieces:
        if (found := reader.feed(piece)) is not None:
            return found
    raise BadAnswer("cut short")


@pytest.mark.parametrize("status", [b"200 OK", b"502 Bad Gateway"])
@pytest.mark.parametrize("size", [0, 1])
def test_a_head_with_a_null_is_no_answer(status: bytes, size: int) -> None:
    with pytest.raises(BadAnswer, match="what no header may hold"):
        read(answer(b"X: a\0b", status=status), size)


@pytest.mark.parametrize("size", [0, 1])
def test_a_body_with_a_null_is_one(size: int) -> None:
    assert read(answer(body=b"a\0b"), size).body == b"a\0b"


@pytest.mark.parametrize("status", [b"200 OK", b"502 Bad Gateway"])
def test_a_head_has_so_many_fields_at_most(status: bytes) -> None:
    fields = [b"N%d: v" % number for number in range(FIELDS - 1)]
    assert len(read(answer(*fields, status=status)).headers) == FIELDS
    with pytest.raises(BadAnswer, match="a head without an end"):
        read(answer(*fields, b"Last: v", status=status))


@pytest.mark.parametrize("field", [b"%b: v", b"X: %b"], ids=["a name", "a value"])
def test_a_field_has_so_many_bytes_at_most(field: bytes) -> None:
    assert read(answer(field % (b"z" * FIELD))).body == BODY
    with pytest.raises(BadAnswer, match="a head without an end"):
        read(answer(field % (b"z" * (FIELD + 1))))


@pytest.mark.parametrize("piece", [b"X: y\r\n", b"z"], ids=["of many fields", "of one field"])
def test_a_head_that_does_not_end_is_given_up(piece: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nX: " + piece * (HEAD // len(piece) + 1)
    with pytest.raises(BadAnswer, match="a head without an end"):
        read(head, 1000)


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Encoding: gzip",
        b"content-encoding:gzip",
        b"CONTENT-ENCODING:  GZIP",
        b"Content-Encoding: x-gzip",
    ],
)
@pytest.mark.parametrize("early", [b"", EARLY, b"\r\n" + EARLY], ids=["", "early", "an empty line, early"])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["crlf", "lf"])
def test_a_body_is_unpacked_however_its_head_says_that_it_is_packed(
    line: bytes, early: bytes, end: bytes
) -> None:
    assert read(early + answer(line, body=PACKED, end=end)).body == BODY


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Encoding: gzip", b" and more"),
        (b"Content-Encoding: gzip", b"\tand more"),
        (b"X: y", b" Content-Encoding: gzip"),
        (b"Content-Encoding: gzip", b"Content-Encoding: br"),
        (b"X-Content-Encoding: gzip",),
    ],
)
def test_a_body_is_not_unpacked_where_the_head_does_not_say_so(lines: tuple[bytes, ...]) -> None:
    assert read(answer(*lines, body=PACKED)).body == PACKED


def test_what_stands_in_a_body_is_no_head() -> None:
    body = b"a\r\nContent-Encoding: gzip\r\n\r\n"
    assert read(answer(body=body, end=b"\n")).body == body


def test_the_bytes_around_a_body_have_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_reader_module, "LARGEST", 1000)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(BadAnswer, match="an answer above"):
        read(head + b"1\r\nx\r\n" * 500, 100)


@pytest.mark.parametrize("more", [OK, OK[:4]], ids=["another answer", "the beginning of one"])
def test_a_connection_on_which_more_came_than_was_asked_for_is_not_kept(more: bytes) -> None:
    reader = AnswerReader()
    reader.expect(None)
    assert reader.feed(answer() + more)
    assert not reader.keep()


def test_headers_are_those_of_the_answer_alone() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y \r\n\r\n1\r\n1\r\n0\r\nTrailer: z\r\n\r\n"
    )
    reader = AnswerReader()
    for data in (EARLY + chunked, chunked, answer(b"X: y", b"x: z")):
        reader.expect(None)
        found = reader.feed(data)
        assert found is not None
        names = {"Content-Length": str(len(BODY))} if found.body == BODY else {"Transfer-Encoding": "chunked"}
        assert dict(found.headers) == {**names, "X": "y"}
        assert reader.keep()


def odder(seed: int) -> bytes:
    """Return an odd answer with more that is odd in its head."""
    chance, data = random.Random(seed), odd(seed).whole
    lines = data.split(b"\r\n")
    for _ in range(chance.choice((0, 1, 1, 2))):
        place = chance.randrange(1, min(len(lines), 7) + 1)
        lines[place:place] = [chance.choice(LINES)]
    data = chance.choice((b"", b"", b"\r\n", EARLY)) + b"\r\n".join(lines)
    return data.replace(b"\r\n", b"\n", chance.choice((0, 0, 0, 1, 3, 9)))


def outcome(data: bytes) -> object:
    """Return the whole of what is read, but for the words of an error."""
    reader = AnswerReader()
    reader.expect(None)
    try:
        found = reader.feed(data) or reader.end()
    except BadAnswer:
        return "no answer"
    return found and (found.status, list(found.headers.items()), found.body, reader.keep())


@pytest.mark.parametrize("batch", range(4))
def test_a_head_read_at_a_glance_is_read_as_one_that_is_read_field_by_field(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = range(500 * batch, 500 * (batch + 1))
    glanced = [outcome(odder(seed)) for seed in seeds]
    monkeypatch.setattr(answer_reader_module, "encoding_at_a_glance", lambda _head: None)
    for seed, found in zip(seeds, glanced, strict=True):
        assert outcome(odder(seed)) == found, seed
