"""Guards: what each lets pass, changes, or refuses before anything is queued."""

from __future__ import annotations

from typing import Any

import pytest

from kraken_async import guards
from kraken_async.api.endpoints import known_endpoints
from kraken_async.errors import GuardRefused, Outcome
from kraken_async.guards import Request

PRIVATE = known_endpoints(private=True)
READS = [name for name, endpoint in PRIVATE.items() if not endpoint.changes]
WRITES = [name for name, endpoint in PRIVATE.items() if endpoint.changes]
FUNDING = ["Withdraw", "WalletTransfer", "AccountTransfer"]
ORDERS = ["AddOrder", "AddOrderBatch", "EditOrder"]


def ask(name: str, **params: Any) -> Request:
    return Request(name, params, name not in READS)


def refused(guard: guards.Guard, request: Request) -> str:
    with pytest.raises(GuardRefused) as caught:
        guard(request)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.endpoint == request.endpoint
    return str(caught.value)


@pytest.mark.parametrize("name", PRIVATE)
def test_allow_all_lets_everything_pass_as_it_is(name: str) -> None:
    request = ask(name)
    assert guards.allow_all(request) is request


@pytest.mark.parametrize("name", [*FUNDING, "withdraw", "WithdrawNow", "SubaccountTransfer", "Pay/Send"])
def test_no_funding_refuses_what_moves_money_out_and_names_the_cure(name: str) -> None:
    message = refused(guards.no_funding, ask(name, asset="XBT"))
    assert message == (
        f"{name} was not sent: withdrawals and transfers are off. "
        "To allow it: KrakenSession(..., guard=guards.allow_all)"
    )


@pytest.mark.parametrize("name", sorted({*PRIVATE, "NewEndpoint"} - set(FUNDING)))
def test_no_funding_lets_everything_else_pass(name: str) -> None:
    request = ask(name)
    assert guards.no_funding(request) is request


@pytest.mark.parametrize("name", [*WRITES, "NewEndpoint"])
def test_readonly_refuses_whatever_has_an_effect(name: str) -> None:
    cure = "allow_all" if name in FUNDING else "no_funding"
    assert refused(guards.readonly, ask(name)).endswith(f"KrakenSession(..., guard=guards.{cure})")


@pytest.mark.parametrize("guard", [guards.readonly, guards.dry_run])
@pytest.mark.parametrize("name", READS)
def test_reads_pass(guard: guards.Guard, name: str) -> None:
    request = ask(name, asset="XBT")
    assert guard(request) is request


@pytest.mark.parametrize("guard", [guards.readonly, guards.dry_run])
def test_a_new_deposit_address_is_an_effect(guard: guards.Guard) -> None:
    assert "DepositAddresses was not sent" in refused(guard, ask("DepositAddresses", asset="XBT", new=True))
    guard(ask("DepositAddresses", asset="XBT", new=False))


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("given", [{}, {"validate": False}, {"validate": "false"}])
def test_dry_run_has_orders_checked_only(name: str, given: dict[str, Any]) -> None:
    request = ask(name, pair="XBTUSD", **given)
    assert guards.dry_run(request).params == {"pair": "XBTUSD", "validate": True}
    assert request.params == {"pair": "XBTUSD", **given}


@pytest.mark.parametrize("name", [*(name for name in WRITES if name not in ORDERS), "NewEndpoint"])
def test_dry_run_refuses_other_effects(name: str) -> None:
    assert "this is a dry run" in refused(guards.dry_run, ask(name))


@pytest.mark.parametrize("guard", [guards.no_funding, guards.readonly, guards.dry_run])
def test_what_cannot_be_a_name_does_not_pass(guard: guards.Guard) -> None:
    with pytest.raises(ValueError, match="is not an endpoint name"):
        guard(Request("../private/Withdraw", {}, False))
