"""Hold every reply of the emulator, in every test, against the description of Kraken's API.

Emulator and client know nothing of each other; the description stands between them, so a reply that does not fit is
a fault of the emulator or of the description. Replies that a fault distorts on purpose are seen before it does.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

from kraken_async.api.comparison import differences
from kraken_async.api.description import description
from kraken_async.emulator import public
from kraken_async.emulator.request_handler import RequestHandler
from kraken_async.emulator.values import NO_RESULT

#: So many replies of an endpoint are looked at in each test. A test that makes thousands makes them alike, and to look
#: at one takes longer than to make it.
ENOUGH = 100


class DescribedReplies:
    """What the emulators of this process have answered since :meth:`take` was last called."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._in_this_test: Counter[str] = Counter()
        self._found: list[str] = []

    def listen(self) -> None:
        """See every reply from now on."""
        execute, answer = RequestHandler.execute, public.answer

        def executed(handler: RequestHandler, *args: Any) -> Any:
            result = execute(handler, *args)
            self._compare(args[3].endpoint, result)
            return result

        def answered(venue: Any, endpoint: str, *args: Any) -> Any:
            result = answer(venue, endpoint, *args)
            self._compare(endpoint, result)
            return result

        mock.patch.object(RequestHandler, "execute", executed).start()  # for the length of the run
        mock.patch.object(public, "answer", answered).start()

    def take(self) -> list[str]:
        """Return what did not fit, and forget it; count from the beginning again."""
        self._in_this_test.clear()
        found, self._found = self._found, []
        return found

    def _compare(self, endpoint: str, result: Any) -> None:
        if result is NO_RESULT:
            return
        self.seen[endpoint] += 1
        self._in_this_test[endpoint] += 1
        if self._in_this_test[endpoint] > ENOUGH:
            return
        known = description()
        described = known.endpoints.get(endpoint)
        if described is None:
            self._found.append(f"{endpoint} is not described")
            return
        self._found += [f"{endpoint}: {each}" for each in differences(result, described.result, known)]
