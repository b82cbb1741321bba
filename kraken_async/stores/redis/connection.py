"""The way to a Redis server: every command bounded in time, every failure one NonceStoreError, no
credential in any text.

redis-py's own retries are off: it would send a script again after a lost answer for as long as it likes.
Here a command that may wait is tried again, on a fresh connection, until its time is up; one that may not
wait is tried once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from kraken_async.errors import NonceStoreError
from kraken_async.stores.redis.script import LUA

SHA: Final = hashlib.sha1(LUA.encode(), usedforsecurity=False).hexdigest()  # how Redis names a script
#: The pause before another try, doubled up to the second value; seconds.
PAUSES: Final = (0.01, 0.2)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is. Keeps the URL, with its password, out of reprs and of printed locals."""

    place: str
    url: str = field(repr=False)


def address_of(url: str) -> Address:
    """Read a URL. Raises ValueError, which quotes nothing of one that cannot be read."""
    place = _place(url)
    if place is None:
        del url  # a traceback that prints locals must not print the password
        raise ValueError(
            "not a Redis URL: redis://host:6379/0, rediss://... for TLS, or unix:///path; "
            "percent-encode special characters in the password"
        )
    return Address(place, url)


def _place(url: str) -> str | None:
    """Return ``url`` without user, password and query; None if it is no Redis URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "localhost", parts.port or 6379
    except ValueError:
        return None
    if parts.scheme == "unix" and parts.path:
        return f"unix://{parts.path}"
    if parts.scheme not in ("redis", "rediss"):
        return None
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port}/{parts.path.strip('/') or 0}"


def client_of(address: Address, timeout: float) -> Any:
    """Return a client that is not connected yet.

    Raises NonceStoreError: no redis package, or an option in the URL that it does not take.
    """
    try:
        return _client(address, timeout)
    except ImportError:
        trouble = "RedisStore needs the redis package: pip install 'kraken-async[redis]'"
    except (TypeError, ValueError) as error:
        trouble = f"{address.place}: the URL has an option that redis-py does not take ({error})"
    # Raised outside of `except`: the frames that a traceback would drag along hold the password.
    raise NonceStoreError(trouble)


def _client(address: Address, timeout: float) -> Any:
    from redis.asyncio import Redis
    from redis.asyncio.connection import ConnectionPool, parse_url
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    options: dict[str, Any] = dict(parse_url(address.url))
    # Ours come last: an option in the URL must not undo the bounds, nor turn answers into text. RESP2: no
    # push messages, and no HELLO that old servers refuse.
    options.update(
        protocol=2,
        decode_responses=False,
        socket_timeout=None,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )
    pool = ConnectionPool(**options)
    pool.make_connection()  # connects to nothing, but finds a wrong option
    return Redis.from_pool(pool)


class Link:
    """One session's connections to the server: one for commands, another one while it waits for the turn."""

    def __init__(self, client: Any, place: str, keys: list[str], timeout: float) -> None:
        self.place = place
        self.timeout = timeout
        self.counts = {"round_trips": 0, "failures": 0, "scripts_loaded": 0}
        self._client = client
        self._keys = keys
        self._pid = os.getpid()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Link to {self.place}>"

    async def run(self, op: str, *args: object, limit: float | None = None, again: bool = True) -> Any:
        """Run one operation of the script within ``limit`` seconds (None: the timeout).

        ``again``: try again until then. An attempt whose answer was lost may have been carried out.
        Raises NonceStoreError.
        """
        from redis.exceptions import RedisError

        self.check()
        loop = asyncio.get_running_loop()
        limit = self.timeout if limit is None else limit
        end, pause = loop.time() + limit, PAUSES[0]
        while True:
            try:
                async with asyncio.timeout_at(min(end, loop.time() + self.timeout)):
                    return await self._evaluate(op, args)
            except (RedisError, OSError) as error:
                trouble, final = self._read(error, limit)
            if final or not again or self._closed or loop.time() + pause >= end:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSES[1])
        # Raised outside of `except`: redis-py's frames, which a traceback would drag along, hold the password.
        self.counts["failures"] += 1
        raise NonceStoreError(f"{self.place}: {trouble}")

    async def _evaluate(self, op: str, args: tuple[object, ...]) -> Any:
        from redis.exceptions import NoScriptError, ReadOnlyError

        rest = (len(self._keys), *self._keys, op, *args)
        self.counts["round_trips"] += 1
        try:
            return await self._client.execute_command("EVALSHA", SHA, *rest)
        except NoScriptError:
            # The server was restarted, failed over or told SCRIPT FLUSH. EVAL stores the script as it runs it.
            self.counts["round_trips"] += 1
            self.counts["scripts_loaded"] += 1
        except ReadOnlyError:
            # The primary was made a replica: the next try asks the resolver where the primary is now.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            raise
        return await self._client.execute_command("EVAL", LUA, *rest)

    async def wait(self, key: str, seconds: float) -> bytes | None:
        """Wait for an element on the list ``key``. None: time is up, or the connection broke."""
        from redis.exceptions import RedisError

        self.check()
        self.counts["round_trips"] += 1
        try:
            async with asyncio.timeout(seconds + self.timeout):
                answer = await self._client.execute_command("BLPOP", key, f"{seconds:.3f}")
                return None if answer is None else bytes(answer[1])
        except (RedisError, OSError) as error:
            trouble, final = self._read(error, seconds)
        if final:
            self.counts["failures"] += 1
            raise NonceStoreError(f"{self.place}: {trouble}")
        await asyncio.sleep(PAUSES[0])  # a server that drops us at once must not make this a busy loop
        return None

    async def info(self) -> dict[str, Any]:
        """Return INFO and the `save` setting, as far as the server lets us see them."""
        found: dict[str, Any] = {}
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self.timeout):
                found.update(await self._client.info())
                found["save"] = (await self._client.config_get("save"))["save"]
        return found

    async def close(self) -> None:
        """Drop every connection. Never raises, but for a cancellation."""
        self._closed = True
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self.timeout):
                await self._client.aclose()

    def check(self) -> None:
        """Raise NonceStoreError after close() and in a forked child."""
        if self._closed:
            raise NonceStoreError(f"{self.place}: closed")
        if self._pid != os.getpid():
            raise NonceStoreError(
                f"{self.place}: opened before a fork, and its connections are the parent's: "
                "open a session of the child's own"
            )

    def _read(self, error: Exception, limit: float) -> tuple[str, bool]:
        """Return what ``error`` says, with the cure, and whether trying again is useless."""
        from redis import exceptions as library

        if isinstance(error, TimeoutError | library.TimeoutError):
            return f"no answer in {limit:.1f} s: check server and network, or raise `timeout`", False
        text = self._scrub(str(error))
        # redis-py 8 turns an AuthenticationError while connecting into a plain ConnectionError.
        denied = isinstance(error, library.AuthenticationError | library.NoPermissionError)
        if denied or "password" in text or "Authentication" in text:
            return f"access refused ({text}): check user and password in the URL, and the user's ACL", True
        if isinstance(error, library.ReadOnlyError):
            return "a read-only replica answered: point the URL at the primary", False
        if isinstance(error, library.ConnectionError | OSError):
            return f"unreachable ({text}): check that the server runs and the URL is right", False
        if text.startswith("OOM"):
            return "the server is out of memory: raise its maxmemory; noeviction is the policy to use", True
        if text.startswith("MISCONF"):
            return "the server cannot write to its disk and refuses changes: free its disk", True
        if text.startswith("MOVED"):
            return "a Redis Cluster, which RedisStore does not speak: use a single primary", True
        return f"the server refused ({text}): see its log", True

    def _scrub(self, text: str) -> str:
        options = self._client.connection_pool.connection_kwargs
        for name in ("password", "username"):
            if options.get(name):
                text = text.replace(str(options[name]), "***")
        return text
