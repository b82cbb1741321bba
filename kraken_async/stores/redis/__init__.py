"""RedisStore: one API key used from several hosts, through a Redis or Valkey server.

What protects what:

1. The *turn* is a lease on a ticket, renewed while it is held. A holder that dies loses it when the lease
   runs out, one that stalls for longer may be overtaken. Tickets are served first come first served;
   waiters block on a list and do not poll.
2. *The nonce is the fencing token.* A holder that stalled past its lease between taking its nonce and
   sending it delivers a nonce lower than the one its successor took, and Kraken refuses it: no effect, and
   InvalidNonce heals by itself. A holder that stalled before it took its nonce is found out by the script,
   which takes none; it then waits in line again.
3. One script compares the generation, raises the nonce and writes the counters, or does nothing. A nonce is
   above the stored one, above every nonce this caller knows of, and not below the caller's and the server's clock.
4. State may be lost: the server comes back empty, or from disk without the last second, or an older replica
   is promoted. Every caller sends the last nonce it knows of, so none goes below its own. And the script
   notices a server process that has not seen the key (its run_id): once, it adds 5 s to both clocks and
   some increments to what is stored. So a caller that knows of no nonce is safe too, if the nonces were on
   the clock (no jump was lost) and all clocks agree within 5 s. Otherwise its first nonces may be refused,
   without effect, and heal.
5. A caller whose copy of the shared state is newer than the server's writes it back: a halt, a lockout, a
   recalled order outlive the server as long as one session lives. The call counter is unknown then, unless
   the copy is fresh.
6. Unreachable: calls fail with NonceStoreError after the timeout. Cancels go out with a nonce above all
   that this caller knows of, moved on with the time since; what they charged is written back later.
"""

from __future__ import annotations

import math
import time
from typing import Any

from kraken_async.api.arguments import check_text, number_of
from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import Reservation, Store
from kraken_async.stores.redis.address import address_of
from kraken_async.stores.redis.key import GIVEN, RedisKey

__all__ = ["RedisKey", "RedisStore"]


class RedisStore(Store):
    """Shares keys between hosts by a Redis (6 or later) or Valkey server; needs the ``[redis]`` extra.

    ``url``: ``redis://[user:password@]host:6379/0``, ``rediss://`` for TLS, ``unix:///path``;
    ``redis+sentinel://host:26379,host2/name/0`` and ``redis+cluster://host:7000,host2/`` (``rediss+...`` for TLS).
    ``client``: instead, a ``redis.asyncio`` client of the caller's (Redis, RedisCluster, a Sentinel's ``master_for``),
    of the loop in which the sessions run. It is not closed here, and must allow two connections for each session.
    ``prefix``: what the names of its keys on the server begin with.
    ``lease``: seconds after which a holder of the turn that is not heard of loses it: longer than the event
    loop is ever blocked, shorter than you want to wait for a host that died.
    ``timeout``: seconds that a call waits for the server before it fails with NonceStoreError.

    Durability is the server's. ``appendfsync always``: a nonce is on its disk before it is used.
    ``everysec``: a crash of its host may lose the last two seconds; snapshots, or none: all since the last
    one. A promoted replica may lack the newest writes, and evictions (``maxmemory`` without ``noeviction``)
    lose any. Nonces then go on from the clocks plus 5 s and from what living callers know; the module's
    head says what that proves. ``durable`` of a key is true while the server answers and keeps something
    over a restart, as far as it lets us see.
    """

    place: str = ""

    def __init__(
        self,
        url: str | None = None,
        *,
        client: Any = None,
        prefix: str = "kraken_async",
        lease: float = 5.0,
        timeout: float = 2.0,
    ) -> None:
        if (url is None) == (client is None):
            del url
            raise ValueError("RedisStore takes either a url or a client")
        try:
            self._address = None if url is None else address_of(url)
        finally:
            del url  # for the same reason as there
        check_text("prefix", prefix, "kraken_async")
        self._client = client
        self.place = GIVEN if self._address is None else self._address.place
        for name, value in (("lease", lease), ("timeout", timeout)):
            if not 0.05 <= number_of(value) < math.inf:
                raise ValueError(f"{name} must be at least 0.05 s, not {value!r}")
        self._prefix, self._lease, self._timeout = prefix, lease, timeout

    def __repr__(self) -> str:
        return f"RedisStore({self.place!r})"

    def key(self, name: str, unit: str) -> RedisKey:
        """Return a session's hold on the key called ``name``. Connects in ``open()``, not here."""
        full = f"{self._prefix}:{name}"
        return RedisKey(
            self._address, full, unit, lease=self._lease, timeout=self._timeout, client=self._client
        )

    def reserve(self, name: str, unit: str) -> Reservation:
        """Raise NonceStoreError: a NonceSource is synchronous, its blocks would overtake each other."""
        raise NonceStoreError(
            f"{self.place}: a NonceSource cannot draw from Redis: give it a FileStore (one host), "
            "or use KrakenSession(store=RedisStore(...))"
        )

    async def sessions(self, name: str) -> list[bytes]:
        """Return what the living sessions on the key called ``name`` last said of themselves (JSON), from any host.

        Raises NonceStoreError.
        """
        key = self.key(name, "ns")
        await key.open(time.monotonic)
        try:
            return await key.sessions()
        finally:
            await key.close()
