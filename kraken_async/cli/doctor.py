"""``kraken-async doctor``: what may go wrong with a key, its state and its clock, one line each."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Final

import typer

from kraken_async import KrakenSession, NonceStoreError
from kraken_async.cli.common import FAILED, Json, Yes, dump, out, quiet, run
from kraken_async.cli.doctor_checks import Check
from kraken_async.cli.doctor_online import Question, ask_kraken
from kraken_async.cli.states import State, StateDir, directory, key_id, problems
from kraken_async.cli.states import states as _states
from kraken_async.credentials import exposed, variable
from kraken_async.profiles import secret_files
from kraken_async.settings import (
    PRODUCTION,
    Settings,
    check_variables,
    governor_wanted,
    not_understood,
    store_from_env,
)
from kraken_async.system.paths import make_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COLOURS: Final = {"OK": "green", "WARN": "yellow", "FAIL": "red"}
#: What is read from the environment; a key, a secret and a password also from ``..._FILE``.
VARIABLES: Final = (
    "KRAKEN_API_KEY",
    "KRAKEN_API_SECRET",
    "KRAKEN_API_OTP",
    "KRAKEN_API_TIER",
    "KRAKEN_API_URL",
    "KRAKEN_STATE_DIR",
    "KRAKEN_STORE",
    "KRAKEN_GOVERNOR",
    "KRAKEN_NONCE_UNIT",
    "KRAKEN_PROFILE",
    "KRAKEN_PROFILES",
    "KRAKEN_GATEWAY_TOKEN",
)
#: What can be read whatever is wrong with the key, the profile and the governor.
_WITHOUT_KEY: Final = (
    "KRAKEN_API_TIER",
    "KRAKEN_API_URL",
    "KRAKEN_STATE_DIR",
    "KRAKEN_STORE",
    "KRAKEN_NONCE_UNIT",
)
LEAD_WARN: Final = 60.0
LEAD_FAIL: Final = 86_400.0


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    codes = "Exit codes: 0 healthy, warnings or not; 1 something fails; 2 wrong use; 3 a fault of its own."
    app.command("doctor", rich_help_panel=group, epilog=codes)(doctor)


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Only what needs no network.")] = False,
    state_dir: StateDir = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Check the nonce state, the clock, the API key and its settings; one line per check, with the cure.

    Online it makes two public calls and, with a key that has state here, one private call (cost 1). On a key
    without state the private call is left out unless --yes: it would close the key to clients with smaller
    nonces. So it is while private calls pause after refused nonces: --yes makes one, past the pause. A nonce that is
    refused heals as in any session, by the one jump an hour if need be. The exit code serves as a health check.

    Example: kraken-async doctor --offline --json
    """
    with quiet():  # what a session would warn of is among the checks
        env = _read(state_dir)
        found = [*_surroundings(env), *_place(state_dir, env.trouble)]
        failed = {check.name for check in found if check.grade == "FAIL"}
        known: list[State] = []
        if not env.settings.api_key or "environment" in failed:
            until = " until the environment is corrected" if "environment" in failed else ""
            found.append(Check("nonce state", "WARN", f"not looked at: no key{until}"))
        else:
            known = _states(state_dir)
            found += _state(known)
        if not offline:
            private = not failed & {"environment", "API key", "state directory"}
            question = Question(env.base_url, _source(env.base_url), env.settings.nonce_unit)
            found += run(ask_kraken(state_dir, question, private=private, yes=yes, known=bool(known)))
    worst = max((check.grade for check in found), key=("OK", "WARN", "FAIL").index)
    if as_json:
        dump({"grade": worst, "checks": [asdict(check) for check in found]})
    else:
        for check in found:
            cure = f"; {check.cure}" if check.cure else ""
            out.print(f"[{_COLOURS[check.grade]}]{check.grade:<4}[/] ", end="")
            out.print(f"{check.name}: {check.found}{cure}", markup=False)
    if worst == "FAIL":
        raise typer.Exit(FAILED)


# ------------------------------------------------------------------------------------------------- offline


@dataclass(frozen=True, slots=True)
class _Environment:
    """What could be read of the environment; ``trouble``: why not all; ``base_url`` None: no address could."""

    settings: Settings
    base_url: str | None
    trouble: str = ""


def _read(state_dir: Path | None) -> _Environment:
    try:
        check_variables({})
        settings = Settings.from_env()
    except ValueError as error:
        trouble = str(error)
    else:
        return _Environment(settings, settings.base_url, _store_trouble(state_dir))
    wrong = not_understood()
    plain = {name: os.environ[name] for name in _WITHOUT_KEY if name in os.environ and name not in wrong}
    with contextlib.suppress(ValueError):  # of the governor; the trouble names it
        governor_wanted()
        plain["KRAKEN_GOVERNOR"] = os.environ.get("KRAKEN_GOVERNOR", "")
    profile = {name: os.environ[name] for name in ("KRAKEN_PROFILE", "KRAKEN_PROFILES") if name in os.environ}
    try:
        settings = Settings.from_env({**plain, **profile})
        return _Environment(settings, None if "KRAKEN_API_URL" in wrong else settings.base_url, trouble)
    except ValueError:  # of the profile; the address may be in it
        settings = Settings.from_env(plain)
        return _Environment(settings, settings.base_url if plain.get("KRAKEN_API_URL") else None, trouble)


def _source(base_url: str | None) -> str:
    """Return where the address comes from, "" if it is the usual one."""
    if variable(None, "KRAKEN_API_URL") is not None:
        return "KRAKEN_API_URL"
    return "" if base_url == PRODUCTION else "the profile's base_url"


def _store_trouble(state_dir: Path | None) -> str:
    """Return why it is not known where state is kept, "" when it is."""
    try:
        store_from_env(state_dir)
    except ValueError as error:
        return str(error)
    return ""


def _surroundings(read: _Environment) -> Iterator[Check]:
    for name in sorted(os.environ):
        if name.startswith("KRAKEN_") and name.removesuffix("_FILE") not in VARIABLES:
            near = get_close_matches(name, VARIABLES, n=1, cutoff=0.85)
            cure = f"{near[0]}?" if near else "unset it, if it is meant for this program"
            yield Check("environment", "WARN", f"{name} is not read by kraken_async", cure)
    env = read.settings
    if read.trouble:
        yield Check("environment", "FAIL", read.trouble, "correct the variable, or unset it")
    elif not env.api_key:
        yield Check("API key", "FAIL", "not set", "set KRAKEN_API_KEY and KRAKEN_API_SECRET (or ..._FILE)")
    else:
        try:
            KrakenSession.from_env()
        except ValueError as error:
            yield Check(
                "API key",
                "FAIL",
                str(error),
                "check KRAKEN_API_KEY, KRAKEN_API_SECRET and the other KRAKEN_*",
            )
        else:
            yield Check("API key", "OK", f"set, known here as {key_id()}")
    yield from _secrets()
    if env.tier:
        yield Check("tier", "OK", env.tier)
    elif not variable(None, "KRAKEN_API_TIER"):  # one that is not understood is said above
        yield Check(
            "tier",
            "WARN",
            "not set: starter, one read per 3 s",
            "KRAKEN_API_TIER=intermediate or pro, if yours is higher",
        )
    if not env.governor:
        yield Check(
            "limits", "WARN", "KRAKEN_GOVERNOR is off: nothing is held back", "unset it, unless you mean it"
        )


def _secrets() -> Iterator[Check]:
    with contextlib.suppress(ValueError):  # of the profile; the trouble names it
        for path in secret_files():
            if exposed(path):
                yield Check(
                    "secrets", "WARN", f"{path} may be read by others on this machine", f"chmod 600 {path}"
                )


def _place(state_dir: Path | None, said: str) -> Iterator[Check]:
    trouble = _store_trouble(state_dir)
    if trouble:
        if trouble != said:
            yield Check("environment", "FAIL", trouble, "correct the variable, or unset it")
        return
    folder = directory(state_dir)
    try:
        make_directory(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except NonceStoreError as error:
        yield Check("state directory", "FAIL", str(error), "KRAKEN_STATE_DIR, naming a directory of yours")
        return
    except OSError as error:
        why = error.strerror or str(error)
        yield Check(
            "state directory",
            "FAIL",
            f"{folder} cannot be written: {why}",
            "free or repair the disk, or chmod u+rwx",
        )
        return
    found = problems(state_dir)
    for problem in found:
        yield Check("state directory", "WARN", problem)
    if not found:
        yield Check("state directory", "OK", f"{directory(state_dir)} will last")


def _state(found: list[State]) -> Iterator[Check]:
    if not found:
        yield Check("nonce state", "OK", "none yet: the key is new here")
    for state in found:
        for trouble in state.trouble:
            yield Check("nonce state", "WARN" if state.usable else "FAIL", f"{state.key}: {trouble}")
        if not state.trouble:
            yield Check("nonce state", "OK", f"{state.path}, in {state.unit}")
        yield _users(state)
        if state.last:
            yield _lead(state)


def _users(state: State) -> Check:
    if not state.users:
        return Check("lock holders", "OK", "no process has the key open now")
    pids = ", ".join(map(str, state.users))
    turn = f"; {', '.join(map(str, state.turn))} has the right to send" if state.turn else ""
    return Check("lock holders", "OK", f"open in process {pids}{turn}")


def _lead(state: State) -> Check:
    side = "ahead of" if state.lead > 0 else "behind"
    text = f"the last nonce is {abs(state.lead):.1f} s {side} the clock"
    cure = "the clock was set back, or the nonce was raised by hand; nonces go on above it"
    if state.lead > LEAD_FAIL:
        return Check(
            "nonce lead", "FAIL", text, "set the clock right: date, and NTP; nonces go on above it meanwhile"
        )
    return (
        Check("nonce lead", "WARN", text, cure) if state.lead > LEAD_WARN else Check("nonce lead", "OK", text)
    )
