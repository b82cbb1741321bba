"""A clock that the test moves, calls that go nowhere, and a gate of an account of its own."""

from __future__ import annotations

import asyncio
import itertools

from kraken_async.api.endpoints import Priority, find
from kraken_async.call import DEFAULTS, Call
from kraken_async.limits.governor import Admission, BurstGovernor


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def call(name: str, priority: Priority | None = None, **params: object) -> Call:
    endpoint = find(name, private=True)
    future = asyncio.get_running_loop().create_future()
    return Call(
        endpoint,
        dict(params),
        b"",
        endpoint.priority if priority is None else priority,
        10.0,
        DEFAULTS,
        future,
    )


_names = itertools.count()


def admission(governor: BurstGovernor, clock: Clock) -> Admission:
    return governor.admission(None, f"account {next(_names)}", clock, lambda: None)
