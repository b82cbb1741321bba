"""Reading an account: balances, orders, trades, ledgers, the key itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from .orders import ZERO, Order, same_id
from .values import NO_RESULT, Refusal
from .venue import Call
from .wire import bad, flag, integer, listed, text

_PAGE = 50


def _decimals(call: Call, asset: str) -> int:
    known = call.venue.markets.assets.get(asset)
    return known.decimals if known else 8


def balance(call: Call) -> Any:
    """Balance: decimal strings by asset. The text is kept as long as nothing has moved: benchmarks ask for it."""
    account = call.account
    if not account.balances and call.venue.behaviour.empty_balance == "absent":
        return NO_RESULT
    if account.shown_balances[0] != account.balances:
        shown = {name: f"{amount:.{_decimals(call, name)}f}" for name, amount in account.balances.items()}
        account.shown_balances = (account.balances.copy(), shown)
    return account.shown_balances[1]


def balance_ex(call: Call) -> Any:
    """BalanceEx: what there is of each asset and what open orders hold of it."""
    account = call.account
    return {
        name: {
            "balance": f"{amount:.{_decimals(call, name)}f}",
            "hold_trade": f"{account.held(name):.{_decimals(call, name)}f}",
        }
        for name, amount in account.balances.items()
    }


def trade_balance(call: Call) -> Any:
    """TradeBalance: everything in dollars; no margin figures beyond nothing."""
    total = ZERO
    for name, amount in call.account.balances.items():
        total += amount * _dollars(call, name)
    worth = f"{total:.4f}"
    return {"eb": worth, "tb": worth, "m": "0.0000", "n": "0.0000", "c": "0.0000", "v": "0.0000", "e": worth,
            "mf": worth}  # fmt: skip


def _dollars(call: Call, asset: str) -> Decimal:
    if asset == "ZUSD":
        return Decimal(1)
    for pair in call.venue.markets.pairs.values():
        if pair.base == asset and pair.quote == "ZUSD":
            return pair.last
    return Decimal(1)


def _matching(call: Call, orders: Iterable[Order]) -> list[Order]:
    """Return the orders that the filters ``userref`` and ``cl_ord_id`` let through."""
    found = [order for order in orders if call.key.sees(order.opened)]
    if call.params.get("userref") is not None:
        userref = integer(call.params, "userref")
        found = [order for order in found if (order.userref or 0) == userref]
    if call.params.get("cl_ord_id") is not None:
        client_id = same_id(text(call.params, "cl_ord_id"))
        found = [o for o in found if o.cl_ord_id is not None and same_id(o.cl_ord_id) == client_id]
    return found


def _shown(call: Call, orders: Iterable[Order]) -> dict[str, Any]:
    trades = flag(call.params, "trades")
    return {order.txid: _as_shown(call, order, trades=trades) for order in orders}


def _as_shown(call: Call, order: Order, *, trades: bool) -> dict[str, Any]:
    if order.before_closing is not None and call.t < order.visible_closed:
        return order.before_closing
    return order.public(call.venue.behaviour, trades=trades)


def open_orders(call: Call) -> Any:
    """OpenOrders: all of them, newest first."""
    found = _matching(call, call.account.shown_open(call.t))
    return {"open": _shown(call, reversed(found))}


def closed_orders(call: Call) -> Any:
    """ClosedOrders: 50 a page, newest first, with the grand total."""
    found = _matching(call, call.account.shown_closed(call.t))
    found.sort(key=lambda order: order.closed, reverse=True)
    by = text(call.params, "closetime", "both")
    if by not in ("open", "close", "both"):
        raise bad("closetime")
    times = [order.opened if by == "open" else order.closed for order in found]
    orders = call.account.orders
    known = {
        name: orders[name].closed for name in (_bound(call, "start"), _bound(call, "end")) if name in orders
    }
    page, count = _page(call, list(zip(times, found, strict=True)), known)
    return {"closed": _shown(call, page), **count}


def query_orders(call: Call) -> Any:
    """QueryOrders: up to 50 ids, or a filter; unknown ids are simply missing."""
    names = listed(call.params, "txid", most=50)
    if not names and call.params.get("cl_ord_id") is None and call.params.get("userref") is None:
        raise bad("txid")
    orders = [*call.account.shown_closed(call.t), *call.account.shown_open(call.t)]
    if names:
        wanted = set(names)
        orders = [order for order in orders if order.txid in wanted]
    return _shown(call, _matching(call, orders))


def order_amends(call: Call) -> Any:
    """OrderAmends: the history of one order's changes."""
    order = call.account.orders.get(text(call.params, "order_id"))
    if order is None or order.visible > call.t:
        raise Refusal("EOrder:Invalid order")
    rows = [row for row in order.amends if order.amends_visible.get(row["amend_id"], 0.0) <= call.t]
    return {"count": len(rows), "amends": rows}


def _bound(call: Call, name: str) -> str:
    return text(call.params, name, "")


def _page(
    call: Call, rows: list[tuple[float, Any]], known: Mapping[str, float], size: int = _PAGE
) -> tuple[list[Any], dict[str, int]]:
    """Return one page of ``rows`` (time, row), newest first; ``start`` exclusive, ``end`` inclusive."""
    start, end = (_moment(call, name, known) for name in ("start", "end"))
    kept = [row for t, row in rows if (start is None or t > start) and (end is None or t <= end)]
    offset = integer(call.params, "ofs", 0)
    if offset < 0:
        raise bad("ofs")
    count = {} if flag(call.params, "without_count") else {"count": len(kept)}
    return kept[offset : offset + size], count


def _moment(call: Call, name: str, known: Mapping[str, float]) -> float | None:
    value = _bound(call, name)
    if not value or value == "0":
        return None
    if value in known:
        return known[value]
    try:
        return float(value)
    except ValueError:
        raise bad(name) from None


def _history(
    call: Call, rows: dict[str, dict[str, Any]], size: int = _PAGE
) -> tuple[dict[str, Any], dict[str, int]]:
    known = {
        name: row["time"] for name in (_bound(call, "start"), _bound(call, "end")) if (row := rows.get(name))
    }
    newest_first = [
        (row["time"], (name, row)) for name, row in reversed(rows.items()) if call.key.sees(row["time"])
    ]
    page, count = _page(call, newest_first, known, size)
    return dict(page), count


def trades_history(call: Call) -> Any:
    """TradesHistory: 50 a page, up to 100 by ``limit``."""
    rows = call.account.trades
    if call.params.get("pair") is not None:
        key = call.venue.markets.pair(text(call.params, "pair")).key
        rows = {name: row for name, row in rows.items() if row["pair"] == key}
    page, count = _history(call, rows, max(1, min(integer(call.params, "limit", _PAGE), 100)))
    return {"trades": page, **count}


def query_trades(call: Call) -> Any:
    """QueryTrades: up to 20 ids."""
    return _named(call.account.trades, _ids(call, "txid"))


def ledgers(call: Call) -> Any:
    """Ledgers: 50 a page."""
    rows = call.account.ledgers
    kind = text(call.params, "type", "all")
    assets = {
        call.venue.markets.asset(name).key for name in listed(call.params, "asset", most=50) if name != "all"
    }
    if kind != "all" or assets:
        rows = {
            name: row
            for name, row in rows.items()
            if kind in ("all", row["type"]) and (not assets or row["asset"] in assets)
        }
    page, count = _history(call, rows)
    return {"ledger": page, **count}


def query_ledgers(call: Call) -> Any:
    """QueryLedgers: up to 20 ids."""
    return _named(call.account.ledgers, _ids(call, "id"))


def _ids(call: Call, field: str) -> list[str]:
    names = listed(call.params, field, most=20)
    if not names:
        raise bad(field)
    return names


def _named(rows: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: rows[name] for name in names if name in rows}


def open_positions(call: Call) -> Any:
    """OpenPositions: what orders with leverage have opened."""
    names = listed(call.params, "txid", most=50)
    return _named(call.account.positions, names) if names else dict(call.account.positions)


def trade_volume(call: Call) -> Any:
    """TradeVolume: the fee tier for each pair asked for."""
    given = call.params.get("pair") or ""
    names = (
        [row["asset"] if isinstance(row, Mapping) else row for row in given]
        if isinstance(given, list)
        else None
    )
    keys = [call.venue.markets.pair(str(name)).key for name in names or listed(call.params, "pair", most=100)]
    fee = {"minfee": "0.1000", "maxfee": "0.4000", "nextfee": "0.3500", "nextvolume": "10000.0000",
           "tiervolume": "0.0000"}  # fmt: skip
    volume = sum((Decimal(row["cost"]) for row in call.account.trades.values()), ZERO)
    shown: dict[str, Any] = {"currency": "ZUSD", "volume": f"{volume:.4f}"}
    if keys:
        shown["fees"] = {key: {"fee": "0.4000", **fee} for key in keys}
        shown["fees_maker"] = {key: {"fee": "0.2500", **fee} for key in keys}
    return shown


def get_web_sockets_token(call: Call) -> Any:
    """GetWebSocketsToken: a token good for fifteen minutes (the emulator serves no WebSocket)."""
    return {"token": call.venue.ids.token(43), "expires": 900}


def list_wallet_accounts(call: Call) -> Any:
    """ListWalletAccounts: the account has its main wallet alone."""
    flags = {"user_defined": False, "active": True}
    main = {"account_id": f"AA00 N84G {call.account.name.upper():.9}", "flags": flags, "status": "active"}
    return {"accounts": [{**main, "type": "main", "name": None}], "cursor": {"next": None}}


def get_api_key_info(call: Call) -> Any:
    """GetApiKeyInfo: among other things the highest nonce accepted, this call's own included."""
    key, behaviour = call.key, call.venue.behaviour
    created = str(int(key.created))
    shown = {
        "api_key_name": f"emulator-{call.account.name}",
        "api_key": key.pair.api_key,
        "nonce": str(key.nonce.highest),
        "nonce_window": str(key.nonce.window),
        "permissions": sorted(key.permissions),
        "iban": "",
        "valid_until": str(int(key.valid_until)),
        "query_from": str(int(key.query_from)),
        "query_to": str(int(key.query_to)),
        "created_time": created,
        "modified_time": created,
        "ip_allowlist": list(key.ip_allowlist) or ([""] if behaviour.blank_ip_list else []),
        "last_used": None if key.last_used is None else str(int(key.last_used)),
    }
    if behaviour.key_info == "snake_case":
        return shown
    documented = {_camel(name): value for name, value in shown.items()}
    return {**documented, "nonceWindow": key.nonce.window, "ipAllowlist": list(key.ip_allowlist)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "Balance": balance,
    "BalanceEx": balance_ex,
    "TradeBalance": trade_balance,
    "OpenOrders": open_orders,
    "ClosedOrders": closed_orders,
    "QueryOrders": query_orders,
    "OrderAmends": order_amends,
    "TradesHistory": trades_history,
    "QueryTrades": query_trades,
    "Ledgers": ledgers,
    "QueryLedgers": query_ledgers,
    "OpenPositions": open_positions,
    "TradeVolume": trade_volume,
    "GetWebSocketsToken": get_web_sockets_token,
    "GetApiKeyInfo": get_api_key_info,
    "CreditLines": lambda call: None,
    "ListWalletAccounts": list_wallet_accounts,
}
