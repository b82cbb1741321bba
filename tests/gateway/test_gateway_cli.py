"""``kraken-async gateway token``, and what the gateway says when it cannot start."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kraken_async.gateway import GatewayConfig, TokenFile
from kraken_async.gateway.replies import OUTCOME
from tests.cli.cli_support import run
from tests.gateway.conftest import ORDER, Running


@pytest.fixture
def config(tmp_path: Path) -> str:
    key = tmp_path / "kraken.key"
    key.write_text("the-key\nc2VjcmV0\n")
    key.chmod(0o600)
    path = tmp_path / "gateway.toml"
    accounts = "".join(f'[accounts.{name}]\nkey_file = "kraken.key"\n' for name in ("main", "hedge"))
    path.write_text(f'listen = "127.0.0.1:0"\n{accounts}')
    return str(path)


def add(config: str, *words: str) -> str:
    done = run("gateway", "token", "add", *words, "--config", config, "--json")
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_token_is_printed_once_as_one_line_and_is_then_good(config: str) -> None:
    line = add(config, "bot", "--account", "main", "--allow", "trade,read")
    assert line.count("\n") == 1
    found = json.loads(line)
    assert found["name"] == "bot"
    token = TokenFile(GatewayConfig.load(Path(config)).tokens).find(found["token"])
    assert token is not None
    assert (token.allow, token.accounts, token.expires_at) == (("read", "trade"), ("main",), None)
    shown = run("gateway", "token", "list", "--config", config)
    assert "bot" in shown.stdout
    assert found["token"] not in shown.stdout


def test_a_token_may_end_by_itself_and_is_listed_with_its_end(config: str) -> None:
    add(config, "bot", "--account", "main", "--allow", "read", "--expires", "30d")
    (listed,) = json.loads(run("gateway", "token", "list", "--config", config, "--json").stdout)
    assert round(listed["expires_at"] - listed["created_at"]) == 30 * 86400
    assert listed["expired"] is False


def test_a_token_of_the_page_may_be_for_several_accounts(config: str) -> None:
    add(config, "page", "--account", "main", "--account", "hedge", "--allow", "read,halt")
    (listed,) = json.loads(run("gateway", "token", "list", "--config", config, "--json").stdout)
    assert listed["accounts"] == ["main", "hedge"]


def test_a_removed_token_is_gone(config: str) -> None:
    add(config, "bot", "--account", "main", "--allow", "read")
    assert run("gateway", "token", "remove", "bot", "--config", config).exit_code == 0
    assert json.loads(run("gateway", "token", "list", "--config", config, "--json").stdout) == []
    assert run("gateway", "token", "remove", "bot", "--config", config).exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bot", "--account", "main", "--allow", "withdraw"], "None allows withdrawals"),
        (["bot", "--account", "other", "--allow", "read"], "no account 'other'"),
        (["bot", "--allow", "read"], "which account"),
        (["bot", "--account", "main", "--allow", "read", "--expires", "soon"], "30d"),
        (["a b", "--account", "main", "--allow", "read"], "letters, digits"),
    ],
)
def test_what_makes_no_token_is_wrong_use(config: str, words: list[str], said: str) -> None:
    done = run("gateway", "token", "add", *words, "--config", config)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


async def shell(*words: str) -> Any:
    """Run a command beside the gateway, which goes on meanwhile, and return what it prints as JSON."""
    done = await asyncio.to_thread(run, "gateway", *words, "--yes", "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_a_shell_halts_an_account_of_a_running_gateway_and_lets_it_go_on(running: Running) -> None:
    bot, page = running.client("read,trade"), running.client("read")
    config = str(running.gateway.config.path)
    assert (await bot.call("AddOrder", ORDER))[0]["error"] == []
    told = await shell("halt", "--account", "main", "--config", config)
    assert told == {"account": "main", "halted": True, "cancelled": {"count": 1}}
    answer, headers = await bot.call("AddOrder", ORDER)
    assert (answer["error"], headers[OUTCOME]) == (["EService:Market in cancel_only mode"], "not-sent")
    (shown,) = (await page.api("/api/status"))[1]["accounts"]
    assert shown["resume_with"] == f"kraken-async gateway resume --account main --config {config}"
    assert [each["text"] for each in shown["problems"] if shown["resume_with"] in each["text"]]
    assert await shell(*shown["resume_with"].split()[2:]) == {"account": "main", "halted": False}
    assert (await bot.call("AddOrder", ORDER))[0]["error"] == []


@pytest.mark.parametrize("what", ["halt", "resume"])
def test_an_account_that_only_the_gateway_s_memory_knows_is_refused_in_words(config: str, what: str) -> None:
    path = Path(config)
    path.write_text(path.read_text() + 'store = "memory:"\n')
    done = run("gateway", what, "--account", "hedge", "--config", config, "--yes")
    assert done.exit_code == 2
    assert "memory" in done.stderr


@pytest.mark.parametrize("what", ["halt", "resume"])
@pytest.mark.parametrize(("words", "said"), [([], "which account"), (["--account", "other"], "no account")])
def test_a_halt_names_its_account(config: str, what: str, words: list[str], said: str) -> None:
    done = run("gateway", what, *words, "--config", config, "--yes")
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


@pytest.mark.parametrize("what", ["halt", "resume"])
def test_a_halt_is_not_made_without_a_yes(config: str, what: str) -> None:
    done = run("gateway", what, "--account", "main", "--config", config)
    assert done.exit_code == 2
    assert "--yes" in done.stderr


@pytest.mark.parametrize("words", [["gateway"], ["gateway", "token", "list"]])
def test_a_configuration_that_cannot_be_read_is_wrong_use_and_named(tmp_path: Path, words: list[str]) -> None:
    done = run(*words, "--config", str(tmp_path / "absent.toml"))
    assert done.exit_code == 2
    assert "absent.toml" in done.stderr.replace("\n", "")


def test_a_gateway_that_would_listen_for_others_does_not_start(config: str) -> None:
    path = Path(config)
    path.write_text(path.read_text().replace("127.0.0.1:0", "0.0.0.0:0"))
    done = run("gateway", "--config", config)
    assert done.exit_code == 2
    assert "loopback" in done.stderr
