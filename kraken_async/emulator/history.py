"""Reading what happened: trades and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .paging import PAGE, bounds, limit, named, page
from .venue import Call
from .wire import bad, flag, listed, text

_KINDS = frozenset({"all", "any position", "closed position", "closing position", "no position"})


def _page_of(
    call: Call, rows: Mapping[str, dict[str, Any]], size: int = PAGE
) -> tuple[dict[str, Any], dict[str, Any]]:
    known = {name: rows[name]["time"] for name in bounds(call) if name in rows}
    newest_first = [
        (row["time"], (name, row)) for name, row in reversed(list(rows.items())) if call.key.sees(row["time"])
    ]
    shown, beside = page(call, newest_first, known, size)
    return dict(shown), beside


def trades_history(call: Call) -> Any:
    """TradesHistory: 50 a page, up to 100 by ``limit``."""
    rows = _trades_shown(call)
    kind = text(call.params, "type", "all")
    if kind not in _KINDS:
        raise bad("type")
    if kind != "all":
        rows = {name: row for name, row in rows.items() if _is_kind(call, name, row, kind)}
    if call.params.get("pair") is not None:
        key = call.venue.markets.pair(text(call.params, "pair")).key
        rows = {name: row for name, row in rows.items() if row["pair"] == key}
    shown, beside = _page_of(call, rows, limit(call, PAGE, 100))
    return {"trades": {name: _with_position(call, name, row) for name, row in shown.items()}, **beside}


def _trades_shown(call: Call) -> Mapping[str, dict[str, Any]]:
    """Return the trades that queries show by now."""
    late, rows = call.account.trades_visible, call.account.trades
    return {name: row for name, row in rows.items() if late.get(name, 0.0) <= call.t} if late else rows


def _is_kind(call: Call, name: str, row: Mapping[str, Any], kind: str) -> bool:
    position, closing = call.account.positions.get(name), row["misc"] == "closing"
    kinds: dict[str, bool] = {
        "any position": position is not None or closing,
        "closed position": position is not None and not position.remaining,
        "closing position": closing,
        "no position": position is None and not closing,
    }
    return kinds[kind]


def _with_position(call: Call, name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a trade with the state of the position that it opened, and its ledger lines when asked for."""
    position = call.account.positions.get(name)
    shown = row if position is None else {**row, **position.in_trade()}
    if flag(call.params, "ledgers"):
        shown = {**shown, "ledgers": list(call.account.trade_ledgers.get(name, ()))}
    return shown


def query_trades(call: Call) -> Any:
    """QueryTrades: up to 20 ids."""
    found = named(call, _trades_shown(call), _ids(call, "txid"), "EOrder:Invalid order")
    return {
        name: _with_position(call, name, row) for name, row in found.items() if call.key.sees(row["time"])
    }


def ledgers(call: Call) -> Any:
    """Ledgers: 50 a page."""
    rows: Mapping[str, dict[str, Any]] = call.account.ledgers
    kind = text(call.params, "type", "all")
    assets = {call.venue.markets.asset(name).key for name in _asset_names(call) if name != "all"}
    if kind != "all" or assets:
        rows = {
            name: row
            for name, row in rows.items()
            if kind in ("all", row["type"]) and (not assets or row["asset"] in assets)
        }
    shown, beside = _page_of(call, rows)
    return {"ledger": shown, **beside}


def _asset_names(call: Call) -> list[str]:
    """Return the assets asked for: a comma list, or in JSON a list of names or of ``{asset, aclass}``."""
    given = call.params.get("asset")
    if isinstance(given, list):
        return [str(row.get("asset", "")) if isinstance(row, Mapping) else str(row) for row in given]
    return listed(call.params, "asset", most=50)


def query_ledgers(call: Call) -> Any:
    """QueryLedgers: up to 20 ids."""
    found = named(call, call.account.ledgers, _ids(call, "id"), "EQuery:Invalid arguments:id")
    return {name: row for name, row in found.items() if call.key.sees(row["time"])}


def _ids(call: Call, field: str) -> list[str]:
    names = listed(call.params, field, most=20)
    if not names:
        raise bad(field)
    return names


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "TradesHistory": trades_history,
    "QueryTrades": query_trades,
    "Ledgers": ledgers,
    "QueryLedgers": query_ledgers,
}
