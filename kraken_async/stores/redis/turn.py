"""The turn on Redis: a place in line, a lease, and its renewal.

A ticket names the process and host that drew it, so that others can say who has the turn. To the script, and to release
0.1.0, it is a text like any other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import NonceStoreError
from kraken_async.system.flock import process_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from kraken_async.stores.redis.connection import Link

log: logging.Logger = logging.getLogger(__name__)

#: Who waits asks again after so many seconds, to know who has the turn by the time that a long wait is reported.
LOOK: Final = 3.0


class Turn:
    """One session's turn. A ticket is drawn for each wait and never used again: an old one proves nothing."""

    def __init__(
        self,
        link: Link,
        go: str,
        lease: float,
        known: Callable[[], tuple[int, str]],
        handed: Callable[[list[Any], tuple[int, str]], object],
        parcel: Callable[[], str],
        undelivered: Callable[[str], None],
    ) -> None:
        #: The ticket that holds the turn, as far as is known here; "" without it.
        self.ticket: str = ""
        #: The session believes that it holds the turn, but the lease has run out.
        self.lapsed: bool = False
        self.counts: dict[str, int] = {"turns": 0, "turns_waited_for": 0, "leases_lost": 0}
        self._link = link
        self._go = go
        self._lease_ms = round(lease * 1000)
        # For a turn that is handed to a waiter, which may have died: its first step makes it a whole lease.
        self._short_ms = self._lease_ms // 5
        # A waiter counts as alive this long after it should have been heard of again.
        self._patience_ms = round(2000 * link.timeout) + 1000
        self._known = known
        self._handed = handed
        self._parcel = parcel  # what goes with the turn when it is given back
        self._undelivered = undelivered  # that may not have arrived
        self._session = f"{os.getpid()}@{_host()}/{secrets.token_hex(8)}"
        #: The ticket that had the turn when this session last asked for it and had to wait; "" if none.
        self.holder: str = ""
        self._drawn = 0
        self._waiting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # -- taking it -------------------------------------------------------------------------------------------

    async def acquire(self, *, urgent: bool = False) -> None:
        """Wait for the turn; ``urgent``: before those that are not.

        Raises NonceStoreError; raising or cancelled, the place in line is given up.
        """
        self._drawn += 1
        ticket = f"{self._session}:{self._drawn}"
        self._waiting.add(ticket)
        try:
            await self._stand_in_line(ticket, urgent=urgent)
        except BaseException:
            # Also when the server did not answer: it may have carried out what was asked.
            if not self._closed:
                _ = self._start(self._leave(ticket, patient=True))
            raise
        finally:
            self._waiting.discard(ticket)

    async def regain(self) -> None:
        """Wait for the turn again: the lease ran out before the holder took its nonce. Raises as acquire()."""
        if not self.lapsed:
            self._lost("before a nonce was taken")
        await self.acquire()

    def hurry(self) -> None:
        """Put who waits here before those that are not urgent."""
        for ticket in self._waiting:
            _ = self._start(self._hurry(ticket))

    async def _hurry(self, ticket: str) -> None:
        try:
            await self._link.run("hurry", ticket, again=False)
        except NonceStoreError as error:
            log.debug("a cancel keeps its place in line: %s", error)

    async def _stand_in_line(self, ticket: str, *, urgent: bool) -> None:
        waited = False
        while True:
            known = self._known()
            reply = await self._link.run(
                "acquire", ticket, self._lease_ms, self._short_ms, self._patience_ms, int(urgent)
            )
            if reply[0] == b"1":
                self._take(ticket, reply[1:], known, self._lease_ms)
                return
            if not waited:
                waited = True
                self.counts["turns_waited_for"] += 1
            self.holder = bytes(reply[2]).decode(errors="replace")
            # Until it is handed over; or until the holder's lease runs out unless renewed: then ask again.
            handed = await self._link.wait(self._go + ticket, min(int(reply[1]) / 1000 + 0.02, LOOK))
            if handed is not None:
                self._take(ticket, json.loads(handed), known, self._short_ms)
                return

    def _take(self, ticket: str, snapshot: list[Any], known: tuple[int, str], lease_ms: int) -> None:
        self._handed(snapshot, known)
        self.ticket, self.lapsed = ticket, False
        self.counts["turns"] += 1
        self._renew_in(lease_ms / 3000)

    # -- keeping it ------------------------------------------------------------------------------------------

    def _renew_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._renewal_due)

    def _renewal_due(self) -> None:
        _ = self._start(self._renew(self.ticket))

    async def _renew(self, ticket: str) -> None:
        try:
            answer = await self._link.run("renew", ticket, self._lease_ms, limit=self._lease_ms / 3000)
        except NonceStoreError as error:
            log.debug("the turn could not be renewed: %s", error)
            answer = b""
        if self.ticket != ticket:
            return
        if answer == b"0":
            self._lost("unrenewed")
        else:
            self._renew_in(self._lease_ms / (3000 if answer else 30_000))

    def _lost(self, when: str) -> None:
        self._drop()
        self.lapsed = True
        self._note_loss(when)

    def _note_loss(self, when: str) -> None:
        self.counts["leases_lost"] += 1
        log.warning("%s: the lease of the turn ran out %s", self._link.place, when)

    def _drop(self) -> str:
        ticket, self.ticket = self.ticket, ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return ticket

    # -- giving it back --------------------------------------------------------------------------------------

    async def release(self) -> None:
        """Give the turn to the next in line. Cancelled: it is given back nevertheless."""
        ticket = self._drop()
        self.lapsed = False
        if ticket:
            await asyncio.shield(self._start(self._leave(ticket, held=True)))

    async def _leave(self, ticket: str, *, held: bool = False, patient: bool = False) -> None:
        """Give the ticket up. ``patient``: in the background, tried until its lease has run out anyway."""
        limit = self._lease_ms / 1000 if patient else None
        parcel = self._parcel() if held else ""
        try:
            answer = await self._link.run("leave", ticket, self._short_ms, parcel, limit=limit, again=patient)
        except NonceStoreError as error:
            self._undelivered(parcel)
            if patient or self._closed:
                log.debug("the turn could not be given back, its lease will run out: %s", error)
            else:
                _ = self._start(self._leave(ticket, patient=True))
            return
        if held and answer == b"0":
            self._note_loss("while a call was in flight")

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, patience: float) -> None:
        """Give back the turn and every place in line, as far as that takes ``patience`` seconds; leave no task."""
        self._closed = True
        held = self._drop()
        for ticket in {held, *self._waiting} - {""}:
            _ = self._start(self._leave(ticket))
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=patience)
        finally:
            left = list(self._tasks)
            for task in left:
                task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def holder_text(ticket: str) -> str:
    """Return which process drew a ticket, and on which host; "" for one of release 0.1.0, which does not tell."""
    found = re.match(r"(\d+)@([\w.-]*)/", ticket)
    if found is None:
        return ""
    pid, host = int(found[1]), found[2]
    return f"{process_text(pid) if host == _host() else f'process {pid}'} on {host or 'an unnamed host'}"


def _host() -> str:
    return re.sub(r"[^\w.-]", "", socket.gethostname(), flags=re.ASCII)[:60]
