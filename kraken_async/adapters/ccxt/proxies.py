"""ccxt's proxy options: refused where the session would pass them by in silence."""

from __future__ import annotations

from typing import Any, Final

from kraken_async.adapters.ccxt.errors import InvalidProxySettings

#: ccxt's names for a proxy.
OPTIONS: Final = (
    "proxy",
    "proxies",
    "aiohttp_proxy",
    *(
        f"{kind}{suffix}"
        for kind in ("proxyUrl", "httpProxy", "httpsProxy", "socksProxy")
        for suffix in ("", "Callback")
    ),
    *(
        f"{kind}{suffix}"
        for kind in ("proxy_url", "http_proxy", "https_proxy", "socks_proxy")
        for suffix in ("", "_callback")
    ),
)


def check_proxies(exchange: Any, proxied: bool) -> None:
    """Raise InvalidProxySettings, naming the option, where an exchange has a proxy and the session knows of none."""
    if proxied:
        return
    named = next((name for name in OPTIONS if getattr(exchange, name, None)), None)
    if named is None and getattr(getattr(exchange, "session", None), "proxies", None):
        named = "session.proxies"
    if named is not None:
        msg = (
            f"{exchange.id}: {named} is set in ccxt, and calls that go through a KrakenSession would pass it by. "
            "Name the proxy in HTTPS_PROXY, or give KrakenSession an aiohttp session that uses it, as http; then "
            "unset it here, or keep it for ccxt's own calls: attach(..., proxied=True)"
        )
        raise InvalidProxySettings(msg)
