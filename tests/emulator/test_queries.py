"""Accounts and markets as the emulator shows them: documented shapes, filters, pages, exports, funding."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal

import pytest

from kraken_async.emulator import Behaviour
from tests.emulator.emulator_support import LIMIT, MARKET, START, Desk

ORDER = {
    "refid", "userref", "status", "opentm", "starttm", "expiretm", "descr", "vol", "vol_exec", "cost", "fee",
    "price", "stopprice", "limitprice", "misc", "oflags", "time_in_force", "margin",
}  # fmt: skip
TRADE = {
    "ordertxid", "postxid", "pair", "time", "type", "ordertype", "price", "cost", "fee", "vol", "margin",
    "misc", "leverage", "trade_id", "maker",
}  # fmt: skip
LEDGER = {"refid", "time", "type", "subtype", "aclass", "asset", "amount", "fee", "balance"}


def test_shapes_of_the_account() -> None:
    """Evidence: recorded answers have uv in TradeBalance, and fees and fees_maker null in TradeVolume without a
    pair; go-kraken and recorded answers for wallets.
    """
    desk = Desk()
    assert desk.call("Balance")["ZUSD"] == "1000000000.0000"
    assert desk.call("Balance")["XXBT"] == "100000.0000000000"
    assert set(desk.call("BalanceEx")["ZUSD"]) == {"balance", "hold_trade"}
    assert set(desk.call("TradeBalance")) == {"eb", "tb", "m", "n", "c", "v", "e", "mf", "uv"}
    volume = {"currency", "volume", "fees", "fees_maker", "inputs"}
    assert set(desk.call("TradeVolume", {"pair": "XBTUSD"})) == volume
    without = desk.call("TradeVolume")
    assert (set(without), without["fees"], without["fees_maker"]) == (volume, None, None)
    assert set(desk.call("TradeVolume", {"pair": "XBTUSD"})["fees"]) == {"XXBTZUSD"}
    pair = {"pair": [{"asset": "XBTUSD", "aclass": "forex"}]}
    assert set(desk.call("TradeVolume", pair, as_json=True)["fees"]) == {"XXBTZUSD"}
    token = desk.call("GetWebSocketsToken")
    assert (set(token), token["expires"]) == ({"token", "expires"}, 900)
    assert desk.call("CreditLines") is None
    wallets = desk.call("ListWalletAccounts")
    assert wallets["cursor"] == {"next": None}
    (wallet,) = wallets["accounts"]
    assert (wallet["status"], wallet["type"], wallet["name"]) == ("active", "main", None)
    assert wallet["flags"] == {"user_defined": False, "active": True}
    assert len(wallet["account_id"].split(" ")) == 4


def test_key_information() -> None:
    desk = Desk(nonce_window=3, behaviour=Behaviour.documented())
    key = desk.emulator.add_key(permissions=["query-funds"])
    info = desk.call("GetApiKeyInfo", key=key, nonce=77)
    assert info == {
        "apiKeyName": "emulator-main",
        "apiKey": key.api_key,
        "nonce": "77",
        "nonceWindow": 3,
        "permissions": ["query-funds"],
        "iban": "",
        "validUntil": "0",
        "queryFrom": "0",
        "queryTo": "0",
        "createdTime": "1700000000",
        "modifiedTime": "1700000000",
        "ipAllowlist": [],
        "lastUsed": None,
    }
    assert desk.call("GetApiKeyInfo", key=key, nonce=78)["lastUsed"] == "1700000000"


def test_shapes_of_orders_trades_and_ledgers() -> None:
    desk = Desk()
    desk.place()
    (filled,) = desk.call("AddOrder", MARKET)["txid"]
    (shown,) = desk.call("OpenOrders")["open"].values()
    assert set(shown) == ORDER
    closed = desk.call("ClosedOrders", {"trades": "true"})
    assert set(closed["closed"][filled]) == ORDER | {"reason", "closetm", "trades"}
    (trade_id,) = closed["closed"][filled]["trades"]
    trades = desk.call("TradesHistory")
    assert (set(trades), set(trades["trades"][trade_id])) == ({"trades", "count"}, TRADE)
    assert desk.call("QueryTrades", {"txid": f"{trade_id},TAAAAA-AAAAA-AAAAAA"}) == trades["trades"]
    ledgers = desk.call("Ledgers")
    assert (set(ledgers), ledgers["count"]) == ({"ledger", "count"}, 2)
    assert all(set(row) == LEDGER and row["refid"] == trade_id for row in ledgers["ledger"].values())
    assert desk.call("QueryLedgers", {"id": ",".join(ledgers["ledger"])}) == ledgers["ledger"]
    assert next(iter(desk.call("Ledgers", {"asset": "XBT"})["ledger"].values()))["amount"] == "0.5000000000"
    assert desk.call("Ledgers", {"type": "deposit"}) == {"ledger": {}, "count": 0}
    assert desk.call("TradesHistory", {"pair": "ETHUSD"}) == {"trades": {}, "count": 0}


def test_orders_are_filtered_by_userref_and_named_by_id() -> None:
    desk = Desk()
    one, two = desk.place(userref="5"), desk.place(userref="6")
    desk.place()
    assert list(desk.call("OpenOrders", {"userref": "5"})["open"]) == [one]
    assert set(desk.call("QueryOrders", {"txid": f"{one},{two}"})) == {one, two}
    assert set(desk.call("QueryOrders", {"txid": f"{one},{two}", "userref": "6"})) == {two}
    desk.call("CancelAll")
    assert list(desk.call("ClosedOrders", {"userref": "6"})["closed"]) == [two]


@pytest.mark.parametrize(
    ("name", "field", "most"),
    [("QueryOrders", "txid", 50), ("QueryTrades", "txid", 20), ("QueryLedgers", "id", 20)],
)
def test_id_lists_are_capped(name: str, field: str, most: int) -> None:
    desk = Desk()
    assert desk.call(name, {field: ",".join(["OAAAAA-AAAAA-AAAAAA"] * most)}) == {}
    wrong = f"EGeneral:Invalid arguments:{field}"
    assert desk.refusal(name, {field: ",".join(["OAAAAA-AAAAA-AAAAAA"] * (most + 1))}) == wrong
    assert desk.refusal(name) == wrong


def test_pages_are_newest_first_between_start_exclusive_and_end_inclusive() -> None:
    desk = Desk()
    txids = []
    for _ in range(120):
        desk.clock.advance(1)
        txids += desk.call("AddOrder", MARKET)["txid"]
    newest = txids[::-1]
    first = desk.call("ClosedOrders")
    assert (list(first["closed"]), first["count"]) == (newest[:50], 120)
    assert list(desk.call("ClosedOrders", {"ofs": "100"})["closed"]) == newest[100:]
    assert "count" not in desk.call("ClosedOrders", {"without_count": "true"})
    window = {"start": str(START + 10), "end": str(START + 13)}
    assert list(desk.call("ClosedOrders", window)["closed"]) == [txids[12], txids[11], txids[10]]
    by_id = {"start": txids[9], "end": txids[12]}
    assert desk.call("ClosedOrders", by_id) == desk.call("ClosedOrders", window)
    assert len(desk.call("TradesHistory")["trades"]) == 50
    assert len(desk.call("TradesHistory", {"limit": "500"})["trades"]) == 100
    assert len(desk.call("Ledgers", {"ofs": "200"})["ledger"]) == 40
    for wrong in ({"ofs": "-1"}, {"ofs": "x"}, {"start": "x"}, {"closetime": "noon"}):
        (field,) = wrong
        assert desk.refusal("ClosedOrders", wrong) == f"EGeneral:Invalid arguments:{field}"


# ------------------------------------------------------------------ exports


def test_export_is_queued_processed_fetched_as_a_zip_and_removed() -> None:
    desk = Desk()
    desk.emulator.venue.export_delay = 10
    desk.call("AddOrder", MARKET)
    made = desk.call("AddExport", {"report": "trades", "description": "mine"})["id"]

    def status() -> str:
        (row,) = desk.call("ExportStatus", {"report": "trades"})
        assert (row["id"], row["descr"]) == (made, "mine")
        return str(row["status"])

    assert status() == "Queued"
    assert desk.refusal("RetrieveExport", {"id": made}) == "EGeneral:Invalid arguments:id"
    desk.clock.advance(5)
    assert status() == "Processing"
    desk.clock.advance(5)
    assert status() == "Processed"
    reply = desk.send("RetrieveExport", {"id": made})
    assert reply.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        lines = archive.read("trades.csv").decode().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("txid,ordertxid,")
    assert desk.call("RemoveExport", {"id": made, "type": "delete"}) == {"delete": True}
    assert desk.call("ExportStatus", {"report": "trades"}) == []
    assert desk.refusal("RemoveExport", {"id": made, "type": "delete"}) == "EGeneral:Invalid arguments:id"


def test_waiting_export_is_cancelled_not_deleted_and_is_the_accounts_own() -> None:
    desk = Desk()
    desk.emulator.venue.export_delay = 10
    sub = desk.emulator.add_key(account="sub")
    made = desk.call("AddExport", {"report": "ledgers", "description": "x", "format": "TSV"})["id"]
    assert desk.call("ExportStatus", {"report": "ledgers"}, key=sub) == []
    assert desk.refusal("RetrieveExport", {"id": made}, key=sub) == "EGeneral:Invalid arguments:id"
    assert desk.refusal("RemoveExport", {"id": made, "type": "delete"}) == "EGeneral:Invalid arguments:type"
    assert desk.call("RemoveExport", {"id": made, "type": "cancel"}) == {"cancel": True}
    assert (
        desk.refusal("AddExport", {"report": "taxes", "description": "x"})
        == "EGeneral:Invalid arguments:report"
    )


# ------------------------------------------------------------------ funding


def test_withdrawal_sent_twice_withdraws_twice_and_can_be_taken_back() -> None:
    desk = Desk()
    fields = {"asset": "XBT", "key": "cold", "amount": "10"}
    first, second = (desk.call("Withdraw", fields)["refid"] for _ in range(2))
    assert desk.emulator.accounts["main"].balances["XXBT"] == Decimal(100_000 - 20)
    assert [row["refid"] for row in desk.call("WithdrawStatus", {"asset": "XBT"})] == [second, first]
    assert desk.call("WithdrawStatus", {"cursor": "true"})["next_cursor"] is None
    assert desk.call("WithdrawStatus", {"asset": "ETH"}) == []
    assert desk.call("WithdrawCancel", {"asset": "XBT", "refid": first}) is True
    assert desk.call("WithdrawCancel", {"asset": "XBT", "refid": first}) is False
    assert desk.emulator.accounts["main"].balances["XXBT"] == Decimal(100_000 - 10)
    assert desk.call("WithdrawStatus")[1]["status-prop"] == "canceled"


def test_transfer_leaves_the_wallet() -> None:
    desk = Desk()
    fields = {"asset": "ZUSD", "from": "Spot Wallet", "to": "Futures Wallet", "amount": "100"}
    assert desk.call("WalletTransfer", fields)["refid"].startswith("FT")
    assert desk.emulator.accounts["main"].balances["ZUSD"] == Decimal(1_000_000_000 - 100)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"asset": "NOPE"}, "EFunding:Unknown asset"),
        ({"amount": "1000000"}, "EFunding:Invalid amount"),
        ({"amount": "0"}, "EFunding:Invalid amount"),
        ({"amount": "x"}, "EGeneral:Invalid arguments:amount"),
        ({"key": ""}, "EGeneral:Invalid arguments:key"),
        ({"max_fee": "0.0001"}, "EFunding:Max fee exceeded"),
    ],
)
def test_bad_withdrawal_moves_nothing(fields: dict[str, str], error: str) -> None:
    desk = Desk()
    assert desk.refusal("Withdraw", {"asset": "XBT", "key": "cold", "amount": "1", **fields}) == error
    assert desk.emulator.accounts["main"].balances["XXBT"] == 100_000
    assert desk.refusal("WithdrawCancel", {"asset": "XBT", "refid": "x"}) == "EFunding:Unknown reference id"


def test_other_funding_and_earn_calls_answer_in_shape() -> None:
    desk = Desk()
    assert set(desk.call("WithdrawInfo", {"asset": "XBT", "key": "k", "amount": "1"})) == {
        "method",
        "limit",
        "amount",
        "fee",
    }
    assert set(desk.call("WithdrawMethods", {"asset": "XBT"})[0]) == {
        "asset",
        "method",
        "network",
        "minimum",
        "fee",
    }
    assert len(desk.call("WithdrawMethods")) > 1
    assert set(desk.call("DepositMethods", {"asset": "XBT"})[0]) >= {"method", "limit", "fee"}
    address = {"asset": "XBT", "method": "Emulated"}
    assert set(desk.call("DepositAddresses", address)[0]) == {"address", "expiretm"}
    assert desk.call("DepositAddresses", {**address, "new": "true"})[0]["new"] is True
    assert desk.call("DepositStatus") == desk.call("WithdrawAddresses") == []
    assert desk.call("Earn/Strategies") == {"items": []}
    assert desk.call("Earn/Allocations")["items"] == []
    assert desk.call("Earn/Allocate", {"amount": "1", "strategy_id": "S"}) is True
    unknown = {"amount": "1", "strategy_id": "unknown"}
    assert desk.refusal("Earn/Deallocate", unknown) == "EGeneral:Invalid arguments:Invalid strategy ID"
    assert desk.call("Earn/AllocateStatus", {"strategy_id": "S"}) == {"pending": False}
    assert desk.call("CreateSubaccount", {"username": "u", "email": "e"}) is True
    transfer = {"asset": "XBT", "from": "a", "to": "b", "amount": "1"}
    assert desk.call("AccountTransfer", transfer)["status"] == "complete"


# ------------------------------------------------------------------ public data


def test_time_and_date_come_from_the_emulators_clock() -> None:
    desk = Desk()
    assert desk.public("Time") == {"unixtime": 1700000000, "rfc1123": "Tue, 14 Nov 23 22:13:20 +0000"}
    assert desk.send("Balance").headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    desk.clock.advance(-3600)
    assert desk.send("Balance").headers["Date"] == "Tue, 14 Nov 2023 21:13:20 GMT"


def test_shapes_of_public_data() -> None:
    desk = Desk()
    assert desk.public("SystemStatus")["status"] == "online"
    assert desk.public("Assets", "asset=BTC,USD").keys() == {"XXBT", "ZUSD"}
    assert len(desk.public("Assets")) == len(desk.emulator.venue.markets.assets)
    pair = desk.public("AssetPairs", "pair=XBTUSD")["XXBTZUSD"]
    assert (pair["altname"], pair["tick_size"], pair["pair_decimals"]) == ("XBTUSD", "0.1", 1)
    assert desk.public("Ticker").keys() == desk.public("AssetPairs").keys()
    ticker = desk.public("Ticker", "pair=BTC/USD")["XXBTZUSD"]
    assert (ticker["a"][0], ticker["b"][0], ticker["c"][0]) == ("60000.1", "60000.0", "60000.0")
    assert ticker.keys() == set("abcvptlho")
    depth = desk.public("Depth", "pair=XBTUSD&count=3")["XXBTZUSD"]
    assert [row[0] for row in depth["asks"]] == ["60000.1", "60000.2", "60000.3"]
    assert [row[0] for row in depth["bids"]] == ["60000.0", "59999.9", "59999.8"]
    spread = desk.public("Spread", f"pair=XBTUSD&since={int(START) - 4}")
    assert (len(spread["XXBTZUSD"]), spread["last"]) == (5, START)


def test_candles_are_720_and_trades_go_on_from_their_cursor() -> None:
    desk = Desk()
    candles = desk.public("OHLC", "pair=XBTUSD&interval=5")
    assert len(candles["XXBTZUSD"]) == 720
    assert len(candles["XXBTZUSD"][0]) == 8
    assert candles["last"] == candles["XXBTZUSD"][-2][0]
    first = desk.public("Trades", "pair=XBTUSD&count=10")
    assert (len(first["XXBTZUSD"]), len(first["XXBTZUSD"][0])) == (10, 7)
    more = desk.public("Trades", f"pair=XBTUSD&since={first['last']}")
    assert more["XXBTZUSD"][0][2] == first["XXBTZUSD"][-1][2] + 1
    assert len(more["XXBTZUSD"]) == 90
    assert desk.public("Trades", f"pair=XBTUSD&since={more['last']}")["XXBTZUSD"] == []


@pytest.mark.parametrize(
    ("name", "query", "error"),
    [
        ("Ticker", "pair=NOPE", "EQuery:Unknown asset pair"),
        ("Assets", "asset=NOPE", "EQuery:Unknown asset"),
        ("OHLC", "pair=XBTUSD&interval=7", "EGeneral:Invalid arguments:interval"),
        ("OHLC", "", "EGeneral:Invalid arguments:pair"),
        ("Depth", "pair=XBTUSD&count=501", "EGeneral:Invalid arguments:count"),
        ("Trades", "pair=XBTUSD&count=0", "EGeneral:Invalid arguments:count"),
        ("Tickers", "", "EGeneral:Unknown method"),
    ],
)
def test_bad_public_calls(name: str, query: str, error: str) -> None:
    assert Desk().public(name, query) == [error]


def test_record_tells_what_arrived_and_what_became_of_it() -> None:
    desk = Desk()
    txid = desk.place()
    desk.refusal("AddOrder", {**LIMIT, "volume": "x"})
    desk.public("Time")
    placed, refused, public = desk.emulator.history
    assert (placed.t, placed.endpoint, placed.nonce, placed.executed) == (START, "AddOrder", 1, True)
    assert (placed.txids, placed.errors, placed.fault) == ((txid,), (), "")
    assert placed.params["price"] == "37500"
    assert placed.api_key == desk.emulator.key.api_key
    assert (refused.executed, refused.errors) == (False, ("EGeneral:Invalid arguments:volume",))
    assert (public.endpoint, public.api_key, public.nonce) == ("Time", "", None)
    assert desk.emulator.orders[txid].nonce == 1
