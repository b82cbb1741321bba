"""Arguments of a wrong kind: refused in words by every public name, with nothing sent, stopped or switched."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    FileStore,
    KrakenSession,
    MemoryStore,
    NonceSource,
    OrderPolicy,
    Priority,
    RedisStore,
    Response,
    RetryPolicy,
    SignedRequest,
    read_export,
    sync,
)

NOT_FLAGS = ["no", "", 0, 1, 2.5, None, [], b"x"]
NOT_TEXTS = [3, True, 2.5, [], {}, b"x", ""]
NOT_WHOLE = ["3", True, 2.5, float("nan"), None, [], -1]
NOT_TIMES = ["3", True, float("nan"), float("inf"), [], -1]
NOT_PATHS = [3, True, 2.5, [], b"x"]
NOT_FUNCTIONS = ["x", 3, []]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[KrakenSession]:
    """A session that must send nothing."""

    async def send(request: SignedRequest, _timeout: float) -> Response:
        pytest.fail(f"sent: {request.path}")

    async with KrakenSession(
        "a-key-for-tests", "c2VjcmV0", store=MemoryStore(), state_dir=tmp_path, transport=send
    ) as client:
        yield client


Use = Callable[[KrakenSession, Any], Any]

#: By what the message begins with; what uses it, and what it cannot be given.
OF_A_SESSION: list[tuple[str, Use, list[Any]]] = [
    ("cancel", lambda client, value: client.halt(cancel=value), NOT_FLAGS),
    ("refresh", lambda client, value: client.markets(refresh=value), NOT_FLAGS),
    ("enabled", lambda client, value: setattr(client.governor, "enabled", value), NOT_FLAGS),
    *(
        (name, lambda client, value, name=name: client.with_options(**{name: value}), NOT_FLAGS[:5])
        for name in ("burst_protection", "ignore_breaker")
    ),
    ("priority", lambda client, value: client.with_options(priority=value), ["CANCEL", True, 9, -1, 2.5, []]),
    ("trace", lambda client, value: client.with_options(trace=value), ["yes", 1, []]),
    ("timeout", lambda client, value: client.with_options(timeout=value), [*NOT_TIMES, 0]),
    ("queue_timeout", lambda client, value: client.with_options(queue_timeout=value), NOT_TIMES),
    ("amounts", lambda client, value: client.with_options(amounts=value), ["Decimal", True, float]),
    ("times", lambda client, value: client.with_options(times=value), ["datetime", True, float]),
    ("kind", lambda client, value: client.governor.report(value, "XBTUSD"), ["ad", None, [], 3]),
    ("pair", lambda client, value: client.governor.report("add", value), [*NOT_TEXTS, None]),
    ("order", lambda client, value: client.governor.report("add", "XBTUSD", order=value), NOT_TEXTS),
    ("age", lambda client, value: client.governor.report("cancel", "XBTUSD", age=value), NOT_TIMES),
    ("endpoint", lambda client, value: client.budget().seconds(value), [*NOT_TEXTS, None]),
    ("calls", lambda client, value: client.budget().seconds("AddOrder", value), NOT_WHOLE),
    ("pair", lambda client, value: client.budget().seconds("AddOrder", pair=value), NOT_TEXTS),
    ("rows", lambda client, value: client.budget().seconds("AddOrderBatch", rows=value), [*NOT_WHOLE, 0]),
    ("from_key", lambda client, value: client.unresolved(from_key=value), NOT_TEXTS),
    ("txid", lambda client, value: client.wait_for(txid=value), NOT_TEXTS),
    ("cl_ord_id", lambda client, value: client.wait_for(cl_ord_id=value), NOT_TEXTS),
    ("txid", lambda client, value: client.ensure_cancelled(txid=value), NOT_TEXTS),
    ("cl_ord_id", lambda client, value: client.ensure_cancelled(cl_ord_id=value), NOT_TEXTS),
    ("path", lambda client, value: client.export("trades", value), [*NOT_PATHS, None]),
    (
        "progress",
        lambda client, value: client.export("trades", "unused", progress=value),
        NOT_FUNCTIONS,
    ),
    (
        "minutes",
        lambda client, value: client.candles("XBTUSD", minutes=value, start=0, end=60),
        [*NOT_WHOLE, 0],
    ),
]


async def _used(use: Use, client: KrakenSession, value: Any) -> None:
    made = use(client, value)
    if inspect.isawaitable(made):
        await made


@pytest.mark.parametrize(
    ("name", "use", "values"), OF_A_SESSION, ids=[f"{n} {case[0]}" for n, case in enumerate(OF_A_SESSION)]
)
async def test_a_session_refuses_what_an_argument_cannot_be(
    client: KrakenSession, name: str, use: Use, values: list[Any]
) -> None:
    for value in values:
        with pytest.raises(ValueError, match=f"^{name}\\b"):
            await _used(use, client, value)
    assert client.governor.enabled
    assert not client.stats().halted


Make = Callable[..., Any]
OF_PARTS: list[tuple[str, Make, list[Any]]] = [
    ("cl_ord_id", OrderPolicy, NOT_FLAGS),
    ("hold_pair_while_unknown", OrderPolicy, NOT_FLAGS),
    ("outcome_log", OrderPolicy, NOT_PATHS),
    ("attempts", RetryPolicy, [*NOT_WHOLE, 0]),
    ("jitter", RetryPolicy, [*NOT_FUNCTIONS, None]),
    ("state_dir", FileStore, NOT_PATHS),
    ("strict_durability", FileStore, NOT_FLAGS),
    ("name", NonceSource, [*NOT_TEXTS, None]),
    ("store", NonceSource, ["file", 3, []]),
    ("unit", NonceSource, ["s", 3, [], None]),
    ("base_url", KrakenSession, [None, 3, [], b"x", "nowhere"]),
    ("nonce_unit", KrakenSession, ["s", 3, [], None]),
    ("max_queued", KrakenSession, NOT_WHOLE[:3]),
    ("observers", KrakenSession, ["x", 3, [3]]),
    ("plain_http", KrakenSession, [3, [3], b"x"]),
    ("timeout", KrakenSession, NOT_TIMES),
    ("lease", lambda **given: RedisStore("redis://localhost", **given), NOT_TIMES),
    ("timeout", lambda **given: RedisStore("redis://localhost", **given), NOT_TIMES),
    ("prefix", lambda **given: RedisStore("redis://localhost", **given), [*NOT_TEXTS, None]),
    ("path", KrakenSession.from_profile, NOT_PATHS),
    ("path", lambda path: next(iter(read_export(path))), [*NOT_PATHS, None]),
]


@pytest.mark.parametrize(
    ("name", "make", "values"), OF_PARTS, ids=[f"{n} {case[0]}" for n, case in enumerate(OF_PARTS)]
)
def test_what_an_option_cannot_be_is_refused(name: str, make: Make, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=f"^{name}\\b"):
            make(**{name: value})


@pytest.mark.parametrize("url", [3, [], b"redis://localhost", object()])
def test_a_redis_store_takes_a_url_as_text_and_shows_none(url: Any) -> None:
    with pytest.raises(ValueError, match="redis://"):
        RedisStore(url)


@pytest.mark.parametrize("step", ["3", None, 2.5, True, [], -1])
def test_a_nonce_jumps_by_a_whole_number_alone(step: Any) -> None:
    with NonceSource() as source:
        before = source.next()
        with pytest.raises(ValueError, match="nonce can be raised|nanoseconds is"):
            source.jump_forward(step)
        assert source.next() < before + 60 * 10**9


async def test_a_priority_may_be_given_by_its_number(client: KrakenSession) -> None:
    by_number: Any = 0
    assert repr(client.with_options(priority=by_number)) == repr(
        client.with_options(priority=Priority.CANCEL)
    )


def test_none_as_observers_and_hosts_is_none_given() -> None:
    nothing: Any = None
    assert isinstance(KrakenSession(observers=nothing, plain_http=nothing), KrakenSession)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("teir", ": 'tier'?"),
        ("api_sceret", ": 'api_secret'?"),
        ("state_directory", ": 'state_dir'?"),
        ("zzz", ""),
    ],
)
@pytest.mark.parametrize("session", [KrakenSession, sync.KrakenSession], ids=["async", "sync"])
def test_an_option_that_no_session_has_names_the_one_that_is_meant(
    given: str, meant: str, session: Any
) -> None:
    for make in (session, session.from_env):
        with pytest.raises(TypeError) as refused:
            make(**{given: "value"})
        assert str(refused.value) == f"KrakenSession has no option {given!r}{meant}"
