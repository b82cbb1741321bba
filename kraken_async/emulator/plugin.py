"""The pytest plugin: a fixture ``kraken_emulator`` with a local Kraken that any client can talk to.

    def test_my_bot(kraken_emulator):
        run_bot(kraken_emulator.url, kraken_emulator.api_key, kraken_emulator.api_secret)
        kraken_emulator.assert_sent("AddOrder", pair="XBTUSD", type="buy", times=1)

A marker gives options of `Emulator` and `EmulatorServer`, and what the test starts from:
``@pytest.mark.kraken_emulator(limits=True, tier="pro", balances={"ZUSD": "1000"}, pairs={"AAPLx/USD": "230"})``.
Nothing but this module is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from decimal import Decimal

    from .emulator import Emulator
    from .observed import Trade
    from .orders import Order
    from .values import Arrival

_SERVER_OPTIONS = ("host", "port", "jitter", "keepalive")
#: Gives `kraken_session`. By name: the emulator knows nothing of the client, and works without it.
_SESSION_FIXTURES = "kraken_async.testing"


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """An emulator that serves ``url`` from a thread, and a key pair to use there."""

    url: str
    api_key: str
    api_secret: str
    emulator: Emulator

    def __repr__(self) -> str:
        return f"<RunningEmulator {self.url}>"

    @property
    def orders(self) -> list[Order]:
        """Every order of every account, oldest first."""
        return list(self.emulator.orders.values())

    @property
    def open_orders(self) -> list[Order]:
        """The orders that are open or pending, oldest first."""
        return [order for order in self.orders if order.is_open]

    @property
    def trades(self) -> list[Trade]:
        """Every trade of every account, oldest first within an account."""
        from .observed import Trade

        accounts = self.emulator.accounts.values()
        return [Trade.of(txid, row) for account in accounts for txid, row in account.trades.copy().items()]

    @property
    def balances(self) -> dict[str, Decimal]:
        """Balances of the main account by asset."""
        return dict(self.emulator.accounts["main"].balances)

    def sent(self, endpoint: str, **fields: Any) -> list[Arrival]:
        """Return the calls of ``endpoint`` that carried all of ``fields``, the refused ones among them."""
        from .observed import sent

        return sent(list(self.emulator.history), endpoint, fields)

    def assert_sent(self, endpoint: str, *, times: int | None = None, **fields: Any) -> list[Arrival]:
        """Fail the test unless such a call arrived (``times``: exactly so often), and return those that did.

        Numbers are compared as numbers: ``price=37500`` is also ``37500.0``. ``times=0``: none did.
        """
        from .observed import told

        found = self.sent(endpoint, **fields)
        if len(found) == times or (times is None and found):
            return found
        wanted = "at least one call" if times is None else "1 call" if times == 1 else f"{times} calls"
        raise AssertionError(
            f"{wanted} of {endpoint} with {fields} expected, {len(found)} arrived; in all:\n"
            + told(list(self.emulator.history))
        )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, so that they pass under ``--strict-markers``, and the fixtures of the session."""
    config.addinivalue_line("markers", "kraken_emulator(**options): options of the fixture kraken_emulator")
    config.addinivalue_line("markers", "kraken_session(**options): options of the fixture kraken_session")
    config.pluginmanager.import_plugin(_SESSION_FIXTURES)


@pytest.fixture
def kraken_emulator(request: pytest.FixtureRequest) -> Iterator[RunningEmulator]:
    """Serve a fresh local Kraken for one test."""
    from . import Emulator, serve_in_thread

    marker = request.node.get_closest_marker("kraken_emulator")
    options = dict(marker.kwargs) if marker is not None else {}
    serving = {name: options.pop(name) for name in _SERVER_OPTIONS if name in options}
    balances, pairs = options.pop("balances", None), options.pop("pairs", None)
    emulator = Emulator(**options)
    emulator.prepare(lambda: _prepare(emulator, balances, pairs or {}))
    with serve_in_thread(emulator, **serving) as server:
        yield RunningEmulator(server.url, *emulator.key, emulator)


def _prepare(emulator: Emulator, balances: Mapping[str, str] | None, pairs: Mapping[str, Any]) -> None:
    """Set what a test starts from; a pair is given by its price, or by the options of `Emulator.add_pair`."""
    for name, given in pairs.items():
        emulator.add_pair(name, **(given if isinstance(given, Mapping) else {"price": given}))
    if balances is not None:
        emulator.set_balances(balances, replace=True)
