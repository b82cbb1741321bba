"""No key, secret, signature, one-time password or token in any log, repr, error, traceback or file of ours."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from pathlib import Path

import pytest

from kraken_async import BurstGovernor, KrakenError, KrakenSession, OrderPolicy
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
