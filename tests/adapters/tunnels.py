"""A proxy that notes what it is asked for, and lets nothing through."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.byte_server import in_a_thread, request_of

REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def tunnel(times: int = 3) -> Iterator[tuple[str, list[bytes]]]:
    """Serve so many connections; yield the proxy's address and the requests that it has had."""
    seen: list[bytes] = []

    def talk(peer: socket.socket) -> None:
        seen.append(request_of(peer))
        peer.sendall(REFUSED)

    with in_a_thread(*[talk] * times) as url:
        yield url, seen
