"""One request in, Kraken's checks in Kraken's order, one answer out.

Synchronous and driven by a clock that is given, so that it runs on virtual time as well as behind a socket.
Behind the gate (gate.py) come the arguments, the market's status, the engine counter and the funds, which
each endpoint sees to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from . import (
    balances,
    books,
    cancelling,
    changing,
    earn,
    exports,
    funding,
    history,
    key_info,
    movement,
    order_queries,
    public,
    trading,
)
from .auth import read_nonce
from .counters import Counter
from .faults import Fault
from .gate import Gate, inject
from .record import Record
from .rules import BY_ACCOUNT
from .values import JSON_TYPE, NO_RESULT, Arrival, Refusal, Reply, header
from .venue import Call, Venue
from .wire import bad, dumps, parse_body, text

PRIVATE: dict[str, Callable[[Call], Any]] = {
    **balances.ENDPOINTS,
    **order_queries.ENDPOINTS,
    **history.ENDPOINTS,
    **key_info.ENDPOINTS,
    **trading.ENDPOINTS,
    **changing.ENDPOINTS,
    **cancelling.ENDPOINTS,
    **funding.ENDPOINTS,
    **exports.ENDPOINTS,
    **earn.ENDPOINTS,
    **books.PRIVATE,
}
_PRIVATE_PATH = "/0/private/"
_PUBLIC_PATH = "/0/public/"
_FUNDING_PATH = "/funding/"
_NO_FUNDING = "EGeneral:Unknown method:the emulator has no Funding (Beta) API"
_PER_PAIR = frozenset({"OHLC", "Trades"})
_NO_FAULT = Fault()


def _check_account(call: Call, endpoint: str) -> None:
    """Refuse an ``account_id`` that is not the one of the key's account."""
    if endpoint in BY_ACCOUNT and call.params.get("account_id") is not None:
        given = text(call.params, "account_id").replace("-", "").replace(" ", "")
        if given != call.account.account_id.replace(" ", ""):
            raise bad("account_id")


class RequestHandler:
    """Answers requests; nothing in it waits. `handle` may be called from several threads, one at a time goes on.

    ``skew`` in seconds puts the clock that clients are shown, and that deadlines are held against, off the
    one that the call counter, the lockout and the record run on. ``public_limit`` is (burst, calls per second).
    """

    def __init__(
        self,
        clock: Callable[[], float],
        gate: Gate,
        venue: Venue,
        record: Record,
        public_limit: tuple[float, float] | None,
    ) -> None:
        self.clock: Callable[[], float] = clock
        self.skew: float = 0.0
        self._public_limit = public_limit
        self.install(gate, venue, record)
        self._lock = threading.RLock()
        self._second = -1
        self._headers: Mapping[str, str] = {}

    def install(self, gate: Gate, venue: Venue, record: Record) -> None:
        """Answer from these parts from now on."""
        self.venue = venue
        self._gate = gate
        self._record = record
        self._public: dict[str, Counter] = {}

    def now(self) -> float:
        """Return unix seconds as clients are shown them."""
        return self.clock() + self.skew

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, fault: Fault | None = None
    ) -> Reply:
        """Check and execute one request now; ``fault`` may refuse it, or end the order."""
        where, _, query = path.partition("?")
        with self._lock:
            if where.startswith(_PRIVATE_PATH):
                return self._private_call(method, where, headers, body, fault or _NO_FAULT)
            if where.startswith(_PUBLIC_PATH):
                return self._public_call(where, query or body.decode("latin-1"), fault or _NO_FAULT)
        if where.startswith(_FUNDING_PATH):
            return Reply(404, self.headers(), dumps({"error": [_NO_FUNDING]}))
        html = {**self.headers(), "Content-Type": "text/html"}
        return Reply(404, html, b"<html><body><h1>404 Not Found</h1></body></html>")

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a JSON answer: one mapping for a whole second, not to be changed."""
        now = self.now()
        if int(now) != self._second:
            self._second = int(now)
            self._headers = {"Content-Type": JSON_TYPE, "Date": formatdate(now, usegmt=True)}
        return self._headers

    def _private_call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, fault: Fault
    ) -> Reply:
        endpoint = path[len(_PRIVATE_PATH) :]
        arrival = self._arrived(header(headers, "API-Key"), endpoint, fault)
        try:
            handler = PRIVATE.get(endpoint)
            if handler is None or method != "POST":
                raise Refusal("EGeneral:Unknown method" if handler is None else "EAPI:Bad request")
            key = self._gate.admit(path, headers, body, arrival, fault, arrival.t)
            result = self.execute(handler, key.settings.account, key, arrival, fault)
            key.last_used = arrival.t
        except Refusal as refusal:
            return self._refuse(arrival, refusal, fault)
        arrival.executed = True
        if isinstance(result, bytes):
            return Reply(200, {**self.headers(), "Content-Type": "application/zip"}, result)
        if result is NO_RESULT:
            return Reply(200, self.headers(), dumps({"error": []}))
        return Reply(200, self.headers(), dumps({"error": [], "result": result}))

    def execute(
        self, handler: Callable[[Call], Any], account: str, key: Any, arrival: Arrival, fault: Fault
    ) -> Any:
        """Carry out an admitted private call and return its result; what it touched goes on record. Raises Refusal."""
        now = self.now()
        call = Call(
            self.venue,
            self.venue.account(account),
            key,
            arrival.params,
            arrival.nonce or 0,
            now,
            fault.visibility,
            fault.closed_visibility,
            fault.ending,
        )
        _check_account(call, arrival.endpoint)
        movement.tick(call.account, now)
        try:
            return handler(call)
        finally:
            # What a refused batch or cancel has touched all the same is part of the record.
            arrival.txids = tuple(call.txids)

    def _public_call(self, path: str, query: str, fault: Fault) -> Reply:
        arrival = self._arrived("", path[len(_PUBLIC_PATH) :], fault)
        arrival.params = dict(parse_qsl(query, keep_blank_values=True))
        try:
            self._limit_public(arrival)
            inject(fault, before_nonce=True)
            inject(fault, before_nonce=False)
            moment = self.now() + (fault.clock if arrival.endpoint == "Time" else 0.0)
            result = public.answer(self.venue, arrival.endpoint, arrival.params, moment)
        except Refusal as refusal:
            return self._refuse(arrival, refusal, fault)
        arrival.executed = True
        return Reply(200, self.headers(), dumps({"error": [], "result": result}))

    def _limit_public(self, arrival: Arrival) -> None:
        """Refuse what is too fast: OHLC and Trades per pair, everything else together."""
        if self._public_limit is None:
            return
        name = str(arrival.params.get("pair")) if arrival.endpoint in _PER_PAIR else ""
        counter = self._public.setdefault(name, Counter(*self._public_limit))
        if not counter.admit(1, arrival.t):
            raise Refusal("EGeneral:Too many requests")

    # -- the record --------------------------------------------------------------------------------

    def _arrived(self, api_key: str, endpoint: str, fault: Fault) -> Arrival:
        name = "" if fault is _NO_FAULT else str(fault)
        return self._record.add(Arrival(self.clock(), api_key, endpoint, fault=name))

    def lost(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault) -> None:
        """Record a request that never reached the rules."""
        with self._lock:
            endpoint = path.partition("?")[0].partition("/0/")[2].partition("/")[2]
            arrival = self._arrived(header(headers, "API-Key"), endpoint, fault)
            arrival.params = parse_body(header(headers, "Content-Type"), body)
            arrival.nonce = read_nonce(str(arrival.params.get("nonce", "")))

    def _refuse(self, arrival: Arrival, refusal: Refusal, fault: Fault) -> Reply:
        self._record.refuse(arrival, refusal.errors, injected=refusal.errors == (fault.error,))
        return Reply(200, self.headers(), dumps({"error": list(refusal.errors)}))
