"""Each rule of what is told of an order is needed: without it, the schedules find something told that is not so."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from kraken_async.api.key_info import KeyInfo
from kraken_async.calls import worker
from kraken_async.emulator import Fault
from kraken_async.errors import KrakenError
from kraken_async.orders import (
    absence,
    claims,
    order_agreement,
    order_lookup,
    order_matching,
    recall,
    reconciler,
)
from kraken_async.orders.absence import why_key_cannot_tell
from kraken_async.orders.order_lookup import Answer, OrderLookup
from kraken_async.orders.order_matching import DOUBT, NOTHING, Orders, RequestedOrder, Sight
from kraken_async.orders.pending_order import PendingOrder
from kraken_async.server_time import ServerTime
from kraken_async.wire.response_decoder import decode
from tests.orders import schedules
from tests.orders.schedules import Plan
from tests.virtual_time import virtual

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(600),
    # A schedule stops at its first disagreement and leaves its sessions as they are; they are collected in this test.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what a stopped schedule has left, so that no later test is blamed for it."""
    yield
    gc.collect()


#: Schedules tried without a rule until one is wrong.
MOST = 120
QUIET = Plan(kills=False, windows=(), foreign=False, twins=False, cancels=False, nameless=False, share=(0.6,))
#: Orders that arrive when they should have come to nothing, at a Kraken that does not hold them to their deadline.
LATE = replace(
    QUIET,
    kinds=("made",),
    faults=(Fault.late(180.0, "before"),),
    share=(1.0,),
    only=("AddOrder",),
    punctual=False,
)
NEVER = (Fault.reset("before"), Fault.hang("before"), Fault.no_result("before"))
PLACED = (Fault.reset("after"), Fault.no_result("after"))


def _first_carrier(_row: Any, mine: Any, silent: Any, _look: Any) -> Sight:
    return Sight(next(iter(mine))) if mine else NOTHING


def _whatever_comes(self: ServerTime, _status: int, headers: Any, sent: float, now: float) -> None:
    """Learn from every page, and start afresh at once."""
    self._offset = None
    self.observe_date(headers.get("Date"), sent, now)


async def _half(
    self: OrderLookup, order: Any, this: Any, name: str, params: Any, field: str, kind: Any
) -> Any:
    """Take what is no answer for an empty one."""
    try:
        answer: Answer = await self._ask(name, params)
    except KrakenError:
        return {field: kind()}
    this.nonce = this.nonce or answer.nonce
    found = answer.result if isinstance(answer.result, dict) else {}
    return {field: kind(), **found}


def _believing(response: Any, endpoint: Any, **how: Any) -> Any:
    """Take an answer without a result for a result."""
    try:
        return decode(response, endpoint, **how)
    except KrakenError as error:
        if "neither an error nor a result" in str(error):
            return {"txid": ["O?"], "descr": {}, "amend_id": "T?"}
        raise


def _agreeing(agrees: Callable[..., bool]) -> Any:
    """Take an order whose fields differ for another order."""

    def judge(row: Any, fresh: Any, look: Any) -> Sight:
        alike = {txid: order for txid, order in fresh.items() if agrees(row.fields, order)}
        return Sight(next(iter(alike))) if len(alike) == 1 and look.complete else NOTHING

    return judge


def _whatever_the_nonce_window(info: KeyInfo | None) -> str | None:
    return why_key_cannot_tell(None if info is None else replace(info, nonce_window=0))


def _if_answered(info: KeyInfo | None) -> str | None:
    return None if info is None else why_key_cannot_tell(info)


def _by_its_fields(row: RequestedOrder, mine: Orders) -> Sight:
    ((txid, order),) = mine.items()
    return Sight(txid) if order_agreement.agrees(row.fields, order) else DOUBT


@contextlib.contextmanager
def patched(*patches: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def _learn_pages() -> Any:
    """Let the worker learn from every answer, whatever it is."""
    original = worker.CallWorker._decode

    def decode_after_learning(self: Any, call: Any, response: Any) -> Any:
        self._learn_server_time(call, response)
        return original(self, call, response)

    return mock.patch.object(worker.CallWorker, "_decode", decode_after_learning)


#: What is taken out, and the schedules in which it is missed.
RULES: dict[str, tuple[Callable[[], Any], Plan]] = {
    "E1: an id of one's own is told by its time": (
        lambda: patched(mock.patch.object(order_matching, "_by_own_id", _first_carrier)),
        replace(QUIET, kinds=("pool id",), faults=(*NEVER, Fault()), foreign=True, cancels=True),
    ),
    "E1: what carries no id made here is claimed": (
        lambda: patched(
            mock.patch.object(claims, "read", return_value=(frozenset(), False)),
            mock.patch.object(PendingOrder, "keys", ()),
        ),
        replace(QUIET, kinds=("twin ref",), faults=(*NEVER, *PLACED, Fault()), most=6),
    ),
    "E2: fields prove no absence": (
        lambda: patched(mock.patch.object(order_matching, "_alone", _agreeing(order_agreement.agrees))),
        replace(QUIET, kinds=("own ref percent",), faults=PLACED, share=(1.0,)),
    ),
    "E3: time enough has passed": (
        lambda: patched(mock.patch.object(absence.Clocks, "remaining", return_value=0.0)),
        replace(QUIET, kinds=("made",), faults=PLACED, delays=(20.0, 60.0)),
    ),
    "E3: the look-ups were answered in full": (
        lambda: patched(mock.patch.object(order_lookup.OrderLookup, "_question", _half)),
        replace(
            QUIET,
            kinds=("made",),
            faults=(*PLACED, Fault.without("open", "closed")),
            share=(0.9,),
            lasting=True,
        ),
    ),
    "E3: the key may see": (
        lambda: patched(mock.patch.object(KeyInfo, "sees_all", True)),
        replace(QUIET, kinds=("made",), faults=PLACED, windows=((0, -3600.0),), share=(0.8,)),
    ),
    "E7: the key has no nonce window": (
        lambda: patched(mock.patch.object(reconciler, "why_key_cannot_tell", _whatever_the_nonce_window)),
        replace(LATE, windows=((10**13, 0.0),)),
    ),
    "E7: the key's nonce window was answered": (
        lambda: patched(mock.patch.object(reconciler, "why_key_cannot_tell", _if_answered)),
        replace(LATE, windows=((10**13, 0.0),), only=("AddOrder", "GetApiKeyInfo"), lasting=True),
    ),
    "O3: an id made here proves it alone": (
        lambda: patched(mock.patch.object(order_matching, "_by_id_made_here", _by_its_fields)),
        replace(QUIET, kinds=("percent",), faults=PLACED, delays=(1.0, 5.0)),
    ),
    "E4: a page teaches no clock": (
        lambda: patched(
            mock.patch.object(ServerTime, "learn", _whatever_comes),
            _learn_pages(),
            mock.patch.object(absence.Clocks, "remaining", _by_kraken_alone),
        ),
        replace(
            QUIET,
            kinds=("made",),
            faults=(Fault.http(502, "after").with_(date=300.0), Fault.http(503).with_(date=300.0)),
            delays=(20.0,),
        ),
    ),
    "E5: an answer without a result is not done": (
        lambda: patched(mock.patch.object(worker, "decode", _believing)),
        replace(
            QUIET, kinds=("made", "own ref"), faults=(Fault.no_result("before"), Fault.warning(when="before"))
        ),
    ),
    "E6: nothing goes out after its cancel": (
        lambda: patched(mock.patch.object(recall, "recalled", return_value=None)),
        replace(
            QUIET, kinds=("own id",), faults=(Fault.late(3.0, "before"),), share=(0.5,), cancels=True, most=6
        ),
    ),
}


def _by_kraken_alone(self: absence.Clocks, visibility: float) -> float | None:
    if self.due is None or self.kraken is None:
        return None
    return self.due + visibility + 1.0 - self.kraken


@pytest.mark.parametrize("name", RULES)
def test_without_a_rule_something_is_told_that_is_not_so(name: str, tmp_path: Path) -> None:
    taken_out, plan = RULES[name]
    with taken_out():
        for seed in range(MOST):
            try:
                virtual(schedules.run)(seed, tmp_path / str(seed), plan)
            except AssertionError:
                return
    pytest.fail(f"{MOST} schedules without it, and nothing was wrong: {name}")


@pytest.mark.parametrize("name", RULES)
def test_with_the_rule_the_same_schedules_agree(name: str, tmp_path: Path) -> None:
    for seed in range(6):
        virtual(schedules.run)(seed, tmp_path / str(seed), RULES[name][1])
