"""The contenders: each opens a client on the stub and gives a function that makes one private Balance call.

Peers are used as their documentation shows, with their own rate limiters off. They are imported by name when they
are asked for, so that none of them is needed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
from yarl import URL

from benchmarks.floors import blocking, protocol
from benchmarks.plain import API_KEY, FORM, PATH, SECRET, Increasing, plain_signature
from benchmarks.progress import Progress

Call = Callable[[], Awaitable[Any]]
Opener = Callable[[str], AsyncIterator[Call]]


# ------------------------------------------------------------------ what is measured against


class HomeMade:
    """The usual home-made nonce manager: a lock, the clock, and the last nonce saved to a file every tenth time.

    The file is truncated and written, after the nonces were used: that is the algorithm, not a slip here.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._last, self._since = path, threading.Lock(), 0, 0

    def __call__(self) -> int:
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            self._since += 1
            if self._since >= 10:
                self._since = 0
                with self._path.open("w") as file:
                    json.dump({"last_nonce": self._last}, file)
            return self._last


@contextlib.asynccontextmanager
async def _hand_written(url: str, nonces: Callable[[], int]) -> AsyncIterator[Call]:
    """Yield what anybody would write by hand: nonce, sign, POST, decode."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:

        async def call() -> Any:
            nonce = str(nonces())
            body = f"nonce={nonce}"
            headers = {"API-Key": API_KEY, "API-Sign": plain_signature(nonce, body), "Content-Type": FORM}
            async with http.post(url + PATH, data=body, headers=headers) as answer:
                envelope = json.loads(await answer.read())
            if envelope["error"]:
                raise RuntimeError(envelope["error"])
            return envelope["result"]

        yield call


@contextlib.asynccontextmanager
async def plain(url: str) -> AsyncIterator[Call]:
    """The floor. Its gathered calls overtake each other: Kraken would refuse most of them."""
    async with _hand_written(url, Increasing()) as call:
        yield call


@contextlib.asynccontextmanager
async def locked(url: str) -> AsyncIterator[Call]:
    """The floor with its calls one at a time, as Kraken needs them."""
    lock = asyncio.Lock()
    async with _hand_written(url, Increasing()) as call:

        async def one_at_a_time() -> Any:
            async with lock:
                return await call()

        yield one_at_a_time


@contextlib.asynccontextmanager
async def home_made(url: str) -> AsyncIterator[Call]:
    """The floor with nonces from the usual home-made manager."""
    with tempfile.TemporaryDirectory() as folder:
        async with _hand_written(url, HomeMade(Path(folder, "nonce.json"))) as call:
            yield call


@contextlib.asynccontextmanager
async def tuned(url: str) -> AsyncIterator[Call]:
    """The floor tuned by somebody who has measured each piece: keyed HMAC, bytes, no ``async with``, fast JSON."""
    loads = import_module("orjson").loads
    nonces, lock, keyed = (
        Increasing(),
        asyncio.Lock(),
        hmac.new(base64.b64decode(SECRET), b"", hashlib.sha512),
    )
    path, timeout = PATH.encode(), aiohttp.ClientTimeout(total=30)
    address = URL(url + PATH)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:

        async def call() -> Any:
            async with lock:
                nonce = b"%d" % nonces()
                body = b"nonce=" + nonce
                mac = keyed.copy()
                mac.update(path + hashlib.sha256(nonce + body).digest())
                sign = base64.b64encode(mac.digest()).decode()
                headers = {"API-Key": API_KEY, "API-Sign": sign, "Content-Type": FORM}
                answer = await http.post(address, data=body, headers=headers)
                envelope = loads(await answer.read())
            if envelope["error"]:
                raise RuntimeError(envelope["error"])
            return envelope["result"]

        yield call


# ------------------------------------------------------------------ kraken_async


@contextlib.asynccontextmanager
async def ours(url: str) -> AsyncIterator[Call]:
    """kraken_async with its defaults (state on disk, shared with other processes), governor off."""
    async with _session(url) as call:
        yield call


@contextlib.asynccontextmanager
async def _session(url: str, **options: Any) -> AsyncIterator[Call]:
    from kraken_async import BurstGovernor, FileStore, KrakenSession

    logging.getLogger("kraken_async").setLevel(logging.ERROR)  # a temporary state directory is warned of
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(folder)
        async with KrakenSession(
            API_KEY, SECRET, base_url=url, governor=BurstGovernor.off(), store=store, **options
        ) as client:
            yield lambda: client.private("Balance")


@contextlib.asynccontextmanager
async def given(url: str) -> AsyncIterator[Call]:
    """The same over a session of the caller's, the one that the floor has."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as http, _session(url, http=http) as call:
        yield call


# ------------------------------------------------------------------ peers


@contextlib.asynccontextmanager
async def krakenex(url: str) -> AsyncIterator[Call]:
    """Synchronous: it can only be called one after the other."""
    api = import_module(PEERS["krakenex"]).API(API_KEY, SECRET)
    api.uri = url

    async def call() -> Any:
        return api.query_private("Balance")["result"]

    try:
        yield call
    finally:
        api.close()


@contextlib.asynccontextmanager
async def ccxt(url: str) -> AsyncIterator[Call]:
    """ccxt's asynchronous client, its limiter off."""
    settings = {"apiKey": API_KEY, "secret": SECRET, "enableRateLimit": False}
    exchange = import_module(PEERS["ccxt"]).kraken(settings)
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], url)
    try:
        yield exchange.private_post_balance
    finally:
        await exchange.close()


@contextlib.asynccontextmanager
async def sdk(url: str) -> AsyncIterator[Call]:
    """python-kraken-sdk's asynchronous client."""
    client = import_module(PEERS["python-kraken-sdk"]).SpotAsyncClient(key=API_KEY, secret=SECRET, url=url)
    try:
        yield lambda: client.request("POST", PATH)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def httpx(url: str) -> AsyncIterator[Call]:
    """Hand-written on httpx instead of aiohttp."""
    nonces = Increasing()
    async with import_module(PEERS["httpx"]).AsyncClient(timeout=30) as http:

        async def call() -> Any:
            nonce = str(nonces())
            body = f"nonce={nonce}"
            headers = {"API-Key": API_KEY, "API-Sign": plain_signature(nonce, body), "Content-Type": FORM}
            answer = await http.post(url + PATH, content=body, headers=headers)
            envelope = json.loads(answer.content)
            if envelope["error"]:
                raise RuntimeError(envelope["error"])
            return envelope["result"]

        yield call


# ------------------------------------------------------------------ the list

#: The library of the extra ``speed``.
FAST: Final = ("msgspec",)
#: Peers by name, and the module to import.
PEERS: Final = {
    "krakenex": "krakenex",
    "ccxt": "ccxt.async_support",
    "python-kraken-sdk": "kraken.spot",
    "httpx": "httpx",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A client that is measured, where all modules that it needs are installed."""

    name: str
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the modules it needs that are not installed."""
        return tuple(name for name in self.needs if find_spec(name.partition(".")[0]) is None)


PeerT = TypeVar("PeerT", bound=Peer)


def installed(peers: Iterable[PeerT], progress: Progress) -> list[PeerT]:
    """Return those that can be measured here, and say which are left out."""
    there = []
    for each in peers:
        if each.missing:
            progress.say(f"{each.name}: left out, {', '.join(each.missing)} is not installed")
        else:
            there.append(each)
    return there


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender(Peer):
    """One line of the tables: how its client is opened, in what kind of process."""

    opener: str
    without: tuple[str, ...] = ()  # modules that cannot be imported there
    most_queued: int = 1_000_000  # gathered calls it can be asked for in reasonable time

    @property
    def uvloop(self) -> bool:
        """Return whether its process runs on uvloop."""
        return "uvloop" in self.needs


FLOOR: Final = "plain aiohttp"
TWIN: Final = "plain aiohttp again"
LOCKED: Final = "plain aiohttp + asyncio.Lock"
OURS: Final = "kraken_async"
OURS_SPEED: Final = "kraken_async[speed]"
OURS_UVLOOP: Final = "kraken_async[speed] on uvloop"
OURS_GIVEN: Final = "kraken_async, http= of the caller's"

CONTENDERS: Final = (
    Contender(name=FLOOR, opener="plain"),
    Contender(name=TWIN, opener="plain"),
    Contender(name=LOCKED, opener="locked"),
    Contender(name="plain aiohttp + Lock, tuned by hand", opener="tuned", needs=("orjson",)),
    Contender(name="plain aiohttp on uvloop", opener="plain", needs=("uvloop",)),
    Contender(name=OURS, opener="ours", without=FAST),
    Contender(name=OURS_SPEED, opener="ours", needs=FAST),
    Contender(name="kraken_async on uvloop", opener="ours", without=FAST, needs=("uvloop",)),
    Contender(name=OURS_UVLOOP, opener="ours", needs=(*FAST, "uvloop")),
    Contender(name=OURS_GIVEN, opener="given", without=FAST),
    Contender(name="ccxt", opener="ccxt", needs=("ccxt",)),
    Contender(name="python-kraken-sdk", opener="sdk", needs=("kraken",)),
    Contender(name="home-made nonce manager", opener="home_made"),
    Contender(name="krakenex (synchronous)", opener="krakenex", needs=("krakenex",), most_queued=1),
    Contender(name="plain httpx", opener="httpx", needs=("httpx",), most_queued=1),
    Contender(name="one asyncio.Protocol by hand", opener="protocol", most_queued=1),
    Contender(name="a blocking socket by hand", opener="blocking", most_queued=1),
)
OPENERS: Final = {
    function.__name__: function
    for function in (
        plain,
        locked,
        tuned,
        home_made,
        ours,
        given,
        krakenex,
        ccxt,
        sdk,
        httpx,
        protocol,
        blocking,
    )
}
