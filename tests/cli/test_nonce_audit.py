"""``kraken-async nonce audit --online``: it compares with Kraken, and changes nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from kraken_async.emulator import EmulatorServer, Fault
from kraken_async.stores.base import Shared
from kraken_async.stores.file.inspection import inspect as look
from tests.cli.cli_support import data, run


def kept() -> Shared:
    (path,) = Path(os.environ["KRAKEN_STATE_DIR"]).glob("*.state")
    shared = look(path).shared
    assert shared is not None
    return shared


def test_nonce_audit_online_only_looks_at_a_key_that_another_program_uses(overtaken: EmulatorServer) -> None:
    before, asked = kept(), len(overtaken.emulator.history)
    result = run("nonce", "audit", "--online", "--json")
    after = kept()
    assert result.exit_code == 1
    (finding,) = data(result)["findings"]
    assert "another program uses this key" in finding
    assert [call.endpoint for call in overtaken.emulator.history[asked:]] == ["GetApiKeyInfo"]
    assert after.slow_fields() == before.slow_fields()  # no jump noted, no pause, no lockout
    assert (after.pause_until, after.jumped_at) == (0.0, None)
    assert after.last < time.time_ns() + 30_000_000_000  # nor a jump made
    assert run("nonce", "audit").exit_code == 0


def test_nonce_audit_online_finds_nothing_where_the_key_is_ours_alone(known: EmulatorServer) -> None:
    before, asked = kept(), len(known.emulator.history)
    result = run("nonce", "audit", "--online", "--json")
    assert (result.exit_code, data(result)["findings"]) == (0, [])
    assert [call.endpoint for call in known.emulator.history[asked:]] == ["GetApiKeyInfo"]
    assert kept().slow_fields() == before.slow_fields()


def test_nonce_audit_online_in_a_pause_asks_nothing_and_leaves_the_pause(known: EmulatorServer) -> None:
    known.emulator.faults.plan = lambda _index, _name: Fault.refuse("EAPI:Invalid nonce")
    assert run("call", "Balance").exit_code == 1
    known.emulator.faults.plan = None
    before, asked = kept(), len(known.emulator.history)
    result = run("nonce", "audit", "--online", "--json")
    assert result.exit_code == 1
    assert "not asked" in str(data(result)["findings"])
    assert len(known.emulator.history) == asked
    after = kept()
    assert (after.pauses, after.jumped_at is None) == (before.pauses, before.jumped_at is None)
    assert after.pause_until >= before.pause_until > 0


def test_nonce_audit_online_of_a_key_without_state_asks_nothing(server: EmulatorServer) -> None:
    assert "no state here" in str(data(run("nonce", "audit", "--online", "--json"))["findings"])
    assert not server.emulator.history
