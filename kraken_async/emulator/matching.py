"""Matching: an order arrives, fires, and trades with what is offered."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

from .account import Account
from .orders import ZERO, Order
from .prices import Relative, read_price

TAKER = Decimal("0.0040")
MAKER = Decimal("0.0025")
_POSITION_CLOSED = "Reduce only:Position is closed"


# -- arriving --------------------------------------------------------------------------------------


def place(account: Account, order: Order, t: float, *, delays: tuple[float, float] = (0.0, 0.0)) -> None:
    """Take the order into the book and let it trade.

    Queries show it after the first of ``delays`` seconds, and that it is closed after the second.
    """
    order.trail()
    if order.starttm > t:
        order.status = "pending"
    account.enter(order, t, delays)
    if order.status == "open":
        arrive(account, order, t)


def arrive(account: Account, order: Order, t: float) -> None:
    """Let an order in the book fire if its trigger price is reached, and trade with what is offered."""
    if order.ordertype == "settle-position":
        _settle(account, order, t)
        return
    if order.waiting:
        if not order.fires():
            return
        order.triggered = True
    if order.timeinforce == "FOK" and _offered(order) < order.remaining:
        account.finish(order, "canceled", t, "IOC/FOK order not filled")
        return
    _take(account, order, t)
    if order.is_open and order.timeinforce in ("IOC", "FOK"):
        account.finish(order, "canceled", t, "IOC/FOK order not filled")
    elif order.is_open and order.limit is None:
        account.finish(order, "canceled", t, "Insufficient liquidity")


def _offered(order: Order) -> Decimal:
    """Return how much of the order could trade at once."""
    total = ZERO
    for price, there in order.pair.offers(order.side):
        if not order.reaches(price):
            break
        total += order.remaining if there is None else there
        if total >= order.remaining:
            break
    return total


def _take(account: Account, order: Order, t: float) -> None:
    """Trade with the offers that the order's limit allows, until it is filled."""
    for price, there in order.pair.offers(order.side):
        if not order.reaches(price):
            return
        while _self_trade(account, order, price, t):
            if not order.is_open:
                return
        volume = order.remaining if there is None else min(order.remaining, there)
        if order.quote_volume is not None:
            volume = _affordable(order, price, volume)
            if not volume:
                return
        order.pair.take(price, volume)
        trade(account, order, volume, price, t, taker=True)
        if not order.is_open:
            return


def _affordable(order: Order, price: Decimal, volume: Decimal) -> Decimal:
    """Return what an order by cost can pay of ``volume`` at ``price``."""
    assert order.quote_volume is not None
    left = order.quote_volume - order.cost
    return min(volume, (left / price).quantize(order.pair.lot, ROUND_DOWN))


def _self_trade(account: Account, order: Order, price: Decimal, t: float) -> bool:
    """Cancel one or both of two own orders that would trade with each other before ``price`` is reached."""
    for other in account.open.values():
        if other.pair is not order.pair or other.side == order.side or other.status != "open":
            continue
        limit = other.limit
        if limit is None or not (limit < price if order.side == "buy" else limit > price):
            continue
        if order.limit is not None and (limit > order.limit if order.side == "buy" else limit < order.limit):
            continue
        if order.stptype != "cancel-newest":
            account.finish(other, "canceled", t, "Self trade prevention")
        if order.stptype != "cancel-oldest":
            account.finish(order, "canceled", t, "Self trade prevention")
        return True
    return False


# -- trading ---------------------------------------------------------------------------------------


def fill(account: Account, order: Order, volume: Decimal, t: float) -> str:
    """Trade ``volume`` of an open order at its limit, or at the market, and return the trade's id."""
    if not 0 < volume <= order.remaining:
        raise ValueError(f"there are {order.remaining} left to fill, not {volume}")
    order.triggered = order.conditional
    market = order.pair.ask if order.side == "buy" else order.pair.bid
    return trade(account, order, volume, order.limit or market, t, taker=False)


def trade(account: Account, order: Order, volume: Decimal, price: Decimal, t: float, *, taker: bool) -> str:
    """Trade ``volume`` of an open order at ``price`` and return the trade's id; filled up, the order is closed."""
    if order.reduce_only:
        volume = min(volume, account.positions.volume_against(order.pair, order.side))
        if not volume:
            account.finish(order, "canceled", t, _POSITION_CLOSED)
            return ""
    if volume == order.remaining:
        account.keep_as_shown(order)
    pair = order.pair
    cost = (volume * price).quantize(pair.money, ROUND_HALF_EVEN)
    fee = (cost * (TAKER if taker else MAKER)).quantize(pair.money, ROUND_HALF_EVEN)
    order.executed += volume
    order.cost += cost
    order.fee += fee
    txid = account.add_trade(order, _row(account, order, price, volume, cost, fee, t, maker=not taker), t)
    if order.on_margin:
        _move_margin(account, order, txid, volume, cost, fee, t)
    else:
        _move_money(account, order, txid, volume, cost, fee, t)
    _end_if_filled(account, order, t)
    _conditional_close(account, order, volume, t)
    return txid


def _end_if_filled(account: Account, order: Order, t: float) -> None:
    left = order.remaining
    if order.quote_volume is not None and order.quote_volume - order.cost < order.pair.lot * order.pair.last:
        left = ZERO  # what is left of its money buys no lot any more
    if not left:
        account.finish(order, "closed", t, None)
    elif order.reduce_only and not account.positions.volume_against(order.pair, order.side):
        account.finish(order, "canceled", t, _POSITION_CLOSED)
    else:
        account.hold(order)


def _row(
    account: Account,
    order: Order,
    price: Decimal,
    volume: Decimal,
    cost: Decimal,
    fee: Decimal,
    t: float,
    *,
    maker: bool,
) -> dict[str, Any]:
    """Return the row of TradesHistory."""
    pair = order.pair
    leverage = int(order.leverage.partition(":")[0]) if order.on_margin else 0
    return {
        "ordertxid": order.txid,
        "postxid": account.ids.txid("T"),
        "pair": pair.key,
        "time": round(t, 4),
        "type": order.side,
        "ordertype": order.ordertype,
        "price": pair.price_text(price),
        "cost": pair.cost_text(cost),
        "fee": pair.cost_text(fee),
        "vol": pair.volume_text(volume),
        "margin": pair.cost_text(cost / leverage if leverage else ZERO),
        "leverage": str(leverage),
        "misc": "",
        "trade_id": account.trade_count + 1,
        "maker": maker,
    }


def _move_money(
    account: Account, order: Order, txid: str, volume: Decimal, cost: Decimal, fee: Decimal, t: float
) -> None:
    pair, sign, entry = order.pair, 1 if order.side == "buy" else -1, account.wallet.entry
    base_fee = ZERO
    if "fcib" in order.oflags:
        unit = Decimal(1).scaleb(-account.markets.decimals(pair.base))
        base_fee = (volume * fee / cost).quantize(unit, ROUND_HALF_EVEN) if cost else ZERO
        fee = ZERO
    lines = [
        entry(t, "trade", pair.base, sign * volume, base_fee, txid),
        entry(t, "trade", pair.quote, -sign * cost, fee, txid),
    ]
    account.trade_ledgers[txid] = lines


def _move_margin(
    account: Account, order: Order, txid: str, volume: Decimal, cost: Decimal, fee: Decimal, t: float
) -> None:
    done = account.positions.trade(order, txid, volume, cost, fee, t)
    if done.closed:
        account.trades[txid]["misc"] = "closing"
    line = account.wallet.entry(t, "margin", order.pair.quote, done.profit, fee, txid)
    account.trade_ledgers[txid] = [line]


def _settle(account: Account, order: Order, t: float) -> None:
    """Close positions by handing over what was lent: the cost for the coins, or the coins for the cost."""
    pair, volume = order.pair, order.remaining
    txid = account.add_trade(order, {}, t)
    cost = account.positions.settle(order, txid)
    order.executed, order.cost = volume, cost
    row = _row(account, order, cost / volume, volume, cost, ZERO, t, maker=False)
    account.trades[txid].update({**row, "trade_id": account.trade_count, "misc": "closing"})
    sign = 1 if order.side == "sell" else -1  # selling settles what was bought: coins come, the cost goes
    entry = account.wallet.entry
    account.trade_ledgers[txid] = [
        entry(t, "settled", pair.base, sign * volume, ZERO, txid),
        entry(t, "settled", pair.quote, -sign * cost, ZERO, txid),
    ]
    account.finish(order, "closed", t, None)


def _conditional_close(account: Account, order: Order, volume: Decimal, t: float) -> None:
    """Place the order that closes what was traded just now."""
    if not order.close:
        return
    close, pair = order.close, order.pair
    second = Order(
        txid="",
        account=account.name,
        pair=pair,
        side="sell" if order.side == "buy" else "buy",
        ordertype=close["ordertype"],
        volume=volume,
        price=ZERO,
        userref=order.userref,
        leverage=order.leverage,
        refid=order.txid,
        nonce=order.nonce,
    )
    if close["ordertype"].startswith("trailing-stop"):
        second.offset = Relative.read(close["price"])
        second.limit_offset = Relative.read(close.get("price2", ""))
    else:
        second.price = read_price(close["price"], pair, second.side, "price", account.behaviour)
        if "price2" in close:
            second.price2 = read_price(close["price2"], pair, second.side, "price2", account.behaviour)
    place(account, second, t)
