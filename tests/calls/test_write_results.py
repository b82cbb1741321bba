"""A movement of money whose result names no reference is no success: it is unknown."""

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
from kraken_async.calls.write_results import REFERENCES, is_answer

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
MOVE = {"asset": "XBT", "amount": "1"}
#: By endpoint: fields, what Kraken answers when it was done, and what else is no answer.
CASES: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
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
}


@pytest.mark.parametrize("name", CASES)
def test_kraken_s_answers_are_taken_and_others_are_not(name: str) -> None:
    _, answers, others = CASES[name]
    assert all(is_answer(name, each) for each in [*answers, None])
    assert not any(is_answer(name, each) for each in [*NOT_ANSWERS, *others])


def test_what_moves_no_money_is_not_judged() -> None:
    assert set(REFERENCES) == set(CASES)
    assert all(is_answer(name, each) for name in ("NewOnDayOne", "CancelOrder") for each in NOT_ANSWERS)


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
        assert kraken.calls == 1
    async with session(tmp_path, Kraken(answers[0])) as client:
        assert await client.private(name, fields) == answers[0]
