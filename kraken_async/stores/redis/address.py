"""Where a Redis or Valkey deployment is, from its URL: one server, Sentinel, or a cluster.

    redis://[user:password@]host:6379/0                        rediss:// for TLS, unix:///path for a socket
    redis+sentinel://[user:password@]host:26379,host2/name/0   rediss+sentinel:// for TLS
    redis+cluster://[user:password@]host:7000,host2/           rediss+cluster:// for TLS

User and password are those of the servers. Sentinels that ask for their own get them by
``?sentinel_username=...&sentinel_password=...``. Further options after ``?`` are redis-py's (``ssl_ca_certs=...``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from kraken_async.errors import NonceStoreError

#: Default ports: of a server, of a sentinel.
PORT: Final = 6379
SENTINEL_PORT: Final = 26379

_WRONG: Final = (
    "not a Redis URL: redis://host:6379/0, rediss://... for TLS, unix:///path, "
    "redis+sentinel://host:26379,host2/name/0 or redis+cluster://host:7000,host2/; "
    "percent-encode special characters in the password"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the servers are. Keeps the URL, with its password, out of reprs and of printed locals."""

    place: str  # for people: without user, password and options
    kind: str  # "single", "sentinel" or "cluster"
    url: str = field(repr=False)  # of one server, as redis-py reads it
    hosts: tuple[tuple[str, int], ...] = ()  # the sentinels, or nodes of the cluster
    service: str = ""  # by which name the sentinels know the servers
    sentinel_options: dict[str, str] = field(default_factory=dict, repr=False)


def address_of(url: object) -> Address:
    """Read a URL. Raises ValueError, which quotes nothing of one that cannot be read."""
    try:
        found = _read(url) if isinstance(url, str) else None
    except ValueError:
        found = None
    if found is None:
        del url  # a traceback that prints locals must not print the password
        raise ValueError(_WRONG)
    return found


def _read(url: str) -> Address | None:
    # From Python 3.14 on, urlsplit takes no list of hosts with an IPv6 address in it: it is given none.
    start = url.find("://") + 3
    netloc = re.split(r"[/?#]", url[start:], maxsplit=1)[0] if start > 2 else ""
    several = "," in netloc.rpartition("@")[2]
    parts = urlsplit(f"{url[:start]}hosts{url[start + len(netloc) :]}" if several else url)
    scheme, _, kind = parts.scheme.partition("+")
    if parts.scheme == "unix":
        return Address(f"unix://{parts.path}", "single", url) if parts.path else None
    if scheme not in ("redis", "rediss") or kind not in ("", "sentinel", "cluster"):
        return None
    if not kind:
        host, port = parts.hostname or "localhost", parts.port or PORT
        return Address(f"{scheme}://{_shown(host)}:{port}/{parts.path.strip('/') or 0}", "single", url)
    who, at, where = (netloc if several else parts.netloc).rpartition("@")
    hosts = tuple(_host(each, SENTINEL_PORT if kind == "sentinel" else PORT) for each in where.split(","))
    service, _, database = parts.path.strip("/").partition("/")
    if kind == "cluster":
        if service:
            return None  # a cluster has one database
    elif not service or (database and not database.isdigit()):
        return None
    query = dict(parse_qsl(parts.query))
    own = {
        name: query.pop(f"sentinel_{name}")
        for name in ("username", "password")
        if f"sentinel_{name}" in query
    }
    options = f"?{urlencode(query)}" if query else ""
    one = f"{scheme}://{who}{at}{_shown(hosts[0][0])}:{hosts[0][1]}/{database or 0}{options}"
    shown = ",".join(f"{_shown(host)}:{port}" for host, port in hosts)
    place = f"{parts.scheme}://{shown}/" + (f"{service}/{database or 0}" if kind == "sentinel" else "")
    return Address(place, kind, one, hosts, service, own)


def _host(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, parts.port or default


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def client_of(address: Address, timeout: float) -> Any:
    """Return a client that is not connected yet.

    Raises NonceStoreError: no redis package, or an option in the URL that it does not take.
    """
    try:
        return _client(address, timeout)
    except ImportError:
        trouble = "RedisStore needs the redis package, the extra [redis]: pip install 'redis>=5.2'"
    except (TypeError, ValueError) as error:
        trouble = f"{address.place}: the URL has an option that redis-py does not take ({error})"
    # Raised outside of `except`: the frames that a traceback would drag along hold the password.
    raise NonceStoreError(trouble)


def _client(address: Address, timeout: float) -> Any:
    from redis.asyncio.connection import SSLConnection, parse_url
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    options: dict[str, Any] = dict(parse_url(address.url))
    # Ours come last: an option in the URL must not undo the bounds, nor turn answers into text. RESP2: no
    # push messages, and no HELLO that old servers refuse.
    bounds = {"socket_timeout": None, "socket_connect_timeout": timeout, "retry": Retry(NoBackoff(), 0)}
    options.update(protocol=2, decode_responses=False, **bounds)
    if address.kind == "single":
        return _single(options)
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    for name in ("host", "port"):
        options.pop(name, None)
    if address.kind == "cluster":
        return _cluster(address, {**options, "retry": Retry(NoBackoff(), 1)})
    # One sentinel that stands still leaves time to ask another.
    own = {**bounds, "socket_timeout": timeout / 2, "socket_connect_timeout": timeout / 2, "protocol": 2}
    return _sentinel(address, options, {**address.sentinel_options, **own})


def _single(options: dict[str, Any]) -> Any:
    from redis.asyncio import Redis
    from redis.asyncio.connection import ConnectionPool

    pool = ConnectionPool(**options)
    pool.make_connection()  # connects to nothing, but finds a wrong option
    return Redis.from_pool(pool)


def _sentinel(address: Address, options: dict[str, Any], own: dict[str, Any]) -> Any:
    from kraken_async.stores.redis.sentinel import OrderlySentinel

    if options.get("ssl"):
        own |= {name: value for name, value in options.items() if name.startswith("ssl")}
    sentinel = OrderlySentinel(list(address.hosts), sentinel_kwargs=own, **options)
    return sentinel.master_for(address.service)


def _cluster(address: Address, options: dict[str, Any]) -> Any:
    from redis.asyncio.cluster import ClusterNode, RedisCluster

    options.pop("db", None)
    return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in address.hosts], **options)
