"""A session's hold on its key on Redis. The reasons are in :mod:`kraken_async.stores.redis`.

More than 300 lines: each method is one conversation with the script, and all of them share what is known of its
answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kraken_async.errors import NonceStoreError
from kraken_async.problems import Problem, counted
from kraken_async.stores.base import MOST_PLACED, UNITS, KeyState, Shared, clock_ticks
from kraken_async.stores.recalled import Recalled
from kraken_async.stores.redis import state
from kraken_async.stores.redis.address import client_of
from kraken_async.stores.redis.connection import Link
from kraken_async.stores.redis.turn import Turn, holder_text
from kraken_async.stores.waiting import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken_async.stores.recalled import Entry
    from kraken_async.stores.redis.address import Address
    from kraken_async.stores.redis.state import Version
    from kraken_async.stores.waiting import Waiting

T = TypeVar("T")
log: logging.Logger = logging.getLogger(__name__)

#: The names of a key on the server, as the script takes them.
PARTS: Final = ("state", "turn", "line", "seen", "go:", "recalled", "placed", "sessions")
#: Seconds without a word after which a session counts as gone.
SILENT: Final = 20.0
#: How the servers of a client that the caller gave are called.
GIVEN: Final = "redis (the caller's client)"
#: What closing gives each of its three words to the server; seconds.
CLOSING: Final = 0.25
#: A cancel gives the server this long before it goes out on the local floor; seconds.
MOMENT: Final = 0.3
#: Every attempt that fails to write means that another caller's succeeded.
ATTEMPTS: Final = 50
#: Seconds added to both clocks when the newest nonces may have been lost; the script has the same figure.
MARGIN: Final = 5


class RedisKey(KeyState):
    """One session's hold on a key in Redis."""

    stored_unit: str
    is_new: bool
    durable: bool

    shares_status = True

    def __init__(
        self,
        address: Address | None,
        name: str,
        unit: str,
        *,
        lease: float,
        timeout: float,
        client: Any = None,
    ) -> None:
        self.place: str = address.place if address is not None else GIVEN
        self.seen: Shared = Shared()
        self.unit = self.stored_unit = unit
        self._client = client
        self._address, self._name, self._lease, self._timeout = address, name, lease, timeout
        self._link: Link | None = None
        self._turn: Turn | None = None
        self._view: Version | None = None  # the last state known to be on the server
        self._gen, self._era = 0, ""  # the newest generation seen
        self._seen_at = 0.0
        self._unsaved = False  # `seen` holds what the server has not been told
        self._floor = state.Floor(unit)
        self._clock: Callable[[], float] = time.monotonic
        self._waits = Waits(self._holder, clock=lambda: self._clock())
        self._offset = state.Offset(timeout)
        self._server: dict[str, Any] = {}
        self._session = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._shown = False  # the server has a status of this session
        self._notes: list[Callable[[Shared], object]] = []
        self._recalled = Recalled()
        self._owed: list[Entry] = []  # what cancels without the server have yet to tell it
        self._placed: deque[tuple[float, str]] = deque(maxlen=MOST_PLACED)
        self._placed_known = 0  # of how many names of placed orders this session knows
        self._placed_here: list[tuple[str, float]] = []  # those that the server has not been told
        self._counts = {"conflicts": 0, "restored": 0, "local_nonces": 0}

    def __repr__(self) -> str:
        return f"<RedisKey {self._name} at {self.place}>"

    # -- opening and closing ---------------------------------------------------------------------------------

    async def open(self, clock: Callable[[], float]) -> None:
        """Connect and read the state. Raises NonceStoreError: no package, no answer, unit, damaged."""
        if self._link is not None:
            return
        self._clock = clock
        base = "{" + self._name + "}:"  # the braces keep the keys in one slot
        keys = [base + part for part in PARTS]
        owned = self._address is not None
        client = client_of(self._address, self._timeout) if self._address is not None else self._client
        self._link = Link(client, self.place, keys, self._timeout, owned=owned)
        self._turn = Turn(
            self._link, keys[4], self._lease, self._known, self._adopt, self._parcel, self._undelivered
        )
        try:
            view = await self._load()
            self.stored_unit = view.unit or self.unit
            self._recalled.total, self._placed_known = view.recalled, max(0, view.placed - MOST_PLACED)
            self.is_new = view.gen == 0
            stored = view.unit
            if stored and UNITS[stored] < UNITS[self.unit]:
                raise self._unit_error(stored)
            self._server = await self._link.info()
            self.durable = state.persists(self._server) is not False
        except BaseException:
            await self._link.close(CLOSING)
            self._link = self._turn = None
            raise

    async def beat(self, status: bytes) -> None:
        """See :class:`KeyState`. One round trip."""
        await self._connected().run("beat", self._session, round(SILENT * 1000), status, again=False)
        self._shown = bool(status)

    async def sessions(self) -> list[bytes]:
        """See :class:`KeyState`."""
        found: list[bytes] = await self._connected().run("sessions")
        return found

    async def close(self) -> None:
        """Give the turn back and drop the connections; within a second, whatever the server does. Idempotent."""
        if self._shown and self._link is not None:
            self._shown = False
            with contextlib.suppress(NonceStoreError):
                await self._link.run("beat", self._session, 0, b"", limit=CLOSING, again=False)
        link, turn, self._link, self._turn = self._link, self._turn, None, None
        try:
            if turn is not None:
                await turn.close(CLOSING)
        finally:
            if link is not None:
                await link.close(CLOSING)

    def _connected(self) -> Link:
        if self._link is None:
            raise NonceStoreError(f"{self.place}: not open")
        return self._link

    # -- the turn --------------------------------------------------------------------------------------------

    async def acquire_turn(self, *, urgent: bool = False) -> None:
        """Stand in line for the turn: one round trip when it is free. Others may hold it for long.

        Raises NonceStoreError when the server does not answer; then, as when cancelled, the turn is not held.
        """
        self._connected()
        assert self._turn is not None
        with self._waits.waiting("the turn"):
            await self._turn.acquire(urgent=urgent)

    def hurry(self) -> None:
        """See :class:`KeyState`."""
        if self._turn is not None:
            self._turn.hurry()

    async def moved_at(self) -> float:
        """See :class:`KeyState`. One round trip; 0 when there is no answer within a moment."""
        try:
            age = int(await self._connected().run("moved", limit=MOMENT, again=False))
        except NonceStoreError:
            return 0.0
        return self._clock() - age / 1000 if age >= 0 else 0.0

    async def release_turn(self) -> None:
        """Give the turn to the next in line. Never raises: without the server, the lease runs out."""
        if self._turn is not None:
            await self._turn.release()

    # -- the state -------------------------------------------------------------------------------------------

    async def step(
        self, choose: Callable[[Shared], T | None], *, overtake: bool = False
    ) -> tuple[T | None, int]:
        """See :class:`KeyState`. One round trip, if no one has written since this session last looked."""
        if not overtake:
            return await self._write("take", choose)
        self._connected().check()  # a forked child has no local floor of its own
        try:
            async with asyncio.timeout(MOMENT):
                return await self._write("take", choose, limit=MOMENT)
        except (NonceStoreError, TimeoutError) as error:
            if isinstance(error, _UnitError):
                raise
            return self._local(choose, str(error) or f"{self.place}: no answer within {MOMENT} s")

    async def update(self, change: Callable[[Shared], T]) -> T:
        """See :class:`KeyState`. A NonceStoreError may mean that only the answer was lost."""
        result: T = (await self._write("write", change))[0]
        return result

    async def jump(self, ticks: int) -> int:
        """See :class:`KeyState`. An answer that was lost may leave the jump made."""
        reply = await self._send("jump", None, Shared(), amount=ticks, again=False)
        self._check(reply)
        nonce = int(reply[1])
        self._floor.learn(nonce)
        self._view = None  # the generation has moved on
        self.seen.last = max(self.seen.last, nonce)
        return nonce

    def note(self, change: Callable[[Shared], object]) -> None:
        """See :class:`KeyState`."""
        self._notes.append(change)

    def note_placed(self, names: Iterable[str]) -> None:
        """See :class:`KeyState`. The names go to the server when the turn is given back, or with the next step."""
        now = time.time()
        for name in names:
            self._placed.append((now, name))
            self._placed_here.append(("".join(name.split()), now))

    def placed(self, since: float) -> tuple[str, ...]:
        """See :class:`KeyState`. Those of other sessions as of the last step."""
        return tuple(name for at, name in self._placed if at >= since)

    def _parcel(self) -> str:
        sent, self._placed_here = self._placed_here, []
        self._placed_known += len(sent)
        return state.lines(sent, 0.0)

    def _undelivered(self, parcel: str) -> None:
        lost = list(state.entries(parcel.encode().splitlines(), 0.0))
        self._placed_here[:0] = lost
        self._placed_known -= len(lost)

    async def _read_news(self) -> None:
        """Read which client ids were cancelled, and which orders placed, by other sessions."""
        reply = await self._connected().run("news", self._recalled.total, self._placed_known)
        (recalled, cancels), (placed, names) = reply
        now, offset = self._clock(), self._offset.value
        missing = int(recalled) - self._recalled.total - len(cancels)
        self._recalled.learn((bytes.fromhex(key), at) for key, at in state.entries(cancels, offset))
        self._recalled.total = int(recalled)
        if missing:
            self._recalled.lost_at = now
        known = {name for _, name in self._placed}
        self._placed.extend((at, name) for name, at in state.entries(names, 0.0) if name not in known)
        self._placed_known = int(placed)

    async def flush(self) -> None:
        """Nothing to do: each nonce is in the server before it is used."""

    async def _load(self, limit: float | None = None) -> Version:
        known = self._known()
        reply = await self._connected().run("load", limit=limit, again=limit is None)
        return self._adopt(reply, known)

    async def _write(
        self, op: str, work: Callable[[Shared], Any], *, limit: float | None = None
    ) -> tuple[Any, int]:
        # A guess, which saves a round trip: if anything has changed since, the script refuses it and tells.
        view, fresh = self._view, False
        for attempt in range(ATTEMPTS):
            if view is None:
                view, fresh = await self._load(limit), True
            if limit is None and (view.recalled != self._recalled.total or view.placed != self._placed_known):
                await self._read_news()
            shared, notes = self._as_noted(view), len(self._notes)
            result = work(shared)
            if op == "take" and result is None:
                if fresh:
                    return None, 0
                view = None  # "nothing" was decided on a guess
                continue
            if op == "take" and limit is None and self._turn is not None and self._turn.lapsed:
                await self._turn.regain()
                view, fresh = self._view, False
                continue
            known = self._known()
            reply = await self._send(op, view, shared, limit=limit)
            code = self._check(reply)
            if code == b"OK":
                self._forget_notes(notes)
                return result, self._written(reply, view, shared)
            if code == b"TURN":
                assert self._turn is not None
                await self._turn.regain()
                view, fresh = self._view, False
                continue
            self._counts["conflicts"] += 1
            if attempt > 2:
                # Callers in step with each other would let the same one lose again and again.
                await asyncio.sleep(random.uniform(0.0, min(0.0005 * 2**attempt, 0.02)))
                view = None
                continue
            view, fresh = self._adopt(reply[1:], known), True
        raise NonceStoreError(
            f"{self.place}: overtaken by other callers {ATTEMPTS} times in a row: too many of them"
        )

    def _as_noted(self, view: Version) -> Shared:
        """Return a copy of a version's state with what is noted here; the notes are kept until it is written."""
        shared = view.shared.copy()
        shared.changed = view.merged
        shared.recalled = self._recalled
        self._recalled.new[:] = self._owed
        for note in self._notes:
            note(shared)
        return shared

    def _forget_notes(self, number: int) -> None:
        del self._notes[:number]
        self._owed.clear()
        self._recalled.new.clear()

    async def _send(
        self,
        op: str,
        view: Version | None,
        shared: Shared,
        *,
        amount: int = 0,
        limit: float | None = None,
        again: bool = True,
    ) -> list[Any]:
        now = clock_ticks(self.unit)
        second = 1_000_000_000 // UNITS[self.unit]
        expected = view.gen if view is not None else 0
        # A caller without the turn sends no ticket: an overtaking cancel, an update.
        ticket = self._turn.ticket if op == "take" and limit is None and self._turn is not None else ""
        level, level_at, slow_fields = state.dump(shared, self._offset.value)
        recalled = [(key.hex(), at) for key, at in shared.recalled.new]
        placed, self._placed_here = self._placed_here, []
        args = (
            op,
            expected,
            max(expected, self._gen) + 1,
            self.unit,
            max(self._floor.nonce, shared.last),
            now,
            now + MARGIN * second,
            max(second // 1000, 2000),  # more than were ever handed out in the seconds that a server can lose
            ticket,
            round(self._lease * 1000),
            amount,
            level,
            level_at,
            slow_fields,
            view.era if view is not None else "",
            state.lines(recalled, self._offset.value),
            "" if op == "jump" else state.lines(placed, 0.0),
        )
        done = False
        try:
            reply: list[Any] = await self._connected().run(*args, limit=limit, again=again and limit is None)
            done = reply[0] == b"OK" and op != "jump"
        finally:
            if not done:
                self._placed_here[:0] = placed
        if done:
            shared.recalled.total += len(recalled)
            self._placed_known += len(placed)
        return reply

    def _check(self, reply: list[Any]) -> bytes:
        code: bytes = reply[0]
        if code == b"UNIT":
            raise self._unit_error(reply[1].decode())
        if code == b"DAMAGED":
            what = f"version {reply[1]!r}, last nonce {reply[2]!r}"
            raise state.damaged(self.place, self._name, what)
        return code

    def _unit_error(self, stored: str) -> NonceStoreError:
        return _UnitError(
            f"{self.place}: the key has nonces in {stored}, above every nonce in {self.unit}: "
            f"use nonce_unit={stored!r}, or a new API key"
        )

    # -- what is known ---------------------------------------------------------------------------------------

    def _known(self) -> tuple[int, str]:
        return self._gen, self._era

    def _adopt(self, snapshot: list[Any], known: tuple[int, str]) -> Version:
        """Take over a state from the server. ``known``: the newest generation when it was asked for."""
        now = self._clock()
        if (same := self._as_known(snapshot, now)) is not None:
            return same
        view = state.parse(snapshot, self._offset, now, self.place, self._name)
        if view.lacks(*known):
            self._counts["restored"] += 1
            log.warning("%s has lost changes of the shared state; what is known here goes back", self.place)
            view = state.merge(view, self.seen, now, fresh=now - self._seen_at <= MARGIN, lost=True)
        elif self._unsaved:
            view = state.merge(view, self.seen, now, fresh=True, lost=False)
        if view.shared.recalled is not self._recalled:  # what release 0.1.0 wrote
            self._recalled.learn(view.shared.recalled.entries())
            view.shared.recalled = self._recalled
        self._floor.learn(view.shared.last)
        if view.gen >= self._gen or view.merged:
            self._view, self._gen, self._era = view, max(view.gen, self._gen), view.era
            self.seen, self._seen_at = view.shared, now
        return view

    def _as_known(self, snapshot: list[Any], now: float) -> Version | None:
        """Take over a snapshot of the state that is known already: no one has written since. None: another."""
        view = self._view
        if view is None or view.merged or self._unsaved or view.gen != self._gen:
            return None
        same = state.unchanged(snapshot, view, self._offset, now)
        if same is not None:
            self._view, self._seen_at = same, now
        return same

    def _written(self, reply: list[Any], view: Version, shared: Shared) -> int:
        nonce, gen, era = int(reply[1]), int(reply[2]), reply[3].decode()
        self._offset.learn(self._clock(), reply[4], reply[5])
        self._floor.learn(nonce)
        shared.last, shared.changed = nonce, False
        if gen > self._gen:
            self._gen, self._era, self._seen_at, self.seen = gen, era, self._clock(), shared
            self._view = state.Version(
                gen, era, shared, self.unit, recalled=self._recalled.total, placed=self._placed_known
            )
        self._unsaved = self._unsaved and not view.merged
        if not self.durable and state.persists(self._server) is not False:
            self.durable = True
            log.info("%s: answers again", self.place)
        return nonce

    def _local(self, choose: Callable[[Shared], T | None], why: str) -> tuple[T | None, int]:
        """Hand out a nonce to a cancel without the server."""
        shared = self.seen.copy()
        shared.recalled = self._recalled
        self._recalled.new[:] = self._owed
        result = choose(shared)
        self._owed = self._recalled.new.copy()
        if result is None:
            return None, 0
        shared.last = nonce = self._floor.next()
        self.seen, self._view, self._unsaved, self.durable = shared, None, True, False
        self._counts["local_nonces"] += 1
        log.warning("a cancel goes out on the local nonce floor: %s", why, extra={"nonce": nonce})
        return result, nonce

    # -- telling ---------------------------------------------------------------------------------------------

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong: persistence, evictions, clocks, leases lost, an unreachable server."""
        found = state.server_problems(self._server, self.place)
        skew = self._offset.skew(self._clock())
        if abs(skew) > MARGIN:
            found.append(
                Problem(
                    "store-clock",
                    f"this host's clock is {skew:+.1f} s from that of {self.place}: correct the wrong one",
                )
            )
        if self._unsaved:
            found.append(
                Problem(
                    "store-unreachable",
                    f"{self.place} did not answer a cancel: nonces come from the local floor",
                )
            )
        lost = self._turn.counts["leases_lost"] if self._turn is not None else 0
        if lost:
            found.append(
                Problem(
                    "turn-lost",
                    f"the turn was lost {counted(lost, 'time')} by not being renewed within {self._lease:g} s: "
                    "a blocked event loop, a suspended host or a slow server",
                )
            )
        return (*found, *self._waits.problems())

    def waiting(self) -> tuple[Waiting, ...]:
        """See KeyState.waiting."""
        return self._waits.now()

    def _holder(self, what: str) -> str:
        """Return who has the turn, as its ticket tells, as of some seconds ago at most."""
        return holder_text(self._turn.holder) if self._turn is not None else ""

    def figures(self) -> dict[str, Any]:
        """Return counts since opening: round trips, conflicts, leases lost, nonces without the server, ..."""
        counts: dict[str, Any] = dict(self._counts)
        if self._link is not None:
            counts |= self._link.counts
        if self._turn is not None:
            counts |= self._turn.counts
        return counts


class _UnitError(NonceStoreError):
    """The one refusal that a cancel does not get round: its nonce would be useless."""
