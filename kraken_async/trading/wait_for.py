"""Wait until an order is closed, by look-ups that grow rarer, within the limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kraken_async.api.arguments import check_text
from kraken_async.errors import OrderError, Outcome

if TYPE_CHECKING:
    from kraken_async.call import Caller

#: Statuses in which an order stays.
CLOSED: Final = frozenset({"closed", "canceled", "expired"})
#: Seconds between two look-ups: at first, and at most.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0
#: Seconds for which an order that Kraken accepted may not show.
VISIBILITY: Final = 120.0


async def wait_for(
    caller: Caller, *, txid: str | None = None, cl_ord_id: str | None = None, visibility: float = VISIBILITY
) -> dict[str, Any]:
    """Return the order once it is closed, cancelled or expired: Kraken's row, with its ``txid`` added.

    In it ``status``, ``vol_exec`` (executed), ``price`` (average), ``cost`` and ``fee``. An id that Kraken knows more
    than once (ids may be used again) is the newest order's. Raises OrderError if no such order shows within
    ``visibility`` seconds, KrakenError as look-ups do. Cancelled: nothing changes.
    """
    if (txid is None) == (cl_ord_id is None):
        msg = "wait_for takes either txid or cl_ord_id"
        raise ValueError(msg)
    check_text("txid" if cl_ord_id is None else "cl_ord_id", txid if cl_ord_id is None else cl_ord_id)
    loop = asyncio.get_running_loop()
    patience, pause = loop.time() + visibility, _FIRST_PAUSE
    while True:
        found = await (_by_txid(caller, txid) if txid is not None else _by_client_id(caller, cl_ord_id))
        if found is not None:
            if found.get("status") in CLOSED:
                return found
            patience, txid = loop.time() + visibility, found["txid"]
        elif loop.time() >= patience:
            what = f"txid={txid}" if txid is not None else f"cl_ord_id={cl_ord_id}"
            msg = f"no order {what} shows for {visibility:g} s"
            raise OrderError(msg, endpoint="QueryOrders", outcome=Outcome.REFUSED)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def _by_txid(caller: Caller, txid: str) -> dict[str, Any] | None:
    try:
        rows = await caller.private("QueryOrders", txid=txid)
    except OrderError:  # one that does not show yet may be refused as unknown
        return None
    return {**rows[txid], "txid": txid} if rows.get(txid) else None


async def _by_client_id(caller: Caller, cl_ord_id: str | None) -> dict[str, Any] | None:
    for endpoint, field in (("OpenOrders", "open"), ("ClosedOrders", "closed")):
        rows = (await caller.private(endpoint, cl_ord_id=cl_ord_id)).get(field) or {}
        named = [(txid, row) for txid, row in rows.items() if row.get("cl_ord_id", cl_ord_id) == cl_ord_id]
        if named:
            txid, row = max(named, key=lambda each: each[1].get("opentm") or 0)
            return {**row, "txid": txid}
    return None
