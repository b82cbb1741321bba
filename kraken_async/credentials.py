"""Keys, secrets and one-time passwords as people keep them: variables and files, with what editors and shells add."""

from __future__ import annotations

import logging
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import AuthenticationError, Outcome
from kraken_async.problems import counted
from kraken_async.stores.url import store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log: logging.Logger = logging.getLogger("kraken_async")

_QUOTES: Final = ('"', "'")
_EMPTY_PASSWORD: Final = "is empty: write the password into it, or name no file if the key has none"
_EMPTY_PAIR: Final = "is empty: write the key and the secret into it, on a line each"


def clean(text: str) -> str:
    """Return ``text`` without blanks, a byte order mark and the quotes that an env file keeps."""
    text = text.strip().lstrip("\ufeff").strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    return text


def read_secret(path: str | os.PathLike[str], name: str) -> str:
    """Return what a file holds. ``name``: what to call it in an error. Raises ValueError, which shows none of it."""
    return clean(_read(path, name))


def _read(path: str | os.PathLike[str], name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
    msg = f"{name} names {path}, which cannot be read ({kind}): check path and permissions"
    raise ValueError(msg)


def exposed(path: str | os.PathLike[str]) -> bool:
    """Return whether a file may be read or changed by others on this machine; False where that cannot be told."""
    if os.name != "posix":
        return False
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def warn_if_exposed(path: str | os.PathLike[str]) -> None:
    """Warn of a file with a secret that others may read, once per file and process."""
    if exposed(path):
        _say_exposed(str(path), str(Path(path).absolute()))


@lru_cache(maxsize=1024)
def _say_exposed(path: str, _place: str) -> None:
    log.warning("%s may be read by others on this machine: chmod 600 %s", path, path)


def read_key_pair(path: Path, name: str) -> tuple[str, str]:
    """Return key and secret from a file of two lines. Raises ValueError, which shows none of it.

    A file that others may read is warned of.
    """
    lines = [clean(line) for line in _read(path, name).splitlines()]
    pair = [line for line in lines if line]
    if len(pair) != 2:
        count = len(pair)
        del lines, pair  # nothing for a traceback that shows locals
        what = (
            f"holds {counted(count, 'line')}: it takes two, the key and the secret" if count else _EMPTY_PAIR
        )
        msg = f"{name} names {path}, which {what}"
        raise ValueError(msg)
    warn_if_exposed(path)
    return pair[0], pair[1]


class OtpFile:
    """A one-time password that another program keeps in a file: read for each call that is signed.

    Raises ValueError for a file that cannot be read, is empty, or holds more than one line: when it is made, not only
    when the first call is signed.
    """

    __slots__ = ("_name", "_path")

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        self._path, self._name = Path(path), name
        self._read()
        warn_if_exposed(self._path)

    def __call__(self) -> str:
        """Return the password that the file holds now. Raises AuthenticationError ("not sent")."""
        try:
            return self._read()
        except ValueError as error:
            msg = f"the call was not sent: {error}"
        raise AuthenticationError(msg, outcome=Outcome.NOT_SENT)

    def _read(self) -> str:
        password = read_secret(self._path, self._name)
        lines = len(password.splitlines())
        if lines == 1:
            return password
        del password  # nothing for a traceback that shows locals
        what = f"holds {counted(lines, 'line')}: it takes one, the password" if lines else _EMPTY_PASSWORD
        msg = f"{self._name} names {self._path}, which {what}"
        raise ValueError(msg)

    def __repr__(self) -> str:
        return f"<OtpFile {self._path}>"


def variable(env: Mapping[str, str] | None, name: str) -> str | None:
    """Return what a variable says, without what shells and editors add; None for one that is empty or not set."""
    # The environment itself is never a local of ours: a traceback that shows locals would show all of it.
    return clean((os.environ if env is None else env).get(name) or "") or None


def secret_variable(env: Mapping[str, str] | None, name: str) -> str | None:
    """Return what a variable says, or the file that the variable with ``_FILE`` behind its name leads to."""
    value = variable(env, name)
    path = None if value else variable(env, f"{name}_FILE")
    return value if path is None else _one_value(path, name)


def _one_value(path: str, name: str) -> str:
    """Return the key or the secret that a file holds. Raises ValueError for an empty file, and for one of both."""
    value = read_secret(path, f"{name}_FILE")
    warn_if_exposed(path)
    lines = len([line for line in value.splitlines() if line.strip()])
    if lines == 1 or (lines > 1 and name != "KRAKEN_API_KEY"):  # a secret may be broken into lines
        return value
    del value  # nothing for a traceback that shows locals
    if not lines:
        msg = f"{name}_FILE names {path}, which is empty: write the value into it"
    else:
        msg = (
            f"{name}_FILE names {path}, which holds {lines} lines: it takes one, the API key; the secret goes into "
            "a file of its own, which KRAKEN_API_SECRET_FILE names"
        )
    raise ValueError(msg)


def otp_variable(env: Mapping[str, str] | None) -> str | Callable[[], str] | None:
    """Return the one-time password, or what reads it from its file for each call: another program may renew it."""
    value = variable(env, "KRAKEN_API_OTP")
    path = None if value else variable(env, "KRAKEN_API_OTP_FILE")
    return value if path is None else OtpFile(path, "KRAKEN_API_OTP_FILE")


def surrounded(read: Callable[[], Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Return a session's arguments: what ``read`` gives of its surroundings (Settings), below what was ``chosen``.

    Raises what ``read`` raises, with nothing left in ``chosen`` for a traceback that shows locals.
    """
    try:
        settings = read()
        surroundings = settings.options()
        if chosen.get("api_key") is not None:
            surroundings.pop("otp", None)  # it belongs to another key
        chosen.update({**surroundings, **chosen})
        surroundings.clear()
        if chosen.get("store") is None and settings.store is not None:
            chosen["store"] = store_of(settings.store, chosen["state_dir"])
    except BaseException:
        chosen.clear()
        raise
    return chosen
