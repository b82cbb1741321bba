"""The benchmarks work: every contender, every measurement and the report, at sizes that say nothing of speed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, processes, publish
from benchmarks.contenders import CONTENDERS, FLOOR, Contender, HomeMade
from benchmarks.nonces import SOURCES
from benchmarks.plan import TINY
from benchmarks.processes import Child, Failed, measure
from benchmarks.progress import Progress
from benchmarks.report import report, table
from benchmarks.sections import calls

ROOT = Path(__file__).parent.parent
QUIET = Progress(quiet=True)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No child outlives its test."""
    yield
    left = list(processes._running)
    processes.end_all()
    assert not left


# ------------------------------------------------------------------ contenders


@pytest.mark.parametrize(
    "contender",
    [
        pytest.param(each, id=each.name, marks=[] if each.name == CONTENDERS[0].name else pytest.mark.proof)
        for each in CONTENDERS
    ],
)
def test_a_contender_makes_calls(contender: Contender) -> None:
    if contender.missing:
        pytest.skip(f"{', '.join(contender.missing)} is not installed")
    with Child("-m", "benchmarks.stub") as stub:
        spec: dict[str, Any] = {
            "contender": contender.name,
            "url": f"http://127.0.0.1:{int(stub.line(10))}",
            "without": contender.without,
            "uvloop": contender.uvloop,
        }
        with Child("-m", "benchmarks.worker", json.dumps(spec)) as worker:
            assert worker.answer(20) == {"ready": True}
            for queued in (1, 3) if contender.most_queued > 1 else (1,):
                found = worker.ask({"queued": queued, "calls": 6}, 20)
                assert found["cpu"] > 0
                assert found["wall"] > 0


async def test_the_stub_answers_requests_in_pieces_and_requests_in_one_piece() -> None:
    with Child("-m", "benchmarks.stub") as stub:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(stub.line(10)))
        request = b"POST /0/private/Balance HTTP/1.1\r\ncontent-LENGTH: 7\r\n\r\nnonce=1"
        writer.write(request + request + request[:30])
        await writer.drain()
        for _ in range(2):
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert (await reader.readuntil(b"}}")).startswith(b'{"error":[],"result":{"ZUSD"')
        writer.write(request[30:])
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()


@pytest.mark.proof
def test_the_floor_and_a_contender_meet_in_rounds() -> None:
    chosen = [each for each in CONTENDERS if each.name in (FLOOR, "kraken_async")]
    found = calls(TINY, QUIET, chosen)
    assert found.keys() == {"1", "10"}
    for level in found.values():
        assert level[FLOOR]["cpu_ratio"]["median"] == 1
        assert level["kraken_async"]["rate_ratio"]["median"] > 0


def test_a_contender_that_fails_is_left_out_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [each for each in CONTENDERS if each.name == FLOOR]
    broken = Contender(name="nobody", opener="nothing")
    found = calls(TINY, Progress(), [*chosen, broken])
    assert found["1"].keys() == {FLOOR}
    assert "nobody: " in capsys.readouterr().err


# ------------------------------------------------------------------ measurements


@pytest.mark.proof
@pytest.mark.parametrize("source", [source for source, _ in SOURCES.values()])
@pytest.mark.parametrize("threads", [1, 8])
def test_nonces_are_drawn(source: str, threads: int) -> None:
    assert measure("nonces.rate", source=source, number=80, threads=threads)["per_second"] > 0


def test_the_home_made_manager_saves_every_tenth_nonce(tmp_path: Path) -> None:
    manager = HomeMade(tmp_path / "nonce.json")
    drawn = [manager() for _ in range(25)]
    assert drawn == sorted(set(drawn))
    assert json.loads((tmp_path / "nonce.json").read_text()) == {"last_nonce": drawn[19]}


@pytest.mark.proof
@pytest.mark.parametrize("way", ["kraken_async", "lock", "bare"])
@pytest.mark.parametrize("traced", [True, False])
def test_memory_of_waiting_calls_is_measured(way: str, traced: bool) -> None:
    found = measure("waiting.memory", way=way, number=300, traced=traced)["bytes"]
    assert 400 < found < 4_000 if traced else found >= 0


@pytest.mark.proof
@pytest.mark.parametrize("order", ["oldest", "newest", "random"])
def test_waiting_calls_are_cancelled(order: str) -> None:
    assert 0 < measure("waiting.cancel", way="kraken_async", number=300, order=order)["seconds"] < 5


@pytest.mark.proof
def test_cpu_of_waiting_calls_is_measured_in_memory_and_over_http() -> None:
    assert measure("waiting.cpu", way="kraken_async", few=5, many=20)["ratio"] > 0
    with Child("-m", "benchmarks.stub") as stub:
        url = f"http://127.0.0.1:{int(stub.line(10))}"
        assert measure("waiting.cpu", way="kraken_async", few=5, many=20, url=url)["ratio"] > 0


@pytest.mark.proof
def test_pieces_are_measured() -> None:
    found = measure("pieces.pieces", number=20)
    assert len(found) >= 13
    assert all(value > 0 for value in found.values())


@pytest.mark.proof
def test_the_whole_runs_and_is_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--only", "nonces", "--only", "pieces"]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "run.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "## Nonces" in done.stdout
    assert "stats(), µs" in done.stdout
    again = subprocess.run(
        [sys.executable, "-m", "benchmarks", "report", str(tmp_path / "run.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert again.stdout == done.stdout


# ------------------------------------------------------------------ processes


def test_a_child_that_takes_too_long_is_ended() -> None:
    with Child("-c", "import time; time.sleep(30)") as child, pytest.raises(Failed, match=r"more than 0.2 s"):
        child.line(0.2)


def test_the_last_words_of_a_child_that_dies_are_told() -> None:
    with (
        pytest.raises(Failed, match="RuntimeError: no luck"),
        Child("-c", "raise RuntimeError('no luck')") as child,
    ):
        child.line(10)


# ------------------------------------------------------------------ figures


def rounds(*generations: list[tuple[float, float]]) -> figures.Rounds:
    return {
        "floor": [[{"cpu": floor} for floor, _ in each] for each in generations],
        "other": [[{"cpu": other} for _, other in each] for each in generations],
    }


def test_ratios_are_taken_inside_a_round_and_then_the_median() -> None:
    # The machine slows down threefold in the middle; the ratio does not see it.
    found = figures.ratios(rounds([(10, 20), (30, 60), (10, 21)]), "other", "floor", "cpu")
    assert found["median"] == 2
    assert (found["min"], found["max"]) == (2, 2.1)


def test_the_spread_is_that_of_generations_of_processes() -> None:
    found = figures.ratios(rounds([(10, 10), (10, 10)], [(10, 12), (10, 12)], []), "other", "floor", "cpu")
    assert found["generations"] == [1, 1.2]


def test_a_spread_of_one_is_itself() -> None:
    assert figures.spread([3.0]) == {"median": 3, "min": 3, "max": 3, "q1": 3, "q3": 3, "n": 1}


def test_a_table_is_aligned() -> None:
    assert table(("", "µs"), [("one", "1"), ("eleven", "11.0")]).splitlines() == [
        "|        |   µs |",
        "| ------ | ---: |",
        "| one    |    1 |",
        "| eleven | 11.0 |",
    ]


# ------------------------------------------------------------------ the documentation


def test_the_page_shows_the_run_that_is_kept_beside_it() -> None:
    kept = json.loads((publish.FOLDER / "run.json").read_text(encoding="utf-8"))
    page = publish.PAGE.read_text(encoding="utf-8")
    assert report(kept) in page
    assert page.count(publish.BEGIN) == page.count(publish.END) == 1
    for image in publish.FOLDER.glob("*.svg"):
        assert f"](benchmarks/{image.name})" in page


def test_publishing_replaces_the_run_that_is_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{publish.BEGIN}\nwhat was here\n{publish.END}\nafter\n")
    kept = json.loads((publish.FOLDER / "run.json").read_text(encoding="utf-8"))
    publish.publish(kept, page, tmp_path / "folder")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "what was here" not in text
    assert report(kept) in text
    assert json.loads((tmp_path / "folder" / "run.json").read_text()) == kept


def test_a_page_without_its_marks_is_left_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    page.write_text("no marks\n")
    with pytest.raises(ValueError, match="has no place for a run"):
        publish.publish({"run": {}}, page, tmp_path)
    assert page.read_text() == "no marks\n"
