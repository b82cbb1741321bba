"""KrakenSession: options and the public methods. It opens and closes in lifetime.py, its parts stand in runtime.py."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from kraken_async.api.arguments import check_flag
from kraken_async.call import NEW
from kraken_async.calls import log_messages
from kraken_async.calls.order_methods import OrderMethods
from kraken_async.client import Client, converted
from kraken_async.credentials import surrounded
from kraken_async.errors import AuthenticationError, Outcome
from kraken_async.lifetime import Lifetime
from kraken_async.monitoring import statistics
from kraken_async.monitoring.metrics import Metrics
from kraken_async.settings import Config, Settings, check_names
from kraken_async.stores.base import Store
from kraken_async.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import Unpack

    from kraken_async.call import CallOptions
    from kraken_async.limits.budget import Budget
    from kraken_async.limits.governor import BurstGovernor
    from kraken_async.monitoring.metrics import Statistics
    from kraken_async.runtime import KeyRuntime
    from kraken_async.settings import AllSessionOptions, SessionOptions
    from kraken_async.trading.markets_cache import MarketsCache


class KrakenSession(Lifetime, Client, OrderMethods):
    """One API key's calls to Kraken, in order, from any number of tasks; other threads and processes share its state.

    Args:
        api_key, api_secret: the key pair; None for public calls only.
        base_url: scheme and host; plain http to loopback only, or to a host named in ``plain_http``.
        tier: Kraken's verification tier ("starter", "intermediate", "pro"); None: starter, said once.
        state_dir: where nonces and counters are kept; None: the user's state directory / "kraken-async".
        store: None for a FileStore in ``state_dir``; else a FileStore, MemoryStore or RedisStore.
        governor: None for a BurstGovernor of the tier.
        timeout: seconds for one exchange; None: 10 for reads, 30 for what changes something.
        nonce_unit: "ns"; "us" or "ms" for a key that must stay usable by clients of that unit.
        otp: the key's one-time password, or a function that gives the current one.
        http: the caller's aiohttp session (proxy, CA); it is not closed here.
        guard: sees every private call before it is queued; None refuses withdrawals and transfers.
        orders: what is done so that an order is placed at most once (OrderPolicy).
        retry: what may be repeated, and for how long (RetryPolicy).
        max_queued: how many calls may wait; None for any number.
        on_orphan: called with an Orphan when a write ends whose caller has left.
        on_settled: called with an Orphan when the outcome of an order is found out whose caller was told "unknown";
            None: ``on_orphan`` is.
        on_problem: called with a ProblemChange when one of ``stats().problems`` comes or goes.
        observers: called with a CallRecord when a private call has finished.
        account: sessions of one account share the matching engine's counters.
        cancel_patience: seconds after which a cancel overtakes a stalled call on a second connection.
        plain_http: hosts beyond loopback to which plain http is allowed.
        transport: an async function of a SignedRequest and seconds that returns a Response, instead of HTTP.
        checks: True: InvalidArguments, unsent, for a field or value that can only be a slip, a required field that is
            missing, an impossible combination; never for a cancel. "warn": only said. False: not looked at.

    Raises ValueError for arguments that cannot work, before anything is sent; NonceStoreError when it is opened.

    >>> async def main():
    ...     async with KrakenSession(api_key, api_secret) as client:
    ...         return await client.private("Balance")
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_secret: str | None = None,
        *,
        otp: str | Callable[[], str] | None = None,
        store: Store | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        check_names(options)
        try:
            config = Config.checked(api_key, api_secret, otp, **options)
        finally:
            del api_key, api_secret, otp  # a traceback with locals shows none of them
        if store is not None and not isinstance(store, Store):
            kind = type(store).__name__  # not its text, which may hold a password
            msg = f'store takes a FileStore, MemoryStore or RedisStore, such as RedisStore("redis://..."), not {kind}'
            raise ValueError(msg)
        super().__init__(config, store if store is not None else FileStore(config.state_dir))
        self._own_markets: MarketsCache | None = None

    @classmethod
    def from_env(cls, **options: Unpack[AllSessionOptions]) -> Self:
        """Return a session with the environment's key, tier, address and store; ``options`` go before.

        Reads KRAKEN_API_KEY, KRAKEN_API_SECRET, KRAKEN_API_OTP (or ``*_FILE``), KRAKEN_API_TIER, KRAKEN_API_URL,
        KRAKEN_STATE_DIR, KRAKEN_STORE (``file:/dir``, ``memory:``, ``redis://...``; see RedisStore), KRAKEN_NONCE_UNIT
        and KRAKEN_GOVERNOR ("off": holds nothing back). What these do not say, the profile that KRAKEN_PROFILE names
        does. Raises ValueError as the constructor does.
        """
        chosen: dict[str, Any] = {**options}
        del options
        return cls._with(surrounded(partial(Settings.for_session, chosen), chosen))

    @classmethod
    def from_profile(
        cls,
        name: str = "main",
        *,
        path: str | PathLike[str] | None = None,
        **options: Unpack[AllSessionOptions],
    ) -> Self:
        """Return a session with what a profile says of an account; ``options`` go before.

        Args:
            name: ``[profile.NAME]`` in a TOML file, with ``key_file`` (two lines: key, secret; or ``key`` and
                ``secret``), ``otp`` or ``otp_file``, ``tier``, ``account``, ``store``, ``state_dir``, ``base_url``,
                ``nonce_unit``, ``timeout``, ``governor`` ("off"). Paths are taken from where the file lies.
            path: the file; None: what KRAKEN_PROFILES names, else profiles.toml in the user's configuration directory.

        Raises ValueError naming the file, the entry and the cure.
        """
        chosen: dict[str, Any] = {**options}
        del options
        return cls._with(surrounded(partial(Settings.from_profile, name, path), chosen))

    @classmethod
    def _with(cls, chosen: dict[str, Any]) -> Self:
        try:
            return cls(**chosen)
        except BaseException:
            chosen.clear()  # as in the constructor: nothing for a traceback that shows locals
            raise

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new" if self._runtime is None else "open"
        return f"<KrakenSession {state}{'' if self._runtime is None else f', {self._runtime!r}'}>"

    @property
    def governor(self) -> BurstGovernor:
        """The governor, which holds bursts back; ``governor.enabled`` may be switched at any time."""
        return self._config.governor

    def _markets_cache(self) -> MarketsCache:
        from kraken_async.trading.markets_cache import MarketsCache, cache_of

        if self._config.transport is None:
            return cache_of(self._config.base_url)
        if self._own_markets is None:  # what another way out leads to is not known by an address
            self._own_markets = MarketsCache()
        return self._own_markets

    # -- asking ----------------------------------------------------------------------------------------------------

    async def _ask(self, options: CallOptions, name: str, fields: dict[str, Any]) -> Any:
        runtime = self._runtime
        if (
            runtime is None
            or self._closed
            or asyncio.get_running_loop() is not runtime.loop
            or not runtime.key
        ):
            key = await self._opened_key(f"{name} is a private call", name)
        else:
            key = runtime.key  # the short path, of every call but the first
        if options.account_id is not None:
            from kraken_async.api.wallets import of_wallet

            fields = of_wallet(name, fields, options.account_id)
        call = key.submission.enter(options, name, fields)
        if call.state is NEW:
            await key.submission.queue(call)
        try:
            result = await call.future
        except asyncio.CancelledError:
            key.ledger.abandon(call)
            raise
        return converted(result, name, options) if options.converts else result

    async def _ask_public(self, options: CallOptions, name: str, fields: dict[str, Any]) -> Any:
        runtime = await self._opened()
        result = await runtime.ask_public(name, fields, options)
        return converted(result, name, options) if options.converts else result

    async def halt(self, *, cancel: bool = True) -> Any:
        """Stop trading: waiting orders and changes fail unsent, CancelAll goes out, new ones are refused.

        CancelAll cancels all open orders of the *account*, protective stops too; ``cancel=False`` leaves them open.
        Holds in every process on the key, and over restarts, until :meth:`resume`. Returns CancelAll's result (None
        without it); raises KrakenError if it could not be done, with the halt in force all the same. Cancelled: the
        halt stays in force. Raises ValueError, with nothing stopped, for a ``cancel`` that is not True or False.
        """
        check_flag("cancel", cancel)
        key = await self._opened_key("halt() is about an API key")
        return await key.halt.stop((lambda: self.private("CancelAll")) if cancel else None)

    def resume(self) -> None:
        """Let orders go again: here at once, in the other processes on the key within a moment.

        Raises SessionClosed before the session is opened, and without a key.
        """
        self._open_key("resume()").halt.resume()

    # -- what is there while it is open ---------------------------------------------------------------------------

    async def _opened_key(self, what: str, endpoint: str | None = None) -> KeyRuntime:
        """Return the parts that belong to the API key. Raises AuthenticationError, "not sent", without one."""
        if self._config.signer is not None and (key := (await self._opened()).key) is not None:
            return key
        self._check_open()
        msg = f"{what}: give the session api_key and api_secret, or from_env() KRAKEN_API_KEY and KRAKEN_API_SECRET"
        raise AuthenticationError(msg, endpoint=endpoint, outcome=Outcome.NOT_SENT)

    async def drain(self) -> None:
        """Wait until every call that waits has been sent and answered. Cancelled: nothing changes."""
        if self._runtime is not None and self._runtime.key is not None:
            await self._runtime.key.ledger.idle()

    def _open_key(self, what: str) -> KeyRuntime:
        self._check_open()
        if self._runtime is None or self._runtime.key is None:
            raise log_messages.not_open(what)
        return self._runtime.key

    # -- what is known ---------------------------------------------------------------------------------------------

    def stats(self) -> Statistics:
        """Return one frozen snapshot of the session, its ``problems`` in plain sentences. Never waits.

        Zeros before the session is opened.
        """
        if self._runtime is None:
            return statistics.of_calls(Metrics(), self._config.governor, time.monotonic())
        return self._runtime.statistics()

    def budget(self) -> Budget:
        """Return how much of Kraken's counters is left, and when how much more may go. Never waits.

        Raises SessionClosed before the session is opened.
        """
        if self._runtime is None or self._runtime.key is None:
            raise log_messages.not_open("budget()")
        return self._runtime.key.stats.budget()

    async def _order_parts(self, what: str) -> KeyRuntime:
        return await self._opened_key(f"{what} is about an API key")

    def _order_parts_now(self) -> KeyRuntime | None:
        return None if self._runtime is None else self._runtime.key
