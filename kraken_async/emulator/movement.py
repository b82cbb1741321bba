"""Move orders in the book along with the price and with time."""

from __future__ import annotations

from decimal import Decimal

from .account import Account
from .markets import Pair
from .matching import arrive, trade
from .orders import Order


def tick(account: Account, t: float) -> None:
    """Let happen what time brings by ``t``: orders start and expire, the dead man's switch fires."""
    for order in account.due(t):
        arrive(account, order, order.starttm)


def moved(account: Account, pair: Pair, t: float, flow: Decimal | None = None) -> None:
    """Let orders follow a price that has moved: triggers trail and fire, limits that are crossed trade.

    ``flow`` is the volume that traded at the new price, which resting orders share; None: any volume.
    """
    for order in [o for o in account.open.values() if o.pair is pair and o.status == "open"]:
        if not order.is_open:
            continue  # another one's trade has cancelled it
        if order.offset is not None and not order.triggered:
            order.trail()
            account.hold(order)
        if order.waiting:
            arrive(account, order, t)
        elif order.crosses():
            flow = _rest(account, order, t, flow)


def _rest(account: Account, order: Order, t: float, flow: Decimal | None) -> Decimal | None:
    """Trade a resting order that the market has come to, and return the volume that is left for others."""
    limit = order.limit
    if limit is None:
        arrive(account, order, t)
        return flow
    volume = order.remaining if flow is None else min(order.remaining, flow)
    if volume:
        trade(account, order, volume, limit, t, taker=False)
    return None if flow is None else flow - volume
