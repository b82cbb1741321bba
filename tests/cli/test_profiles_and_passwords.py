"""Profiles and one-time passwords on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kraken_async.emulator.plugin import RunningEmulator
from tests.cli.cli_support import data, run


@pytest.fixture
def profile(kraken_emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a profile whose key asks for a password, and nothing else in the environment."""
    key = kraken_emulator.emulator.add_key(otp="123456")
    for name in ("KRAKEN_API_KEY", "KRAKEN_API_SECRET", "KRAKEN_API_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "profiles.toml").write_text(
        f'[profile.hedge]\nkey = "{key.api_key}"\nsecret = "{key.api_secret}"\n'
        f'base_url = "{kraken_emulator.url}"\ntier = "pro"\n'
    )
    monkeypatch.setenv("KRAKEN_PROFILES", str(tmp_path / "profiles.toml"))
    return "hedge"


def test_a_profile_and_a_password_are_given_before_the_command(profile: str) -> None:
    done = run("--profile", profile, "--otp", "123456", "call", "Balance", "--yes")
    assert "XXBT" in data(done), done.output
    assert "KRAKEN_PROFILE" not in os.environ
    assert "KRAKEN_API_OTP" not in os.environ


def test_a_password_may_be_given_to_the_call(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_PROFILE", profile)
    assert "XXBT" in data(run("call", "Balance", "--otp", "123456", "--yes"))
    assert run("call", "Balance", "--yes").exit_code == 1  # refused without it


def test_a_profile_that_is_not_there_is_said(profile: str) -> None:
    done = run("--profile", "other", "call", "Balance", "--yes")
    assert done.exit_code != 0
    assert "no profile 'other'" in done.output


@pytest.mark.parametrize(("option", "value"), [("--profile", "NAME"), ("--otp", "CODE")])
def test_an_option_behind_its_command_is_told_where_it_stands(option: str, value: str) -> None:
    done = run("doctor", option, "x")
    assert done.exit_code == 2
    assert f"{option} stands before the command: kraken-async {option} {value} COMMAND" in done.output


@pytest.fixture
def placed(kraken_emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a profile that says where its state is kept, in a world where everything else would lie elsewhere."""
    for name in ("KRAKEN_API_KEY", "KRAKEN_API_SECRET", "KRAKEN_API_URL", "KRAKEN_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    (tmp_path / "profiles.toml").write_text(
        f'[profile.main]\nkey = "{kraken_emulator.api_key}"\nsecret = "{kraken_emulator.api_secret}"\n'
        f'base_url = "{kraken_emulator.url}"\ntier = "pro"\nstate_dir = "kept"\n'
    )
    monkeypatch.setenv("KRAKEN_PROFILES", str(tmp_path / "profiles.toml"))
    monkeypatch.setenv("KRAKEN_PROFILE", "main")
    monkeypatch.setenv("KRAKEN_GOVERNOR", "off")
    assert run("call", "Balance", "--yes").exit_code == 0
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("call", "Balance"),
        ("budget",),
        ("doctor", "--yes"),
        ("nonce", "show"),
        ("nonce", "audit", "--online"),
        ("nonce", "jump", "1", "--yes"),
        ("orders", "unresolved"),
        ("orders", "resolve"),
        ("halt", "--yes"),
        ("resume", "--yes"),
        ("top", "--once"),
        ("conformance",),
    ],
    ids=" ".join,
)
def test_every_command_keeps_to_the_state_directory_of_the_profile(
    placed: Path, words: tuple[str, ...]
) -> None:
    done = run(*words)
    assert done.exit_code in (0, 1), done.output  # nonce audit and conformance find something
    assert "Traceback" not in done.output
    assert not (placed / "elsewhere").exists(), "another directory was used than the profile's"


def test_a_halt_by_a_profile_holds_for_the_sessions_of_the_profile(placed: Path) -> None:
    assert run("halt", "--yes").exit_code == 0
    order = ("pair=XBTUSD", "type=buy", "ordertype=limit", "price=1000", "volume=0.01")
    refused = run("call", "AddOrder", *order, "--yes")
    assert (refused.exit_code, "TradingHalted" in refused.output) == (4, True)
    assert run("resume", "--yes").exit_code == 0
    assert run("call", "AddOrder", *order, "--yes").exit_code == 0
