"""Kraken's Spot REST endpoints as data: path, body kind, cost, permission, and what a call may do.

The table is made from ``spot.toml``, where costs, sources and doubts are noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum, IntEnum
from functools import cache, lru_cache
from typing import Any, Final

from kraken_async.api.kinds import Body, Engine, ResultKind
from kraken_async.order_fields import is_true, names_a_userref


class Priority(IntEnum):
    """The order of calls in the queue: the lower number goes first."""

    CANCEL = 0
    AMEND = 1
    PLACE = 2
    READ = 3
    HISTORY = 4

    @classmethod
    def of(cls, value: object) -> Priority:
        """Return the priority itself, or that of its number. Raises ValueError naming the choices."""
        if isinstance(value, int) and not isinstance(value, bool) and value in tuple(cls):
            return cls(value)
        msg = f"priority is one of {', '.join(f'Priority.{each.name}' for each in cls)}, not {value!r}"
        raise ValueError(msg)


#: Bound once: to look a member up on its class costs as much as a dozen attributes, and every call asks for this one.
CANCEL: Final = Priority.CANCEL


class Tier(Enum):
    """An account's verification tier and the limits that Kraken grants it.

    `maximum` and `decay` (per second) rule the REST call counter of a key; `threshold` and `engine_decay`
    (per second) the matching engine's counter of an account's pair; `open_orders` is the cap per pair.
    """

    maximum: int
    decay: float
    threshold: int
    engine_decay: float
    open_orders: int

    STARTER = ("starter", 15, 0.33, 60, 1.0, 60)
    INTERMEDIATE = ("intermediate", 20, 0.5, 125, 2.34, 80)
    PRO = ("pro", 20, 1.0, 180, 3.75, 225)

    def __new__(
        cls, name: str, maximum: int, decay: float, threshold: int, engine_decay: float, open_orders: int
    ) -> Tier:
        """Make a member whose value is its name, with the numbers beside it."""
        tier = object.__new__(cls)
        tier._value_ = name
        tier.maximum, tier.decay = maximum, decay
        tier.threshold, tier.engine_decay, tier.open_orders = threshold, engine_decay, open_orders
        return tier

    @classmethod
    def of(cls, tier: str | Tier | None) -> Tier:
        """Return the tier by its name, in any case; None is the lowest. Raises ValueError naming the choices."""
        if tier is None:
            return cls.STARTER
        if isinstance(tier, Tier):
            return tier
        for each in cls:
            if str(tier).strip().lower() == each.value:
                return each
        choices = ", ".join(repr(each.value) for each in cls)
        msg = f"unknown tier {tier!r}: use one of {choices}"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    `cost` is charged to the REST call counter, `engine` says how the matching engine charges the call.
    `repeatable`: sending it twice does no more than sending it once. `changes`: it is not a pure read.
    `funding`: it moves money out of the account, or between accounts or wallets. `binary`: the result is
    a file, not JSON. `known`: it is in the table. `result`: what a read's result is, by Kraken's description; an
    answer without one stands for an empty one. "": neither, or not described. `opens_orders`: it
    places new orders; `places_orders`: it places or changes orders, so that an answer that is lost can be looked up;
    `cancels`: it cancels the orders that it names.
    """

    name: str
    path: str
    private: bool
    body: Body
    cost: int = 0
    engine: Engine = ""
    permission: str | None = None
    repeatable: bool = True
    changes: bool = False
    funding: bool = False
    priority: Priority = Priority.READ
    known: bool = True
    binary: bool = False
    result: ResultKind = "object"
    opens_orders: bool = field(init=False, repr=False, compare=False)
    places_orders: bool = field(init=False, repr=False, compare=False)
    cancels: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Kept, not computed: they are asked several times for every call.
        object.__setattr__(self, "opens_orders", self.engine in ("add", "add_batch"))
        object.__setattr__(self, "places_orders", self.engine in ("add", "add_batch", "amend", "edit"))
        object.__setattr__(self, "cancels", self.engine in ("cancel", "cancel_batch"))


_NAME = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
# An endpoint we have never heard of is taken to move money when its name sounds so.
_SOUNDS_LIKE_FUNDING = re.compile(r"withdraw|transfer|payout|^pay|^send|^funding", re.IGNORECASE)


def _of_row(
    name: str, cost: int, engine: Engine, priority: str, permission: str, flags: str, result: ResultKind
) -> Endpoint:
    """Return the endpoint that a row of the table describes."""
    public = "public" in flags
    return Endpoint(
        name,
        f"/0/{'public' if public else 'private'}/{name}",
        private=not public,
        body="query" if public else "json" if "json" in flags else "form",
        cost=cost,
        engine=engine,
        permission=permission or None,
        repeatable="once" not in flags,
        changes="changes" in flags,
        funding="funding" in flags,
        priority=Priority[priority],
        binary="binary" in flags,
        result=result,
    )


def _public(name: str) -> Endpoint:
    """Return a public endpoint newer than the table."""
    return Endpoint(name, f"/0/public/{name}", private=False, body="query", known=False, result="")


def _unknown(name: str) -> Endpoint:
    """Return a private endpoint newer than this table: a write, never repeated, at cost 1."""
    return Endpoint(
        name,
        f"/0/private/{name}",
        private=True,
        body="form",
        cost=1,
        repeatable=False,
        changes=True,
        funding=_SOUNDS_LIKE_FUNDING.search(name) is not None,
        priority=Priority.PLACE,
        known=False,
        result="",
    )


@cache
def known_endpoints(*, private: bool) -> Mapping[str, Endpoint]:
    """Return the private endpoints, or the public ones, by name. The rows are imported when first asked for."""
    from kraken_async.api.endpoint_table import PERMISSIONS, ROWS

    rows = (
        _of_row(name, cost, engine, priority, PERMISSIONS[permission], flags, result)
        for name, cost, engine, priority, permission, flags, result in ROWS
    )
    return {each.name: each for each in rows if each.private is private}


@lru_cache(maxsize=1024)
def find(name: str, *, private: bool) -> Endpoint:
    """Return the endpoint of that name. One that is not in the table is sent as it is: see `Endpoint.known`.

    Raises ValueError for what cannot be a name (a path, a query string, white space): `..` or `?` in a
    name could otherwise reach another endpoint than the one that the guard judged.
    """
    endpoint = known_endpoints(private=private).get(name)
    if endpoint is not None:
        return endpoint
    if type(name) is not str or _NAME.fullmatch(name) is None:
        msg = f"{name!r} is not an endpoint name: use Kraken's own, such as 'Balance' or 'Earn/Allocate'"
        raise ValueError(msg)
    return _unknown(name) if private else _public(name)


def has_effect(endpoint: Endpoint, params: Mapping[str, Any]) -> bool:
    """Whether this call is more than a read: DepositAddresses creates an address if it is asked to."""
    return endpoint.changes or (endpoint.name == "DepositAddresses" and is_true(params.get("new")))


def may_repeat(endpoint: Endpoint, params: Mapping[str, Any]) -> bool:
    """Whether sending this call twice does no more than sending it once.

    A cancel that names its order by `userref` may not be repeated: it would also cancel orders placed since.
    """
    if endpoint.cancels:
        return not names_a_userref(params)
    return endpoint.repeatable and (endpoint.changes or not has_effect(endpoint, params))


def nearest(name: str, *, private: bool) -> str | None:
    """Return the known endpoint that was probably meant, for a warning ("Addorder: AddOrder?"), or None."""
    if name in known_endpoints(private=not private):
        return f"{'public' if private else 'private'} {name}"
    lowered = {known.lower(): known for known in known_endpoints(private=private)}
    matches = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None
