"""Profiles: what is to be known of each account, by name, in one file.

[profile.main]
key_file = "kraken.key"       # two lines: the key, the secret; or key = "..." and secret = "..."
tier = "pro"
store = "file:/var/lib/bots"

The file is the one that KRAKEN_PROFILES names, else ``profiles.toml`` in the user's configuration directory. Paths in
it are taken from where it lies.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import platformdirs

from kraken_async.api.arguments import check_path
from kraken_async.api.endpoints import Tier
from kraken_async.credentials import OtpFile, clean, read_key_pair, variable, warn_if_exposed
from kraken_async.stores.base import check_unit

FILE: Final = "profiles.toml"
_SECRETS: Final = ("KRAKEN_API_KEY", "KRAKEN_API_SECRET", "KRAKEN_API_OTP")

_TEXTS: Final = (
    "key_file",
    "key",
    "secret",
    "otp",
    "otp_file",
    "tier",
    "account",
    "store",
    "state_dir",
    "base_url",
)
_FIELDS: Final[dict[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("nonce_unit",), str),
    "timeout": (int, float),
    "governor": (str, bool),
}


#: What is looked at where it is written, so that an error names the entry.
_VALUES: Final[dict[str, Callable[[str], object]]] = {"tier": Tier.of, "nonce_unit": check_unit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One account as a profile describes it. Key, secret, password and store show in no repr."""

    name: str
    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)
    otp: str | Callable[[], str] | None = field(default=None, repr=False)
    tier: str | None = None
    account: str | None = None
    store: str | None = field(default=None, repr=False)
    state_dir: str | None = None
    base_url: str | None = None
    nonce_unit: str | None = None
    timeout: float | None = None
    governor: bool = True


def profiles_file(env: Mapping[str, str] | None = None) -> Path:
    """Return where profiles are: what KRAKEN_PROFILES names, else the user's configuration directory."""
    named = (os.environ if env is None else env).get("KRAKEN_PROFILES")
    return Path(clean(named)) if named else Path(platformdirs.user_config_dir("kraken-async")) / FILE


def profile_names(path: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the names of the profiles in a file; None: `profiles_file`. Raises ValueError."""
    return list(_entries(profiles_file() if path is None else Path(path)))


def read_profile(name: str, path: str | os.PathLike[str] | None = None) -> Profile:
    """Return the profile ``name`` of the file at ``path``; None: `profiles_file`.

    Raises ValueError naming the file, the entry and the cure; it shows no secret.
    """
    if path is not None:
        check_path("path", path)
    file = profiles_file() if path is None else Path(path)
    try:
        entries = _entries(file).get(name)
        if entries is None:
            near = get_close_matches(name, _entries(file), n=1)
            hint = f": {near[0]!r}?" if near else f": add [profile.{name}]"
            msg = f"there is no profile {name!r}{hint}"
            raise ValueError(msg)
        if _holds_secrets(entries):
            warn_if_exposed(file)
        return _checked(name, entries, file.parent)
    except ValueError as error:
        why = str(error)
    finally:
        entries = None  # nothing for a traceback that shows locals
    msg = f"{file}: {why}"
    raise ValueError(msg)


def secret_files(env: Mapping[str, str] | None = None) -> list[Path]:
    """Return the files from which the environment takes a key, a secret or a password, as far as they can be read.

    Raises ValueError as `read_profile`.
    """
    named = [
        Path(path)
        for name in _SECRETS
        if variable(env, name) is None and (path := variable(env, f"{name}_FILE")) is not None
    ]
    profile = variable(env, "KRAKEN_PROFILE")
    if profile is None:
        return named
    file = profiles_file(env)
    entries = _entries(file).get(profile, {})
    kept = [entries[entry] for entry in ("key_file", "otp_file") if isinstance(entries.get(entry), str)]
    named += [_path(path, file.parent) for path in kept]
    return [*named, file] if _holds_secrets(entries) else named


def _holds_secrets(entries: Mapping[str, Any]) -> bool:
    return not {"key", "secret", "otp"}.isdisjoint(entries)


def _entries(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        msg = f"it cannot be read ({error.strerror}); KRAKEN_PROFILES names another file"
        raise ValueError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"it is not TOML: {error}"
        raise ValueError(msg) from None
    profiles = data.get("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        msg = "profiles are tables: [profile.main]"
        raise ValueError(msg)
    return profiles


def _checked(name: str, given: dict[str, Any], folder: Path) -> Profile:
    for entry, value in given.items():
        kind = _FIELDS.get(entry)
        if kind is None:
            near = get_close_matches(entry, _FIELDS, n=1)
            msg = f"[profile.{name}] has an unknown entry {entry!r}" + (f": {near[0]!r}?" if near else "")
            raise ValueError(msg)
        if not isinstance(value, kind):
            msg = (
                f"[profile.{name}] {entry} is a text"
                if kind is str
                else f"[profile.{name}] {entry} is of no use so"
            )
            raise ValueError(msg)
        if entry in _VALUES and isinstance(value, str):
            try:
                _VALUES[entry](value)
            except ValueError as error:
                msg = f"[profile.{name}] {entry}: {error}"
                raise ValueError(msg) from None
    key, secret = _key(name, given, folder)
    store, state_dir = given.get("store"), given.get("state_dir")
    return Profile(
        name=name,
        api_key=key,
        api_secret=secret,
        otp=_otp(name, given, folder),
        tier=given.get("tier"),
        account=given.get("account"),
        store=store,
        state_dir=None if state_dir is None else str(_path(state_dir, folder)),
        base_url=given.get("base_url"),
        nonce_unit=given.get("nonce_unit"),
        timeout=given.get("timeout"),
        governor=_governor(name, given.get("governor", True)),
    )


def _key(name: str, given: dict[str, Any], folder: Path) -> tuple[str | None, str | None]:
    if "key_file" in given:
        if "key" in given or "secret" in given:
            msg = f"[profile.{name}] has a key_file and a key: give one of them"
            raise ValueError(msg)
        return read_key_pair(_path(given["key_file"], folder), f"[profile.{name}] key_file")
    if ("key" in given) != ("secret" in given):
        msg = f"[profile.{name}] has one of key and secret: they go together"
        raise ValueError(msg)
    return (_value(name, given, "key"), _value(name, given, "secret")) if "key" in given else (None, None)


def _otp(name: str, given: dict[str, Any], folder: Path) -> str | Callable[[], str] | None:
    if "otp_file" in given:
        return OtpFile(_path(given["otp_file"], folder), f"[profile.{name}] otp_file")
    return _value(name, given, "otp") if "otp" in given else None


def _value(name: str, given: dict[str, Any], entry: str) -> str:
    value = clean(given[entry])
    if not value:
        msg = f"[profile.{name}] {entry} is empty: write the value into it, or leave the entry out"
        raise ValueError(msg)
    return value


def _governor(name: str, value: str | bool) -> bool:
    if value in (True, "on"):
        return True
    if value in (False, "off"):
        return False
    msg = f'[profile.{name}] governor is "on" or "off", not {value!r}'
    raise ValueError(msg)


def _path(text: str, folder: Path) -> Path:
    return folder.absolute() / Path(text).expanduser()
