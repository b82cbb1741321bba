"""Profiles, one-time passwords and keys as people keep them."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from kraken_async import AuthenticationError, BurstGovernor, KrakenSession, MemoryStore, sync
from kraken_async.adapters import krakenex
from kraken_async.api.endpoints import find
from kraken_async.credentials import OtpFile, clean, exposed, read_key_pair
from kraken_async.emulator.plugin import RunningEmulator
from kraken_async.limits import matching_engine
from kraken_async.profiles import profiles_file, secret_files
from kraken_async.settings import Settings
from kraken_async.wire.signer import Signer
from tests.exchange import ORDER

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="


def write(folder: Path, text: str, key: str = f"some key\n{SECRET}\n") -> Path:
    (folder / "main.key").write_text(key)
    (folder / "main.key").chmod(0o600)
    path = folder / "profiles.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("abc", "abc"),
        ("  abc\n", "abc"),
        ('"abc"', "abc"),
        ("'abc'", "abc"),
        ("\ufeffabc", "abc"),
        ('\ufeff "abc" ', "abc"),
        ('"abc', '"abc'),
        ('"', '"'),
        ("", ""),
    ],
)
def test_what_editors_and_env_files_add_is_left_out(text: str, right: str) -> None:
    assert clean(text) == right


def test_the_environment_is_read_as_docker_hands_it_over(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    found = Settings.from_env(
        {"KRAKEN_API_KEY": '"some key"', "KRAKEN_API_SECRET_FILE": f"'{path}'", "KRAKEN_API_TIER": "'pro'"}
    )
    assert (found.api_key, found.api_secret, found.tier) == ("some key", SECRET, "pro")
    assert SECRET not in repr(found)


async def test_a_profile_makes_a_session(kraken_emulator: RunningEmulator, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"""
        [profile.main]
        key_file = "main.key"
        tier = "pro"
        account = "of a profile"
        state_dir = "state"
        base_url = "{kraken_emulator.url}"
        governor = "off"
        """,
        f"{kraken_emulator.api_key}\n{kraken_emulator.api_secret}\n",
    )
    async with KrakenSession.from_profile("main", path=path) as client:
        assert "XXBT" in await client.private("Balance")
        assert not client.governor.enabled
        await client.private("AddOrder", ORDER, cl_ord_id="profiled")
        assert matching_engine.account("of a profile").ages.pair("profiled") == "XBTUSD"
    assert list((tmp_path / "state").iterdir())
    async with KrakenSession.from_profile(path=path, store=MemoryStore()) as client:  # options go before
        assert not client.stats().durable


def test_without_await_too(kraken_emulator: RunningEmulator, tmp_path: Path) -> None:
    key = f'key = "{kraken_emulator.api_key}"\nsecret = "{kraken_emulator.api_secret}"'
    path = write(
        tmp_path, f'[profile.main]\n{key}\nbase_url = "{kraken_emulator.url}"\nstate_dir = "s"\ntier = "pro"'
    )
    with sync.KrakenSession.from_profile(path=path) as client:
        assert "XXBT" in client.private("Balance")


def test_the_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, '[profile.main]\nkey_file = "main.key"\n[profile.other]\ntier = "intermediate"')
    monkeypatch.setenv("KRAKEN_PROFILES", str(path))
    assert profiles_file() == path
    assert Settings.from_profile("main").api_key == "some key"
    monkeypatch.delenv("KRAKEN_PROFILES")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert profiles_file().name == "profiles.toml"


def test_the_environment_goes_before_the_profile_that_it_names(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[profile.main]\nkey_file = "main.key"\ntier = "starter"\notp = "1234"\nstore = "memory:"'
    )
    env = {"KRAKEN_PROFILES": str(path), "KRAKEN_PROFILE": "main", "KRAKEN_API_TIER": "pro"}
    found = Settings.from_env(env)
    assert (found.api_key, found.tier, found.otp, found.store) == ("some key", "pro", "1234", "memory:")
    assert found.governor
    assert not Settings.from_env({**env, "KRAKEN_GOVERNOR": "off"}).governor
    mixed = Settings.from_env({**env, "KRAKEN_API_KEY": "another"})  # a pair is never made of two
    assert (mixed.api_key, mixed.api_secret, mixed.otp) == ("another", None, None)
    with pytest.raises(ValueError, match="no profile 'mine'"):
        Settings.from_env({**env, "KRAKEN_PROFILE": "mine"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[profile.main]\nteir = "pro"', "unknown entry 'teir': 'tier'"),
        ('[profile.main]\nkey = "a"', "go together"),
        ('[profile.main]\nkey_file = "main.key"\nkey = "a"\nsecret = "b"', "one of them"),
        ('[profile.main]\nkey_file = "missing.key"', "cannot be read"),
        ("[profile.main]\ntier = 3", "tier is a text"),
        ('[profile.main]\ntier = "gold"', r"\[profile.main\] tier: unknown tier 'gold': use one of"),
        ('[profile.main]\nnonce_unit = "xs"', r"\[profile.main\] nonce_unit: .* one of ns, us, ms, not 'xs'"),
        ('[profile.main]\ngovernor = "perhaps"', "on"),
        ("[profile.other]", "no profile 'main'"),
        ("profile = 5", "tables"),
        ("[profile", "not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, why: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=why) as caught:
        KrakenSession.from_profile("main", path=path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="KRAKEN_PROFILES"):
        KrakenSession.from_profile("main", path=tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("one", "holds 1 line: it takes two"),
        ("one\ntwo\nthree", "holds 3 lines: it takes two"),
        ("", "is empty: write the key and the secret into it"),
        ("\ufeff \n\n", "is empty: write the key and the secret into it"),
    ],
)
def test_a_key_file_holds_two_lines(tmp_path: Path, lines: str, why: str) -> None:
    path = write(tmp_path, '[profile.main]\nkey_file = "main.key"', lines)
    with pytest.raises(ValueError, match=why) as caught:
        KrakenSession.from_profile("main", path=path)
    assert str(tmp_path / "main.key") in str(caught.value)


PASSWORDS = [("", "is empty: write the password"), (' ""\n', "is empty: write"), ("1\n2\n", "holds 2 lines")]


@pytest.mark.parametrize(("text", "why"), PASSWORDS)
def test_a_password_file_without_one_password_is_named_when_a_session_is_made(
    tmp_path: Path, text: str, why: str
) -> None:
    path = write(tmp_path, '[profile.main]\nkey_file = "main.key"\notp_file = "main.otp"')
    (tmp_path / "main.otp").write_text(text)
    with pytest.raises(ValueError, match=why) as caught:
        KrakenSession.from_profile("main", path=path)
    assert str(tmp_path / "main.otp") in str(caught.value)
    env = {"KRAKEN_API_KEY": "key", "KRAKEN_API_OTP_FILE": str(tmp_path / "main.otp")}
    with pytest.raises(ValueError, match=f"KRAKEN_API_OTP_FILE names .*{why}"):
        Settings.from_env(env)


@pytest.mark.parametrize(("text", "why"), PASSWORDS)
def test_a_password_file_that_is_emptied_later_is_named_by_the_call(
    tmp_path: Path, text: str, why: str
) -> None:
    path = tmp_path / "code"
    path.write_text("123456\n")
    password = OtpFile(path, "KRAKEN_API_OTP_FILE")
    assert password() == "123456"
    path.write_text(text)
    with pytest.raises(AuthenticationError, match=why) as caught:
        Signer("key", SECRET, password).sign(find("Balance", private=True), b"", 1)
    assert caught.value.outcome == "not sent"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("entry", ["key", "secret", "otp"])
def test_an_empty_entry_of_a_profile_is_named(tmp_path: Path, entry: str) -> None:
    entries = {"key": "some key", "secret": SECRET, "otp": "123456"} | {entry: ""}
    text = "\n".join(f'{name} = "{value}"' for name, value in entries.items())
    path = write(tmp_path, f"[profile.main]\n{text}")
    with pytest.raises(ValueError, match=rf"{path.name}: \[profile.main\] {entry} is empty"):
        KrakenSession.from_profile("main", path=path)


def test_a_key_file_that_others_may_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "k"
    path.write_text(f'\ufeff"some key"\n\n"{SECRET}"\n', encoding="utf-8")
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert read_key_pair(path, "k") == ("some key", SECRET)
    assert "chmod 600" in caplog.text


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
@pytest.mark.parametrize("way", ["variables", "password", "key_file", "entries", "krakenex"])
def test_every_file_with_a_secret_is_warned_of_once(
    way: str, mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    texts = {"key": "somekey", "secret": SECRET, "otp": "123456", "pair": f"somekey\n{SECRET}\n"}
    texts["inline"] = f'[profile.main]\nkey = "somekey"\nsecret = "{SECRET}"\n'
    texts["named"] = '[profile.main]\nkey_file = "pair"\n'
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    variables, opened = {
        "variables": ({"KRAKEN_API_KEY_FILE": "key", "KRAKEN_API_SECRET_FILE": "secret"}, ["key", "secret"]),
        "password": ({"KRAKEN_API_OTP_FILE": "otp"}, ["otp"]),
        "key_file": ({"KRAKEN_PROFILES": "named"}, ["pair"]),
        "entries": ({"KRAKEN_PROFILES": "inline"}, ["inline"]),
        "krakenex": ({}, ["pair"]),
    }[way]
    for name, file in variables.items():
        monkeypatch.setenv(name, str(tmp_path / file))
    if "KRAKEN_PROFILES" in variables:
        monkeypatch.setenv("KRAKEN_PROFILE", "main")
    for file in opened:
        (tmp_path / file).chmod(mode)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            if way == "krakenex":
                krakenex.API().load_key(tmp_path / "pair")
            else:
                KrakenSession.from_env()
    warned = [record.getMessage() for record in caplog.records if "chmod 600" in record.getMessage()]
    assert len(warned) == (0 if mode == 0o600 else len(opened))
    assert all(str(tmp_path / file) in " ".join(warned) for file in opened if mode != 0o600)
    assert SECRET not in caplog.text
    if way != "krakenex":
        assert [path for path in secret_files() if exposed(path)] == [
            tmp_path / file for file in opened if mode != 0o600
        ]


def test_no_traceback_shows_a_secret(tmp_path: Path) -> None:
    broken = f'[profile.main]\nkey = "some key"\nsecret = "{SECRET}"\ntier = "gold"\nteir = "pro"'
    for text in (broken, broken.replace("teir", "account")):
        path = write(tmp_path, text)
        with pytest.raises(ValueError) as caught:
            KrakenSession.from_profile("main", path=path)
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
        ours = [frame for frame in frames if "kraken_async" in Path(frame.filename).parts]
        assert ours
        assert not [frame.name for frame in ours if SECRET in str(frame.locals)]


async def test_a_one_time_password_comes_from_the_environment_or_a_file(
    kraken_emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = ["111111", "222222", "333333"]
    key = kraken_emulator.emulator.add_key(otp=lambda: codes[0])
    monkeypatch.setenv("KRAKEN_API_KEY", key.api_key)
    monkeypatch.setenv("KRAKEN_API_SECRET", key.api_secret)
    monkeypatch.setenv("KRAKEN_API_URL", kraken_emulator.url)
    options: Any = {"governor": BurstGovernor.off(), "tier": "pro", "state_dir": tmp_path / "state"}
    monkeypatch.setenv("KRAKEN_API_OTP", "111111")
    async with KrakenSession.from_env(**options) as client:
        assert "XXBT" in await client.private("Balance")
    monkeypatch.delenv("KRAKEN_API_OTP")
    path = tmp_path / "code"
    path.write_text("111111\n")
    monkeypatch.setenv("KRAKEN_API_OTP_FILE", str(path))
    async with KrakenSession.from_env(**options) as client:
        assert "XXBT" in await client.private("Balance")
        codes.pop(0)
        path.write_text("222222\n")  # another program renews it
        assert "XXBT" in await client.private("Balance")
    other = kraken_emulator.emulator.add_key()
    async with KrakenSession.from_env(
        api_key=other.api_key, api_secret=other.api_secret, **options
    ) as client:
        assert "XXBT" in await client.private("Balance")  # the environment's password is not this key's
    sent = [a.params.get("otp") for a in kraken_emulator.emulator.history if a.endpoint == "Balance"]
    assert sent[-1] is None
    monkeypatch.setenv("KRAKEN_API_OTP_FILE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="KRAKEN_API_OTP_FILE"):
        KrakenSession.from_env(**options)


async def test_a_first_program_without_a_key_is_told_which_variables_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KRAKEN_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="KRAKEN_API_KEY") as caught:
        async with KrakenSession.from_env() as client:
            await client.private("Balance")
    assert "\n" not in str(caught.value)
