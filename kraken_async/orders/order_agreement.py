"""Does an order that Kraken shows agree with the fields that were sent? Pure.

Fields prove presence at most, never absence: Kraken cuts or rounds volumes to the lot and prices to the tick, resolves
relative prices, shows market orders with price 0, renames pairs and expands flags. What is not shown agrees with
nothing.
"""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final

from kraken_async.order_fields import flags, has_close, is_true, number, pair_key, shown_text, userref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PRICE: Final = re.compile(r"([+\-#]?)(\d+(?:\.\d*)?)(%?)")
#: The share of a volume by which Kraken may cut or round it.
_CUT: Final = Decimal("0.01")
#: Flags that Kraken adds to no order by itself.
_NEVER_ADDED: Final = frozenset({"post", "viqc"})
_DIGITS: Final = 26  # within what Decimal computes with exactly


def agrees(fields: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Return whether an order agrees with every field that was sent, as far as Kraken shows it."""
    return not disagreements(fields, order)


def disagreements(fields: Mapping[str, Any], order: Mapping[str, Any], *, whole: bool = True) -> list[str]:
    """Return the names of the fields that do not agree with what was sent.

    ``whole``: the fields are all that was sent, so that the others agree with Kraken's defaults or not at all.
    """
    descr = order.get("descr")
    descr = descr if isinstance(descr, dict) else {}
    rows: list[tuple[str, Any, Callable[[Any, Any], bool]]] = [
        ("pair", descr.get("pair"), lambda a, b: pair_key(str(a)) == pair_key(str(b))),
        ("type", descr.get("type"), lambda a, b: str(a) == str(b)),
        ("ordertype", descr.get("ordertype"), _same_type),
        ("volume", order.get("vol"), same_number),
        ("price", descr.get("price"), same_price),
        ("price2", descr.get("price2"), same_price),
        ("leverage", descr.get("leverage"), lambda a, b: _leverage(a) == _leverage(b)),
        ("oflags", order.get("oflags"), lambda a, b: flags(a) <= flags(b)),
        ("userref", order.get("userref"), lambda a, b: userref(a) == userref(b)),
        ("expiretm", order.get("expiretm"), _same_time),
        ("starttm", order.get("starttm"), _same_time),
    ]
    if fields.get("ordertype") == "market":  # shown with price 0, whatever was sent
        rows = [row for row in rows if row[0] not in ("price", "price2")]
    found = [name for name, shown, same in rows if name in fields and not same(fields[name], shown)]
    if has_close(fields) != bool(descr.get("close")):
        found.append("close")
    return [*found, *_not_asked_for(fields, order, descr)] if whole else found


def _not_asked_for(
    fields: Mapping[str, Any], order: Mapping[str, Any], descr: Mapping[str, Any]
) -> list[str]:
    """Return the names of the fields that were not sent, and that an order shows otherwise than Kraken's default."""
    found = [name for name in ("expiretm", "starttm") if name not in fields and number(order.get(name))]
    if "leverage" not in fields and _leverage(descr.get("leverage")) != "none":
        found.append("leverage")
    if (flags(order.get("oflags")) - flags(fields.get("oflags"))) & _NEVER_ADDED:
        found.append("oflags")
    if "reduce_only" in order and is_true(order["reduce_only"]) != is_true(fields.get("reduce_only")):
        found.append("reduce_only")
    in_force = shown_text(order.get("time_in_force"))
    at_limit = "limit" in str(fields.get("ordertype"))  # at the market it is not known what Kraken shows
    if at_limit and in_force and in_force.lower() != str(fields.get("timeinforce") or "GTC").lower():
        found.append("timeinforce")
    return found


def contradicts(fields: Mapping[str, Any], order: Mapping[str, Any]) -> bool:
    """Return whether an order cannot be what was sent, whatever Kraken makes of fields: another pair, side or size."""
    wrong = set(disagreements(fields, order)) & {"pair", "type", "volume"}
    if wrong == {"volume"}:
        sent, shown = number(fields["volume"]), number(order.get("vol"))
        return sent is not None and shown is not None and abs(sent - shown) > abs(sent) * _CUT
    return bool(wrong)


def same_number(sent: Any, shown: Any) -> bool:
    """Return whether two numbers are equal, or equal once the first is cut or rounded to the digits of the other."""
    one, other = number(sent), number(shown)
    if one is None or other is None:
        return False
    exponent = other.as_tuple().exponent
    if one == other or not isinstance(exponent, int):
        return one == other
    if one.adjusted() - exponent > _DIGITS:
        return False
    return any(
        one.quantize(other, rounding=how) == other for how in (ROUND_DOWN, ROUND_HALF_UP, ROUND_HALF_EVEN)
    )


def same_price(sent: Any, shown: Any) -> bool:
    """Return whether two prices are the same number, alike in sign: a relative one equals no absolute one."""
    one, other = _PRICE.fullmatch(str(sent).strip()), _PRICE.fullmatch(str(shown).strip())
    if one is None or other is None:
        return same_number(sent, shown)
    return (one[1], one[3]) == (other[1], other[3]) and same_number(one[2], other[2])


def _same_type(sent: Any, shown: Any) -> bool:
    # A stop that fired is shown as what it became.
    sent, shown = str(sent), str(shown)
    return (
        sent == shown
        or (sent.endswith("-limit") and shown == "limit")
        or (sent in ("stop-loss", "take-profit", "trailing-stop") and shown == "market")
    )


def _leverage(value: Any) -> str:
    text = str(value).removesuffix(":1")
    return "none" if text in ("None", "none", "0", "1", "") else text


def _same_time(sent: Any, shown: Any) -> bool:
    # A relative time is not comparable, 0 is none.
    found = None if str(sent).startswith("+") else number(sent)
    return not found or found == number(shown)
