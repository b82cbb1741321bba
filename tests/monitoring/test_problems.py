"""Problems: each has a code and a severity, and on_problem hears of each once when it comes and once when it goes."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from pathlib import Path

import pytest

from kraken_async import KrakenSession, MemoryStore, ProblemChange
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.monitoring.problem_watch import EVERY, ProblemWatch
from kraken_async.problems import SEVERITIES, Problem, ProblemBoard, coded
from tests.exchange import session
from tests.virtual_time import virtual

Told = list[tuple[str, bool]]


class Watched:
    """A watch over problems that a test sets."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.board = ProblemBoard()
        self.told: list[ProblemChange] = []
        self.broken = False
        self.watch = ProblemWatch(self._now, self.told.append, self.board)

    def _now(self) -> list[Problem]:
        if self.broken:
            raise OSError("no space left")
        return [*self.problems, *self.board]

    def changes(self) -> Told:
        return [(change.code, change.came) for change in self.told]


def test_a_problem_is_its_sentence() -> None:
    problem = Problem("halted", "trading is halted", "a")
    assert problem == "trading is halted"
    assert json.dumps([problem]) == '["trading is halted"]'
    for copied in (copy.copy(problem), pickle.loads(pickle.dumps(problem))):
        assert (copied, copied.code, copied.subject) == (problem, "halted", "a")
    assert problem.severity == "warning"


def test_a_code_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError):
        Problem("hallted", "trading is halted")


def test_sentences_without_a_code_get_that_of_their_place() -> None:
    own = Problem("turn-lost", "the turn was lost")
    assert [each.code for each in coded(["a sentence", own])] == ["store", "turn-lost"]


@virtual
async def test_each_problem_is_told_once_when_it_comes_and_once_when_it_goes() -> None:
    watched = Watched()
    task = asyncio.create_task(watched.watch.run())
    watched.problems = [Problem("call-stalled", "no answer for 6 s")]
    await asyncio.sleep(2.5 * EVERY)
    watched.problems = [Problem("call-stalled", "no answer for 8 s")]  # the same one
    await asyncio.sleep(EVERY)
    assert watched.changes() == [("call-stalled", True)]
    assert watched.told[0].text == "no answer for 6 s"
    watched.problems = []
    await asyncio.sleep(EVERY)
    assert watched.changes() == [("call-stalled", True), ("call-stalled", False)]
    assert watched.told[1].text == "no answer for 8 s"
    task.cancel()


@virtual
async def test_what_is_put_on_the_board_is_told_at_once_and_by_its_subject() -> None:
    watched = Watched()
    task = asyncio.create_task(watched.watch.run())
    await asyncio.sleep(EVERY / 2)
    watched.board.put(Problem("market-mode", "XBTUSD is cancel_only", "XBTUSD"))
    watched.board.put(Problem("market-mode", "ETHUSD is cancel_only", "ETHUSD"))
    await asyncio.sleep(0.001)
    assert watched.changes() == [("market-mode", True)] * 2
    watched.board.clear("market-mode", "ETHUSD")
    watched.board.clear("market-mode", "DOTUSD")
    await asyncio.sleep(0.001)
    assert [(change.text, change.came) for change in watched.told[2:]] == [("ETHUSD is cancel_only", False)]
    task.cancel()


@virtual
async def test_a_look_that_fails_is_logged_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.problems = [Problem("halted", "trading is halted")]
    task = asyncio.create_task(watched.watch.run())
    await asyncio.sleep(EVERY / 2)
    watched.broken = True
    await asyncio.sleep(5 * EVERY)
    assert caplog.text.count("problems cannot be looked at") == 1
    assert watched.changes() == [("halted", True)]
    watched.broken, watched.problems = False, []
    await asyncio.sleep(EVERY)
    assert watched.changes() == [("halted", True), ("halted", False)]
    task.cancel()


async def test_a_session_tells_of_a_halt_and_of_its_end(
    kraken_emulator: RunningEmulator, tmp_path: Path
) -> None:
    told: list[ProblemChange] = []
    came, went = asyncio.Event(), asyncio.Event()

    async def on_problem(change: ProblemChange) -> None:
        told.append(change)
        if change.code == "halted":
            (came if change.came else went).set()

    async with session(kraken_emulator, state_dir=tmp_path, on_problem=on_problem) as client:
        await client.halt()
        await asyncio.wait_for(came.wait(), 5)
        stats = client.stats()
        assert len(stats.problems) == len(stats.problem_codes)
        assert ("halted", "warning") in stats.problem_codes
        client.resume()
        await asyncio.wait_for(went.wait(), 5)
    assert {(each.code, each.severity) for each in told} >= {("halted", "warning")}
    assert [each.came for each in told if each.code == "halted"] == [True, False]


async def test_what_on_problem_raises_is_counted_and_ends_nothing(
    kraken_emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    def on_problem(change: ProblemChange) -> None:
        raise ZeroDivisionError(change.code)

    async with session(kraken_emulator, store=MemoryStore(), on_problem=on_problem) as client:
        await client.private("Balance")  # a state in memory is a problem from the start
        assert client.stats().observer_errors == 1
        assert client.stats().problem_codes == (("store-fleeting", "info"),)
    assert "on_problem failed" in caplog.text


def test_on_problem_is_a_function() -> None:
    with pytest.raises(ValueError, match="on_problem"):
        KrakenSession(on_problem="print")  # type: ignore[arg-type]  # what the test is about


def test_severities_are_three() -> None:
    assert set(SEVERITIES.values()) == {"info", "warning", "critical"}
