"""What an order costs in a store does not grow with those placed before: counted in opcodes and words, not timed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

pytest.importorskip("redis")

import kraken_async
from kraken_async import FileStore, MemoryStore
from kraken_async.stores.base import KeyState, Shared
from tests.stores.script_support import Script
from tests.virtual_time import START

PACKAGE = str(Path(kraken_async.__file__).parent)
#: Orders in a sample: a file store looks once in so many at the size of its file of names.
SAMPLE = 256
#: Orders between two samples.
BETWEEN = 1500


class Counter:
    """How many opcodes the package's functions ran while it counted."""

    def __init__(self) -> None:
        self.opcodes = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        before = sys.gettrace()
        # Python 3.12 tells of opcodes only if some frame had asked for them before the tracing began.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._entered)
        try:
            yield
        finally:
            sys.settrace(before)

    def _entered(self, frame: FrameType, event: str, _arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._within

    def _within(self, _frame: FrameType, event: str, _arg: object) -> Any:
        self.opcodes += event == "opcode"
        return self._within


def charge(shared: Shared) -> bool:
    """What an order charges, as the limits do it: the level of its pair and of the calls."""
    shared.level, shared.level_at = (shared.level or 0.0) % 10 + 1.0, 1000.0
    shared.engine["XBTUSD"] = [shared.level, 1000.0]
    shared.trading = True
    shared.mark_changed()
    return True


async def place(key: KeyState, number: int) -> None:
    """Take an order's way through a store."""
    if not key.try_acquire_turn():
        await key.acquire_turn()
    await key.step(charge)
    key.note_placed([f"OAAAAA-{number:06d}", f"id-{number:06d}"])
    await key.release_turn()


@pytest.mark.parametrize("kind", ["file", "memory", "redis"])
async def test_an_order_after_many_takes_what_the_first_ones_took(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time stands still, so that nothing is due by it.
    monkeypatch.setattr(time, "time", lambda: START)
    monkeypatch.setattr(time, "time_ns", lambda: int(START) * 10**9)
    script = Script()
    stores: dict[str, KeyState] = {
        "file": FileStore(tmp_path).key("k", "ns"),
        "memory": MemoryStore().key("k", "ns"),
        "redis": script.key(),
    }
    key = stores[kind]
    await key.open(lambda: 1000.0)
    opcodes, words = [], []
    for start in (0, SAMPLE + BETWEEN):
        counter = Counter()
        script.said.clear()
        with counter.counting():
            for number in range(start, start + SAMPLE):
                await place(key, number)
        opcodes.append(counter.opcodes)
        words.append(sum(len(str(word)) for said in script.said for word in said.words))
        for number in range(start + SAMPLE, start + SAMPLE + BETWEEN):
            await place(key, number)
    assert opcodes[0] > 100 * SAMPLE
    assert opcodes[1] <= opcodes[0] * 1.01
    assert words[1] <= words[0] * 1.03 + (kind != "redis")  # generations and tickets gain a digit or two
    await key.close()
