"""Config: a session's checked options. Settings: what a session takes from the environment.

More than 300 lines: each option stands here three times, as an argument with its type, checked, and read.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypedDict

from kraken_async.api.arguments import check_one_of, check_seconds, check_text, check_whole, tuple_of
from kraken_async.api.endpoints import Tier
from kraken_async.calls.retry import RetryPolicy
from kraken_async.credentials import otp_variable, secret_variable, variable
from kraken_async.limits.governor import BurstGovernor
from kraken_async.monitoring.reporter import Listeners
from kraken_async.orders.policy import OrderPolicy
from kraken_async.stores.base import UNITS, check_unit
from kraken_async.stores.url import store_of
from kraken_async.wire.base_url import check_url
from kraken_async.wire.signer import Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    import aiohttp

    from kraken_async.api.checks import Checks
    from kraken_async.call import Orphan
    from kraken_async.guards import Guard
    from kraken_async.monitoring.metrics import Observer
    from kraken_async.problems import ProblemChange
    from kraken_async.stores.base import Store
    from kraken_async.wire.messages import Response, SignedRequest

PRODUCTION: Final = "https://api.kraken.com"


class SessionOptions(TypedDict, total=False):
    """The keyword arguments of KrakenSession, where they are described, beside key and store."""

    base_url: str
    tier: Tier | str | None
    state_dir: str | os.PathLike[str] | None
    governor: BurstGovernor | None
    timeout: float | None
    nonce_unit: str
    http: aiohttp.ClientSession | None
    guard: Guard | None
    orders: OrderPolicy | None
    retry: RetryPolicy | None
    max_queued: int | None
    on_orphan: Callable[[Orphan], Any] | None
    on_settled: Callable[[Orphan], Any] | None
    on_problem: Callable[[ProblemChange], Any] | None
    observers: Iterable[Observer]
    account: str
    cancel_patience: float
    plain_http: Iterable[str]
    transport: Callable[[SignedRequest, float], Awaitable[Response]] | None
    checks: bool | Literal["warn"]


class AllSessionOptions(SessionOptions, total=False):
    """All arguments of KrakenSession, for functions that pass them on."""

    api_key: str | None
    api_secret: str | None
    otp: str | Callable[[], str] | None
    store: Store | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A session's options, checked. ``signer`` None: public calls only. See KrakenSession for what they mean."""

    signer: Signer | None
    base_url: str
    plain_http: tuple[str, ...]
    http: aiohttp.ClientSession | None
    transport: Callable[[SignedRequest, float], Awaitable[Response]] | None
    state_dir: str | os.PathLike[str] | None
    tier: Tier | None
    tier_unset: bool
    governor: BurstGovernor
    account: str
    unit: str
    timeout: float | None
    cancel_patience: float
    max_queued: int | None
    guard: Guard | None
    orders: OrderPolicy
    retry: RetryPolicy
    listeners: Listeners
    checks: Checks | None

    @classmethod
    def checked(
        cls,
        api_key: str | None,
        api_secret: str | None,
        otp: str | Callable[[], str] | None,
        *,
        base_url: str = PRODUCTION,
        tier: Tier | str | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        governor: BurstGovernor | None = None,
        timeout: float | None = None,
        nonce_unit: str = "ns",
        http: aiohttp.ClientSession | None = None,
        guard: Guard | None = None,
        orders: OrderPolicy | None = None,
        retry: RetryPolicy | None = None,
        max_queued: int | None = None,
        on_orphan: Callable[[Orphan], Any] | None = None,
        on_settled: Callable[[Orphan], Any] | None = None,
        on_problem: Callable[[ProblemChange], Any] | None = None,
        observers: Iterable[Observer] = (),
        account: str = "main",
        cancel_patience: float = 1.0,
        plain_http: Iterable[str] = (),
        transport: Callable[[SignedRequest, float], Awaitable[Response]] | None = None,
        checks: bool | Literal["warn"] = True,
    ) -> Self:
        """Check options and fill in defaults. Raises ValueError for what cannot work."""
        one_alone = (api_key is None) != (api_secret is None)
        try:
            signer = None if api_key is None or api_secret is None else Signer(api_key, api_secret, otp)
        except ValueError as error:
            raise error.with_traceback(None) from None
        finally:
            del api_key, api_secret, otp  # a traceback with locals shows none of them, whatever else is wrong
        if one_alone:
            msg = "api_key and api_secret go together: give both, or neither for public calls only"
            raise ValueError(msg)
        check_one_of("nonce_unit", nonce_unit, UNITS)
        if timeout is not None:
            check_seconds("timeout", timeout)
        check_seconds("cancel_patience", cancel_patience)
        if max_queued is not None:
            check_whole("max_queued, a number of calls or None for any,", max_queued, least=0)
        _check_kind("observers", observers, Iterable)
        _check_kind("plain_http", plain_http, Iterable)
        observers = tuple_of(observers)
        plain_http = (plain_http,) if isinstance(plain_http, str) else tuple_of(plain_http)
        for host in plain_http:
            check_text("plain_http", host, "kraken.lan")
        functions = {
            "guard": guard,
            "on_orphan": on_orphan,
            "on_settled": on_settled,
            "on_problem": on_problem,
            "transport": transport,
        }
        for name, function in [*functions.items(), *(("observers", each) for each in observers)]:
            _check_callable(name, function)
        _check_kind("governor", governor, BurstGovernor)
        _check_kind("orders", orders, OrderPolicy)
        _check_kind("retry", retry, RetryPolicy)
        _check_kind("state_dir", state_dir, (str, os.PathLike))
        _check_kind("account", account, str)
        if http is not None and not callable(getattr(http, "request", None)):
            msg = f"http takes an aiohttp.ClientSession, not {type(http).__name__}"
            raise ValueError(msg)
        check_url(base_url, plain_http)
        own_tier = None if tier is None else Tier.of(tier)
        return cls(
            signer=signer,
            base_url=base_url,
            plain_http=plain_http,
            http=http,
            transport=transport,
            state_dir=state_dir,
            tier=own_tier,
            tier_unset=tier is None and governor is None,
            governor=governor if governor is not None else BurstGovernor(own_tier),
            account=account,
            unit=nonce_unit,
            timeout=timeout,
            cancel_patience=cancel_patience,
            max_queued=max_queued,
            guard=guard,
            orders=orders if orders is not None else OrderPolicy(),
            retry=retry if retry is not None else RetryPolicy(),
            listeners=Listeners(
                observers=observers, on_orphan=on_orphan, on_settled=on_settled, on_problem=on_problem
            ),
            checks=_checks(checks),
        )


def check_names(options: Mapping[str, object]) -> None:
    """Raise TypeError, as Python does, for an option that no session has, naming the one that is meant."""
    for name in options:
        if name not in SessionOptions.__annotations__:
            from difflib import get_close_matches

            names = ["api_key", "api_secret", "otp", "store", *SessionOptions.__annotations__]
            near = get_close_matches(name, names, n=1)
            msg = f"KrakenSession has no option {name!r}" + (f": {near[0]!r}?" if near else "")
            raise TypeError(msg)


def _checks(wanted: bool | Literal["warn"]) -> Checks | None:
    if wanted is False:
        return None
    if wanted is not True and wanted != "warn":
        msg = f'checks is True, False or "warn", not {wanted!r}'
        raise ValueError(msg)
    from kraken_async.api.checks import Checks

    return Checks(logging.getLogger("kraken_async"), refuse=wanted is True)


def _check_kind(name: str, given: object, kinds: type | tuple[type, ...]) -> None:
    if given is not None and not isinstance(given, kinds):
        wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        msg = f"{name} takes {wanted}, not {type(given).__name__}"
        raise ValueError(msg)


def _check_callable(name: str, given: object) -> None:
    if given is not None and not callable(given):
        msg = f"{name} takes a function, not {given!r}"
        raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Settings:
    """A session's surroundings. The key, the secret and the password show in no repr."""

    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)
    tier: str | None = None
    base_url: str = PRODUCTION
    state_dir: str | None = None
    governor: bool = True
    store: str | None = field(default=None, repr=False)  # its text may hold a password
    otp: str | Callable[[], str] | None = field(default=None, repr=False)
    account: str | None = None
    nonce_unit: str | None = None
    timeout: float | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the environment.

        KRAKEN_API_KEY, KRAKEN_API_SECRET, KRAKEN_API_OTP (or ``*_FILE``, naming a file that holds it), KRAKEN_API_TIER,
        KRAKEN_API_URL, KRAKEN_STATE_DIR, KRAKEN_STORE, KRAKEN_NONCE_UNIT and KRAKEN_GOVERNOR ("off"
        holds nothing back).

        What these do not say, the profile that KRAKEN_PROFILE names does. Raises ValueError for a file that cannot be
        read, for no such profile, and for a governor setting that is neither on nor off.
        """
        given = {
            "tier": variable(env, "KRAKEN_API_TIER"),
            "base_url": variable(env, "KRAKEN_API_URL"),
            "state_dir": variable(env, "KRAKEN_STATE_DIR"),
            "store": variable(env, "KRAKEN_STORE"),
            "nonce_unit": variable(env, "KRAKEN_NONCE_UNIT"),
            "governor": governor_wanted(env) if variable(env, "KRAKEN_GOVERNOR") else None,
        }
        found: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        key, secret, otp = (
            secret_variable(env, "KRAKEN_API_KEY"),
            secret_variable(env, "KRAKEN_API_SECRET"),
            otp_variable(env),
        )
        if key is not None or secret is not None:  # a pair, and its password, are never made of two
            found |= {"api_key": key, "api_secret": secret, "otp": otp}
        elif otp is not None:
            found["otp"] = otp
        name = variable(env, "KRAKEN_PROFILE")
        return cls(**found) if name is None else dataclasses.replace(cls.from_profile(name, env=env), **found)

    @classmethod
    def for_session(cls, chosen: Mapping[str, Any]) -> Settings:
        """Read the environment for a session with options of its own; ValueError names the variable that is wrong."""
        check_variables(chosen)
        return cls.from_env()

    @classmethod
    def from_profile(
        cls, name: str, path: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None
    ) -> Settings:
        """Read a profile; see profiles.py. Raises ValueError naming the file, the entry and the cure."""
        from kraken_async.profiles import profiles_file, read_profile

        profile = read_profile(name, profiles_file(env) if path is None else path)
        known = {each.name: getattr(profile, each.name) for each in dataclasses.fields(cls)}
        return cls(**{field: value for field, value in known.items() if value is not None})

    def options(self) -> dict[str, Any]:
        """Return what KrakenSession is to be given of it."""
        optional = {
            name: value
            for name in ("otp", "account", "nonce_unit", "timeout")
            if (value := getattr(self, name)) is not None
        }
        return {
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "tier": self.tier,
            "base_url": self.base_url,
            "state_dir": self.state_dir,
            "governor": None if self.governor else BurstGovernor.off(),
            **optional,
        }


def check_variables(chosen: Mapping[str, Any], env: Mapping[str, str] | None = None) -> None:
    """Raise ValueError, naming the variable, for a value that no session takes and that ``chosen`` does not replace."""
    for name, why in not_understood(env).items():
        if not any(option in chosen for option in _CHECKED[name][0]):
            raise ValueError(why)


def not_understood(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables whose values no session takes, each with what is wrong and its name."""
    found = {}
    for name, (_, check) in _CHECKED.items():
        value = variable(env, name)
        try:
            if value is not None:
                check(value)
        except ValueError as error:
            found[name] = f"{name}: {error}"
    return found


#: Variables whose values are checked: the options that go before each, and the check.
_CHECKED: Final[dict[str, tuple[tuple[str, ...], Callable[[str], object]]]] = {
    "KRAKEN_API_TIER": (("tier",), Tier.of),
    "KRAKEN_NONCE_UNIT": (("nonce_unit",), check_unit),
    "KRAKEN_API_URL": (("base_url", "plain_http"), check_url),
}


def store_from_env(
    state_dir: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None
) -> Store:
    """Return the store that KRAKEN_STORE names, or files in ``state_dir`` (None: KRAKEN_STATE_DIR, or the user's).

    What these do not say, the profile that KRAKEN_PROFILE names does.
    Raises ValueError for what names no store, and for two directories that contradict each other.
    """
    store, directory = variable(env, "KRAKEN_STORE"), state_dir or variable(env, "KRAKEN_STATE_DIR")
    name = variable(env, "KRAKEN_PROFILE")
    if name is not None:
        profile = Settings.from_profile(name, env=env)
        store, directory = store or profile.store, directory or profile.state_dir
    return store_of(store, directory)


def governor_wanted(env: Mapping[str, str] | None = None) -> bool:
    """Return False when KRAKEN_GOVERNOR says "off"."""
    value = (variable(env, "KRAKEN_GOVERNOR") or "").lower()
    if value in ("off", "0", "no", "false"):
        return False
    if value in ("", "on", "1", "yes", "true"):
        return True
    msg = f"KRAKEN_GOVERNOR is on or off, not {value!r}"
    raise ValueError(msg)
