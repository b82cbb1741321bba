"""What the emulator's two servers have in common: where they listen, and from when until when."""

from __future__ import annotations

import abc
import ipaddress
from typing import Self

from aiohttp import web


class Listening(abc.ABC):
    """Listens on ``url`` from `start` to `stop`, or while its ``async with`` block runs."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port: int = port
        self._runner: web.ServerRunner | None = None

    @abc.abstractmethod
    def _new_runner(self) -> web.ServerRunner:
        """Return a runner of the server."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> Self:
        """Begin to listen; port 0 becomes the free one that was found."""
        self._runner = runner = self._new_runner()
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except BaseException:
            await self.stop()
            raise
        self.port = runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Stop listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine and no other can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
