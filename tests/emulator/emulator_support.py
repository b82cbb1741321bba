"""Driving the emulator without the client: a clock that a test moves, and a signer of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kraken_async.emulator import Emulator, KeyPair, Reply

START = 1_700_000_000.0
FORM = "application/x-www-form-urlencoded"
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "37500", "volume": "1.25"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.5"}


class Clock:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self, t: float = START) -> None:
        self.t = t

    def __call__(self) -> float:
        return self.t

    def advance(self, seconds: float) -> None:
        self.t += seconds

    async def sleep(self, seconds: float) -> None:
        self.t += seconds


def sign(secret: str, path: str, nonce: str, body: bytes) -> str:
    message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(base64.b64decode(secret), message, hashlib.sha512).digest()).decode()


def signed(
    key: KeyPair, name: str, nonce: int | str, fields: dict[str, Any], *, as_json: bool = False
) -> tuple[str, dict[str, str], bytes]:
    """Return path, headers and body of one private call."""
    path = f"/0/private/{name}"
    if as_json:
        body, kind = json.dumps({"nonce": nonce, **fields}).encode(), "application/json"
    else:
        body, kind = urlencode({"nonce": nonce, **fields}).encode(), FORM
    headers = {
        "API-Key": key.api_key,
        "API-Sign": sign(key.api_secret, path, str(nonce), body),
        "Content-Type": kind,
    }
    return path, headers, body


class Desk:
    """An emulator on virtual time with one caller, whose nonces count up from one."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.emulator = Emulator(clock=self.clock, seed=7, **options)
        self.nonce = 0

    def request(
        self,
        name: str,
        fields: dict[str, Any] | None = None,
        *,
        key: KeyPair | None = None,
        nonce: int | str | None = None,
        as_json: bool = False,
    ) -> tuple[str, dict[str, str], bytes]:
        if nonce is None:
            self.nonce += 1
            nonce = self.nonce
        return signed(key or self.emulator.key, name, nonce, fields or {}, as_json=as_json)

    def send(self, name: str, fields: dict[str, Any] | None = None, **how: Any) -> Reply:
        path, headers, body = self.request(name, fields, **how)
        return self.emulator.handle("POST", path, headers, body)

    def call(self, name: str, fields: dict[str, Any] | None = None, **how: Any) -> Any:
        """Return the result of a private call that must succeed."""
        answer = json.loads(self.send(name, fields, **how).body)
        assert answer["error"] == [], answer
        return answer["result"]

    def refusal(self, name: str, fields: dict[str, Any] | None = None, **how: Any) -> str:
        """Return the only error of a private call that must be refused."""
        answer = json.loads(self.send(name, fields, **how).body)
        assert len(answer["error"]) == 1, answer
        assert "result" not in answer
        return str(answer["error"][0])

    def place(self, **changes: str) -> str:
        """Place a limit order that rests, and return its txid."""
        return str(self.call("AddOrder", {**LIMIT, **changes})["txid"][0])

    def public(self, name: str, query: str = "") -> Any:
        reply = self.emulator.handle("GET", f"/0/public/{name}" + (f"?{query}" if query else ""), {}, b"")
        answer = json.loads(reply.body)
        return answer["result"] if not answer["error"] else answer["error"]


def said_by_foreign_suite(folder: Path, tests: str, *options: str) -> str:
    """Run tests of somebody else's, which have nothing but the published fixtures; return what pytest says."""
    (folder / "test_foreign.py").write_text(tests)
    ours = ["-p", "kraken_async.emulator.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", *ours, *options, "test_foreign.py"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout + done.stderr
