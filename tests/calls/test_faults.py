"""Nothing but closing ends the worker: whatever is raised at whatever step is one call's error, and cancels go out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import time
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kraken_async import (
    BurstGovernor,
    FileStore,
    GuardRefused,
    KrakenError,
    KrakenSession,
    OrderPolicy,
    Outcome,
    OutcomeUnknown,
    RetryPolicy,
    TransportError,
    guards,
)
from kraken_async.calls import faults as module
from kraken_async.calls import worker
from kraken_async.calls.faults import Faults
from kraken_async.calls.ledger import CallLedger
from kraken_async.limits.governor import Admission
from kraken_async.monitoring.reporter import Reporter
from kraken_async.orders import recall
from kraken_async.orders.journal import Journal
from kraken_async.orders.tracker import OrderTracker
from kraken_async.server_time import ServerTime
from kraken_async.stores.file.key import FileKey
from kraken_async.wire.messages import Response, SignedRequest
from kraken_async.wire.signer import Signer
from tests.exchange import session_through
from tests.virtual_time import virtual
from tests.wire.support import serve

KEY = "fault-test-key", "ZmF1bHQtdGVzdC1zZWNyZXQ="
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "37500", "volume": "1.25"}

PORTS = count(1024)

RAISED = {
    "descriptors": OSError(errno.EMFILE, "Too many open files"),
    "threads": RuntimeError("can't start new thread"),
    "memory": MemoryError(),
    "value": ValueError("of a field"),
    "recursion": RecursionError("maximum recursion depth exceeded"),
}

#: Every step on a call's way that something may go wrong in, by where it stands.
STEPS: dict[str, tuple[object, str]] = {
    "store: turn": (FileKey, "try_acquire_turn"),
    "store: step": (FileKey, "step"),
    "store: release": (FileKey, "release_turn"),
    "store: release at once": (FileKey, "try_release_turn"),
    "store: note": (FileKey, "note"),
    "store: placed": (FileKey, "note_placed"),
    "governor: quote": (Admission, "_quote"),
    "governor: charge": (Admission, "charge"),
    "governor: start-up": (Admission, "started"),
    "governor: late charge": (Admission, "late_charge"),
    "recall": (recall, "recalled"),
    "journal: record": (Journal, "record"),
    "journal: sent": (Journal, "sent"),
    "journal: end": (Journal, "close_intent"),
    "tracker: complete": (OrderTracker, "complete"),
    "tracker: claim": (OrderTracker, "claim"),
    "tracker: sent": (OrderTracker, "mark_sent"),
    "tracker: end": (OrderTracker, "call_ended"),
    "ledger: send": (CallLedger, "send"),
    "reporter: sent": (Reporter, "call_sent"),
    "reporter: answered": (Reporter, "call_answered"),
    "reporter: end": (Reporter, "call_ended"),
    "signer": (Signer, "sign"),
    "server time: stamp": (ServerTime, "stamp"),
    "server time: learn": (ServerTime, "learn"),
    "decoder": (worker, "decode"),
}


async def answer(request: SignedRequest, _timeout: float) -> Response:
    """Kraken, as far as these calls need it."""
    name = request.path.rpartition("/")[2]
    results: dict[str, dict[str, Any]] = {
        "AddOrder": {"txid": ["OFAULT-TESTS-ORDER1"], "descr": {"order": "buy 1.25 XBTUSD @ limit 37500"}},
        "CancelOrder": {"count": 1},
        "Time": {"unixtime": int(time.time()), "rfc1123": ""},
    }
    result = results.get(name, {})
    if name in ("OpenOrders", "ClosedOrders"):
        result = {"open": {}} if name == "OpenOrders" else {"closed": {}, "count": 0}
    return Response(200, {}, json.dumps({"error": [], "result": result}).encode())


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KrakenSession]:
    """Open a session whose requests go through a function."""
    async with opened(tmp_path, monkeypatch, transport=answer) as client:
        yield client


@pytest.fixture
async def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KrakenSession]:
    """Open a session whose requests go over a connection."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=(await answer(SignedRequest("POST", request.path, {}, b"", 0), 0.0)).body)

    server = await serve(handler)
    async with opened(tmp_path, monkeypatch, base_url=str(server.make_url(""))) as client:
        yield client
    await server.close()


@contextlib.asynccontextmanager
async def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **where: Any
) -> AsyncIterator[KrakenSession]:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    options: dict[str, Any] = {
        "governor": BurstGovernor("pro", startup_window=0.0),
        "orders": OrderPolicy(settle_timeout=0.0, visibility=0.0),
        "retry": RetryPolicy(base=0.0),
        "store": FileStore(tmp_path),
        # Public calls are limited by address, and the matching engine's counters by account, over the whole process.
        "base_url": f"http://127.0.0.1:{next(PORTS)}",
        "account": f"faults {next(PORTS)}",
        **where,
    }
    async with KrakenSession(*KEY, guard=guards.allow_all, **options) as client:
        await client.private("Balance")
        yield client


class Odd(BaseException):
    """No Exception, as the errors of test tools and of other event loops."""


@pytest.mark.parametrize("kind", [Odd, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("of", ["observers", "on_orphan"])
async def test_what_ends_a_task_is_a_fault_where_nothing_waits(of: str, kind: type[BaseException]) -> None:
    """An observer that asks a cancelled future for its result raises CancelledError, and cancels nothing."""
    await goes_on(of, kind)


@pytest.mark.parametrize("of", ["transport", "otp"])
async def test_a_generator_exit_of_a_caller_s_function_ends_no_worker(of: str) -> None:
    await goes_on(of, GeneratorExit)


@pytest.mark.parametrize("of", ["transport", "otp", "observers", "on_orphan", "on_problem", "guard"])
async def test_what_is_no_exception_is_a_fault_like_any_other(of: str) -> None:
    await goes_on(of, Odd)


async def goes_on(of: str, kind: type[BaseException]) -> None:
    """Whatever a function of the caller's raises: the program goes on, and so does the session."""
    left, sent, gone = 0, asyncio.Event(), asyncio.Event()

    def odd(*args: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise kind("of a function of the caller's")
        return args[0] if of == "guard" else "123456"

    async def transport(request: SignedRequest, timeout: float) -> Response:
        if of == "transport":
            odd(request)
        if of == "on_orphan" and request.path.endswith("AddOrder"):
            sent.set()
            await gone.wait()
        if of == "on_problem" and request.path.endswith("AddOrder"):
            return Response(200, {}, b'{"error":["EService:Market in cancel_only mode"]}')
        return await answer(request, timeout)

    options: dict[str, Any] = {} if of == "transport" else {of: [odd] if of == "observers" else odd}
    policy = OrderPolicy(settle_timeout=0.0, visibility=0.0)
    async with session_through(transport, orders=policy, **options) as client:
        await client.private("Balance")
        left = 1
        order = asyncio.ensure_future(client.private("AddOrder", ORDER))
        if of == "on_orphan":
            await asyncio.wait_for(sent.wait(), 10)
            order.cancel()
            gone.set()
        await asyncio.wait([order], timeout=10)
        assert order.done()
        async with asyncio.timeout(20):
            for _ in range(3):
                assert await client.private("Balance") == {}
                assert await client.private("CancelOrder", txid="OFAULT-TESTS-ORDER1") == {"count": 1}
        with contextlib.suppress(KrakenError, Odd, asyncio.CancelledError):
            await order
    assert not left


@pytest.mark.parametrize("given", [None, 5, {"endpoint": "Balance"}], ids=repr)
async def test_a_guard_that_returns_no_request_refuses_the_call(given: Any) -> None:
    left = [given]
    async with session_through(answer, guard=lambda request: left.pop() if left else request) as client:
        with pytest.raises(
            GuardRefused, match=f"returned {type(given).__name__}, and must return the Request"
        ):
            await client.private("AddOrder", ORDER)
        assert await client.private("Balance") == {}


def once(original: Callable[..., Any], fault: Exception) -> Callable[..., Any]:
    """Return a function that raises the first time, and is the original one after."""
    left = [fault]

    def raising(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return original(*args, **kwargs)

    return raising


@pytest.mark.parametrize("fault", RAISED)
@pytest.mark.parametrize("step", STEPS)
async def test_a_fault_is_one_call_s_error_and_the_next_calls_succeed(
    session: KrakenSession, step: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await goes_on_after(session, step, fault, monkeypatch)


@pytest.mark.parametrize("step", sorted(STEPS.keys() - {"store: release"}))  # that is done at once, here
async def test_so_it_is_over_a_connection_whose_answers_are_delivered_as_they_are_read(
    connected: KrakenSession, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await goes_on_after(connected, step, "value", monkeypatch)


async def goes_on_after(
    session: KrakenSession, step: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, name = STEPS[step]
    monkeypatch.setattr(where, name, once(getattr(where, name), RAISED[fault]))
    first = asyncio.ensure_future(session.private("AddOrder", ORDER))
    await asyncio.wait([first], timeout=10)
    assert first.done()
    if (error := first.exception()) is not None:
        assert isinstance(error, (KrakenError, type(RAISED[fault])))
    async with asyncio.timeout(20):
        assert await session.private("CancelOrder", txid="OFAULT-TESTS-ORDER1") == {"count": 1}
        assert await session.private("Balance") == {}
        assert (await session.private("AddOrder", ORDER))["txid"]


@pytest.mark.parametrize("name", ["try_acquire_turn", "step"])
async def test_with_the_store_broken_for_good_each_call_fails_unsent_and_cancels_are_not_stuck(
    session: KrakenSession, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(FileKey, name, broken)
        for _ in range(3):
            with pytest.raises(KrakenError) as caught:
                await asyncio.wait_for(session.private("Balance"), 5)
            assert caught.value.outcome is Outcome.NOT_SENT
        if name == "try_acquire_turn":  # a cancel needs no turn
            assert await asyncio.wait_for(session.private("CancelOrder", txid="O"), 5) == {"count": 1}
    assert await session.private("Balance") == {}


async def test_background_work_that_meets_a_fault_begins_again(
    session: KrakenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[int] = []
    faults = Faults()

    async def work() -> None:
        met.append(1)
        if len(met) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "PAUSE", 0.0)
    await asyncio.wait_for(faults.keep_going("the flush", work), 5)
    assert len(met) == 3
    assert faults.total == 2


def test_a_fault_that_repeats_is_counted_and_not_logged_each_time(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()

    text = " ".join(("a", "secret"))  # its source is in the traceback, so that stands for itself

    def raising() -> None:
        raise OSError(text)

    for _ in range(1000):
        try:
            raising()
        except OSError as error:
            faults.log("AddOrder", error)
    assert faults.total == 1000
    assert [record.message.splitlines()[0] for record in caplog.records] == [
        "AddOrder met a fault, OSError:",
        "AddOrder met a fault, OSError, for the 10th time",
        "AddOrder met a fault, OSError, for the 100th time",
        "AddOrder met a fault, OSError, for the 1000th time",
    ]
    assert "a secret" not in caplog.text


def broken_at(line: int, faults: Faults) -> None:
    """Meet a fault at its own place: on this line of a file of its own, called from one and the same line."""
    broken: dict[str, Any] = {}
    exec(compile("\n" * line + "def broken(): raise OSError", "<places>", "exec"), broken)
    try:
        broken["broken"]()
    except OSError as error:
        faults.log("Balance", error)


def test_faults_are_told_apart_by_where_they_were_raised_as_far_as_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults()
    for line in (*range(module.MOST_PLACES), 0, 1, *range(2, 10)):
        broken_at(line, faults)
    assert len(caplog.records) == module.MOST_PLACES  # those that came again are counted
    for _ in range(2):
        broken_at(10_000, faults)  # no room: whole each time
    for _ in range(8):
        broken_at(0, faults)  # its place is known, and counted on
    assert [each.message.splitlines()[0] for each in caplog.records[module.MOST_PLACES :]] == [
        *["Balance met a fault, OSError:"] * 2,
        "Balance met a fault, OSError, for the 10th time",
    ]
    assert module.MOST_PLACES == 256


@virtual
async def test_background_work_begins_again_after_a_second() -> None:
    began: list[float] = []
    loop = asyncio.get_running_loop()

    async def work() -> None:
        began.append(loop.time())
        if len(began) < 3:
            raise OSError

    await Faults().keep_going("the flush", work)
    assert [at - began[0] for at in began] == pytest.approx([0.0, 1.0, 2.0])


@pytest.mark.parametrize(("step", "outcome"), [("signer", Outcome.NOT_SENT), ("decoder", Outcome.UNKNOWN)])
async def test_what_goes_wrong_before_sending_was_not_sent_and_after_it_is_unknown(
    session: KrakenSession, step: str, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(*STEPS[step], broken)
    with pytest.raises(KrakenError) as caught:
        await session.private("Withdraw", asset="XBT", key="mine", amount="1")
    assert caught.value.outcome is outcome


@pytest.mark.parametrize(
    "last",
    [
        TransportError("no connection", outcome=Outcome.NOT_SENT),
        b'{"error":["EAPI:Invalid key"]}',
        b'{"error":["EGeneral:Temporary lockout"]}',
    ],
    ids=["not sent", "refused", "locked out"],
)
async def test_how_a_repeat_ends_proves_nothing_of_the_cancel_whose_answer_was_lost(
    last: TransportError | bytes,
) -> None:
    cancels = 0

    async def transport(request: SignedRequest, timeout: float) -> Response:
        nonlocal cancels
        if not request.path.endswith("CancelOrder"):
            return await answer(request, timeout)
        cancels += 1
        if cancels == 1:
            raise TransportError("the answer was lost")
        if isinstance(last, bytes):
            return Response(200, {}, last)
        raise last

    async with session_through(transport, retry=RetryPolicy(base=0.0)) as client:
        with pytest.raises(OutcomeUnknown, match="may or may not have been done") as told:
            await client.private("CancelOrder", txid="OFAULT-TESTS-ORDER1")
        assert cancels > 1
        assert told.value.__cause__ is not None
        assert client.stats().unknown == 1
