"""The emulator as its users see it: set up, driven over a path that may fail, and looked into."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from . import given, matching, movement, trading
from .account import Account
from .auth import Key, KeySettings, Lockout
from .delivery import Jitter, Request, Sleep
from .flight import Flight
from .orders import Order
from .rules import PERMISSIONS
from .setup import Setup
from .values import Arrival, KeyPair, Refusal, Reply
from .venue import Call


class Emulator(Setup):
    """A local Kraken.

    Args:
        keys: (api_key, api_secret) pairs; without any, one is made. `key` is the first.
        clock: unix seconds; a function that a test moves runs the emulator on virtual time.
        limits: both counters and the cap on open orders, at ``tier``: starter, intermediate or pro.
        edge: "inclusive": a call may bring a counter exactly to its limit; "exclusive": it may not.
        prolonged: refused calls raise the call counter beyond its limit too, instead of up to it.
        documented_costs: charge the documented reading of calls whose cost is open, instead of the dearer one.
        enforce_lockout: ``lockout_threshold`` bad nonces or signatures in ``lockout_span`` seconds shut a key
            out for ``lockout_seconds``.
        nonce_window: for keys that set no other, in units of the nonce.
        public_limit: (burst, calls per second) for public calls, OHLC and Trades per pair; None: none.
        visibility_delay: seconds before queries show a new order; short for ``open_delay`` of the behaviour.
        jitter: least and most seconds that a request spends on the path (`exchange` only).
        behaviour: how orders, keys and times are shown; see `Behaviour`.
        seed: makes every random choice repeatable, made-up keys included.
        history_limit: about how many arrivals, closed orders, trades and ledger lines are kept; None: all.

    `history`, `orders` and `accounts` may be read from another thread while calls go on.
    """

    # -- what happens in the market ----------------------------------------------------------------

    def move(self, pair: str, price: str | Decimal, *, volume: str | Decimal | None = None) -> None:
        """Move the last price of ``pair``: orders that cross it now trade, triggers trail and fire.

        Resting orders share ``volume``, the first placed first; None: each of them is filled. ValueError for a price
        that is not above 0, and for a volume below it.
        """
        flow = None if volume is None else given.at_least_0(volume, "volume")
        last = given.positive(price, "price")
        with self._lock:
            self.venue.move(self.venue.markets.pair(pair), last, self.now(), flow)

    def place(self, *, account: str = "main", **fields: Any) -> str:
        """Place an order as another writer on ``account`` would, and return its txid.

        ``fields`` are those of AddOrder. It has no nonce and is in no key's record, but costs the account's engine
        counter what any order does; ValueError with Kraken's words when it is refused.
        """
        settings = KeySettings(account, frozenset(PERMISSIONS), self.tier)
        key = Key(KeyPair("", ""), settings, Lockout(*self._lockout), self.now())
        with self._lock:
            call = Call(self.venue, self.venue.account(account), key, fields, None, self.now())
            movement.tick(call.account, call.t)
            try:
                return str(trading.add_order(call)["txid"][0])
            except Refusal as refusal:
                raise ValueError(", ".join(refusal.errors)) from None

    def cancel(self, txid: str, reason: str = "User requested") -> None:
        """Cancel an open order as another writer would; KeyError when it is not open."""
        with self._lock:
            order = self._open_order(txid)
            self.accounts[order.account].finish(order, "canceled", self.now(), reason)

    def _open_order(self, txid: str) -> Order:
        for account in self.accounts.values():
            if txid in account.open:
                return account.open[txid]
        raise KeyError(txid)

    def fill(self, txid: str, volume: str | Decimal | None = None) -> None:
        """Fill an open order, wholly or by ``volume``.

        KeyError when it is not open, ValueError for more than is left of it.
        """
        with self._lock:
            order = self._open_order(txid)
            amount = order.remaining if volume is None else given.positive(volume, "volume")
            matching.fill(self.accounts[order.account], order, amount, self.now())

    # -- what a test looks at ----------------------------------------------------------------------

    @property
    def history(self) -> list[Arrival]:
        """Every request in order of arrival, those that faults kept from the rules among them."""
        return self._record.arrivals

    @property
    def accounts(self) -> dict[str, Account]:
        """The accounts by name, with time's effects up to now."""
        with self._lock:
            for account in self.venue.accounts.values():
                movement.tick(account, self.now())
            return self.venue.accounts

    @property
    def orders(self) -> dict[str, Order]:
        """Every order of every account by txid, oldest first."""
        return {
            txid: order for account in self.accounts.values() for txid, order in account.orders.copy().items()
        }

    @property
    def keys(self) -> dict[str, Key]:
        """Every key by its API key, with its settings, its nonce and its call counter."""
        return self._gate.keys

    def in_flight(self, api_key: str) -> int:
        """Return how many calls of a key are in flight now."""
        return self._delivery.flights.now(api_key)

    @property
    def max_in_flight(self) -> Counter[str]:
        """The most calls in flight at once, by API key."""
        return self._delivery.flights.most

    def refused(self, prefix: str = "EAPI:Invalid nonce") -> int:
        """Return how many calls the rules refused with an error that begins so, injected errors apart."""
        return self._record.refused(prefix)

    def counter_level(self, api_key: str) -> float:
        """Return the call counter of a key."""
        return self.keys[api_key].counter.level(self.clock())

    def engine_level(self, pair: str, account: str = "main") -> float:
        """Return the matching engine's counter of ``pair``."""
        return self.venue.account(account).engine(self.venue.markets.pair(pair), self.tier).level(self.now())

    # -- the path ----------------------------------------------------------------------------------

    def begin(self, api_key: str) -> Flight:
        """Count one more call in flight on ``api_key``, until the flight is ended."""
        return self._delivery.flights.begin(api_key)

    async def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter | None = None,
        flight: Flight | None = None,
    ) -> Reply:
        """Carry one request over the path, jitter and faults included, and return the answer.

        Raises `ConnectionDropped` when no complete answer comes; a call that hangs does so when ``flight`` is
        ended by another. The flight is ended in any case; without one the exchange counts as in flight by
        itself. Cancelled before the rules saw the request, it never was; see `deliver` for a path that a
        client cannot take bytes back from.
        """
        return await self._delivery.exchange(Request(method, path, headers, body), sleep, jitter, flight)

    async def deliver(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter | None = None,
    ) -> Reply:
        """Do as `exchange`, in a task of its own: what an in-memory transport needs.

        When the caller is cancelled, by a timeout or otherwise, the call is in flight no longer, but its
        bytes are on their way and will arrive, as on a socket.
        """
        return await self._delivery.deliver(Request(method, path, headers, body), sleep, jitter)

    async def landed(self) -> None:
        """Wait until every delivery that its caller gave up has arrived."""
        await self._delivery.landed()
