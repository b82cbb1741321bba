"""A stage for the page: its real files, and a status of the test's choosing, so that every state can be shown at will.

The status begins as a real gateway's own. A state changes values in it, and can add none that a gateway does not
have: the page is held against what it will meet.
"""

from __future__ import annotations

import copy
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from kraken_async.gateway.access import PAGE_HEADERS
from kraken_async.gateway.page import asset


def changed(found: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of ``found`` with values changed. KeyError for a name that it does not have."""
    unknown = changes.keys() - found.keys()
    if unknown:
        raise KeyError(f"a gateway's status has no {sorted(unknown)}")
    return copy.deepcopy({**found, **changes})


class Stage:
    """Serves the page and ``status``. ``show()`` puts another one on."""

    def __init__(self, status: dict[str, Any]) -> None:
        self.url = ""
        self.asked = 0
        self._numbers = count(1)
        self._first = status
        self.status = status

    def show(
        self,
        stats: Mapping[str, Any] | None = None,
        account: Mapping[str, Any] | None = None,
        **gateway: Any,
    ) -> str:
        """Show the first status with changes to the account's statistics, to the account, and to the gateway.

        Return its version, which the page shows, and by which a change is told from the one before.
        """
        (first,) = self._first["accounts"]
        shown = changed(first, {**(account or {}), "stats": changed(first["stats"], stats or {})})
        version = f"of-state-{next(self._numbers)}"
        self.status = changed(self._first, {"version": version, "accounts": [shown], **gateway})
        return version

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/api/status":
            self.asked += 1
            return web.json_response(self.status | {"time": time.time()})
        found = asset(request.path)
        assert found is not None
        return web.Response(body=found[0], headers={**PAGE_HEADERS, "Content-Type": found[1]})


@asynccontextmanager
async def staged(status: dict[str, Any]) -> AsyncIterator[Stage]:
    """Serve the page with a status until the block ends."""
    stage = Stage(status)
    app = web.Application()
    app.router.add_get("/{path:.*}", stage.answer)
    async with TestServer(app) as server:
        stage.url = str(server.make_url("")).rstrip("/")
        yield stage
