"""KrakenSession without await, for scripts, notebooks and threaded servers.

    from kraken_async.sync import KrakenSession

    with KrakenSession(api_key, api_secret) as client:
        balance = client.private("Balance")

Every method of the asyncio session is there under the same name with the same parameters, and returns what awaiting it
would. Any number of threads may share one session. It runs on an event loop in a thread of its own, so that it also
works where a loop is running already, as in a notebook. A forked process (gunicorn, multiprocessing) uses the session
that its parent made as one of its own; the key's state is shared, as between any processes.
"""

from __future__ import annotations

from kraken_async.sync.client import ClientView
from kraken_async.sync.errors import OutcomeUnknown
from kraken_async.sync.paginator import Paginator
from kraken_async.sync.session import DeadManSwitch, KrakenSession

__all__ = ["ClientView", "DeadManSwitch", "KrakenSession", "OutcomeUnknown", "Paginator"]
