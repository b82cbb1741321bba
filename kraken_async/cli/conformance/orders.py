"""Tier 2: orders that Kraken only validates. Tier 3: one order, far from the market, amended and cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import uuid
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from kraken_async import KrakenError, KrakenSession, PermissionDenied, TransportError
from kraken_async.api.description import description
from kraken_async.api.kinds import Body
from kraken_async.cli.conformance.facts import Findings
from kraken_async.cli.conformance.reads import said, tell_amend_unit
from kraken_async.client import Client

#: Seconds within which an order has to show, and between two looks.
VISIBLE: Final = 120.0
LOOK_EVERY: Final = 1.0
#: The order's price, as a part of the best bid.
FAR: Final = Decimal("0.6")

_VOLUME: Final = re.compile(r"(?:buy|sell) ([0-9.]+) ")


class Market:
    """The pair's rules and its best bid, for orders that cannot be executed."""

    def __init__(self, pair: str, row: Mapping[str, Any], bid: Decimal) -> None:
        self.pair = pair
        self.tick: Decimal = Decimal(
            str(row.get("tick_size") or Decimal(1).scaleb(-int(row["pair_decimals"])))
        )
        self.lot_decimals: int = int(row["lot_decimals"])
        self.price: Decimal = (bid * FAR / self.tick).to_integral_value(ROUND_DOWN) * self.tick
        least = Decimal(str(row.get("ordermin") or "0"))
        cost = Decimal(str(row.get("costmin") or "0"))
        lot = Decimal(1).scaleb(-self.lot_decimals)
        needed = max(least, cost / self.price if self.price else least)
        self.volume: Decimal = (needed / lot).to_integral_value(ROUND_DOWN) * lot
        if self.volume < needed:
            self.volume += lot

    @classmethod
    async def of(cls, client: KrakenSession, pair: str) -> Market:
        """Ask for the pair's rules and its best bid. Raises KrakenError."""
        rows = await client.public("AssetPairs", {"pair": pair})
        tickers = await client.public("Ticker", {"pair": pair})
        row, ticker = next(iter(rows.values())), next(iter(tickers.values()))
        return cls(pair, row, Decimal(str(ticker["b"][0])))

    def order(self, **changes: Any) -> dict[str, Any]:
        """Return a post-only limit order of the smallest size, with what is given changed; None takes a field out."""
        fields = {
            "pair": self.pair,
            "type": "buy",
            "ordertype": "limit",
            "volume": self.volume,
            "price": self.price,
            "oflags": "post",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}


class Validated:
    """Asks Kraken to validate orders. The session's guard adds ``validate`` to each.

    ``ask_in`` gives a view of the session whose calls go in a form or in JSON.
    """

    def __init__(self, ask_in: Callable[[Body], Client], market: Market, findings: Findings) -> None:
        self._ask_in = ask_in
        self._market = market
        self._findings = findings

    async def ask(self) -> None:
        """Ask all questions of tier 2."""
        market = self._market
        answer = await self._try(market.order())
        if isinstance(answer, KrakenError):
            self._findings.complete(2, said(answer))
            return
        self._findings.say(2, "validate", holds="descr" in answer and "txid" not in answer)
        forms: tuple[tuple[Body, str], ...] = (("form", "percent in a form"), ("json", "percent in JSON"))
        for body, fact in forms:
            answer = await self._try(market.order(price="-40%"), body=body)
            refused = isinstance(answer, KrakenError)
            self._findings.say(2, fact, holds=not refused, what=said(answer) if refused else "")
        await self._odd_volume()
        await self._odd_price()
        answer = await self._try(market.order(x_conformance="1"))
        self._say_taken("unknown field", answer)
        answer = await self._try(market.order(cl_ord_id=f"conf_{uuid.uuid4().hex[:8]}"))
        self._say_taken("free cl_ord_id", answer)
        await self._impossible()

    async def _try(self, fields: Mapping[str, Any], body: Body = "form") -> Any:
        """Validate an order; return the answer, or the error that refused it."""
        try:
            return await self._ask_in(body).private("AddOrder", dict(fields))
        except (TransportError, PermissionDenied):
            raise
        except KrakenError as error:
            return error

    def _say_taken(self, fact: str, answer: Any) -> None:
        refused = isinstance(answer, KrakenError)
        self._findings.say(2, fact, holds=not refused, what=said(answer) if refused else "")

    async def _odd_volume(self) -> None:
        digits = self._market.lot_decimals
        odd = self._market.volume + Decimal(16).scaleb(-digits - 1)  # one and six tenths of a lot
        answer = await self._try(self._market.order(volume=odd))
        if isinstance(answer, KrakenError):
            self._findings.say(2, "odd volume", holds=False, what=f"refused: {said(answer)}")
            return
        found = _VOLUME.match(str(answer.get("descr", {}).get("order", "")))
        if found is None:
            self._findings.say(2, "odd volume", holds=None, what="descr does not show it")
            return
        shown, lot = Decimal(found[1]), Decimal(1).scaleb(-digits)
        forms = {odd: "shown as sent", odd.quantize(lot, ROUND_DOWN): "cut", odd.quantize(lot): "rounded"}
        form = forms.get(shown, "shown otherwise")
        self._findings.say(2, "odd volume", holds=form == "cut", what="" if form == "cut" else form)

    async def _odd_price(self) -> None:
        answer = await self._try(self._market.order(price=self._market.price + self._market.tick / 4))
        refused = isinstance(answer, KrakenError)
        self._findings.say(2, "odd price", holds=refused, what=said(answer) if refused else "taken")

    async def _impossible(self) -> None:
        """Send an order against each rule of the description, and see that Kraken refuses it."""
        taken = []
        for rule in description().rules["order"]:
            wrong = self._against(rule)
            if wrong is not None and not isinstance(await self._try(wrong), KrakenError):
                taken.append(_rule_name(rule))
        self._findings.say(
            2, "impossible orders", holds=not taken, what=f"taken: {'; '.join(taken)}" if taken else ""
        )

    def _against(self, rule: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return an order that breaks one rule, and as far as can be seen no other."""
        changes: dict[str, Any] = {"oflags": None}
        for name, values in rule.get("when", {}).items():
            changes[name] = values[0]
        for name in rule.get("needs", ()):
            changes[name] = None
        if changes.get("ordertype") == "settle-position":
            return None  # it needs a position
        for name, values in list(rule.get("refuses", {}).items())[:1]:
            both = [changes[name], values[0]] if changes.get(name) else [values[0]]
            changes[name] = ",".join(both)
        if "ordertype" in changes and changes["ordertype"] == "market":
            changes["price"] = None
        for name in rule.get("together", ()):
            changes[name] = {
                "cl_ord_id": str(uuid.uuid4()),
                "userref": 1,
                "close": {"ordertype": "limit", "price": self._market.price * 3},
            }[name]
        return self._market.order(**changes)


def _rule_name(rule: Mapping[str, Any]) -> str:
    when = " ".join(f"{name} {values[0]}" for name, values in rule.get("when", {}).items())
    what = ", ".join(
        [
            *(f"without {name}" for name in rule.get("needs", ())),
            *(f"with {name} {values[0]}" for name, values in rule.get("refuses", {}).items()),
            *(f"without {name} {values[0]}" for name, values in rule.get("only", {}).items()),
            " with ".join(rule.get("together", ())),
        ]
    ).strip(", ")
    return f"{when} {what}".strip()


class OneOrder:
    """Places one order, amends it, looks it up by each id, cancels it, and times what it does."""

    def __init__(self, client: KrakenSession, market: Market, findings: Findings) -> None:
        self._client = client
        self._market = market
        self._findings = findings
        self._txid = ""
        self._id = str(uuid.uuid4())

    async def run(self) -> None:
        """Ask all questions of tier 3. Whatever happens, the order is cancelled in the end. Raises KrakenError."""
        try:
            await self._place()
            await self._look()
            await self._amend()
            await self._cancel()
        finally:
            with contextlib.suppress(KrakenError):  # most often it is gone
                await self._client.private("CancelOrder", {"cl_ord_id": self._id})

    async def _place(self) -> None:
        started = time.monotonic()
        answer = await self._client.private("AddOrder", self._market.order(cl_ord_id=self._id))
        self._took("AddOrder", started)
        txids = answer.get("txid") if isinstance(answer, Mapping) else None
        one = isinstance(txids, list) and len(txids) == 1
        self._txid = txids[0] if txids and isinstance(txids, list) else str(txids or "")
        self._findings.say(3, "txid", holds=one, what="" if one else "not a list of one")
        started = time.monotonic()
        found = await self._until("OpenOrders", "open", started)
        self._findings.say(3, "shown open", holds=found)

    async def _look(self) -> None:
        found = await self._client.private("QueryOrders", {"txid": self._txid})
        self._findings.say(3, "shown by txid", holds=self._txid in found)
        closed = await self._client.private("ClosedOrders", {"cl_ord_id": self._id})
        self._findings.say(3, "not yet closed", holds=self._txid not in closed.get("closed", {}))

    async def _amend(self) -> None:
        started = time.monotonic()
        try:
            await self._client.private(
                "AmendOrder", {"txid": self._txid, "limit_price": self._market.price - self._market.tick}
            )
        except KrakenError as error:
            self._findings.say(3, "amend", holds=False, what=said(error))
            return
        self._took("AmendOrder", started)
        amends = await self._client.private("OrderAmends", {"order_id": self._txid})
        tell_amend_unit(self._findings, amends)
        orders = await self._client.private("QueryOrders", {"txid": self._txid})
        kept = self._txid in orders and orders[self._txid]["status"] == "open"
        rows = amends.get("amends") or []
        self._findings.say(
            3, "amend", holds=kept and len(rows) >= 2, what="" if kept else "the order is not open"
        )

    async def _cancel(self) -> None:
        started = time.monotonic()
        try:
            answer = await self._client.private("CancelOrder", {"cl_ord_id": self._id})
            self._took("CancelOrder", started)
            self._findings.say(3, "cancel by cl_ord_id", holds=answer.get("count") == 1)
        except KrakenError as error:
            self._findings.say(3, "cancel by cl_ord_id", holds=False, what=said(error))
            await self._client.private("CancelOrder", {"txid": self._txid})
        started = time.monotonic()
        found = await self._until("ClosedOrders", "closed", started)
        self._findings.say(3, "shown closed", holds=found)
        try:
            await self._client.private("CancelOrder", {"txid": self._txid})
            self._findings.say(3, "cancel again", holds=False, what="taken")
        except KrakenError as error:
            gone = any(
                entry.startswith(("EOrder:Unknown order", "EOrder:Invalid order")) for entry in error.errors
            )
            self._findings.say(3, "cancel again", holds=gone, what="" if gone else said(error))

    async def _until(self, endpoint: str, key: str, started: float) -> bool:
        """Look for the order by its ``cl_ord_id`` until it shows, and keep how long that took."""
        while True:
            answer = await self._client.private(endpoint, {"cl_ord_id": self._id})
            if self._txid in (answer.get(key) or {}):
                self._took(f"shown in {endpoint}", started)
                return True
            if time.monotonic() - started > VISIBLE:
                return False
            await asyncio.sleep(LOOK_EVERY)

    def _took(self, what: str, started: float) -> None:
        self._findings.times[what] = round(time.monotonic() - started, 3)
