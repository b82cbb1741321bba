"""Commands on a key whose nonces are in milliseconds: none closes it to the programs that share it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from kraken_async import KrakenSession, NonceStoreError
from kraken_async.emulator import EmulatorServer
from tests.cli.cli_support import checks, data, run


def call_from_a_bot(unit: str | None = "ms") -> None:
    async def main() -> None:
        options = {} if unit is None else {"nonce_unit": unit}
        async with KrakenSession.from_env(**options) as client:  # type: ignore[arg-type]  # a mapping's values are text
            await client.private("Balance")

    asyncio.run(main())


def digits(server: EmulatorServer) -> list[int]:
    return [len(str(arrival.nonce)) for arrival in server.emulator.history if arrival.nonce is not None]


COMMANDS = [
    "call Balance",
    "doctor",
    "budget",
    "orders unresolved",
    "orders resolve",
    "nonce show",
    "nonce audit --online",
    "nonce jump 1 --yes",
    "halt --yes",
    "resume",
    "conformance",
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_keeps_to_the_unit_of_the_key_s_state(words: str, server: EmulatorServer) -> None:
    call_from_a_bot()
    run(*words.split())
    call_from_a_bot()
    assert set(digits(server)) == {13}


def test_the_environment_chooses_the_unit_and_the_first_call_asks_nothing(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_NONCE_UNIT", "ms")
    assert run("call", "Balance").exit_code == 0
    call_from_a_bot(unit=None)
    assert digits(server) == [13, 13]
    assert data(run("nonce", "show", "--json"))[0]["unit"] == "ms"


@pytest.mark.parametrize(("unit", "said"), [("ns", "19-digit"), ("us", "16-digit")])
def test_a_unit_that_closes_the_key_is_asked_about(
    unit: str, said: str, server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_NONCE_UNIT", unit)
    result = run("call", "Balance")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "KRAKEN_NONCE_UNIT=ms" in result.stderr
    assert not server.emulator.history


def test_a_unit_that_is_none_is_wrong_use(server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_NONCE_UNIT", "seconds")
    result = run("call", "Balance")
    assert result.exit_code == 2
    assert "ns, us, ms" in result.stderr


def test_a_coarser_unit_than_the_key_has_seen_is_refused(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_from_a_bot("ns")
    with pytest.raises(NonceStoreError, match="new API key"):
        call_from_a_bot("ms")
    monkeypatch.setenv("KRAKEN_NONCE_UNIT", "ms")
    assert run("call", "Balance").exit_code == 4


def test_a_finer_unit_is_said_once(server: EmulatorServer, caplog: pytest.LogCaptureFixture) -> None:
    call_from_a_bot("ms")
    call_from_a_bot("ns")
    call_from_a_bot("ns")
    assert len([message for message in caplog.messages if "go from ms to ns" in message]) == 1


def test_doctor_leaves_no_state_of_a_key_that_it_does_not_ask_about(server: EmulatorServer) -> None:
    assert checks(run("doctor", "--json"))["API key at Kraken"] == "WARN"
    assert not list(Path(os.environ["KRAKEN_STATE_DIR"]).glob("*.state"))
