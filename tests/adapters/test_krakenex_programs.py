"""Programs written for krakenex do the same on the stand-in: the calls of each of krakenex's examples."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import krakenex as real
import pytest

import kraken_async.adapters.krakenex as ours
from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.sync import KrakenSession
from tests.adapters.krakenex_programs import PROGRAMS, Program


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Emulator]:
    """Two emulators with the same past, at one moment that does not pass."""
    monkeypatch.setenv("KRAKEN_GOVERNOR", "off")
    monkeypatch.chdir(tmp_path)
    now = time.time()
    both = [Emulator(seed=7, clock=lambda: now) for _ in range(2)]
    for emulator in both:
        prepare(emulator, tmp_path)
    return both


def prepare(emulator: Emulator, folder: Path) -> None:
    """Let an account have traded: bought, opened and closed a position, and left an order and a position open."""
    state = folder / f"past-{id(emulator)}"
    with (
        serve_in_thread(emulator) as server,
        KrakenSession(*emulator.key, base_url=server.url, state_dir=state) as client,
    ):
        market: dict[str, Any] = {"pair": "XBTUSD", "ordertype": "market"}
        client.private("AddOrder", market, type="buy", volume="0.1")
        client.private("AddOrder", market, type="buy", volume="0.1", leverage="2")
        client.private("AddOrder", market, type="sell", volume="0.1", leverage="2")
        client.private("AddOrder", market, type="buy", volume="0.2", leverage="2")
        client.private("AddOrder", pair="XBTEUR", type="buy", ordertype="limit", price="1000", volume="0.1")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_for_krakenex_prints_the_same(
    program: Program, places: list[Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = [_printed(program, *each, monkeypatch) for each in zip(places, (real, ours), strict=True)]
    assert printed[0] == printed[1]
    assert printed[0], "nothing was compared"


def _printed(program: Program, emulator: Emulator, module: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run a program on one of the modules, with a key that was not used before."""
    made: list[Any] = []

    def api() -> Any:
        made.append(module.API())
        made[-1].uri = server.url  # krakenex itself knows no variable for the address
        return made[-1]

    with serve_in_thread(emulator) as server:
        monkeypatch.setenv("KRAKEN_API_URL", server.url)
        Path("kraken.key").write_text("\n".join(emulator.add_key()))
        printed = program(SimpleNamespace(API=api))
        for each in made:
            each.close()
    return printed
