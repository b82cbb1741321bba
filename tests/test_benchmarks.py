"""The benchmarks work: every contender, every measurement and the report, at sizes that say nothing of speed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, leading, processes, publish
from benchmarks.cancels import ROWS, cancels
from benchmarks.contenders import CONTENDERS, FLOOR, Contender, HomeMade
from benchmarks.figures import Watched, watched
from benchmarks.imports import IMPORTS, cost
from benchmarks.leading import figure, greatest
from benchmarks.nonces import SOURCES
from benchmarks.order_clients import ENDPOINTS
from benchmarks.orders import CLIENTS, orders
from benchmarks.plan import TINY
from benchmarks.processes import Child, Failed, measure
from benchmarks.progress import Progress
from benchmarks.promises import promises
from benchmarks.report import report
from benchmarks.sections import SECTIONS, calls, sessions
from benchmarks.sessions import Pulse
from benchmarks.tables import table
from benchmarks.truth import outcomes, refusals

ROOT = Path(__file__).parent.parent
QUIET = Progress(quiet=True)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No child outlives its test."""
    yield
    left = list(processes.running)
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
            "url": f"http://127.0.0.1:{int(stub.line(60))}",
            "without": contender.without,
            "uvloop": contender.uvloop,
        }
        with Child("-m", "benchmarks.worker", json.dumps(spec)) as worker:
            assert worker.answer(60) == {"ready": True}
            for queued in (1, 3) if contender.most_queued > 1 else (1,):
                found = worker.ask({"queued": queued, "calls": 6}, 60)
                assert found["cpu"] > 0
                assert found["wall"] > 0


async def test_the_stub_answers_requests_in_pieces_and_requests_in_one_piece() -> None:
    with Child("-m", "benchmarks.stub") as stub:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(stub.line(60)))
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
    for way in ("kraken_async", "bare"):
        assert measure("waiting.cpu", way=way, few=5, many=20)["ratio"] > 0
    assert measure("waiting.cpu", way="kraken_async", few=5, many=20, collected=False)["ratio"] > 0
    with Child("-m", "benchmarks.stub") as stub:
        url = f"http://127.0.0.1:{int(stub.line(60))}"
        assert measure("waiting.cpu", way="kraken_async", few=5, many=20, url=url)["ratio"] > 0


@pytest.mark.proof
def test_pieces_are_measured() -> None:
    found = measure("pieces.pieces", number=20)
    assert len(found) >= 13
    assert all(value > 0 for value in found.values())


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_the_whole_runs_and_is_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--only", "nonces", "--only", "pieces"]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "run.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert "## Nonces" in done.stdout
    assert "stats(), µs" in done.stdout
    again = subprocess.run(
        [sys.executable, "-m", "benchmarks", "report", str(tmp_path / "run.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert again.stdout == done.stdout


# ------------------------------------------------------------------ orders


def test_the_stub_places_orders_under_ids_of_their_own_and_answers_amends_and_cancels() -> None:
    with Child("-m", "benchmarks.stub") as stub:
        port = int(stub.line(60))
        found = []
        for name in ("AddOrder", "AddOrder", "AmendOrder", "CancelOrder", "Balance"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/0/private/{name}", b"nonce=1") as answer:
                found.append(json.loads(answer.read())["result"])
    assert found[0]["txid"] != found[1]["txid"]
    assert [sorted(each) for each in found[2:4]] == [["amend_id"], ["count"]]
    assert "ZUSD" in found[4]


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_orders_are_placed_amended_and_cancelled_through_every_client() -> None:
    found = orders(TINY, QUIET)
    there = [each for each in CLIENTS if not each.missing]
    first, last = found["levels"].values()
    for level in (first, last):
        for endpoint in ENDPOINTS:
            for each in there:
                assert level[endpoint][each.name]["ratio"]["median"] > 0, (endpoint, each.name)
    for each in there:
        assert ("grown" in last["AddOrder"][each.name]) == each.grows
        if each.way != "plain":
            assert found["filled"][each.name]["mean"]["median"] > 0
    assert list(found["levels"]) == [str(level) for level in TINY.order_levels]
    text = report({"run": {"packages": {}, "quick": True} | dict.fromkeys(RUN, 1), "orders": found})
    for each in there:
        assert text.count(f"| {each.name} ") == len(ENDPOINTS)
    if sys.platform == "linux":
        written = {name: each["bytes"]["median"] for name, each in found["filled"].items()}
        assert 0 < written["kraken_async"] <= 2048
        assert written["kraken_async, state in memory"] < written["kraken_async"]


# ------------------------------------------------------------------ sessions, imports


async def test_the_pulse_sees_a_loop_that_stands_still() -> None:
    pulse = Pulse()
    async with pulse.beating():
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
    assert pulse.cpu >= 0.05
    assert pulse.wall >= 0.049


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_openings_and_statistics_are_measured_and_reported() -> None:
    found = sessions(TINY, QUIET)
    assert list(found) == ["opening beside 0", "opening beside 20", "stats()"]
    assert found["opening beside 20"]["unresolved_ms"]["median"] > 0
    text = report({"run": {"packages": {}, "quick": True} | dict.fromkeys(RUN, 1), "sessions": found})
    assert "stats(), 20 orders known beside 10" in text
    assert "opening beside 20 dead sessions' journals: the loop stood still for, ms" in text


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_imports_are_whole_processes() -> None:
    nothing, session = (cost(name) for name in ("nothing", "kraken_async, and a session opened and closed"))
    assert 0 < nothing["cpu"] < session["cpu"]
    assert 1 < nothing["megabytes"] < session["megabytes"]
    assert nothing["wall"] > 0


def test_a_process_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IMPORTS, "nothing", ("sys", "import nothing_of_that_name"))
    with pytest.raises(Failed, match="ended with 1"):
        cost("nothing")


# ------------------------------------------------------------------ cancels, outcomes, refusals


def row(client: str, name: str, waits: list[float], missing: int = 0) -> dict[str, Any]:
    """Return a row of the cancels as a run keeps it."""
    sample = [Watched(each, seen=True) for each in waits] + [Watched(4.0, seen=False)] * missing
    return {
        "name": name,
        "client": client,
        **watched(sample),
        "refused": 0,
        "failed": {},
        "writes_refused": 0,
    }


SIDE = {"calls": 300, "answered": 40, "refused_for_nonce": 260, "most_in_flight": 100, "seconds": 1.0}
#: Sections as a run keeps them.
LEADING: dict[str, Any] = {
    "outcomes": {"schedules": 300, "calls": 1200, "unknown": 300, "wrong": []},
    "refusals": {
        "calls": 300,
        "jitter_seconds": [0.0, 0.005],
        "clients": {"plain client": SIDE, "KrakenSession": {**SIDE, "refused_for_nonce": 0}},
    },
    "cancels": {
        "rows": [
            row("kraken_async", "1,000 reads waiting, limits kept", [0.002] * 20),
            row("ccxt", "1,000 reads waiting, limits kept", [], missing=20),
            row("kraken_async", "the same, both", [*[0.5] * 19, 1.25]),
        ]
    },
}


def test_what_did_not_come_stands_behind_all_that_came_as_a_lower_bound() -> None:
    sample = [Watched(n / 1000, seen=True) for n in range(1, 901)] + [
        Watched(5.0 + n, seen=False) for n in range(100)
    ]
    found = watched(sample)
    assert (found["n"], found["missing"], found["p50"]) == (1000, 100, 0.5)
    assert found["beyond"] == ["p99", "p99.9", "greatest"]
    assert found["p99"] == 5.0
    assert found["greatest"] == 104.0
    assert found["curve"][0] == [1.0, 0.001]
    assert found["curve"][-1] == [0.101, 0.9]
    assert figure(found, "p50") == "0.50 s"
    assert figure(found, "greatest") == "> 104 s"


def test_percentiles_are_by_nearest_rank() -> None:
    found = watched([Watched(float(n), seen=True) for n in range(1, 2001)])
    assert [found[name] for name in ("p50", "p99", "p99.9", "greatest")] == [1000, 1980, 1998, 2000]
    assert watched([])["n"] == 0


def test_a_cancel_of_ours_that_never_came_breaks_the_promise() -> None:
    late = {"rows": [row("kraken_async", "a row", [0.1], missing=1), row("ccxt", "a row", [9.0])]}
    assert greatest(late) == float("inf")
    assert [(value, kept) for _, _, value, kept in promises({"cancels": late})] == [("inf", "no")]
    assert greatest({"rows": [row("ccxt", "a row", [9.0])]}) is None


def test_the_tables_of_what_leads_are_told() -> None:
    text = report({"run": {"packages": {}, "quick": True} | dict.fromkeys(RUN, 1), **LEADING})
    assert "1,200 calls that place, amend or edit: 0 told otherwise than it was. 25 % were told" in text
    assert re.search(r"\| 1,000 reads waiting, limits kept: ccxt +\| +20 \| > 4.00 s", text)
    assert re.search(r"\| plain client +\| +40 \| +260 \|", text)


RUN = ("date", "python", "system", "cpus", "cpu", "load_before")


async def test_the_distant_stub_keeps_arrivals_and_refuses_nonces_out_of_order() -> None:
    with Child("-m", "benchmarks.distant", "0", "0") as server:
        port = int(server.line(60))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(name: str, body: str) -> str:
            head = f"POST /0/private/{name} HTTP/1.1\r\nAPI-Key: k\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            size = re.search(rb"Content-Length: (\d+)", await reader.readuntil(b"\r\n\r\n"))
            assert size is not None
            return (await reader.readexactly(int(size[1]))).decode()

        before = time.monotonic()
        assert "ZUSD" in await ask("Balance", "nonce=5")
        assert await ask("CancelOrder", "nonce=6&txid=A") == '{"error":[],"result":{"count":1}}'
        assert "Invalid nonce" in await ask("CancelOrder", "nonce=6&txid=B")
        assert "Invalid nonce" in await ask("CancelOrder", "nonce=4&txid=A")
        found = server.ask({}, 10)["cancels"]
        assert {txid: accepted for txid, (_, accepted) in found.items()} == {"A": True, "B": False}
        assert before <= found["A"][0] <= found["B"][0] <= time.monotonic()
        writer.close()
        await writer.wait_closed()


FULL = """
import sys
from benchmarks.full_disk import FullDisk
disk = FullDisk()
import os, pathlib
path = pathlib.Path(sys.argv[1])
file = os.open(path, os.O_RDWR | os.O_CREAT)
os.write(file, b"one")
disk.full = True
refused = []
for name, work in {
    "write": lambda: os.write(file, b"two"), "pwrite": lambda: os.pwrite(file, b"two", 0),
    "fsync": lambda: os.fsync(file), "new": lambda: os.open(str(path) + "2", os.O_CREAT | os.O_RDWR),
}.items():
    try:
        work()
    except OSError as error:
        refused.append(name if error.errno == 28 else repr(error))
os.write(1, f"{' '.join(refused)}, {disk.refused}, {path.read_text()}\\n".encode())
"""


def test_a_full_disk_refuses_files_and_leaves_pipes_alone(tmp_path: Path) -> None:
    with Child("-c", FULL, str(tmp_path / "file")) as child:
        assert child.line(60).strip() == "write pwrite fsync new, 4, one"


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_cancels_reach_the_server_in_every_row() -> None:
    found = cancels(TINY, QUIET)
    names = [(each["name"], each["client"]) for each in found["rows"]]
    assert names == [(each.name, each.client) for each in ROWS]
    for each in found["rows"]:
        assert each["n"] > 0, each["name"]
        if each["client"] == "kraken_async":
            assert each["failed"] == {}, each["name"]
            assert each["refused"] == 0, each["name"]
            assert (each["writes_refused"] > 0) == ("full" in each["name"] or "both" in each["name"])


@pytest.mark.proof
def test_a_neighbour_that_stands_still_goes_when_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    code = """
import os, sys, time
from benchmarks import processes
from benchmarks.cancels import frozen_neighbour
with frozen_neighbour(sys.argv[1], 1):
    (child,) = processes.running
    print(child.pid, flush=True)
    time.sleep(60)
"""
    with Child("-c", code, str(tmp_path)) as child:
        number = int(child.line(60))
        # It says so before it stands still, and only a group that has stopped is ended by the system.
        while not _stands_still(number):
            time.sleep(0.005)
        child.kill()
    deadline = time.monotonic() + 60
    while _runs(number):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.02)


def _stands_still(number: int) -> bool:
    """Return whether every thread of a process has stopped: only then the process has, for the system."""
    states = [
        path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{number}/task").glob("*/stat")
    ]
    return set(states) == {"T"}


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # One that has ended, and that nobody has asked about, is left for the first process of the machine.
    state = Path(f"/proc/{number}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_schedules_and_refusals_are_counted() -> None:
    found = outcomes(TINY, QUIET)
    assert found["schedules"] == TINY.schedules
    assert found["calls"] > 0
    assert found["wrong"] == []
    clients = refusals(TINY, QUIET)["clients"]
    assert clients["KrakenSession"]["answered"] == TINY.refusal_calls
    assert "plain client" in clients


def test_the_help_names_every_section_with_examples() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name, section in SECTIONS.items():
        assert re.search(rf"^  {name} +\S", done.stdout, re.MULTILINE), name
        assert section.__doc__
    assert "python -m benchmarks --quick --only cancels" in done.stdout


# ------------------------------------------------------------------ processes


def test_a_child_that_takes_too_long_is_ended() -> None:
    with Child("-c", "import time; time.sleep(30)") as child, pytest.raises(Failed, match=r"more than 0.2 s"):
        child.line(0.2)


def test_the_last_words_of_a_child_that_dies_are_told() -> None:
    with (
        pytest.raises(Failed, match="RuntimeError: no luck"),
        Child("-c", "raise RuntimeError('no luck')") as child,
    ):
        child.line(60)


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


def page_of(folder: Path) -> Path:
    """Return a first page with a place for its table."""
    page = folder / "first.md"
    page.write_text(f"# Name\n\n{publish.BEGIN}\nwhat was here\n{publish.END}\n\nmore\n")
    return page


def published_first(folder: Path, sections: dict[str, Any]) -> str:
    """Publish the run that is kept with these sections; return what the first page says then."""
    pytest.importorskip("matplotlib")
    page, first = folder / "page.md", page_of(folder)
    page.write_text(f"{publish.BEGIN}\n{publish.END}\n")
    kept = json.loads((publish.FOLDER / "run.json").read_text(encoding="utf-8"))
    publish.publish({**kept, **sections}, page, folder / "folder", first)
    return first.read_text()


def test_the_readme_has_a_place_for_a_run_before_everything_else_that_it_says() -> None:
    text = publish.README.read_text(encoding="utf-8")
    assert text.count(publish.BEGIN) == text.count(publish.END) == 1
    assert text.index(publish.BEGIN) < text.index("\n## ")


def test_the_readme_shows_the_run_that_is_kept_beside_the_page_if_it_has_all_that_leads() -> None:
    kept = json.loads((publish.FOLDER / "run.json").read_text(encoding="utf-8"))
    if all(kept.get(name) for name in publish.LEADING):
        assert leading.readme(kept) in publish.README.read_text(encoding="utf-8")


def test_publishing_fills_the_readme_with_what_leads_it(tmp_path: Path) -> None:
    text = published_first(tmp_path, LEADING)
    names = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][2:]
    assert names == ["Outcomes", "Refusals", "Cancel to wire", "CPU of a read", "CPU of an order"]
    assert "300 random schedules" in text
    assert "the slowest of 40 cancels took 1.25 s" in text
    assert "the median is 2.0 ms, with ccxt > 4.00 s" in text
    assert text.startswith("# Name\n")
    assert text.endswith("\nmore\n")
    assert (tmp_path / "folder" / "cancels.svg").exists()


def test_publishing_a_run_of_some_sections_leaves_the_readme(tmp_path: Path) -> None:
    assert "what was here" in published_first(tmp_path, {**LEADING, "cancels": {}})


def test_publishing_replaces_the_run_that_is_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{publish.BEGIN}\nwhat was here\n{publish.END}\nafter\n")
    kept = json.loads((publish.FOLDER / "run.json").read_text(encoding="utf-8"))
    publish.publish(kept, page, tmp_path / "folder", page_of(tmp_path))
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
        publish.publish({"run": {}}, page, tmp_path, page_of(tmp_path))
    assert page.read_text() == "no marks\n"
