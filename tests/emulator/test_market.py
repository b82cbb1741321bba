"""A market that moves by itself: at random and repeatably, or as a file says; and public data that follow it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from kraken_async.emulator import Emulator, RandomWalk, Replay, play
from kraken_async.emulator.config import EmulatorConfig
from kraken_async.emulator.market import market_of, run
from tests.emulator.emulator_support import LIMIT, START, Desk

TRADES = "1700000000.5,60000.0,0.5\n1700000001,59999.5,0.25\n1700000003.25,61000.0,2\n"
CANDLES = (
    "time,open,high,low,close,volume,trades\n1700000000,100,110,90,105,4,9\n1700000060,105,106,80,85,2,3\n"
)


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return str(path)


def test_walk_is_the_same_for_a_seed_and_stays_on_the_tick() -> None:
    seen = []
    for seed in (1, 1, 2):
        desk = Desk()
        prices = []
        for seconds in islice(play(desk.emulator, RandomWalk("XBTUSD", seed=seed)), 50):
            desk.clock.advance(seconds)
            prices.append(desk.emulator.venue.markets.pair("XBTUSD").last)
        assert all(price % Decimal("0.1") == 0 for price in prices)
        seen.append(prices)
    assert seen[0] == seen[1] != seen[2]
    assert len(set(seen[0])) > 40


def test_replayed_trades_come_at_their_distances_and_fill_what_their_volume_reaches(tmp_path: Path) -> None:
    desk = Desk()
    low = desk.place(price="59999.6", volume="1")
    steps = play(desk.emulator, Replay("XBTUSD", written(tmp_path, TRADES), speed=2))
    waits = []
    for seconds in steps:
        waits.append(seconds)
        desk.clock.advance(seconds)
    assert waits == [0.0, 0.25, 1.125]
    order = desk.emulator.orders[low]
    assert (order.status, order.executed) == ("open", Decimal("0.25"))
    shown = desk.public("Trades", "pair=XBTUSD")["XXBTZUSD"]
    assert [(row[0], row[1]) for row in shown] == [
        ("60000.0", "0.50000000"),
        ("59999.5", "0.25000000"),
        ("61000.0", "2.00000000"),
    ]


def test_replayed_candles_touch_their_extremes(tmp_path: Path) -> None:
    moves = list(Replay("XBTUSD", written(tmp_path, CANDLES)).moves(Decimal(1)))
    assert [str(move.price) for move in moves] == ["100", "90", "110", "105", "105", "106", "80", "85"]
    assert sum((move.volume or Decimal(0) for move in moves), Decimal(0)) == 6


@pytest.mark.parametrize("row", ["1,2", "1,2,x", "1,2,3,4", "1,2,3,4,5,6,7,8,9"])
def test_row_that_is_neither_trade_nor_candle_is_named(row: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(Replay("XBTUSD", written(tmp_path, f"time,price,volume\n{row}\n")).moves(Decimal(1)))


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    for wrong in ({"step": 0}, {"volatility": -1}, {"speed": 0}):
        with pytest.raises(ValueError, match="above 0"):
            market_of({"pair": "XBTUSD", **wrong})
    with pytest.raises(ValueError, match="no such file"):
        market_of({"pair": "XBTUSD", "replay": str(tmp_path / "missing.csv")})
    with pytest.raises(ValueError, match="no such pair: NOPE"):
        next(play(Emulator(), RandomWalk("NOPE")))
    with pytest.raises(ValueError, match="speed"):
        market_of({"pair": "XBTUSD", "replay": written(tmp_path, TRADES), "speed": -1})


def test_configuration_describes_markets_with_the_seed_of_all(tmp_path: Path) -> None:
    rows = written(tmp_path, TRADES)
    config = EmulatorConfig(
        seed=7, market=({"pair": "XBTUSD", "step": 5}, {"pair": "ETHUSD", "replay": rows})
    )
    assert config.markets() == [RandomWalk("XBTUSD", step=5, seed=7), Replay("ETHUSD", rows)]


async def test_market_runs_in_real_time_until_its_end(tmp_path: Path) -> None:
    emulator = Emulator()
    await asyncio.wait_for(run(emulator, Replay("XBTUSD", written(tmp_path, TRADES), speed=1e6)), 5)
    assert emulator.venue.markets.pair("XBTUSD").last == 61000


# ------------------------------------------------------------------ public data follow


def test_candles_tickers_and_trades_tell_what_traded() -> None:
    desk = Desk()
    for price, volume in (("61000", "1"), ("59000", "3"), ("60500", "2")):
        desk.clock.advance(10)
        desk.emulator.move("XBTUSD", price, volume=volume)
    rows = desk.public("OHLC", "pair=XBTUSD&interval=1")["XXBTZUSD"]
    first = int(START) // 60 * 60
    (candle,) = [row for row in rows if row[0] == first]
    assert candle[1:] == ["61000.0", "61000.0", "59000.0", "60500.0", "59833.3", "6.00000000", 3]
    assert rows[-2][1:] == ["60000.0"] * 5 + ["0.00000000", 0]
    ticker = desk.public("Ticker", "pair=XBTUSD")["XXBTZUSD"]
    assert (ticker["c"], ticker["l"][1], ticker["h"][1], ticker["o"], ticker["t"][1], ticker["v"][1]) == (
        ["60500.0", "2.00000000"],
        "59000.0",
        "61000.0",
        "60000.0",
        3,
        "6.00000000",
    )
    trades = desk.public("Trades", "pair=XBTUSD&count=2")
    assert [row[0] for row in trades["XXBTZUSD"]] == ["59000.0", "60500.0"]
    assert desk.public("Trades", f"pair=XBTUSD&since={trades['last']}")["XXBTZUSD"] == []
    everything = desk.public("Trades", f"pair=XBTUSD&since={int(START) * 10**9}&count=2")
    assert [row[0] for row in everything["XXBTZUSD"]] == ["61000.0", "59000.0"]


def test_pre_and_post_trade_name_the_assets_as_they_are_displayed() -> None:
    """Evidence: typed-kraken's schemas of PreTrade and PostTrade, which validate its answers."""
    desk = Desk()
    book = desk.public("PreTrade", "symbol=BTC/USD")
    assert (book["symbol"], book["base_asset"], book["venue"], book["system"]) == (
        "BTC/USD",
        "BTC",
        "PGSL",
        "CLOB",
    )
    assert (len(book["bids"]), book["bids"][0]["side"], book["asks"][0]["price"]) == (10, "BUY", "60000.1")
    assert desk.public("PostTrade") == {"last_ts": "", "count": 0, "trades": []}
    desk.emulator.move("XBTUSD", "61000")
    desk.clock.advance(1)
    desk.emulator.move("ETHUSD", "3100")
    told = desk.public("PostTrade")
    assert [row["symbol"] for row in told["trades"]] == ["BTC/USD", "ETH/USD"]
    assert told["last_ts"] == told["trades"][-1]["trade_ts"] == "2023-11-14T22:13:21.000000Z"
    later = desk.public("PostTrade", "from_ts=2023-11-14T22:13:20Z")
    assert [row["symbol"] for row in later["trades"]] == ["ETH/USD"]
    assert desk.public("PostTrade", "symbol=BTC/USD&to_ts=2023-11-14T22:13:20Z")["count"] == 1
    assert desk.public("PostTrade", "count=0") == ["EGeneral:Invalid arguments:count"]


def test_grouped_book_adds_up_ticks() -> None:
    """Evidence: typed-kraken's schema of GroupedBook."""
    desk = Desk()
    grouped = desk.public("GroupedBook", "pair=XBTUSD&depth=10&grouping=10")
    assert (grouped["pair"], grouped["grouping"], len(grouped["bids"]), len(grouped["asks"])) == (
        "XBT/USD",
        10,
        10,
        10,
    )
    assert grouped["asks"][0] == {"price": "60001.00000", "qty": "10.00000000"}
    assert grouped["bids"][0]["price"] == "60000.00000"
    for wrong in ("depth=11", "grouping=3"):
        assert desk.public("GroupedBook", f"pair=XBTUSD&{wrong}")[0].startswith("EGeneral:Invalid arguments:")


def test_level3_shows_one_s_own_orders_among_others() -> None:
    """Evidence: Kraken's documented sample; kraken-api-java lists the depths."""
    desk = Desk()
    txid = desk.place(price="60000.0", oflags="post")
    desk.place(type="sell", ordertype="stop-loss", price="50000")
    book = desk.call("Level3", {"pair": "BTC/USD", "depth": 10}, as_json=True)
    assert (book["pair"], len(book["bids"]), len(book["asks"])) == ("BTC/USD", 10, 10)
    own = [row for row in book["bids"] if row["order_id"] == txid]
    assert own == [
        {"price": "60000.00000", "qty": "1.25000000", "order_id": txid, "timestamp": int(START) * 10**9}
    ]
    assert len({row["order_id"] for row in book["bids"] + book["asks"]}) == 20
    assert desk.call("Level3", {"pair": "BTC/USD", "depth": 10})["asks"] == book["asks"]
    assert desk.refusal("Level3", {"pair": "BTC/USD", "depth": 11}) == "EGeneral:Invalid arguments:depth"


def test_depth_shows_what_takers_left() -> None:
    desk = Desk()
    desk.emulator.set_pair("XBTUSD", depth="2")
    desk.call("AddOrder", {**LIMIT, "price": "60000.2", "volume": "3"})
    asks = desk.public("Depth", "pair=XBTUSD&count=2")["XXBTZUSD"]["asks"]
    assert [row[:2] for row in asks] == [["60000.2", "1.000"], ["60000.3", "2.000"]]
    desk.emulator.move("XBTUSD", "60000")
    asks = desk.public("Depth", "pair=XBTUSD&count=1")["XXBTZUSD"]["asks"]
    assert asks[0][:2] == ["60000.1", "2.000"]


def test_asset_version_names_what_is_displayed() -> None:
    desk = Desk()
    assert list(desk.public("AssetPairs", "pair=XBTUSD&assetVersion=1")) == ["BTC/USD"]
    assert list(desk.public("Assets", "asset=XBT&assetVersion=1")) == ["BTC"]
    assert list(desk.public("Ticker", "pair=XBTUSD&assetVersion=1")) == ["BTC/USD"]
    assert set(desk.public("AssetPairs", "pair=XBTUSD&info=margin")["XXBTZUSD"]) == {
        "margin_call",
        "margin_stop",
    }
    assert desk.public("AssetPairs", "info=x") == ["EGeneral:Invalid arguments:info"]
