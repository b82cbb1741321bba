"""MaintenanceWatch: warn of maintenance that Kraken has announced, while a dead man's switch is armed.

Kraken's timer runs on during a maintenance, and fires when the engine returns, so it is to be disarmed before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import one_line
from kraken_async.problems import Problem

if TYPE_CHECKING:
    from kraken_async.call import Caller
    from kraken_async.problems import ProblemBoard

log: logging.Logger = logging.getLogger("kraken_async.dead_man")

#: Seconds between looks.
EVERY: Final = 600.0
#: Seconds before its start at which a maintenance is warned of once more.
SOON: Final = 1800.0
#: The public calls that tell of maintenance, and where in their results.
SOURCES: Final = (("MaintenanceSchedule", "events"), ("SystemStatus", "upcoming_maintenance"))


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One maintenance as Kraken announces it. ``start`` and ``end``: unix seconds, None where they cannot be read."""

    id: str
    text: str
    start: float | None
    end: float | None

    @classmethod
    def of(cls, event: Any) -> Maintenance | None:
        """Return what an event says; None if it is not one, or touches only the futures."""
        if not isinstance(event, dict):
            return None
        services = event.get("affected_services")
        if isinstance(services, list) and services and not any(map(_touches_spot, services)):
            return None
        start, end = event.get("expected_start_utc"), event.get("expected_end_utc")
        text = (
            f"{event.get('title') or 'maintenance'}, {start or 'at a time not given'} to {end or 'open end'}"
        )
        if event.get("cancel_before_utc"):
            text += f", cancel orders before {event['cancel_before_utc']}"
        return cls(str(event.get("event_id", text)), one_line(text), _unix(start), _unix(end))


def _touches_spot(service: Any) -> bool:
    return str(service) == "all" or str(service).startswith("spot")


def _unix(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


class MaintenanceWatch:
    """Asks Kraken every ten minutes, by public calls; logs each maintenance once, and once more half an hour before."""

    def __init__(self, client: Caller, board: ProblemBoard) -> None:
        self._client = client
        self._board = board
        self._known: dict[str, Maintenance] = {}
        self._soon: set[str] = set()
        self._status = "online"
        self._failing: set[str] = set()

    async def run(self) -> None:
        """Look at once and then until cancelled; what was put on the board is then taken off."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._until_next())
        finally:
            for name in (*self._known, ""):
                self._board.clear("maintenance", name)

    async def _look(self) -> None:
        answers = [await self._ask(endpoint, field) for endpoint, field in SOURCES]
        if all(events is None for events in answers):
            return  # what was known stays
        now = time.time()
        found = {
            each.id: each
            for event in (event for events in answers for event in events or ())
            if (each := Maintenance.of(event)) is not None and (each.end is None or each.end > now)
        }
        for name in self._known.keys() - found.keys():
            self._board.clear("maintenance", name)
            log.info("the maintenance is over, or was called off: %s", self._known[name].text)
        for name, each in found.items():
            soon = each.start is not None and each.start - now <= SOON
            if self._known.get(name) != each or (soon and name not in self._soon):
                self._warn(name, f"Kraken has announced a maintenance: {each.text}")
            if soon:
                self._soon.add(name)
        self._known = found

    def _warn(self, name: str, why: str) -> None:
        text = f"{why}. The dead man's switch is armed, and fires when the engine returns: disarm it before"
        log.warning("%s", text)
        self._board.put(Problem("maintenance", text, name))

    async def _ask(self, endpoint: str, field: str) -> list[Any] | None:
        """Return the events that a public call tells of; None if it cannot be asked, which is logged once."""
        try:
            result = await self._client.public(endpoint)
        except Exception as error:
            if endpoint not in self._failing:
                self._failing.add(endpoint)
                log.info("announced maintenance cannot be looked up by %s: %s", endpoint, error)
            return None
        self._failing.discard(endpoint)
        if not isinstance(result, dict):
            return None
        if endpoint == "SystemStatus":
            self._learn_status(str(result.get("status") or "online"))
        events = result.get(field)
        return events if isinstance(events, list) else []

    def _learn_status(self, status: str) -> None:
        if status == self._status:
            return
        self._status = status
        if status == "online":
            self._board.clear("maintenance", "")
            log.info("Kraken's status is online again")
        else:
            self._warn("", f"Kraken's status is {status!r}")

    def _until_next(self) -> float:
        """Return the seconds to the next look: ten minutes, or less if a maintenance is to be warned of before."""
        now = time.time()
        due = [
            each.start - SOON - now
            for name, each in self._known.items()
            if each.start is not None and name not in self._soon
        ]
        return max(1.0, min([EVERY, *due]))
