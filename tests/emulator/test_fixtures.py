"""The fixtures for authors of bots: what they give, what they tell when a call did not come, and what stays outside."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from kraken_async import KrakenSession
from kraken_async.emulator.observed import same
from kraken_async.emulator.plugin import RunningEmulator
from tests.emulator.emulator_support import said_by_foreign_suite

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "37500", "volume": "0.01"}


async def test_session_is_open_and_its_orders_and_trades_have_types(
    kraken_session: KrakenSession, kraken_emulator: RunningEmulator
) -> None:
    (txid,) = (await kraken_session.private("AddOrder", LIMIT))["txid"]
    market = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "0.5"}
    await kraken_session.private("AddOrder", market)
    assert [(order.txid, order.side, order.volume) for order in kraken_emulator.open_orders] == [
        (txid, "buy", Decimal("0.01"))
    ]
    assert len(kraken_emulator.orders) == 2
    (trade,) = kraken_emulator.trades
    assert (trade.side, trade.price, trade.volume, trade.maker) == (
        "sell",
        Decimal(60000),
        Decimal("0.5"),
        False,
    )
    assert trade.cost - trade.fee == kraken_emulator.balances["ZUSD"] - 1_000_000_000
    (arrival,) = kraken_emulator.assert_sent("AddOrder", type="buy", price=37500.0, volume=Decimal("0.010"))
    assert arrival.txids == (txid,)
    kraken_emulator.assert_sent("AddOrder", times=2, pair="XBTUSD")
    kraken_emulator.assert_sent("CancelOrder", times=0)


async def test_session_s_state_stays_in_the_test_s_folder(
    kraken_session: KrakenSession, tmp_path: Path, kraken_emulator: RunningEmulator
) -> None:
    await kraken_session.private("AddOrder", LIMIT)
    state = Path(os.environ["KRAKEN_STATE_DIR"])
    assert not state.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"kraken-state"}
    for _ in range(30):  # more than a starter's counter allows: nothing is held back unless asked for
        await kraken_session.private("Balance")
    kraken_emulator.assert_sent("Balance", times=30)


@pytest.mark.kraken_session(governor=None, tier="pro", checks=False)
@pytest.mark.kraken_emulator(tier="pro", limits=True)
async def test_marker_gives_the_session_its_options(kraken_session: KrakenSession) -> None:
    await kraken_session.private("Balance")
    assert kraken_session.governor.enabled


@pytest.mark.kraken_emulator(
    balances={"USD": "1000", "AAPLx": 2},
    pairs={"AAPLx/USD": "230", "FOO/EUR": {"price": "2", "ordermin": "1"}},
)
async def test_marker_gives_money_and_pairs(
    kraken_session: KrakenSession, kraken_emulator: RunningEmulator
) -> None:
    assert kraken_emulator.balances == {"ZUSD": Decimal(1000), "AAPLx": Decimal(2)}
    order = {"pair": "AAPLx/USD", "type": "sell", "ordertype": "market", "volume": "1"}
    await kraken_session.private("AddOrder", order)
    assert kraken_emulator.balances["ZUSD"] == Decimal(1000) + 230 - Decimal("0.92")
    assert (await kraken_session.public("Ticker", pair="FOO/EUR"))["FOOEUR"]["c"][0] == "2.00"
    kraken_emulator.emulator.reset()
    assert kraken_emulator.balances == {"ZUSD": Decimal(1000), "AAPLx": Decimal(2)}


async def test_what_did_not_come_is_told_with_what_did(
    kraken_session: KrakenSession, kraken_emulator: RunningEmulator
) -> None:
    await kraken_session.private("AddOrder", LIMIT)
    with pytest.raises(AssertionError) as failed:
        kraken_emulator.assert_sent("AddOrder", price="37501")
    said = str(failed.value)
    assert "at least one call of AddOrder with {'price': '37501'} expected, 0 arrived" in said
    assert "'price': '37500'" in said
    assert "nonce" not in said
    with pytest.raises(AssertionError, match="2 calls of AddOrder"):
        kraken_emulator.assert_sent("AddOrder", times=2)
    with pytest.raises(AssertionError, match="0 calls"):
        kraken_emulator.assert_sent("AddOrder", times=0)


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        ("1.50", 1.5, True),
        ("true", True, True),
        ("a,b", ["a", "b"], True),
        (["a", "b"], ("a", "b"), True),
        (["a"], ["a", "b"], False),
        ({"price": "1.0", "x": "y"}, {"price": 1}, True),
        (None, None, True),
        (None, "None", False),
        ("one", "two", False),
        ("1", "01", True),
    ],
)
def test_fields_are_compared_as_what_they_mean(found: object, wanted: object, equal: bool) -> None:
    assert same(found, wanted) is equal


FOREIGN = """
import sys
import pytest

def test_nothing_of_the_client_is_imported():
    assert "kraken_async.session" not in sys.modules
    assert "kraken_async.emulator.app" not in sys.modules

def test_a_test_without_asyncio(kraken_emulator):
    kraken_emulator.assert_sent("Balance", times=0)

@pytest.mark.asyncio
async def test_session(kraken_session, kraken_emulator):
    await kraken_session.private("Balance")
    kraken_emulator.assert_sent("Balance", times=1)
"""


def test_fixtures_work_in_a_foreign_suite(tmp_path: Path) -> None:
    said = said_by_foreign_suite(
        tmp_path, FOREIGN, "-p", "pytest_asyncio.plugin", "-o", "asyncio_mode=strict"
    )
    assert "3 passed" in said, said
