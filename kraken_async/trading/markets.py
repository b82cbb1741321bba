"""Markets: every pair and asset by any of its names, as Kraken listed them at one moment. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import one_line
from kraken_async.problems import counted
from kraken_async.trading.pair import Asset, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

log: logging.Logger = logging.getLogger("kraken_async")

#: People's spelling, and Kraken's.
_SPELLINGS: Final = (("BTC", "XBT"), ("DOGE", "XDG"))
_SUFFIX: Final = re.compile(r"(.+?)(\d*)(\.[A-Z]+)").fullmatch


class Markets(Mapping[str, Pair]):
    """Kraken's pairs by any of their names, in any case.

    ``markets["BTC/USD"]``, ``markets["XXBTZUSD"]`` and ``markets["xbtusd"]`` are one Pair; KeyError names the nearest.
    It iterates over the pairs' keys ("XXBTZUSD"). `asset` finds assets.
    """

    def __init__(self, pairs: Mapping[str, Any], assets: Mapping[str, Any]) -> None:
        self._assets = _assets(assets)
        self._asset_names = _spelt({name: a for a in self._assets.values() for name in (a.altname, a.name)})
        self._asset_names.update({code.upper(): a for code, a in self._assets.items()})
        names = {code: asset.name for code, asset in self._assets.items()}
        self._pairs = _read(pairs, names)
        self._pair_names = _pair_names(self._pairs.values())
        self._by_assets = {(pair.base, pair.quote): pair for pair in reversed(self._pairs.values())}
        self._former: dict[str, str] = {}

    def __getitem__(self, name: str) -> Pair:
        if not isinstance(name, str):
            raise KeyError(f"no pair {name!r}: a pair's name is a text")
        found = self._pair_names.get(name.upper()) or self._assembled(name.upper())
        if found is None:
            raise KeyError(self._unknown(name))
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (
            name.upper() in self._pair_names or self._assembled(name.upper()) is not None
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"<Markets {counted(len(self._pairs), 'pair')}, {counted(len(self._assets), 'asset')}>"

    @property
    def assets(self) -> Mapping[str, Asset]:
        """The assets by Kraken's code."""
        return self._assets

    def asset(self, name: str) -> Asset:
        """Return an asset by any of its names, in any case: "XXBT", "XBT" and "BTC" are one.

        A name with a suffix (``.S .M .B .F .T``) that Kraken lists is an asset of its own, which names its
        ``underlying``; one that it does not list is the asset before the suffix. KeyError names the nearest.
        """
        if not isinstance(name, str):
            raise KeyError(f"no asset {name!r}: an asset's name is a text")
        found = self._asset(name.upper())
        if found is None:
            near = _nearest(name, self._asset_names)
            raise KeyError(f"no asset {name!r}" + (f": {near}?" if near else ""))
        return found

    def _asset(self, name: str) -> Asset | None:
        found = self._asset_names.get(name)
        if found is None and (parts := _SUFFIX(name)):
            base, digits, _ = parts.groups()  # "ETH2.S" is of ETH2 or ETH, "DOT28.S" of DOT
            found = self._asset_names.get(base + digits) or self._asset_names.get(base)
        return found

    def _assembled(self, name: str) -> Pair | None:
        """Return the pair whose two assets, by any of their names, make up ``name``."""
        base, slash, quote = name.partition("/")
        halves = [(base, quote)] if slash else [(name[:at], name[at:]) for at in range(2, len(name) - 1)]
        for first, second in halves:
            one, other = self._asset_names.get(first), self._asset_names.get(second)
            if one and other and (pair := self._by_assets.get((one.code, other.code))):
                return pair
        return None

    def _unknown(self, name: str) -> str:
        if former := self._former.get(name.upper()):
            return f"no pair {name!r} any more: {former}"
        near = _nearest(name, self._pair_names)
        return f"no pair {name!r}" + (f": {near}?" if near else "")

    def since(self, before: Markets) -> list[str]:
        """Remember what ``before`` had, and return what is gone or renamed since, one sentence each."""
        self._former = dict(before._former)
        told = []
        for key, pair in before._pairs.items():
            now = self._pairs.get(key)
            if now is not None and now.name == pair.name:
                continue
            heir = now or self._by_assets.get((pair.base, pair.quote))
            what = f"it is {heir.name} ({heir.key}) now" if heir else "it is not listed"
            told.append(f"{pair.name} ({key}): {what}")
            self._former.update(
                dict.fromkeys((n.upper() for n in (key, pair.altname, pair.wsname, pair.name)), what)
            )
        return told


def _assets(rows: Mapping[str, Any]) -> dict[str, Asset]:
    by_altname = {str(row.get("altname") or code): code for code, row in rows.items()}

    def underlying(code: str, row: Mapping[str, Any]) -> str | None:
        parts = _SUFFIX(str(row.get("altname") or code))
        if parts is None:
            return None
        base, digits, _ = parts.groups()
        return by_altname.get(base + digits) or by_altname.get(base)

    return {code: Asset.of(code, row, underlying(code, row)) for code, row in rows.items()}


def _read(rows: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Pair]:
    """Return the pairs by their keys. One that Kraken shows in an unknown form is left out, and said."""
    found = {}
    for key, row in rows.items():
        try:
            found[key] = Pair.of(key, row, names)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("the pair %s is left out: its rules cannot be read (%r)", one_line(key), error)
    return found


def _pair_names(pairs: Iterable[Pair]) -> dict[str, Pair]:
    """Return each pair by all its names. A key goes before an altname, and that before the others."""
    pairs = list(pairs)
    found: dict[str, Pair] = {}
    for names in (
        [(pair.key, pair) for pair in pairs],
        [(pair.altname, pair) for pair in pairs],
        [(pair.wsname, pair) for pair in pairs],
        [(pair.name, pair) for pair in pairs],
        [(name.replace("/", ""), pair) for pair in pairs for name in (pair.wsname, pair.name)],
    ):
        for name, pair in names:
            found.setdefault(name.upper(), pair)
    return found


def _spelt(names: Mapping[str, Asset]) -> dict[str, Asset]:
    """Return the names in capitals, each in both spellings."""
    found: dict[str, Asset] = {}
    for name, asset in names.items():
        upper = name.upper()
        found.setdefault(upper, asset)
        for people, kraken in _SPELLINGS:
            base, dot, suffix = upper.partition(".")
            if base in (people, kraken):
                found.setdefault(f"{people}{dot}{suffix}", asset)
                found.setdefault(f"{kraken}{dot}{suffix}", asset)
    return found


def _nearest(name: str, names: Mapping[str, Pair] | Mapping[str, Asset]) -> str:
    close = get_close_matches(name.upper(), names, n=3, cutoff=0.6)
    return ", ".join(dict.fromkeys(names[each].name for each in close))
