"""Sentences for people: a count agrees with its noun, wherever one is said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kraken_async
from kraken_async.problems import counted

PACKAGE = Path(kraken_async.__file__).parent

#: More than one of something behind a number, with an adjective or two between them, but no verb.
PLURAL = re.compile(
    r"(?:\[/\w*\])? (?!has |is |was )(?:[a-z]+ ){0,2}"
    r"(?:accounts|assets|bytes|calls|cancels|characters|columns|days|decimals|digits|entries|errors|faults|fields|"
    r"files|findings|holders|hours|intents|keys|lines|messages|minutes|nonces|orders|pairs|processes|programs|rows|"
    r"seconds|sessions|states|times|tokens|words)\b"
)

#: Sentences whose number is never 1, or whose words are Kraken's own.
RIGHT = {
    "kraken_async/credentials.py: lines: it takes one, the API key": "2 or more",
    "kraken_async/emulator/plugin.py: calls": "1 has its own branch",
    "kraken_async/emulator/prices.py: decimals.": "Kraken says so for 1 as well",
    "kraken_async/gateway/tokens.py: tokens, as many as may be: remove some": "as many as may be",
    "kraken_async/gateway/words.py: orders is not known: look before they are placed again": "1 has its own sentence",
    "kraken_async/wire/response_decoder.py: bytes is too large": "millions",
    "kraken_async/limits/waits.py: calls wait for": "1 has its own sentence",
    "kraken_async/stores/file/state_file.py: bytes written": "of a longer record",
}


def bare_counts(path: Path) -> Iterator[str]:
    """Yield what follows a number in a text that names more than one of something, whatever the number is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            for number, words in zip(node.values, node.values[1:], strict=False):
                if isinstance(number, ast.FormattedValue) and isinstance(words, ast.Constant):
                    name = ast.unparse(number.value).rpartition(".")[2]
                    if PLURAL.match(str(words.value)) and not name.isupper():
                        yield str(words.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in re.finditer(r"%(?:\.\d)?[dgs](?= )", node.value):
                if PLURAL.match(node.value, found.end()):
                    yield node.value[found.end() :]


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("line",), "0 lines"),
        (1, ("line",), "1 line"),
        (2, ("line",), "2 lines"),
        (1, ("entry", "entries"), "1 entry"),
        (3, ("entry", "entries"), "3 entries"),
        (1, ("call waits", "calls wait"), "1 call waits"),
        (0, ("call waits", "calls wait"), "0 calls wait"),
    ],
)
def test_a_count_agrees_with_its_noun(count: int, words: tuple[str, ...], said: str) -> None:
    assert counted(count, *words) == said


@pytest.mark.proof
def test_no_message_names_a_plural_behind_a_number_that_may_be_one() -> None:
    found = {
        f"{path.relative_to(PACKAGE.parent).as_posix()}:{words}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for words in bare_counts(path)
    }
    assert not {each for each in found if not any(each.startswith(right) for right in RIGHT)}
    assert not {right for right in RIGHT if not any(each.startswith(right) for each in found)}, (
        "not said any more"
    )


def test_a_bare_count_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        'a = f"it holds {len(x)} lines"\nb = "%d more calls wait"\nc = f"more than {MOST} fields"\n'
    )
    assert list(bare_counts(path)) == [" lines", " more calls wait"]
