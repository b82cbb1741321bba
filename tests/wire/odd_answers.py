"""Odd answers: what servers and what stands before them may send, made from well-formed answers by chance."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from dataclasses import dataclass
from itertools import pairwise

ENVELOPES = (
    b'{"error":[],"result":{"txid":["OABCDE"]}}',
    b'{"error":["EOrder:Insufficient funds"]}',
    b'{"error":["EService:Busy"]}',
    b'{"error":[]}',
    b"<html><title>502 Bad Gateway</title></html>",
    b"",
    b"not json at all",
    json.dumps({"error": [], "result": {"txid": ["O" * 3000]}}).encode(),
)
STATUSES = (200, 200, 200, 200, 201, 204, 301, 304, 400, 403, 404, 429, 500, 502, 503, 520, 101, 99, 999)
NOISE = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"\xff",
    b"0\r\n\r\n",
    b"\r\n\r\n",
)


@dataclass(frozen=True, slots=True)
class Odd:
    """One answer: the pieces it is sent in, and whether the connection is then closed or reset."""

    pieces: tuple[bytes, ...]
    ending: str

    @property
    def whole(self) -> bytes:
        """Return all of it."""
        return b"".join(self.pieces)


def odd(seed: int) -> Odd:
    """Return the odd answer of this number."""
    chance = random.Random(seed)
    data = _answer(chance)
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 4))):
        data = _spoil(chance, data)
    ending = chance.choice(("close", "close", "close", "close", "reset", "stay"))
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 3))))
    places = [0, *cuts, len(data)]
    return Odd(tuple(data[a:b] for a, b in pairwise(places) if a < b), ending)


def _answer(chance: random.Random) -> bytes:
    body = chance.choice(ENVELOPES)
    status = chance.choice(STATUSES)
    headers = [b"Content-Type: application/json", b"Date: Tue, 24 Nov 2026 20:00:00 GMT"]
    body = _encoded(chance, body, headers)
    match chance.choice(("length", "length", "length", "chunked", "close", "short", "long", "both", "twice")):
        case "length":
            headers.append(b"Content-Length: %d" % len(body))
        case "chunked":
            headers.append(b"Transfer-Encoding: chunked")
            body = _chunks(chance, body)
        case "short":
            headers.append(b"Content-Length: %d" % max(0, len(body) - chance.randrange(1, 9)))
        case "long":
            headers.append(b"Content-Length: %d" % (len(body) + chance.randrange(1, 9)))
        case "both":
            headers += [b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(body)]
            body = _chunks(chance, body)
        case "twice":
            headers += [b"Content-Length: %d" % len(body)] * 2
    if chance.random() < 0.2:
        headers.append(
            chance.choice(
                (b"Connection: close", b"Connection: keep-alive", b"Upgrade: h2c", b"X-Long: " + b"y" * 9000)
            )
        )
    chance.shuffle(headers)
    version = chance.choice((b"1.1", b"1.1", b"1.1", b"1.1", b"1.0"))
    before = chance.choice(
        (b"", b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")
    )
    return before + b"\r\n".join([b"HTTP/%b %d OK" % (version, status), *headers, b"", body])


def _encoded(chance: random.Random, body: bytes, headers: list[bytes]) -> bytes:
    """Encode a body in one of the ways that servers do, or say that it is encoded though it is not."""
    match chance.choice(("", "", "", "", "gzip", "deflate", "raw", "br", "broken")):
        case "gzip":
            headers.append(b"Content-Encoding: gzip")
            return gzip.compress(body, mtime=0)
        case "deflate":
            headers.append(b"Content-Encoding: deflate")
            return zlib.compress(body)
        case "raw":
            headers.append(b"Content-Encoding: deflate")
            packer = zlib.compressobj(wbits=-15)
            return packer.compress(body) + packer.flush()
        case "br":
            headers.append(b"Content-Encoding: br")
        case "broken":
            headers.append(b"Content-Encoding: gzip")
    return body


def _chunks(chance: random.Random, body: bytes) -> bytes:
    out = b""
    while body:
        size = chance.randrange(1, len(body) + 1)
        out += b"%x\r\n%b\r\n" % (size, body[:size])
        body = body[size:]
    trailer = chance.choice((b"", b"", b"X-Trailer: z\r\n"))
    return out + b"0\r\n" + trailer + b"\r\n"


def _spoil(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    match chance.choice(("cut", "drop", "insert", "change", "repeat", "second")):
        case "cut":
            return data[:place]
        case "drop":
            return data[:place] + data[place + chance.randrange(1, 5) :]
        case "insert":
            return data[:place] + chance.choice(NOISE) + data[place:]
        case "change":
            return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        case "repeat":
            return data + data
        case _:
            return (
                data
                + b'HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n{"error":[],"result":{"txid":["OXX"]}}'[:-1]
            )
