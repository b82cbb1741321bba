"""The configuration: checked whole, and refused in words, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from kraken_async.gateway import GatewayConfig

ACCOUNT = '[accounts.main]\nkey_file = "kraken.key"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key = tmp_path / "kraken.key"
    key.write_text("the-key\nc2VjcmV0\n")
    key.chmod(0o600)
    return tmp_path


def load(folder: Path, text: str) -> GatewayConfig:
    path = folder / "gateway.toml"
    path.write_text(text)
    path.chmod(0o600)
    return GatewayConfig.load(path)


def test_an_account_with_a_key_file_is_enough(folder: Path) -> None:
    config = load(folder, ACCOUNT)
    (account,) = config.accounts
    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 8810)
    assert (account.name, account.key, account.secret) == ("main", "the-key", "c2VjcmV0")
    assert config.tokens == folder / "gateway-tokens.json"


def test_no_repr_shows_the_key_or_the_secret(folder: Path) -> None:
    shown = repr(load(folder, ACCOUNT))
    assert "the-key" not in shown
    assert "c2VjcmV0" not in shown


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_may_read_is_refused(folder: Path, mode: int) -> None:
    (folder / "kraken.key").chmod(mode)
    with pytest.raises(ValueError, match="chmod 600"):
        load(folder, ACCOUNT)


def test_a_configuration_with_a_secret_in_it_is_a_key_file_too(folder: Path) -> None:
    path = folder / "gateway.toml"
    path.write_text('[accounts.main]\nkey = "k"\nsecret = "s"\n')
    path.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        GatewayConfig.load(path)
    path.chmod(0o600)
    assert GatewayConfig.load(path).accounts[0].secret == "s"


def test_of_an_emulator_on_this_machine_a_key_is_no_secret(folder: Path) -> None:
    path = folder / "gateway.toml"
    for url, good in (("http://127.0.0.1:8099", True), ("http://localhost.evil.example", False)):
        path.write_text(f'[accounts.main]\nkey = "k"\nsecret = "s"\nbase_url = "{url}"\n')
        path.chmod(0o644)
        if good:
            assert GatewayConfig.load(path).accounts[0].secret == "s"
        else:
            with pytest.raises(ValueError, match="chmod 600"):
                GatewayConfig.load(path)


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8810", "192.168.1.5:80", "[::]:8810", "example.com:80", "evil.localhost:80", ":8810"]
)
def test_it_listens_on_nothing_but_loopback(folder: Path, listen: str) -> None:
    with pytest.raises(ValueError, match="listen is"):
        load(folder, f'listen = "{listen}"\n{ACCOUNT}')


@pytest.mark.parametrize(
    ("listen", "host"), [("127.0.0.1:0", "127.0.0.1"), ("[::1]:9", "::1"), ("localhost:1", "localhost")]
)
def test_loopback_in_any_spelling_will_do(folder: Path, listen: str, host: str) -> None:
    assert load(folder, f'listen = "{listen}"\n{ACCOUNT}').listen.host == host


def test_a_unix_socket_is_taken_from_the_configuration_s_folder(folder: Path) -> None:
    assert load(folder, f'listen = "unix:run/g.sock"\n{ACCOUNT}').listen.path == folder / "run/g.sock"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no account"),
        ("[accounts]\n", "no account"),
        ("listne = 1\n" + ACCOUNT, "listne is not an entry: listen"),
        ('[accounts.main]\nkeyfile = "k"\n', "keyfile is not an entry: key_file"),
        ("[accounts.main]\n", "add key_file"),
        ('[accounts.main]\nkey_file = "absent"\n', "absent cannot be read"),
        (ACCOUNT + 'tier = "gold"\n', "unknown tier"),
        (ACCOUNT + 'governor = "none"\n', '"on" or "off"'),
        (ACCOUNT + "hold_pair_while_unknown = 1\n", "true or false"),
        (ACCOUNT + 'key = "k"\n', "not both"),
        (ACCOUNT + "queue_timeout = 0\n", "queue_timeout"),
        ('[accounts."a b"]\nkey_file = "kraken.key"\n', "letters, digits"),
        ("max_waiting = true\n" + ACCOUNT, "max_waiting"),
        ('allowed_hosts = "a"\n' + ACCOUNT, ""),
        ('allowed_hosts = ["https://a"]\n' + ACCOUNT, "without a port"),
        ("listen = 8810\n" + ACCOUNT, "listen is a text"),
        ("[[", "not TOML"),
    ],
)
def test_what_cannot_work_is_refused_in_words_that_name_the_file(folder: Path, text: str, said: str) -> None:
    if not said:
        assert load(folder, text).allowed_hosts == ("a",)
        return
    with pytest.raises(ValueError, match=r"gateway\.toml") as refused:
        load(folder, text)
    assert said in str(refused.value)


def test_a_key_file_of_one_line_is_refused_without_showing_it(folder: Path) -> None:
    (folder / "kraken.key").write_text("only-the-secret\n")
    with pytest.raises(ValueError, match="two lines") as refused:
        load(folder, ACCOUNT)
    assert "only-the-secret" not in str(refused.value)


def test_an_empty_key_file_is_named_with_the_cure(folder: Path) -> None:
    (folder / "kraken.key").write_text("\n")
    with pytest.raises(ValueError, match="kraken.key is empty: write the key and the secret"):
        load(folder, ACCOUNT)
