"""PendingOrder: what a session knows of one order that may have to be looked up, and the error that says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kraken_async.errors import OutcomeUnknown
from kraken_async.order_fields import number, redacted
from kraken_async.orders.intent import Intent, new_cl_ord_id
from kraken_async.orders.order_matching import RequestedOrder, rows_of
from kraken_async.orders.policy import OrderPolicy, own_deadline

if TYPE_CHECKING:
    from kraken_async.call import Call
    from kraken_async.errors import Finding, KrakenError


@dataclass(slots=True, eq=False)
class PendingOrder:
    """One order call on its way, or one that a dead session left: what is known of it so far."""

    intent: Intent
    call: Call | None = None
    client_ids: tuple[str, ...] = ()  # of the order, or of the rows of its batch
    rows: tuple[RequestedOrder, ...] = ()
    nonce: int = 0
    sent_clock: float | None = None  # the loop's clock when it was first sent; None: by another session
    reason: KrakenError | None = None  # how its last sending failed
    found: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)  # rows of a batch seen so far
    txid: str | None = None  # the order that an amend is about, once known
    looked: bool = False  # a whole round of look-ups was answered
    denied: dict[str, str] = field(default_factory=dict)  # what the key may not look at, and Kraken's words
    caller_informed: bool = False  # that it is unknown
    limit_at: float | None = None  # when the caller's patience ends, on the loop's clock

    def __post_init__(self) -> None:
        if self.intent.endpoint in ("AddOrder", "AddOrderBatch"):
            self.rows = rows_of(self.intent)

    @property
    def finding(self) -> Finding:
        """What can be said of it while it is neither found nor proven absent."""
        return "not seen" if self.looked else "unreachable"

    def unknown(self, finding: Finding | None) -> OutcomeUnknown:
        """Return the error that tells the caller what is known of it."""
        intent, reason = self.intent, self.reason
        words = [str(reason)] if reason is not None else []
        words += [f"{name}: the API key may not look ({why})" for name, why in self.denied.items()]
        words += [f"row {place} is placed, {txid}" for place, (txid, _) in sorted(self.found.items())]
        if any(row.findable and not row.named for row in self.rows):
            words.append(
                "a userref of your own proves no identity: unless one new order agrees in every field"
            )
        txid = self.txid or intent.params.get("txid")
        error = OutcomeUnknown(
            "; ".join(words),
            endpoint=intent.endpoint,
            nonce=self.nonce or None,
            cl_ord_id=intent.cl_ord_id,
            userref=intent.userref,
            txid=None if txid is None else str(txid),
            sent=intent.params,
            sent_at=intent.sent_at,
            finding=finding,
            errors=() if reason is None else reason.errors,
        )
        error.__cause__ = reason
        return error


def intent_of(call: Call, now: float, session: str) -> Intent:
    """Return the intent of a call about to be queued."""
    params = redacted(call.params)
    rows = params.get("orders") if call.endpoint.engine == "add_batch" else None
    ids = {str(row.get("cl_ord_id", row.get("userref", ""))) for row in (rows or [params])}
    return Intent(
        id=new_cl_ord_id(),
        endpoint=call.endpoint.name,
        params=params,
        sent_at=now,
        cl_ord_id=params.get("cl_ord_id"),
        userref=_userref(params.get("userref")),
        deadline=call.deadline,
        due=own_deadline(params),
        generated=ids <= call.made_ids,
        session=session,
    )


def intent_of_error(error: OutcomeUnknown, policy: OrderPolicy) -> Intent:
    """Return what an error, perhaps of another process, knows of its order."""
    sent_at = error.sent_at or 0.0
    due = own_deadline(error.sent)
    if due is None and policy.deadline is not None:
        due = sent_at + policy.deadline
    return Intent(
        id=error._intent or f"nonce {error.nonce}",
        endpoint=error.endpoint or "",
        params=dict(error.sent),
        sent_at=sent_at,
        cl_ord_id=error.cl_ord_id,
        userref=_userref(error.userref),
        due=due,
        sent=True,
    )


def _userref(value: Any) -> int | None:
    """Return a userref as it was given, as a number; None for what is none, which Kraken refuses by itself."""
    found = None if value is None else number(value)
    return None if found is None else int(found)
