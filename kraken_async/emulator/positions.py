"""Margin: positions that orders with leverage open, reduce, close and settle.

An order on margin first closes what stands against it on its pair, oldest first, and opens a position with the
rest. Rollover fees, opening fees and margin calls are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from .markets import Pair
from .orders import ZERO, Order


@dataclass(slots=True)
class Position:
    """A position that one trade on margin opened; ``closed_volume`` and ``closed_cost`` are of its closed part."""

    txid: str
    ordertxid: str
    pair: Pair
    side: str
    ordertype: str
    leverage: str
    opened: float
    volume: Decimal
    cost: Decimal
    fee: Decimal
    closed_volume: Decimal = ZERO
    opening_cost_closed: Decimal = ZERO
    closed_cost: Decimal = ZERO
    closed_fee: Decimal = ZERO
    net: Decimal = ZERO
    closing_trades: list[str] = field(default_factory=list)

    @property
    def remaining(self) -> Decimal:
        """Volume still open."""
        return self.volume - self.closed_volume

    @property
    def cost_left(self) -> Decimal:
        """Cost at which the volume still open was opened."""
        return self.cost - self.opening_cost_closed

    @property
    def margin(self) -> Decimal:
        """The margin that the whole position took."""
        return self.cost / int(self.leverage.partition(":")[0])

    @property
    def margin_left(self) -> Decimal:
        """The margin that the volume still open takes."""
        return self.cost_left / int(self.leverage.partition(":")[0])

    @property
    def value(self) -> Decimal:
        """Value of the volume still open, at the last price."""
        return self.remaining * self.pair.last

    @property
    def floating(self) -> Decimal:
        """Profit or loss on the volume still open, at the last price."""
        return self.value - self.cost_left if self.side == "buy" else self.cost_left - self.value

    def reduce(self, volume: Decimal, cost: Decimal) -> Decimal:
        """Close ``volume`` at ``cost`` in all and return the profit or loss."""
        share = self.cost_left
        if volume != self.remaining:
            share = (self.cost_left * volume / self.remaining).quantize(self.pair.money, ROUND_HALF_EVEN)
        self.closed_volume += volume
        self.opening_cost_closed += share
        self.closed_cost += cost
        profit = cost - share if self.side == "buy" else share - cost
        self.net += profit
        return profit

    def public(self, *, calculations: bool) -> dict[str, Any]:
        """Return the row of OpenPositions."""
        pair = self.pair
        shown = {
            "ordertxid": self.ordertxid,
            "posstatus": "open",
            "pair": pair.key,
            "time": round(self.opened, 4),
            "type": self.side,
            "ordertype": self.ordertype,
            "cost": pair.cost_text(self.cost),
            "fee": pair.cost_text(self.fee),
            "vol": pair.volume_text(self.volume),
            "vol_closed": pair.volume_text(self.closed_volume),
            "margin": pair.cost_text(self.margin),
        }
        if calculations:
            shown["value"] = pair.price_text(self.value)
            shown["net"] = f"{self.floating:+.4f}"
        rollover = str(int(self.opened) // 14_400 * 14_400 + 14_400)
        return {**shown, "terms": "0.0000% per 4 hours", "rollovertm": rollover, "misc": "", "oflags": ""}

    def in_trade(self) -> dict[str, Any]:
        """Return what the trade that opened the position tells of it in TradesHistory."""
        pair = self.pair
        shown: dict[str, Any] = {"posstatus": "open" if self.remaining else "closed"}
        if self.closed_volume:
            shown["cprice"] = pair.price_text(self.closed_cost / self.closed_volume)
            shown["ccost"] = pair.cost_text(self.closed_cost)
            shown["cfee"] = pair.cost_text(self.closed_fee)
            shown["cvol"] = pair.volume_text(self.closed_volume)
            shown["cmargin"] = pair.cost_text(self.margin - self.margin_left)
            shown["net"] = f"{self.net:+.4f}"
            shown["trades"] = list(self.closing_trades)
        return shown


@dataclass(frozen=True, slots=True)
class Closing:
    """Effect of a trade on margin: profit or loss realised, volume closed and volume opened."""

    profit: Decimal
    closed: Decimal
    opened: Decimal


class Positions:
    """The positions of one account by the trade that opened each; of closed ones about ``forget_after``."""

    def __init__(self, forget_after: int | None) -> None:
        self.open: dict[str, Position] = {}
        self.closed: dict[str, Position] = {}
        self._forget_after = forget_after

    def get(self, trade: str) -> Position | None:
        """Return the position that a trade opened, open or closed."""
        return self.open.get(trade) or self.closed.get(trade)

    def against(self, pair: Pair, side: str) -> Iterator[Position]:
        """Yield the open positions that an order of ``side`` closes, oldest first."""
        return (
            position
            for position in list(self.open.values())
            if position.pair is pair and position.side != side
        )

    def volume_against(self, pair: Pair, side: str) -> Decimal:
        """Return the volume that an order of ``side`` can close."""
        return sum((position.remaining for position in self.against(pair, side)), ZERO)

    def trade(
        self, order: Order, trade: str, volume: Decimal, cost: Decimal, fee: Decimal, t: float
    ) -> Closing:
        """Close what stands against a trade of ``order``, and open a position with the rest."""
        profit, left, cost_left, fee_left = ZERO, volume, cost, fee
        money = order.pair.money
        for position in self.against(order.pair, order.side):
            if not left:
                break
            part = min(left, position.remaining)
            part_cost, part_fee = cost_left, fee_left
            if part != left:
                part_cost = (cost_left * part / left).quantize(money, ROUND_HALF_EVEN)
                part_fee = (fee_left * part / left).quantize(money, ROUND_HALF_EVEN)
            profit += position.reduce(part, part_cost)
            position.closed_fee += part_fee
            position.closing_trades.append(trade)
            left, cost_left, fee_left = left - part, cost_left - part_cost, fee_left - part_fee
            self._close_if_empty(position)
        if left:
            self.open[trade] = Position(
                trade, order.txid, order.pair, order.side, order.ordertype, order.leverage, t, left, cost_left, fee_left
            )  # fmt: skip
        return Closing(profit, volume - left, left)

    def settle(self, order: Order, trade: str) -> Decimal:
        """Close the order's volume of what stands against it at the price it was opened; return the cost."""
        cost, left = ZERO, order.remaining
        for position in self.against(order.pair, order.side):
            if not left:
                break
            part = min(left, position.remaining)
            before = position.cost_left
            share = before
            if part != position.remaining:
                share = (before * part / position.remaining).quantize(order.pair.money, ROUND_HALF_EVEN)
            position.reduce(part, share)
            position.closing_trades.append(trade)
            cost, left = cost + share, left - part
            self._close_if_empty(position)
        return cost

    def _close_if_empty(self, position: Position) -> None:
        if position.remaining:
            return
        self.closed[position.txid] = self.open.pop(position.txid)
        if self._forget_after is not None and len(self.closed) > self._forget_after:
            del self.closed[next(iter(self.closed))]
