"""What a session takes from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCTION: Final = "https://api.kraken.com"


@dataclass(frozen=True, slots=True)
class Settings:
    """A session's surroundings. The key and the secret show in no repr."""

    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)
    tier: str | None = None
    base_url: str = PRODUCTION
    state_dir: str | None = None
    governor: bool = True

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read KRAKEN_API_KEY, KRAKEN_API_SECRET (or ``*_FILE``, naming a file that holds it), KRAKEN_API_TIER,
        KRAKEN_API_URL, KRAKEN_STATE_DIR and KRAKEN_GOVERNOR ("off" holds nothing back).

        Raises ValueError for a file that cannot be read and for a governor setting that is neither on nor off.
        """
        return cls(
            api_key=_secret(env, "KRAKEN_API_KEY"),
            api_secret=_secret(env, "KRAKEN_API_SECRET"),
            tier=_value(env, "KRAKEN_API_TIER"),
            base_url=_value(env, "KRAKEN_API_URL") or PRODUCTION,
            state_dir=_value(env, "KRAKEN_STATE_DIR"),
            governor=governor_wanted(env),
        )


def governor_wanted(env: Mapping[str, str] | None = None) -> bool:
    """Return False when KRAKEN_GOVERNOR says "off"."""
    value = (_value(env, "KRAKEN_GOVERNOR") or "").strip().lower()
    if value in ("off", "0", "no", "false"):
        return False
    if value in ("", "on", "1", "yes", "true"):
        return True
    msg = f"KRAKEN_GOVERNOR is on or off, not {value!r}"
    raise ValueError(msg)


def _value(env: Mapping[str, str] | None, name: str) -> str | None:
    # The environment itself is never a local of ours: a traceback that shows locals would show all of it.
    return (os.environ if env is None else env).get(name) or None


def _secret(env: Mapping[str, str] | None, name: str) -> str | None:
    value = _value(env, name)
    if value:
        return value.strip()
    path = _value(env, f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        msg = f"{name}_FILE names {path}, which cannot be read ({exc.__class__.__name__}): check path and permissions"
        raise ValueError(msg) from None
