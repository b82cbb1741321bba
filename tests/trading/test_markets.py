"""Markets: names both ways, one request for all who wait, and what is delisted or renamed is noticed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from kraken_async import SessionClosed, TransportError
from kraken_async.trading.markets import Markets
from kraken_async.trading.markets_cache import LIFETIME, MarketsCache

_RULES = {"pair_decimals": 1, "lot_decimals": 8, "cost_decimals": 5, "ordermin": "0.0001", "costmin": "0.5"}


def row(altname: str, wsname: str, base: str, quote: str) -> dict[str, Any]:
    return {"altname": altname, "wsname": wsname, "base": base, "quote": quote, "status": "online", **_RULES}


PAIRS = {
    "XXBTZUSD": row("XBTUSD", "XBT/USD", "XXBT", "ZUSD"),
    "XETHXXBT": row("ETHXBT", "ETH/XBT", "XETH", "XXBT"),
    "XDGUSD": row("XDGUSD", "XDG/USD", "XXDG", "ZUSD"),
    "USDTZUSD": row("USDTUSD", "USDT/USD", "USDT", "ZUSD"),
    "XTZUSD": row("XTZUSD", "XTZ/USD", "XTZ", "ZUSD"),
    "XXRPZUSD": row("XRPUSD", "XRP/USD", "XXRP", "ZUSD"),
    "AAPLxUSD": row("AAPLxUSD", "AAPLx/USD", "AAPLx", "ZUSD"),
}
ASSETS = {
    code: {"altname": altname, "decimals": 10, "display_decimals": 5, "status": "enabled"}
    for code, altname in (
        ("XXBT", "XBT"),
        ("XETH", "ETH"),
        ("XXDG", "XDG"),
        ("XXRP", "XRP"),
        ("XTZ", "XTZ"),
        ("USDT", "USDT"),
        ("ZUSD", "USD"),
        ("XBT.M", "XBT.M"),
        ("AAPLx", "AAPLx"),
    )
}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *(
            (name, "XXBTZUSD")
            for name in ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "BTCUSD", "btc/usd", "xxbtzusd")
        ),
        *((name, "XXBTZUSD") for name in ("XXBT/ZUSD", "XBTZUSD", "XXBTUSD")),
        *((name, "XETHXXBT") for name in ("ETH/BTC", "ETHBTC", "ETHXBT", "ETH/XBT")),
        *((name, "XDGUSD") for name in ("DOGE/USD", "dogeusd", "XDG/USD")),
        *((name, "XTZUSD") for name in ("XTZ/USD", "XTZUSD")),
        *((name, "XXRPZUSD") for name in ("XRP/USD", "XRPUSD")),
        *((name, "AAPLxUSD") for name in ("AAPLx/USD", "aaplxusd", "AAPLXUSD")),
    ],
)
def test_a_pair_is_found_by_each_of_its_names(name: str, key: str) -> None:
    markets = Markets(PAIRS, ASSETS)
    assert markets[name].key == key
    assert name in markets


def test_a_pair_tells_all_its_names() -> None:
    pair = Markets(PAIRS, ASSETS)["BTC/USD"]
    assert (pair.key, pair.name, pair.altname, pair.wsname) == ("XXBTZUSD", "BTC/USD", "XBTUSD", "XBT/USD")
    assert (pair.base, pair.quote) == ("XXBT", "ZUSD")


@pytest.mark.parametrize(
    ("name", "code", "shown"),
    [
        *((name, "XXBT", "BTC") for name in ("XXBT", "XBT", "BTC", "btc", "BTC.F", "XBT.B")),
        *((name, "XTZ", "XTZ") for name in ("XTZ", "XTZ.S", "XTZ21.S")),
        ("XRP", "XXRP", "XRP"),
        ("XBT.M", "XBT.M", "BTC.M"),
        ("BTC.M", "XBT.M", "BTC.M"),
        ("usd", "ZUSD", "USD"),
        ("USD.HOLD", "ZUSD", "USD"),
        ("AAPLx.T", "AAPLx", "AAPLx"),
    ],
)
def test_an_asset_is_found_with_and_without_prefix_and_suffix(name: str, code: str, shown: str) -> None:
    asset = Markets(PAIRS, ASSETS).asset(name)
    assert (asset.code, asset.name) == (code, shown)


def test_an_asset_with_a_suffix_of_its_own_names_what_it_is_of() -> None:
    markets = Markets(PAIRS, ASSETS)
    assert markets.asset("XBT.M").underlying == "XXBT"
    assert markets.asset("XBT").underlying == "XXBT"


def test_an_unknown_name_names_the_nearest() -> None:
    markets = Markets(PAIRS, ASSETS)
    with pytest.raises(KeyError, match="BTC/USD"):
        markets["BTC/USDD"]
    with pytest.raises(KeyError, match="USDT"):
        markets.asset("USDTT")
    for no_name in (None, 5, ("BTC", "USD")):
        with pytest.raises(KeyError, match="is a text"):
            markets[no_name]  # type: ignore[index]  # wrong on purpose
        with pytest.raises(KeyError, match="is a text"):
            markets.asset(no_name)  # type: ignore[arg-type]  # wrong on purpose
    assert "BTC/USDD" not in markets
    assert markets.get("nothing like it") is None


def test_a_pair_whose_assets_are_not_listed_has_a_name_all_the_same() -> None:
    assert Markets(PAIRS, {})["AAPLx/USD"].name == "AAPLx/USD"
    assert Markets(PAIRS, {})["XBT/USD"].name == "BTC/USD"


def test_one_pair_in_an_unknown_form_takes_no_other_along(caplog: pytest.LogCaptureFixture) -> None:
    odd = {"ODD1": {"altname": "ODD1"}, "ODD2": None, "ODD3": {**PAIRS["XTZUSD"], "tick_size": "none"}}
    markets = Markets({**PAIRS, **odd}, ASSETS)
    assert len(markets) == len(PAIRS)
    assert all(key in caplog.text for key in odd)


class Listing:
    """Answers AssetPairs and Assets when it is allowed to."""

    def __init__(self) -> None:
        self.pairs: dict[str, Any] = dict(PAIRS)
        self.asked: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self.error: Exception | None = None

    async def _answer(self, name: str) -> Any:
        self.asked.append(name)
        await self.free.wait()
        if self.error is not None:
            raise self.error
        return self.pairs if name == "AssetPairs" else ASSETS

    def public(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        return self._answer(endpoint)

    private = public

    def with_options(self, *, priority: Any = None, timeout: float | None = None) -> Listing:
        return self


async def test_many_who_wait_share_one_request_of_each_kind() -> None:
    listing, cache = Listing(), MarketsCache()
    found = await asyncio.gather(*(cache.get(listing) for _ in range(50)))
    assert len({id(markets) for markets in found}) == 1
    assert listing.asked == ["AssetPairs", "Assets"]
    await cache.get(listing)
    assert len(listing.asked) == 2


async def test_markets_are_kept_for_an_hour_unless_asked_anew() -> None:
    now = 0.0
    listing, cache = Listing(), MarketsCache(clock=lambda: now)
    await cache.get(listing)
    now = LIFETIME - 1
    await cache.get(listing)
    assert len(listing.asked) == 2
    now = LIFETIME + 1
    await cache.get(listing)
    assert len(listing.asked) == 4
    await cache.get(listing, refresh=True)
    assert len(listing.asked) == 6


async def test_one_who_leaves_takes_nothing_from_the_others_and_the_last_one_stops_it() -> None:
    listing, cache = Listing(), MarketsCache()
    listing.free.clear()
    waiting = [asyncio.create_task(cache.get(listing)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    listing.free.set()
    assert await waiting[1] is await waiting[2]
    listing.free.clear()
    alone = asyncio.create_task(cache.get(listing, refresh=True))
    await asyncio.sleep(0)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    listing.free.set()
    assert await cache.get(listing, refresh=True)


async def test_one_who_comes_as_the_last_one_leaves_is_served() -> None:
    listing, cache = Listing(), MarketsCache()
    listing.free.clear()
    alone = asyncio.create_task(cache.get(listing))
    await asyncio.sleep(0)
    alone.cancel()
    late = asyncio.create_task(cache.get(listing))
    await asyncio.sleep(0)
    listing.free.set()
    assert "BTC/USD" in await late


async def test_a_failure_is_for_those_who_wait_and_is_not_kept() -> None:
    listing, cache = Listing(), MarketsCache()
    listing.error = TransportError("no answer")
    found = await asyncio.gather(*(cache.get(listing) for _ in range(3)), return_exceptions=True)
    assert found == [listing.error] * 3
    listing.error = None
    assert await cache.get(listing)


async def test_what_ends_with_another_session_is_asked_for_through_this_one() -> None:
    cache, other, listing = MarketsCache(), Listing(), Listing()
    other.free.clear()
    other.error = SessionClosed("closed")
    first = asyncio.create_task(cache.get(other))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get(listing))
    await asyncio.sleep(0)
    other.free.set()
    with pytest.raises(SessionClosed):
        await first
    assert "BTC/USD" in await second


async def test_a_pair_that_is_gone_or_renamed_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    listing, cache = Listing(), MarketsCache()
    await cache.get(listing)
    gone = listing.pairs.pop("XTZUSD")
    listing.pairs["TEZUSD"] = {**gone, "altname": "TEZUSD", "wsname": "XTZ/USD"}
    del listing.pairs["XDGUSD"]
    with caplog.at_level(logging.WARNING, "kraken_async"):
        markets = await cache.get(listing, refresh=True)
    assert "XTZ/USD (XTZUSD): it is XTZ/USD (TEZUSD) now" in caplog.text
    assert "DOGE/USD (XDGUSD): it is not listed" in caplog.text
    assert markets["XTZ/USD"].key == "TEZUSD"
    with pytest.raises(KeyError, match="any more: it is not listed"):
        markets["DOGE/USD"]


def test_a_pair_that_cannot_be_read_is_left_out_and_its_name_forges_no_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = {"X\nERROR all is lost\x1b[2J": {"altname": 5, "status": "a\nb"}, "Y": None}
    markets = Markets({**PAIRS, **odd}, ASSETS)
    assert len(markets) == len(PAIRS)
    assert len(caplog.messages) == 2
    assert all(line.isprintable() for line in caplog.messages)
