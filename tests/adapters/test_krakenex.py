"""A krakenex script runs unchanged but for its import, and is not refused any more."""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import pickle
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import krakenex as real
import pytest

import kraken_async.adapters.krakenex as ours
from kraken_async import (
    AuthenticationError,
    GuardRefused,
    KrakenError,
    KrakenSession,
    MemoryStore,
    OrderPolicy,
    Outcome,
    OutcomeUnknown,
    RequestTimeout,
    RetryPolicy,
    ServiceUnavailable,
    SessionClosed,
    TransportError,
    guards,
)
from kraken_async.adapters.background import BackgroundSession
from kraken_async.adapters.krakenex.envelope import Asked, ask
from kraken_async.emulator import Fault
from kraken_async.emulator.plugin import RunningEmulator
from tests import forked
from tests.adapters.tunnels import tunnel

SCRIPT = """
{line}
from concurrent.futures import ThreadPoolExecutor

kraken = krakenex.API(KEY, SECRET)
kraken.uri = URL

def balance(_):
    return kraken.query_private("Balance")["error"]

with ThreadPoolExecutor(20) as pool:
    errors = list(pool.map(balance, range(200)))
kraken.close()
"""


@pytest.fixture(autouse=True)
def no_governor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_GOVERNOR", "off")  # the emulator counts nothing here


@pytest.fixture
def kraken(kraken_emulator: RunningEmulator) -> Iterator[ours.API]:
    with ours.API(kraken_emulator.api_key, kraken_emulator.api_secret, tier="pro") as api:
        api.uri = kraken_emulator.url
        yield api


def run(line: str, emulator: RunningEmulator) -> list[list[str]]:
    scope: dict[str, Any] = {"URL": emulator.url}
    scope["KEY"], scope["SECRET"] = emulator.emulator.add_key()
    exec(SCRIPT.format(line=line), scope)
    errors: list[list[str]] = scope["errors"]
    return errors


# ------------------------------------------------------------------ the one line


@pytest.mark.kraken_emulator(jitter=(0.0, 0.005), seed=1)
def test_a_script_with_200_concurrent_calls_is_not_refused_once(kraken_emulator: RunningEmulator) -> None:
    errors = run("import kraken_async.adapters.krakenex as krakenex", kraken_emulator)
    assert errors == [[]] * 200
    assert kraken_emulator.emulator.refused("") == 0


@pytest.mark.kraken_emulator(jitter=(0.0, 0.005), seed=1)
def test_the_same_script_on_krakenex_itself_is_refused(kraken_emulator: RunningEmulator) -> None:
    errors = run("import krakenex", kraken_emulator)
    refused = errors.count(["EAPI:Invalid nonce"])
    print(f"krakenex: {refused} of 200 refused")
    assert refused == kraken_emulator.emulator.refused() > 20


def test_every_name_of_krakenex_is_there() -> None:
    theirs = {name for name in vars(real.API()) if not name.startswith("_")}
    theirs |= {name for name in vars(real.API) if not name.startswith("_")}
    assert theirs <= set(dir(ours.API()))
    assert set(real.__all__) <= set(ours.__all__)
    assert ours.api.API is ours.API


# ------------------------------------------------------------------ envelopes


def test_answers_and_refusals_are_those_of_krakenex(
    kraken: ours.API, kraken_emulator: RunningEmulator
) -> None:
    theirs = real.API(*kraken_emulator.emulator.add_key())
    theirs.uri = kraken_emulator.url
    for method, data in [
        ("Balance", None),
        ("OpenOrders", {"trades": True}),
        ("TradesHistory", {"start": 0, "ofs": 0}),
        ("QueryOrders", {"txid": "OXXXXX-XXXXX-XXXXXX"}),
        ("AddOrder", {"pair": "NOSUCH", "type": "buy", "ordertype": "market", "volume": "1"}),
        ("AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": 10**6}),
    ]:
        expected = theirs.query_private(method, dict(data) if data else None)
        assert kraken.query_private(method, data) == expected, method
    for method, data in [("Ticker", {"pair": "XBTUSD"}), ("Ticker", {"pair": "NOSUCH"}), ("Assets", None)]:
        assert kraken.query_public(method, data) == theirs.query_public(method, data)
    theirs.close()


def test_what_a_session_would_refuse_is_said_and_sent(
    kraken: ours.API, kraken_emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}
    for _ in range(2):
        answer = kraken.query_private("AddOrder", {**order, "oflag": "post"})
        assert answer["error"] == []
    assert len(kraken_emulator.emulator.orders) == 2
    assert len([message for message in caplog.messages if '"oflags" is meant' in message]) == 1
    assert kraken.query_private("AddOrder", {"type": "buy"})["error"] == ["EGeneral:Invalid arguments:pair"]


def test_the_callers_dict_is_not_written(kraken: ours.API) -> None:
    data = {"trades": True, "nonce": 5, "userref": None}
    before = dict(data)
    assert kraken.query_private("OpenOrders", data)["error"] == []
    assert data == before


def test_an_order_goes_through_and_can_be_cancelled(
    kraken: ours.API, kraken_emulator: RunningEmulator
) -> None:
    order = {
        "pair": "XBTUSD",
        "type": "buy",
        "ordertype": "limit",
        "price": 20000.0,
        "volume": Decimal("1E-3"),
    }
    txid = kraken.query_private("AddOrder", order)["result"]["txid"][0]
    assert kraken_emulator.emulator.orders[txid].volume == Decimal("0.001")
    assert kraken.query_private("CancelOrder", {"txid": txid})["result"]["count"] == 1


def test_types_that_json_does_not_know_go_out_as_their_text(kraken: ours.API) -> None:
    class Price:
        def __str__(self) -> str:
            return "20000.0"

    order = {"pair": b"XBTUSD", "type": "buy", "ordertype": "limit", "price": Price(), "volume": "0.001"}
    assert kraken.query_private("AddOrder", order)["error"] == []


def test_json_options_are_honoured(kraken: ours.API) -> None:
    assert kraken.json_options(parse_float=Decimal) is kraken
    fees = kraken.query_public("AssetPairs", {"pair": "XBTUSD"})["result"]["XXBTZUSD"]["fees"]
    assert fees[0][1] == Decimal("0.4")
    assert isinstance(fees[0][1], Decimal)


def test_the_last_answer_is_kept_as_response(kraken: ours.API) -> None:
    answer = kraken.query_public("Time")
    assert kraken.response is not None
    assert kraken.response.status_code == 200
    assert kraken.response.json() == answer
    kraken.response.raise_for_status()
    assert str(answer["result"]["unixtime"]) in kraken.response.text


def test_networking_that_would_be_ignored_cannot_be_set(kraken: ours.API) -> None:
    kraken.session.headers["User-Agent"] = "my bot"
    with pytest.raises(AttributeError, match="HTTPS_PROXY"):
        kraken.session.proxies = {"https": "http://localhost:1"}
    with pytest.raises(AttributeError, match="HTTPS_PROXY"):
        kraken.session.proxies.update(https="http://localhost:1")
    with pytest.raises(AttributeError, match="requests"):
        kraken.session.mount("https://", object())
    with pytest.raises(AttributeError):
        kraken.session = object()  # type: ignore[assignment, misc]  # wrong on purpose


# ------------------------------------------------------------------ settings


def test_load_key_reads_two_lines(kraken_emulator: RunningEmulator, tmp_path: Path) -> None:
    path = tmp_path / "kraken.key"
    path.write_text(f"{kraken_emulator.api_key}\n{kraken_emulator.api_secret}\n")
    with ours.API() as kraken:
        kraken.uri = kraken_emulator.url
        with pytest.raises(AuthenticationError, match="load_key") as caught:
            kraken.query_private("Balance")
        assert caught.value.outcome is Outcome.NOT_SENT
        kraken.load_key(path)
        assert kraken.query_private("Balance")["error"] == []


@pytest.mark.parametrize(("text", "missing"), [("key\n", "secret"), ("", "key"), ("\nsecret\n", "key")])
def test_load_key_warns_of_a_missing_line(
    text: str, missing: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "kraken.key"
    path.write_text(text)
    with ours.API() as kraken:
        kraken.load_key(path)
    assert f"lacks the {missing}, the" in caplog.text
    assert "secret\n" not in caplog.text


def test_the_environment_names_address_and_state(
    kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KRAKEN_API_URL", kraken_emulator.url)
    monkeypatch.setenv("KRAKEN_STATE_DIR", str(tmp_path / "elsewhere"))
    with ours.API(kraken_emulator.api_key, kraken_emulator.api_secret) as kraken:
        kraken.query_private("Balance")
    assert list((tmp_path / "elsewhere").glob("*.state"))


@pytest.mark.parametrize("setting", ["on", "off"])
@pytest.mark.kraken_emulator(limits=True, tier="starter")
def test_the_governor_is_on_unless_the_environment_says_off(
    kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("KRAKEN_GOVERNOR", setting)
    with ours.API(kraken_emulator.api_key, kraken_emulator.api_secret, store=MemoryStore()) as kraken:
        kraken.uri = kraken_emulator.url
        with BackgroundSession(kraken.make) as background:
            governed = background.run(_enabled)
    assert governed is (setting == "on")


async def _enabled(session: KrakenSession) -> bool:
    return session.governor.enabled


def test_an_address_set_later_holds_from_the_next_call_on(
    kraken: ours.API, kraken_emulator: RunningEmulator
) -> None:
    right = kraken.uri
    assert kraken.query_public("Time")["error"] == []
    kraken.uri = "http://127.0.0.1:9"
    with pytest.raises(TransportError):
        kraken.query_private(
            "AddOrder", {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": 1}
        )
    kraken.uri = right
    assert kraken.query_private("Balance")["error"] == []
    kraken.apiversion = "1"
    kraken.close()
    with pytest.raises(ValueError, match="apiversion"):
        kraken.query_public("Time")


def test_a_one_time_password_in_the_data_is_of_that_call_alone(kraken_emulator: RunningEmulator) -> None:
    otp = "123456"
    pair = kraken_emulator.emulator.add_key(otp=otp)
    with ours.API(*pair) as kraken:
        kraken.uri = kraken_emulator.url
        for _ in range(2):
            assert kraken.query_private("Balance", {"otp": otp})["error"] == []
            assert kraken.query_private("Balance")["error"] != []


async def test_of_two_calls_at_once_each_has_its_own_password(kraken_emulator: RunningEmulator) -> None:
    pair = kraken_emulator.emulator.add_key(otp="123456")
    async with ours.AsyncAPI(*pair) as kraken:
        kraken.uri = kraken_emulator.url
        asked = [{"otp": otp} if otp else None for otp in ("123456", "654321", "", "123456")]
        answers = await asyncio.gather(*(kraken.query_private("Balance", data) for data in asked))
    assert [answer["error"] == [] for answer in answers] == [True, False, False, True]


def test_a_password_of_the_api_holds_for_all_calls_and_one_in_the_data_goes_before_it(
    kraken_emulator: RunningEmulator,
) -> None:
    pair = kraken_emulator.emulator.add_key(otp="123456")
    with ours.API(*pair, otp="123456") as kraken:
        kraken.uri = kraken_emulator.url
        assert kraken.query_private("Balance")["error"] == []
        assert kraken.query_private("Balance", {"otp": "654321"})["error"] != []
        assert kraken.query_private("Balance")["error"] == []


def test_the_password_of_a_call_shows_in_no_frame_and_no_repr(
    kraken_emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    canary = "canary-of-one-call"

    def ask_with_password(kraken: ours.API) -> None:
        data = {"otp": canary, "asset": "XBT", "key": "cold", "amount": "1"}
        kraken.query_private("Withdraw", data)

    with ours.API(*kraken_emulator.emulator.add_key(otp="123456")) as kraken:
        kraken.uri = kraken_emulator.url
        with pytest.raises(GuardRefused) as caught:
            ask_with_password(kraken)
        asked = kraken.asked("private", "Balance", {"otp": canary}, None)
        assert canary not in repr(asked) + repr(vars(kraken))
    here = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = [
        frame.locals for frame in here.stack if "kraken_async" in frame.filename and frame.locals is not None
    ]
    assert shown
    assert canary not in repr(shown) + caplog.text


def test_withdrawals_need_permission(kraken_emulator: RunningEmulator) -> None:
    data = {"asset": "XBT", "key": "cold", "amount": "0.1"}
    for guard, refused in ((None, True), (guards.allow_all, False)):
        with ours.API(kraken_emulator.api_key, kraken_emulator.api_secret, guard=guard) as kraken:
            kraken.uri = kraken_emulator.url
            if refused:
                with pytest.raises(GuardRefused):
                    kraken.query_private("Withdraw", data)
            else:
                assert "error" in kraken.query_private("Withdraw", data)


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with tunnel() as (url, seen):
        monkeypatch.setenv("HTTPS_PROXY", url)
        with ours.API("key", "c2VjcmV0", retry=RetryPolicy(attempts=1)) as kraken:
            kraken.uri = "https://api.kraken.com"
            with pytest.raises(TransportError) as caught:
                kraken.query_private("Balance")
    assert caught.value.outcome is Outcome.NOT_SENT
    assert seen[0].startswith(b"CONNECT api.kraken.com:443 ")


# ------------------------------------------------------------------ failures


def test_an_order_of_unknown_outcome_is_raised_and_never_shown_as_data(
    kraken_emulator: RunningEmulator,
) -> None:
    policy = OrderPolicy(settle_timeout=0.05, visibility=60.0)
    with ours.API(kraken_emulator.api_key, kraken_emulator.api_secret, orders=policy) as kraken:
        kraken.uri = kraken_emulator.url
        kraken_emulator.emulator.faults.next("AddOrder", Fault.reset("before"))
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "20000", "volume": "0.001"}
        with pytest.raises(OutcomeUnknown) as caught:
            kraken.query_private("AddOrder", order)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert caught.value.endpoint == "AddOrder"


def test_an_answer_that_leaves_open_whether_money_moved_is_no_envelope(
    kraken_emulator: RunningEmulator,
) -> None:
    with ours.API(kraken_emulator.api_key, kraken_emulator.api_secret, guard=guards.allow_all) as kraken:
        kraken.uri = kraken_emulator.url
        kraken_emulator.emulator.faults.next("Withdraw", *[Fault.refuse("EService:Busy", "after")] * 9)
        with pytest.raises(KrakenError) as caught:
            kraken.query_private("Withdraw", {"asset": "XBT", "key": "cold", "amount": "0.1"})
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.NOT_SENT, Outcome.REFUSED])
async def test_only_a_refusal_becomes_an_envelope(outcome: Outcome) -> None:
    error = ServiceUnavailable("busy", outcome=outcome, errors=["EService:Busy"])

    class Busy:
        async def private(self, *_: Any) -> None:
            raise error

    session: Any = Busy()
    if outcome is Outcome.REFUSED:
        assert await ask(session, Asked("private", "Withdraw", {})) == {"error": ["EService:Busy"]}
    else:
        with pytest.raises(ServiceUnavailable):
            await ask(session, Asked("private", "Withdraw", {}))


def test_ctrl_c_cancels_the_call_that_is_waited_for(
    kraken_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def wait(session: KrakenSession) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def interrupted(*_: Any) -> Any:
        assert begun.wait(30)  # work that has not begun is dropped without a word
        monkeypatch.undo()
        raise KeyboardInterrupt

    with BackgroundSession(lambda: KrakenSession.from_env(base_url=kraken_emulator.url)) as background:
        monkeypatch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            background.run(wait)
        assert cancelled.wait(30)


def test_a_timeout_of_the_call_is_raised(kraken: ours.API, kraken_emulator: RunningEmulator) -> None:
    kraken_emulator.emulator.faults.next("*", *[Fault.hang()] * 5)
    started = time.monotonic()
    with pytest.raises((RequestTimeout, OutcomeUnknown)):
        kraken.query_private("CancelAll", timeout=0.1)
    assert time.monotonic() - started < 10


# ------------------------------------------------------------------ threads and lifetimes


def test_a_dropped_api_ends_its_thread(kraken_emulator: RunningEmulator) -> None:
    kraken = ours.API(kraken_emulator.api_key, kraken_emulator.api_secret)
    kraken.uri = kraken_emulator.url
    kraken.query_private("Balance")
    opened = weakref.ref(kraken)
    assert _threads() == 1
    del kraken
    gc.collect()
    assert opened() is None
    assert _threads() == 0


def _threads() -> int:
    return sum(thread.name == "kraken_async-session" for thread in threading.enumerate())


def test_closing_is_final_for_calls_and_not_for_the_api(kraken: ours.API, no_leaks: Any) -> None:
    kraken.close()
    with no_leaks:
        kraken.query_private("Balance")
        kraken.close()
        kraken.close()


def test_a_closed_background_session_says_so(kraken_emulator: RunningEmulator) -> None:
    def make() -> KrakenSession:
        return KrakenSession.from_env(base_url=kraken_emulator.url)

    with BackgroundSession(make) as background:
        assert "unixtime" in background.public("Time")
        assert background.stats().problems == ()
        caught: list[BaseException] = []

        async def ask_itself(session: KrakenSession) -> None:
            try:
                background.public("Time")
            except RuntimeError as error:
                caught.append(error)

        background.run(ask_itself)
        assert len(caught) == 1
    with pytest.raises(SessionClosed):
        background.public("Time")


def test_calls_that_wait_while_another_thread_closes_end_with_an_error(
    kraken: ours.API, kraken_emulator: RunningEmulator
) -> None:
    kraken_emulator.emulator.faults.next("*", *[Fault.hang()] * 50)
    background = BackgroundSession(kraken.make)
    sent = threading.Event()
    ended: list[Any] = []

    def call() -> None:
        future = background.submit(lambda session: session.private("Balance"))
        sent.set()
        try:
            ended.append(future.result(30))
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert sent.wait(30)
    background.close(grace=0.2)
    thread.join(30)
    assert isinstance(ended[0], BaseException)


def test_settings_that_cannot_work_are_told_in_the_callers_thread() -> None:
    with pytest.raises(ValueError, match="secret"):
        ours.API("key", "not base64!").query_private("Balance")


def test_a_script_that_never_closes_ends_quietly(kraken_emulator: RunningEmulator) -> None:
    script = (
        "import sys, threading, time\n"
        "import kraken_async.adapters.krakenex as krakenex\n"
        "k = krakenex.API(sys.argv[2], sys.argv[3]); k.uri = sys.argv[1]\n"
        "def work():\n"
        "    threading.main_thread().join()\n"
        "    print(k.query_private('Balance')['error'])\n"
        "print(k.query_private('Balance')['error'])\n"
        "threading.Thread(target=work).start()\n"  # a thread may go on after the main one
    )
    done = forked.run(
        [sys.executable, "-W", "error", "-c", script, *_address(kraken_emulator)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n[]\n"), done.stderr
    if sys.version_info[:3] in ((3, 12, 0), (3, 12, 1)):
        return  # these start no thread at the end of a program, and say so
    assert [
        line for line in done.stderr.splitlines() if "tier not set" not in line and "19-digit" not in line
    ] == []


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_child_opens_a_session_of_its_own(kraken_emulator: RunningEmulator) -> None:
    script = (
        "import os, sys\n"
        "import kraken_async.adapters.krakenex as krakenex\n"
        "k = krakenex.API(sys.argv[2], sys.argv[3]); k.uri = sys.argv[1]\n"
        "assert k.query_private('Balance')['error'] == []\n"
        "child = os.fork()\n"
        "for _ in range(5): assert k.query_private('Balance')['error'] == []\n"
        "k.close()\n"
        "if child: sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    done = forked.run(
        [sys.executable, "-c", script, *_address(kraken_emulator)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert kraken_emulator.emulator.refused("") == 0


def _address(emulator: RunningEmulator) -> tuple[str, str, str]:
    return emulator.url, emulator.api_key, emulator.api_secret


# ------------------------------------------------------------------ awaitable


@pytest.mark.kraken_emulator(jitter=(0.0, 0.002))
async def test_the_async_twin_does_the_same(kraken_emulator: RunningEmulator) -> None:
    async with ours.AsyncAPI(kraken_emulator.api_key, kraken_emulator.api_secret) as kraken:
        kraken.uri = kraken_emulator.url
        answers = await asyncio.gather(*(kraken.query_private("Balance") for _ in range(100)))
        assert all(answer["error"] == [] for answer in answers)
        refusal = await kraken.query_private("CancelOrder", {"txid": "nonsense"})
        assert refusal["error"]
        assert (await kraken.query_public("Time"))["result"]["unixtime"] > 10**9
    assert kraken_emulator.emulator.refused() == 0


def test_no_secret_shows_in_a_repr() -> None:
    kraken = ours.API("the key", "dGhlIHNlY3JldA==")
    assert "key" not in repr(kraken)
    assert "dGhl" not in repr(kraken)


# ------------------------------------------------------------------ files, and other processes


def test_a_file_raises_as_krakenex_does_and_stays_in_the_response(
    kraken: ours.API, kraken_emulator: RunningEmulator
) -> None:
    theirs = real.API(kraken.key, kraken.secret)
    theirs.uri = kraken_emulator.url
    data = {"report": "trades", "format": "CSV", "description": "all"}
    found = {}
    for name, api in (("ours", kraken), ("theirs", theirs)):
        if name == "theirs":  # its nonces are lower: it asks with a key of its own
            theirs.key, theirs.secret = kraken_emulator.emulator.add_key()
        report = api.query_private("AddExport", dict(data))["result"]["id"]
        with pytest.raises(json.JSONDecodeError):
            api.query_private("RetrieveExport", {"id": report})
        assert api.response is not None
        found[name] = api.response.content
        with pytest.raises(json.JSONDecodeError):
            api.response.json()
    assert found["ours"][:2] == found["theirs"][:2] == b"PK"


def test_json_options_do_not_break_on_a_file(kraken: ours.API) -> None:
    kraken.json_options(parse_float=str)
    report = kraken.query_private("AddExport", {"report": "trades", "description": "all"})["result"]["id"]
    with pytest.raises(json.JSONDecodeError):
        kraken.query_private("RetrieveExport", {"id": report})
    assert kraken.response is not None
    assert isinstance(kraken.response.text, str)
    assert kraken.query_private("Balance")["error"] == []


def test_the_response_has_the_body_and_the_address(kraken: ours.API) -> None:
    envelope = kraken.query_private("Balance")
    assert kraken.response is not None
    assert json.loads(kraken.response.content) == json.loads(kraken.response.text) == envelope
    assert kraken.response.url == f"{kraken.uri}/0/private/Balance"


@pytest.mark.parametrize("kind", [ours.API, ours.AsyncAPI])
def test_an_api_can_be_pickled_before_and_after_a_call(
    kind: type[Any], kraken: ours.API, kraken_emulator: RunningEmulator
) -> None:
    kraken.query_private("Balance")
    copy = pickle.loads(
        pickle.dumps(kraken if kind is ours.API else ours.AsyncAPI("key", "c2VjcmV0", tier="pro"))
    )
    assert isinstance(copy, kind)
    if isinstance(copy, ours.API):
        with copy:
            assert copy.query_private("Balance")["error"] == []


def balance_elsewhere(kraken: ours.API) -> list[str]:
    with kraken:
        errors: list[str] = kraken.query_private("Balance")["error"]
        return errors


def test_an_api_goes_into_a_spawned_pool(kraken: ours.API) -> None:
    assert kraken.query_private("Balance")["error"] == []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(balance_elsewhere, kraken).result(50) == []
