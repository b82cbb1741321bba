"""The shared state as Redis keeps it: reading, writing, and joining two versions of it. No input or output.

Times are the server's unix seconds there and seconds of the session's clock here. The difference is learnt
from every answer.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import NonceStoreError
from kraken_async.problems import Problem, counted
from kraken_async.stores.base import SELDOM, UNITS, Shared, clock_ticks
from kraken_async.stores.recalled import Recalled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: In a snapshot, the server's time among them.
FIELDS: Final = 13
#: Seconds by which two clocks may drift apart before times are read again.
_SAME_CLOCK: Final = 0.5


@dataclass(frozen=True, slots=True)
class Version:
    """The state of generation ``gen`` in its era; no one changes ``shared`` in place."""

    gen: int
    era: str
    shared: Shared
    unit: str
    era_gen: int = 0  # the generation with which the era began
    merged: bool = False  # `shared` holds more than the server does
    recalled: int = 0  # how many cancelled client ids, and names of placed orders, there ever were
    placed: int = 0

    def lacks(self, gen: int, era: str) -> bool:
        """Return whether the server has lost generation ``gen`` of ``era``, or something before it."""
        return gen > (self.gen if era == self.era else self.era_gen)


class Offset:
    """The difference to add to the server's time to get the session's clock.

    An answer is read later than it was written, so the smallest difference is nearest the truth, and one
    that is too large errs to the safe side (a counter that is fuller, a lockout that lasts). The estimate
    is let up slowly, as clocks drift; a difference that no delay explains means that a clock was set.
    """

    def __init__(self, timeout: float) -> None:
        self.value: float = 0.0
        self._timeout = timeout
        self._at: float | None = None

    def learn(self, now: float, sec: bytes, usec: bytes) -> float:
        """Take in the server's time in an answer that came at ``now``; return the estimate."""
        new = now - (int(sec) + int(usec) / 1e6)
        if self._at is None or new > self.value + self._timeout + 1:
            self.value = new
        else:
            self.value = min(new, self.value + 1e-4 * max(0.0, now - self._at))
        self._at = now
        return self.value

    def skew(self, now: float) -> float:
        """Return how far the wall clock is ahead of the server's; 0 before the first answer."""
        return 0.0 if self._at is None else time.time() - (now - self.value)


class Floor:
    """The highest nonce that this caller knows of, its own or another's, and when it learnt of it."""

    def __init__(self, unit: str) -> None:
        self.nonce: int = 0
        self._unit = unit
        self._at = time.monotonic_ns()

    def learn(self, nonce: int) -> None:
        """Take in a nonce that was handed out."""
        if nonce > self.nonce:
            self.nonce, self._at = nonce, time.monotonic_ns()

    def next(self) -> int:
        """Return a nonce found without the server: the clock, or the floor moved on with the time since it was learnt.

        What others took meanwhile from a server they could reach was on the clock, or counted up by ones:
        below this, unless one of them jumped or has a clock ahead of ours.
        """
        gone = (time.monotonic_ns() - self._at) // UNITS[self._unit]
        nonce = max(clock_ticks(self._unit), self.nonce + max(gone, 1))
        self.learn(nonce)
        return nonce


def unchanged(snapshot: list[Any], known: Version, offset: Offset, now: float) -> Version | None:
    """Return ``known`` with the counts of a snapshot, if that is of the same generation; None: it has to be read.

    So it has to when a clock was set or the host slept: the times in ``known`` are of the clock as it was.
    """
    if len(snapshot) != FIELDS or (snapshot[3], snapshot[4]) != (b"%d" % known.gen, known.era.encode()):
        return None
    recalled, placed, sec, usec = snapshot[9:]
    if not (recalled or b"0").isdigit() or not (placed or b"0").isdigit():
        return None
    before = offset.value
    if abs(offset.learn(now, sec, usec) - before) > _SAME_CLOCK:
        return None
    return Version(
        known.gen,
        known.era,
        known.shared,
        known.unit,
        known.era_gen,
        recalled=int(recalled or 0),
        placed=int(placed or 0),
    )


def parse(snapshot: list[Any], offset: Offset, now: float, place: str, name: str) -> Version:
    """Read the script's snapshot (bytes, or strings when it came through JSON). Raises NonceStoreError."""
    fields = [item if isinstance(item, bytes) else str(item).encode() for item in snapshot]
    if len(fields) != FIELDS:  # a line break within one of them
        raise damaged(place, name, counted(len(fields), "field"))
    version, unit, last, gen, era, era_gen, level, level_at, slow_fields, recalled, placed, sec, usec = fields
    shift = offset.learn(now, sec, usec)
    try:
        if version not in (b"", b"1") or unit not in (b"", b"ns", b"us", b"ms"):
            raise ValueError(f"version {version!r}, unit {unit!r}")
        if last and not last.isdigit():
            raise ValueError(f"last nonce {last!r}")
        shared = Shared(int(last or 0), float(level) if level else None, float(level_at or 0))
        if slow_fields:
            shared.read_seldom(json.loads(slow_fields))
        shared.shift(shift)
        return Version(
            int(gen or 0),
            era.decode(),
            shared,
            unit.decode(),
            int(era_gen or 0),
            recalled=int(recalled or 0),
            placed=int(placed or 0),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise damaged(place, name, str(error)[:200]) from None


def damaged(place: str, name: str, what: str) -> NonceStoreError:
    """Return the error for a state that this release cannot read."""
    key = "{" + name + "}:state"
    return NonceStoreError(
        f"{place}: the state in {key} is damaged or of a later release ({what}). "
        f"Update kraken-async, or stop every session of the key and `redis-cli DEL '{key}'`: "
        "nonces then start from the clock plus 5 s"
    )


def dump(shared: Shared, offset: float) -> tuple[str, str, str]:
    """Return level, level_at and slow_fields as the server keeps them; slow_fields is "" when it has not changed."""
    level = "" if shared.level is None else repr(shared.level)
    slow_fields = ""
    if shared.changed:
        moved = shared.copy()
        moved.recalled = Recalled()
        moved.shift(-offset)
        slow_fields = json.dumps(moved.slow_fields(), separators=(",", ":"))
    return level, repr(shared.level_at - offset), slow_fields


def merge(view: Version, own: Shared, now: float, *, fresh: bool, lost: bool) -> Version:
    """Return ``view`` joined with the caller's own copy: of each field, what holds back more.

    ``lost``: the server has forgotten what this caller has seen. What others charged since then is unknown:
    so is the call counter, unless the copy is ``fresh``; and which client ids they cancelled.
    """
    shared = view.shared.copy()
    levels = [level for level in (shared.level, own.level if fresh else None) if level is not None]
    shared.level = max(levels, default=None)
    shared.level_at = max(shared.level_at, own.level_at)
    shared.last = max(shared.last, own.last)
    for name in SELDOM:
        setattr(shared, name, _more(getattr(shared, name), getattr(own, name)))
    shared.recalled = own.recalled
    if lost:
        shared.recalled.lost_at = now
    return replace(view, shared=shared, merged=True)


def _more(stored: Any, own: Any) -> Any:
    if isinstance(stored, dict):
        joined = {**stored, **{key: value for key, value in own.items() if key not in stored}}
        for key in stored.keys() & own.keys():
            joined[key] = _more(stored[key], own[key])
        return joined
    if isinstance(stored, list):  # [level, at] or [pair, at]
        return [_more(a, b) for a, b in zip(stored, own, strict=True)]
    if isinstance(stored, str):
        return stored
    known = [value for value in (stored, own) if value is not None]
    return max(known, default=None)


def lines(entries: Iterable[tuple[str, float]], offset: float) -> str:
    """Return entries of a list as the script takes them: text without spaces, and a time."""
    return "\n".join(f"{text} {at - offset!r}" for text, at in entries)


def entries(found: Iterable[bytes], offset: float) -> Iterator[tuple[str, float]]:
    """Read what :func:`lines` wrote; what cannot be read is left out."""
    for line in found:
        text, _, at = line.decode(errors="replace").rpartition(" ")
        try:
            when = float(at) + offset
        except ValueError:
            continue
        if text and math.isfinite(when):
            yield text, when


def persists(info: Mapping[str, Any]) -> bool | None:
    """Return whether the server keeps anything over a restart; None when it does not let us see."""
    if not info:
        return None
    if info.get("aof_enabled"):
        return True
    return bool(info["save"]) if "save" in info else None


def server_problems(info: Mapping[str, Any], place: str) -> list[Problem]:
    """Return what is wrong with the server's settings, in plain sentences with the cure."""
    found: list[Problem] = []
    if persists(info) is False:
        found.append(
            Problem(
                "store-fleeting",
                f"{place} has neither AOF nor RDB: when it restarts, nonces restart from the clock and callers' "
                "floors; `appendonly yes` keeps them",
            )
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if info.get("maxmemory") and policy != "noeviction":
        found.append(
            Problem(
                "store-evicts",
                f"{place} may evict the key's state under {policy}: set maxmemory-policy noeviction",
            )
        )
    return found
