"""A report is written to its file as it comes: larger than any answer may be, and from its start after a failure."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kraken_async import BurstGovernor, KrakenSession, MemoryStore, Response, RetryPolicy, SignedRequest
from kraken_async.wire import body as body_module


def report() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("trades.csv", random.Random(1).randbytes(3_000_000))
    return held.getvalue()


REPORT = report()


class Kraken:
    """Has one report, whose first download breaks off in the middle."""

    def __init__(self) -> None:
        self.description = ""
        self.downloads = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        fields = await request.post()
        match request.path.rpartition("/")[2]:
            case "AddExport":
                self.description = str(fields["description"])
                return web.json_response({"error": [], "result": {"id": "R1"}})
            case "ExportStatus":
                row = {"id": "R1", "descr": self.description, "status": "Processed"}
                return web.json_response({"error": [], "result": [row]})
            case "RetrieveExport":
                return await self.download(request)
        return web.json_response({"error": [], "result": {"delete": True}})

    async def download(self, request: web.Request) -> web.StreamResponse:
        self.downloads += 1
        response = web.StreamResponse(headers={"Content-Length": str(len(REPORT))})
        await response.prepare(request)
        if self.downloads == 1:
            await response.write(REPORT[:2_000_000])
            assert request.transport is not None
            request.transport.close()
        else:
            await response.write(REPORT)
        return response


def session(tmp_path: Path, **options: Any) -> KrakenSession:
    return KrakenSession(
        "a-key-for-tests",
        "c2VjcmV0",
        store=MemoryStore(),
        state_dir=tmp_path / "state",
        governor=BurstGovernor.off(),
        retry=RetryPolicy(base=0.0),
        **options,
    )


async def test_a_report_above_any_answers_limit_goes_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "LARGEST", 1_000_000)
    kraken, app = Kraken(), web.Application()
    app.router.add_post("/0/private/{name}", kraken.answer)
    server = TestServer(app)
    await server.start_server()
    path = tmp_path / "trades.zip"
    async with session(tmp_path, base_url=str(server.make_url(""))) as client:
        assert await client.export("trades", path) == path
    assert path.read_bytes() == REPORT
    assert kraken.downloads == 2
    assert not list(tmp_path.glob(".*.part"))
    await server.close()


async def test_over_a_transport_of_the_callers_a_report_comes_whole(tmp_path: Path) -> None:
    async def transport(request: SignedRequest, _timeout: float) -> Response:
        if request.path.endswith("RetrieveExport"):
            return Response(200, {}, REPORT)
        if request.path.endswith("ExportStatus"):
            return Response(200, {}, b'{"error":[],"result":[{"id":"R1","status":"Processed"}]}')
        return Response(200, {}, b'{"error":[],"result":{"id":"R1"}}')

    async with session(tmp_path, transport=transport) as client:
        path = await client.export("trades", tmp_path / "trades.zip")
    assert path.read_bytes() == REPORT
