"""The configuration of an emulator that is served by itself: a TOML or JSON file, and the command's flags.

port = 8099
seed = 1
tier = "pro"
limits = true
jitter = [0.0, 0.005]

[behaviour]
volumes = "round"

[accounts.main.balances]
ZUSD = "10000"

[[keys]]
api_key = "my-key"
api_secret = "bXktc2VjcmV0"
permissions = ["query-funds", "modify-trades"]

[[pairs]]
name = "AAPLx/USD"
price = "230"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from . import control_actions
from .behaviour import Behaviour
from .delivery import Jitter
from .emulator import Emulator
from .given import flag, span
from .market import Market, market_of


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """Settings of an emulator and its servers.

    ``jitter`` is in seconds. ``control_port`` is None for no control API, 0 for a free port. ``accounts`` are
    objects with ``balances`` by their names; what is given replaces the money of the start. ``keys``, ``assets`` and
    ``pairs`` are objects with the options of `Emulator.add_key`, `add_asset` and `add_pair`; the first key is the
    one that is announced, and ``key_file`` may hold its name and its secret, a line each. ``market`` is one object
    for each pair whose price moves by itself.
    """

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int | None = 0
    control_token: str | None = field(default=None, repr=False)
    allow_remote: bool = False
    tier: str = "starter"
    limits: bool = False
    lockout: bool = False
    nonce_window: int = 0
    jitter: Jitter = (0.0, 0.0)
    seed: int | None = None
    history_limit: int | None = 10_000
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    accounts: Mapping[str, Any] = field(default_factory=dict)
    key_file: str | None = None
    keys: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    assets: tuple[Mapping[str, Any], ...] = ()
    pairs: tuple[Mapping[str, Any], ...] = ()
    market: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("allow_remote", "limits", "lockout"):
            flag(getattr(self, name), name)
        for name in ("port", "control_port"):
            port = getattr(self, name)
            if port is not None and not 0 <= port <= 65535:
                raise ValueError(f"{name} must be from 0 to 65535, not {port}")
        span(self.jitter, "jitter")

    @classmethod
    def read(cls, path: Path) -> EmulatorConfig:
        """Read a file: TOML, or JSON when its name ends so. ValueError names what is wrong in it."""
        try:
            text = path.read_text(encoding="utf-8")
            given = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        try:
            return cls.of(given)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> EmulatorConfig:
        """Return the configuration that these fields make."""
        options = control_actions.known(given, frozenset(each.name for each in fields(cls)))
        for name in ("jitter", "keys", "assets", "pairs", "market"):
            if name in options:
                options[name] = tuple(options[name])
        return cls(**options)

    def with_flags(self, flags: Mapping[str, Any]) -> EmulatorConfig:
        """Return the configuration with what a command line says, where it says anything."""
        return replace(self, **{name: value for name, value in flags.items() if value is not None})

    def emulator(self) -> Emulator:
        """Make the emulator. ValueError names what is wrong with the fields it is made from."""
        switches: dict[str, Any] = control_actions.known(self.behaviour, frozenset(Behaviour.names()))
        for name in ("open_delay", "closed_delay"):
            if name in switches:
                switches[name] = tuple(switches[name])
        first, *others = self.keys or ({},)
        if self.key_file is not None:
            first = {**first, **_read_key(Path(self.key_file))}
        if any(("api_key" in key) != ("api_secret" in key) for key in self.keys):
            raise ValueError("api_key and api_secret of a key are given both, or neither")
        emulator = Emulator(
            limits=self.limits,
            tier=self.tier,
            enforce_lockout=self.lockout,
            nonce_window=self.nonce_window,
            jitter=self.jitter,
            seed=self.seed,
            history_limit=self.history_limit,
            behaviour=Behaviour(**switches),
            keys=[(first["api_key"], first["api_secret"])] if "api_key" in first else None,
        )
        # The first key exists already; what else is said of it comes with the name and the secret that it got.
        pair = {"api_key": emulator.key.api_key, "api_secret": emulator.key.api_secret}
        keys = [{**first, **pair}, *map(dict, others)]
        emulator.prepare(lambda: self._prepare(emulator, keys))
        return emulator

    def _prepare(self, emulator: Emulator, keys: list[dict[str, Any]]) -> None:
        for asset in self.assets:
            control_actions.pairs(emulator, {"asset": asset})
        for pair in self.pairs:
            control_actions.pairs(emulator, pair)
        for name, account in self.accounts.items():
            given = control_actions.known(account, frozenset({"balances"}))
            body = {"account": name, "balances": given.get("balances", {}), "replace": True}
            control_actions.balances(emulator, body)
        for key in keys:
            control_actions.keys(emulator, key)

    def markets(self) -> list[Market]:
        """Return what moves prices. ValueError names what is wrong with it."""
        return [market_of(each, seed=self.seed) for each in self.market]


def _read_key(path: Path) -> dict[str, str]:
    """Return the key and the secret in a file, without naming them in any error."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {type(error).__name__}") from None
    if len(lines) != 2:
        raise ValueError(f"{path} must hold an API key and its secret, a line each")
    return {"api_key": lines[0], "api_secret": lines[1]}
