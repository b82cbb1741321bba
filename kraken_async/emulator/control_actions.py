"""Actions of the control API by name: a JSON object in, a JSON object out; ValueError for one that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from .behaviour import Behaviour
from .emulator import Emulator
from .faults import CATALOGUE, Fault
from .given import flag, number, positive
from .order_text import public

Body = Mapping[str, Any]

_KEY_FIELDS = frozenset(
    {"api_key", "api_secret", "account", "permissions", "tier", "nonce_window", "otp", "valid_until", "query_from",
     "query_to", "ip_allowlist"}
)  # fmt: skip
_PAIR_FIELDS = frozenset(
    {"name", "price", "key", "pair_decimals", "lot_decimals", "cost_decimals", "ordermin", "costmin", "tick_size",
     "leverage", "depth", "status"}
)  # fmt: skip
_ASSET_FIELDS = frozenset({"key", "altname", "decimals", "aclass"})
_FAULT_FIELDS = frozenset(field.name for field in fields(Fault))
#: The methods of `Fault` that make one.
_MADE_BY = frozenset(name for name, each in vars(Fault).items() if isinstance(each, classmethod)) - {
    "without"
}
#: The method that is meant when only its own argument is given.
_MADE_FOR = {"status": "http", "error": "refuse"}
_MOST_FAULTS = 10_000


def known(body: Body, names: frozenset[str]) -> dict[str, Any]:
    """Return the fields of ``body``; ValueError for one that is not among ``names``."""
    strange = sorted(set(body) - names)
    if strange:
        raise ValueError(f"no such field: {', '.join(strange)}; there are {', '.join(sorted(names))}")
    return dict(body)


def required(body: Body, name: str) -> Any:
    """Return a field that must be there."""
    if body.get(name) is None:
        raise ValueError(f"{name} is missing")
    return body[name]


# -- what is set -----------------------------------------------------------------------------------


def keys(emulator: Emulator, body: Body) -> Any:
    """Create a key: the options of `Emulator.add_key`, all of them optional."""
    pair = emulator.add_key(**known(body, _KEY_FIELDS))
    return {"api_key": pair.api_key, "api_secret": pair.api_secret}


def balances(emulator: Emulator, body: Body) -> Any:
    """Set what an account has: ``{"account": "main", "balances": {"ZUSD": "1000"}, "replace": false}``.

    Assets may also stand beside ``account``, without ``balances``; one of them as ``asset`` and ``amount``.
    """
    account = str(body.get("account", "main"))
    given = _mapping(body, "balances", "account", "replace")
    if set(given) == {"asset", "amount"}:
        given = {str(given["asset"]): given["amount"]}
    wanted = {name: number(value, name) for name, value in given.items()}
    emulator.set_balances(wanted, account=account, replace=flag(body.get("replace", False), "replace"))
    return {"balances": {name: str(value) for name, value in emulator.accounts[account].balances.items()}}


def _mapping(body: Body, name: str, *others: str) -> dict[str, Any]:
    """Return the object ``name``, or all fields but ``others`` when it is not there."""
    if name not in body:
        return _without(dict(body), *others)
    given = known(body, frozenset({name, *others}))[name]
    if not isinstance(given, Mapping):
        raise ValueError(f"{name} must be an object")
    return dict(given)


def pairs(emulator: Emulator, body: Body) -> Any:
    """Add an asset (``{"asset": {...}}``) or a pair, or change the ``status`` or the ``depth`` of a known ``pair``."""
    if "asset" in body:
        emulator.add_asset(**known(dict(known(body, frozenset({"asset"}))["asset"]), _ASSET_FIELDS))
        return {}
    if "pair" in body:
        given = known(body, frozenset({"pair", "status", "depth"}))
        depth = given.get("depth")
        emulator.set_pair(
            str(given["pair"]),
            status=given.get("status"),
            depth=None if depth is None else number(depth, "depth"),
        )
        return {}
    given = known(body, _PAIR_FIELDS | {"base", "quote"})
    if "base" in given and "quote" in given:
        given["name"] = f"{given.pop('base')}/{given.pop('quote')}"
    given = known(given, _PAIR_FIELDS)
    for name in ("price", "ordermin", "costmin", "tick_size", "depth"):
        if given.get(name) is not None:
            given[name] = number(given[name], name)
    emulator.add_pair(
        str(required(given, "name")), price=required(given, "price"), **_without(given, "name", "price")
    )
    return {}


def _without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def prices(emulator: Emulator, body: Body) -> Any:
    """Move a price: ``{"pair": "XBTUSD", "price": "50000", "volume": "2"}``; several by ``{"prices": {...}}``.

    Pairs may also stand alone, without ``prices``.
    """
    if "pair" in body:
        given = known(body, frozenset({"pair", "price", "volume"}))
        moves = {str(given["pair"]): required(given, "price")}
    else:
        moves = _mapping(body, "prices", "volume")
    if not moves:
        raise ValueError("pair and price, or prices, are missing")
    volume = None if body.get("volume") is None else positive(body["volume"], "volume")
    for pair, price in moves.items():
        emulator.move(pair, positive(price, "price"), volume=volume)
    return {"open_orders": sum(order.is_open for order in emulator.orders.values())}


def fills(emulator: Emulator, body: Body) -> Any:
    """Fill an open order, wholly or in part: ``{"txid": "O...", "volume": "0.5"}``."""
    given = known(body, frozenset({"txid", "volume"}))
    txid = str(required(given, "txid"))
    volume = None if given.get("volume") is None else positive(given["volume"], "volume")
    try:
        emulator.fill(txid, volume)
    except KeyError:
        raise ValueError(f"no open order has the txid {txid}") from None
    return {"order": public(emulator.orders[txid], emulator.behaviour, trades=True)}


def faults(emulator: Emulator, body: Body) -> Any:
    """Let the next calls meet a fault: ``{"endpoint": "AddOrder", "fault": "status 502 after", "times": 1}``.

    ``fault`` is a name of the catalogue, or of a method of `Fault` with its arguments beside it (``{"fault": "http",
    "status": 502, "when": "after"}``), or an object with the fields of `Fault`. ``{"clear": true}`` takes back what
    has not happened. A ``status`` or an ``error`` alone says enough.
    """
    given = dict(body)
    endpoint, times = str(given.pop("endpoint", "*")), given.pop("times", 1)
    cleared = flag(given.pop("clear", False), "clear")
    if cleared:
        emulator.faults.clear()
    if given or not cleared:
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= _MOST_FAULTS:
            raise ValueError(f"times must be a whole number from 1 to {_MOST_FAULTS}, not {times!r}")
        emulator.faults.next(endpoint, *[_fault(given)] * times)
    return {"catalogue": list(CATALOGUE)}


def _fault(given: dict[str, Any]) -> Fault:
    name = given.pop("fault", None) or next(
        (made for field, made in _MADE_FOR.items() if field in given), None
    )
    if isinstance(name, Mapping):
        options = {**known(name, _FAULT_FIELDS), **known(given, frozenset())}
        return Fault(**{**options, "names": tuple(options.get("names", ()))})
    if name in CATALOGUE:
        return CATALOGUE[name].with_(**known(given, _FAULT_FIELDS))
    if name not in _MADE_BY:
        said = "fault is missing" if name is None else f"no such fault: {name!r}"
        raise ValueError(f"{said}; there are {', '.join([*_MADE_BY, *CATALOGUE])}")
    made: Fault = getattr(Fault, name)(**given)
    return made


def clock(emulator: Emulator, body: Body) -> Any:
    """Let time pass (``{"advance": 60}``), or put the clock that clients are shown off by ``{"skew": 5}`` seconds."""
    given = known(body, frozenset({"advance", "skew"}))
    if "advance" in given:
        seconds = number(given["advance"], "advance")
        if seconds < 0:
            raise ValueError("advance must not be negative: a clock that steps back is what skew is for")
        emulator.advance(float(seconds))
    if "skew" in given:
        emulator.skew = float(number(given["skew"], "skew"))
    return {"time": emulator.now()}


def behaviour(emulator: Emulator, body: Body) -> Any:
    """Set switches of `Behaviour`: ``{"volumes": "round"}``."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in known(body, frozenset(Behaviour.names())).items()
    }
    emulator.behaviour = replace(emulator.behaviour, **given)
    return asdict(emulator.behaviour)


def reset(emulator: Emulator, body: Body) -> Any:
    """Begin again from the start."""
    known(body, frozenset())
    emulator.reset()
    return {}


# -- what is read ----------------------------------------------------------------------------------


def history(emulator: Emulator, query: Body) -> Any:
    """Return every request in order of arrival, from number ``since`` on, of one ``endpoint`` or all."""
    given = known(query, frozenset({"since", "endpoint"}))
    since, endpoint = int(given.get("since", 0)), given.get("endpoint")
    rows = [
        {"number": number, **asdict(arrival), "params": _without(dict(arrival.params), "otp")}
        for number, arrival in enumerate(list(emulator.history))
        if number >= since and endpoint in (None, arrival.endpoint)
    ]
    return {"history": rows, "refused": emulator.refused(""), "max_in_flight": dict(emulator.max_in_flight)}


def orders(emulator: Emulator, query: Body) -> Any:
    """Return every order of every account, the open ones and the others, as they are and not as queries show them."""
    known(query, frozenset())
    shown = {txid: public(order, emulator.behaviour, trades=True) for txid, order in emulator.orders.items()}
    return {"orders": shown}


POST: dict[str, Callable[[Emulator, Body], Any]] = {
    "keys": keys,
    "balances": balances,
    "pairs": pairs,
    "prices": prices,
    "fills": fills,
    "faults": faults,
    "clock": clock,
    "behaviour": behaviour,
    "reset": reset,
}
GET: dict[str, Callable[[Emulator, Body], Any]] = {"history": history, "orders": orders}
