"""The emulator: one request in, Kraken's checks in Kraken's order, one answer out.

Synchronous and driven by a clock that is given, so that it runs on virtual time as well as behind a socket. The order of
the checks is that of Kraken's documentation as far as it is known: path, lockout, key, signature, nonce, call counter,
permission, one-time password, arguments, market status, engine counter, funds.
"""

from __future__ import annotations

import asyncio
import base64
import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from email.utils import formatdate
from typing import Any, Literal
from urllib.parse import parse_qsl

from . import cancelling, exports, funding, public, queries, trading
from .account import Account
from .auth import Key, Lockout, read_nonce
from .exchange import Sleep, exchange
from .faults import Fault, Faults
from .flight import Flight, InFlight
from .orders import Order
from .rules import NEEDS, PERMISSIONS, TIERS, call_cost
from .values import JSON_TYPE, Arrival, KeyPair, Refusal, Reply
from .venue import Call, Venue
from .wire import bad, dumps, parse_body, text

PRIVATE: dict[str, Callable[[Call], Any]] = {
    **queries.ENDPOINTS,
    **trading.ENDPOINTS,
    **cancelling.ENDPOINTS,
    **funding.ENDPOINTS,
    **exports.ENDPOINTS,
}
_PRIVATE_PATH = "/0/private/"
_PUBLIC_PATH = "/0/public/"
_NO_FAULT = Fault()
#: Injected refusals that come before the nonce is taken; all others find it spent.
_BEFORE_NONCE = ("EAPI:Invalid", "EGeneral:Temporary lockout", "EGeneral:Unknown")


class Emulator:
    """A local Kraken.

    ``keys`` are (api_key, api_secret) pairs; without any, one is made, and `key` is the first. ``limits`` turns on both
    counters and the cap on open orders, at ``tier``; ``edge`` says whether a call may bring a counter exactly to its limit.
    ``documented_costs`` charges the documented reading of the calls whose cost is open, instead of the dearer one.
    With ``enforce_lockout`` ``lockout_threshold`` bad nonces or signatures in ``lockout_span`` seconds shut a key out for
    ``lockout_seconds``. ``nonce_window`` is the default for new keys. Queries show orders ``visibility_delay`` seconds after
    they were placed. ``skew`` (an attribute, seconds) puts the clock that clients are shown, and deadlines are held against, off
    the one that the counters run on. ``seed`` makes every random choice repeatable, keys included. ``history_limit``
    bounds what is kept of the past, for long runs.
    """

    def __init__(
        self,
        *,
        keys: Iterable[tuple[str, str]] | None = None,
        clock: Callable[[], float] = time.time,
        limits: bool = False,
        tier: str = "starter",
        edge: Literal["inclusive", "exclusive"] = "inclusive",
        documented_costs: bool = False,
        enforce_lockout: bool = False,
        lockout_threshold: int = 20,
        lockout_span: float = 60.0,
        lockout_seconds: float = 900.0,
        nonce_window: int = 0,
        visibility_delay: float = 0.0,
        jitter: tuple[float, float] = (0.0, 0.0),
        seed: int | None = None,
        history_limit: int | None = None,
    ) -> None:
        if tier not in TIERS:
            raise ValueError(f"tier must be one of {', '.join(TIERS)}, not {tier!r}")
        if edge not in ("inclusive", "exclusive"):
            raise ValueError(f"edge must be 'inclusive' or 'exclusive', not {edge!r}")
        self.clock = clock
        self.tier = TIERS[tier]
        self.documented_costs = documented_costs
        self.enforce_lockout = enforce_lockout
        self.nonce_window = nonce_window
        self.jitter = jitter
        self.skew = 0.0
        self.random = random.Random(seed)
        self.venue = Venue(
            self.random,
            limits=limits,
            exclusive=edge == "exclusive",
            delay=visibility_delay,
            forget_after=history_limit,
        )
        self.faults = Faults()
        self.history: list[Arrival] = []
        self._flights = InFlight()
        self._lockout = (lockout_threshold, lockout_span, lockout_seconds)
        self._history_limit = history_limit
        self._refused: Tally[str] = Tally()
        self._keys: dict[str, Key] = {}
        self._lock = threading.RLock()
        self._second = -1
        self._headers: Mapping[str, str] = {}
        for pair in keys or ():
            self.add_key(*pair)
        if not self._keys:
            self.add_key()
        self.key: KeyPair = next(iter(self._keys.values())).pair

    # -- what a test sets up -------------------------------------------------------------------------------------

    def add_key(
        self,
        api_key: str | None = None,
        api_secret: str | None = None,
        *,
        account: str = "main",
        permissions: Iterable[str] = PERMISSIONS,
        tier: str | None = None,
        nonce_window: int | None = None,
        otp: str | Callable[[], str] | None = None,
    ) -> KeyPair:
        """Create an API key on ``account`` and return it; what is not given is drawn at random."""
        unknown = set(permissions) - set(PERMISSIONS)
        if unknown:
            raise ValueError(f"no such permission: {', '.join(sorted(unknown))}")
        pair = KeyPair(
            api_key or base64.b64encode(self.random.randbytes(42)).decode(),
            api_secret or base64.b64encode(self.random.randbytes(64)).decode(),
        )
        window = self.nonce_window if nonce_window is None else nonce_window
        with self._lock:
            self.venue.account(account)
            self._keys[pair.api_key] = Key(
                pair,
                account,
                frozenset(permissions),
                TIERS[tier] if tier else self.tier,
                window=window,
                otp=otp,
                lockout=Lockout(*self._lockout),
                created=self.now(),
            )
        return pair

    def lock_out(self, api_key: str, seconds: float = 900.0) -> None:
        """Answer ``EGeneral:Temporary lockout`` for ``seconds``; every further attempt renews it."""
        self._keys[api_key].lockout.lock(self.clock(), seconds)

    def throttle(self, api_key: str, seconds: float) -> None:
        """Answer ``EService:Throttled`` with its time for ``seconds``."""
        self._keys[api_key].throttled_until = self.clock() + seconds

    def move(self, pair: str, price: str | Decimal) -> None:
        """Move the last price of ``pair``: orders that cross it now trade, triggers fire."""
        with self._lock:
            self.venue.move(self.venue.markets.pair(pair), Decimal(price), self.now())

    def fill(self, txid: str, volume: str | Decimal | None = None) -> None:
        """Fill an open order, wholly or by ``volume``."""
        with self._lock:
            order = self.orders[txid]
            amount = order.remaining if volume is None else Decimal(volume)
            self.accounts[order.account].fill(order, amount, self.now())

    # -- what a test looks at ------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return unix seconds as clients are shown them."""
        return self.clock() + self.skew

    @property
    def accounts(self) -> dict[str, Account]:
        """The accounts by name, with time's effects up to now."""
        with self._lock:
            for account in self.venue.accounts.values():
                account.tick(self.now())
            return self.venue.accounts

    @property
    def orders(self) -> dict[str, Order]:
        """Every order of every account by txid, oldest first."""
        return {txid: order for account in self.accounts.values() for txid, order in account.orders.copy().items()}

    @property
    def max_in_flight(self) -> Tally[str]:
        """The most calls in flight at once, by API key."""
        return self._flights.most

    def refused(self, prefix: str = "EAPI:Invalid nonce") -> int:
        """Return how many calls the rules refused with an error that begins so (injected errors are not counted)."""
        return sum(count for error, count in self._refused.copy().items() if error.startswith(prefix))

    def counter_level(self, api_key: str) -> float:
        """Return the call counter of a key."""
        return self._keys[api_key].counter.level(self.clock())

    def engine_level(self, pair: str, account: str = "main") -> float:
        """Return the matching engine's counter of ``pair``."""
        return self.venue.account(account).engine(self.venue.markets.pair(pair), self.tier).level(self.now())

    # -- one request ---------------------------------------------------------------------------------------------

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, fault: Fault | None = None
    ) -> Reply:
        """Check and execute one request now and return the answer. ``fault`` may refuse it, or shape the order."""
        with self._lock:
            where, _, query = path.partition("?")
            if where.startswith(_PRIVATE_PATH):
                if method == "POST":
                    return self._private(where, headers, body, fault or _NO_FAULT)
                return self._answer(["EAPI:Bad request"], None)
            if where.startswith(_PUBLIC_PATH):
                return self._public(where, query or body.decode("latin-1"), fault or _NO_FAULT)
            return Reply(404, {**self.headers(), "Content-Type": "text/html"}, b"<html><body>404 Not Found</body></html>")

    async def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: tuple[float, float] | None = None,
        flight: Flight | None = None,
    ) -> Reply:
        """Carry one request over the path, jitter and faults included, and return the answer.

        Raises `ConnectionDropped` when no complete answer comes. ``flight`` is ended in any case; without one the exchange
        counts as in flight itself. Cancelled before the rules saw the request, it was never there: a transport whose
        client may give up while the bytes are on their way keeps the exchange in a task of its own, and calls
        ``flight.end()`` when the client has gone.
        """
        return await exchange(
            self, method, path, headers, body, sleep=sleep, jitter=jitter, flight=flight
        )

    def begin(self, api_key: str) -> Flight:
        """Count one more call in flight on ``api_key``, until the flight is ended."""
        return self._flights.begin(api_key)

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a JSON answer; the same mapping for a whole second, not to be changed."""
        now = self.now()
        if int(now) != self._second:
            self._second = int(now)
            self._headers = {"Content-Type": JSON_TYPE, "Date": formatdate(now, usegmt=True)}
        return self._headers

    def _answer(self, errors: Iterable[str], result: Any) -> Reply:
        return Reply(200, self.headers(), dumps({"error": list(errors), "result": result} if result is not None
                                                or not errors else {"error": list(errors)}))  # fmt: skip

    def _public(self, path: str, query: str, fault: Fault) -> Reply:
        endpoint = path[len(_PUBLIC_PATH) :]
        arrival = self._arrived("", endpoint, fault)
        arrival.params = params = dict(parse_qsl(query, keep_blank_values=True))
        try:
            _injected(fault, before_nonce=False)
            result = public.answer(self.venue, endpoint, params, self.now())
        except Refusal as refusal:
            return self._refuse(arrival, refusal, fault)
        arrival.executed = True
        return self._answer((), result)

    def _private(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault) -> Reply:
        endpoint = path[len(_PRIVATE_PATH) :]
        api_key = header(headers, "API-Key")
        arrival = self._arrived(api_key, endpoint, fault)
        try:
            call, handler = self._admit(path, endpoint, headers, body, arrival, fault)
            call.visibility, call.ending = fault.visibility, fault.ending
            try:
                result = handler(call)
            finally:
                arrival.txids = tuple(call.txids)
        except Refusal as refusal:
            return self._refuse(arrival, refusal, fault)
        arrival.executed = True
        if isinstance(result, bytes):
            return Reply(200, {**self.headers(), "Content-Type": "application/zip"}, result)
        return Reply(200, self.headers(), dumps({"error": [], "result": result}))

    def _admit(
        self, path: str, endpoint: str, headers: Mapping[str, str], body: bytes, arrival: Arrival, fault: Fault
    ) -> tuple[Call, Callable[[Call], Any]]:
        """Go through the checks that all private calls share, in order."""
        handler = PRIVATE.get(endpoint)
        if handler is None:
            raise Refusal("EGeneral:Unknown method")
        key, now = self._keys.get(arrival.api_key), self.clock()
        if key is not None and key.lockout.shuts(now):
            raise Refusal("EGeneral:Temporary lockout")
        _injected(fault, before_nonce=True)
        if key is None:
            raise Refusal("EAPI:Invalid key")
        params = parse_body(header(headers, "Content-Type"), body)
        nonce = self._check_identity(key, path, params, headers, body, arrival)
        key.last_used = now
        if key.throttled_until > now:
            raise Refusal(f"EService: Throttled: {int(key.throttled_until) + 1}")
        self._charge(key, endpoint, now)
        if not any(needed <= key.permissions for needed in NEEDS[endpoint]):
            raise Refusal("EGeneral:Permission denied")
        if not key.otp_matches(text(params, "otp", "")):
            # Kraken does not document the words for a wrong one-time password.
            raise Refusal("EAPI:Invalid signature")
        _injected(fault, before_nonce=False)
        account = self.venue.account(key.account)
        shown = self.now()
        account.tick(shown)
        return Call(self.venue, account, key, params, nonce, shown), handler

    def _check_identity(
        self,
        key: Key,
        path: str,
        params: dict[str, Any],
        headers: Mapping[str, str],
        body: bytes,
        arrival: Arrival,
    ) -> int:
        given = params.get("nonce", "")
        spelled = given if isinstance(given, str) else ""
        arrival.nonce = nonce = read_nonce(spelled)
        arrival.params = params
        if not key.signature.matches(header(headers, "API-Sign"), path, spelled, body):
            self._offence(key)
            raise Refusal("EAPI:Invalid signature")
        if nonce is None or not key.nonce.accept(nonce):
            self._offence(key)
            raise Refusal("EAPI:Invalid nonce")
        return nonce

    def _offence(self, key: Key) -> None:
        if self.enforce_lockout:
            key.lockout.offence(self.clock())

    def _charge(self, key: Key, endpoint: str, now: float) -> None:
        cost = call_cost(endpoint, documented=self.documented_costs)
        if self.venue.limits and cost and not key.counter.admit(cost, now, exclusive=self.venue.exclusive):
            raise Refusal("EAPI:Rate limit exceeded")

    # -- the record ----------------------------------------------------------------------------------------------

    def _arrived(self, api_key: str, endpoint: str, fault: Fault) -> Arrival:
        arrival = Arrival(self.now(), api_key, endpoint, fault="" if fault is _NO_FAULT else str(fault))
        self.history.append(arrival)
        if self._history_limit is not None and len(self.history) > 2 * self._history_limit:
            del self.history[: -self._history_limit]
        return arrival

    def lost(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault) -> None:
        """Record a request that never reached the rules."""
        with self._lock:
            arrival = self._arrived(header(headers, "API-Key"), path.partition("?")[0].rpartition("/")[2], fault)
            arrival.params = parse_body(header(headers, "Content-Type"), body)
            arrival.nonce = read_nonce(str(arrival.params.get("nonce", "")))

    def _refuse(self, arrival: Arrival, refusal: Refusal, fault: Fault) -> Reply:
        arrival.errors = refusal.errors
        if refusal.errors != (fault.error,):
            self._refused.update(refusal.errors)
        return Reply(200, self.headers(), dumps({"error": list(refusal.errors)}))


def _injected(fault: Fault, *, before_nonce: bool) -> None:
    if fault.what == "error" and fault.when == "before" and fault.error.startswith(_BEFORE_NONCE) == before_nonce:
        raise Refusal(fault.error)


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header whatever its case, or an empty text."""
    found = headers.get(name)
    if found is not None:
        return found
    lowered = name.lower()
    return next((value for key, value in headers.items() if key.lower() == lowered), "")
