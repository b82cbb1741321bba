"""The pytest fixture ``kraken_session``: a session that is open, isolated and on the test's own ``kraken_emulator``.

    async def test_my_bot(kraken_session, kraken_emulator):
        await my_bot(kraken_session)
        kraken_emulator.assert_sent("AddOrder", times=1)

``@pytest.mark.kraken_session(tier="pro", governor=None)`` gives options of `KrakenSession`. Loaded by the emulator's
plugin; nothing of the client is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kraken_async import KrakenSession
    from kraken_async.emulator.plugin import RunningEmulator


def _asynchronous(function: Callable[..., AsyncIterator[KrakenSession]]) -> object:
    """Make an asynchronous fixture: by pytest-asyncio if it is there, else plainly, which does for anyio's plugin."""
    try:
        import pytest_asyncio
    except ImportError:
        return pytest.fixture(function)
    return pytest_asyncio.fixture(function)


@_asynchronous
async def kraken_session(
    request: pytest.FixtureRequest, kraken_emulator: RunningEmulator, tmp_path: Path
) -> AsyncIterator[KrakenSession]:
    """Open a session on the test's emulator: state in the test's own folder, and nothing held back.

    ``governor=None`` in the marker has the session keep Kraken's limits, as it does by default elsewhere.
    """
    from kraken_async import BurstGovernor, KrakenSession, MemoryStore

    marker = request.node.get_closest_marker("kraken_session")
    options: dict[str, Any] = {
        "base_url": kraken_emulator.url,
        "store": MemoryStore(),
        "state_dir": tmp_path / "kraken-state",
        "governor": BurstGovernor.off(),
    }
    options.update(marker.kwargs if marker is not None else {})
    async with KrakenSession(kraken_emulator.api_key, kraken_emulator.api_secret, **options) as session:
        yield session
