"""Words for the shell's completion: fields of a call with their values, tiers, profiles."""

from __future__ import annotations

import typer

from kraken_async.api.endpoints import Tier
from kraken_async.profiles import profile_names


def complete_tier(incomplete: str) -> list[str]:
    """Return the tiers whose names begin so."""
    return [tier.value for tier in Tier if tier.value.startswith(incomplete.lower())]


def complete_profile(incomplete: str) -> list[str]:
    """Return the profiles whose names begin so; none where their file cannot be read."""
    try:
        return [name for name in profile_names() if name.startswith(incomplete)]
    except ValueError:
        return []


def complete_field(context: typer.Context, incomplete: str) -> list[str]:
    """Return the fields of the endpoint named before, with their values once ``KEY=`` is there."""
    from kraken_async.api.parameters import PARAMETERS
    from kraken_async.api.rules import OneOf

    known = PARAMETERS.get(str(context.params.get("name")))
    if known is None:
        return []
    name, equals, begun = incomplete.partition("=")
    if not equals:
        return [f"{field}=" for field in known.table if field.startswith(name)]
    values = known.table.get(name)
    if not isinstance(values, OneOf):
        return []
    return [f"{name}={value}" for value in sorted(values.values) if value.startswith(begun)]
