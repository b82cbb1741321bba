"""Public market data, made up from each pair's last price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from .markets import Pair
from .values import Refusal
from .venue import Venue
from .wire import bad, integer, listed, text, to_rfc3339

_INTERVALS = frozenset({1, 5, 15, 30, 60, 240, 1440, 10080, 21600})


@dataclass(slots=True)
class PublicCall:
    """One public call: the query's fields and the time."""

    venue: Venue
    params: Mapping[str, Any]
    t: float

    def pair(self) -> Pair:
        """Return the pair asked for."""
        return self.venue.markets.pair(text(self.params, "pair"))


def _time(call: PublicCall) -> Any:
    moment = datetime.fromtimestamp(int(call.t), UTC)
    rfc1123 = format_datetime(moment).replace(f" {moment.year} ", f" {moment.year % 100:02d} ")
    return {"unixtime": int(call.t), "rfc1123": rfc1123}


def _system_status(call: PublicCall) -> Any:
    return {
        "status": call.venue.status,
        "timestamp": to_rfc3339(call.t),
        "upcoming_maintenance": [],
        "emergency": [],
    }


def _assets(call: PublicCall) -> Any:
    markets = call.venue.markets
    names = listed(call.params, "asset", most=1000)
    chosen = [markets.asset(name) for name in names] or list(markets.assets.values())
    return {asset.key: asset.public() for asset in chosen}


def _chosen_pairs(call: PublicCall) -> list[Pair]:
    markets = call.venue.markets
    names = listed(call.params, "pair", most=1000)
    return [markets.pair(name) for name in names] or list(markets.pairs.values())


def _asset_pairs(call: PublicCall) -> Any:
    return {pair.key: pair.public() for pair in _chosen_pairs(call)}


def _ticker(call: PublicCall) -> Any:
    return {pair.key: _ticker_row(pair) for pair in _chosen_pairs(call)}


def _ticker_row(pair: Pair) -> dict[str, Any]:
    last = pair.price_text(pair.last)
    return {
        "a": [pair.price_text(pair.ask), "1", "1.000"],
        "b": [pair.price_text(pair.bid), "1", "1.000"],
        "c": [last, "0.10000000"],
        "v": ["100.00000000", "200.00000000"],
        "p": [last, last],
        "t": [1000, 2000],
        "l": [last, last],
        "h": [last, last],
        "o": last,
    }


def _ohlc(call: PublicCall) -> Any:
    pair = call.pair()
    minutes = integer(call.params, "interval", 1)
    if minutes not in _INTERVALS:
        raise bad("interval")
    step, last = minutes * 60, pair.price_text(pair.last)
    newest = int(call.t) // step * step
    oldest = max(newest - 719 * step, integer(call.params, "since", 0))
    first = -(-oldest // step) * step
    rows = [[t, last, last, last, last, last, "1.00000000", 10] for t in range(first, newest + 1, step)]
    return {pair.key: rows, "last": newest - step}


def _depth(call: PublicCall) -> Any:
    pair = call.pair()
    count = integer(call.params, "count", 100)
    if not 1 <= count <= 500:
        raise bad("count")
    t = int(call.t)

    def side(first: Decimal, step: Decimal) -> list[list[Any]]:
        return [[pair.price_text(first + step * n), "1.000", t] for n in range(count) if first + step * n > 0]

    return {pair.key: {"asks": side(pair.ask, pair.tick), "bids": side(pair.bid, -pair.tick)}}


def _trades(call: PublicCall) -> Any:
    pair, last = call.pair(), 0
    count = integer(call.params, "count", 1000)
    if not 1 <= count <= 1000:
        raise bad("count")
    since = integer(call.params, "since", 0)
    newest = int(call.t)
    rows: list[list[Any]] = []
    for n, t in enumerate(range(max(newest - 99, since // 1_000_000_000 + 1), newest + 1)):
        if len(rows) == count:
            break
        rows.append([pair.price_text(pair.last), "0.10000000", t + 0.5, "b" if n % 2 else "s", "l", "", t])
        last = t
    return {pair.key: rows, "last": str(last * 1_000_000_000 + 500_000_000 if rows else since)}


def _spread(call: PublicCall) -> Any:
    pair = call.pair()
    since, newest = integer(call.params, "since", 0), int(call.t)
    bid, ask = pair.price_text(pair.bid), pair.price_text(pair.ask)
    return {pair.key: [[t, bid, ask] for t in range(max(newest - 199, since), newest + 1)], "last": newest}


ENDPOINTS: dict[str, Callable[[PublicCall], Any]] = {
    "Time": _time,
    "SystemStatus": _system_status,
    "MaintenanceSchedule": lambda call: {"events": []},
    "Assets": _assets,
    "AssetPairs": _asset_pairs,
    "Ticker": _ticker,
    "OHLC": _ohlc,
    "Depth": _depth,
    "Trades": _trades,
    "Spread": _spread,
}


def answer(venue: Venue, endpoint: str, params: Mapping[str, Any], t: float) -> Any:
    """Return the result of a public call."""
    handler = ENDPOINTS.get(endpoint)
    if handler is None:
        raise Refusal("EGeneral:Unknown method")
    return handler(PublicCall(venue, params, t))
