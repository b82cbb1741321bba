"""Markets, accounts and the switches of a test, behind the rules."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from . import movement
from .account import Account
from .auth import Key
from .behaviour import Behaviour
from .ids import Ids
from .markets import Markets, Pair


class Venue:
    """Everything that endpoints act on. ``status`` is that of SystemStatus, ``limits`` turns the counters on."""

    def __init__(
        self,
        rng: random.Random,
        behaviour: Behaviour,
        *,
        limits: bool,
        exclusive: bool,
        forget_after: int | None,
    ) -> None:
        self.rng = rng
        self.behaviour: Behaviour = behaviour
        self.ids: Ids = Ids(rng)
        self.markets: Markets = Markets()
        self.accounts: dict[str, Account] = {}
        self.status = "online"
        self.maintenance: list[dict[str, Any]] = []
        self.limits = limits
        self.exclusive = exclusive
        self.export_delay: float = 0.0
        self.reports: dict[str, dict[str, Any]] = {}
        self._forget_after = forget_after

    def account(self, name: str) -> Account:
        """Return the account called ``name``, opened when first asked for."""
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = Account(
                name, self.ids, self.markets, self.behaviour, self._forget_after
            )
        return account

    def behave(self, behaviour: Behaviour) -> None:
        """Change the switches, from now on."""
        self.behaviour = behaviour
        for account in self.accounts.values():
            account.behaviour = behaviour

    def issued(self, txid: str) -> bool:
        """Return whether ``txid`` is that of an order, open or gone, of any account."""
        return any(txid in account.orders for account in self.accounts.values())

    def move(self, pair: Pair, last: Decimal, t: float, flow: Decimal | None = None) -> None:
        """Move the price: triggers trail and fire, orders that cross now trade, together at most ``flow``."""
        pair.move(last, t, flow)
        for account in self.accounts.values():
            movement.tick(account, t)
            movement.moved(account, pair, t, flow)


@dataclass(slots=True)
class Call:
    """One accepted private call in its endpoint, which adds the orders it touches to ``txids``."""

    venue: Venue
    account: Account
    key: Key
    params: Mapping[str, Any]
    nonce: int | None
    t: float
    visibility: float | None = None
    closed_visibility: float | None = None
    ending: str = ""
    txids: list[str] = field(default_factory=list)

    def delays(self) -> tuple[float, float]:
        """Return the seconds before queries show an order placed now, and before they show that it was closed."""
        behaviour, rng = self.venue.behaviour, self.venue.rng
        opened = self.visibility if self.visibility is not None else drawn(rng, behaviour.open_delay)
        closed = self.closed_visibility
        return opened, drawn(rng, behaviour.closed_delay) if closed is None else closed


def drawn(rng: random.Random, span: tuple[float, float]) -> float:
    """Return a number from ``span``; nothing is drawn, so nothing else changes, when it is one number."""
    least, most = span
    return least if least == most else rng.uniform(least, most)
