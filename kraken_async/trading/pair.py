"""An asset and a pair as Kraken describes them, and the prices and volumes that it takes. Pure.

Nothing is rounded unless ``price`` or ``volume`` is asked to: ``check`` refuses what Kraken would refuse or change.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final, Literal

from kraken_async.errors import InvalidArguments, Outcome
from kraken_async.problems import counted
from kraken_async.trading.numbers import amount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.trading.numbers import Number

Rounding = Literal["nearest", "down", "up"]

#: Statuses in which a pair takes orders, some of them only certain ones.
TAKES_ORDERS: Final = frozenset({"online", "post_only", "limit_only", "reduce_only"})
#: What people call what Kraken calls otherwise.
_DISPLAY: Final = {"XBT": "BTC", "XDG": "DOGE"}


def display_name(altname: str) -> str:
    """Return the name of an asset as people write it: "BTC" for "XBT", "BTC.F" for "XBT.F"."""
    base, dot, suffix = altname.partition(".")
    return f"{_DISPLAY.get(base, base)}{dot}{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One asset: Kraken's ``code`` ("XXBT"), its ``altname`` ("XBT") and the ``name`` that people use ("BTC").

    ``decimals``: digits after the point in balances and ledgers. ``underlying``: the code of what is traded; it
    differs from ``code`` for assets with a suffix (``.S .M`` staked, ``.B`` yield, ``.F`` rewards, ``.T`` tokenised).
    """

    code: str
    name: str
    altname: str
    decimals: int
    display_decimals: int
    status: str
    underlying: str

    @classmethod
    def of(cls, code: str, row: Mapping[str, Any], underlying: str | None = None) -> Asset:
        """Return the asset that a row of Kraken's Assets describes."""
        altname = str(row.get("altname") or code)
        decimals = int(row.get("decimals", 8))
        return cls(
            code=code,
            name=display_name(altname),
            altname=altname,
            decimals=decimals,
            display_decimals=int(row.get("display_decimals", decimals)),
            status=str(row.get("status", "enabled")),
            underlying=underlying or code,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One pair: its names, and what Kraken takes as price and volume of an order.

    ``key``: as answers name it ("XXBTZUSD"). ``name``: as people write it ("BTC/USD"). ``altname`` ("XBTUSD") and
    ``wsname`` ("XBT/USD"): Kraken's other names. ``base`` and ``quote``: codes of assets ("XXBT", "ZUSD").
    ``ordermin``: least volume; ``costmin``: least price times volume; ``tick_size``: step of a price;
    ``lot_decimals``: digits of a volume. ``status``: "online", "cancel_only", "post_only", "limit_only", "reduce_only".
    """

    key: str
    name: str
    altname: str
    wsname: str
    base: str
    quote: str
    ordermin: Decimal
    costmin: Decimal
    tick_size: Decimal
    lot_decimals: int
    pair_decimals: int
    cost_decimals: int
    status: str

    @classmethod
    def of(cls, key: str, row: Mapping[str, Any], names: Mapping[str, str]) -> Pair:
        """Return the pair that a row of AssetPairs describes; ``names``: people's name of each asset by its code."""
        base, quote = str(row["base"]), str(row["quote"])
        altname = str(row.get("altname") or key)
        dark = ".d" if altname.endswith(".d") else ""
        wsname = str(row.get("wsname") or "")
        shown = (
            [display_name(half) for half in wsname.split("/")] if wsname.count("/") == 1 else [base, quote]
        )
        name = f"{names.get(base, shown[0])}/{names.get(quote, shown[1].removesuffix('.d'))}{dark}"
        pair_decimals = int(row["pair_decimals"])
        return cls(
            key=key,
            name=name,
            altname=altname,
            wsname=wsname or name,
            base=base,
            quote=quote,
            ordermin=Decimal(str(row.get("ordermin") or 0)),
            costmin=Decimal(str(row.get("costmin") or 0)),
            tick_size=Decimal(str(row.get("tick_size") or Decimal(1).scaleb(-pair_decimals))),
            lot_decimals=int(row["lot_decimals"]),
            pair_decimals=pair_decimals,
            cost_decimals=int(row.get("cost_decimals", pair_decimals)),
            status=str(row.get("status", "online")),
        )

    @property
    def takes_orders(self) -> bool:
        """Whether the pair takes orders, some of them at least."""
        return self.status in TAKES_ORDERS

    def price(self, value: Number, rounding: Rounding = "nearest") -> Decimal:
        """Return ``value`` on a tick: the nearest (ties to the even one), the next "down" or "up".

        Raises ValueError for a relative price, for what is no number, and for another ``rounding``.
        """
        return _step(amount(value, "price"), self.tick_size, rounding)

    def volume(self, value: Number, rounding: Rounding = "down") -> Decimal:
        """Return ``value`` with as many decimals as a lot has: cut, or rounded as `price` is. Raises ValueError."""
        return _step(amount(value, "volume"), Decimal(1).scaleb(-self.lot_decimals), rounding)

    def check(self, price: Number | None = None, volume: Number | None = None) -> None:
        """Raise InvalidArguments (not sent) if Kraken would refuse or change an order of this price and volume.

        Checked is what is given: tick size and decimals, ``ordermin``, and ``costmin`` if both are; and the status.
        Raises ValueError for a relative price, and for what is no number.
        """
        if not self.takes_orders:
            self._refuse(f"takes no orders: its status is {self.status}")
        at = None if price is None else amount(price, "price")
        size = None if volume is None else amount(volume, "volume")
        if at is not None:
            self._check_price(at)
        if size is not None:
            self._check_volume(size)
        if at is not None and size is not None:
            with localcontext(prec=130):
                cost = at * size
            if cost < self.costmin:
                self._refuse(
                    f"price times volume is {cost:f}, below the minimum of {self.costmin:f} (costmin)"
                )

    def _check_price(self, price: Decimal) -> None:
        if not price:
            self._refuse("a price is above 0")
        if _decimals(price) > self.pair_decimals:
            self._refuse(f"price {price:f} has more than {counted(self.pair_decimals, 'decimal')}")
        if _step(price, self.tick_size, "down") != price:
            self._refuse(f"price {price:f} is not a multiple of the tick size {self.tick_size:f}")

    def _check_volume(self, volume: Decimal) -> None:
        if _decimals(volume) > self.lot_decimals:
            self._refuse(f"volume {volume:f} has more than {counted(self.lot_decimals, 'decimal')}")
        if not volume or volume < self.ordermin:
            self._refuse(f"volume {volume:f} is below the minimum of {self.ordermin:f} (ordermin)")

    def _refuse(self, why: str) -> None:
        msg = f"{self.name}: {why}"
        raise InvalidArguments(msg, outcome=Outcome.NOT_SENT)


def _decimals(value: Decimal) -> int:
    """Return the digits after the point, zeros at the end left out."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _step(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """Return a multiple of ``step``. Exact: no quotient is rounded, whatever the step."""
    with localcontext(prec=130, rounding=ROUND_DOWN):
        whole, rest = divmod(value, step)
        if rounding == "up":
            whole += rest > 0
        elif rounding == "nearest":
            whole += 2 * rest > step or (2 * rest == step and whole % 2 == 1)
        elif rounding != "down":
            msg = f"rounding is 'nearest', 'down' or 'up', not {rounding!r}"
            raise ValueError(msg)
        return whole * step
