"""The pace of public calls: a burst of ten for an address, then one a second, over all loops of the process."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenError, Response, RetryPolicy, SignedRequest, TransportError
from kraken_async.calls.faults import Faults
from kraken_async.calls.public_calls import PublicCalls, admit
from kraken_async.server_time import ServerTime
from tests.virtual_time import virtual

HOSTS = itertools.count()


@pytest.fixture
def host() -> str:
    """An address that no other test asks: the limit is one of the whole process."""
    return f"pace-{next(HOSTS)}.test"


async def gone(host: str, number: int, endpoint: str = "Time", pair: str | None = None) -> list[float]:
    """Let so many calls go, and return after how many seconds each of them went."""
    loop = asyncio.get_running_loop()
    began, found = loop.time(), []
    for _ in range(number):
        await admit(host, endpoint, {} if pair is None else {"pair": pair})
        found.append(loop.time() - began)
    return found


@virtual
async def test_ten_go_at_once_and_then_one_a_second(host: str) -> None:
    assert await gone(host, 14) == pytest.approx([0.0] * 10 + [1.0, 2.0, 3.0, 4.0], abs=0.01)


@virtual
async def test_what_was_not_used_is_saved_up_to_ten(host: str) -> None:
    await gone(host, 10)
    await asyncio.sleep(4.0)
    assert await gone(host, 5) == pytest.approx([0.0] * 4 + [1.0], abs=0.01)
    await asyncio.sleep(60.0)
    assert await gone(host, 11) == pytest.approx([0.0] * 10 + [1.0], abs=0.01)


@pytest.mark.parametrize(("before", "then"), [(10, [1.0, 2.0]), (9, [0.0, 1.0]), (4, [0.0, 0.0])])
def test_another_loop_finds_what_the_first_has_left(host: str, before: int, then: list[float]) -> None:
    found: list[list[float]] = []

    @virtual
    async def a_loop(number: int) -> None:
        found.append(await gone(host, number))

    a_loop(before)
    a_loop(len(then))  # its clock begins where that of the first began
    assert found[1] == pytest.approx(then, abs=0.01)


@virtual
async def test_trades_and_candles_are_counted_by_pair_and_everything_else_together(host: str) -> None:
    for endpoint in ("Trades", "OHLC"):
        for pair in ("XBTUSD", "ETHUSD"):
            assert await gone(host, 10, endpoint, pair) == [0.0] * 10
    assert await gone(host, 5, "Ticker", "XBTUSD") == [0.0] * 5
    assert await gone(host, 6, "Depth", "ETHUSD") == pytest.approx([0.0] * 5 + [1.0], abs=0.01)


# ------------------------------------------------------------------ one call


class Kraken:
    """Answers with what a test has laid out, the next one first, and then with a result."""

    def __init__(self, *answers: bytes | Exception, takes: float = 0.0) -> None:
        self.clock = asyncio.get_running_loop().time
        self.answers = list(answers)
        self.takes = takes
        self.sent: list[tuple[str, str, float, float]] = []
        self.time = ServerTime(self.clock)

    async def send(self, request: SignedRequest, timeout: float) -> Response:
        self.sent.append((request.method, request.path, timeout, self.clock()))
        await asyncio.sleep(self.takes)
        answer = self.answers.pop(0) if self.answers else b'{"error":[],"result":{"status":"online"}}'
        if isinstance(answer, Exception):
            raise answer
        return Response(200, {}, answer)

    async def ask(
        self, name: str = "SystemStatus", governor: BurstGovernor | None = None, **options: Any
    ) -> Any:
        policy = {key: options.pop(key) for key in ("budget",) if key in options}
        retry = RetryPolicy(base=1.0, cap=1.0, jitter=lambda: 1.0, **policy)
        calls = PublicCalls(
            "one-call.test", self.send, governor or BurstGovernor.off(), retry, self.time, Faults()
        )
        return await calls.ask(name, options.pop("params", {}), 7.0, **options)

    def times(self) -> list[float]:
        return [at - self.sent[0][3] for _, _, _, at in self.sent]


BUSY = b'{"error":["EService:Busy"]}'


@virtual
async def test_a_public_call_is_a_get_with_its_fields_and_its_time() -> None:
    kraken = Kraken()
    assert await kraken.ask("Ticker", params={"pair": "XBTUSD"}) == {"status": "online"}
    assert [each[:3] for each in kraken.sent] == [("GET", "/0/public/Ticker?pair=XBTUSD", 7.0)]


@virtual
async def test_it_is_sent_three_times_at_most_or_as_often_as_the_caller_says() -> None:
    kraken = Kraken(*[BUSY] * 9)
    with pytest.raises(KrakenError) as caught:
        await kraken.ask()
    assert caught.value.endpoint == "SystemStatus"
    assert kraken.times() == pytest.approx([0.0, 1.0, 2.0])
    for attempts in (1, 2):
        kraken = Kraken(*[BUSY] * 9)
        with pytest.raises(KrakenError):
            await kraken.ask(attempts=attempts)
        assert len(kraken.sent) == attempts
    kraken = Kraken(TransportError("reset"), BUSY)
    assert await kraken.ask() == {"status": "online"}
    assert len(kraken.sent) == 3


@virtual
async def test_what_may_not_be_repeated_is_sent_once() -> None:
    kraken = Kraken(*[b'{"error":["EGeneral:Invalid arguments"]}'] * 3)
    with pytest.raises(KrakenError):
        await kraken.ask(attempts=3)
    assert len(kraken.sent) == 1


@virtual
async def test_its_repeats_end_within_the_budget() -> None:
    kraken = Kraken(*[BUSY] * 9, takes=2.0)
    with pytest.raises(KrakenError):
        await kraken.ask(budget=5.5)
    assert kraken.times() == pytest.approx([0.0, 3.0])  # the next would begin after six seconds


@virtual
async def test_krakens_time_is_learnt_from_its_own_answer() -> None:
    kraken = Kraken(b'{"error":[],"result":{"unixtime":1800000100,"rfc1123":""}}')
    assert not kraken.time.known
    await kraken.ask("SystemStatus", attempts=1)
    kraken.answers = [b'{"error":[],"result":{"unixtime":1800000100,"rfc1123":""}}']
    assert not kraken.time.known  # an answer without a date teaches none
    await kraken.ask("Time")
    assert kraken.time.known
    assert kraken.time.now() == pytest.approx(1_800_000_100.5, abs=0.6)


@virtual
async def test_the_pace_is_kept_while_the_governor_is_on() -> None:
    kraken = Kraken()
    for _ in range(12):
        await kraken.ask(governor=BurstGovernor("pro"))
    assert kraken.times() == pytest.approx([0.0] * 10 + [1.0, 2.0], abs=0.01)
    kraken = Kraken()
    for _ in range(12):
        await kraken.ask()
    assert kraken.times() == [0.0] * 12


@virtual
async def test_a_fault_is_an_error_of_that_call_and_is_not_repeated() -> None:
    kraken = Kraken(ValueError("odd"), ValueError("odd"))
    with pytest.raises(TransportError, match=r"met a fault on its way \(ValueError\)"):
        await kraken.ask()
    assert len(kraken.sent) == 1
