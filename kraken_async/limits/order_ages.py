"""Ages of orders: the matching engine charges dearly for touching a young one.

:class:`OrderAges` keeps them in this process's memory, as answers tell them. They are not shared with other
processes: an order whose age is not known here counts as just placed, and to overestimate a charge does no harm.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kraken_async.limits.counters import OLDEST
from kraken_async.order_fields import named_orders, pair_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kraken_async.call import Call

#: Orders remembered at most: more than Kraken lets an account have open on a few pairs.
MOST: Final = 50_000
#: What a call is charged to that names an order whose pair is not known here.
NO_PAIR: Final = "?"


class Age(NamedTuple):
    """One order: its names (txid, cl_ord_id), its pair, and when it was created or last amended (loop's clock)."""

    names: tuple[str, ...]
    pair: str
    at: float


class OrderAges:
    """When the orders of one account were created or last amended; those too old to cost are forgotten.

    An order costs the same to enter and to look up however many are kept.
    """

    __slots__ = ("_by_age", "_orders")

    def __init__(self) -> None:
        self._orders: dict[str, list[Any]] = {}  # name -> [pair, at]; the names of one order share the list
        self._by_age: deque[tuple[float, str]] = deque()  # in order of entry

    def __len__(self) -> int:
        return len(self._orders)

    def pair(self, name: str) -> str | None:
        """Return the pair of an order, None when the order is not known."""
        record = self._orders.get(name)
        return None if record is None else str(record[0])

    def age(self, name: str, now: float) -> float:
        """Return the seconds since an order was created or last amended; 0 when the order is not known."""
        record = self._orders.get(name)
        return 0.0 if record is None else max(0.0, now - float(record[1]))

    def learn(self, told: Iterable[Age], now: float) -> None:
        """Take over ages. An order never gets older by it: a listing shows its creation, not its last amend."""
        for names, pair, at in told:
            record = next((self._orders[name] for name in names if name in self._orders), None)
            if record is None:
                record = [pair_key(pair), at]
            elif at > record[1]:
                record[1] = at
            for name in names:
                if name not in self._orders:
                    self._orders[name] = record
                    self._by_age.append((at, name))
        self._forget(now)

    def _forget(self, now: float) -> None:
        by_age, orders = self._by_age, self._orders
        while by_age and (now - by_age[0][0] > OLDEST or len(orders) > MOST):
            _, name = by_age.popleft()
            at = orders[name][1]
            if now - at > OLDEST or len(orders) > MOST:
                del orders[name]
            else:  # amended since it was entered
                by_age.append((at, name))


def ages(call: Call, result: Any, now: float, server_now: float, pair: str) -> list[Age]:
    """Return the ages that a call's result tells.

    ``pair``: what the call was charged to, "?" if that is not known; an amend names an order and no pair. Times are
    seconds of the loop's clock; ``server_now`` is Kraken's time at ``now``. A result in another shape than Kraken
    documents tells nothing.
    """
    if not isinstance(result, dict):
        return []
    kind, params = call.endpoint.engine, call.params
    if kind in ("add", "edit") and params.get("pair"):
        return [Age(_names(params, result), str(params["pair"]), now)]
    if kind == "add_batch":
        got = result.get("orders")
        asked = params.get("orders")
        asked = asked if isinstance(asked, (list, tuple)) else ()
        rows = zip(asked, got if isinstance(got, list) else (), strict=False)
        return [Age(_names(sent, row), str(params.get("pair")), now) for sent, row in rows]
    if kind == "amend" and pair != NO_PAIR:
        return [Age((name,), pair, now) for name in named_orders(params)]
    if call.endpoint.name in ("OpenOrders", "QueryOrders"):
        orders = result.get("open", result)
        return list(_listed(orders, now, server_now)) if isinstance(orders, dict) else []
    return []


def _names(sent: Any, got: Any) -> tuple[str, ...]:
    names = [sent.get("cl_ord_id")] if isinstance(sent, dict) else []
    txid = got.get("txid") if isinstance(got, dict) else None
    names += txid if isinstance(txid, list) else [txid]
    return tuple(str(name) for name in names if name)


def _listed(orders: dict[str, Any], now: float, server_now: float) -> Iterator[Age]:
    for txid, order in orders.items():
        try:
            age = max(0.0, server_now - float(order["opentm"]))
            pair = str(order["descr"]["pair"])
        except (KeyError, TypeError, ValueError):
            continue
        if age < OLDEST:
            yield Age(tuple(str(name) for name in (txid, order.get("cl_ord_id")) if name), pair, now - age)
