"""Who goes next when Kraken's limits hold some back: on an emulator that enforces them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kraken_async import BurstGovernor, KrakenError, KrakenSession, MemoryStore, RateLimitExceeded
from kraken_async.emulator import Emulator, Fault
from kraken_async.limits import matching_engine
from kraken_async.limits.order_ages import Age, OrderAges
from kraken_async.stores.base import Shared
from kraken_async.wire.messages import Response, SignedRequest
from tests.conftest import key_state
from tests.exchange import exchange
from tests.virtual_time import virtual

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}


@asynccontextmanager
async def limited(tier: str = "pro", **options: Any) -> AsyncIterator[tuple[Emulator, KrakenSession]]:
    given = {"store": MemoryStore(), "governor": BurstGovernor(tier, startup_window=0), **options}
    async with exchange(None, limits=True, tier=tier) as kraken, kraken.session(**given) as client:
        yield kraken.emulator, client


async def fill(client: KrakenSession) -> list[asyncio.Task[Any]]:
    """Ask for more history than the counter has room for, and wait until it is held back."""
    reads = [asyncio.create_task(client.private("Ledgers")) for _ in range(300)]
    while client.stats().counter_level < client.stats().counter_maximum - 3 or client.stats().in_flight:
        await asyncio.sleep(0.005)
    return reads


@pytest.mark.parametrize(("name", "params"), [("CancelAll", {}), ("AddOrder", ORDER)])
async def test_what_does_not_wait_for_the_counter_is_next_past_300_waiting_history_reads(
    name: str, params: dict[str, str]
) -> None:
    async with limited() as (emulator, client):
        reads = await fill(client)
        before = len(emulator.history)
        await asyncio.wait_for(client.private(name, params), 10.0)  # behind the reads: ten minutes
        private = [arrival.endpoint for arrival in emulator.history[before:] if arrival.endpoint != "Time"]
        assert name in private[:2]  # past all but the one that may be in flight already
        assert emulator.refused("EAPI:Rate limit exceeded") == 0
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


@virtual
async def test_thirty_mixed_reads_on_pro_take_the_optimum_and_are_not_refused() -> None:
    loop = asyncio.get_running_loop()
    emulator = Emulator(clock=lambda: time.time(), limits=True, tier="pro")  # patched: looked up late

    async def send(request: SignedRequest, _timeout: float) -> Response:
        await asyncio.sleep(0.02)
        reply = emulator.handle(request.method, request.path, request.headers, request.body)
        return Response(reply.status, reply.headers, reply.body)

    def known_empty(shared: Shared) -> None:
        shared.level, shared.level_at = 0.0, loop.time()

    governor, store = BurstGovernor("pro", startup_window=0), MemoryStore()
    async with (
        KrakenSession(*emulator.key, store=store, governor=governor, transport=send) as client,
        key_state(store, emulator.key[0]) as state,
    ):
        await state.update(known_empty)
        names = ["Ledgers" if n % 5 == 0 else "Balance" for n in range(30)]
        started = loop.time()
        await asyncio.gather(*(client.private(name) for name in names))
        optimum = sum(2 if name == "Ledgers" else 1 for name in names) - 20  # decay 1 a second
        assert loop.time() - started == pytest.approx(optimum, rel=0.03)
        assert emulator.refused("EAPI:Rate limit exceeded") == 0


async def test_a_governor_that_is_off_lets_krakens_refusals_through_and_learns_from_them() -> None:
    async with limited(governor=BurstGovernor.off()) as (_, client):
        results = await asyncio.gather(
            *(client.private("AddExport", report="trades", format="CSV", description="d") for _ in range(30)),
            return_exceptions=True,
        )
        assert any(isinstance(result, RateLimitExceeded) for result in results)
        assert client.stats().counter_level == pytest.approx(client.stats().counter_maximum, abs=0.5)


async def test_throttled_waits_until_the_time_that_kraken_names() -> None:
    async with limited() as (emulator, client):
        until = int(time.time()) + 2
        emulator.faults.next("Balance", Fault.throttled(until))
        assert "ZUSD" in await client.private("Balance")
        assert time.time() >= until - 0.05


async def test_the_engines_counter_holds_an_order_of_its_pair_and_not_of_another() -> None:
    async with limited("starter", account="engine test") as (emulator, client):
        orders = [asyncio.create_task(client.private("AddOrder", ORDER)) for _ in range(80)]
        while client.budget().pairs.get("XBTUSD", 0.0) < 55 or client.stats().in_flight:
            await asyncio.sleep(0.005)
        await client.private("AddOrder", {**ORDER, "pair": "ETHUSD"})
        assert not all(order.done() for order in orders)
        assert emulator.refused("EOrder:Rate limit exceeded") == 0
        budget = client.budget()
        assert budget.pairs["XBTUSD"] > 50
        assert budget.seconds("AddOrder", 10, pair="XBTUSD") > 0
        assert budget.seconds("AddOrder", 1, pair="ADAUSD") == 0
        for order in orders:
            order.cancel()
        await asyncio.gather(*orders, return_exceptions=True)


async def test_a_cancel_is_charged_but_never_held() -> None:
    async with limited("starter", account="cancel test") as (_, client):
        placed = await asyncio.gather(*(client.private("AddOrder", ORDER) for _ in range(20)))
        level = client.budget().pairs["XBTUSD"]
        cancels = (client.private("CancelOrder", txid=order["txid"][0]) for order in placed)
        await asyncio.wait_for(asyncio.gather(*cancels), 10.0)  # held back: two minutes
        assert client.budget().pairs["XBTUSD"] > level + 100  # eight for each young order


async def test_a_refusal_by_the_engine_is_told_and_sets_its_counter() -> None:
    async with limited(account="refusal test") as (emulator, client):
        emulator.faults.next("AddOrder", Fault.refuse("EOrder:Rate limit exceeded"))
        with pytest.raises(KrakenError) as caught:
            await client.private("AddOrder", ORDER)
        assert caught.value.outcome == "refused"
        assert client.budget().pairs["XBTUSD"] > 170


async def test_a_call_without_burst_protection_passes_those_that_start_up_holds() -> None:
    async with limited(governor=BurstGovernor("pro"), account="burst test") as (_, client):
        orders = [asyncio.create_task(client.private("AddOrder", ORDER)) for _ in range(40)]
        while client.stats().queue_depth["PLACE"] > 30:
            await asyncio.sleep(0.002)
        await client.with_options(burst_protection=False).private("AddOrder", ORDER)
        await client.with_options(burst_protection=False).private("Balance")
        assert client.stats().queue_depth["PLACE"] > 10  # one leaves every half second
        client.governor.enabled = False
        await asyncio.gather(*orders)


async def test_an_amend_makes_an_order_young_again_by_all_its_names() -> None:
    async with limited("starter", account="amend test") as (emulator, client):
        order = await client.private("AddOrder", ORDER, cl_ord_id="mine")
        account, now = matching_engine.account("amend test"), asyncio.get_running_loop().time()
        assert len(account.ages) == 2  # its names
        account.ages = OrderAges()  # as if it had been placed long ago
        account.ages.learn([Age((order["txid"][0], "mine"), ORDER["pair"], now - 200.0)], now)
        await client.private("AmendOrder", txid=order["txid"][0], limit_price="99")
        before = client.budget().pairs["XBTUSD"]
        await client.private("CancelOrder", cl_ord_id="mine")
        assert client.budget().pairs["XBTUSD"] == pytest.approx(before + 8, abs=0.5)
        assert emulator.refused("EOrder") == 0
