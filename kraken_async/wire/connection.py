"""One connection of our own to one host: a request goes out in one write, its answer is read, one after the other.

Rules:

1. Before the write no byte has left; after it all may have.
2. An idle connection of which something came, bytes or its end, is not used again: it is not the answer to what is
   sent next, and an order sent into an ended connection is lost.
3. What has arrived is read before an answer is given up on (deadline.py).
"""

from __future__ import annotations

import asyncio
import select
import sys
from typing import TYPE_CHECKING, Final, cast

from kraken_async.errors import Outcome, RequestTimeout, TransportError
from kraken_async.system.clocks import clock_of
from kraken_async.wire.answer_reader import AnswerReader, BadAnswer
from kraken_async.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from kraken_async.call import Sink
    from kraken_async.wire.messages import Early, Response

#: Bytes that are read at once. A buffer is kept: asyncio makes one of 256 KiB for each read by a plain protocol, which
#: costs as much as a tenth of a call.
BUFFER: Final = 64 * 1024
KEEP_ALIVE: Final = 15.0
RENEW: Final = 300.0


class Connection(asyncio.BufferedProtocol):
    """A connection that is idle, or has one request in flight."""

    __slots__ = (
        "_buffer", "_clock", "_deadline", "_early", "_host", "_idle_until", "_look", "_loop", "_reader", "_seconds",
        "_transport", "_used_until", "_waiter", "lost",
    )  # fmt: skip

    def __init__(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._clock = clock_of(loop)
        self._buffer = memoryview(bytearray(BUFFER))
        self._reader = AnswerReader()
        self._waiter: asyncio.Future[Response] | None = None
        self._deadline = Deadline(loop, self._give_up, self._came)
        self._early: Early | None = None
        self._seconds = 0.0
        self._idle_until = self._used_until = self._clock() + RENEW
        self._transport: asyncio.Transport | None = None
        #: Done once the connection is gone.
        self.lost: asyncio.Future[None] = loop.create_future()

    # -- asked -----------------------------------------------------------------------------------------------------

    def ask(
        self,
        packet: memoryview,
        due: float,
        seconds: float,
        sink: Sink | None = None,
        early: Early | None = None,
    ) -> asyncio.Future[Response]:
        """Send a request; the future gets its answer, or TransportError. Raises TransportError if none can be sent.

        ``early`` is called with the answer as soon as it is whole, a turn of the loop before who awaits the future.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise TransportError(
                f"{self._host}: the connection was closed before the request was sent",
                outcome=Outcome.NOT_SENT,
            )
        waiter = self._waiter = self._loop.create_future()
        self._reader.expect(sink)
        self._early = early
        self._seconds = seconds
        self._deadline.set(due)
        transport.write(packet)
        return waiter

    def is_ready(self, now: float) -> bool:
        """Return whether an idle connection may be used again at once."""
        transport = self._transport
        return not (transport is None or transport.is_closing() or now >= self._idle_until or self._look(0))

    async def ready(self, now: float) -> bool:
        """Return whether an idle connection may be used again, once what has come of it is read."""
        if self.is_ready(now):
            return True
        await asyncio.sleep(0)  # read by the loop now: TLS itself has a word to say at times
        return self.is_ready(now)

    def keep(self) -> bool:
        """Return whether the connection, its answer read, may be kept for another request."""
        transport = self._transport
        if transport is None or not self._reader.keep():
            return False
        if transport.get_write_buffer_size():  # answered before it was asked in full
            return False
        self._idle_until = min(self._clock() + KEEP_ALIVE, self._used_until)
        self._deadline.set(self._idle_until)
        return True

    def abort(self) -> None:
        """Drop the connection at once: to close it would wait until the peer has read what we wrote."""
        self._deadline.cancel()
        if self._transport is not None:
            self._transport.abort()

    def fail(self, what: str, error: type[TransportError] = TransportError) -> None:
        """Fail the request in flight, if there is one, and drop the connection."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error(what, outcome=Outcome.UNKNOWN))
        self.abort()

    # -- told by the loop ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # of uvloop, one that is no subclass
        self._look = look_at(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what is read into."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read what came; nothing may come of an idle connection."""
        waiter = self._waiter
        if waiter is None:
            self.abort()
            return
        reader = self._reader
        try:
            response = reader.feed(self._buffer[:nbytes])
        except BadAnswer as error:
            self.fail(f"{self._host}: {error}")
            return
        if response is not None:
            self._waiter = None
            if not waiter.done():
                try:
                    if self._early is not None:
                        self._early(response)
                finally:
                    waiter.set_result(response)

    def eof_received(self) -> None:
        """Take the end for the end of an answer that was framed so; the connection is closed in any case."""
        if self._waiter is not None:
            self._end("the connection was closed before an answer came")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Fail what was in flight."""
        self._transport = None
        if self._waiter is not None:
            what = "the connection was closed before an answer came"
            self._end(
                what if exc is None else f"the connection failed ({type(exc).__name__})",
                broken=exc is not None,
            )
        self.abort()
        if not self.lost.done():
            self.lost.set_result(None)

    def _end(self, what: str, *, broken: bool = False) -> None:
        waiter, response = self._waiter, None
        try:
            response = None if broken else self._reader.end()
        except BadAnswer as error:
            what = str(error)
        if response is None or waiter is None:
            self.fail(f"{self._host}: {what}")
            return
        self._waiter = None
        if not waiter.done():
            waiter.set_result(response)

    # -- told by the deadline --------------------------------------------------------------------------------------

    def _came(self) -> tuple[int, int]:
        reader = self._reader
        return (reader.size, reader.body_size) if self._waiter is not None else (0, 0)

    def _give_up(self) -> None:
        self.fail(f"no answer from {self._host} within {self._seconds:g} s", RequestTimeout)


def look_at(transport: asyncio.BaseTransport) -> Callable[[int], list[tuple[int, int]]]:
    """Return what tells whether bytes, or the connection's end, wait in the kernel: the loop may have been busy."""
    connected = transport.get_extra_info("socket")
    if sys.platform == "win32" or connected is None:
        return lambda _milliseconds: []
    poll = select.poll()
    poll.register(connected.fileno(), select.POLLIN)
    return poll.poll
