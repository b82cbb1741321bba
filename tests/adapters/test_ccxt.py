"""A ccxt bot runs unchanged but for one line, and is not refused any more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from kraken_async import (
    KrakenSession,
    MemoryStore,
    OrderPolicy,
    Outcome,
    OutcomeUnknown,
    RetryPolicy,
    guards,
)
from kraken_async import errors as ours
from kraken_async.adapters.ccxt import (
    BackgroundSession,
    KrakenOutcomeUnknown,
    attach,
    attach_sync,
    proxies,
)
from kraken_async.adapters.ccxt.errors import refused
from kraken_async.emulator import Fault
from kraken_async.emulator.plugin import RunningEmulator
from tests.adapters.tunnels import tunnel
from tests.exchange import session

# ccxt asks aiohttp for what newer Pythons do by themselves, and aiohttp says so.
pytestmark = pytest.mark.filterwarnings("ignore:enable_cleanup_closed ignored:DeprecationWarning")

BOT = """
async def bot(exchange):
    {line}

    async def balance():
        try:
            await exchange.fetch_balance()
        except ccxt.InvalidNonce as error:
            return error

    return await asyncio.gather(*(balance() for _ in range(200)))
"""


def options(emulator: RunningEmulator, **more: Any) -> dict[str, Any]:
    """Settings of an exchange that talks to the emulator, and knows no key."""
    api = dict.fromkeys(("public", "private", "zendesk"), emulator.url)
    return {"urls": {"api": api}, "enableRateLimit": False, "timeout_on_exit": 0, **more}


@pytest.fixture(params=["async_support", "pro"])
async def exchange(
    request: pytest.FixtureRequest, kraken_emulator: RunningEmulator
) -> AsyncIterator[ccxt.async_support.kraken]:
    """An exchange attached to a session, without a secret of its own."""
    made = getattr(ccxt, request.param).kraken(options(kraken_emulator))
    made.timeout_on_exit = 0
    async with session(kraken_emulator) as client:
        yield attach(made, client)
        await made.close()
        assert (await client.private("Balance")) is not None  # close() left the session to its owner


# ------------------------------------------------------------------ the one line


async def run_bot(line: str, emulator: RunningEmulator) -> list[Exception]:
    exchange = ccxt.async_support.kraken(
        options(emulator, apiKey=emulator.api_key, secret=emulator.api_secret)
    )
    exchange.timeout_on_exit = 0
    async with session(emulator) as client:
        scope: dict[str, Any] = {"ccxt": ccxt, "asyncio": asyncio, "attach": attach, "session": client}
        exec(BOT.format(line=line), scope)
        await exchange.load_markets()
        errors: list[Exception] = [error for error in await scope["bot"](exchange) if error]
        await exchange.close()
    return errors


@pytest.mark.kraken_emulator(jitter=(0.0, 0.005), seed=1)
async def test_a_bot_with_200_concurrent_calls_is_not_refused_once(kraken_emulator: RunningEmulator) -> None:
    assert await run_bot("attach(exchange, session)", kraken_emulator) == []
    assert kraken_emulator.emulator.refused("") == 0
    assert kraken_emulator.emulator.max_in_flight[kraken_emulator.api_key] == 1


@pytest.mark.kraken_emulator(jitter=(0.0, 0.005), seed=1)
async def test_the_same_bot_on_ccxt_alone_is_refused(
    kraken_emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ccxt")  # at DEBUG it logs its headers, key and signature among them
    errors = await run_bot("pass", kraken_emulator)
    print(f"ccxt: {len(errors)} of 200 refused")
    assert len(errors) == kraken_emulator.emulator.refused() > 20


@pytest.mark.kraken_emulator(jitter=(0.0, 0.002), seed=1)
def test_a_synchronous_bot_in_threads_is_not_refused_once(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.kraken(options(kraken_emulator))
    exchange.load_markets()
    with BackgroundSession(lambda: session(kraken_emulator)) as background:
        attach_sync(exchange, background)
        with ThreadPoolExecutor(20) as pool:
            balances = list(pool.map(lambda _: exchange.fetch_balance(), range(200)))
    exchange.session.close()
    assert len(balances) == 200
    assert kraken_emulator.emulator.refused("") == 0


# ------------------------------------------------------------------ what a bot does


async def test_orders_balances_trades_and_ledger(exchange: Any, kraken_emulator: RunningEmulator) -> None:
    await exchange.load_markets()
    balance = await exchange.fetch_balance()
    assert balance["total"]["USD"] > 0
    order = await exchange.create_order("BTC/USD", "limit", "buy", 0.001, 20_000.0)
    assert kraken_emulator.emulator.orders[order["id"]].volume == Decimal("0.001")
    assert [each["id"] for each in await exchange.fetch_open_orders("BTC/USD")] == [order["id"]]
    await exchange.cancel_order(order["id"])
    assert await exchange.fetch_open_orders() == []
    bought = await exchange.create_order("BTC/USD", "market", "buy", 0.002)
    trades = await exchange.fetch_my_trades("BTC/USD")
    assert [(trade["order"], trade["amount"]) for trade in trades] == [(bought["id"], 0.002)]
    assert isinstance(trades[0]["price"], float)
    ledger = await exchange.fetch_ledger()
    assert {entry["currency"] for entry in ledger} >= {"USD", "BTC"}
    closed = await exchange.fetch_closed_orders()
    assert bought["id"] in {each["id"] for each in closed}
    assert kraken_emulator.emulator.refused("") == 0


async def test_what_a_session_would_refuse_is_said_and_sent(
    exchange: Any, kraken_emulator: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    await exchange.load_markets()
    await exchange.fetch_balance()
    order = await exchange.create_order("BTC/USD", "limit", "buy", 0.1, 100, {"postOnly": True})
    await exchange.fetch_open_orders("BTC/USD")
    await exchange.cancel_order(order["id"], "BTC/USD")
    assert not [message for message in caplog.messages if "sent as it is" in message], (
        "an ordinary bot is left in peace"
    )
    await exchange.create_order("BTC/USD", "limit", "buy", 0.1, 100, {"oflag": "post"})
    assert len([message for message in caplog.messages if '"oflags" is meant' in message]) == 1


def test_a_synchronous_bot_does_the_same(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.kraken(options(kraken_emulator))
    with BackgroundSession(lambda: session(kraken_emulator)) as background:
        attach_sync(exchange, background, public=True)
        exchange.load_markets()
        assert exchange.fetch_balance()["total"]["USD"] > 0
        order = exchange.create_order("BTC/USD", "limit", "buy", 0.001, 20_000.0)
        assert [each["id"] for each in exchange.fetch_open_orders()] == [order["id"]]
        exchange.cancel_order(order["id"])
        exchange.create_order("BTC/USD", "market", "buy", 0.002)
        assert len(exchange.fetch_my_trades()) == 1
        assert len(exchange.fetch_ledger()) >= 2
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order("BTC/USD", "market", "buy", 10_000_000.0)
        exchange.session.close()


async def test_stop_orders_and_conditional_closes_arrive_as_ccxt_means_them(
    exchange: Any, kraken_emulator: RunningEmulator
) -> None:
    await exchange.load_markets()
    stop = await exchange.create_order(
        "BTC/USD", "market", "sell", 0.001, None, {"stopLossPrice": 30_000.0, "clientOrderId": "my-own-id"}
    )
    placed = kraken_emulator.emulator.orders[stop["id"]]
    assert placed.ordertype == "stop-loss"
    assert placed.cl_ord_id == "my-own-id"
    many = await exchange.create_orders(
        [
            {"symbol": "BTC/USD", "type": "limit", "side": "buy", "amount": 0.001, "price": 20_000.0 + n}
            for n in range(2)
        ]
    )
    assert len({order["id"] for order in many}) == 2


async def test_one_exchange_may_use_a_session_of_another_loop(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.async_support.kraken(options(kraken_emulator))
    exchange.timeout_on_exit = 0
    with BackgroundSession(lambda: session(kraken_emulator)) as background:
        attach(exchange, background, public=True)
        await exchange.load_markets()
        balances = await asyncio.gather(*(exchange.fetch_balance() for _ in range(20)))
        assert len(balances) == 20
        order = await exchange.create_order("BTC/USD", "limit", "buy", 0.001, 20_000.0)
        await exchange.cancel_order(order["id"])
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(order["id"])
    await exchange.close()


async def test_ccxts_throttle_does_not_hold_private_calls(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.async_support.kraken(options(kraken_emulator, enableRateLimit=True))
    exchange.timeout_on_exit = 0
    async with session(kraken_emulator) as client:
        attach(exchange, client, public=True)
        await exchange.load_markets()
        started = time.monotonic()
        for _ in range(10):
            await exchange.fetch_balance()
        assert time.monotonic() - started < 5  # ccxt alone: 30 s at 3 s each
        await exchange.close()


async def test_public_calls_stay_ccxts_unless_asked_for(
    exchange: Any, kraken_emulator: RunningEmulator
) -> None:
    await exchange.fetch_ticker("BTC/USD")
    agents = {arrival.endpoint for arrival in kraken_emulator.emulator.history}
    assert "AssetPairs" in agents
    assert exchange.session is not None  # opened by ccxt for its public calls


# ------------------------------------------------------------------ what a bot sees when it fails


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("EOrder:Insufficient funds", ccxt.InsufficientFunds),
        ("EGeneral:Permission denied", ccxt.PermissionDenied),
        ("EAPI:Rate limit exceeded", ccxt.DDoSProtection),
        ("EAPI:Invalid key", ccxt.AuthenticationError),
        ("EOrder:Something new", ccxt.ExchangeError),
    ],
)
async def test_refusals_are_ccxts_own(
    kraken_emulator: RunningEmulator, error: str, expected: type[Exception]
) -> None:
    exchange = ccxt.async_support.kraken(options(kraken_emulator))
    exchange.timeout_on_exit = 0
    async with session(kraken_emulator) as client:
        attach(exchange, client)
        kraken_emulator.emulator.faults.next("Balance", *[Fault.refuse(error)] * 9)
        with pytest.raises(expected) as caught:
            await exchange.privatePostBalance()
        assert error in str(caught.value)
        await exchange.close()


async def test_an_order_of_unknown_outcome_is_never_a_network_error(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.async_support.kraken(options(kraken_emulator))
    exchange.timeout_on_exit = 0
    policy = OrderPolicy(settle_timeout=0.05)
    async with session(kraken_emulator, orders=policy) as client:
        attach(exchange, client)
        await exchange.load_markets()
        kraken_emulator.emulator.faults.next("AddOrder", Fault.reset("before"))
        with pytest.raises(KrakenOutcomeUnknown) as caught:
            await exchange.create_order(
                "BTC/USD", "limit", "buy", 0.001, 20_000.0, {"maxRetriesOnFailure": 3}
            )
        await exchange.close()
    assert isinstance(caught.value, ccxt.ExchangeError)
    assert not isinstance(caught.value, ccxt.OperationFailed)
    assert isinstance(caught.value.error, OutcomeUnknown)
    assert caught.value.error.cl_ord_id
    sent = [arrival for arrival in kraken_emulator.emulator.history if arrival.endpoint == "AddOrder"]
    assert len(sent) == 1


async def test_a_lost_answer_to_an_order_is_found_by_the_session(
    exchange: Any, kraken_emulator: RunningEmulator
) -> None:
    await exchange.load_markets()
    kraken_emulator.emulator.faults.next("AddOrder", Fault.reset("after"))
    order = await exchange.create_order("BTC/USD", "limit", "buy", 0.001, 20_000.0)
    assert list(kraken_emulator.emulator.orders) == [order["id"]]


async def test_the_guard_of_the_session_holds(exchange: Any) -> None:
    with pytest.raises(ccxt.PermissionDenied):
        await exchange.privatePostWithdraw({"asset": "XBT", "key": "cold", "amount": "1"})


async def test_a_field_that_cannot_be_sent_is_a_bad_request(exchange: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="finite"):
        await exchange.privatePostAddOrder({"pair": "XBTUSD", "price": float("nan")})


class Exchange(ccxt.kraken):  # type: ignore[misc]  # ccxt is untyped
    """What ccxt makes of Kraken's strings, without a connection."""


@pytest.mark.parametrize(
    ("path", "error", "expected"),
    [
        ("AddOrder", ours.QueueTimeout("late"), ccxt.RequestTimeout),
        ("AddOrder", ours.QueueFull("full"), ccxt.RateLimitExceeded),
        ("AddOrder", ours.OrderWithdrawn("taken back"), ccxt.InvalidOrder),
        ("AddOrder", ours.TradingHalted("halted"), ccxt.OperationRejected),
        ("AddOrder", ours.GuardRefused("guard"), ccxt.PermissionDenied),
        ("AddOrder", ours.SessionClosed("closed"), ccxt.ExchangeError),
        ("AddOrder", ours.NonceStoreError("disk"), ccxt.ExchangeError),
        ("AddOrder", ours.TemporaryLockout("locked", outcome=Outcome.NOT_SENT), ccxt.DDoSProtection),
        ("AddOrder", ours.InvalidNonce("paused", outcome=Outcome.NOT_SENT), ccxt.InvalidNonce),
        ("AddOrder", ours.AuthenticationError("no key", outcome=Outcome.NOT_SENT), ccxt.AuthenticationError),
        ("AddOrder", ours.TransportError("refused", outcome=Outcome.NOT_SENT), ccxt.ExchangeNotAvailable),
        ("AddOrder", ours.TransportError("lost"), KrakenOutcomeUnknown),
        ("Withdraw", ours.OutcomeUnknown(endpoint="Withdraw"), KrakenOutcomeUnknown),
        ("SomethingNew", ours.RequestTimeout("late"), KrakenOutcomeUnknown),
        ("CancelOrder", ours.RequestTimeout("late"), KrakenOutcomeUnknown),
        ("Balance", ours.RequestTimeout("late"), ccxt.RequestTimeout),
        ("Balance", ours.TransportError("lost"), ccxt.ExchangeNotAvailable),
        (
            "Withdraw",
            ours.ServiceUnavailable("busy", outcome=Outcome.UNKNOWN, errors=["EService:Busy"]),
            KrakenOutcomeUnknown,
        ),
        ("Balance", ours.ServiceUnavailable("busy", errors=["EService:Busy"]), ccxt.ExchangeNotAvailable),
        ("Balance", ValueError("field 'x' is None"), ccxt.BadRequest),
        ("Balance", RuntimeError("another loop"), RuntimeError),
    ],
    ids=lambda value: str(getattr(value, "__name__", None) or repr(value)),
)
def test_every_failure_has_the_class_that_a_bot_decides_by(
    path: str, error: Exception, expected: type[Exception]
) -> None:
    exchange = Exchange()
    exchange.last_http_response = '{"error":["EOrder:Unknown order"]}'  # of an earlier call
    with pytest.raises(expected) as caught:
        refused(exchange, path, error, private=True)
    exchange.session.close()
    assert isinstance(caught.value, expected)
    repeated = isinstance(caught.value, ccxt.OperationFailed)
    may_have_been_done = getattr(error, "outcome", None) is Outcome.UNKNOWN and path != "Balance"
    assert not (repeated and may_have_been_done)
    assert "Unknown order" not in exchange.last_http_response


def test_only_the_right_exchange_can_be_attached(kraken_emulator: RunningEmulator) -> None:
    nobody: Any = None
    with pytest.raises(TypeError, match="kraken"):
        attach(ccxt.async_support.binance(), nobody)
    with pytest.raises(TypeError, match="synchronous exchange: use attach_sync"):
        attach(ccxt.kraken(), nobody)
    with pytest.raises(TypeError, match="asynchronous exchange: use attach$"):
        attach_sync(ccxt.async_support.kraken(), nobody)


async def test_withdrawals_pass_where_the_session_permits_them(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.async_support.kraken(options(kraken_emulator))
    exchange.timeout_on_exit = 0
    async with session(kraken_emulator, guard=guards.allow_all) as client:
        attach(exchange, client)
        with contextlib.suppress(ccxt.ExchangeError):  # the emulator may know no such address
            await exchange.privatePostWithdraw({"asset": "XBT", "key": "cold", "amount": "0.1"})
        await exchange.close()
    assert [a.endpoint for a in kraken_emulator.emulator.history] == ["Withdraw"]


# ------------------------------------------------------------------ as plain ccxt


class Integer:
    """An integer as numpy's are: no int, and with an index."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


async def test_none_at_any_depth_and_integers_of_other_kinds_are_sent_as_plain_ccxt_sends_them(
    exchange: Any, kraken_emulator: RunningEmulator
) -> None:
    params = {"userref": Integer(7), "close": {"ordertype": "limit", "price": "30000", "price2": None}}
    await exchange.create_order("BTC/USD", "limit", "buy", 0.01, 20_000, params)
    (order,) = kraken_emulator.emulator.orders.values()
    assert order.userref == 7


async def test_the_last_request_is_the_private_one_and_shows_no_signature(exchange: Any) -> None:
    await exchange.fetch_ticker("BTC/USD")
    await exchange.fetch_ledger("BTC")
    assert exchange.last_request_url.endswith("/0/private/Ledgers")
    assert "asset=" in exchange.last_request_body
    assert not exchange.last_request_headers
    assert "nonce" not in exchange.last_request_body


async def test_after_close_calls_are_refused_as_by_plain_ccxt(kraken_emulator: RunningEmulator) -> None:
    async with session(kraken_emulator) as client:
        made = attach(ccxt.async_support.kraken(options(kraken_emulator)), client)
        await made.load_markets()
        await made.close()
        with pytest.raises(ccxt.ExchangeError, match="closed by the user"):
            await made.fetch_balance()


# ------------------------------------------------------------------ proxies

PROXIES = [
    "proxy",
    "proxyUrl",
    "proxy_url",
    "httpProxy",
    "http_proxy",
    "httpsProxy",
    "https_proxy",
    "socksProxy",
    "socks_proxy",
    "aiohttp_proxy",
    "proxies",
]
CALLBACKS = ["httpsProxyCallback", "https_proxy_callback", "proxyUrlCallback"]


def test_every_proxy_option_of_ccxt_is_known() -> None:
    names = {
        name
        for name in vars(ccxt.Exchange)
        if "prox" in name.lower() and not callable(getattr(ccxt.Exchange, name))
    }
    streams = {name for name in names if name.startswith(("ws", "wss"))}
    assert names - streams - {"socks_proxy_sessions"} <= set(proxies.OPTIONS)


@pytest.mark.parametrize("option", [*PROXIES, *CALLBACKS])
async def test_a_proxy_of_ccxt_s_is_refused_in_words_and_not_passed_by(
    option: str, kraken_emulator: RunningEmulator
) -> None:
    value: Any = (lambda *_: "http://127.0.0.1:9") if option in CALLBACKS else "http://127.0.0.1:9"
    made = ccxt.async_support.kraken(options(kraken_emulator))
    made.timeout_on_exit = 0
    async with session(kraken_emulator) as client:
        setattr(made, option, value)
        with pytest.raises(ccxt.InvalidProxySettings, match=f"{option} is set .*HTTPS_PROXY"):
            attach(made, client)
        setattr(made, option, None)
        attach(made, client)
        await made.privatePostBalance()
        setattr(made, option, value)  # later
        with pytest.raises(ccxt.InvalidProxySettings):
            await made.privatePostBalance()
        assert await attach(made, client, proxied=True).privatePostBalance() is not None
        await made.close()


def test_a_proxy_of_the_synchronous_exchange_is_refused_too(kraken_emulator: RunningEmulator) -> None:
    exchange = ccxt.kraken(options(kraken_emulator))
    exchange.session.proxies = {"https": "http://127.0.0.1:9"}
    with BackgroundSession(lambda: session(kraken_emulator)) as background:
        with pytest.raises(ccxt.InvalidProxySettings, match="session.proxies"):
            attach_sync(exchange, background)
        attach_sync(exchange, background, proxied=True)
        assert exchange.privatePostBalance()
    exchange.session.close()


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with tunnel() as (url, seen):
        monkeypatch.setenv("HTTPS_PROXY", url)
        client = KrakenSession("key", "c2VjcmV0", retry=RetryPolicy(attempts=1), store=MemoryStore())
        made = ccxt.async_support.kraken({"timeout_on_exit": 0})
        async with client:
            attach(made, client)
            with pytest.raises(ccxt.ExchangeNotAvailable):
                await made.privatePostBalance()
        await made.close()
    assert seen[0].startswith(b"CONNECT api.kraken.com:443 ")
