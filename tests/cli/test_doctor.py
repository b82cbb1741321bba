"""``kraken-async doctor``: each check passes, warns or fails as it should, and none gives a false all-clear."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from kraken_async import KrakenSession
from kraken_async.cli.doctor import VARIABLES
from kraken_async.cli.doctor_online import other_writers
from kraken_async.cli.states import directory, key_id
from kraken_async.emulator import EmulatorServer, Fault
from tests.cli.cli_support import checks, data, run

ROOT = Path(__file__).parents[2]


def test_doctor_offline_sends_nothing(known: EmulatorServer) -> None:
    before = len(known.emulator.history)
    result = run("doctor", "--offline", "--json")
    assert result.exit_code == 0
    assert {"API key", "tier", "state directory", "nonce state", "lock holders", "nonce lead"} <= set(
        checks(result)
    )
    assert len(known.emulator.history) == before


def test_doctor_asks_kraken_about_clock_and_key(known: EmulatorServer) -> None:
    result = run("doctor", "--json")
    found = checks(result)
    assert result.exit_code == 0
    assert {name: found[name] for name in ("Kraken", "clock", "permissions", "IP list", "other writers")} == {
        "Kraken": "OK",
        "clock": "OK",
        "permissions": "OK",
        "IP list": "WARN",
        "other writers": "OK",
    }


def test_an_address_that_is_not_understood_is_not_replaced_by_krakens(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_API_URL", "http://example.com")
    found = data(run("doctor", "--json"))["checks"]
    assert [each["found"] for each in found if each["name"] == "Kraken"] == [
        "not asked: its address could not be read"
    ]


def test_doctor_warns_of_a_file_with_a_secret_that_others_may_read(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(os.environ["KRAKEN_API_SECRET"])
    file.chmod(0o644)
    monkeypatch.delenv("KRAKEN_API_SECRET")
    monkeypatch.setenv("KRAKEN_API_SECRET_FILE", str(file))
    found = data(run("doctor", "--offline", "--json"))["checks"]
    assert [each["cure"] for each in found if each["name"] == "secrets"] == [f"chmod 600 {file}"]
    file.chmod(0o600)
    assert "secrets" not in checks(run("doctor", "--offline", "--json"))


def test_a_value_of_a_profile_that_is_not_understood_is_filed_with_its_entry(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "profiles.toml").write_text('[profile.main]\ntier = "gold"\n')
    monkeypatch.setenv("KRAKEN_PROFILES", str(tmp_path / "profiles.toml"))
    monkeypatch.setenv("KRAKEN_PROFILE", "main")
    result = run("doctor", "--offline", "--json")
    (check,) = [check for check in data(result)["checks"] if check["grade"] == "FAIL"]
    assert (result.exit_code, check["name"]) == (1, "environment")
    assert "[profile.main] tier: unknown tier 'gold'" in check["found"]


def test_doctor_says_what_a_first_use_does_in_the_unit_that_is_set(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "for kraken_async alone" in cures("doctor --json")
    monkeypatch.setenv("KRAKEN_NONCE_UNIT", "ms")
    assert "for kraken_async alone" not in cures("doctor --json")
    assert "in milliseconds the key stays open" in cures("doctor --json")


def test_doctor_does_not_use_a_key_that_has_no_state(server: EmulatorServer) -> None:
    assert checks(run("doctor", "--json"))["API key at Kraken"] == "WARN"
    assert {arrival.endpoint for arrival in server.emulator.history} == {"SystemStatus", "Time"}


def test_doctor_fails_on_a_clock_that_is_minutes_off(known: EmulatorServer) -> None:
    known.emulator.clock = lambda: time.time() + 300
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert checks(result)["clock"] == "FAIL"
    assert "FAIL clock: this clock is 300" in run("doctor").stdout.replace("299", "300")


def test_doctor_fails_when_kraken_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_API_URL", "http://127.0.0.1:9")
    result = run("doctor", "--json")
    assert (result.exit_code, checks(result)["Kraken"]) == (1, "FAIL")


def test_doctor_in_a_pause_says_how_to_end_it_and_ends_it(known: EmulatorServer) -> None:
    known.emulator.faults.plan = lambda _index, _name: Fault.refuse("EAPI:Invalid nonce")
    assert run("call", "Balance").exit_code == 1
    known.emulator.faults.plan = None
    before = len(known.emulator.history)
    paused = run("doctor")
    assert paused.exit_code == 1
    assert "--yes asks Kraken now" in paused.stdout
    assert {each.endpoint for each in known.emulator.history[before:]} == {"SystemStatus", "Time"}
    assert checks(run("doctor", "--yes", "--json"))["other writers"] == "OK"
    assert run("call", "Balance").exit_code == 0


def test_doctor_fails_on_a_key_with_another_writer(overtaken: EmulatorServer) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert checks(result)["API key at Kraken"] == "FAIL"


# ------------------------------------------------------------------ no false all-clear


def cures(words: str) -> str:
    return " ".join(check["cure"] + check["found"] for check in data(run(*words.split()))["checks"])


def test_an_unreadable_key_file_fails_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KRAKEN_API_KEY_FILE", str(tmp_path / "missing"))
    result = run("doctor", "--offline", "--json")
    assert (result.exit_code, checks(result)["environment"]) == (1, "FAIL")
    assert "KRAKEN_API_KEY_FILE" in result.stdout


@pytest.mark.parametrize("file", ["KRAKEN_API_KEY_FILE", "KRAKEN_API_OTP_FILE"])
def test_what_can_be_read_beside_an_unreadable_file_is_kept(
    known: EmulatorServer, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY")
    monkeypatch.setenv(file, str(tmp_path / "missing"))
    monkeypatch.setenv("KRAKEN_API_TIER", "pro")
    before = len(known.emulator.history)
    result = run("doctor", "--json")
    found = {check["name"]: (check["grade"], check["found"]) for check in data(result)["checks"]}
    assert result.exit_code == 1
    assert found["environment"][0] == "FAIL"
    place = f"online, at {os.environ['KRAKEN_API_URL']} (KRAKEN_API_URL)"
    assert (found["tier"], found["Kraken"]) == (("OK", "pro"), ("OK", place))
    assert found["state directory"][1].startswith(os.environ["KRAKEN_STATE_DIR"])
    assert found["nonce state"] == ("WARN", "not looked at: no key until the environment is corrected")
    assert {each.endpoint for each in known.emulator.history[before:]} == {"SystemStatus", "Time"}


def test_without_a_key_the_state_of_another_is_not_shown(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY")
    monkeypatch.delenv("KRAKEN_API_SECRET")
    found = data(run("doctor", "--offline", "--json"))["checks"]
    assert [(each["grade"], each["found"]) for each in found if each["name"] == "nonce state"] == [
        ("WARN", "not looked at: no key")
    ]
    assert "lock holders" not in {each["name"] for each in found}


def test_an_address_in_a_profile_that_cannot_be_read_is_not_replaced_by_krakens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profiles = tmp_path / "profiles.toml"
    profiles.write_text('[profile.main]\nkey_file = "missing"\nbase_url = "http://127.0.0.1:9"\n')
    monkeypatch.setenv("KRAKEN_PROFILES", str(profiles))
    monkeypatch.setenv("KRAKEN_PROFILE", "main")
    found = {check["name"]: check["found"] for check in data(run("doctor", "--json"))["checks"]}
    assert found["Kraken"] == "not asked: its address could not be read"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("KRAKEN_API_SECRET", "", "is empty"),
        ("KRAKEN_API_KEY", "\n", "is empty"),
        ("KRAKEN_API_KEY", "a-key\na-secret\n", "holds 2 lines: it takes one"),
        ("KRAKEN_API_SECRET", "no base64!\n", "correct KRAKEN_API_SECRET"),
    ],
)
def test_a_file_without_its_one_value_is_named_with_the_cure(
    server: EmulatorServer, name: str, text: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "value"
    file.write_text(text)
    monkeypatch.delenv(name)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    result = run("call", "Balance")
    assert result.exit_code == 2
    assert said in result.stderr
    assert f"{name}_FILE" in result.stderr
    assert "a-secret" not in result.stderr


@pytest.mark.parametrize("words", ["nonce show", "nonce audit", "nonce jump 1 --yes", "top --once"])
def test_other_commands_name_an_unreadable_key_file_and_end_with_2(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KRAKEN_API_KEY_FILE", str(tmp_path / "missing"))
    result = run(*words.split())
    assert result.exit_code == 2
    assert "KRAKEN_API_KEY_FILE" in result.stderr


def test_without_a_key_it_is_not_healthy() -> None:
    result = run("doctor", "--offline", "--json")
    assert (result.exit_code, checks(result)["API key"]) == (1, "FAIL")


@pytest.mark.parametrize("place", ["file", "below a file"])
def test_a_state_directory_that_cannot_be_made_fails_with_its_cure(
    place: str, known: EmulatorServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / ("below" if place != "file" else "")
    monkeypatch.setenv("KRAKEN_STATE_DIR", str(path).rstrip("/"))
    result = run("doctor", "--json")
    assert (result.exit_code, checks(result)["state directory"]) == (1, "FAIL")
    assert "KRAKEN_STATE_DIR" in cures("doctor --json")
    assert checks(result)["Kraken"] == "OK"  # what needs no state is still looked at


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a place that not even root can write")
def test_a_state_directory_that_nobody_can_write_fails(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_STATE_DIR", "/proc/kraken")
    result = run("doctor", "--offline", "--json")
    assert (result.exit_code, checks(result)["state directory"]) == (1, "FAIL")


def test_a_state_without_a_readable_nonce_fails_without_promising_a_repair(known: EmulatorServer) -> None:
    path = directory(Path(os.environ["KRAKEN_STATE_DIR"])) / f"{key_id()}.state"
    path.write_bytes(b"\xff" * os.path.getsize(path))
    result = run("doctor", "--offline", "--json")
    assert (result.exit_code, checks(result)["nonce state"]) == (1, "FAIL")
    assert "from the other one" not in result.stdout


def test_a_secret_that_is_no_base64_fails_once_and_the_rest_is_still_checked(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_API_SECRET", "no base64!")
    result = run("doctor", "--json")
    found = [check for check in data(result)["checks"] if check["grade"] == "FAIL"]
    assert [check["name"] for check in found] == ["API key"]
    assert checks(result)["Kraken"] == "OK"
    assert "no base64!" not in result.stdout + result.stderr


def test_what_is_out_of_reach_is_cured_by_the_network_and_not_by_a_new_key(
    monkeypatch: pytest.MonkeyPatch, known: EmulatorServer
) -> None:
    monkeypatch.setenv("KRAKEN_API_URL", "http://127.0.0.1:9")
    found = {check["name"]: check for check in data(run("doctor", "--json"))["checks"]}
    assert "network" in found["Kraken"]["cure"]
    assert "network" in found["API key at Kraken"]["cure"]


def test_a_nonce_window_and_a_query_window_fail(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = server.emulator.add_key(nonce_window=10000, query_to=1_700_000_000)
    monkeypatch.setenv("KRAKEN_API_KEY", key.api_key)
    monkeypatch.setenv("KRAKEN_API_SECRET", key.api_secret)
    result = run("doctor", "--json", "--yes")
    found = checks(result)
    assert result.exit_code == 1
    assert (found["nonce window"], found["query window"], found["IP list"]) == ("FAIL", "FAIL", "WARN")
    assert "2023-11-14" in result.stdout


@pytest.mark.parametrize(("days", "grade"), [(1, "WARN"), (13, "WARN"), (20, "OK")])
def test_a_key_that_ends_soon_is_warned_of(
    days: int, grade: str, server: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = server.emulator.add_key(valid_until=time.time() + days * 86400)
    monkeypatch.setenv("KRAKEN_API_KEY", key.api_key)
    monkeypatch.setenv("KRAKEN_API_SECRET", key.api_secret)
    assert checks(run("doctor", "--json", "--yes"))["end of the key"] == grade


def test_a_key_without_an_end_is_not_spoken_of(known: EmulatorServer) -> None:
    assert "end of the key" not in checks(run("doctor", "--json"))


# ------------------------------------------------------------------ each thing that fails


def failing(*words: str) -> dict[str, str]:
    """Return what fails, with its cure."""
    result = run("doctor", "--json", *words)
    failed = {check["name"]: check["cure"] for check in data(result)["checks"] if check["grade"] == "FAIL"}
    assert result.exit_code == (1 if failed else 0)
    return failed


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KRAKEN_GOVERNOR", "perhaps", "KRAKEN_GOVERNOR is on or off"),
        ("KRAKEN_PROFILE", "another", "profiles.toml"),
        ("KRAKEN_API_OTP_FILE", "/none/such", "KRAKEN_API_OTP_FILE"),
        ("KRAKEN_API_TIER", "platinum", "platinum"),
        ("KRAKEN_API_URL", "http://example.com", "plain http to example.com"),
        ("KRAKEN_NONCE_UNIT", "seconds", "ns, us, ms"),
        ("KRAKEN_STORE", "postgres://x", "KRAKEN_STORE"),
    ],
)
def test_a_value_that_is_not_understood_fails_and_is_said(
    variable: str, value: str, said: str, known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    result = run("doctor", "--offline", "--json")
    (check,) = [check for check in data(result)["checks"] if check["grade"] == "FAIL"]
    assert result.exit_code == 1
    assert check["cure"]
    assert check["name"] == "environment"
    assert said in check["found"]
    assert variable in check["found"] or variable == "KRAKEN_PROFILE"  # which names the file and the profile
    assert "tier" not in checks(result) or variable != "KRAKEN_API_TIER"
    if variable in ("KRAKEN_API_TIER", "KRAKEN_API_URL", "KRAKEN_NONCE_UNIT"):
        with pytest.raises(ValueError, match=f"{variable}: "):
            KrakenSession.from_env()
        option = {"KRAKEN_API_TIER": "tier", "KRAKEN_API_URL": "base_url", "KRAKEN_NONCE_UNIT": "nonce_unit"}
        good = {"tier": "pro", "base_url": known.url, "nonce_unit": "ns"}[option[variable]]
        options: dict[str, Any] = {option[variable]: good}
        KrakenSession.from_env(**options)  # what is given goes before
        other = run("call", "Balance")
        assert (other.exit_code, f"{variable}: " in other.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "meant"), [("KRAKEN_API_TEIR", "KRAKEN_API_TIER?"), ("KRAKEN_COLOUR", "unset it")]
)
def test_a_variable_that_is_not_read_is_warned_of(
    name: str, meant: str, known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "pro")
    result = run("doctor", "--offline", "--json")
    assert result.exit_code == 0
    (check,) = [check for check in data(result)["checks"] if name in check["found"]]
    assert (check["grade"], meant in check["cure"]) == ("WARN", True)


def test_every_variable_that_is_read_is_known_to_it() -> None:
    source = "".join(path.read_text() for path in (ROOT / "kraken_async").rglob("*.py"))
    read = {name.removesuffix("_FILE") for name in re.findall(r'"(KRAKEN_[A-Z_]+)"', source)}
    assert read == set(VARIABLES)


def test_nonces_far_ahead_of_the_clock_fail(known: EmulatorServer) -> None:
    assert run("nonce", "jump", "90000", "--yes").exit_code == 0
    assert failing("--offline").keys() == {"nonce lead"}


def test_a_state_that_cannot_be_opened_fails_as_the_session(
    known: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAKEN_NONCE_UNIT", "ms")  # the state is in ns
    assert failing().keys() == {"session"}


def test_a_key_that_kraken_does_not_take_fails(known: EmulatorServer) -> None:
    known.emulator.faults.next("GetApiKeyInfo", *[Fault.refuse("EAPI:Invalid key")] * 3)
    failed = failing()
    assert failed.keys() == {"API key at Kraken"}
    assert "KRAKEN_API_KEY" in failed["API key at Kraken"]


def test_a_lockout_fails_and_no_further_call_is_made(known: EmulatorServer) -> None:
    known.emulator.faults.next("Balance", Fault.refuse("EGeneral:Temporary lockout"))
    assert run("call", "Balance").exit_code == 1
    before = len(known.emulator.history)
    failed = failing("--yes")
    assert failed.keys() == {"breaker"}
    assert "prolongs" in failed["breaker"]
    assert {each.endpoint for each in known.emulator.history[before:]} == {"SystemStatus", "Time"}


def test_another_writer_that_kraken_shows_fails() -> None:
    check = other_writers(theirs=10, before=5, mine=7, errors={})
    assert (check.grade, "above ours" in check.found) == ("FAIL", True)
    assert other_writers(theirs=7, before=5, mine=7, errors={"EAPI:Invalid nonce": 1}).grade == "WARN"
    assert other_writers(theirs=None, before=5, mine=7, errors={}).grade == "WARN"


def test_every_check_that_can_fail_is_made_to_fail_here() -> None:
    sources = [ROOT / "kraken_async" / "cli" / name for name in ("doctor.py", "doctor_online.py")]
    calls = re.findall(r'Check\(\s*"([^"]+)",\s*"FAIL"', "".join(path.read_text() for path in sources))
    tests = Path(__file__).read_text()
    assert len(set(calls)) >= 10
    assert not [name for name in set(calls) if f'"{name}"' not in tests]
