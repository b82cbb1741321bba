"""PreTrade and PostTrade: what MiCA asks exchanges to publish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .books import PublicCall, levels
from .markets import Pair
from .wire import bad, integer, rfc3339, text

_FULL_NAMES = {"BTC": "Bitcoin", "ETH": "Ether", "USD": "US Dollars", "EUR": "Euros"}
_LEVELS = 10


def _microseconds(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _named(pair: Pair) -> dict[str, str]:
    base, _, quote = pair.name.partition("/")
    return {
        "symbol": pair.name,
        "description": f"{_FULL_NAMES.get(base, base)} / {_FULL_NAMES.get(quote, quote)}",
        "base_asset": base,
        "base_notation": "UNIT",
        "quote_asset": quote,
        "quote_notation": "MONE",
    }


def _pre_trade(call: PublicCall) -> Any:
    pair = call.pair("symbol")
    moment = _microseconds(call.t)

    def side(taker: str, made: str) -> list[dict[str, Any]]:
        return [
            {
                "side": made,
                "price": pair.price_text(price),
                "qty": pair.volume_text(volume),
                "count": 1,
                "submission_ts": moment,
                "publication_ts": moment,
            }
            for price, volume in levels(pair, taker, _LEVELS)
        ]

    book = {"bids": side("sell", "BUY"), "asks": side("buy", "SELL")}
    return {**_named(pair), "venue": "PGSL", "system": "CLOB", **book}


def _post_trade(call: PublicCall) -> Any:
    markets = call.venue.markets
    count = integer(call.params, "count", 1000)
    if not 1 <= count <= 1000:
        raise bad("count")
    first = rfc3339(text(call.params, "from_ts"), "from_ts") if call.params.get("from_ts") else 0.0
    last = rfc3339(text(call.params, "to_ts"), "to_ts") if call.params.get("to_ts") else call.t
    pairs = [call.pair("symbol")] if call.params.get("symbol") else list(markets.pairs.values())
    found = sorted(
        (
            (row.t, row.number, pair, row)
            for pair in pairs
            for row in pair.tape.between(first, min(last, call.t))
        ),
        key=lambda each: each[:2],
    )
    chosen = found[:count] if call.params.get("from_ts") else found[-count:]
    rows = [
        {
            "trade_id": f"T{pair.altname[:5].ljust(5, 'X')}-{number // 10**6:05d}-{number % 10**6:06d}",
            "price": pair.price_text(row.price),
            "quantity": pair.volume_text(row.volume),
            **_named(pair),
            "trade_venue": "PGSL",
            "trade_ts": _microseconds(t),
            "publication_venue": "PGSL",
            "publication_ts": _microseconds(t),
        }
        for t, number, pair, row in chosen
    ]
    return {"last_ts": rows[-1]["trade_ts"] if rows else "", "count": len(rows), "trades": rows}


ENDPOINTS: dict[str, Callable[[PublicCall], Any]] = {"PreTrade": _pre_trade, "PostTrade": _post_trade}
