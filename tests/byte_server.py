"""A server of bytes, in threads that go on while the loop is blocked. It knows nothing of the package."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Seconds after which a connection or a thread is given up on: for a machine that is busy, no promise of time.
NEVER = 30.0


@contextmanager
def in_a_thread(*connections: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve so many connections, each in a thread, and yield the address."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def talk(peer: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        with peer, suppress(OSError):
            peer.settimeout(NEVER)
            talk(peer)

    def accept() -> None:
        with suppress(OSError):  # shut down
            for each in connections:
                peer, _ = listening.accept()
                threads.append(thread := threading.Thread(target=talk, args=(peer, each), daemon=True))
                thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        accepting.join(NEVER)
        listening.close()
        for thread in threads:
            thread.join(NEVER)


def ends(data: bytes) -> bool:
    """Return whether a request is there whole."""
    head, found, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *([0-9]+)", head.lower())
    return bool(found) and len(body) >= (int(length[1]) if length else 0)


def request_of(peer: socket.socket) -> bytes:
    """Return the next request, empty at the connection's end."""
    data = b""
    while not ends(data):
        piece = peer.recv(1 << 20)
        if not piece:
            return b""
        data += piece
    return data


def answering(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answer each request with the next of these, then wait for the end of the connection."""

    def talk(peer: socket.socket) -> None:
        for answer in answers:
            if not request_of(peer):
                return
            peer.sendall(answer)
        while peer.recv(1 << 20):
            pass

    return talk
