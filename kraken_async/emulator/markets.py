"""The markets: assets, pairs, their rules and their prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from .tape import Tape
from .values import Refusal

T = TypeVar("T")

#: Kraken's codes that are displayed by another name.
DISPLAYED = {"XBT": "BTC", "XDG": "DOGE"}
#: What a pair may be: orders are taken, or only cancels, or only some orders.
STATUSES = ("online", "cancel_only", "post_only", "limit_only", "reduce_only")
#: Volume of the public trade that moves a price when none is given.
_MOVES = Decimal("0.1")
#: Prices of a book with depth, on each side; beyond them nothing is offered.
_LEVELS = 10_000


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset."""

    key: str
    altname: str
    decimals: int = 8
    display_decimals: int = 5
    status: str = "enabled"
    aclass: str = "currency"

    @property
    def name(self) -> str:
        """The name that Kraken displays: BTC for XBT."""
        return DISPLAYED.get(self.altname, self.altname)

    def public(self) -> dict[str, Any]:
        """Return the asset as the Assets endpoint shows it."""
        return {
            "aclass": self.aclass,
            "altname": self.altname,
            "decimals": self.decimals,
            "display_decimals": self.display_decimals,
            "collateral_value": 1,
            "status": self.status,
        }


@dataclass(slots=True)
class Pair:
    """One pair with its rules and its last price.

    The book is one tick wide. ``depth`` is the volume at each of its prices, one tick after the other; None:
    any volume is there at the best price. ``taken`` is what takers took since the price moved last.
    """

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
    leverage: tuple[int, ...] = (2, 3, 4, 5)
    depth: Decimal | None = None
    money: Decimal = Decimal("0.0001")
    price_unit: Decimal = field(init=False)
    lot: Decimal = field(init=False)
    taken: dict[Decimal, Decimal] = field(init=False, default_factory=dict)
    tape: Tape = field(init=False)

    def __post_init__(self) -> None:
        self.price_unit = Decimal(1).scaleb(-self.pair_decimals)
        self.lot = Decimal(1).scaleb(-self.lot_decimals)
        self.tape = Tape(self.last)

    @property
    def name(self) -> str:
        """The name that Kraken displays: BTC/USD for XBT/USD."""
        base, _, quote = self.wsname.partition("/")
        return f"{DISPLAYED.get(base, base)}/{DISPLAYED.get(quote, quote)}"

    @property
    def tick(self) -> Decimal:
        """The smallest step of a price."""
        return self.tick_size or self.price_unit

    @property
    def ask(self) -> Decimal:
        """Price of the first offer to a buyer."""
        return self.last + self.tick

    @property
    def bid(self) -> Decimal:
        """Price of the first offer to a seller."""
        return self.last

    def offers(self, side: str) -> Iterator[tuple[Decimal, Decimal | None]]:
        """Yield what a taker of ``side`` finds: prices with the volume at each; None is any volume."""
        price, step = (self.ask, self.tick) if side == "buy" else (self.bid, -self.tick)
        if self.depth is None:
            yield price, None
            return
        for _ in range(_LEVELS):
            if price <= 0:
                return
            there = self.depth - self.taken.get(price, Decimal(0))
            if there > 0:
                yield price, there
            price += step

    def best(self, side: str) -> Decimal:
        """Return the price of the first offer to a taker of ``side``."""
        return (
            self.ask if side == "buy" and self.depth is None else next(self.offers(side), (self.bid, None))[0]
        )

    def take(self, price: Decimal, volume: Decimal) -> None:
        """Take ``volume`` away from what is offered at ``price``."""
        if self.depth is not None:
            self.taken[price] = self.taken.get(price, Decimal(0)) + volume

    def move(self, last: Decimal, t: float, volume: Decimal | None = None) -> None:
        """Set the last price by a public trade; what was taken is offered again."""
        side = "buy" if last >= self.last else "sell"
        self.last = last
        self.taken.clear()
        self.tape.add(t, last, _MOVES if volume is None else volume, side)

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
            "execution_venue": "international",
            "lot": "unit",
            "pair_decimals": self.pair_decimals,
            "cost_decimals": self.cost_decimals,
            "lot_decimals": self.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": list(self.leverage),
            "leverage_sell": list(self.leverage),
            "fees": [[0, 0.4], [10000, 0.35]],
            "fees_maker": [[0, 0.25], [10000, 0.2]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": str(self.ordermin),
            "costmin": str(self.costmin),
            "tick_size": str(self.tick),
            "status": self.status,
            **({"long_position_limit": 1000, "short_position_limit": 1000} if self.leverage else {}),
        }


_ASSETS = (
    Asset("XXBT", "XBT", 10, 5),
    Asset("XETH", "ETH", 10, 5),
    Asset("XXDG", "XDG", 8, 2),
    Asset("ADA", "ADA", 8, 6),
    Asset("SOL", "SOL", 10, 5),
    Asset("DOT", "DOT", 10, 8),
    Asset("XXLM", "XLM", 8, 5),
    Asset("XXRP", "XRP", 8, 5),
    Asset("USDT", "USDT", 8, 4),
    Asset("USDC", "USDC", 8, 4),
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
    ("DOTUSD", "DOTUSD", "DOT/USD", "DOT", "ZUSD", 4, 6, "0.6", "0.5", "5.0000"),
    ("DOTEUR", "DOTEUR", "DOT/EUR", "DOT", "ZEUR", 4, 6, "0.6", "0.45", "4.6000"),
    ("XXLMZUSD", "XLMUSD", "XLM/USD", "XXLM", "ZUSD", 6, 8, "15", "0.5", "0.300000"),
    ("XXRPZUSD", "XRPUSD", "XRP/USD", "XXRP", "ZUSD", 5, 8, "2", "0.5", "2.00000"),
    ("USDTZUSD", "USDTUSD", "USDT/USD", "USDT", "ZUSD", 5, 8, "5", "0.5", "1.00000"),
    ("USDCUSD", "USDCUSD", "USDC/USD", "USDC", "ZUSD", 4, 6, "5", "0.5", "1.0000"),
)


def _same_name(name: str) -> str:
    return name.upper().replace("BTC", "XBT").replace("DOGE", "XDG")


def _found(names: Mapping[str, T], name: str, what: str) -> T:
    found = names.get(name) or names.get(_same_name(name))
    if found is None:
        raise Refusal(f"EQuery:Unknown {what}")
    return found


class Markets:
    """Every asset and pair, found by any of the names that Kraken takes."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = {}
        self.pairs: dict[str, Pair] = {}
        self._pair_names: dict[str, Pair] = {}
        self._asset_names: dict[str, Asset] = {}
        for asset in _ASSETS:
            self.add_asset(asset)
        for key, alt, ws, base, quote, prices, costs, ordermin, costmin, last in _PAIRS:
            self.add_pair(
                Pair(key, alt, ws, base, quote, prices, costs, Decimal(ordermin), Decimal(costmin), Decimal(last))
            )  # fmt: skip

    def add_asset(self, asset: Asset) -> None:
        """Add an asset, or replace the one of its key."""
        self.assets[asset.key] = asset
        self._asset_names.update(dict.fromkeys((asset.key, asset.altname, asset.name), asset))

    def add_pair(self, pair: Pair) -> None:
        """Add a pair of known assets, or replace the one of its key."""
        for asset in (pair.base, pair.quote):
            if asset not in self.assets:
                raise ValueError(f"no such asset: {asset!r}")
        pair.money = Decimal(1).scaleb(-min(pair.cost_decimals, self.assets[pair.quote].decimals))
        self.pairs[pair.key] = pair
        names = (pair.key, pair.altname, pair.wsname, _same_name(pair.wsname))
        self._pair_names.update(dict.fromkeys(names, pair))

    def decimals(self, asset: str) -> int:
        """Return the decimals in which amounts of ``asset`` are kept."""
        known = self.assets.get(asset)
        return known.decimals if known is not None else 8

    def pair(self, name: str) -> Pair:
        """Return the pair called ``name`` (key, altname or with a slash); refuse an unknown one."""
        return _found(self._pair_names, name, "asset pair")

    def knows_asset(self, name: str) -> bool:
        """Return whether there is an asset called ``name``."""
        return name in self._asset_names or _same_name(name) in self._asset_names

    def asset(self, name: str) -> Asset:
        """Return the asset called ``name``; refuse an unknown one."""
        return _found(self._asset_names, name, "asset")

    def dollars(self, asset: str) -> Decimal:
        """Return what one of ``asset`` is worth in dollars, at the last prices; 1 where no market tells."""
        if asset == "ZUSD":
            return Decimal(1)
        through: Decimal | None = None
        for pair in self.pairs.values():
            if pair.base == asset and pair.quote == "ZUSD":
                return pair.last
            if pair.quote == asset and through is None:
                # A currency that is quoted in, such as the euro: by what both buy.
                other = next(
                    (p for p in self.pairs.values() if p.base == pair.base and p.quote == "ZUSD"), None
                )
                through = other.last / pair.last if other is not None else None
        return through or Decimal(1)
