"""JSON reads the same with every library, and with none."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken_async.wire import json_decoder
from kraken_async.wire.json_decoder import reader, strict

READERS = {"json": strict, "msgspec": reader()}


def read_by_all(body: bytes) -> list[Any]:
    """What each reader makes of it, as text, so that 1 is not 1.0 and -0.0 is not 0.0."""
    results = []
    for read in READERS.values():
        try:
            results.append(repr(read(body)))
        except ValueError:
            results.append("refused")
    return results


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[1688666559.8974]", [1688666559.8974]),
        (b"[0.30000000000000004441]", [0.30000000000000004]),
        (b"[12345678901234567.1234567890123456789]", [12345678901234567.1234567890123456789]),
        (b"[18446744073709551615]", [18446744073709551615]),
        (b"[18446744073709551616]", [18446744073709551616]),
        (b"[-9223372036854775808]", [-9223372036854775808]),
        (b"[-9223372036854775809]", [-9223372036854775809]),
        (b"[123456789012345678901234567890]", [123456789012345678901234567890]),
        (b"[1616492376594000000]", [1616492376594000000]),
        (b"[1e22,5e-324,1E5,-0.0]", [1e22, 5e-324, 100000.0, -0.0]),
        (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
        (b'["\\ud800"]', ["\ud800"]),
        (b' {"a" : null} \n', {"a": None}),
        (b"true", True),
        (b"[" * 200 + b"]" * 200, None),
    ],
)
def test_value_is_the_same_for_every_reader(body: bytes, value: Any) -> None:
    if value is None:
        value = json.loads(body)
    assert read_by_all(body) == [repr(value)] * len(READERS)


@pytest.mark.parametrize(
    "body",
    [
        *(b"NaN", b"[Infinity]", b"[-Infinity]", b"[1e400]", b"[-1e400]", b"[" + b"9" * 400 + b".0]"),
        *(b'["\xff"]', b'["\xed\xa0\x80"]', b"\xef\xbb\xbf{}", '["é"]'.encode("utf-16")),
        *(
            b"",
            b" ",
            b"{}x",
            b"[1,]",
            b"[01]",
            b"[1.]",
            b"[.5]",
            b"['a']",
            b"[+1]",
            b'["a\nb"]',
            b'{"a":1}\x00',
        ),
        *(b"[" * 100_000 + b"]" * 100_000, b"[" + b"1" * 5000 + b"]", b'{"error":[],"result":{"X'),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_json_is_refused_by_every_reader(body: bytes) -> None:
    assert read_by_all(body) == ["refused"] * len(READERS)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_any_json_reads_the_same(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    assert len(set(read_by_all(body))) == 1


@given(st.text(st.sampled_from('0123456789-+.eE[]{},:"ntrufalse \\')).map(str.encode))
def test_any_text_is_read_or_refused_alike(body: bytes) -> None:
    assert len(set(read_by_all(body))) == 1


@pytest.fixture
def anew() -> Iterator[None]:
    """Let the reader be chosen anew, here and after the test."""
    reader.cache_clear()
    yield
    reader.cache_clear()


@pytest.mark.usefixtures("anew")
def test_without_msgspec_the_standard_library_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert reader() is strict


@pytest.mark.usefixtures("anew")
def test_what_msgspec_raises_is_never_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    class DecodeError(Exception):  # as in msgspec 0.19: no ValueError
        pass

    def decode(_body: bytes) -> Any:
        raise DecodeError

    msgspec = SimpleNamespace(json=SimpleNamespace(decode=decode), DecodeError=DecodeError)
    monkeypatch.setattr(json_decoder, "import_module", lambda _name: msgspec)
    assert reader()(b"[1]") == [1]
    with pytest.raises(ValueError, match="Expecting"):
        reader()(b"<html>")


def test_msgspec_reads_if_it_is_installed() -> None:
    assert reader() is not strict


def test_floats_are_finite() -> None:
    assert math.isfinite(strict(b"1.7976931348623157e308"))
