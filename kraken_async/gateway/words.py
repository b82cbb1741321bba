"""Words: a session's problems as its operator reads them, who has a shell and a browser, and writes no Python.

A sentence that names nothing of Python's is shown as the session says it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What a sentence may name in passing, and what an operator reads instead.
_PLAIN: Final = (
    (" (startup_window, startup_interval)", ", which the gateway keeps to"),
    (" (EService:Throttled)", ""),
    (" until resume()", ""),
    (" until client.resume()", ""),
    (" (checks=False sends it as it is)", ""),
    ("this session waits for the turn of this key", "calls wait for their turn: another session has it,"),
    ("this session waits for", "calls wait for"),
    (": set state_dir or KRAKEN_STATE_DIR", ": set store in the gateway's configuration"),
    ("a RedisStore", 'store = "redis://..."'),
)


def of_problems(stats: Mapping[str, Any], resume: str = "") -> list[dict[str, str]]:
    """Return the problems of a session's statistics: code, severity, and the sentence for its operator.

    ``resume``: the shell command that ends a halt. Codes that are missing, as in what an older release wrote, are "".
    """
    codes = list(stats.get("problem_codes") or ())
    texts = list(map(str, stats["problems"]))
    codes += [("", "warning")] * (len(texts) - len(codes))
    return [
        {"code": code, "severity": severity, "text": _of_code(code, text, stats, resume)}
        for (code, severity), text in zip(codes, texts, strict=False)
    ]


def plain(text: str) -> str:
    """Return a sentence without names of Python's."""
    text = re.sub(
        r"\bthe look-up (\w+) goes in ", r"the first (\1, a look-up of a lost order) goes in ", text
    )
    text = re.sub(r": ([\w/]+) goes in ", r": the first (\1) goes in ", text)
    text = re.sub(r"\bthe look-up (\w+)", r"\1, a look-up of a lost order,", text)
    for said, read in _PLAIN:
        text = text.replace(said, read)
    return text


def _of_code(code: str, text: str, stats: Mapping[str, Any], resume: str) -> str:
    own = _OWN.get(code)
    return plain(text) if own is None else own(text, stats, resume)


def _halted(_: str, __: Mapping[str, Any], resume: str) -> str:
    how = f". To resume, run in a shell, as the gateway's user: {resume}" if resume else ""
    return f"trading is halted on this key, in every program that shares its store{how}"


def _unresolved(_: str, stats: Mapping[str, Any], __: str) -> str:
    count = int(stats.get("unresolved") or 0)
    if count == 1:
        return "the outcome of 1 order is not known: look before it is placed again"
    return f"the outcome of {count} orders is not known: look before they are placed again"


def _ahead(_: str, stats: Mapping[str, Any], __: str) -> str:
    lead = float(stats.get("nonce_lead") or 0.0)
    return (
        f"the numbers that Kraken asks for with each call (nonces) are {lead:.0f} s ahead of this computer's clock: "
        "the clock was set back, or another program moved them"
    )


def _paused(text: str, _: Mapping[str, Any], __: str) -> str:
    seconds = re.search(r"(\d+) s", text)
    how_long = f" for {seconds[1]} s more" if seconds else ""
    return f"Kraken refused this key's nonces again and again: private calls fail at once{how_long}"


def _locked_out(text: str, _: Mapping[str, Any], __: str) -> str:
    seconds = re.search(r"(\d+) s", text)
    how_long = f" for {seconds[1]} s more" if seconds else ""
    return f"Kraken has locked this key out: private calls fail at once{how_long}"


_OWN: Final[dict[str, Callable[[str, Mapping[str, Any], str], str]]] = {
    "halted": _halted,
    "orders-unresolved": _unresolved,
    "nonce-ahead": _ahead,
    "nonce-pause": _paused,
    "locked-out": _locked_out,
}
