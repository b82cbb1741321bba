"""Problems as an operator reads them: nothing of Python's, whatever the session says."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kraken_async.gateway import words
from kraken_async.gateway.replies import REASON
from kraken_async.limits.waits import START_UP, THROTTLED, LimitWait
from kraken_async.problems import SEVERITIES
from tests.gateway.conftest import ORDER, Running

#: Names that mean something to who writes Python, and nothing to who reads the page.
PYTHON = re.compile(
    r"\w\(\)|\w+_\w+|\b[A-Z][a-z]+[A-Z]\w+Store\b|RedisStore|FileStore|KrakenSession|stats|None\b|=\.\.\."
)


def shown(code: str, text: str, **stats: Any) -> str:
    data = {"problems": [text], "problem_codes": [(code, SEVERITIES[code])], **stats}
    (found,) = words.of_problems(data, "kraken-async gateway resume")
    assert (found["code"], found["severity"]) == (code, SEVERITIES[code])
    return found["text"]


def test_a_halt_says_how_it_ends() -> None:
    text = shown("halted", "trading is halted on this key until resume()")
    assert text.endswith("run in a shell, as the gateway's user: kraken-async gateway resume")


@pytest.mark.parametrize(("count", "said"), [(1, "1 order is not"), (12, "12 orders is not")])
def test_orders_in_doubt_are_counted(count: int, said: str) -> None:
    text = f"the outcome of orders is unknown: {count}, see unresolved()"
    found = shown("orders-unresolved", text, unresolved=count)
    assert said in found
    assert "unresolved()" not in found


def test_a_wait_names_what_is_waited_for_and_which_call_is_first() -> None:
    wait = LimitWait("private", 5, "Ledgers", 1.7, 10.0)
    assert shown("limit-wait", str(wait)) == (
        "5 calls wait for Kraken's call counter: the first (Ledgers) goes in 1.7 s, the last in some 10 s"
    )


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        (
            5,
            "5 calls wait for Kraken's call counter: the first (ClosedOrders, a look-up of a lost order) goes in 1.7 s",
        ),
        (1, "ClosedOrders, a look-up of a lost order, waits for Kraken's call counter: 1.7 s more"),
    ],
)
def test_a_look_up_is_told_from_a_program_s_call(calls: int, said: str) -> None:
    wait = LimitWait("counter", calls, "the look-up ClosedOrders", 1.7, 10.0)
    assert shown("limit-wait", str(wait)).startswith(said)


@pytest.mark.parametrize("limit", [START_UP, THROTTLED, "pair:XBTUSD", "private"])
@pytest.mark.parametrize("calls", [1, 3])
def test_no_wait_speaks_python(limit: str, calls: int) -> None:
    assert not PYTHON.search(shown("limit-wait", str(LimitWait(limit, calls, "AddOrder", 1.0, 9.0))))


def test_a_sentence_without_a_code_is_shown_as_it_is() -> None:
    assert words.of_problems({"problems": ["something is odd"]}) == [
        {"code": "", "severity": "warning", "text": "something is odd"}
    ]


async def test_no_problem_of_a_session_s_own_speaks_python(running: Running) -> None:
    from kraken_async.monitoring import statistics

    stats = replace(
        running.account.session.stats(),
        breaker="locked out",
        breaker_until=time.time() + 900,
        halted=True,
        unresolved=2,
        in_flight_age=60.0,
        nonce_lead=500.0,
    )
    problems = list(statistics.shown_problems(stats.as_dict()))
    assert len(problems) == 5
    data = replace(stats, **statistics.told(problems, None)).as_dict()
    for each in words.of_problems(data, "kraken-async gateway resume"):
        assert not PYTHON.search(each["text"]), each
    paused = list(statistics.shown_problems(replace(stats, breaker="paused").as_dict()))
    data = replace(stats, **statistics.told(paused, None)).as_dict()
    assert "refused this key's nonces" in words.of_problems(data)[0]["text"]


def test_the_places_of_state_speak_no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kraken_async.system import paths

    monkeypatch.delenv("HOME", raising=False)
    tmp_path.chmod(0o777)
    for kind, mount in (("tmpfs", "/"), ("overlay", "/"), ("nfs", "/"), ("ext4", "/")):
        monkeypatch.setattr(paths, "file_system", lambda _, found=(kind, mount): found)
        for problem in paths.place_problems(tmp_path, chosen=False):
            text = shown(problem.code, str(problem)).replace(str(tmp_path), "")
            assert not PYTHON.search(text), text


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        (
            "AddOrder",
            {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "oflag": "post"},
            '"oflags" is meant',
        ),
        ("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market"}, '"volume" is missing'),
        ("Balanc", {}, "not known here, and no token may call it; Balance?"),
    ],
)
async def test_what_a_program_sent_wrong_is_said_without_names_of_pythons(
    name: str, fields: dict[str, Any], said: str, running: Running
) -> None:
    answer, headers = await running.client().call(name, fields)
    text = f"{answer['error'][0]} {headers.get(REASON, '')}"
    assert said in text
    assert not PYTHON.search(text), text
    assert "False" not in text


async def test_a_halted_order_is_refused_without_names_of_pythons(running: Running) -> None:
    await running.client("halt").api("/api/halt", method="POST", json={"account": "main"})
    _, headers = await running.client().call("AddOrder", ORDER)
    assert headers[REASON] == "AddOrder was not sent: trading is halted on this key"
