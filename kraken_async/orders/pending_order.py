"""PendingOrder: what a session knows of one order that may have to be looked up, and the error that says so."""

from __future__ import annotations

import asyncio
import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kraken_async.errors import Looked, OutcomeUnknown, cause_of
from kraken_async.order_fields import canonical_id, number, redacted
from kraken_async.orders.absence import Clocks
from kraken_async.orders.intent import Intent, new_cl_ord_id
from kraken_async.orders.order_matching import RequestedOrder, SendTime, rows_of
from kraken_async.orders.policy import OrderPolicy, own_deadline
from kraken_async.system.paths import boot_id

if TYPE_CHECKING:
    from kraken_async.call import Call
    from kraken_async.errors import Finding, KrakenError
    from kraken_async.orders.journal import Journal
    from kraken_async.server_time import ServerTime

#: Looks that an error tells of: the latest.
MOST_LOOKS: Final = 24
OWN_USERREF: Final = (
    "a userref of your own proves no identity: it is found only on one new order that agrees in every field"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was done to find out about an order: ``rounds`` of look-ups, and what the ``last`` of them was answered.

    ``goes_on``: another round comes by itself.
    """

    rounds: int
    last: tuple[Looked, ...]
    goes_on: bool


@dataclass(slots=True, eq=False)
class PendingOrder:
    """One order call on its way, or one that a dead session left: what is known of it so far.

    ``known_at``: the boot clock when this process first knew of it. ``epoch``: that of Kraken's clock at the sending.
    """

    intent: Intent
    known_at: float
    call: Call | None = None
    client_ids: tuple[str, ...] = ()  # of the order, or of the rows of its batch
    nonce: int = 0
    epoch: int = 0
    reason: KrakenError | None = None  # how its last sending failed
    found: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)  # rows of a batch seen so far
    result: Any = None  # once it was found after its caller was told that it is unknown
    txid: str | None = None  # the order that an amend is about, once known
    looked: bool = False  # a whole round of look-ups was answered
    looks: list[Looked] = field(default_factory=list)  # the latest
    rounds: int = 0  # of look-ups
    last_round: tuple[Looked, ...] = ()
    asked: int = 0  # questions, in all rounds
    denied: dict[str, str] = field(default_factory=dict)  # what the key may not look at, and Kraken's words
    caller_informed: bool = False  # that it is unknown
    claimed: bool = False  # the other sessions have been told that it carries its keys
    journal: Journal | None = None  # another key's, where the intent is on record there
    here: bool = True  # sent in this boot of this machine, so that its boot clock counts
    hinted: bool = False  # something was seen elsewhere that may be it, since the last look-up
    waiting: asyncio.Event | None = None  # there while its next look-up is waited for
    _rows: tuple[RequestedOrder, ...] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        intent = self.intent
        self.nonce = self.nonce or intent.nonce
        self.here = self.call is not None or (bool(intent.boot) and intent.boot == this_boot())

    @property
    def rows(self) -> tuple[RequestedOrder, ...]:
        """The orders that it asked for, one for each row of a batch; none for a change. Read when first asked for."""
        if self._rows is None:
            self._rows = rows_of(self.intent) if self.intent.endpoint in ("AddOrder", "AddOrderBatch") else ()
        return self._rows

    @property
    def finding(self) -> Finding:
        """The words for it while it is neither found nor proven absent."""
        return "not seen" if self.looked else "unreachable"

    @property
    def findable(self) -> bool:
        """Whether there is anything to look for it by."""
        return not self.rows or any(row.identity != "nothing" for row in self.rows)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names for what identifies it, where another call may carry the same: see order_matching."""
        params = self.intent.params
        if self.intent.generated:  # each of its ids was made here
            return ()
        if self.rows:
            return tuple(row.key for row in self.rows if row.key is not None)
        named = params.get("txid") or params.get("cl_ord_id")
        kind = {"AmendOrder": "a", "EditOrder": "e"}.get(self.intent.endpoint)
        return (f"{kind}{canonical_id(named)}",) if kind and named else ()

    @property
    def mark(self) -> str:
        """A short name for it, for the lists that sessions share."""
        return short(self.intent.id)

    def note_look(self, at: float, endpoint: str, answer: str) -> None:
        """Keep what was asked, when, and what came back, for the error that tells of it."""
        self.looks.append(Looked(at, endpoint, answer))
        self.asked += 1
        del self.looks[:-MOST_LOOKS]

    def note_round(self, asked: int) -> None:
        """Count a round of look-ups, of the last ``asked`` questions."""
        self.rounds += 1
        self.last_round = tuple(self.looks[-asked:]) if asked else ()

    def look_soon(self) -> None:
        """Let the next look-up begin at once: something was seen elsewhere that may be this order."""
        self.hinted = True
        if self.waiting is not None:
            self.waiting.set()

    async def rest(self, seconds: float) -> None:
        """Wait between two look-ups; not at all once `look_soon` was called."""
        self.waiting = asyncio.Event()
        try:
            if not self.hinted:
                async with asyncio.timeout(seconds):
                    await self.waiting.wait()
        except TimeoutError:
            pass
        finally:
            self.waiting, self.hinted = None, False

    # -- when it was sent ----------------------------------------------------------------------------------

    def send_time(self, server_time: ServerTime) -> SendTime | None:
        """Return when it was sent, in Kraken's time; None: not known.

        By the boot clock, so that what is learnt of Kraken's clock later makes it better; else as it was recorded.
        """
        intent = self.intent
        bounds = None
        if self.here and intent.boot_clock is not None:
            bounds = server_time.span(intent.boot_clock)
        afresh = self.call is not None and server_time.epoch != self.epoch
        if intent.clock_error is not None and not afresh:
            recorded = intent.sent_at - intent.clock_error, intent.sent_at + intent.clock_error
            if bounds is None:
                bounds = recorded
            elif bounds[0] > recorded[1] or recorded[0] > bounds[1]:
                return None  # one of the two clocks was wrong
            else:
                bounds = max(bounds[0], recorded[0]), min(bounds[1], recorded[1])
        if bounds is None:
            return None
        # Without its mark it was sent at any time after it was put on record.
        return SendTime(bounds[0], bounds[1] if intent.sent else math.inf, intent.due)

    def clocks(self, *, now: float, kraken: float | None, epoch: int) -> Clocks:
        """Return where both clocks stand: ``now`` on the boot clock, ``kraken`` the earliest that Kraken's can show."""
        intent = self.intent
        sent = intent.boot_clock if self.here and intent.sent and intent.boot_clock is not None else None
        life = intent.deadline
        if life is None:
            life = 0.0 if intent.due is None else intent.due - intent.sent_at + (intent.clock_error or 0.0)
        return Clocks(
            elapsed=now - (self.known_at if sent is None else sent),
            life=life,
            due=intent.due,
            kraken=kraken,
            afresh=self.call is not None and epoch != self.epoch,
        )

    # -- what its caller learns ----------------------------------------------------------------------------

    def unknown(
        self, finding: Finding | None, *, why: str = "", decidable_at: float | None = None
    ) -> OutcomeUnknown:
        """Return the error that tells the caller what is known of it."""
        intent, reason = self.intent, self.reason
        words = [str(reason)] if reason is not None else []
        words += [f"{name}: the API key may not look ({why})" for name, why in self.denied.items()]
        words += [f"row {place} is placed, {txid}" for place, (txid, _) in sorted(self.found.items())]
        if finding != "absent" and any(row.identity == "own userref" for row in self.rows):
            words.append(OWN_USERREF)
        words += [why] if why else []
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
            cause=cause_of(reason),
            looks=self.looks,
            decidable_at=decidable_at,
            intent_id=intent.id,
            errors=() if reason is None else reason.errors,
        )
        error._intent = intent
        error.__cause__ = reason
        return error


def this_boot() -> str:
    """Return what stands for this boot of this machine; "" where the system does not tell."""
    boot = boot_id()
    return boot.hex() if any(boot) else ""


def short(name: str) -> str:
    """Return eight bytes in hexadecimal that stand for a name."""
    return hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def intent_of(call: Call, now: float, clock_error: float | None, session: str) -> Intent:
    """Return the intent of a call about to be queued."""
    params = redacted(call.params)
    rows = params.get("orders") if call.endpoint.engine == "add_batch" else None
    ids = {
        str(row.get("cl_ord_id", row.get("userref", "")))
        for row in (rows if rows and isinstance(rows, (list, tuple)) else [params])
        if isinstance(row, dict)
    }
    return Intent(
        id=new_cl_ord_id(),
        endpoint=call.endpoint.name,
        params=params,
        sent_at=now,
        clock_error=clock_error,
        cl_ord_id=params.get("cl_ord_id"),
        userref=_userref(params.get("userref")),
        deadline=call.deadline,
        due=own_deadline(params),
        boot=this_boot(),
        generated=ids <= call.made_ids,
        made=tuple(sorted(call.made_ids)),
        session=session,
    )


def intent_of_error(error: OutcomeUnknown, policy: OrderPolicy) -> Intent:
    """Return what an error, perhaps of another process, knows of its order."""
    if isinstance(error._intent, Intent):
        return error._intent
    sent_at = error.sent_at or 0.0
    due, deadline = own_deadline(error.sent), None
    if due is None and policy.deadline is not None:
        deadline = policy.deadline
        due = sent_at + deadline
    return Intent(
        id=error.intent_id or f"nonce {error.nonce}",
        endpoint=error.endpoint or "",
        params=dict(error.sent),
        sent_at=sent_at,
        cl_ord_id=error.cl_ord_id,
        userref=_userref(error.userref),
        deadline=deadline,
        due=due,
        nonce=error.nonce or 0,
        sent=True,
    )


def _userref(value: Any) -> int | None:
    """Return a userref as it was given, as a number; None for what is none, which Kraken refuses by itself."""
    found = None if value is None else number(value)
    return None if found is None else int(found)
