"""Whatever a program passes by mistake, a call raises ValueError or KrakenError, and the session goes on."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    BurstGovernor,
    KrakenError,
    KrakenSession,
    MemoryStore,
    OrderPolicy,
    Response,
    RetryPolicy,
    SignedRequest,
    guards,
)
from tests.wire.odd_fields import Bad, endpoint, fields

KEY, SECRET = "a-key-for-tests", "c2VjcmV0"


async def answer(_request: SignedRequest, _timeout: float) -> Response:
    return Response(200, {}, b'{"error":[],"result":{"txid":["OA"]}}')


def session(tmp_path: Path, **options: Any) -> KrakenSession:
    return KrakenSession(
        KEY,
        SECRET,
        store=MemoryStore(),
        state_dir=tmp_path,
        governor=BurstGovernor.off(),
        transport=answer,
        guard=guards.allow_all,
        orders=OrderPolicy(settle_timeout=0.0),
        retry=RetryPolicy(attempts=1),
        **options,
    )


async def call_oddly(client: KrakenSession, seeds: range) -> None:
    for seed in seeds:
        for call in (client.private, client.public):
            with contextlib.suppress(ValueError, KrakenError):
                await call(endpoint(seed), fields(seed))
    assert "txid" in await client.private("Balance")


@pytest.mark.parametrize("checks", [True, False], ids=["checked", "unchecked"])
async def test_odd_names_and_fields_are_refused_in_words(tmp_path: Path, checks: bool) -> None:
    async with session(tmp_path, checks=checks) as client:
        await call_oddly(client, range(400))


@pytest.mark.proof
@pytest.mark.timeout(300)
@pytest.mark.parametrize("checks", [True, False], ids=["checked", "unchecked"])
async def test_8000_odd_names_and_fields_are_refused_in_words(tmp_path: Path, checks: bool) -> None:
    async with session(tmp_path, checks=checks) as client:
        await call_oddly(client, range(8000))


@pytest.mark.parametrize("given", [5, ["pair"], Bad(), "pair=XBTUSD"], ids=["int", "list", "bad", "text"])
async def test_what_is_no_mapping_is_refused_when_it_is_awaited(tmp_path: Path, given: Any) -> None:
    async with session(tmp_path) as client:
        for call in (client.private, client.public):
            waiting = call("Balance", given)
            with pytest.raises(ValueError, match="a mapping of names to values"):
                await waiting


@pytest.mark.parametrize("nested", [False, True])
async def test_a_one_time_password_among_the_fields_is_in_no_frames_locals(
    tmp_path: Path, nested: bool
) -> None:
    given: dict[str, Any] = {"otp": "canary-password", "pair": ["XBTUSD"] if nested else "XBTUSD"}
    async with session(tmp_path) as client:
        waiting = client.private("AddOrder", given)
        with pytest.raises(ValueError, match="field 'otp' is set by the session") as caught:
            await waiting
    summary = traceback.StackSummary.extract(traceback.walk_tb(caught.tb), capture_locals=True)
    ours = [frame.locals for frame in summary if "/kraken_async/" in frame.filename]
    assert ours
    assert "canary" not in repr(ours)
    assert caught.value.__context__ is None
