"""The way to a Redis server: commands bounded in time, one NonceStoreError for all failures, no credential in texts.

redis-py's own retries are off: it would send a script again after a lost answer for as long as it likes.
Here a command that may wait is tried again, on a fresh connection, until its time is up; one that may not
wait is tried once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections import deque
from typing import Any, Final

from kraken_async.errors import NonceStoreError
from kraken_async.stores.redis.script import LUA

SHA: Final = hashlib.sha1(LUA.encode(), usedforsecurity=False).hexdigest()  # how Redis names a script
#: The pause before another try, doubled up to the second value; seconds.
PAUSES: Final = (0.01, 0.2)
#: How many connections are remembered: more than one client has at a time.
MOST_MADE: Final = 64


def as_bytes(reply: Any) -> Any:
    """Return a reply as redis-py gives it without ``decode_responses``: a caller's client may have that set."""
    if isinstance(reply, str):
        return reply.encode()
    return [as_bytes(each) for each in reply] if isinstance(reply, list) else reply


def fields_of(reply: Any) -> Any:
    """Return the script's answer; what it gave as lines of one text is a list."""
    found = as_bytes(reply)
    return found.split(b"\n") if isinstance(found, bytes) and b"\n" in found else found


class Link:
    """One session's connections to the servers: one for commands, another one while it waits for the turn.

    ``owned``: the client is closed with the link. Else it is the caller's.
    """

    def __init__(
        self, client: Any, place: str, keys: list[str], timeout: float, *, owned: bool = True
    ) -> None:
        self.place = place
        self.timeout = timeout
        self.counts: dict[str, int] = {"round_trips": 0, "failures": 0, "scripts_loaded": 0}
        self._client = client
        self._owned = owned
        self._keys = [key.encode() for key in keys]  # once, and not for each command
        self._pid = os.getpid()
        self._closed = False
        self._made: deque[Any] = deque(maxlen=MOST_MADE)
        if owned:
            self._remember_connections()

    def __repr__(self) -> str:
        return f"<Link to {self.place}>"

    async def run(self, op: str, *args: object, limit: float | None = None, again: bool = True) -> Any:
        """Run one operation of the script within ``limit`` seconds (None: the timeout).

        ``again``: try again until then. An attempt whose answer was lost may have been carried out.
        Raises NonceStoreError.
        """
        from redis.exceptions import RedisClusterException, RedisError

        self.check()
        loop = asyncio.get_running_loop()
        limit = self.timeout if limit is None else limit
        end, pause = loop.time() + limit, PAUSES[0]
        while True:
            try:
                async with asyncio.timeout_at(min(end, loop.time() + self.timeout)):
                    return await self._evaluate(op, args)
            except (RedisError, RedisClusterException, OSError) as error:
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
            return fields_of(await self._client.execute_command("EVALSHA", SHA, *rest))
        except NoScriptError:
            # The server was restarted, failed over or told SCRIPT FLUSH. EVAL stores the script as it runs it.
            self.counts["round_trips"] += 1
            self.counts["scripts_loaded"] += 1
        except ReadOnlyError:
            # The primary was made a replica: the next try asks the resolver where the primary is now.
            if (pool := getattr(self._client, "connection_pool", None)) is not None:
                await pool.disconnect(inuse_connections=False)
            raise
        return fields_of(await self._client.execute_command("EVAL", LUA, *rest))

    async def wait(self, key: str, seconds: float) -> bytes | None:
        """Wait for an element on the list ``key``. None: time is up, or the connection broke."""
        from redis.exceptions import RedisClusterException, RedisError

        self.check()
        self.counts["round_trips"] += 1
        try:
            async with asyncio.timeout(seconds + self.timeout):
                answer = await self._client.execute_command("BLPOP", key, f"{seconds:.3f}")
                return None if answer is None else bytes(as_bytes(answer[1]))
        except (RedisError, RedisClusterException, OSError) as error:
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
                where = self._node()
                found.update(await self._client.info(**where))
                found["save"] = (await self._client.config_get("save", **where))["save"]
        return found

    def _node(self) -> dict[str, Any]:
        """Return which node of a cluster has the key's state, as arguments for a command about a server."""
        find = getattr(self._client, "get_node_from_key", None)
        return {} if find is None else {"target_nodes": find(self._keys[0])}

    async def close(self, patience: float) -> None:
        """Drop every connection within ``patience`` seconds, if they are ours. Never raises, but for a cancellation."""
        self._closed = True
        if not self._owned:
            return
        try:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(patience):
                    await self._client.aclose()
        finally:
            for connection in tuple(self._made):
                with contextlib.suppress(Exception):
                    await connection.disconnect(nowait=True)  # waits for nothing
            self._made.clear()

    def _pools(self) -> list[Any]:
        """Return what makes connections: pools, or the first nodes of a cluster."""
        pool = getattr(self._client, "connection_pool", None)
        if pool is None:
            return list(self._client.nodes_manager.startup_nodes.values())
        sentinels = getattr(getattr(pool, "sentinel_manager", None), "sentinels", ())
        return [pool, *(each.connection_pool for each in sentinels)]

    def _remember_connections(self) -> None:
        """Keep each connection that is made, the latest at least, until it is closed.

        redis-py loses connections of cancelled commands: closing its client leaves those open.
        """
        pools = self._pools()
        for pool in pools:
            pool.connection_class = self._remembered(pool.connection_class)
        if (options := getattr(self._client, "connection_kwargs", None)) is not None:
            options["connection_class"] = pools[0].connection_class  # of the nodes that a cluster will name

    def _remembered(self, kind: type[Any]) -> type[Any]:
        made = self._made

        class Remembered(kind):  # type: ignore[misc]  # known at run time alone
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                made.append(self)

        return Remembered

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
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return (
                f"the server's certificate is not trusted ({text}): name its authority by ?ssl_ca_certs= in the URL",
                True,
            )
        if isinstance(error, library.ReadOnlyError):
            return "a read-only replica answered: point the URL at the primary", False
        cluster = library.ClusterError | library.RedisClusterException
        if isinstance(error, library.ConnectionError | OSError | cluster):
            return f"unreachable ({text}): check that the server runs and the URL is right", False
        if text.startswith("OOM"):
            return "the server is out of memory: raise its maxmemory; noeviction is the policy to use", True
        if text.startswith("MISCONF"):
            return "the server cannot write to its disk and refuses changes: free its disk", True
        if text.startswith("MOVED"):
            return "a Redis Cluster: give its nodes as redis+cluster://host:7000,host2/", True
        return f"the server refused ({text}): see its log", True

    def _scrub(self, text: str) -> str:
        pool = getattr(self._client, "connection_pool", None)
        options = getattr(self._client, "connection_kwargs", {}) if pool is None else pool.connection_kwargs
        for name in ("password", "username"):
            if options.get(name):
                text = text.replace(str(options[name]), "***")
        return text
