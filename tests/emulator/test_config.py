"""The configuration of an emulator that is served by itself, and the command in both its names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from kraken_async.emulator.config import EmulatorConfig
from tests import forked

ROOT = Path(__file__).parents[2]
TOML = """
seed = 3
tier = "pro"
limits = true
jitter = [0.0, 0.001]
nonce_window = 5

[behaviour]
volumes = "round"
open_delay = [0, 2]

[accounts.main.balances]
ZUSD = "1000"
AAPLx = 2

[accounts.sub.balances]
ZEUR = "5"

[[keys]]
api_key = "trader"
api_secret = "dHJhZGVy"
nonce_window = 7

[[keys]]
api_key = "reader"
api_secret = "cmVhZGVy"
account = "sub"
permissions = ["query-funds"]
tier = "starter"

[[assets]]
key = "AAPLx"
aclass = "tokenized_asset"

[[pairs]]
name = "AAPLx/USD"
price = 230
"""


def written(tmp_path: Path, text: str, name: str = "emulator.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_file_says_who_calls_with_what_money_on_which_markets(tmp_path: Path) -> None:
    emulator = EmulatorConfig.read(written(tmp_path, TOML)).emulator()
    assert emulator.key == ("trader", "dHJhZGVy")
    keys = emulator.keys
    assert set(keys) == {"trader", "reader"}
    assert (keys["trader"].nonce.window, keys["trader"].settings.tier.name) == (7, "pro")
    assert (keys["reader"].nonce.window, keys["reader"].settings.tier.name) == (5, "starter")
    assert keys["reader"].settings.permissions == {"query-funds"}
    accounts = emulator.accounts
    assert {name: str(value) for name, value in accounts["main"].balances.items()} == {
        "ZUSD": "1000",
        "AAPLx": "2",
    }
    assert set(accounts["sub"].balances) == {"ZEUR"}
    assert str(emulator.venue.markets.pair("AAPLx/USD").last) == "230"
    assert (emulator.behaviour.volumes, emulator.behaviour.open_delay) == ("round", (0, 2))
    assert emulator.jitter == (0.0, 0.001)


def test_reset_comes_back_to_what_the_file_says(tmp_path: Path) -> None:
    emulator = EmulatorConfig.read(written(tmp_path, TOML)).emulator()
    emulator.set_balances({"ZUSD": "1"})
    emulator.add_key("more", "bW9yZQ==")
    emulator.reset()
    assert str(emulator.accounts["main"].balances["ZUSD"]) == "1000"
    assert set(emulator.keys) == {"trader", "reader"}
    assert "AAPLxUSD" in emulator.venue.markets.pairs


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    config = EmulatorConfig.read(written(tmp_path, TOML)).with_flags(
        {"tier": "starter", "port": None, "seed": 4}
    )
    assert (config.tier, config.port, config.seed, config.limits) == ("starter", 0, 4, True)


def test_file_may_be_json(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"tier": "pro", "keys": [{"account": "sub"}, {}]}), "emulator.json")
    emulator = EmulatorConfig.read(path).emulator()
    assert (emulator.tier.name, len(emulator.keys), set(emulator.accounts)) == (
        "pro",
        2,
        {"sub", "main"},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teir = 'pro'", "no such field: teir"),
        ("jitter = [2, 1]", "jitter"),
        ("port = 70000", "port"),
        ("a = [", "emulator.toml"),
        ("jitter = 5", "emulator.toml"),
    ],
)
def test_file_that_is_wrong_is_named_with_its_fault(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EmulatorConfig.read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tier": "gold"}, "tier"),
        ({"keys": [{"api_key": "alone"}]}, "both, or neither"),
        ({"behaviour": {"volume": "cut"}}, "no such field: volume"),
        ({"keys": [{"colour": "red"}]}, "no such field: colour"),
        ({"pairs": [{"name": "XBT/USD"}]}, "price is missing"),
        ({"accounts": {"main": {"money": 1}}}, "no such field: money"),
    ],
)
def test_field_that_is_wrong_is_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EmulatorConfig.of(fields).emulator()


def test_key_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Evidence: other programs keep their configuration: a key drawn at each start had to be copied into it."""
    path = tmp_path / "key"
    path.write_text("trader\n\ndHJhZGVy\n")
    config = EmulatorConfig(key_file=str(path), keys=({"account": "sub"}, {}))
    emulator = config.emulator()
    assert emulator.key == ("trader", "dHJhZGVy")
    assert emulator.keys["trader"].settings.account == "sub"
    assert "dHJhZGVy" not in repr(EmulatorConfig(keys=({"api_key": "a", "api_secret": "dHJhZGVy"},)))
    path.write_text("alone\n")
    with pytest.raises(ValueError, match="a line each"):
        config.emulator()
    with pytest.raises(ValueError, match="cannot be read"):
        EmulatorConfig(key_file=str(tmp_path)).emulator()


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"missing\.toml cannot be read"):
        EmulatorConfig.read(tmp_path / "missing.toml")


@pytest.mark.parametrize("command", ["kraken_async.emulator", "kraken_async emulator"])
def test_both_commands_say_the_same_and_obey_their_token(command: str, tmp_path: Path) -> None:
    """Evidence: a program that reads one line of JSON broke on the other command, whose jitter was in milliseconds
    and which had no seed.
    """
    arguments = [*command.split(" "), "--config", str(written(tmp_path, TOML)), "--json"]
    arguments += ["--jitter", "0", "0.002", "--seed", "9", "--limits", "--lockout", "--tier", "intermediate"]
    with forked.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as child:
        assert child.stdout is not None
        said = json.loads(child.stdout.readline())
        assert (said["api_key"], set(said)) == ("trader", {"url", "api_key", "api_secret", "control"})
        request = urllib.request.Request(
            said["control"]["url"] + "/emulator/prices",
            data=b'{"XBTUSD": "1234.5"}',
            headers={"Authorization": f"Bearer {said['control']['token']}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200
        with urllib.request.urlopen(said["url"] + "/0/public/Ticker?pair=XBTUSD", timeout=10) as response:
            assert json.load(response)["result"]["XXBTZUSD"]["c"][0] == "1234.5"
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0


def test_same_seed_gives_the_same_keys() -> None:
    """Evidence: the same programs; a seed is enough."""
    first, second = (EmulatorConfig(seed=5).emulator().key for _ in range(2))
    assert first == second != EmulatorConfig(seed=6).emulator().key
