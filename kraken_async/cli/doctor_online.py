"""The checks of ``kraken-async doctor`` that ask Kraken: its status and clock, the key's settings, other writers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kraken_async import KrakenError, KrakenSession, QueueTimeout
from kraken_async.api.key_info import KeyInfo
from kraken_async.cli.common import session
from kraken_async.cli.cures import cure_of
from kraken_async.cli.doctor_checks import Check, Grade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

#: Seconds by which clocks may differ: the deadline of an order is stamped in Kraken's time, so this is for people.
CLOCK_WARN: Final = 2.0
CLOCK_FAIL: Final = 60.0
PATIENCE: Final = 10.0  # seconds for one question
END_SOON: Final = 14 * 86400.0  # seconds before a key ends, from which on that is warned of
_DELIBERATE: Final = "stop the other writer; then --yes asks Kraken now: once accepted, calls go on"
#: Without these a lost order cannot be looked up.
_LOOK: Final = {"query-open-trades", "query-closed-trades"}


@dataclass(frozen=True, slots=True)
class Question:
    """Whom to ask: an address (None: it could not be read), where it comes from, and the unit set for nonces."""

    base_url: str | None
    source: str = ""
    unit: str | None = None

    @property
    def place(self) -> str:
        """The address in words."""
        return f"at {self.base_url}" + (f" ({self.source})" if self.source else "")

    @property
    def first_use(self) -> str:
        """What --yes does to a key without state."""
        if self.unit == "ms":
            return "--yes asks: in milliseconds the key stays open to the other programs that use it"
        return "--yes, if it is for kraken_async alone"


async def ask_kraken(
    state_dir: Path | None, question: Question, *, private: bool, yes: bool, known: bool
) -> list[Check]:
    """Ask Kraken. Without ``private``, of a key or a state that cannot be used, only what needs neither."""
    base_url = question.base_url
    if base_url is None:
        return [
            Check("Kraken", "WARN", "not asked: its address could not be read", "correct the environment")
        ]
    async with contextlib.AsyncExitStack() as stack:
        try:
            # A key without state gets none: it would be kept in a unit that was never chosen.
            asked = private and (known or yes)
            client = (
                session(private=False, state_dir=state_dir) if asked else KrakenSession(base_url=base_url)
            )
            await stack.enter_async_context(client)
        except KrakenError as error:
            return [Check("session", "FAIL", str(error), cure_of(error))]
        except ValueError as error:
            return [Check("Kraken", "FAIL", str(error), "correct KRAKEN_API_URL, or the profile's base_url")]
        found = [check async for check in _public(client, question.place)]
        if asked:
            found += [check async for check in _private(client, yes=yes)]
        elif private:
            found.append(
                Check(
                    "API key at Kraken",
                    "WARN",
                    "not asked: this key has no state here",
                    question.first_use,
                )
            )
        else:
            found.append(
                Check("API key at Kraken", "WARN", "not asked, as something above fails", "mend that first")
            )
        return found


async def _public(client: KrakenSession, place: str) -> AsyncIterator[Check]:
    view = client.with_options(timeout=PATIENCE)
    try:
        status = await view.public("SystemStatus")
        before = time.time()
        kraken = await view.public("Time")
        after = time.time()
    except KrakenError as error:
        yield Check("Kraken", "FAIL", f"{place}: {error}", cure_of(error))
        return
    state = str(status.get("status", "says nothing of its status"))
    online = state == "online"
    yield Check(
        "Kraken", "OK" if online else "WARN", f"{state}, {place}", "" if online else "see status.kraken.com"
    )
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
            cure_of(error),
        )
        return
    for check in _key(info, before, client.stats().last_nonce, client.stats().errors):
        yield check


def _key(answer: object, before: int, mine: int, errors: Any) -> Iterator[Check]:
    info = KeyInfo.of(answer)
    permissions = info.permissions
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
    yield (
        Check("IP list", "OK", " ".join(info.ip_allowlist))
        if info.ip_allowlist
        else Check(
            "IP list",
            "WARN",
            "empty: the key works from everywhere",
            "list your hosts in Kraken's Settings > API",
        )
    )
    yield (
        Check("nonce window", "OK", "0")
        if info.nonce_window == 0
        else Check(
            "nonce window",
            "FAIL",
            f"{'unreadable' if info.nonce_window is None else info.nonce_window}: an order that a cancel has "
            "overtaken may still be executed, and a lost one cannot be proven absent",
            "set it to 0 in Kraken's Settings > API: calls arrive in order",
        )
    )
    yield _sight(info)
    yield from _end(info, time.time())
    yield other_writers(info.nonce, before, mine, errors)


def _sight(info: KeyInfo) -> Check:
    """Say whether the key sees all orders. With a query window a lost order may be live and not be shown."""
    if info.sees_all:
        return Check("query window", "OK", "none: the key sees orders of all times")
    bounds = [
        f"{word} {'an unreadable time' if at is None else _day(at)}"
        for word, at in (("from", info.query_from), ("to", info.query_to))
        if at != 0
    ]
    return Check(
        "query window",
        "FAIL",
        f"the key sees orders {' '.join(bounds)} only: a lost order outside cannot be looked up",
        "remove the query dates in Kraken's Settings > API",
    )


def _end(info: KeyInfo, now: float) -> Iterator[Check]:
    """Say when the key ends, if it does. From then on a program can neither trade nor cancel."""
    if info.valid_until == 0:
        return
    if info.valid_until is None:
        yield Check("end of the key", "WARN", "an unreadable time", "look it up in Kraken's Settings > API")
    elif info.valid_until > now + END_SOON:
        yield Check("end of the key", "OK", _day(info.valid_until))
    else:
        yield Check(
            "end of the key",
            "WARN" if info.valid_until > now else "FAIL",
            f"{_day(info.valid_until)}: from then on its programs can neither trade nor cancel",
            "make another key, or put the end off in Kraken's Settings > API",
        )


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def other_writers(theirs: int | None, before: int, mine: int, errors: Any) -> Check:
    """Return whether another program has moved the key's nonce: ``theirs`` is the highest that Kraken has seen."""
    if theirs is None:
        return Check(
            "other writers", "WARN", "Kraken's answer shows no nonce", "see `kraken-async conformance`"
        )
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
            f"Kraken refused a nonce above {before}, and took a higher one",
            "one API key per program",
        )
    return Check("other writers", "OK", "none: Kraken's highest nonce is ours")
