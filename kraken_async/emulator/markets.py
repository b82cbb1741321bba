"""The markets: assets, pairs and prices that move only when a test moves them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .values import Refusal


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset."""

    key: str
    altname: str
    decimals: int
    display_decimals: int

    def public(self) -> dict[str, Any]:
        """Return the asset as the Assets endpoint shows it."""
        return {
            "aclass": "currency",
            "altname": self.altname,
            "decimals": self.decimals,
            "display_decimals": self.display_decimals,
            "status": "enabled",
        }


@dataclass(slots=True)
class Pair:
    """One pair with its rules and its last price; the book is one tick wide."""

    key: str
    altname: str
    wsname: str
    base: str
    quote: str
    pair_decimals: int
    cost_decimals: int
    ordermin: Decimal
    costmin: Decimal
    last: Decimal
    status: str = "online"
    lot_decimals: int = 8
    tick_size: Decimal | None = None

    @property
    def tick(self) -> Decimal:
        """The smallest step of a price."""
        return self.tick_size or Decimal(1).scaleb(-self.pair_decimals)

    @property
    def lot(self) -> Decimal:
        """The smallest step of a volume."""
        return Decimal(1).scaleb(-self.lot_decimals)

    @property
    def ask(self) -> Decimal:
        """What a buyer pays now."""
        return self.last + self.tick

    @property
    def bid(self) -> Decimal:
        """What a seller gets now."""
        return self.last

    def price_text(self, price: Decimal) -> str:
        """Return a price with the pair's decimals."""
        return f"{price:.{self.pair_decimals}f}"

    def volume_text(self, volume: Decimal) -> str:
        """Return a volume with the pair's decimals."""
        return f"{volume:.{self.lot_decimals}f}"

    def cost_text(self, cost: Decimal) -> str:
        """Return a cost or fee with the pair's decimals."""
        return f"{cost:.{self.cost_decimals}f}"

    def public(self) -> dict[str, Any]:
        """Return the pair as the AssetPairs endpoint shows it."""
        return {
            "altname": self.altname,
            "wsname": self.wsname,
            "aclass_base": "currency",
            "base": self.base,
            "aclass_quote": "currency",
            "quote": self.quote,
            "pair_decimals": self.pair_decimals,
            "cost_decimals": self.cost_decimals,
            "lot_decimals": self.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": [2, 3, 4, 5],
            "leverage_sell": [2, 3, 4, 5],
            "fees": [[0, 0.4], [10000, 0.35]],
            "fees_maker": [[0, 0.25], [10000, 0.2]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": str(self.ordermin),
            "costmin": str(self.costmin),
            "tick_size": str(self.tick),
            "status": self.status,
        }


_ASSETS = (
    Asset("XXBT", "XBT", 10, 5),
    Asset("XETH", "ETH", 10, 5),
    Asset("XXDG", "XDG", 8, 2),
    Asset("ADA", "ADA", 8, 6),
    Asset("SOL", "SOL", 10, 5),
    Asset("USDT", "USDT", 8, 4),
    Asset("ZUSD", "USD", 4, 2),
    Asset("ZEUR", "EUR", 4, 2),
)

# key, altname, wsname, base, quote, price decimals, cost decimals, ordermin, costmin, last price
_PAIRS = (
    ("XXBTZUSD", "XBTUSD", "XBT/USD", "XXBT", "ZUSD", 1, 5, "0.00005", "0.5", "60000.0"),
    ("XXBTZEUR", "XBTEUR", "XBT/EUR", "XXBT", "ZEUR", 1, 5, "0.00005", "0.5", "55000.0"),
    ("XETHZUSD", "ETHUSD", "ETH/USD", "XETH", "ZUSD", 2, 5, "0.001", "0.5", "3000.00"),
    ("XETHZEUR", "ETHEUR", "ETH/EUR", "XETH", "ZEUR", 2, 5, "0.001", "0.5", "2750.00"),
    ("XETHXXBT", "ETHXBT", "ETH/XBT", "XETH", "XXBT", 5, 6, "0.001", "0.00002", "0.05000"),
    ("XDGUSD", "XDGUSD", "XDG/USD", "XXDG", "ZUSD", 7, 9, "10", "0.5", "0.1500000"),
    ("ADAUSD", "ADAUSD", "ADA/USD", "ADA", "ZUSD", 6, 8, "2", "0.5", "0.500000"),
    ("SOLUSD", "SOLUSD", "SOL/USD", "SOL", "ZUSD", 2, 7, "0.02", "0.5", "150.00"),
    ("USDTZUSD", "USDTUSD", "USDT/USD", "USDT", "ZUSD", 5, 8, "5", "0.5", "1.00000"),
)


def _same_name(name: str) -> str:
    return name.upper().replace("BTC", "XBT").replace("DOGE", "XDG")


class Markets:
    """Every asset and pair, found by any of the names that Kraken takes."""

    def __init__(self) -> None:
        self.assets = {asset.key: asset for asset in _ASSETS}
        self.pairs: dict[str, Pair] = {}
        self._pair_names: dict[str, Pair] = {}
        self._asset_names = {name: a for a in _ASSETS for name in (a.key, a.altname)}
        for key, alt, ws, base, quote, prices, costs, ordermin, costmin, last in _PAIRS:
            pair = Pair(
                key, alt, ws, base, quote, prices, costs, Decimal(ordermin), Decimal(costmin), Decimal(last)
            )
            self.pairs[key] = pair
            self._pair_names.update(dict.fromkeys((key, alt, ws, _same_name(ws)), pair))

    def pair(self, name: str) -> Pair:
        """Return the pair called ``name`` (key, altname or with a slash); refuse an unknown one."""
        found = self._pair_names.get(name) or self._pair_names.get(_same_name(name))
        if found is None:
            raise Refusal("EQuery:Unknown asset pair")
        return found

    def asset(self, name: str) -> Asset:
        """Return the asset called ``name``; refuse an unknown one."""
        found = self._asset_names.get(name) or self._asset_names.get(_same_name(name))
        if found is None:
            raise Refusal("EQuery:Unknown asset")
        return found
