"""The endpoint table, tiers, and what is made of names that are not in it."""

from __future__ import annotations

import pytest

from kraken_async.api.endpoints import Priority, Tier, find, has_effect, known_endpoints, may_repeat, nearest

# Name, cost, body, repeatable; what Kraken documents of each private endpoint.
PRIVATE, PUBLIC = known_endpoints(private=True), known_endpoints(private=False)
DOCUMENTED = """
Level3 1 json yes
Balance 1 form yes
BalanceEx 1 form yes
CreditLines 1 form yes
TradeBalance 1 form yes
OpenOrders 2 form yes
ClosedOrders 2 form yes
QueryOrders 1 form yes
OrderAmends 1 form yes
TradesHistory 2 form yes
QueryTrades 2 form yes
OpenPositions 1 form yes
Ledgers 2 form yes
QueryLedgers 2 form yes
TradeVolume 1 form yes
GetApiKeyInfo 1 form yes
ListWalletAccounts 1 form yes
AddExport 1 form no
ExportStatus 1 form yes
RetrieveExport 1 form yes
RemoveExport 1 form yes
AddOrder 0 form no
AddOrderBatch 0 json no
AmendOrder 0 form no
EditOrder 0 form no
CancelOrder 0 form yes
CancelOrderBatch 0 json yes
CancelAll 1 form no
CancelAllOrdersAfter 1 form yes
GetWebSocketsToken 1 form yes
DepositMethods 1 form yes
DepositAddresses 1 form yes
DepositStatus 1 form yes
WithdrawMethods 1 form yes
WithdrawAddresses 1 form yes
WithdrawInfo 1 form yes
Withdraw 1 form no
WithdrawStatus 1 form yes
WithdrawCancel 1 form yes
WalletTransfer 1 form no
CreateSubaccount 1 form no
AccountTransfer 1 form no
Earn/Strategies 1 form yes
Earn/Allocations 1 form yes
Earn/Allocate 1 form no
Earn/Deallocate 1 form no
Earn/AllocateStatus 1 form yes
Earn/DeallocateStatus 1 form yes
"""
ROWS = [line.split() for line in DOCUMENTED.split("\n") if line]


@pytest.mark.parametrize(("name", "cost", "body", "repeatable"), ROWS, ids=[row[0] for row in ROWS])
def test_private_endpoint_is_as_documented(name: str, cost: str, body: str, repeatable: str) -> None:
    endpoint = find(name, private=True)
    assert endpoint.path == f"/0/private/{name}"
    assert (endpoint.cost, endpoint.body, endpoint.repeatable) == (int(cost), body, repeatable == "yes")
    assert endpoint.known
    assert endpoint.private


def test_table_holds_what_is_documented_and_nothing_else() -> None:
    assert set(PRIVATE) == {row[0] for row in ROWS}
    documented = (
        "Time SystemStatus MaintenanceSchedule Assets AssetPairs Ticker OHLC Depth GroupedBook Trades"
    )
    assert set(PUBLIC) == {*documented.split(), "Spread", "PreTrade", "PostTrade"}


def test_public_endpoints_are_free_reads_by_query() -> None:
    for endpoint in PUBLIC.values():
        assert (endpoint.body, endpoint.cost, endpoint.changes, endpoint.repeatable) == (
            "query",
            0,
            False,
            True,
        )
        assert endpoint.path == f"/0/public/{endpoint.name}"


def test_what_cannot_be_repeated_has_an_effect() -> None:
    assert all(endpoint.changes for endpoint in PRIVATE.values() if not endpoint.repeatable)


def test_priorities_put_cancels_first_and_history_last() -> None:
    def of(*names: str) -> set[Priority]:
        return {find(name, private=True).priority for name in names}

    assert of("CancelOrder", "CancelOrderBatch", "CancelAll", "CancelAllOrdersAfter") == {Priority.CANCEL}
    assert of("AmendOrder", "EditOrder") == {Priority.AMEND}
    assert of("AddOrder", "AddOrderBatch", "Withdraw", "Earn/Allocate", "NewWrite") == {Priority.PLACE}
    assert of("Balance", "OpenOrders", "QueryOrders", "GetWebSocketsToken") == {Priority.READ}
    assert of("Ledgers", "TradesHistory", "ClosedOrders", "QueryTrades", "RetrieveExport") == {
        Priority.HISTORY
    }
    assert sorted(Priority) == [
        Priority.CANCEL,
        Priority.AMEND,
        Priority.PLACE,
        Priority.READ,
        Priority.HISTORY,
    ]


def test_engine_kinds_name_how_the_matching_engine_charges() -> None:
    kinds = {name: endpoint.engine for name, endpoint in PRIVATE.items() if endpoint.engine}
    assert kinds == {
        "AddOrder": "add",
        "AddOrderBatch": "add_batch",
        "AmendOrder": "amend",
        "EditOrder": "edit",
        "CancelOrder": "cancel",
        "CancelOrderBatch": "cancel_batch",
        "CancelAll": "cancel_all",
        "CancelAllOrdersAfter": "cancel_all",
    }


def test_only_withdrawals_and_transfers_are_funding() -> None:
    assert {name for name, each in PRIVATE.items() if each.funding} == {
        "Withdraw",
        "WalletTransfer",
        "AccountTransfer",
    }


def test_only_an_export_is_a_file() -> None:
    assert [name for name, each in PRIVATE.items() if each.binary] == ["RetrieveExport"]


def test_unknown_private_name_is_a_write_at_cost_1_that_is_not_repeated() -> None:
    endpoint = find("Addorder", private=True)
    assert endpoint.path == "/0/private/Addorder"
    assert (endpoint.cost, endpoint.changes, endpoint.repeatable, endpoint.known) == (1, True, False, False)


def test_unknown_public_name_is_a_read() -> None:
    endpoint = find("NewMarketData", private=False)
    assert (endpoint.path, endpoint.changes, endpoint.known) == ("/0/public/NewMarketData", False, False)


@pytest.mark.parametrize("name", ["withdraw", "WithdrawFast", "SubaccountTransfer", "Pay/Send", "PayOut"])
def test_unknown_name_that_sounds_like_funding_is_funding(name: str) -> None:
    assert find(name, private=True).funding


@pytest.mark.parametrize(
    "name",
    ["", " Balance", "Earn//Allocate", "../private/Withdraw", "Balance?x=1", "Balance\n", "A/", "Bälance"],
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an endpoint name: use"):
        find(name, private=True)


def test_found_once_is_found_again_as_the_same_object() -> None:
    assert find("Balance", private=True) is find("Balance", private=True)
    assert find("NewOne", private=True) is find("NewOne", private=True)


@pytest.mark.parametrize(
    ("name", "private", "meant"),
    [
        ("Addorder", True, "AddOrder"),
        ("balance", True, "Balance"),
        ("OpenOrder", True, "OpenOrders"),
        ("Tiker", False, "Ticker"),
        ("Time", True, "public Time"),
        ("Balance", False, "private Balance"),
        ("Zzzzzz", True, None),
    ],
)
def test_nearest_names_what_was_probably_meant(name: str, private: bool, meant: str | None) -> None:
    assert nearest(name, private=private) == meant


@pytest.mark.parametrize(
    ("tier", "figures"),
    [
        (Tier.STARTER, (15, 0.33, 60, 1.0, 60)),
        (Tier.INTERMEDIATE, (20, 0.5, 125, 2.34, 80)),
        (Tier.PRO, (20, 1.0, 180, 3.75, 225)),
    ],
)
def test_tier_has_the_documented_limits(tier: Tier, figures: tuple[float, ...]) -> None:
    assert (tier.maximum, tier.decay, tier.threshold, tier.engine_decay, tier.open_orders) == figures


def test_tier_is_found_by_name_in_any_case_and_defaults_to_the_lowest() -> None:
    assert Tier.of(" Pro ") is Tier.PRO
    assert Tier.of(Tier.INTERMEDIATE) is Tier.INTERMEDIATE
    assert Tier.of(None) is Tier.STARTER


@pytest.mark.parametrize("tier", ["gold", "", 3])
def test_wrong_tier_names_the_choices(tier: str) -> None:
    with pytest.raises(ValueError, match="use one of 'starter', 'intermediate', 'pro'"):
        Tier.of(tier)


@pytest.mark.parametrize(
    ("name", "params", "repeatable"),
    [
        ("CancelOrder", {"txid": "OMADEU-PTXID-FORUSE"}, True),
        ("CancelOrder", {"txid": "OMADEU-PTXID-FORUSE,OQCLML-BW3P3-BUCMWX"}, True),
        ("CancelOrder", {"cl_ord_id": "12345"}, True),
        ("CancelOrder", {"txid": 12345}, False),
        ("CancelOrder", {"txid": "12345"}, False),
        ("CancelOrder", {"txid": "-7,OMADEU-PTXID-FORUSE"}, False),
        ("CancelOrderBatch", {"orders": ["OMADEU-PTXID-FORUSE"]}, True),
        ("CancelOrderBatch", {"orders": [{"txid": "OMADEU-PTXID-FORUSE"}, {"cl_ord_id": "12345"}]}, True),
        ("CancelOrderBatch", {"orders": ["OMADEU-PTXID-FORUSE", 12345]}, False),
        ("CancelOrderBatch", {"orders": [{"txid": 5}]}, False),
        ("CancelOrderBatch", {"cl_ord_ids": ["a", "b"]}, True),
        ("CancelAll", {}, False),
        ("AddOrder", {}, False),
        ("Balance", {}, True),
        ("WithdrawCancel", {}, True),
        ("DepositAddresses", {"asset": "XBT"}, True),
        ("DepositAddresses", {"asset": "XBT", "new": False}, True),
        ("DepositAddresses", {"asset": "XBT", "new": "true"}, False),
        ("DepositAddresses", {"asset": "XBT", "new": True}, False),
    ],
)
def test_may_repeat_looks_at_what_is_named(name: str, params: dict[str, object], repeatable: bool) -> None:
    assert may_repeat(find(name, private=True), params) is repeatable


def test_only_a_new_deposit_address_makes_that_read_an_effect() -> None:
    addresses = find("DepositAddresses", private=True)
    assert has_effect(addresses, {"new": True})
    assert not has_effect(addresses, {})
    assert has_effect(find("AddOrder", private=True), {})
    assert not has_effect(find("GetWebSocketsToken", private=True), {})
