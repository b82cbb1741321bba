"""Tier 1: ask the safe reads once, and compare what comes with the description."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kraken_async import KrakenError, KrakenSession, PermissionDenied
from kraken_async.api.comparison import Difference, came, differences
from kraken_async.api.description import description
from kraken_async.cli.conformance.facts import Findings
from kraken_async.problems import counted

CLOCK: Final = 2.0
# A name that Kraken gives a field; anything else may be an id.
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,30}[0-9]{0,3}[a-z]?")

_PUBLIC: Final = ("Time", "SystemStatus", "MaintenanceSchedule", "Assets")
_OF_PAIR: Final = ("AssetPairs", "Ticker", "OHLC", "Depth", "GroupedBook", "Trades", "Spread")
_PRIVATE: Final[dict[str, dict[str, Any]]] = {
    "GetApiKeyInfo": {},
    "Balance": {},
    "BalanceEx": {},
    "CreditLines": {},
    "TradeBalance": {},
    "ListWalletAccounts": {},
    "OpenOrders": {"trades": True},
    "ClosedOrders": {"trades": True},
    "TradesHistory": {"ledgers": True},
    "OpenPositions": {"docalcs": True},
    "Ledgers": {},
    "ExportStatus": {"report": "trades"},
    "WithdrawMethods": {},
    "WithdrawAddresses": {},
    "WithdrawStatus": {},
    "DepositStatus": {},
    "Earn/Strategies": {},
    "Earn/Allocations": {},
}


class Reads:
    """Asks reads and keeps their results for the questions that need several."""

    def __init__(self, client: KrakenSession, pair: str, findings: Findings) -> None:
        self._client = client
        self._pair = pair
        self._findings = findings
        self.results: dict[str, Any] = {}
        self.never_came: dict[str, list[str]] = {}

    async def ask_public(self) -> None:
        """Ask the public endpoints."""
        for name in _PUBLIC:
            before = time.time()
            result = await self._ask(name, {})
            if name == "Time" and isinstance(result, Mapping):
                self._clock(result.get("unixtime"), before, time.time())
        for name in _OF_PAIR:
            await self._ask(name, {"pair": self._pair})
        pairs = self.results.get("AssetPairs")
        symbol = next((row.get("wsname") for row in _rows(pairs) if row.get("wsname")), "BTC/USD")
        await self._ask("PreTrade", {"symbol": symbol})
        await self._ask("PostTrade", {"symbol": symbol, "count": 10})
        self._order_of("public trades oldest first", self._times("Trades", 2), rising=True)

    async def ask_private(self) -> None:
        """Ask the private endpoints that change nothing."""
        for name, params in _PRIVATE.items():
            await self._ask(name, params)
        await self._ask("TradeVolume", {"pair": self._pair})
        await self._ask("Level3", {"pair": self._pair, "depth": 10})
        await self._ask("DepositMethods", {"asset": "XBT"})
        await self._follow(
            "QueryOrders", "txid", {**self._orders("OpenOrders"), **self._orders("ClosedOrders")}
        )
        await self._follow("QueryTrades", "txid", self._under("TradesHistory", "trades"))
        await self._follow("QueryLedgers", "id", self._under("Ledgers", "ledger"))
        await self._amends()
        self._key()
        self._orders_shown()
        await self._by_client_id()
        await self._cursor()
        self._order_of("closed newest first", self._closed_times(), rising=False)
        self._order_of("trades newest first", self._history_times(), rising=False)

    async def _ask(self, name: str, params: Mapping[str, Any]) -> Any:
        """Ask one endpoint, compare its result, and return it; None if it was not answered."""
        known = description()
        endpoint = known.endpoints[name]
        ask = self._client.public if endpoint.public else self._client.private
        fact = f"shape of {name}"
        try:
            result = await ask(name, dict(params))
        except PermissionDenied:
            self._findings.add(1, fact, "cannot be told", "the key may not ask it")
            return None
        except KrakenError as error:
            self._findings.add(1, fact, "cannot be told", said(error))
            return None
        self.results[name] = result
        found = differences(result, endpoint.result, known)
        if found:
            self._findings.add(1, fact, "differs", "; ".join(anonymous(found)))
        elif not result:
            self._findings.add(1, fact, "cannot be told", "the answer is empty")
        else:
            self._findings.add(1, fact, "confirmed")
        seen, not_seen = came(result, endpoint.result, known)
        self.never_came[name] = sorted(not_seen - seen)
        return result

    # ------------------------------------------------------------------ single facts

    def _clock(self, kraken: object, before: float, after: float) -> None:
        if not isinstance(kraken, int):
            return
        # Whole seconds: Kraken's clock showed something from `kraken` up to a second more.
        ahead, behind = kraken - after, before - (kraken + 1)
        off = max(ahead, behind)
        what = "" if off <= CLOCK else f"{off:.0f} s {'ahead of' if ahead > 0 else 'behind'} this clock"
        self._findings.say(1, "server clock", holds=off <= CLOCK, what=what)

    def _key(self) -> None:
        info = self.results.get("GetApiKeyInfo")
        if not isinstance(info, Mapping):
            return
        self._findings.say(
            1,
            "key info names",
            holds="api_key_name" in info,
            what="" if "api_key_name" in info else "names are written as in nonceWindow",
        )
        window = str(info.get("nonce_window", info.get("nonceWindow", "")))
        self._findings.say(1, "nonce window", holds=None if not window else window == "0", what=_set(window))
        nonce = str(info.get("nonce", ""))
        last = self._client.stats().last_nonce or 0
        if nonce.isdigit():
            self._findings.say(1, "key nonce", holds=int(nonce) > 0 and abs(int(nonce) - last) < 10**15)

    async def _amends(self) -> None:
        """Ask what one order was amended to; of an order that never was, Kraken shows the original alone."""
        orders = {**self._orders("OpenOrders"), **self._orders("ClosedOrders")}
        if not orders:
            self._findings.add(1, "shape of OrderAmends", "cannot be told", "nothing here to ask for")
            return
        amended = [txid for txid, order in orders.items() if "amended" in str(order.get("misc", ""))]
        result = await self._ask("OrderAmends", {"order_id": (amended or list(orders))[0]})
        tell_amend_unit(self._findings, result)

    def _orders_shown(self) -> None:
        orders = [*self._orders("OpenOrders").values(), *self._orders("ClosedOrders").values()]
        without = [order for order in orders if not order.get("userref")]
        forms = {"null" if "userref" in order and order["userref"] is None else
                 "0" if "userref" in order else "missing" for order in without}  # fmt: skip
        self._findings.say(
            1,
            "no userref",
            holds=forms == {"null"} if forms else None,
            what=", ".join(sorted(forms - {"null"})),
        )
        names = {
            str(order.get("descr", {}).get("pair"))
            for order in orders
            if isinstance(order.get("descr"), Mapping)
        }
        altnames = {row.get("altname") for row in _rows(self.results.get("AssetPairs"))}
        here = {name for name in names if name in altnames}
        self._findings.say(1, "order pair", holds=True if here else None)

    async def _by_client_id(self) -> None:
        orders = {**self._orders("OpenOrders"), **self._orders("ClosedOrders")}
        named = next(
            ((txid, order["cl_ord_id"]) for txid, order in orders.items() if order.get("cl_ord_id")), None
        )
        if named is None:
            return
        try:
            found = await self._client.private("QueryOrders", {"cl_ord_id": named[1]})
        except KrakenError as error:
            self._findings.say(1, "query by cl_ord_id", holds=False, what=said(error))
            return
        self._findings.say(1, "query by cl_ord_id", holds=named[0] in found)

    async def _cursor(self) -> None:
        try:
            found = await self._client.private("OpenOrders", {"with_cursor": True})
        except KrakenError as error:
            self._findings.say(1, "cursor", holds=False, what=said(error))
            return
        self._findings.say(1, "cursor", holds="cursor" in found)

    def _order_of(self, fact: str, times: list[float], *, rising: bool) -> None:
        if len(set(times)) < 2:
            self._findings.say(1, fact, holds=None, what="too few rows")
            return
        self._findings.say(1, fact, holds=times == sorted(times, reverse=not rising))

    # ------------------------------------------------------------------ parts of results

    def _orders(self, name: str) -> dict[str, dict[str, Any]]:
        return self._under(name, "open" if name == "OpenOrders" else "closed")

    def _under(self, name: str, key: str) -> dict[str, dict[str, Any]]:
        result = self.results.get(name)
        rows = result.get(key) if isinstance(result, Mapping) else None
        return (
            {txid: row for txid, row in rows.items() if isinstance(row, dict)}
            if isinstance(rows, dict)
            else {}
        )

    def _times(self, name: str, column: int) -> list[float]:
        result = self.results.get(name)
        rows = next((value for value in result.values() if isinstance(value, list)), []) if result else []
        return [
            row[column] for row in rows if isinstance(row, list) and isinstance(row[column], (int, float))
        ]

    def _closed_times(self) -> list[float]:
        rows = self._orders("ClosedOrders").values()
        return [row["closetm"] for row in rows if isinstance(row.get("closetm"), (int, float))]

    def _history_times(self) -> list[float]:
        rows = self._under("TradesHistory", "trades").values()
        return [row["time"] for row in rows if isinstance(row.get("time"), (int, float))]

    async def _follow(self, name: str, field: str, rows: Mapping[str, Any]) -> None:
        """Ask for one of the rows by its id."""
        if rows:
            await self._ask(name, {field: next(iter(rows))})
        else:
            self._findings.add(1, f"shape of {name}", "cannot be told", "nothing here to ask for")


def tell_amend_unit(findings: Findings, result: object, tier: int = 1) -> None:
    """Tell the unit of an amend's time by its size."""
    amends = result.get("amends") if isinstance(result, Mapping) else None
    stamps = [row.get("timestamp") for row in amends or () if isinstance(row, Mapping)]
    numbers = [stamp for stamp in stamps if isinstance(stamp, int)]
    if numbers:
        digits = len(str(numbers[0]))
        unit = {13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}.get(
            digits, counted(digits, "digit")
        )
        findings.add(
            1, "amend times", "confirmed" if digits == 13 else "differs", "" if digits == 13 else unit
        )


def anonymous(found: Iterable[Difference]) -> list[str]:
    """Return differences in words, with names that cannot be fields of Kraken's left out."""
    shown = []
    for each in found:
        steps = [step if _FIELD.fullmatch(step.rstrip("[]0123456789*")) or not step.strip("*[]0123456789") else "?"
                 for step in each.path.split(".")]  # fmt: skip
        shown.append(f"{'.'.join(steps) or 'the result'}: {each.what}")
    return shown


def said(error: KrakenError) -> str:
    """Return what went wrong without what may name the account: Kraken's words up to the second colon."""
    if error.errors:
        return ", ".join(":".join(entry.split(":")[:2])[:80] for entry in error.errors)
    return type(error).__name__


def _rows(result: object) -> list[dict[str, Any]]:
    return [row for row in result.values() if isinstance(row, dict)] if isinstance(result, Mapping) else []


def _set(window: str) -> str:
    return "" if window in ("", "0") else "set"
