"""Downloads: a report of Kraken's goes to the client as it is read from a file, so that its size does not matter."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Final

from kraken_async.call import CallOptions, CallTrace
from kraken_async.client import ClientView
from kraken_async.errors import KrakenAPIError
from kraken_async.gateway.replies import REFUSED, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kraken_async.session import KrakenSession

#: Bytes that are kept in memory; what is larger goes to a file without a name.
IN_MEMORY: Final = 1024 * 1024
PIECE: Final = 64 * 1024
#: Seconds for a report to begin to come.
TIMEOUT: Final = 60.0


class Spool:
    """Takes a report piece by piece, and gives it back the same way. See ``call.Sink``."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with the reply that it is in
        self.size = 0

    def begin(self) -> None:
        """Forget what came of an exchange that failed."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        self._file.write(piece)
        self.size += len(piece)

    def pieces(self) -> Iterator[bytes]:
        """Give it back from its beginning."""
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece

    def close(self) -> None:
        """Release the memory, or the file. Idempotent."""
        self._file.close()


async def fetch(
    session: KrakenSession, endpoint: str, fields: Mapping[str, Any], *, queue_timeout: float
) -> Reply:
    """Make a call that is answered with a file; the reply's ``spool`` is to be closed. Raises as upstream.private."""
    spool, trace = Spool(), CallTrace()
    options = CallOptions(timeout=TIMEOUT, queue_timeout=queue_timeout, trace=trace, sink=spool)
    try:
        answer = await ClientView(session, options).private(endpoint, fields)
    except KrakenAPIError as error:
        spool.close()
        body = trace.body_of(error)
        if body is None:
            raise
        return Reply(body=body, outcome=REFUSED, error=error.errors[0])
    except BaseException:
        spool.close()
        raise
    if not spool.size:  # a transport of the caller's gives it whole
        spool.write(answer)
    return Reply(body=b"", content_type="application/zip", spool=spool)
