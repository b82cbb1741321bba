"""Balances, margin figures and positions, fees, accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from .matching import MAKER, TAKER
from .orders import ZERO
from .paging import by_cursor, limit, named
from .positions import Position
from .values import NO_RESULT
from .venue import Call
from .wire import bad, flag, listed, text


def balance(call: Call) -> Any:
    """Balance: decimal strings by asset. The text is kept as long as nothing has moved: benchmarks ask for it."""
    account = call.account
    if not account.balances and call.venue.behaviour.empty_balance == "absent":
        return NO_RESULT
    if account.shown_balances[0] != account.balances:
        decimals = call.venue.markets.decimals
        shown = {name: f"{amount:.{decimals(name)}f}" for name, amount in account.balances.items()}
        account.shown_balances = (account.balances.copy(), shown)
    return account.shown_balances[1]


def balance_ex(call: Call) -> Any:
    """BalanceEx: what there is of each asset and what open orders hold of it."""
    account, decimals = call.account, call.venue.markets.decimals
    return {
        name: {
            "balance": f"{amount:.{decimals(name)}f}",
            "hold_trade": f"{account.held(name):.{decimals(name)}f}",
        }
        for name, amount in account.balances.items()
    }


def trade_balance(call: Call) -> Any:
    """TradeBalance: what there is, and what open positions take and make of it, in the asset asked for."""
    markets, account = call.venue.markets, call.account
    unit = markets.dollars(markets.asset(text(call.params, "asset", "ZUSD")).key)
    figures = account.margin()
    unexecuted = sum(
        (order.remaining * (order.limit or order.pair.last) * markets.dollars(order.pair.quote)
         for order in account.open.values()),
        ZERO,
    )  # fmt: skip
    # Rounded before they are added up: the answer's own figures then agree with each other.
    balance, margin, floating, cost, value = (round(figure / unit, 4) for figure in figures)
    equity = balance + floating
    shown = {
        "eb": balance,
        "tb": balance,
        "m": margin,
        "n": floating,
        "c": cost,
        "v": value,
        "e": equity,
        "mf": equity - margin,
    }
    answer = {name: f"{amount:.4f}" for name, amount in shown.items()}
    if margin:
        answer["ml"] = f"{equity / margin * 100:.2f}"
    return {**answer, "uv": f"{unexecuted / unit:.4f}"}


def open_positions(call: Call) -> Any:
    """OpenPositions by the trade that opened each; a list by pair when consolidated, and when there is none."""
    positions = call.account.positions.open
    names = listed(call.params, "txid", most=50)
    calculations = flag(call.params, "docalcs")
    if text(call.params, "consolidation", ""):
        if text(call.params, "consolidation") != "market":
            raise bad("consolidation")
        return _consolidated(list(positions.values()), calculations=calculations)
    if not positions:
        return []
    shown = {name: row.public(calculations=calculations) for name, row in positions.items()}
    return named(call, shown, names, "EOrder:Invalid position") if names else shown


def _consolidated(positions: list[Position], *, calculations: bool) -> list[dict[str, Any]]:
    """Return one row for each pair, side and leverage."""
    together: dict[tuple[str, str, str], list[Position]] = {}
    for position in positions:
        together.setdefault((position.pair.key, position.side, position.leverage), []).append(position)
    rows = []
    for (key, side, leverage), members in together.items():
        pair = members[0].pair
        row = {
            "pair": key,
            "positions": str(len(members)),
            "type": side,
            "leverage": leverage.partition(":")[0],
        }
        for name in ("cost", "fee", "margin"):
            row[name] = pair.cost_text(sum((getattr(member, name) for member in members), ZERO))
        row["vol"] = pair.volume_text(sum((member.volume for member in members), ZERO))
        row["vol_closed"] = pair.volume_text(sum((member.closed_volume for member in members), ZERO))
        if calculations:
            row["value"] = pair.price_text(sum((member.value for member in members), ZERO))
            row["net"] = f"{sum((member.floating for member in members), ZERO):+.4f}"
        rows.append(row)
    return rows


def trade_volume(call: Call) -> Any:
    """TradeVolume: the fee tier for each pair asked for."""
    markets, given = call.venue.markets, call.params.get("pair") or ""
    names = (
        [row["asset"] if isinstance(row, Mapping) and "asset" in row else row for row in given]
        if isinstance(given, list)
        else None
    )
    keys = [markets.pair(str(name)).key for name in names or listed(call.params, "pair", most=100)]
    fee = {"minfee": "0.1000", "maxfee": "0.4000", "nextfee": "0.3500", "nextvolume": "10000.0000",
           "tiervolume": "0.0000"}  # fmt: skip
    volume = sum(
        (Decimal(row["cost"]) * markets.dollars(markets.pairs[row["pair"]].quote)
         for row in call.account.trades.values()),
        ZERO,
    )  # fmt: skip
    shown: dict[str, Any] = {"currency": "ZUSD", "volume": f"{volume:.4f}", "fees": None, "fees_maker": None}
    if keys:
        shown["fees"] = {key: {"fee": f"{TAKER * 100:.4f}", **fee} for key in keys}
        shown["fees_maker"] = {key: {"fee": f"{MAKER * 100:.4f}", **fee} for key in keys}
    inputs = {
        "domain_spot_volume_30d": f"{volume:.4f}",
        "domain_futures_volume_30d": "0.0000",
        "domain_assets_on_platform": f"{call.account.margin().balance:.4f}",
    }
    return {**shown, "inputs": inputs}


def credit_lines(call: Call) -> Any:
    """CreditLines: nothing, as for an account that was granted none."""
    return None


def list_wallet_accounts(call: Call) -> Any:
    """ListWalletAccounts: the account that the key belongs to."""
    account = call.account
    row = {
        "account_id": account.account_id,
        "flags": {"user_defined": account.name != "main", "active": True},
        "status": "active",
        "type": "main" if account.name == "main" else "spot",
        "name": None if account.name == "main" else account.name,
    }
    rows, cursor = by_cursor(call, [row], limit(call, 100, 100))
    return {"accounts": rows, **cursor}


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "Balance": balance,
    "BalanceEx": balance_ex,
    "TradeBalance": trade_balance,
    "OpenPositions": open_positions,
    "TradeVolume": trade_volume,
    "CreditLines": credit_lines,
    "ListWalletAccounts": list_wallet_accounts,
}
