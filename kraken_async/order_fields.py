"""One reader of what an order's fields say: its ids, its pair, its flags, its numbers. Pure.

Rules kept here:

1. One spelling for each name: ``canonical_id`` for client ids, ``pair_key`` for pairs. Names are compared by it only.
2. A ``userref`` of 0, null and a missing one are equal: Kraken shows all three for an order without one.
3. What cannot be read is None or empty, never an exception: Kraken refuses by itself what it cannot read. Only what is
   no field at all is refused here, once, by ``given``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

#: A UUID with or without its dashes: Kraken may show either, in either case.
_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
#: Kraken's own order ids.
_TXID: Final = re.compile(r"[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{6}")
_INTEGER: Final = re.compile(r"\s*[-+]?[0-9]{1,10}\s*")
#: Currencies that Kraken's keys write with a Z in front.
_FIAT: Final = frozenset({"ZUSD", "ZEUR", "ZGBP", "ZCAD", "ZJPY", "ZAUD", "ZKRW", "ZCHF"})
_LARGEST_EXPONENT: Final = 64
#: What a field's value may be beside mappings and lists, as it mostly is and in all its forms.
_SIMPLE: Final = frozenset({str, int, float, bool, Decimal, type(None)})
_READ: Final = (str, int, float, Decimal)
#: Mappings and lists within each other; Kraken's own go three deep.
_DEPTH: Final = 20
#: Fields that never go into a journal, an error or a log, whatever they are nested in.
_SECRET: Final = frozenset({"otp", "nonce", "token", "api_key", "api_secret", "password", "key", "sign"})


# -- secrets -----------------------------------------------------------------------------------------------


def redacted(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy of ``params`` without secrets, at any depth."""
    clean: dict[str, Any] = {}
    for key, value in params.items():
        name = str(key)
        if name.lower() not in _SECRET:
            clean[name] = value if type(value) is str else _clean(value)
    return clean


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return redacted(value)
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


# -- what a caller gives -------------------------------------------------------------------------------------


def given(
    params: Mapping[str, Any] | None, fields: dict[str, Any], *, private: bool = True
) -> dict[str, Any]:
    """Return the fields of a call in mappings and lists of our own, whatever the caller does with theirs meanwhile.

    Raises ValueError, naming the field, for a name that is none, a value that cannot be read or is nested too deeply,
    and for a one-time password in a private call: it would stand where secrets are not looked for.
    """
    try:
        if params:
            fields = {**params, **fields}
    except Exception:
        msg = "the fields of a call are a mapping of names to values"
        raise ValueError(msg) from None
    for name, value in fields.items():
        if type(value) not in _SIMPLE or type(name) is not str or (name == "otp" and private):
            if private and "otp" in fields:
                msg = (
                    "field 'otp' is set by the session: give it to KrakenSession as otp, a text or a function"
                )
                raise ValueError(msg)
            return _copied_members("", fields, _DEPTH)
    return fields


def _copied(field: str, value: Any, depth: int) -> Any:
    if type(value) in _SIMPLE or isinstance(value, _READ):
        return value
    if not depth:
        msg = f"field {field!r} is nested too deeply: give what Kraken's documentation shows"
        raise ValueError(msg)
    try:
        if isinstance(value, Mapping):
            return _copied_members(field, value, depth)
        if isinstance(value, (list, tuple)):
            return [_copied(f"{field}[{index}]", item, depth - 1) for index, item in enumerate(value)]
        return operator.index(value)  # an integer of numpy's
    except ValueError:
        raise
    except Exception as error:
        what = "is of type" if isinstance(error, TypeError) else f"cannot be read ({type(error).__name__}):"
        cure = "give text, a number, a bool, or a list or mapping of these"
        msg = f"field {field!r} {what} {type(value).__name__}: {cure}"
    raise ValueError(msg)


def _copied_members(field: str, members: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    copied: dict[str, Any] = {}
    for name, value in members.items():
        if not isinstance(name, str):
            shown = (
                repr(name)
                if name is None or isinstance(name, (int, float))
                else f"of type {type(name).__name__}"
            )
            msg = f"field {f'{field}[{shown}]' if field else shown!r} is not a field name: use Kraken's field names"
            raise ValueError(msg)
        copied[name] = _copied(f"{field}[{name}]" if field else name, value, depth - 1)
    return copied


# -- ids ---------------------------------------------------------------------------------------------------


def canonical_id(client_id: object) -> str:
    """Return one spelling of a ``cl_ord_id``: a UUID without dashes in lower case, else the text in lower case."""
    text = str(client_id).strip()
    return (text.replace("-", "") if _UUID.fullmatch(text) else text).lower()


def is_uuid(client_id: str) -> bool:
    """Return whether a client id is a UUID, which has several spellings."""
    return _UUID.fullmatch(client_id) is not None


def is_txid(name: str) -> bool:
    """Return whether a name has the form of Kraken's own order ids, OXXXXX-XXXXX-XXXXXX."""
    return _TXID.fullmatch(name) is not None


def named_orders(params: Mapping[str, Any]) -> list[str]:
    """Return the txids and client ids that a cancel, amend or edit names."""
    names: list[str] = []
    for key in ("txid", "cl_ord_id", "orders", "cl_ord_ids"):
        value = params.get(key)
        if isinstance(value, (list, tuple)):
            for each in value:
                named = each.get("txid") or each.get("cl_ord_id") if isinstance(each, dict) else each
                if named is not None:
                    names.append(str(named))
        elif value is not None:
            names += str(value).split(",")
    return names


def cancelled_ids(params: Mapping[str, Any]) -> list[str]:
    """Return the client ids that a cancel names."""
    return [name for name in named_orders(params) if not is_txid(name)]


def names_a_userref(params: Mapping[str, Any]) -> bool:
    """Return whether a cancel names an order by its userref."""
    orders = params.get("orders")
    rows = orders if isinstance(orders, (list, tuple)) else ()
    named = [row.get("txid", row.get("userref")) if isinstance(row, Mapping) else row for row in rows]
    return any(_is_userref(name) for name in (params.get("txid"), params.get("userref"), *named))


def _is_userref(name: object) -> bool:
    if isinstance(name, str):
        return any(_INTEGER.fullmatch(part) for part in name.split(","))
    return isinstance(name, int)


def order_rows(params: Mapping[str, Any], *, batch: bool) -> list[Mapping[str, Any]]:
    """Return the fields of each order that a call places: the rows of a batch, or the call's own."""
    rows = params.get("orders") if batch else [params]
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, (list, tuple)) else []


def client_ids(params: Mapping[str, Any], *, batch: bool) -> list[str]:
    """Return the ``cl_ord_id`` of each order that a call places or changes, where it has one."""
    rows = order_rows(params, batch=True) if batch else (params,)
    return [str(row["cl_ord_id"]) for row in rows if row.get("cl_ord_id") is not None]


def ids_in_result(result: Any) -> list[str]:
    """Return the ids of orders and amends in a result, whatever else Kraken may come to send."""
    if not isinstance(result, dict):
        return []
    names: list[str] = []
    rows = result.get("orders")
    for each in [result, *(rows if isinstance(rows, list) else [])]:
        for key in ("txid", "amend_id"):
            found = each.get(key) if isinstance(each, dict) else None
            for name in found if isinstance(found, list) else [found]:
                if isinstance(name, str) and name:
                    names.append(name)  # noqa: PERF401 - of every order, and it reads as it is
    return names


def userref(value: Any) -> int | None:
    """Return a ``userref`` as a number; None for 0, null, a missing one, and what is none."""
    found = number(value)
    return int(found) if found and found == found.to_integral_value() else None


def shown_text(value: Any) -> str | None:
    """Return a text that an order shows; None for a missing one, and for the words by which Kraken shows none."""
    text = str(value).strip() if value else ""
    return None if text in ("", "None", "null") else text


# -- pairs -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def pair_key(name: str) -> str:
    """Return one spelling for the names of a pair (``XXBTZUSD``, ``XBTUSD``, ``BTC/USD``; ``USDTZUSD``, ``USDTUSD``).

    Two pairs that fell together would share a counter, which errs on the safe side.
    """
    name = name.upper().replace("/", "")
    if len(name) == 8 and name[0] in "XZ" and name[4] in "XZ":
        name = name[1:4] + name[5:]
    elif len(name) > 6 and name[-4:] in _FIAT:
        name = name[:-4] + name[-3:]
    for display, legacy in (("BTC", "XBT"), ("DOGE", "XDG")):
        name = name.replace(display, legacy)
    return name


# -- values ------------------------------------------------------------------------------------------------


def number(value: Any) -> Decimal | None:
    """Return a number by its digits; None for what is none, and for one that no amount can be."""
    try:
        found = None if value is None or isinstance(value, bool) else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if found is None or not found.is_finite() or abs(found.adjusted()) > _LARGEST_EXPONENT:
        return None
    return found


def flags(value: Any) -> frozenset[str]:
    """Return ``oflags`` as a set. ``nompp`` is left out, as Kraken ignores it."""
    found = value if isinstance(value, (list, tuple, set, frozenset)) else str(value or "").split(",")
    return frozenset(str(each).strip() for each in found if str(each).strip()) - {"nompp"}


def is_true(value: Any) -> bool:
    """Return whether a field says yes, as Kraken reads it."""
    return value is not None and str(value).strip().lower() not in ("false", "0", "")


def has_close(fields: Mapping[str, Any]) -> bool:
    """Return whether an order was given a conditional close."""
    for name in fields:  # noqa: SIM110 - any() over a generator costs a call for each field of every order
        if name == "close" or name.startswith("close["):
            return True
    return False
