"""An account: balances, the order book, trades, ledgers and the dead man's switch."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from .behaviour import Behaviour
from .counters import Counter
from .ids import Ids
from .markets import Pair
from .order_reading import read_price
from .orders import ZERO, Order, same_id
from .rules import Tier
from .values import Refusal

#: Enough for any benchmark; a test that wants to run out of money sets its own.
START_BALANCES = {
    "ZUSD": Decimal("1000000000"),
    "ZEUR": Decimal("1000000000"),
    "XXBT": Decimal("100000"),
    "XETH": Decimal("1000000"),
    "USDT": Decimal("1000000"),
    "ADA": Decimal("1000000"),
}
_TAKER = Decimal("0.0040")
_MAKER = Decimal("0.0025")
NEVER = float("inf")
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class Change(NamedTuple):
    """What an amend makes of an order."""

    volume: Decimal
    price: Decimal
    price2: Decimal
    display: Decimal


class Account:
    """What Kraken keeps for one account, whichever key asks; of the past about ``forget_after`` rows each."""

    def __init__(self, name: str, ids: Ids, behaviour: Behaviour, forget_after: int | None = None) -> None:
        self.name = name
        self.behaviour = behaviour
        self.balances = dict(START_BALANCES)
        self.shown_balances: tuple[dict[str, Decimal], dict[str, str]] = ({}, {})
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.closed: dict[str, Order] = {}
        self.by_client_id: dict[str, Order] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.ledgers: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.withdrawals: list[dict[str, Any]] = []
        self.dead_man = NEVER
        self.next_event = NEVER
        self._held: dict[str, Decimal] = {}
        self._engine: dict[str, Counter] = {}
        self._ids = ids
        self._forget_after = forget_after

    # -- money -------------------------------------------------------------------------------------

    def held(self, asset: str) -> Decimal:
        """Return what open orders hold of ``asset``."""
        return self._held.get(asset, ZERO)

    def require(self, asset: str, amount: Decimal) -> None:
        """Refuse when less than ``amount`` is free."""
        if self.balances.get(asset, ZERO) - self.held(asset) < amount:
            raise Refusal("EOrder:Insufficient funds")

    @staticmethod
    def need(order: Order) -> tuple[str, Decimal]:
        """Return the asset and the amount that the rest of ``order`` takes; nothing on margin."""
        if order.leverage != "none":
            return order.pair.quote, ZERO
        if order.side == "sell":
            return order.pair.base, order.remaining
        price = order.limit or order.price2 or order.price or order.pair.ask
        return order.pair.quote, order.remaining * price

    def _hold(self, order: Order, sign: int) -> None:
        asset, amount = self.need(order)
        self._held[asset] = self.held(asset) + sign * amount

    def entry(self, t: float, kind: str, asset: str, amount: Decimal, fee: Decimal, refid: str) -> None:
        """Change a balance and write the ledger line for it."""
        balance = self.balances.get(asset, ZERO) + amount - fee
        self.balances[asset] = balance
        self.ledgers[self._ids.txid("L")] = {
            "refid": refid,
            "time": round(t, 4),
            "type": kind,
            "subtype": "",
            "aclass": "currency",
            "asset": asset,
            "amount": f"{amount:.10f}",
            "fee": f"{fee:.10f}",
            "balance": f"{balance:.10f}",
        }
        self._trim(self.ledgers)

    # -- the book ----------------------------------------------------------------------------------

    def engine(self, pair: Pair, tier: Tier) -> Counter:
        """Return the matching engine's counter for ``pair``."""
        counter = self._engine.get(pair.key)
        if counter is None:
            counter = self._engine[pair.key] = Counter(tier.threshold, tier.engine_decay)
        return counter

    def place(self, order: Order, t: float, *, delays: tuple[float, float] = (0.0, 0.0)) -> None:
        """Take the order into the book and let it trade.

        Queries show it after the first of ``delays`` seconds, and that it is closed after the second.
        """
        order.txid = self._ids.txid("O")
        order.account = self.name
        order.opened = order.touched = t
        order.visible, order.closed_delay = t + delays[0], delays[1]
        order.amends.append(self.amend_row(order, "original", t))
        self.orders[order.txid] = self.open[order.txid] = order
        if order.cl_ord_id is not None:
            self.by_client_id[same_id(order.cl_ord_id)] = order
        self._hold(order, 1)
        if order.timeinforce == "GTD":
            self.next_event = min(self.next_event, order.expiretm)
        if order.crosses():
            self.fill(order, order.volume, t, taker=True)
        elif order.timeinforce in ("IOC", "FOK"):
            self.finish(order, "canceled", t, "IOC/FOK order not filled")

    def fill(self, order: Order, volume: Decimal, t: float, *, taker: bool = False) -> str:
        """Trade ``volume`` of an open order and return the trade's id; filled up, the order is closed."""
        if volume == order.remaining:
            self._keep_as_shown(order)
        self._hold(order, -1)
        pair = order.pair
        market = pair.ask if order.side == "buy" else pair.bid
        price = market if taker or order.limit is None else order.limit
        cost = volume * price
        fee = cost * (_TAKER if taker else _MAKER)
        order.executed += volume
        order.cost += cost
        order.fee += fee
        self._hold(order, 1)
        trade = self._trade(order, price, volume, cost, fee, t)
        if order.leverage == "none":
            sign = 1 if order.side == "buy" else -1
            self.entry(t, "trade", pair.base, sign * volume, ZERO, trade)
            self.entry(t, "trade", pair.quote, -sign * cost, fee, trade)
        if not order.remaining:
            self.finish(order, "closed", t, None)
            self._conditional_close(order, t)
        return trade

    def _trade(
        self, order: Order, price: Decimal, volume: Decimal, cost: Decimal, fee: Decimal, t: float
    ) -> str:
        pair, txid = order.pair, self._ids.txid("T")
        shown = {
            "ordertxid": order.txid,
            "postxid": self._ids.txid("T"),
            "pair": pair.key,
            "time": round(t, 4),
            "type": order.side,
            "ordertype": order.ordertype,
            "price": pair.price_text(price),
            "cost": pair.cost_text(cost),
            "fee": pair.cost_text(fee),
            "vol": pair.volume_text(volume),
            "margin": "0.00000",
            "misc": "",
        }
        self.trades[txid] = shown
        order.trades.append(txid)
        if order.leverage != "none":
            margin = cost / int(order.leverage.partition(":")[0])
            self.positions[txid] = {
                **{name: value for name, value in shown.items() if name not in ("postxid", "price")},
                "posstatus": "open",
                "vol_closed": pair.volume_text(ZERO),
                "margin": pair.cost_text(margin),
                "terms": "0.0100% per 4 hours",
                "rollovertm": str(int(t) + 4 * 3600),
                "oflags": "",
            }
        self._trim(self.trades)
        return txid

    def _conditional_close(self, order: Order, t: float) -> None:
        if not order.close:
            return
        side = "sell" if order.side == "buy" else "buy"
        prices = {
            name: read_price(order.close[name], order.pair, side, name, self.behaviour)
            for name in ("price", "price2")
            if name in order.close
        }
        second = Order(
            txid="",
            account=self.name,
            pair=order.pair,
            side=side,
            ordertype=order.close["ordertype"],
            volume=order.executed,
            price=prices["price"],
            price2=prices.get("price2", ZERO),
            userref=order.userref,
            refid=order.txid,
            nonce=order.nonce,
        )
        self.place(second, t)

    def finish(self, order: Order, status: str, t: float, reason: str | None) -> None:
        """Take an open order out of the book."""
        self._keep_as_shown(order)
        self._hold(order, -1)
        order.status, order.reason, order.closed = status, reason, t
        order.visible_closed = t + order.closed_delay
        del self.open[order.txid]
        if order.cl_ord_id is not None and self.by_client_id.get(same_id(order.cl_ord_id)) is order:
            del self.by_client_id[same_id(order.cl_ord_id)]
        self.closed[order.txid] = order
        if self._forget_after is not None and len(self.closed) > self._forget_after:
            oldest = next(iter(self.closed))
            del self.closed[oldest], self.orders[oldest]

    def _keep_as_shown(self, order: Order) -> None:
        if order.closed_delay and order.before_closing is None:
            order.before_closing = order.public(self.behaviour)

    def amend(self, order: Order, t: float, change: Change, *, delay: float = 0.0) -> str:
        """Change an open order and return the amend's id; one filled beyond its new volume is cancelled.

        OrderAmends shows it after ``delay`` seconds.
        """
        self._hold(order, -1)
        order.volume = max(change.volume, order.executed)
        order.price, order.price2, order.display = change.price, change.price2, change.display
        order.touched = t
        self._hold(order, 1)
        row = self.amend_row(order, "user", t)
        order.amends.append(row)
        order.amends_visible[row["amend_id"]] = t + delay
        if not order.remaining:
            self.finish(order, "canceled", t, "User requested")
        elif order.crosses():
            self.fill(order, order.remaining, t, taker=True)
        return str(row["amend_id"])

    def amend_row(self, order: Order, kind: str, t: float) -> dict[str, Any]:
        """Return one row of OrderAmends."""
        return {
            "amend_id": self._ids.txid("T"),
            "amend_type": kind,
            "order_qty": order.pair.volume_text(order.volume),
            "remaining_qty": order.pair.volume_text(order.remaining),
            "limit_price": order.pair.price_text(order.price),
            "timestamp": int(t * _PER_SECOND[self.behaviour.amend_times]),
        }

    def cancel_all(self, t: float, reason: str = "User requested") -> list[Order]:
        """Cancel every open order and return them."""
        gone = list(self.open.values())
        for order in gone:
            self.finish(order, "canceled", t, reason)
        return gone

    # -- time --------------------------------------------------------------------------------------

    def arm(self, at: float) -> None:
        """Set the dead man's switch to ``at`` unix seconds, or off with NEVER."""
        self.dead_man = at
        self._plan()

    def tick(self, t: float) -> None:
        """Let happen what time brings by ``t``, in order: orders expire, the switch fires."""
        while self.next_event <= t:
            at = self.next_event
            for order in [o for o in self.open.values() if o.timeinforce == "GTD" and o.expiretm <= at]:
                self.finish(order, "expired", at, "Expired")
            if self.dead_man <= at:
                self.dead_man = NEVER
                self.cancel_all(at, "Cancel all orders after timeout")
            self._plan()

    def _plan(self) -> None:
        ends = [order.expiretm for order in self.open.values() if order.timeinforce == "GTD"]
        self.next_event = min([self.dead_man, *ends])

    def _trim(self, rows: dict[str, Any]) -> None:
        if self._forget_after is not None and len(rows) > self._forget_after:
            del rows[next(iter(rows))]

    # -- what queries show -------------------------------------------------------------------------

    def shown_open(self, t: float) -> Iterator[Order]:
        """Yield the orders that queries show as open at ``t``, oldest first."""
        late = self.behaviour.closing == "still open"
        for order in list((self.orders if late else self.open).values()):
            if order.visible <= t and (order.txid in self.open or t < order.visible_closed):
                yield order

    def shown_closed(self, t: float) -> Iterator[Order]:
        """Yield the orders that queries show as closed at ``t``, oldest first."""
        for order in list(self.closed.values()):
            if order.visible <= t and order.visible_closed <= t:
                yield order
