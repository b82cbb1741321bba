"""What Kraken answered passes byte for byte; what was found out otherwise is encoded here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kraken_async.emulator import Emulator, Fault
from kraken_async.gateway import Gateway, GatewayConfig
from kraken_async.gateway.replies import OUTCOME
from tests.gateway.conftest import ORDER, Running, write_config

RESULT = b'{ "error" : [],\n  "result": {"a": 1.50, "b": "\\u20ac", "c": 1e-8, "b2": "x"}  }\n'
REFUSAL = b'{"error" : [ "EOrder:Insufficient funds" ], "result": null , "extra":1}'
EMPTY = b'{"error": [ ]}'
NO_CHANGE = b'{"error": ["WDatabase:No change"]}'
ZIP = b"PK\x03\x04" + bytes(range(256)) * 40

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def before(folder: Path, answer: Answer) -> AsyncIterator[Running]:
    """A gateway before a Kraken that answers as the test says."""
    app = web.Application()
    app.router.add_route("*", "/0/{kind}/{name:.*}", answer)
    emulator = Emulator(seed=1)
    async with TestServer(app) as server:
        config = GatewayConfig.load(write_config(folder, emulator, str(server.make_url("")).rstrip("/")))
        async with Gateway(config) as gateway, aiohttp.ClientSession() as http:
            yield Running(gateway, emulator, http)


def saying(body: bytes, status: int = 200, kind: str = "application/json") -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type=kind)

    return answer


@pytest.mark.parametrize("endpoint", ["Balance", "CancelAll"])
@pytest.mark.parametrize("body", [RESULT, REFUSAL])
async def test_a_private_answer_passes_as_it_came(tmp_path: Path, endpoint: str, body: bytes) -> None:
    async with before(tmp_path, saying(body)) as running:
        status, headers, got = await running.client().raw(f"/0/private/{endpoint}", data={"nonce": "1"})
        assert (status, got) == (200, body)
        assert OUTCOME not in headers


async def test_each_of_many_reads_has_its_own_bytes(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = (await request.post())["asset"]
        if asked == "7":
            return web.Response(body=REFUSAL, content_type="application/json")
        return web.Response(body=b'{"error": [ ], "result": {"n": %s}}' % str(asked).encode())

    async with before(tmp_path, answer) as running:
        bot = running.client()
        for _ in range(2):
            asked = [bot.raw("/0/private/TradeBalance", data={"asset": str(n)}) for n in range(20)]
            got = [body for _, _, body in await asyncio.gather(*asked)]
            expected = [b'{"error": [ ], "result": {"n": %d}}' % n for n in range(20)]
            assert got == [*expected[:7], REFUSAL, *expected[8:]]


async def test_a_read_without_a_result_passes_as_it_came(tmp_path: Path) -> None:
    async with before(tmp_path, saying(EMPTY)) as running:
        assert (await running.client().raw("/0/private/Balance", data={}))[2] == EMPTY


async def test_a_write_that_changed_nothing_passes_as_it_came(tmp_path: Path) -> None:
    async with before(tmp_path, saying(NO_CHANGE)) as running:
        assert (await running.client().raw("/0/private/CancelAll", data={}))[2] == NO_CHANGE


async def test_a_refusal_beside_an_http_error_passes_as_kraken_s_envelope(tmp_path: Path) -> None:
    async with before(tmp_path, saying(REFUSAL, 400)) as running:
        status, _, got = await running.client().raw("/0/private/Balance", data={})
        assert (status, got) == (200, REFUSAL)


@pytest.mark.parametrize("body", [RESULT, b'{"error":["EQuery:Unknown asset pair"]}'])
async def test_a_public_answer_passes_as_it_came(tmp_path: Path, body: bytes) -> None:
    async with before(tmp_path, saying(body)) as running:
        assert (await running.client().raw("/0/public/Ticker?pair=A", method="GET"))[2] == body


async def test_an_export_passes_as_it_came(tmp_path: Path) -> None:
    async with before(tmp_path, saying(ZIP, kind="application/zip")) as running:
        _, headers, got = await running.client().raw("/0/private/RetrieveExport", data={"id": "ABCD"})
        assert got == ZIP
        assert headers["Content-Type"] == "application/zip"


async def test_a_large_export_passes_without_being_in_memory_and_begins_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kraken_async.gateway.spool.IN_MEMORY", 1000)
    large, asked = ZIP * 300, []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        response = web.StreamResponse(headers={"Content-Length": str(len(large))})
        await response.prepare(request)
        if len(asked) == 1:  # breaks off in the middle
            await response.write(large[: len(large) // 2])
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(large)
        return response

    async with before(tmp_path, answer) as running:
        _, headers, got = await running.client().raw("/0/private/RetrieveExport", data={"id": "ABCD"})
    assert (len(asked), headers["Content-Length"]) == (2, str(len(large)))
    assert got == large


async def test_a_refused_export_passes_as_kraken_s_envelope(tmp_path: Path) -> None:
    async with before(tmp_path, saying(REFUSAL)) as running:
        assert (await running.client().raw("/0/private/RetrieveExport", data={"id": "A"}))[2] == REFUSAL


async def test_a_page_of_somebody_in_between_is_not_passed_on(tmp_path: Path) -> None:
    async with before(tmp_path, saying(b"<html><script>alert(1)</script>", 403, "text/html")) as running:
        status, headers, got = await running.client().raw("/0/private/Balance", data={})
        assert (status, headers[OUTCOME]) == (200, "refused")
        assert b"script" not in got
        assert json.loads(got)["error"]


async def test_an_order_found_by_look_up_is_encoded_anew(long_look_ups: None, running: Running) -> None:
    running.emulator.faults.next("AddOrder", Fault.refuse("EService:Busy", "after"))
    answer, headers = await running.client().call("AddOrder", ORDER)
    assert answer["error"] == []
    assert answer["result"]["txid"] == list(running.emulator.orders)
    assert OUTCOME not in headers
