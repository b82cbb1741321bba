"""The public names: all there, sorted, documented, and cheap to import."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import kraken_async

PROMISED = [
    "KrakenSession",
    "BurstGovernor",
    "NonceSource",
    "OrderPolicy",
    "RetryPolicy",
    "Priority",
    "Tier",
    "guards",
    "FileStore",
    "MemoryStore",
    "RedisStore",
    "KrakenError",
    "KrakenAPIError",
    "InvalidNonce",
    "RateLimitExceeded",
    "TemporaryLockout",
    "AuthenticationError",
    "PermissionDenied",
    "InvalidArguments",
    "OrderError",
    "InsufficientFunds",
    "ServiceUnavailable",
    "TransportError",
    "RequestTimeout",
    "OutcomeUnknown",
    "OrderWithdrawn",
    "QueueTimeout",
    "QueueFull",
    "GuardRefused",
    "NonceStoreError",
    "SessionClosed",
]


def test_all_is_sorted_and_everything_in_it_can_be_had() -> None:
    assert kraken_async.__all__ == sorted(kraken_async.__all__)
    for name in kraken_async.__all__:
        assert getattr(kraken_async, name) is not None
    assert set(kraken_async.__all__) <= set(dir(kraken_async))


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_name_is_public(name: str) -> None:
    assert name in kraken_async.__all__


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        kraken_async.Nonsense  # noqa: B018  # looking it up is the test


def test_every_public_class_and_method_is_documented() -> None:
    undocumented = []
    for name in kraken_async.__all__:
        thing = getattr(kraken_async, name)
        if inspect.isclass(thing):
            undocumented += [name] * (not thing.__doc__)
            undocumented += [
                f"{name}.{member}"
                for member, value in vars(thing).items()
                if inspect.isfunction(value) and not member.startswith("_") and not value.__doc__
            ]
    assert undocumented == []


def test_every_error_is_one_kraken_error() -> None:
    for name in kraken_async.__all__:
        thing = getattr(kraken_async, name)
        if inspect.isclass(thing) and issubclass(thing, Exception):
            assert issubclass(thing, kraken_async.KrakenError)


def test_importing_a_session_imports_at_most_1_3_times_the_modules_of_aiohttp() -> None:
    """What an import costs is held by count; the benchmarks measure its time."""
    counts = []
    for line in ("from kraken_async import KrakenSession", "import aiohttp"):
        code = f"import sys; before = set(sys.modules); {line}; print(len(set(sys.modules) - before))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
        )
        counts.append(int(done.stdout))
    assert counts[0] <= 1.3 * counts[1]


def test_importing_the_package_imports_no_extra_and_no_aiohttp() -> None:
    code = (
        "import sys, kraken_async, kraken_async.emulator.plugin\n"
        "print([m for m in ('aiohttp', 'redis', 'typer', 'rich', 'ccxt', 'krakenex', 'prometheus_client') "
        "if m in sys.modules and m != 'rich'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.strip() == "[]"
