"""Access: refuse requests that a foreign page makes in the operator's own browser. Pure.

The gateway answers to its own names only (a name that an attacker points at 127.0.0.1 is a foreign ``Host``), takes no
request that another page makes (``Origin``, ``Sec-Fetch-Site``), sets no cookie, and answers no CORS question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kraken_async.gateway.config import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a browser may do with the page: its own script and style, its own address, and nothing else.
PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


_MOST: Final = 64


class Access:
    """Judges a request by its headers. ``names``: further host names, of an operator's proxy. ``unix``: on a socket."""

    def __init__(self, names: tuple[str, ...] = (), *, unix: bool = False) -> None:
        self._names = frozenset(names)
        self._unix = unix
        self._known: dict[str, bool] = {}  # by Host as it is sent, for those that were judged before

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Return why the request may not come in; empty when it may."""
        host = headers.get("Host", "")
        known = self._known.get(host)
        if known is None:
            known = self._knows(host)
            if len(self._known) < _MOST:
                self._known[host] = known
        if not known:
            return "this Host is not the gateway's; allowed_hosts in its configuration names a proxy's"
        origin = headers.get("Origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return "this Origin is not the gateway's: it takes no requests of other pages"
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "a page of another site asks: it takes no requests of other pages"
        return ""

    def _knows(self, host: str) -> bool:
        name = _without_port(host).lower()
        if not name:
            return False
        if is_loopback(name) or name in self._names:
            return True
        # No browser reaches a unix socket, and clients there put any word that is no domain.
        return self._unix and "." not in name and ":" not in name


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and ("]" in name or ":" not in name):
        return name
    return host
