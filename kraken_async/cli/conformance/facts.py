"""The client's assumptions about Kraken that can be asked: by reads, by validated orders, by one order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["confirmed", "differs", "cannot be told"]

#: By tier: what is assumed, by a name that stays.
ASSUMED: Final[dict[int, dict[str, str]]] = {
    1: {
        "server clock": "Time.unixtime is within two seconds of a clock that is set by NTP",
        "key info names": "GetApiKeyInfo names its fields with underscores, as in nonce_window",
        "key nonce": "GetApiKeyInfo.nonce is the highest nonce seen, at least that of the call itself",
        "nonce window": "a key has a nonce window of 0, unless its owner set another",
        "amend times": "OrderAmends.timestamp is in milliseconds",
        "no userref": "an order without userref shows null",
        "order pair": "an order's descr.pair is the altname of a pair",
        "query by cl_ord_id": "QueryOrders finds an order by cl_ord_id alone",
        "cursor": "OpenOrders pages by cursor with with_cursor=true",
        "closed newest first": "ClosedOrders comes newest first, by the time of closing",
        "trades newest first": "TradesHistory comes newest first",
        "public trades oldest first": "Trades comes oldest first",
    },
    2: {
        "validate": "validate=true answers with descr and without txid",
        "percent in a form": "a relative price with % is taken in a form body",
        "percent in JSON": "a relative price with % is taken in a JSON body",
        "odd volume": "digits of a volume beyond lot_decimals are cut off",
        "odd price": "a price off the tick is refused",
        "unknown field": "a field that Kraken does not know is ignored",
        "free cl_ord_id": "a cl_ord_id of up to 18 characters may hold underscores",
        "impossible orders": "combinations that are documented as impossible are refused",
    },
    3: {
        "txid": "AddOrder answers with one txid",
        "shown open": "an accepted order shows in OpenOrders by cl_ord_id, within 120 s",
        "shown by txid": "QueryOrders shows it by txid at once",
        "not yet closed": "ClosedOrders does not show it while it is open",
        "amend": "AmendOrder keeps the txid and shows in OrderAmends",
        "cancel by cl_ord_id": "CancelOrder by cl_ord_id cancels it and counts 1",
        "cancel again": "a second cancel is refused with EOrder:Unknown order or EOrder:Invalid order",
        "shown closed": "a cancelled order shows in ClosedOrders by cl_ord_id, within 120 s",
    },
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The yield of one question. ``what`` holds no id, amount or name of the account."""

    tier: int
    fact: str
    verdict: Verdict
    what: str = ""


class Findings:
    """The findings so far, each fact once."""

    def __init__(self) -> None:
        self.all: dict[str, Finding] = {}
        self.times: dict[str, float] = {}

    def add(self, tier: int, fact: str, verdict: Verdict, what: str = "") -> None:
        """Keep a finding."""
        self.all[fact] = Finding(tier, fact, verdict, what)

    def say(self, tier: int, fact: str, *, holds: bool | None, what: str = "") -> None:
        """Keep what an answer says of an assumption; None: it says nothing."""
        assert fact in ASSUMED[tier], fact
        verdict: Verdict = "cannot be told" if holds is None else "confirmed" if holds else "differs"
        self.add(tier, fact, verdict, what)

    def complete(self, tier: int, why: str) -> None:
        """Keep what was not asked, as not told."""
        for fact in ASSUMED[tier]:
            if fact not in self.all:
                self.add(tier, fact, "cannot be told", why)

    def of(self, verdict: Verdict) -> list[Finding]:
        """Return the findings with this verdict."""
        return [each for each in self.all.values() if each.verdict == verdict]
