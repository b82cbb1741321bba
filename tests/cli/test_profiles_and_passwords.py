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
