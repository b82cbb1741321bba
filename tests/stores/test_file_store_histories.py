"""FileStore against a model: sessions come, go and are killed, the clock steps, the power is cut, slots are damaged.

The model is one number: every nonce is above all that were handed out before it, whatever happened in between.
The power is cut not only where a rule says so: each write of the store is a moment at which it might have been, and
what would be left then is kept and looked at when the history is over.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kraken_async.stores.base import KeyState, Shared
from kraken_async.stores.file import FileStore
from kraken_async.stores.file.layout import SLOT_AT, SLOT_SIZE, Slot, unpack_slot
from tests.stores.store_support import HOUR, SECOND, Image, LossyDisk, draw, opened

START = 1_800_000_000 * SECOND


class Histories(RuleBasedStateMachine):
    """Two sessions at most, on one key."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="kraken-async-"))
        self.runner = asyncio.Runner()
        self.real = time.time_ns
        self.now = START
        time.time_ns = lambda: self.now
        self.highest = 0
        self.lives = 0
        self.cuts: list[tuple[Image, int]] = []
        self.moment = 0
        self.begin()

    def begin(self) -> None:
        """A machine that has just been switched on."""
        self.keys: list[KeyState] = []
        self.directory = self.root / str(self.lives)
        self.lives += 1
        self.disk = LossyDisk()
        self.disk.on_write = self.written

    def written(self) -> None:
        """Keep what is left of this moment, of every moment at first and of some later."""
        self.moment += 1
        if self.moment < 60 or self.moment % 17 == 0:
            self.cuts.append((self.disk.image(), self.highest))

    def store(self) -> FileStore:
        return FileStore(self.directory, disk=self.disk)

    def hand_out(self, nonce: int) -> None:
        assert nonce > self.highest, f"{nonce} after {self.highest}"
        self.highest = nonce

    # -------------------------------------------------------------------------------------------- sessions

    @precondition(lambda self: len(self.keys) < 2)
    @rule()
    def open(self) -> None:
        self.keys.append(self.runner.run(opened(self.store())))

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 1), count=st.integers(1, 3))
    def step(self, which: int, count: int) -> None:
        for _ in range(count):
            self.hand_out(self.runner.run(draw(self.keys[which % len(self.keys)])))

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 1))
    def flush(self, which: int) -> None:
        self.runner.run(self.keys[which % len(self.keys)].flush())

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 1), ticks=st.sampled_from([0, 1, 999_999, 3 * SECOND]))
    def jump(self, which: int, ticks: int) -> None:
        nonce = self.runner.run(self.keys[which % len(self.keys)].jump(ticks))
        assert nonce >= self.highest + ticks
        self.highest = nonce

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 1), pairs=st.integers(0, 60))
    def change(self, which: int, pairs: int) -> None:
        def change(shared: Shared) -> None:
            shared.engine = {f"PAIR{number}": [1.0, 1.0] for number in range(pairs)}
            shared.mark_changed()

        self.runner.run(self.keys[which % len(self.keys)].update(change))

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 1))
    def close(self, which: int) -> None:
        self.runner.run(self.keys.pop(which % len(self.keys)).close())

    @precondition(lambda self: self.keys)
    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        """Its descriptors are closed and nothing is written, as the kernel does it."""
        self.keys.pop(which % len(self.keys)).left_behind()  # type: ignore[attr-defined]  # the test reaches inside

    @precondition(lambda self: not self.keys)
    @rule(size=st.integers(1, 10), used=st.integers(0, 9), killed=st.booleans())
    def source(self, size: int, used: int, killed: bool) -> None:
        """A NonceSource has the key for itself for a while."""
        reservation = self.store().reserve("k", "ns")
        start, stop = reservation.block(0, size)
        assert stop >= start + size
        self.hand_out(start + min(used, size - 1))
        if killed:
            reservation.left_behind()
        else:
            reservation.close(self.highest)

    # ------------------------------------------------------------------------------------------- the world

    @rule(by=st.sampled_from([1, SECOND // 2, 3 * SECOND, HOUR, -1, -SECOND, -HOUR, -1000 * HOUR]))
    def clock(self, by: int) -> None:
        self.now += by

    @rule(seed=st.integers(0, 2**32), damage=st.sampled_from(["", "A", "B"]))
    def cut_the_power(self, seed: int, damage: str) -> None:
        for key in self.keys:
            key.left_behind()  # type: ignore[attr-defined]  # the test reaches inside
        image = self.disk.image()
        self.begin()
        revive(image, self.directory, seed, damage)
        for path in self.directory.iterdir():
            self.disk.adopt(path)

    @invariant()
    def never_beyond_what_is_durable(self) -> None:
        for key in self.keys:
            assert key.durable

    def teardown(self) -> None:
        """Look at what each kept moment would have left."""
        try:
            for key in self.keys:
                key.left_behind()  # type: ignore[attr-defined]  # the test reaches inside
            chance = random.Random(self.moment)
            for number, (image, highest) in enumerate(self.cuts):
                where = self.root / f"cut {number}"
                revive(image, where, chance.getrandbits(32), chance.choice(["", "A", "B"]))
                reservation = FileStore(where).reserve("k", "ns")
                start, _ = reservation.block(0, 1)
                reservation.left_behind()
                assert start > highest, f"after a cut at write {number}: {start} after {highest}"
        finally:
            time.time_ns = self.real
            self.runner.close()
            shutil.rmtree(self.root)


def revive(image: Image, directory: Path, seed: int, damage: str) -> None:
    """Put onto the disk what a power cut may have left; then damage one slot, as one valid slot must be enough.

    Only where both are whole, that is, was not torn in the cut already: two faults at once are not promised.
    """
    chance = random.Random(seed)
    share = chance.choice([0.0, 0.5, 1.0])  # nothing, some, all of what was not synced
    image.restore(directory, lambda: chance.random() < share)
    path = directory / "k.state"
    if damage and path.exists() and len(statefile_slots(path)) == len(SLOT_AT):
        with path.open("r+b") as file:
            file.seek(SLOT_AT[damage])
            file.write(bytes(SLOT_SIZE))


def statefile_slots(path: Path) -> list[object]:
    raw = path.read_bytes()
    read = (unpack_slot(raw[at : at + SLOT_SIZE]) for at in SLOT_AT.values())
    return [slot for slot in read if isinstance(slot, Slot)]


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # shrinking histories with real files takes many minutes
        ),
    )


def test_no_history_of_sessions_kills_clock_steps_and_power_cuts_repeats_a_nonce() -> None:
    run(8, 25)


@pytest.mark.proof
def test_no_history_of_many_repeats_a_nonce() -> None:
    run(60, 25)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_long_history_repeats_a_nonce() -> None:
    run(1000, 60)
