"""Odd fields and names, made by chance: what a program may pass by mistake."""

from __future__ import annotations

import enum
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn

NAMES = (
    "pair",
    "type",
    "ordertype",
    "price",
    "volume",
    "close",
    "orders",
    "txid",
    "cl_ord_id",
    "userref",
    "validate",
    "asset",
)
ODD_NAMES = (
    "",
    " ",
    "a[b",
    "close[price]",
    "orders[0][type]",
    "a]b[",
    "nonce",
    "otp",
    "\ud800",
    "é",
    "x" * 5000,
    "a\r\nb",
    "a=b&c",
    "[",
    "[0]",
)
ENDPOINTS = (
    "AddOrder",
    "AddOrderBatch",
    "CancelOrder",
    "Balance",
    "AmendOrder",
    "TradeVolume",
    "Level3",
    "Withdraw",
    "Ledgers",
)
ODD_ENDPOINTS = (
    "",
    "Addorder",
    "No such",
    "../Balance",
    "a/b/c",
    "Balance?x=1",
    "Balance\r\nX: y",
    "é",
    "\ud800",
    "B" * 3000,
    "\0",
    "Balance#",
    "%2e%2e",
)


class Side(enum.Enum):
    BUY = "buy"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Bad:
    """Raises whatever is asked of it."""

    def _raise(self, *_args: object) -> NoReturn:
        raise RuntimeError("asked")

    __str__ = __repr__ = __len__ = __iter__ = __index__ = __int__ = __float__ = __bool__ = __eq__ = _raise
    __hash__ = object.__hash__


class BadMapping(dict[str, Any]):
    def items(self) -> NoReturn:
        raise KeyError("asked")


class Whole:
    def __index__(self) -> int:
        return 7


class NotWhole:
    def __index__(self) -> Any:
        return "7"


def deep(levels: int, *, mapping: bool) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value} if mapping else [value]
    return value


DEEP = [deep(levels, mapping=mapping) for levels in (50, 2000, 100_000) for mapping in (True, False)]


def within_itself(*, mapping: bool) -> Any:
    held: Any = {} if mapping else []
    if mapping:
        held["a"] = held
    else:
        held.append(held)
    return held


SCALARS: tuple[Any, ...] = (
    *(
        "1",
        "buy",
        "XBTUSD",
        "",
        "-5%",
        "+2%",
        "#1",
        "\ud800",
        "é" * 50,
        "\0",
        "a\r\nb",
        Text("buy"),
        Side.BUY,
    ),
    *(1, 0, -1, 2**64, 10**500, 10**5000, True, None, 1.5, 1e-8, 1e308, float("nan"), float("inf"), 1j),
    *(Decimal("1E+999999"), Decimal("NaN"), Decimal("sNaN"), Decimal("-0.00"), Fraction(1, 3)),
    *(b"bytes", bytearray(b"x"), object(), Bad(), Whole(), NotWhole(), Side, print, ...),
)


def scalar(chance: random.Random) -> Any:
    return chance.choice(SCALARS)


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.choice(("scalar",) * 6 + ("list", "tuple", "dict", "set", "odd")) if depth < 4 else "scalar"
    count = chance.randrange(4)
    match kind:
        case "list":
            return [value(chance, depth + 1) for _ in range(count)]
        case "tuple":
            return tuple(value(chance, depth + 1) for _ in range(count))
        case "dict":
            return {name(chance): value(chance, depth + 1) for _ in range(count)}
        case "set":
            return {str(place) for place in range(count)}
        case "odd":
            mapping = chance.random() < 0.5
            return chance.choice(
                (
                    lambda: chance.choice(DEEP),
                    lambda: within_itself(mapping=mapping),
                    lambda: BadMapping(a=1),
                    lambda: iter([1]),
                    lambda: range(3),
                )
            )()
    return scalar(chance)


def name(chance: random.Random) -> Any:
    if chance.random() < 0.7:
        return chance.choice(NAMES)
    return chance.choice((*ODD_NAMES, 5, None, b"pair", 1.5, ("a",), Text("pair"), Side.BUY, True))


def fields(seed: int) -> dict[Any, Any]:
    """Return the fields of this number."""
    chance = random.Random(seed)
    return {name(chance): value(chance) for _ in range(chance.randrange(6))}


def endpoint(seed: int) -> Any:
    """Return the endpoint's name of this number."""
    chance = random.Random(seed)
    if chance.random() < 0.7:
        return chance.choice(ENDPOINTS)
    return chance.choice((*ODD_ENDPOINTS, None, 5, b"Balance", ["Balance"], Text("Balance"), Side.BUY))
