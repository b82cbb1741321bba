"""A view of one wallet: its calls carry the wallet's id, and none acts on another one in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from kraken_async import InvalidArguments, Outcome
from kraken_async.api.wallets import of_wallet
from kraken_async.emulator.plugin import RunningEmulator
from tests.exchange import session


@pytest.mark.parametrize("endpoint", ["Balance", "Ledgers", "OpenOrders", "TradesHistory", "NewEndpoint"])
def test_a_read_that_takes_it_carries_it(endpoint: str) -> None:
    assert of_wallet(endpoint, {"ofs": 1}, "AA11") == {"ofs": 1, "account_id": "AA11"}
    assert of_wallet(endpoint, {"account_id": "BB22"}, "AA11") == {"account_id": "BB22"}


@pytest.mark.parametrize("endpoint", ["AddOrder", "Withdraw", "GetApiKeyInfo", "AddExport"])
def test_a_call_that_would_act_on_the_main_wallet_is_not_sent(endpoint: str) -> None:
    with pytest.raises(InvalidArguments, match="main wallet") as caught:
        of_wallet(endpoint, {}, "AA11")
    assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("endpoint", ["CancelOrder", "CancelAll", "CancelOrderBatch", "CancelAllOrdersAfter"])
def test_a_cancel_goes_as_it_is(endpoint: str) -> None:
    assert of_wallet(endpoint, {"txid": "O1"}, "AA11") == {"txid": "O1"}


async def test_a_view_of_a_wallet_reads_pages_of_it(kraken_emulator: RunningEmulator, tmp_path: Path) -> None:
    async with session(kraken_emulator, state_dir=tmp_path, tier="pro") as client:
        accounts = (await client.private("ListWalletAccounts"))["accounts"]
        wallet = client.with_options(account_id=accounts[0]["account_id"])
        assert await wallet.private("Balance") == await client.private("Balance")
        await client.private("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.001")
        assert len([row async for row in wallet.with_options(timeout=5.0).paginate("Ledgers")]) == 2
        asked = [
            arrival.params for arrival in kraken_emulator.emulator.history if arrival.endpoint == "Ledgers"
        ]
        assert {params["account_id"] for params in asked} == {accounts[0]["account_id"]}
        with pytest.raises(InvalidArguments):
            await wallet.private("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.001")
        assert "unixtime" in await wallet.public("Time")
