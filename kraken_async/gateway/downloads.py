"""Downloads: a report of Kraken's goes to the client as it is read from a file, so that its size does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kraken_async.call import CallOptions, CallTrace
from kraken_async.client import ClientView
from kraken_async.errors import KrakenAPIError
from kraken_async.gateway.replies import REFUSED, Reply
from kraken_async.gateway.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.session import KrakenSession

#: Seconds for a report to begin to come.
TIMEOUT: Final = 60.0


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
