"""Problems: what is wrong with a session, as sentences with a stable code and a severity.

The table below is the list of all codes. docs/monitoring.md has a paragraph for each, docs/prometheus an alert rule.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: "critical": orders or money are at stake now. "warning": somebody should look soon. "info": worth knowing.
Severity = Literal["info", "warning", "critical"]

#: Of each code. Codes are kept from release to release.
SEVERITIES: Final[dict[str, Severity]] = {
    # calls and Kraken
    "locked-out": "critical",  # Kraken has locked the key out; private calls fail at once
    "nonce-pause": "critical",  # refused nonces could not be healed; private calls fail at once
    "nonce-ahead": "warning",  # nonces run far ahead of the clock
    "nonce-writer": "warning",  # another writer moves the key's nonce
    "halted": "warning",  # trading is halted on the key
    "orders-unresolved": "critical",  # the outcome of orders is not known
    "call-stalled": "warning",  # the call in flight has had no answer for long
    "limit-wait": "info",  # calls wait for Kraken's limits
    "market-mode": "warning",  # Kraken takes no orders, or only some, on a market
    "faults": "warning",  # an exception that nothing should have raised was met
    # the dead man's switch
    "switch-late": "warning",  # it could not be refreshed in time
    "switch-fired": "critical",  # it must have fired: the account's orders are cancelled
    "maintenance": "warning",  # Kraken has announced a maintenance while it is armed
    # what sessions of a key share
    "neighbour-stalled": "warning",  # another session has what this one waits for
    "turn-lost": "warning",  # the turn was lost by not being renewed in time
    "store-unreachable": "critical",  # the store does not answer: nonces come from the local floor
    "store-failing": "critical",  # the state cannot be written
    "store-damaged": "warning",  # damage in the state was survived, or the state was replaced in mid-run
    "store-fleeting": "info",  # nonce state does not outlive a restart
    "store-unlocked": "warning",  # locks may not hold where the state is kept
    "store-exposed": "warning",  # others may replace the state's files
    "store-place": "info",  # the place of the state was not chosen
    "store-evicts": "warning",  # the Redis server may drop the state
    "store-clock": "warning",  # this host's clock and the Redis server's differ
    "journal": "warning",  # an order journal cannot be read
    "store": "warning",  # said by a store that gives no codes
}


class Problem(str):
    """One sentence about what is wrong: a ``str`` with a ``code`` of the table.

    ``subject`` tells two problems of one code apart, as the pair does for "market-mode".
    """

    __slots__ = ("code", "subject")

    code: str
    subject: str

    def __new__(cls, code: str, text: str, subject: str = "") -> Problem:
        """Return the sentence ``text`` with its code. Raises KeyError for a code that is not in the table."""
        SEVERITIES[code]
        problem = super().__new__(cls, text)
        problem.code, problem.subject = code, subject
        return problem

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]  # what __new__ takes: for copies
        return self.code, str(self), self.subject

    @property
    def severity(self) -> Severity:
        """Return "info", "warning" or "critical"."""
        return SEVERITIES[self.code]


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its words: "1 order", "2 orders". ``many``: the plural, where it is not ``one`` with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def coded(sentences: Iterable[str], code: str = "store") -> Iterator[Problem]:
    """Yield sentences as problems; those without a code of their own have ``code``."""
    for sentence in sentences:
        yield sentence if isinstance(sentence, Problem) else Problem(code, sentence, sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemChange:
    """A problem that came, or went: what ``on_problem`` is called with. ``text``: as it was last said."""

    code: str
    severity: Severity
    text: str
    came: bool


class ProblemBoard:
    """The problems that parts of a session put up and take down themselves. Belongs to its event loop."""

    def __init__(self) -> None:
        self.changed: asyncio.Event = asyncio.Event()
        self._up: dict[tuple[str, str], Problem] = {}

    def __iter__(self) -> Iterator[Problem]:
        return iter(list(self._up.values()))

    def put(self, problem: Problem) -> None:
        """Put a problem up, in the place of an earlier one of its code and subject."""
        self._up[problem.code, problem.subject] = problem
        self.changed.set()

    def clear(self, code: str, subject: str = "") -> None:
        """Take a problem down; nothing happens when it is not up."""
        if self._up.pop((code, subject), None) is not None:
            self.changed.set()
