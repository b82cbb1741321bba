"""The parts of an emulator, and their settings in a test: keys, money, markets, the clock."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Literal

from . import given
from .auth import Key, KeySettings, Lockout
from .behaviour import Behaviour
from .clock import ShiftedClock
from .delivery import Delivery, Jitter
from .faults import Faults
from .funding import deposit
from .gate import Gate
from .markets import STATUSES, Asset, Pair
from .record import Record
from .request_handler import RequestHandler
from .rules import PERMISSIONS, TIERS, Tier
from .values import KeyPair
from .venue import Venue


class Setup(RequestHandler):
    """The part of `Emulator` that is set up; its arguments are described there."""

    clock: Callable[[], float]
    skew: float

    def __init__(
        self,
        *,
        keys: Iterable[tuple[str, str]] | None = None,
        clock: Callable[[], float] = time.time,
        limits: bool = False,
        tier: str = "starter",
        edge: Literal["inclusive", "exclusive"] = "inclusive",
        prolonged: bool = False,
        documented_costs: bool = False,
        enforce_lockout: bool = False,
        lockout_threshold: int = 20,
        lockout_span: float = 60.0,
        lockout_seconds: float = 900.0,
        nonce_window: int = 0,
        public_limit: tuple[float, float] | None = None,
        visibility_delay: float = 0.0,
        jitter: Jitter = (0.0, 0.0),
        behaviour: Behaviour | None = None,
        seed: int | None = None,
        history_limit: int | None = None,
    ) -> None:
        self.tier: Tier = TIERS[given.one_of(tier, "tier", TIERS)]
        given.one_of(edge, "edge", ("inclusive", "exclusive"))
        given.whole(lockout_threshold, "lockout_threshold", 1)
        given.seconds(lockout_span, "lockout_span")
        given.seconds(lockout_seconds, "lockout_seconds")
        for limit in public_limit or ():
            given.positive(limit, "public_limit")
        if history_limit is not None:
            given.whole(history_limit, "history_limit")
        visibility_delay = given.seconds(visibility_delay, "visibility_delay")
        self.nonce_window: int = given.whole(nonce_window, "nonce_window")
        self.random: random.Random = random.Random(seed)
        self._lockout = (lockout_threshold, lockout_span, lockout_seconds)
        self._clock = clock
        self._behaviour = (behaviour or Behaviour()).delayed(visibility_delay)
        self._preparations: list[Callable[[], object]] = []

        def made() -> tuple[Gate, Venue, Record]:
            gate = Gate(
                limits=limits,
                exclusive=edge == "exclusive",
                prolonged=prolonged,
                documented_costs=documented_costs,
                enforce_lockout=enforce_lockout,
            )
            venue = Venue(
                self.random,
                self._behaviour,
                limits=limits,
                exclusive=edge == "exclusive",
                forget_after=history_limit,
            )
            return gate, venue, Record(history_limit)

        self._made = made
        super().__init__(clock, *made(), public_limit)
        pairs = [self.add_key(api_key, api_secret) for api_key, api_secret in keys or ()] or [self.add_key()]
        self.key: KeyPair = pairs[0]
        self._preparations.append(lambda: [self.add_key(*pair) for pair in pairs])
        self._delivery = Delivery(self, self.random, given.span(jitter, "jitter"))
        self._random_state = self.random.getstate()

    def prepare(self, preparation: Callable[[], object]) -> None:
        """Do what a test starts from, now and after each `reset`."""
        preparation()
        self._preparations.append(preparation)

    def reset(self) -> None:
        """Begin again from the start: its keys with no nonce seen, no order, no history, no fault, the clock's time."""
        with self._lock:
            self.clock, self.skew = self._clock, 0.0
            self.random.setstate(self._random_state)
            self.install(*self._made())
            self._delivery.reset()
            for preparation in self._preparations:
                preparation()

    # -- keys --------------------------------------------------------------------------------------

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
        valid_until: float = 0.0,
        query_from: float = 0.0,
        query_to: float = 0.0,
        ip_allowlist: Iterable[str] = (),
    ) -> KeyPair:
        """Create an API key on ``account`` and return it; what is not given is drawn at random.

        ``query_from`` and ``query_to`` (unix seconds, 0: none) bound what the key may see of orders, trades and
        ledgers. After ``valid_until`` the key is unknown. ``ip_allowlist`` is shown by GetApiKeyInfo, not enforced.
        ValueError for a permission, a tier or a secret that cannot be.
        """
        allowed = frozenset(permissions)
        if not allowed <= set(PERMISSIONS):
            raise ValueError(f"no such permission: {', '.join(sorted(allowed - set(PERMISSIONS)))}")
        for name, at in (("valid_until", valid_until), ("query_from", query_from), ("query_to", query_to)):
            given.seconds(at, name)
        pair = KeyPair(
            api_key or base64.b64encode(self.random.randbytes(42)).decode(),
            api_secret or base64.b64encode(self.random.randbytes(64)).decode(),
        )
        settings = KeySettings(
            account=account,
            permissions=allowed,
            tier=self.tier if tier is None else TIERS[given.one_of(tier, "tier", TIERS)],
            nonce_window=self.nonce_window
            if nonce_window is None
            else given.whole(nonce_window, "nonce_window"),
            otp=otp,
            valid_until=valid_until,
            query_from=query_from,
            query_to=query_to,
            ip_allowlist=tuple(ip_allowlist),
        )
        with self._lock:
            self.venue.account(account)
            self._gate.keys[pair.api_key] = Key(pair, settings, Lockout(*self._lockout), self.now())
        return pair

    def lock_out(self, api_key: str, seconds: float = 900.0) -> None:
        """Answer ``EGeneral:Temporary lockout`` for ``seconds``; every further attempt renews it."""
        self._gate.keys[api_key].lockout.lock(self.clock(), given.seconds(seconds, "seconds"))

    def throttle(self, api_key: str, seconds: float) -> None:
        """Answer ``EService:Throttled`` with its time for ``seconds``."""
        self._gate.keys[api_key].throttled_until = self.clock() + given.seconds(seconds, "seconds")

    # -- money and markets -------------------------------------------------------------------------

    def set_balances(
        self, balances: Mapping[str, str | Decimal], *, account: str = "main", replace: bool = False
    ) -> None:
        """Set what an account has of each asset; with ``replace`` it has nothing else."""
        with self._lock:
            markets = self.venue.markets
            amounts = {markets.asset(name).key: given.number(each, name) for name, each in balances.items()}
            kept = self.venue.account(account).balances
            if replace:
                kept.clear()
            kept.update(amounts)

    def deposit(self, asset: str, amount: str | Decimal, *, account: str = "main") -> str:
        """Let money come into an account, with its line in the ledger, and return the reference id."""
        money = given.positive(amount, "amount")
        with self._lock:
            key = self.venue.markets.asset(asset).key
            return deposit(self.venue.account(account), key, money, self.now())

    def add_asset(
        self, key: str, altname: str | None = None, *, decimals: int = 8, aclass: str = "currency"
    ) -> None:
        """Add an asset, such as ``add_asset("AAPLx", aclass="tokenized_asset")``."""
        given.whole(decimals, "decimals")
        with self._lock:
            self.venue.markets.add_asset(
                Asset(key, altname or key, decimals, min(decimals, 5), aclass=aclass)
            )

    def add_pair(
        self,
        name: str,
        *,
        price: str | Decimal,
        key: str | None = None,
        pair_decimals: int = 2,
        lot_decimals: int = 8,
        cost_decimals: int = 5,
        ordermin: str | Decimal = "0.0001",
        costmin: str | Decimal = "0.5",
        tick_size: str | Decimal | None = None,
        leverage: Iterable[int] = (2, 3, 4, 5),
        depth: str | Decimal | None = None,
        status: str = "online",
    ) -> None:
        """Add a pair by its name with a slash, such as ``add_pair("AAPLx/USD", price="230")``.

        An asset of it that is not there is added, with eight decimals.
        ``key`` is Kraken's key for it, by default its name without the slash. ``depth`` is the volume at each
        price of its book; None: any volume at the best one.
        """
        base, _, quote = name.partition("/")
        if not base or not quote:
            raise ValueError(f"a pair is named by its assets with a slash between them, not {name!r}")
        with self._lock:
            markets = self.venue.markets
            for asset in (base, quote):
                if not markets.knows_asset(asset):
                    self.add_asset(asset)
            altname = f"{base}{quote}"
            markets.add_pair(
                Pair(
                    key or altname,
                    altname,
                    name,
                    markets.asset(base).key,
                    markets.asset(quote).key,
                    given.whole(pair_decimals, "pair_decimals"),
                    given.whole(cost_decimals, "cost_decimals"),
                    given.at_least_0(ordermin, "ordermin"),
                    given.at_least_0(costmin, "costmin"),
                    given.positive(price, "price"),
                    status=given.one_of(status, "status", STATUSES),
                    lot_decimals=given.whole(lot_decimals, "lot_decimals"),
                    tick_size=None if tick_size is None else given.positive(tick_size, "tick_size"),
                    leverage=tuple(leverage),
                    depth=None if depth is None else given.at_least_0(depth, "depth"),
                )
            )

    def set_pair(self, pair: str, *, status: str | None = None, depth: str | Decimal | None = None) -> None:
        """Change the status of a pair, or the volume at each price of its book."""
        with self._lock:
            found = self.venue.markets.pair(pair)
            if depth is not None:
                found.depth = given.at_least_0(depth, "depth")
            if status is not None:
                found.status = given.one_of(status, "status", STATUSES)

    # -- time and behaviour ------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once: orders start and expire, counters drain, the dead man's switch fires.

        ValueError for less than 0: a clock that steps back is what ``skew`` is for.
        """
        passed = given.seconds(seconds, "seconds")
        with self._lock:
            if not isinstance(self.clock, ShiftedClock):
                self.clock = ShiftedClock(self.clock)
            self.clock.seconds += passed

    @property
    def jitter(self) -> Jitter:
        """Least and most seconds that a request spends on the path; may be set at any time."""
        return self._delivery.jitter

    @jitter.setter
    def jitter(self, jitter: Jitter) -> None:
        self._delivery.jitter = given.span(jitter, "jitter")

    @property
    def faults(self) -> Faults:
        """Faults in store for the next calls."""
        return self._delivery.faults

    @property
    def behaviour(self) -> Behaviour:
        """How orders, keys and times are shown; may be set at any time."""
        return self.venue.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        with self._lock:
            self.venue.behave(behaviour)
