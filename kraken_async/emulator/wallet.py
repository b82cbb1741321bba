"""Balances, what open orders hold of them, and the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .ids import Ids
from .markets import Markets
from .orders import ZERO
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


class Wallet:
    """The money of one account; of the ledger about ``forget_after`` lines are kept."""

    def __init__(self, ids: Ids, markets: Markets, forget_after: int | None) -> None:
        self.balances: dict[str, Decimal] = dict(START_BALANCES)
        self.ledgers: dict[str, dict[str, Any]] = {}
        self._by_order: dict[str, tuple[str, Decimal]] = {}
        self._held: dict[str, Decimal] = {}
        self._ids = ids
        self._markets = markets
        self._forget_after = forget_after

    def held(self, asset: str) -> Decimal:
        """Return what open orders hold of ``asset``."""
        return self._held.get(asset, ZERO)

    def free(self, asset: str) -> Decimal:
        """Return what no open order holds of ``asset``."""
        return self.balances.get(asset, ZERO) - self.held(asset)

    def require(self, asset: str, amount: Decimal) -> None:
        """Refuse when less than ``amount`` is free."""
        if self.free(asset) < amount:
            raise Refusal("EOrder:Insufficient funds")

    def hold(self, txid: str, asset: str, amount: Decimal) -> None:
        """Hold ``amount`` for an order, in the place of what was held for it."""
        self.release(txid)
        if amount:
            self._by_order[txid] = asset, amount
            self._held[asset] = self.held(asset) + amount

    def release(self, txid: str) -> None:
        """Hold nothing more for an order."""
        before = self._by_order.pop(txid, None)
        if before is not None:
            self._held[before[0]] -= before[1]

    def entry(self, t: float, kind: str, asset: str, amount: Decimal, fee: Decimal, refid: str) -> str:
        """Change a balance, write the ledger line for it, and return the line's id."""
        balance = self.balances.get(asset, ZERO) + amount - fee
        self.balances[asset] = balance
        decimals = self._markets.decimals(asset)
        line = self._ids.txid("L")
        self.ledgers[line] = {
            "refid": refid,
            "time": round(t, 4),
            "type": kind,
            "subtype": "",
            "aclass": "currency",
            "asset": asset,
            "amount": f"{amount:.{decimals}f}",
            "fee": f"{fee:.{decimals}f}",
            "balance": f"{balance:.{decimals}f}",
        }
        if self._forget_after is not None and len(self.ledgers) > self._forget_after:
            del self.ledgers[next(iter(self.ledgers))]
        return line
