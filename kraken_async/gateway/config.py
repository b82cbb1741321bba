"""The gateway's configuration: a TOML file, checked whole before anything is opened.

listen = "127.0.0.1:8810"              # or "unix:/run/kraken-async/gateway.sock"; port 0: any, printed
[accounts.main]
key_file = "kraken.key"                # two lines: key, secret; refused if others may read it
tier = "pro"
"""

from __future__ import annotations

import re
import stat
import sys
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kraken_async.api.endpoints import Tier
from kraken_async.problems import counted
from kraken_async.settings import PRODUCTION
from kraken_async.wire.base_url import may_be_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTEN: Final = "127.0.0.1:8810"
TOKENS: Final = "gateway-tokens.json"
AUDIT: Final = "gateway-audit.jsonl"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the gateway listens: ``host`` and ``port``, or the ``path`` of a unix socket."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    @classmethod
    def of(cls, text: object, folder: Path) -> Listen:
        """Read "host:port" or "unix:/path". Raises ValueError for what is not loopback or a unix socket."""
        if not isinstance(text, str):
            raise ValueError(f'listen is a text such as "{LISTEN}", not {text!r}')
        if text.startswith("unix:"):
            if sys.platform == "win32":  # pragma: no cover
                raise ValueError("there are no unix sockets on Windows: listen on 127.0.0.1")
            if not text[5:]:
                raise ValueError(
                    "listen names a unix socket without a path: unix:/run/kraken-async/gateway.sock"
                )
            return cls(path=folder / text[5:])
        host, _, port = text.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f'listen is "host:port" or "unix:/path", not {text!r}')
        if not is_loopback(host):
            raise ValueError(
                f"listen is loopback (127.0.0.1, ::1) or a unix socket, not {host}: let ssh -L, or a proxy of "
                "yours that checks who comes, reach it from elsewhere"
            )
        return cls(host=host.strip("[]"), port=int(port))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """One account: its key, and how its session is made. The key shows in no repr."""

    name: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    tier: str | None = None
    base_url: str = PRODUCTION
    store: str | None = None
    state_dir: Path | None = None
    governor: bool = True
    hold_pair_while_unknown: bool = False
    queue_timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """The whole file, at ``path``. ``folder`` is where it lies; paths in it are taken from there."""

    path: Path
    folder: Path
    listen: Listen
    accounts: tuple[AccountConfig, ...]
    tokens: Path
    audit: Path
    allowed_hosts: tuple[str, ...] = ()
    max_waiting: int = 4096
    max_waiting_per_token: int = 2048

    @classmethod
    def load(cls, path: Path) -> GatewayConfig:
        """Read and check the file at ``path``. Raises ValueError naming the file, the entry and the cure."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(
                f"{path} cannot be read: {error.strerror}. See docs/gateway.md for one"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not TOML: {error}") from None
        try:
            return cls._checked(data, path)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def _checked(cls, data: dict[str, Any], path: Path) -> GatewayConfig:
        folder = path.parent.absolute()
        numbers = {"max_waiting": int, "max_waiting_per_token": int}
        _known(data, ("listen", "accounts", "tokens", "audit", "allowed_hosts", *numbers), "")
        accounts = data.get("accounts")
        if not isinstance(accounts, dict) or not accounts:
            raise ValueError("there is no account: add [accounts.main] with a key_file")
        given: dict[str, Any] = {name: _number(data, name, 1) for name in numbers if name in data}
        return cls(
            path=path.absolute(),
            folder=folder,
            listen=Listen.of(data.get("listen", LISTEN), folder),
            accounts=tuple(_account(name, each, path) for name, each in accounts.items()),
            tokens=folder / _text(data, "tokens", TOKENS),
            audit=folder / _text(data, "audit", AUDIT),
            allowed_hosts=_hosts(data.get("allowed_hosts", [])),
            **given,
        )


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine, as a Host header or a configuration names it."""
    return may_be_loopback(host.strip("[]"))


def private_file(path: Path, what: str) -> None:
    """Raise ValueError if anybody but this user may read ``path``. Windows has no such bits to look at."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueError(f"{what} {path} cannot be read: {error.strerror}") from None
    if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
        raise ValueError(f"others may read or change {what} {path}: chmod 600 {path}")


_ACCOUNT: Final = (
    *("key_file", "key", "secret", "tier", "base_url", "store", "state_dir", "governor"),
    *("hold_pair_while_unknown", "queue_timeout"),
)


def _account(name: str, data: object, path: Path) -> AccountConfig:
    where = f"accounts.{name}"
    if not _NAME.fullmatch(name):
        raise ValueError(f"an account is named by letters, digits, dots and dashes, not {name!r}")
    if not isinstance(data, dict):
        raise ValueError(f"{where} is a table: [accounts.{name}]")
    _known(data, _ACCOUNT, f"{where}.")
    key, secret = _key_pair(where, data, path)
    tier = data.get("tier")
    Tier.of(tier)
    if type(data.get("hold_pair_while_unknown", False)) is not bool:
        raise ValueError(f"{where}.hold_pair_while_unknown is true or false")
    return AccountConfig(
        name=name,
        key=key,
        secret=secret,
        tier=tier,
        base_url=_text(data, "base_url", PRODUCTION),
        store=_text(data, "store", "") or None,
        state_dir=path.parent.absolute() / _text(data, "state_dir", "") if "state_dir" in data else None,
        governor=_governor(where, data.get("governor", "on")),
        hold_pair_while_unknown=data.get("hold_pair_while_unknown", False),
        queue_timeout=float(_number(data, "queue_timeout", 0.1)) if "queue_timeout" in data else 30.0,
    )


def _key_pair(where: str, data: dict[str, Any], path: Path) -> tuple[str, str]:
    if "key_file" in data:
        if "key" in data or "secret" in data:
            raise ValueError(f"{where}: give key_file, or key and secret, not both")
        return read_key_file(path.parent / _text(data, "key_file", ""))
    if not data.get("key") or not data.get("secret"):
        raise ValueError(f"{where} has no key: add key_file, naming a file of two lines, key and secret")
    if not is_loopback(urlsplit(_text(data, "base_url", PRODUCTION)).hostname or ""):
        # Of an emulator on this machine a key is no secret; everybody else's is.
        private_file(path, "the file with a key in it,")
    return _text(data, "key", ""), _text(data, "secret", "")


def read_key_file(path: Path) -> tuple[str, str]:
    """Return key and secret from a file of two lines. Raises ValueError, also if others may read it."""
    private_file(path, "the key file")
    try:
        lines = path.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"the key file {path} cannot be read as text") from None
    if len(lines) != 2:
        count = len(lines)
        del lines  # a traceback that shows locals shows none of it
        raise ValueError(
            f"the key file {path} has {counted(count, 'word')}: two lines, the key and the secret"
            if count
            else f"the key file {path} is empty: write the key and the secret into it, on a line each"
        ) from None
    return lines[0], lines[1]


def _governor(where: str, value: object) -> bool:
    if value not in ("on", "off"):
        raise ValueError(f'{where}.governor is "on" or "off", not {value!r}')
    return value == "on"


def _hosts(value: object) -> tuple[str, ...]:
    hosts = []
    for host in value if isinstance(value, list) else [value]:
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise ValueError(f"allowed_hosts is a list of names without a port, not {host!r} in it")
        hosts.append(host.lower())
    return tuple(hosts)


def _text(data: dict[str, Any], name: str, default: str) -> str:
    value = data.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text")
    return value


def _number(data: dict[str, Any], name: str, least: float) -> Any:
    value = data[name]
    if type(value) not in (int, float) or not least <= value < 10**6:
        raise ValueError(f"{name} is a number, {least:g} or more, not {value!r}")
    return value


def _known(data: Iterable[str], names: tuple[str, ...], where: str) -> None:
    for name in data:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f": {near[0]}?" if near else f"; there are {', '.join(names)}"
            raise ValueError(f"{where}{name} is not an entry{hint}")
