"""An account: its money, its orders and positions, the dead man's switch, and what queries show of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from .behaviour import Behaviour
from .counters import Counter
from .ids import Ids
from .markets import Markets, Pair
from .order_text import public
from .orders import ZERO, Order, same_id
from .positions import Positions
from .prices import Relative
from .rules import Tier
from .values import Refusal
from .wallet import Wallet

NEVER = float("inf")
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class Change(NamedTuple):
    """The fields of an order after an amend."""

    volume: Decimal
    price: Decimal
    price2: Decimal
    display: Decimal
    offset: Relative | None = None
    limit_offset: Relative | None = None


class MarginFigures(NamedTuple):
    """The figures of TradeBalance, in dollars."""

    balance: Decimal
    margin: Decimal
    floating: Decimal
    cost: Decimal
    value: Decimal

    @property
    def equity(self) -> Decimal:
        """Balance with what open positions have won or lost."""
        return self.balance + self.floating

    @property
    def free(self) -> Decimal:
        """Equity that may still be put up as margin."""
        return self.equity - self.margin


def _account_id(name: str) -> str:
    """Return an id in the shape of Kraken's: four groups of four, the same for a name at each start."""
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
    return f"AA{digest[:2]} {digest[2:6]} {digest[6:10]} {digest[10:14]}"


class Account:
    """One account, the same for each of its keys; of the past it keeps about ``forget_after`` rows of each kind."""

    def __init__(
        self, name: str, ids: Ids, markets: Markets, behaviour: Behaviour, forget_after: int | None = None
    ) -> None:
        self.name = name
        self.account_id: str = _account_id(name)
        self.ids = ids
        self.behaviour = behaviour
        self.wallet: Wallet = Wallet(ids, markets, forget_after)
        self.shown_balances: tuple[dict[str, Decimal], dict[str, str]] = ({}, {})
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.closed: dict[str, Order] = {}
        self.by_client_id: dict[str, Order] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.trade_ledgers: dict[str, list[str]] = {}
        self.trades_visible: dict[str, float] = {}
        self.positions: Positions = Positions(forget_after)
        self.withdrawals: list[dict[str, Any]] = []
        self.deposits: list[dict[str, Any]] = []
        self.trade_count: int = 0
        self.dead_man: float = NEVER
        self.next_event: float = NEVER
        self._engine: dict[str, Counter] = {}
        self.markets = markets
        self._forget_after = forget_after

    # -- money -------------------------------------------------------------------------------------

    @property
    def balances(self) -> dict[str, Decimal]:
        """Amounts by asset; may be changed."""
        return self.wallet.balances

    @balances.setter
    def balances(self, balances: dict[str, Decimal]) -> None:
        self.wallet.balances = balances

    @property
    def ledgers(self) -> dict[str, dict[str, Any]]:
        """The ledger's lines by id, oldest first."""
        return self.wallet.ledgers

    def held(self, asset: str) -> Decimal:
        """Return what open orders hold of ``asset``."""
        return self.wallet.held(asset)

    def hold(self, order: Order) -> None:
        """Hold what the rest of an open order needs."""
        self.wallet.hold(order.txid, *order.need())

    def margin(self) -> MarginFigures:
        """Return the figures of margin trading, in dollars at the last prices."""
        dollars = self.markets.dollars
        balance = sum((amount * dollars(name) for name, amount in self.balances.items() if amount), ZERO)
        margin = floating = cost = value = ZERO
        for position in self.positions.open.values():
            rate = dollars(position.pair.quote)
            margin += position.margin_left * rate
            floating += position.floating * rate
            cost += position.cost_left * rate
            value += position.value * rate
        return MarginFigures(balance, margin, floating, cost, value)

    def require(self, order: Order) -> None:
        """Refuse an order that there is not enough money for, or not enough equity to put up as margin."""
        if not order.on_margin:
            self.wallet.require(*order.need())
            return
        opening = order.remaining - self.positions.volume_against(order.pair, order.side)
        if opening > 0 and order.ordertype != "settle-position":
            price = order.limit or order.price or order.pair.ask
            needed = opening * price / int(order.leverage.partition(":")[0])
            if needed * self.markets.dollars(order.pair.quote) > self.margin().free:
                raise Refusal("EOrder:Margin level too low")

    # -- the book ----------------------------------------------------------------------------------

    def engine(self, pair: Pair, tier: Tier) -> Counter:
        """Return the matching engine's counter for ``pair``."""
        counter = self._engine.get(pair.key)
        if counter is None:
            counter = self._engine[pair.key] = Counter(tier.threshold, tier.engine_decay)
        return counter

    def enter(self, order: Order, t: float, delays: tuple[float, float]) -> None:
        """Take the order into the book, with an id of its own."""
        order.txid = self.ids.txid("O")
        order.account = self.name
        order.opened = order.touched = t
        order.visible, order.closed_delay = t + delays[0], delays[1]
        order.amends.append(self._amend_row(order, "original", t))
        self.orders[order.txid] = self.open[order.txid] = order
        if order.cl_ord_id is not None:
            self.by_client_id[same_id(order.cl_ord_id)] = order
        self.hold(order)
        if order.starttm or order.expiretm:
            self._plan()

    def finish(self, order: Order, status: str, t: float, reason: str | None) -> None:
        """Take an open order out of the book."""
        self.keep_as_shown(order)
        self.wallet.release(order.txid)
        order.status, order.reason, order.closed = status, reason, t
        order.visible_closed = t + order.closed_delay
        del self.open[order.txid]
        if order.cl_ord_id is not None and self.by_client_id.get(same_id(order.cl_ord_id)) is order:
            del self.by_client_id[same_id(order.cl_ord_id)]
        self.closed[order.txid] = order
        if self._forget_after is not None and len(self.closed) > self._forget_after:
            oldest = next(iter(self.closed))
            del self.closed[oldest], self.orders[oldest]

    def keep_as_shown(self, order: Order) -> None:
        """Keep how an order is shown while it is open, if that is to be seen longer than it is true."""
        if order.closed_delay and order.before_closing is None:
            order.before_closing = public(order, self.behaviour)

    def amended(self, order: Order, t: float, delay: float) -> str:
        """Write the row of an amend that was made, and return its id; OrderAmends shows it after ``delay`` seconds."""
        row = self._amend_row(order, "user", t)
        order.amends.append(row)
        order.amends_visible[row["amend_id"]] = t + delay
        return str(row["amend_id"])

    def _amend_row(self, order: Order, kind: str, t: float) -> dict[str, Any]:
        pair = order.pair
        row = {
            "amend_id": self.ids.txid("T"),
            "amend_type": kind,
            "order_qty": pair.volume_text(order.volume),
            "remaining_qty": pair.volume_text(order.remaining),
            "limit_price": pair.price_text(order.price2 if order.conditional else order.price),
            "timestamp": int(t * _PER_SECOND[self.behaviour.amend_times]),
        }
        if order.conditional:
            row["trigger_price"] = pair.price_text(order.price)
        if order.display:
            row["display_qty"] = pair.volume_text(order.display)
        if kind == "user":
            row["reason"] = "User requested"
        return row

    def cancel_all(self, t: float, reason: str = "User requested") -> list[Order]:
        """Cancel every open order and return them."""
        gone = list(self.open.values())
        for order in gone:
            self.finish(order, "canceled", t, reason)
        return gone

    def add_trade(self, order: Order, row: dict[str, Any], t: float) -> str:
        """Keep a trade of ``order`` and return its id; queries show it as late as the order's end."""
        txid = self.ids.txid("T")
        self.trade_count += 1
        self.trades[txid] = row
        order.trades.append(txid)
        if order.closed_delay:
            self.trades_visible[txid] = t + order.closed_delay
        if self._forget_after is not None and len(self.trades) > self._forget_after:
            oldest = next(iter(self.trades))
            del self.trades[oldest]
            self.trade_ledgers.pop(oldest, None)
            self.trades_visible.pop(oldest, None)
        return txid

    # -- time --------------------------------------------------------------------------------------

    def arm(self, at: float) -> None:
        """Set the dead man's switch to ``at`` unix seconds, or off with NEVER."""
        self.dead_man = at
        self._plan()

    def due(self, t: float) -> Iterator[Order]:
        """Let orders expire and the switch fire by ``t``, in order; yield the orders whose start has come."""
        while self.next_event <= t:
            at = self.next_event
            for order in list(self.open.values()):
                if order.status == "pending" and order.starttm <= at:
                    order.status = "open"
                    yield order
            for order in [o for o in self.open.values() if 0 < o.expiretm <= at]:
                self.finish(order, "expired", at, "Expired")
            if self.dead_man <= at:
                self.dead_man = NEVER
                self.cancel_all(at, "Cancel all orders after timeout")
            self._plan()

    def _plan(self) -> None:
        moments = [self.dead_man]
        for order in self.open.values():
            if order.expiretm:
                moments.append(order.expiretm)
            if order.status == "pending":
                moments.append(order.starttm)
        self.next_event = min(moments)

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
