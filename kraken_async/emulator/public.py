"""Public market data: rules, prices, books and trades of each pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from .books import ENDPOINTS as BOOKS
from .books import PublicCall
from .markets import Asset, Pair
from .tape import Print
from .transparency import ENDPOINTS as TRANSPARENCY
from .values import Refusal
from .venue import Venue
from .wire import bad, integer, listed, text, to_rfc3339

_INTERVALS = frozenset({1, 5, 15, 30, 60, 240, 1440, 10080, 21600})
_INFO = {
    "leverage": ("leverage_buy", "leverage_sell"),
    "fees": ("fees", "fees_maker", "fee_volume_currency"),
    "margin": ("margin_call", "margin_stop"),
}


def _time(call: PublicCall) -> Any:
    moment = datetime.fromtimestamp(int(call.t), UTC)
    rfc1123 = format_datetime(moment).replace(f" {moment.year} ", f" {moment.year % 100:02d} ")
    return {"unixtime": int(call.t), "rfc1123": rfc1123}


def _system_status(call: PublicCall) -> Any:
    return {
        "status": call.venue.status,
        "timestamp": to_rfc3339(call.t),
        "upcoming_maintenance": list(call.venue.maintenance),
        "emergency": [],
    }


def _assets(call: PublicCall) -> Any:
    markets = call.venue.markets
    names = listed(call.params, "asset", most=1000)
    aclass = text(call.params, "aclass", "currency")
    chosen = [markets.asset(name) for name in names] or [
        a for a in markets.assets.values() if a.aclass == aclass
    ]
    return {_asset_key(call, asset): asset.public() for asset in chosen}


def _asset_key(call: PublicCall, asset: Asset) -> str:
    return asset.name if call.displays_names else asset.key


def _chosen_pairs(call: PublicCall) -> list[Pair]:
    markets = call.venue.markets
    names = listed(call.params, "pair", most=1000)
    return [markets.pair(name) for name in names] or list(markets.pairs.values())


def _asset_pairs(call: PublicCall) -> Any:
    info = text(call.params, "info", "info")
    if info != "info" and info not in _INFO:
        raise bad("info")
    rows = {call.key(pair): pair.public() for pair in _chosen_pairs(call)}
    if info == "info":
        return rows
    return {key: {name: row[name] for name in _INFO[info]} for key, row in rows.items()}


def _ticker(call: PublicCall) -> Any:
    return {call.key(pair): _ticker_row(pair, call.t) for pair in _chosen_pairs(call)}


def _ticker_row(pair: Pair, t: float) -> dict[str, Any]:
    day, price = pair.tape.day(t), pair.price_text
    newest = pair.tape.prints[-1].volume if pair.tape.prints else Decimal("0.1")
    return {
        "a": [price(pair.best("buy")), "1", "1.000"],
        "b": [price(pair.best("sell")), "1", "1.000"],
        "c": [price(pair.last), pair.volume_text(newest)],
        "v": [pair.volume_text(day.volume)] * 2,
        "p": [price(day.vwap)] * 2,
        "t": [day.count] * 2,
        "l": [price(day.low)] * 2,
        "h": [price(day.high)] * 2,
        "o": price(day.open),
    }


def _ohlc(call: PublicCall) -> Any:
    pair = call.pair()
    minutes = integer(call.params, "interval", 1)
    if minutes not in _INTERVALS:
        raise bad("interval")
    step = minutes * 60
    newest = int(call.t) // step * step
    oldest = max(newest - 719 * step, integer(call.params, "since", 0))
    first = -(-oldest // step) * step
    rows = [_candle_row(pair, t, step) for t in range(first, newest + 1, step)]
    return {call.key(pair): rows, "last": newest - step}


def _candle_row(pair: Pair, t: int, step: int) -> list[Any]:
    candle, price = pair.tape.candle(t, step), pair.price_text
    prices = (candle.open, candle.high, candle.low, candle.close, candle.vwap)
    return [t, *map(price, prices), pair.volume_text(candle.volume), candle.count]


def _trades(call: PublicCall) -> Any:
    pair = call.pair()
    count = integer(call.params, "count", 1000)
    if not 1 <= count <= 1000:
        raise bad("count")
    since = integer(call.params, "since", 0)
    if pair.tape.prints:
        # By whole nanoseconds: a float's digits do not reach so far.
        recent = pair.tape.between(since / 1e9 - 1, call.t)
        # Exactly: a float lacks the last digits.
        found = [row for row in recent if _nanoseconds(row.t) > since]
        page = found[:count] if since else found[-count:]
        last = _nanoseconds(page[-1].t) if page else since
        return {call.key(pair): [_trade_row(pair, row) for row in page], "last": str(last)}
    return _made_up_trades(call, pair, since, count)


def _trade_row(pair: Pair, row: Print) -> list[Any]:
    price, volume = pair.price_text(row.price), pair.volume_text(row.volume)
    return [price, volume, row.t, row.side[0], "l", "", row.number]


def _nanoseconds(t: float) -> int:
    return int(Decimal(repr(t)) * 1_000_000_000)


def _made_up_trades(call: PublicCall, pair: Pair, since: int, count: int) -> Any:
    """Return one trade a second at the last price: what there is as long as no price has moved."""
    newest, last = int(call.t), 0
    rows: list[list[Any]] = []
    for n, t in enumerate(range(max(newest - 99, since // 1_000_000_000 + 1), newest + 1)):
        if len(rows) == count:
            break
        rows.append([pair.price_text(pair.last), "0.10000000", t + 0.5, "b" if n % 2 else "s", "l", "", t])
        last = t
    return {call.key(pair): rows, "last": str(last * 1_000_000_000 + 500_000_000 if rows else since)}


def _spread(call: PublicCall) -> Any:
    pair = call.pair()
    since, newest = integer(call.params, "since", 0), int(call.t)
    bid, ask = pair.price_text(pair.bid), pair.price_text(pair.ask)
    rows = [[t, bid, ask] for t in range(max(newest - 199, since), newest + 1)]
    return {call.key(pair): rows, "last": newest}


ENDPOINTS: dict[str, Callable[[PublicCall], Any]] = {
    "Time": _time,
    "SystemStatus": _system_status,
    "MaintenanceSchedule": lambda call: {"events": list(call.venue.maintenance)},
    "Assets": _assets,
    "AssetPairs": _asset_pairs,
    "Ticker": _ticker,
    "OHLC": _ohlc,
    "Trades": _trades,
    "Spread": _spread,
    **BOOKS,
    **TRANSPARENCY,
}


def answer(venue: Venue, endpoint: str, params: Mapping[str, Any], t: float) -> Any:
    """Return the result of a public call."""
    handler = ENDPOINTS.get(endpoint)
    if handler is None:
        raise Refusal("EGeneral:Unknown method")
    return handler(PublicCall(venue, params, t))
