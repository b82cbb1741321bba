"""An export: whole or not at all, found again by the process after the one that died."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from kraken_async import (
    InvalidArguments,
    KrakenAPIError,
    KrakenError,
    Outcome,
    OutcomeUnknown,
    TransportError,
)
from kraken_async.trading.export import Export, ExportProgress, read_export
from tests.virtual_time import virtual


@pytest.fixture(autouse=True)
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read and written in the loop: virtual time waits for no thread."""

    async def at_once(work: Any, *args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


class Reports:
    """Answers the four export calls; a fault may stand in the way of each."""

    def __init__(self) -> None:
        self.reports: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.statuses = ["Queued", "Processing", "Processed"]
        self.faults: dict[str, list[BaseException | bytes]] = {}
        self.after: dict[str, BaseException] = {}

    async def _answer(self, name: str, fields: dict[str, Any]) -> Any:
        self.asked.append(name)
        fault = self.faults.get(name, [None]).pop(0) if self.faults.get(name) else None
        if isinstance(fault, BaseException):
            raise fault
        if isinstance(fault, bytes):
            return fault
        result = getattr(self, f"_{name}")(fields)
        if name in self.after:
            raise self.after.pop(name)
        return result

    def _AddExport(self, fields: dict[str, Any]) -> Any:
        made = f"R{len(self.reports)}"
        self.reports[made] = {"id": made, "descr": fields["description"], "wanted": fields, "age": 0}
        return {"id": made}

    def _ExportStatus(self, fields: dict[str, Any]) -> Any:
        rows = []
        for report in self.reports.values():
            status = self.statuses[min(report["age"], len(self.statuses) - 1)]
            report["age"] += 1
            rows.append({"id": report["id"], "descr": report["descr"], "status": status})
        return rows

    def _RetrieveExport(self, fields: dict[str, Any]) -> Any:
        assert fields["id"] in self.reports
        return packed("txid,price\nT1,1.5\nT2,2.5\n")

    def _RemoveExport(self, fields: dict[str, Any]) -> Any:
        del self.reports[fields["id"]]
        return {"delete": True}

    def private(
        self, endpoint: str, params: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Coroutine[Any, Any, Any]:
        return self._answer(endpoint, {**(params or {}), **fields})

    public = private

    def with_options(self, *, priority: Any = None, timeout: float | None = None) -> Reports:
        return self


def packed(text: str, name: str = "trades.csv") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, text)
    return made.getvalue()


def note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.export.json")


@virtual
async def test_an_export_is_asked_for_waited_for_fetched_and_removed(tmp_path: Path) -> None:
    kraken, seen = Reports(), list[ExportProgress]()
    path = tmp_path / "trades.zip"
    assert await Export(kraken, "trades", path, start=100, progress=seen.append).run() == path
    assert list(read_export(path)) == [{"txid": "T1", "price": "1.5"}, {"txid": "T2", "price": "2.5"}]
    assert [each.status for each in seen] == ["Queued", "Processing", "Processed", "saved"]
    assert {each.report_id for each in seen} == {"R0"}
    assert seen[-1].seconds > 0
    assert not kraken.reports
    assert [entry.name for entry in tmp_path.iterdir()] == ["trades.zip"]


@virtual
@pytest.mark.parametrize("stage", ["AddExport", "ExportStatus", "RetrieveExport", "RemoveExport"])
async def test_what_died_at_any_stage_is_gone_on_with(tmp_path: Path, stage: str) -> None:
    """The process ends after the call was carried out, before its answer was seen."""
    kraken, path = Reports(), tmp_path / "trades.zip"
    kraken.after[stage] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await Export(kraken, "trades", path).run()
    assert note_of(path).exists()
    assert path.exists() == (stage == "RemoveExport")
    await Export(kraken, "trades", path).run()
    assert len(list(read_export(path))) == 2
    # One that was removed cannot be found again, and is asked for anew; any other is the first one.
    assert kraken.asked.count("AddExport") == (2 if stage == "RemoveExport" else 1)
    assert not note_of(path).exists()


@virtual
async def test_a_lost_answer_is_looked_for_by_the_description(tmp_path: Path) -> None:
    kraken, path = Reports(), tmp_path / "trades.zip"
    kraken.after["AddExport"] = OutcomeUnknown("lost", endpoint="AddExport")
    await Export(kraken, "trades", path).run()
    assert kraken.asked.count("AddExport") == 1


@virtual
async def test_a_request_that_never_arrived_is_made_once_more(tmp_path: Path) -> None:
    kraken, path = Reports(), tmp_path / "trades.zip"
    kraken.faults["AddExport"] = [OutcomeUnknown("lost", endpoint="AddExport")]
    await Export(kraken, "trades", path).run()
    assert kraken.asked.count("AddExport") == 2
    kraken.faults["AddExport"] = [OutcomeUnknown("lost", endpoint="AddExport")] * 9
    with pytest.raises(KrakenError, match="does not show"):
        await Export(kraken, "trades", path).run()
    assert kraken.asked.count("AddExport") == 4


@virtual
async def test_a_refusal_leaves_no_note(tmp_path: Path) -> None:
    kraken, path = Reports(), tmp_path / "trades.zip"
    kraken.faults["AddExport"] = [InvalidArguments("EGeneral:Invalid arguments:report")]
    with pytest.raises(InvalidArguments):
        await Export(kraken, "trades", path).run()
    assert not list(tmp_path.iterdir())


@virtual
async def test_another_wish_does_not_take_an_earlier_report(tmp_path: Path) -> None:
    kraken, path = Reports(), tmp_path / "trades.zip"
    kraken.after["RetrieveExport"] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await Export(kraken, "trades", path, start=1).run()
    await Export(kraken, "trades", path, start=2).run()
    assert kraken.asked.count("AddExport") == 2


@virtual
async def test_an_incomplete_report_takes_no_files_place(tmp_path: Path) -> None:
    kraken, path = Reports(), tmp_path / "trades.zip"
    path.write_bytes(b"what was there")
    kraken.faults["RetrieveExport"] = [packed("txid\nT1\n")[:-30]]
    with pytest.raises(TransportError, match="incomplete"):
        await Export(kraken, "trades", path).run()
    assert path.read_bytes() == b"what was there"
    await Export(kraken, "trades", path).run()
    assert kraken.asked.count("AddExport") == 1
    assert len(list(read_export(path))) == 2


@virtual
async def test_a_report_that_kraken_does_not_make_is_an_error(tmp_path: Path) -> None:
    kraken = Reports()
    kraken.statuses = ["Queued", "Canceled"]
    with pytest.raises(KrakenAPIError, match="Canceled") as caught:
        await Export(kraken, "ledgers", tmp_path / "l.zip").run()
    assert caught.value.outcome is Outcome.REFUSED
    assert not list(tmp_path.iterdir())


@virtual
async def test_what_cannot_work_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    kraken = Reports()
    for path in (tmp_path, tmp_path / "missing" / "t.zip"):
        with pytest.raises(ValueError, match="folder"):
            await Export(kraken, "trades", path).run()
    with pytest.raises(ValueError, match="trades"):
        Export(kraken, "orders", tmp_path / "t.zip")  # type: ignore[arg-type] # what is tested
    with pytest.raises(ValueError, match="CSV"):
        Export(kraken, "trades", tmp_path / "t.zip", format="JSON")  # type: ignore[arg-type] # what is tested
    assert not kraken.asked


@virtual
async def test_a_damaged_note_is_named_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kraken, path = Reports(), tmp_path / "trades.zip"
    note_of(path).write_text(json.dumps({"id": "R9"}))
    await Export(kraken, "trades", path).run()
    assert str(note_of(path)) in caplog.text


@virtual
async def test_progress_may_be_awaited_and_its_error_is_the_callers(tmp_path: Path) -> None:
    kraken, seen = Reports(), list[str]()

    async def note(progress: ExportProgress) -> None:
        seen.append(progress.status)
        if progress.status == "Processing":
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await Export(kraken, "trades", tmp_path / "t.zip", progress=note).run()
    assert seen == ["Queued", "Processing"]


def test_rows_of_a_tsv_and_what_is_no_export(tmp_path: Path) -> None:
    path = tmp_path / "ledgers.zip"
    path.write_bytes(packed('txid\tamount\nL1\t"1,5"\n', "ledgers.tsv"))
    assert list(read_export(path)) == [{"txid": "L1", "amount": "1,5"}]
    path.write_bytes(packed("", "other.pdf"))
    with pytest.raises(ValueError, match="no table"):
        next(read_export(path))
    path.write_bytes(b"{}")
    with pytest.raises(ValueError, match="no export"):
        next(read_export(path))
    with pytest.raises(FileNotFoundError):
        next(read_export(tmp_path / "none.zip"))
