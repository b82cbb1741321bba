"""``kraken-async doctor``: what may go wrong with a key, its state and its clock, one line each."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from kraken_async import FileStore, KrakenError, KrakenSession, QueueTimeout
from kraken_async.cli.common import FAILED, Json, Yes, dump, out, quiet, run, session
from kraken_async.cli.states import State, StateDir, directory, key_id, states
from kraken_async.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

Grade = Literal["OK", "WARN", "FAIL"]

_COLOURS: Final = {"OK": "green", "WARN": "yellow", "FAIL": "red"}
#: Seconds by which clocks may differ: the deadline of an order is stamped in Kraken's time, so this is for people.
CLOCK_WARN: Final = 2.0
CLOCK_FAIL: Final = 60.0
LEAD_WARN: Final = 60.0
LEAD_FAIL: Final = 86_400.0
PATIENCE: Final = 10.0  # seconds for one question
_DELIBERATE: Final = "stop the other writer; then --yes asks Kraken now: once accepted, calls go on"
#: Without these a lost order cannot be looked up.
_LOOK: Final = {"query-open-trades", "query-closed-trades"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and what helps if it is not OK."""

    name: str
    grade: Grade
    found: str
    cure: str = ""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog="Exit codes: 0 healthy, warnings or not; 1 something fails; 2 wrong use.")(
        doctor
    )


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
        found = [*_surroundings(), *_place(state_dir), *_state(states(state_dir))]
        if not offline:
            found += run(_ask(state_dir, yes=yes, known=bool(states(state_dir))))
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


def _surroundings() -> Iterator[Check]:
    try:
        env = Settings.from_env()
        session(private=False)
    except ValueError as error:
        yield Check("environment", "FAIL", str(error))
        return
    except typer.Exit:
        yield Check("environment", "FAIL", "a session cannot be made of it", "see the error above")
        return
    if env.api_key:
        yield Check("API key", "OK", f"set, known here as {key_id()}")
    else:
        yield Check("API key", "WARN", "not set", "set KRAKEN_API_KEY and KRAKEN_API_SECRET")
    if env.tier:
        yield Check("tier", "OK", env.tier)
    else:
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


def _place(state_dir: Path | None) -> Iterator[Check]:
    problems = FileStore(state_dir).problems()
    for problem in problems:
        yield Check("state directory", "WARN", problem)
    if not problems:
        yield Check("state directory", "OK", f"{directory(state_dir)} will last")


def _state(found: list[State]) -> Iterator[Check]:
    if not found:
        yield Check("nonce state", "OK", "none yet: the key is new here")
    for state in found:
        for trouble in state.trouble:
            yield Check(
                "nonce state", "FAIL" if "no readable slot" in trouble else "WARN", f"{state.key}: {trouble}"
            )
        if not state.trouble:
            yield Check("nonce state", "OK", f"{state.path}, in {state.unit}")
        yield _users(state)
        if state.last:
            yield _lead(state)


def _users(state: State) -> Check:
    if not state.users:
        return Check("lock holders", "OK", "nobody uses the key now")
    pids = ", ".join(map(str, state.users))
    turn = f", turn with {', '.join(map(str, state.turn))}" if state.turn else ""
    return Check("lock holders", "OK", f"used by process {pids}{turn}")


def _lead(state: State) -> Check:
    text = f"last nonce {state.lead:+.1f} s to the clock"
    cure = "the clock was set back, or the nonce was raised by hand; nonces go on above it"
    if state.lead > LEAD_FAIL:
        return Check(
            "nonce lead", "FAIL", text, "set the clock right: date, and NTP; nonces go on above it meanwhile"
        )
    return (
        Check("nonce lead", "WARN", text, cure) if state.lead > LEAD_WARN else Check("nonce lead", "OK", text)
    )


# -------------------------------------------------------------------------------------------------- online


async def _ask(state_dir: Path | None, *, yes: bool, known: bool) -> list[Check]:
    private = bool(key_id())
    async with contextlib.AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(session(private=False, state_dir=state_dir))
        except KrakenError as error:
            return [Check("session", "FAIL", str(error))]
        found = [check async for check in _public(client)]
        if private and (known or yes):
            found += [check async for check in _private(client, yes=yes)]
        elif private:
            found.append(
                Check(
                    "API key at Kraken",
                    "WARN",
                    "not asked: this key has no state here",
                    "--yes, if it is for kraken_async alone",
                )
            )
        return found


async def _public(client: KrakenSession) -> AsyncIterator[Check]:
    view = client.with_options(timeout=PATIENCE)
    try:
        status = await view.public("SystemStatus")
        before = time.time()
        kraken = await view.public("Time")
        after = time.time()
    except KrakenError as error:
        yield Check("Kraken", "FAIL", str(error), "check the network, and KRAKEN_API_URL if it is set")
        return
    state = str(status.get("status", "says nothing of its status"))
    online = state == "online"
    yield Check("Kraken", "OK" if online else "WARN", state, "" if online else "see status.kraken.com")
    if "unixtime" in kraken:
        yield _clock(float(kraken["unixtime"]), before, after)


def _clock(kraken: float, before: float, after: float) -> Check:
    """Kraken tells whole seconds: what lies within the second and the round trip is no difference."""
    ahead = before - (kraken + 1.0)
    behind = kraken - after
    offset = ahead if ahead > 0 else -behind if behind > 0 else 0.0
    text = (
        f"this clock is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} Kraken's"
        if offset
        else "agrees with Kraken's to a second"
    )
    grade: Grade = "FAIL" if abs(offset) > CLOCK_FAIL else "WARN" if abs(offset) > CLOCK_WARN else "OK"
    return Check(
        "clock", grade, text, "" if grade == "OK" else "let NTP set the clock; nonces do not depend on it"
    )


async def _private(client: KrakenSession, *, yes: bool) -> AsyncIterator[Check]:
    stats = client.stats()
    if stats.breaker != "closed":
        why = "; ".join(stats.problems) or stats.breaker
        locked_out = stats.breaker == "locked out"
        cure = "wait; every attempt prolongs it" if locked_out else _DELIBERATE
        yield Check("breaker", "FAIL", why, cure)
        if locked_out or not yes:
            return
    if stats.halted:
        yield Check("trading", "WARN", "halted on this key", "`kraken-async resume`, when you mean it")
    if stats.unresolved or client.unresolved():
        yield Check(
            "orders",
            "WARN",
            f"{len(client.unresolved())} with an unknown outcome",
            "kraken-async orders resolve",
        )
    before = stats.last_nonce
    view = client.with_options(timeout=PATIENCE, queue_timeout=PATIENCE, ignore_breaker=yes)
    try:
        info = await view.private("GetApiKeyInfo")
    except QueueTimeout:
        yield Check(
            "API key at Kraken",
            "WARN",
            f"not asked: Kraken's call counter left no room for {PATIENCE:.0f} s",
            "set KRAKEN_API_TIER to your tier, or try again when the program on this key asks less",
        )
        return
    except KrakenError as error:
        yield Check(
            "API key at Kraken",
            "FAIL",
            str(error),
            "see the message; keys are made in Kraken's Settings > API",
        )
        return
    for check in _key(info, before, client.stats().last_nonce, client.stats().errors):
        yield check


def _key(info: dict[str, Any], before: int, mine: int, errors: Any) -> Iterator[Check]:
    permissions = set(info.get("permissions") or ())
    yield Check("permissions", "OK", " ".join(sorted(permissions)) or "none")
    if "modify-trades" in permissions and not permissions >= _LOOK:
        missing = " ".join(sorted(_LOOK - permissions))
        yield Check(
            "look-up", "WARN", f"a lost order cannot be looked up without {missing}", "add it to the key"
        )
    if "withdraw-funds" in permissions:
        yield Check(
            "withdrawals",
            "WARN",
            "the key may withdraw",
            "take the permission away, if the program needs none",
        )
    allowed = info.get("ipAllowlist") or ()
    yield (
        Check("IP list", "OK", " ".join(allowed))
        if allowed
        else Check(
            "IP list",
            "WARN",
            "empty: the key works from everywhere",
            "list your hosts in Kraken's Settings > API",
        )
    )
    window = int(info.get("nonceWindow") or 0)
    yield (
        Check("nonce window", "OK", "0")
        if not window
        else Check(
            "nonce window", "WARN", f"{window} in units of the nonce", "0 is enough: calls arrive in order"
        )
    )
    yield _writer(int(info.get("nonce") or 0), before, mine, errors)


def _writer(theirs: int, before: int, mine: int, errors: Any) -> Check:
    if theirs > mine:
        return Check(
            "other writers",
            "FAIL",
            f"Kraken has seen {theirs}, above ours, {mine}",
            "one API key per program, or share its state",
        )
    if any(code.startswith("EAPI:Invalid nonce") for code in errors):
        return Check(
            "other writers",
            "WARN",
            f"a nonce above {before} was refused and healed",
            "one API key per program",
        )
    return Check("other writers", "OK", "none: Kraken's highest nonce is ours")
