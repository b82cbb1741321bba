"""What the emulator does not do is said by the page, field by field, as far as names can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kraken_async.api.description import description, walk
from kraken_async.api.notation import Named, Object, Type

ROOT = Path(__file__).parents[2]
KNOWN = description()
ENDPOINTS = [each for each in KNOWN.endpoints.values() if not each.beta]
SOURCE = "".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "kraken_async/emulator").glob("*.py"))
)
#: The page says of these that they are empty, or that a switch gives them another spelling.
EMPTY = {"CreditLines", "Earn/Allocations", "Earn/Strategies", "MaintenanceSchedule", "SystemStatus"}
SPELT = {"GetApiKeyInfo"}


def said(title: str) -> set[str]:
    """Return the names in the paragraph of the page that opens so."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    (paragraph,) = re.findall(rf"^- \*\*{re.escape(title)}\*\*((?:.|\n)*?)(?=^- |\Z)", page, re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", paragraph))


def shown(type_: Type, seen: set[str]) -> Iterator[str]:
    """Yield the names of all fields of a result."""
    for each in walk(type_):
        if isinstance(each, Named) and each.name not in seen:
            seen.add(each.name)
            yield from shown(KNOWN.types[each.name], seen)
        elif isinstance(each, Object):
            yield from (field.name for field in each.fields if not field.others)


def named(name: str) -> bool:
    """Whether the emulator's source names a field."""
    return f'"{name}"' in SOURCE or re.search(rf"\b{re.escape(name)}=", SOURCE) is not None


def test_every_parameter_that_is_never_looked_at_is_on_the_page() -> None:
    described = {field.name for each in ENDPOINTS for field in each.parameters}
    ignored = {name for name in described if f'"{name}"' not in SOURCE}
    on_page = said("Fields that are taken and ignored")
    assert len(ignored) > 5
    assert ignored <= on_page
    assert on_page <= described


def test_every_field_that_is_never_shown_is_on_the_page() -> None:
    described = {
        name: set(shown(each.result, set())) for name, each in KNOWN.endpoints.items() if each in ENDPOINTS
    }
    never = {
        name
        for endpoint, names in described.items()
        if endpoint not in EMPTY | SPELT | {"WithdrawAddresses"}
        for name in names
        if not named(name)
    }
    inside_schedules = {
        "iiban",
        "tiers",
        "maker_fee",
        "taker_fee",
        "min_assets_on_platform",
        "min_futures_volume",
    }
    inside_limits = {"limit_type", "maximum", "remaining", "used"}
    on_page = said("Fields that are never shown")
    assert len(never) > 20
    assert never - inside_schedules - inside_limits - {"min_spot_volume"} <= on_page
    assert on_page <= set().union(*described.values())


@pytest.mark.parametrize(
    "word", ["WebSocket", "Futures", "rollover", "margin call", "liquidation", "index price"]
)
def test_what_a_bot_might_count_on_is_refused_in_words(word: str) -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    assert word in page[page.index("## What it does not do") :]
