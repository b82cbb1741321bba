"""Addresses: where signed requests may be sent."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The beginning of Kraken's own paths, which is added to an address, and signed.
_OWN_PATH: Final = re.compile(r"/0(/(private|public)(/.*)?)?/*$")


def check_url(base_url: str, plain_http: Iterable[str] = ()) -> URL:
    """Return the parsed address. Raises ValueError unless it is https, or plain http to loopback or a named host."""
    try:
        url = URL(base_url)
    except (TypeError, ValueError) as exc:
        msg = f"base_url is not an address, such as https://api.kraken.com: {exc}"
        raise ValueError(msg) from None
    if url.scheme not in ("http", "https") or not url.host or url.user or url.query_string or url.fragment:
        msg = "base_url must be scheme and host, such as https://api.kraken.com, without user, query or fragment"
        raise ValueError(msg)
    if (own := _OWN_PATH.search(url.path)) is not None:
        msg = f"base_url ends before Kraken's own path: leave out {own[0]}"
        raise ValueError(msg)
    if url.scheme == "http" and not may_be_loopback(url.host) and url.host not in tuple(plain_http):
        msg = f"plain http to {url.host} would send your key in clear: use https, or name the host in plain_http"
        raise ValueError(msg)
    return url


def may_be_loopback(host: str) -> bool:
    """Return whether a host is loopback, or "localhost": of that name the address decides, once it is connected."""
    return host == "localhost" or is_loopback(host)


def is_loopback(address: str) -> bool:
    """Return whether an address is loopback. A name is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or (mapped is not None and mapped.is_loopback)
