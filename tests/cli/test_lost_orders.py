"""``kraken-async orders``: what a script and a person are told of an order that is absent, or still unknown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from kraken_async import Intent, KrakenError, KrakenSession, Outcome, OutcomeUnknown
from kraken_async.emulator import EmulatorServer
from kraken_async.errors import Finding
from kraken_async.orders.tracker import LEFT, log
from tests.cli.cli_support import data, run

INTENT = Intent(
    id="1-1",
    endpoint="AddOrder",
    params={"pair": "XBTUSD", "volume": "1"},
    cl_ord_id="6c9b3f0e-7d61-4f2c-9a55-0d2f8f0f7a11",
    userref=None,
    deadline=None,
    sent_at=1_700_000_000.0,
    session="",
)


def unknown(finding: Finding, decidable_at: float | None) -> OutcomeUnknown:
    return OutcomeUnknown(
        "it may still show: an order may take 120 s to show",
        endpoint=INTENT.endpoint,
        cl_ord_id=INTENT.cl_ord_id,
        intent_id=INTENT.id,
        finding=finding,
        decidable_at=decidable_at,
    )


@pytest.fixture
def left(known: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[KrakenError], None]:
    """Leave one order on record, whose look-up raises what is given."""

    def leave(error: KrakenError) -> None:
        async def settle(*_: Any, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(KrakenSession, "unresolved", lambda *_, **__: [INTENT])
        monkeypatch.setattr(KrakenSession, "resolve", settle)
        monkeypatch.setattr(KrakenSession, "ensure_cancelled", settle)

    return leave


def test_an_order_that_is_absent_was_not_found_and_ends_with_1(left: Callable[[KrakenError], None]) -> None:
    left(unknown("absent", 1_700_000_126.0))
    result = run("orders", "resolve")
    assert result.exit_code == 1
    assert f"AddOrder {INTENT.cl_ord_id}: absent, not found, past its deadline " in result.stdout
    assert "Repeat it if it is still wanted" in result.stdout
    assert "unknown" not in result.stdout
    assert "not placed" not in result.stdout  # which rests on what Kraken does not promise
    (row,) = data(run("orders", "resolve", "--json"))
    assert (row["outcome"], row["finding"]) == ("absent", "absent")


def test_an_order_that_is_unknown_says_when_and_how_to_ask_again(left: Callable[[KrakenError], None]) -> None:
    left(unknown("not seen", 4_000_000_000.0))
    result = run("orders", "resolve", "--from-key", "abc")
    assert result.exit_code == 3
    assert "120 s to show. Ask again from 2096-10-02 07:06:40 UTC: " in result.stdout
    assert "`kraken-async orders resolve 1-1 --from-key abc`" in result.stdout
    (row,) = data(run("orders", "resolve", "--json"))
    assert (row["outcome"], row["finding"], row["decidable_at"]) == ("unknown", "not seen", 4_000_000_000.0)


@pytest.mark.parametrize("at", [None, 1_700_000_126.0])
def test_an_order_that_may_be_asked_about_at_any_time_says_so(
    at: float | None, left: Callable[[KrakenError], None]
) -> None:
    left(unknown("unreachable", at))
    assert ". Ask again: `kraken-async orders resolve 1-1`" in run("orders", "resolve").stdout


def test_a_cancel_that_is_not_proven_names_the_command_that_goes_on(
    left: Callable[[KrakenError], None],
) -> None:
    left(unknown("not seen", None))
    result = run("orders", "ensure-cancelled", "OABCDE-ABCDE-ABCDEF")
    assert result.exit_code == 3
    assert "Ask again: `kraken-async orders ensure-cancelled OABCDE-ABCDE-ABCDEF`" in result.stdout


def test_a_look_up_that_fails_leaves_an_order_unknown(left: Callable[[KrakenError], None]) -> None:
    left(KrakenError("the session is closed", outcome=Outcome.NOT_SENT))
    result = run("orders", "resolve")
    assert (result.exit_code, "unknown, it could not be looked up" in result.stdout) == (3, True)


def test_a_cancel_that_is_refused_does_not_end_with_0(left: Callable[[KrakenError], None]) -> None:
    left(KrakenError("EGeneral:Permission denied", outcome=Outcome.REFUSED))
    assert run("orders", "ensure-cancelled", INTENT.id).exit_code == 1


def test_what_goes_without_a_question_takes_yes_too(known: EmulatorServer) -> None:
    assert run("orders", "dismiss", "none-such", "--yes").stderr.startswith("error: no unresolved order")
    order = ["pair=XBTUSD", "type=buy", "ordertype=limit", "price=1000", "volume=0.01"]
    placed = data(run("call", "AddOrder", *order, "--yes"))
    (txid,) = placed["txid"]
    assert run("orders", "ensure-cancelled", txid, "-y").exit_code == 0
    assert [order.status for order in known.emulator.orders.values()] == ["canceled"]


def test_the_commands_about_left_orders_do_not_warn_of_them(
    left: Callable[[KrakenError], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert "`kraken-async orders unresolved`" in LEFT
    opened = KrakenSession.open

    async def warns(session: KrakenSession) -> KrakenSession:
        log.warning(LEFT, 1)
        return await opened(session)

    left(unknown("not seen", None))
    monkeypatch.setattr(KrakenSession, "open", warns)
    with caplog.at_level(logging.WARNING):
        for words in ("unresolved", "resolve", "ensure-cancelled 1-1"):
            run("orders", *words.split())
        assert not [record for record in caplog.records if record.msg == LEFT]
        assert run("call", "Balance").exit_code == 0
    assert len([record for record in caplog.records if record.msg == LEFT]) == 1
