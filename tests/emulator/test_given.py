"""What a test gives the emulator and cannot be: refused in words, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kraken_async.emulator import Emulator, EmulatorServer, Fault
from kraken_async.emulator.config import EmulatorConfig

NOT_NUMBERS = [None, True, "", "much", "nan", "inf", float("nan"), object()]


def _add_pair(emulator: Emulator, **changes: Any) -> None:
    emulator.add_pair("AAPLx/USD", **{"price": "230", **changes})


#: What takes a number above 0, and the name in the message.
ABOVE_ZERO: dict[str, Callable[[Emulator, Any], object]] = {
    "price": lambda emulator, value: emulator.move("XBTUSD", value),
    "amount": lambda emulator, value: emulator.deposit("XBT", value),
    "price of a new pair": lambda emulator, value: _add_pair(emulator, price=value),
    "public_limit": lambda _, value: Emulator(public_limit=(10.0, value)),
}
#: What takes 0 too.
AT_LEAST_ZERO: dict[str, Callable[[Emulator, Any], object]] = {
    "seconds of advance": lambda emulator, value: emulator.advance(value),
    "seconds of lock_out": lambda emulator, value: emulator.lock_out(emulator.key.api_key, value),
    "seconds of throttle": lambda emulator, value: emulator.throttle(emulator.key.api_key, value),
    "ordermin": lambda emulator, value: _add_pair(emulator, ordermin=value),
    "costmin": lambda emulator, value: _add_pair(emulator, costmin=value),
    "valid_until": lambda emulator, value: emulator.add_key(valid_until=value),
    "query_from": lambda emulator, value: emulator.add_key(query_from=value),
    "visibility_delay": lambda _, value: Emulator(visibility_delay=value),
    "lockout_seconds": lambda _, value: Emulator(lockout_seconds=value),
    "seconds": lambda _, value: Fault.late(value),
}
#: Those to which None says something else.
UNLESS_NONE: dict[str, Callable[[Emulator, Any], object]] = {
    "volume": lambda emulator, value: emulator.move("XBTUSD", "50000", volume=value),
    "depth": lambda emulator, value: emulator.set_pair("XBTUSD", depth=value),
    "tick_size": lambda emulator, value: _add_pair(emulator, tick_size=value),
    "jitter of a fault": lambda _, value: Fault().with_(jitter=value),
    "visibility": lambda _, value: Fault().with_(visibility=value),
    "age": lambda _, value: Fault().with_(age=value),
}
WHOLE: dict[str, Callable[[Emulator, Any], object]] = {
    "decimals": lambda emulator, value: emulator.add_asset("AAPLx", decimals=value),
    "pair_decimals": lambda emulator, value: _add_pair(emulator, pair_decimals=value),
    "lot_decimals": lambda emulator, value: _add_pair(emulator, lot_decimals=value),
    "nonce_window": lambda _, value: Emulator(nonce_window=value),
    "lockout_threshold": lambda _, value: Emulator(lockout_threshold=value),
    "status of a fault": lambda _, value: Fault.http(value),
}
SPANS: dict[str, Callable[[Emulator, Any], object]] = {
    "jitter": lambda _, value: Emulator(jitter=value),
    "jitter, set": lambda emulator, value: setattr(emulator, "jitter", value),
    "jitter of the server": lambda emulator, value: EmulatorServer(emulator, jitter=value),
}
WORDS: dict[str, Callable[[Emulator, Any], object]] = {
    "status": lambda emulator, value: emulator.set_pair("XBTUSD", status=value),
    "status of a new pair": lambda emulator, value: _add_pair(emulator, status=value),
    "tier": lambda emulator, value: emulator.add_key(tier=value),
    "when": lambda _, value: Fault.reset(value),
    "what": lambda _, value: Fault(value),
    "ending": lambda _, value: Fault(ending=value),
}
FLAGS: dict[str, Callable[[Emulator, Any], object]] = {
    "limits": lambda _, value: Emulator(limits=value),
    "prolonged": lambda _, value: Emulator(prolonged=value),
    "documented_costs": lambda _, value: Emulator(documented_costs=value),
    "enforce_lockout": lambda _, value: Emulator(enforce_lockout=value),
    "allow_remote": lambda emulator, value: EmulatorServer(emulator, allow_remote=value),
    "allow_remote of a file": lambda _, value: EmulatorConfig.of({"allow_remote": value}),
    "limits of a file": lambda _, value: EmulatorConfig.of({"limits": value}),
    "lockout of a file": lambda _, value: EmulatorConfig.of({"lockout": value}),
    "undated": lambda _, value: Fault().with_(undated=value),
}
#: Each with what it cannot be given.
CASES = [
    *((name, give, ["no", "", 0, 1, None, []]) for name, give in FLAGS.items()),
    *((name, give, [*NOT_NUMBERS, 0, -1, "-0.5"]) for name, give in ABOVE_ZERO.items()),
    *((name, give, [*NOT_NUMBERS, -1]) for name, give in AT_LEAST_ZERO.items()),
    *((name, give, [*NOT_NUMBERS[1:], -1]) for name, give in UNLESS_NONE.items()),
    *((name, give, [True, "2", 1.5, -1]) for name, give in WHOLE.items()),
    *((name, give, [0.5, (1,), (2, 1), (-1, 1), ("a", "b")]) for name, give in SPANS.items()),
    *((name, give, ["sideways", 3, True]) for name, give in WORDS.items()),
    ("date", lambda _, value: Fault.dated(value), NOT_NUMBERS),
]


@pytest.mark.parametrize(("name", "give", "values"), CASES, ids=[case[0] for case in CASES])
def test_what_cannot_be_is_a_value_error_that_names_it(
    name: str, give: Callable[[Emulator, Any], object], values: list[Any]
) -> None:
    emulator = Emulator(seed=1)
    for value in values:
        with pytest.raises(ValueError, match=f"{name.replace(',', ' ').split()[0]} must"):
            give(emulator, value)


@pytest.mark.parametrize("volume", ["0", "-1", "nan", "much", True])
def test_an_order_is_filled_by_a_number_alone(volume: Any) -> None:
    emulator = Emulator(seed=1)
    txid = emulator.place(pair="XBTUSD", type="buy", ordertype="limit", price="30000", volume="1")
    with pytest.raises(ValueError, match="volume must"):
        emulator.fill(txid, volume)
    assert emulator.orders[txid].executed == 0


def test_a_price_that_cannot_be_moves_nothing() -> None:
    emulator = Emulator(seed=1)
    txid = emulator.place(pair="XBTUSD", type="buy", ordertype="limit", price="30000", volume="1")
    with pytest.raises(ValueError, match="price must be above 0, not '-1'"):
        emulator.move("XBTUSD", "-1")
    assert emulator.venue.markets.pair("XBTUSD").last == 60_000
    assert emulator.orders[txid].is_open
