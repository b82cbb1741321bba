"""A write's result that is not Kraken's answer is no success: it is unknown, and a cancel is repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    BurstGovernor,
    KrakenSession,
    MemoryStore,
    OutcomeUnknown,
    Response,
    RetryPolicy,
    SignedRequest,
    guards,
)
from kraken_async.api.endpoints import find, known_endpoints, may_repeat
from kraken_async.calls.write_results import ANSWERS, is_answer

NOT_ANSWERS: list[Any] = [
    {},
    [],
    "",
    "ok",
    0,
    5,
    {"error": "none"},
    [True],
    {"refid": " ", "id": "", "count": ""},
]
TXID = {"txid": "OAAAAA-BBBBB-CCCCCC"}
MOVE = {"asset": "XBT", "amount": "1"}
#: By endpoint: fields, what Kraken answers when it was done, and what else is no answer.
CASES: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "CancelOrder": (
        TXID,
        [{"count": 1}, {"count": 0}, {"count": 1, "pending": True}, {"pending": True}],
        [True],
    ),
    "CancelOrderBatch": ({"orders": ["OAAAAA-BBBBB-CCCCCC"]}, [{"count": 2}, {"count": "2"}], [True]),
    "CancelAll": ({}, [{"count": 3}, {"count": 0, "pending": False}], [True]),
    "CancelAllOrdersAfter": (
        {"timeout": 60},
        [
            {"currentTime": "2026-03-24T17:41:56Z", "triggerTime": "2026-03-24T17:42:56Z"},
            {"currentTime": "2026-03-24T17:41:56Z", "triggerTime": "0"},
        ],
        [True],
    ),
    "Withdraw": ({**MOVE, "key": "mine"}, [{"refid": "FTAAAAA-BBBBBB-CCCCCC"}], [True, {"refid": None}]),
    "WalletTransfer": (
        {**MOVE, "from": "Spot Wallet", "to": "Futures Wallet"},
        [{"refid": "FTAAAAA-BBBBBB-CCCCCC"}],
        [True, {"refid": None}],
    ),
    "AccountTransfer": (
        {**MOVE, "from": "AA00", "to": "BB11"},
        [{"transfer_id": "TAAAAAA-BBBBBB-CCCCCC", "status": "pending"}],
        [True, {"status": "complete"}],
    ),
    "AddExport": ({"report": "trades", "description": "mine"}, [{"id": "AAAA"}], [True, {"id": None}]),
    "WithdrawCancel": ({"asset": "XBT", "refid": "FTAAAAA-BBBBBB-CCCCCC"}, [True, False], []),
    "CreateSubaccount": ({"username": "me", "email": "me@example.org"}, [True, False], []),
    "Earn/Allocate": ({"strategy_id": "ES1", "amount": "1"}, [True, False], []),
    "Earn/Deallocate": ({"strategy_id": "ES1", "amount": "1"}, [True, False], []),
}
#: Writes that are judged elsewhere, as orders, or that Kraken answers in more than one way.
ELSEWHERE = {"AddOrder", "AddOrderBatch", "AmendOrder", "EditOrder", "RemoveExport"}


def test_every_write_that_is_described_is_judged() -> None:
    private = known_endpoints(private=True)
    writes = {name for name in private if find(name, private=True).changes}
    assert set(ANSWERS) == set(CASES) == writes - ELSEWHERE


@pytest.mark.parametrize("name", CASES)
def test_kraken_s_answers_are_taken_and_others_are_not(name: str) -> None:
    _, answers, others = CASES[name]
    assert all(is_answer(name, each) for each in [*answers, None])
    assert not any(is_answer(name, each) for each in [*NOT_ANSWERS, *others])


def test_what_is_not_described_is_not_judged() -> None:
    assert all(is_answer("NewOnDayOne", each) for each in NOT_ANSWERS)


class Kraken:
    """Answers with these results in turn, the last one for ever."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.calls = 0

    async def __call__(self, _request: SignedRequest, _timeout: float) -> Response:
        result = self.results[min(self.calls, len(self.results) - 1)]
        self.calls += 1
        return Response(200, {}, json.dumps({"error": [], "result": result}).encode())


def session(tmp_path: Path, kraken: Kraken) -> KrakenSession:
    return KrakenSession(
        "a-key-for-tests",
        "c2VjcmV0",
        store=MemoryStore(),
        state_dir=tmp_path,
        governor=BurstGovernor.off(),
        transport=kraken,
        guard=guards.allow_all,
        retry=RetryPolicy(jitter=lambda: 0.0),
    )


@pytest.mark.parametrize("name", CASES)
async def test_a_result_that_names_nothing_is_unknown_and_none_is_sent_twice(
    name: str, tmp_path: Path
) -> None:
    fields, answers, others = CASES[name]
    for result in [{}, "ok", *others]:
        kraken = Kraken(result)
        async with session(tmp_path, kraken) as client:
            with pytest.raises(OutcomeUnknown):
                await client.private(name, fields)
        assert kraken.calls == 1 or may_repeat(find(name, private=True), fields)
    async with session(tmp_path, Kraken(answers[0])) as client:
        assert await client.private(name, fields) == answers[0]


async def test_a_cancel_whose_result_names_nothing_is_repeated(tmp_path: Path) -> None:
    kraken = Kraken({}, {"count": 1})
    async with session(tmp_path, kraken) as client:
        assert await client.private("CancelOrder", TXID) == {"count": 1}
    assert kraken.calls == 2


async def test_a_halt_is_done_once_cancel_all_says_so(tmp_path: Path) -> None:
    kraken = Kraken(True, {"count": 2})
    async with session(tmp_path, kraken) as client:
        assert await client.halt() == {"count": 2}
    assert kraken.calls == 2
