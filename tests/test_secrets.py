"""No key, secret, signature, one-time password or token in any log, repr, error, traceback or file of ours."""

from __future__ import annotations

import asyncio
import base64
import logging
import pickle
import traceback
from pathlib import Path

import aiohttp
import pytest

from kraken_async import BurstGovernor, KrakenError, KrakenSession, MemoryStore, OrderPolicy, RetryPolicy
from kraken_async.api.endpoints import find
from kraken_async.emulator import Emulator, EmulatorServer, Fault
from kraken_async.wire import signer
from tests.secrecy import Secrecy

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "100", "volume": "1"}


class Everything(logging.Handler):
    """Every record of every logger, with all that hangs on it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += repr(record.__dict__) + record.getMessage()


def told(error: BaseException) -> str:
    """All that an error report with locals would show: of our own frames, of causes and contexts too."""
    text = ""
    seen: BaseException | None = error
    while seen is not None:
        text += repr(seen) + str(seen) + repr(seen.__dict__)
        summary = traceback.StackSummary.extract(traceback.walk_tb(seen.__traceback__), capture_locals=True)
        text += repr([frame.locals for frame in summary if "/kraken_async/" in frame.filename])
        seen = seen.__cause__ or seen.__context__
    return text


async def test_secrets_appear_nowhere(tmp_path: Path) -> None:
    everything = Everything()
    root = logging.getLogger()
    before = root.level
    root.addHandler(everything)
    root.setLevel(logging.DEBUG)
    emulator = Emulator()
    key = emulator.add_key(otp="canary-otp-4711")
    shown: list[object] = []
    try:
        async with EmulatorServer(emulator) as server:
            async with KrakenSession(
                key.api_key,
                key.api_secret,
                otp="canary-otp-4711",
                base_url=server.url,
                state_dir=tmp_path,
                governor=BurstGovernor.off(),
                orders=OrderPolicy(settle_timeout=0.3),
                on_orphan=shown.append,
                observers=[shown.append],
            ) as client:
                await client.private("Balance")
                await client.private("AddOrder", ORDER)
                token = (await client.private("GetWebSocketsToken"))["token"]
                emulator.faults.next("AddOrder", Fault.reset("after"))
                await client.private("AddOrder", ORDER)
                for fault in (
                    Fault.html(),
                    Fault.garbage(),
                    Fault.refuse("EAPI:Invalid key"),
                    Fault.refuse("EOrder:X"),
                ):
                    emulator.faults.next("Withdraw", fault)
                    emulator.faults.next("AmendOrder", fault)
                    with pytest.raises(KrakenError) as caught:
                        await client.private("Withdraw", asset="XBT", key="k", amount="1")
                    shown += [told(caught.value), pickle.dumps(caught.value)]
                    with pytest.raises(KrakenError) as caught:
                        await client.private("AmendOrder", txid="OAAAAA-BBBBB-CCCCCC", order_qty="1")
                    shown += [told(caught.value), pickle.dumps(caught.value)]
                shown += [repr(client), client.stats().as_dict(), client.unresolved(), client.budget()]
            with pytest.raises(ValueError, match="base64") as wrong:
                KrakenSession("canary-key-0815", "canary secret, not base64!")
            shown.append(told(wrong.value))
    finally:
        root.removeHandler(everything)
        root.setLevel(before)
    text = everything.text + repr(shown)
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert files
    for secret in (key.api_key, key.api_secret, "canary-otp-4711", "canary-key-0815", "canary secret", token):
        assert secret not in text
        assert not [name for name, content in files.items() if secret.encode() in content or secret in name]


def test_the_search_would_find_a_secret() -> None:
    def leak() -> None:
        raise KrakenError("canary")

    with pytest.raises(KrakenError) as caught:
        leak()
    assert "canary" in told(caught.value)


def test_the_suite_looks_for_secrets_in_all_that_its_tests_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "_decode", signer._decode)  # what learning changes is put back
    monkeypatch.setattr(signer.Signer, "sign", signer.Signer.sign)
    heard = Secrecy()
    heard.learn_from_signers()
    key, secret = "canary-key-of-some-length", base64.b64encode(bytes(range(64))).decode()
    made = signer.Signer(key, secret)
    request = made.sign(find("Balance", private=True), b"", 1)
    heard.emit(logging.makeLogRecord({"msg": "all is well with %s", "args": (made,), "extra": request}))
    assert heard.shown(f"{made!r} {request!r}") == []
    for shown in (key, secret, request.headers["API-Sign"]):
        assert heard.shown(f"printed: {shown}\n")
    for record in ({"msg": "sent", "headers": request.headers}, {"msg": "signed with %s", "args": (secret,)}):
        heard = Secrecy()
        heard.emit(logging.makeLogRecord(record))
        assert heard.shown("")


TOKEN = "canary-token-4711"
WHOLE = b'{"error":[],"result":{"token":"%s","expires":900}}' % TOKEN.encode()


def answer(body: bytes, status: int = 200, *, length: int | None = None, head: bytes = b"") -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n%s\r\n%s" % (status, size, head, body)


#: Answers that hold a secret and are an error.
SPOILT = {
    "half of the JSON": answer(WHOLE[:-3]),
    "half of the body": answer(WHOLE, length=500),
    "an error beside it": answer(b'{"error":["EGeneral:Internal error"],' + WHOLE[12:]),
    "an error that is not known": answer(b'{"error":["EOther:Words"],' + WHOLE[12:]),
    "a list": answer(b"[" + WHOLE + b"]"),
    "a page": answer(b"<html><title>" + WHOLE + b"</title></html>"),
    "not gzip": answer(WHOLE, head=b"Content-Encoding: gzip\r\n"),
    "half of it chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%szz\r\n"
    % (len(WHOLE), WHOLE),
    "no HTTP": WHOLE,
    "status 500": answer(WHOLE[:-3], 500),
    "status 403": answer(WHOLE[:-3], 403),
}


@pytest.mark.parametrize("given", [False, True], ids=["own connection", "http="])
@pytest.mark.parametrize("name", SPOILT)
async def test_an_error_of_an_answer_holds_nothing_of_it(tmp_path: Path, name: str, given: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SPOILT[name])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, aiohttp.ClientSession() as http:
        port = server.sockets[0].getsockname()[1]
        async with KrakenSession(
            "key",
            "c2VjcmV0",
            base_url=f"http://127.0.0.1:{port}",
            store=MemoryStore(),
            state_dir=tmp_path,
            http=http if given else None,
            governor=BurstGovernor.off(),
            retry=RetryPolicy(attempts=1),
        ) as client:
            with pytest.raises(KrakenError) as caught:
                await client.private("GetWebSocketsToken")
    assert TOKEN[:8] not in told(caught.value)
