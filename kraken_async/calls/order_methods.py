"""OrderMethods: what a session offers for orders whose outcome is not certain, and against its own silence."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from kraken_async.api.arguments import check_text
from kraken_async.call import Caller
from kraken_async.errors import OutcomeUnknown, SessionClosed
from kraken_async.orders.dead_man_switch import DeadManSwitch
from kraken_async.orders.intent import Intent
from kraken_async.problems import ProblemBoard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken_async.calls.cancellation import Cancellation
    from kraken_async.calls.lost_orders import LostOrders
    from kraken_async.calls.observation import Observation
    from kraken_async.orders.pending_order import Search
    from kraken_async.orders.tracker import OrderTracker


class OrderParts(Protocol):
    """The parts of an open session that know of orders."""

    @property
    def tracker(self) -> OrderTracker:
        """Orders on record."""
        ...

    @property
    def lost_orders(self) -> LostOrders:
        """Look-ups of orders whose answer was lost."""
        ...

    @property
    def cancellation(self) -> Cancellation:
        """Cancels that do not end before an order is closed."""
        ...

    @property
    def observation(self) -> Observation:
        """Orders as Kraken's WebSocket shows them."""
        ...

    @property
    def board(self) -> ProblemBoard:
        """Problems as they begin and end."""
        ...


class _OwnCaller(Caller, Protocol):
    """A session as a caller."""

    def _board(self) -> ProblemBoard: ...


class OrderMethods:
    """Mixed into a session, which gives the parts."""

    @abstractmethod
    async def _order_parts(self, what: str) -> OrderParts:
        """Return the parts of the session, opened if it was not. ``what`` needs them, and an API key."""

    @abstractmethod
    def _order_parts_now(self) -> OrderParts | None:
        """Return the parts of the session; None if it was never opened, or has no API key."""

    def unresolved(self, *, from_key: str | None = None) -> list[Intent]:
        """Return the orders whose outcome is not known: of sessions that died, and of this one those given up on.

        Each has ``cl_ord_id``, ``endpoint`` and ``sent_at`` (unix seconds). What a living session has in flight is
        not among them. Empty before the session is opened. ``from_key``: the hash of a key that was replaced, as in the
        names of its files: what its sessions left, to be looked up with this key. An id belongs to the account.
        """
        if from_key is not None:
            check_text("from_key", from_key)
        parts = self._order_parts_now()
        return [] if parts is None else parts.tracker.unresolved(from_key)

    async def resolve(self, intent: Intent | OutcomeUnknown) -> Any:
        """Look one of :meth:`unresolved` up: return the order's result as Kraken would have given it.

        Raises what the order was refused with, or OutcomeUnknown with its ``finding``. Cancelled: nothing changes.
        """
        _check_intent("resolve()", intent)
        parts = await self._order_parts("resolve()")
        return await parts.lost_orders.resolve(intent)

    def search(self, intent: Intent | OutcomeUnknown) -> Search:
        """Return what was done so far to find out about one of :meth:`unresolved`. Never waits.

        Its ``rounds`` of look-ups, the answers of the ``last`` one, and whether it ``goes_on`` by itself: an order of a
        session that died is looked up by :meth:`resolve` alone. Raises SessionClosed before the session is opened.
        """
        _check_intent("search()", intent)
        parts = self._order_parts_now()
        if parts is None:
            msg = "the session is not open: search() belongs to an open session with an API key"
            raise SessionClosed(msg)
        return parts.lost_orders.search(intent)

    async def ensure_cancelled(
        self,
        *,
        cl_ord_id: str | None = None,
        txid: str | None = None,
        intent: Intent | OutcomeUnknown | None = None,
    ) -> dict[str, Any]:
        """Cancel an order by its id and look until it is proven closed; return what was executed.

        Returns the order as Kraken shows it, with its ``txid``: ``status``, ``vol_exec``, ``cost``, ``fee``; the status
        "absent" when nothing of this id has shown within the policy's ``visibility``. Raises OutcomeUnknown while it is
        not proven, and what refuses the cancel. ``intent``: one of :meth:`unresolved`. Cancelled: what was sent stays
        sent.
        """
        if sum(each is not None for each in (cl_ord_id, txid, intent)) != 1:
            msg = "ensure_cancelled() takes cl_ord_id, txid or an intent: one of them names the order"
            raise ValueError(msg)
        if intent is not None:
            _check_intent("ensure_cancelled(intent=...)", intent)
        else:
            check_text("txid" if cl_ord_id is None else "cl_ord_id", txid if cl_ord_id is None else cl_ord_id)
        parts = await self._order_parts("ensure_cancelled()")
        if intent is not None:
            return await parts.lost_orders.ensure_cancelled(intent)
        return await parts.cancellation.ensure(cl_ord_id=cl_ord_id, txid=txid)

    async def dismiss(self, intent: Intent | OutcomeUnknown) -> None:
        """Strike one of :meth:`unresolved` off the record: its outcome is known otherwise, or does not matter.

        Raises KeyError if it is not open.
        """
        if isinstance(intent, str):
            raise KeyError(f"{intent!r} is not open: dismiss() takes the intent itself, of unresolved()")
        _check_intent("dismiss()", intent)
        parts = await self._order_parts("dismiss()")
        await parts.lost_orders.dismiss(intent)

    def observe(self, execution: Mapping[str, Any] | str | bytes) -> None:
        """Learn from a message of Kraken's WebSocket v2, channel ``executions``, that the caller's bot has received.

        Args:
            execution: the message as a mapping or as text, or one entry of its ``data``; other channels' tell nothing.

        A lost order whose id was made here is settled by the event that shows it: its caller gets the result at once.
        Another that may be the one shown is looked up at once. Ages of orders, and the pair's engine counter if the
        subscription asks for ``ratecounter``, are taken over. Never waits. Raises ValueError for what is no message;
        SessionClosed before the session is opened, and without a key.
        """
        parts = self._order_parts_now()
        if parts is None:
            msg = "the session is not open: observe() belongs to an open session with an API key"
            raise SessionClosed(msg)
        parts.observation.take(execution)

    def _board(self) -> ProblemBoard:
        parts = self._order_parts_now()
        return ProblemBoard() if parts is None else parts.board

    def dead_man_switch(self: _OwnCaller, seconds: float, *, every: float = 15.0) -> DeadManSwitch:
        """Return an ``async with`` in which all orders of the *account* are cancelled if this program falls silent.

        Kraken's CancelAllOrdersAfter, set to ``seconds`` and refreshed ``every`` so many; disarmed on a clean exit.
        """
        return DeadManSwitch(self, seconds, every, board=self._board)


def _check_intent(what: str, given: object) -> None:
    if not isinstance(given, (Intent, OutcomeUnknown)):
        msg = f"{what} takes one of unresolved(), or an OutcomeUnknown, not {type(given).__name__}"
        raise ValueError(msg)
