"""A key's description of itself, and a token made with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .venue import Call


def get_web_sockets_token(call: Call) -> Any:
    """GetWebSocketsToken: a token good for fifteen minutes (the emulator serves no WebSocket)."""
    return {"token": call.venue.ids.token(43), "expires": 900}


def get_api_key_info(call: Call) -> Any:
    """GetApiKeyInfo: among other things the highest nonce accepted, this call's own included."""
    key, settings, behaviour = call.key, call.key.settings, call.venue.behaviour
    created = str(int(key.created))
    shown = {
        "api_key_name": f"emulator-{call.account.name}",
        "api_key": key.pair.api_key,
        "nonce": str(key.nonce.highest),
        "nonce_window": str(key.nonce.window),
        "permissions": sorted(settings.permissions),
        "iban": "",
        "valid_until": str(int(settings.valid_until)),
        "query_from": str(int(settings.query_from)),
        "query_to": str(int(settings.query_to)),
        "created_time": created,
        "modified_time": created,
        "ip_allowlist": list(settings.ip_allowlist) or ([""] if behaviour.blank_ip_list else []),
        "last_used": None if key.last_used is None else str(int(key.last_used)),
    }
    if behaviour.key_info == "snake_case":
        return shown
    documented = {_camel(name): value for name, value in shown.items()}
    return {**documented, "nonceWindow": key.nonce.window, "ipAllowlist": list(settings.ip_allowlist)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "GetWebSocketsToken": get_web_sockets_token,
    "GetApiKeyInfo": get_api_key_info,
}
