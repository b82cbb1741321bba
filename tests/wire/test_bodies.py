"""Bodies have a limit that holds while they are read, packed or not; a file may go elsewhere, piece by piece."""

from __future__ import annotations

import gzip
import io
import random
import socket
import tracemalloc
import zipfile
import zlib

import aiohttp
import pytest

from kraken_async.errors import Outcome, TransportError
from kraken_async.wire import body as body_module
from kraken_async.wire.body import LARGEST, BadBody, Body
from kraken_async.wire.messages import Response
from kraken_async.wire.transport import Transport
from tests.byte_server import answering, in_a_thread, request_of
from tests.wire.support import post

BOMB = gzip.compress(bytes(100_000_000), 1)


def answer(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"Content-Length: %d" % len(body), b"", body])


def packed(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


class Pieces:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.begun = 0
        self.held: list[bytes] = []

    def begin(self) -> None:
        self.begun += 1
        self.held.clear()

    def write(self, piece: bytes) -> None:
        self.held.append(piece)


# ------------------------------------------------------------------ alone


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", b"x" * 50_000),
        ("identity", b"x" * 50_000),
        ("gzip", gzip.compress(b"x" * 50_000)),
        ("GZIP", gzip.compress(b"x" * 50_000)),
        ("x-gzip", gzip.compress(b"x" * 20_000) + gzip.compress(b"x" * 30_000)),
        ("deflate", packed(b"x" * 50_000, zlib.MAX_WBITS)),
        ("deflate", packed(b"x" * 50_000, -zlib.MAX_WBITS)),
    ],
    ids=["none", "identity", "gzip", "in capitals", "two archives", "zlib", "deflate alone"],
)
def test_a_body_is_unpacked_in_pieces_of_any_size(encoding: str, data: bytes, size: int) -> None:
    body = Body(encoding)
    for start in range(0, len(data), size):
        body.add(data[start : start + size])
    assert body.finish() == b"x" * 50_000
    assert body.size == 50_000


def test_of_an_encoding_that_is_not_known_the_bytes_stay_as_they_are() -> None:
    body = Body("br")
    body.add(b"whatever")
    assert body.finish() == b"whatever"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_empty_body_needs_no_packing(encoding: str) -> None:
    assert Body(encoding).finish() == b""


@pytest.mark.parametrize(
    "data", [gzip.compress(b"x" * 1000)[:-4], gzip.compress(b"x" * 1000)[:5]], ids=["no end", "no start"]
)
def test_a_packing_that_is_cut_short_is_no_answer(data: bytes) -> None:
    body = Body("gzip")
    body.add(data)
    with pytest.raises(BadBody, match="cut short"):
        body.finish()


def test_a_broken_packing_is_no_answer() -> None:
    with pytest.raises(BadBody, match="broken"):
        Body("gzip").add(b"<html>this is not packed at all</html>")


def test_a_body_above_the_limit_is_refused_while_it_is_read() -> None:
    body = Body()
    piece = bytes(1 << 20)
    for _ in range(LARGEST >> 20):
        body.add(piece)
    with pytest.raises(BadBody, match="64 MiB"):
        body.add(b"x")


def test_what_a_few_bytes_stand_for_is_never_held_whole() -> None:
    body = Body("gzip")
    tracemalloc.start()
    try:
        with pytest.raises(BadBody, match="64 MiB"):
            body.add(BOMB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < LARGEST + 8 * (1 << 20)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_file_goes_to_the_sink_and_has_no_limit(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "LARGEST", 50)
    data, sink = b"PK" + bytes(range(200)), Pieces()
    body = Body(sink=sink)
    for start in range(0, len(data), size):
        body.add(data[start : start + size])
    assert body.finish() == b"PK"
    assert b"".join(sink.held) == data
    assert (sink.begun, body.size) == (1, len(data))


@pytest.mark.parametrize("data", [b'{"error":["EGeneral:Internal error"]}', b"P", b""])
def test_what_is_no_file_does_not_go_to_the_sink(data: bytes) -> None:
    sink = Pieces()
    body = Body(sink=sink)
    for byte in data:
        body.add(bytes([byte]))
    assert body.finish() == data
    assert not sink.begun


# ------------------------------------------------------------------ over the wire


@pytest.mark.usefixtures("way")
async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused_with_bounded_memory() -> None:
    with in_a_thread(answering(answer(BOMB, b"Content-Encoding: gzip"))) as url:
        async with Transport(url) as transport:
            tracemalloc.start()
            try:
                with pytest.raises(TransportError, match="above 64 MiB") as caught:
                    await transport.send(post(), 30.0)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert caught.value.outcome is Outcome.UNKNOWN
    assert peak < LARGEST + 16 * (1 << 20)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 115343360", b"Transfer-Encoding: chunked", b"Connection: close"]
)
async def test_a_huge_answer_is_refused_before_the_rest_of_it_is_read(framing: bytes) -> None:
    sent = 0

    def pour(peer: socket.socket) -> None:
        nonlocal sent
        request_of(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        piece = bytes(1 << 20)
        if framing.endswith(b"chunked"):
            piece = b"100000\r\n" + piece + b"\r\n"
        for _ in range(110):
            peer.sendall(piece)
            sent += len(piece)

    with in_a_thread(pour) as url:
        async with Transport(url) as transport:
            with pytest.raises(TransportError, match="above 64 MiB") as caught:
                await transport.send(post(), 30.0)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert sent < LARGEST + 32 * (1 << 20)


@pytest.mark.parametrize("unpacks", [True, False], ids=["aiohttp unpacks", "aiohttp leaves it packed"])
async def test_over_a_session_of_the_callers_the_limit_holds_too(unpacks: bool) -> None:
    with in_a_thread(answering(answer(BOMB, b"Content-Encoding: gzip"))) as url:
        async with (
            aiohttp.ClientSession(auto_decompress=unpacks) as http,
            Transport(url, http=http) as transport,
        ):
            with pytest.raises(TransportError, match="above 64 MiB"):
                await transport.send(post(), 30.0)


@pytest.mark.parametrize("unpacks", [True, False], ids=["aiohttp unpacks", "aiohttp leaves it packed"])
async def test_over_a_session_of_the_callers_a_packed_answer_is_read(unpacks: bool) -> None:
    data = gzip.compress(b'{"error":[]}')
    with in_a_thread(answering(*[answer(data, b"Content-Encoding: gzip")] * 2)) as url:
        async with (
            aiohttp.ClientSession(auto_decompress=unpacks) as http,
            Transport(url, http=http) as transport,
        ):
            for _ in range(2):
                assert (await transport.send(post(), 30.0)).body == b'{"error":[]}'


def archive() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("trades.csv", random.Random(1).randbytes(300_000))
    return held.getvalue()


async def download(url: str, sink: Pieces) -> Response:
    async with Transport(url) as transport:
        return await transport.send(post(), 10.0, sink)


@pytest.mark.usefixtures("way")
async def test_a_file_is_streamed_to_its_sink() -> None:
    data, sink = archive(), Pieces()
    with in_a_thread(answering(answer(data, b"Content-Type: application/zip"))) as url:
        found = await download(url, sink)
    assert (found.status, found.body) == (200, b"PK")
    assert b"".join(sink.held) == data
    assert len(sink.held) > 1


@pytest.mark.usefixtures("way")
async def test_an_error_instead_of_a_file_is_an_answer_like_any_other() -> None:
    sink = Pieces()
    with in_a_thread(answering(answer(b'{"error":["EGeneral:Permission denied"]}'))) as url:
        assert (await download(url, sink)).body == b'{"error":["EGeneral:Permission denied"]}'
    assert not sink.begun


@pytest.mark.usefixtures("way")
async def test_a_sink_that_fails_is_that_calls_error_and_says_why() -> None:
    class Full(Pieces):
        def write(self, _piece: bytes) -> None:
            raise OSError(28, "No space left on device")

    with in_a_thread(answering(answer(archive()))) as url:
        async with Transport(url) as transport:
            with pytest.raises(TransportError, match="No space left") as caught:
                await transport.send(post(), 10.0, Full())
    assert caught.value.outcome is Outcome.UNKNOWN
