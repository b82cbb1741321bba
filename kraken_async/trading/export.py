"""A report of all trades or ledger rows in one call, also after a crash, and the rows of such a file.

Rules:

1. What is asked for is written beside the target, durably, before Kraken is asked: a process that dies is followed
   by one that finds its report again by the description, even if the answer that named it was lost.
2. The target appears in one step, complete and readable; until then it is what it was.
3. The report is removed at Kraken, and the note beside the target, only after that.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import logging
import os
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from kraken_async.api.arguments import check_path
from kraken_async.errors import KrakenAPIError, KrakenError, Outcome, TransportError, one_line
from kraken_async.trading.numbers import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kraken_async.call import Caller
    from kraken_async.trading.numbers import Moment

log: logging.Logger = logging.getLogger("kraken_async")

Report = Literal["trades", "ledgers"]
Format = Literal["CSV", "TSV"]

#: Seconds between two looks at a report that is being made: at first, and at most.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0
#: Seconds for which a report that was asked for may not show.
_UNSEEN: Final = 60.0
#: Seconds for a report to begin to come; while it comes, it is waited for.
_DOWNLOAD: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export has come. ``status``: Kraken's word ("Queued", "Processing", "Processed"), at last "saved".

    ``report_id``: Kraken's id of the report, None until it is known. ``seconds``: since this call began.
    """

    status: str
    report_id: str | None
    seconds: float


class Export:
    """One export on its way from being asked for to a file in its place."""

    def __init__(
        self,
        caller: Caller,
        report: Report,
        path: str | os.PathLike[str],
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        format: Format = "CSV",  # noqa: A002 - Kraken's own word
        progress: Callable[[ExportProgress], Any] | None = None,
    ) -> None:
        if report not in ("trades", "ledgers"):
            msg = f"an export is of 'trades' or 'ledgers', not {report!r}"
            raise ValueError(msg)
        if format not in ("CSV", "TSV"):
            msg = f"format is 'CSV' or 'TSV', not {format!r}"
            raise ValueError(msg)
        check_path("path", path)
        if progress is not None and not callable(progress):
            msg = f"progress takes a function, not {progress!r}"
            raise ValueError(msg)
        self._caller = caller
        self._path = Path(path)
        self._note = self._path.with_name(f"{self._path.name}.export.json")
        self._wanted: dict[str, Any] = {"report": report, "format": format}
        for field, moment in (("starttm", start), ("endtm", end)):
            if moment is not None:
                self._wanted[field] = int(seconds(moment, field))
        self._progress = progress
        self._began = 0.0
        self._tried = False

    async def run(self) -> Path:
        """Ask for the report, or go on with one asked for before; wait for it and put it in its place."""
        self._check_place()
        self._began = asyncio.get_running_loop().time()
        row = await self._found()
        while row is None:
            row = await self._made()
        await self._fetch(row["id"])
        await self._tell("saved", row["id"])
        await self._remove(row["id"])
        await asyncio.to_thread(self._note.unlink, missing_ok=True)
        return self._path

    async def _found(self) -> dict[str, Any] | None:
        """Return the report that an earlier process asked for, once it is made; None if there is none."""
        note = await asyncio.to_thread(self._read_note)
        if note is None:
            return None
        row = await self._processed(note, patience=0.0 if note["id"] else _UNSEEN)
        if row is None:
            log.warning("the report noted in %s is not at Kraken: it is asked for again", self._note)
        return row

    async def _made(self) -> dict[str, Any] | None:
        """Ask for a report and return it, once it is made; None if it has not come about."""
        note: dict[str, Any] = {"description": f"kraken_async {uuid.uuid4()}", "id": None}
        await asyncio.to_thread(self._write_note, note)
        try:
            answer = await self._caller.private(
                "AddExport", {**self._wanted, "description": note["description"]}
            )
        except (KrakenError, ValueError) as error:
            if getattr(error, "outcome", Outcome.NOT_SENT) is not Outcome.UNKNOWN:
                await asyncio.to_thread(self._note.unlink, missing_ok=True)
                raise
            log.warning("whether the report was asked for is not known (%s): it is looked for", error)
        else:
            note["id"] = answer["id"]
            await asyncio.to_thread(self._write_note, note)
        row = await self._processed(note, patience=_UNSEEN)
        if row is None and (note["id"] or self._tried):
            msg = f"the report {note['id'] or note['description']} does not show in ExportStatus"
            raise KrakenError(msg, endpoint="ExportStatus", outcome=Outcome.UNKNOWN, retryable=True)
        self._tried = True
        return row

    async def _processed(self, note: dict[str, Any], *, patience: float) -> dict[str, Any] | None:
        """Wait until the report is made and return its row; None if none shows within ``patience`` seconds."""
        loop = asyncio.get_running_loop()
        pause, until = _FIRST_PAUSE, loop.time() + patience
        while True:
            rows = await self._caller.private("ExportStatus", report=self._wanted["report"])
            row = next((row for row in rows or () if _is(row, note)), None)
            if row is not None:
                await self._tell(row["status"], row["id"])
                if row["status"] == "Processed":
                    return dict(row)
                self._refuse_failed(row)
                until = float("inf")
            elif loop.time() >= until:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _refuse_failed(self, row: dict[str, Any]) -> None:
        if row.get("error") or row["status"] in ("Canceled", "Cancelled", "Deleted", "Failed", "Error"):
            why = str(row.get("error") or row["status"])
            self._note.unlink(missing_ok=True)
            msg = f"Kraken did not make the report {row['id']}: {why}"
            raise KrakenAPIError(msg, endpoint="ExportStatus", outcome=Outcome.REFUSED, errors=[why])

    async def _remove(self, report_id: str) -> None:
        try:
            await self._caller.private("RemoveExport", id=report_id, type="delete")
        except (
            KrakenError
        ) as error:  # the file is in its place; Kraken removes reports by itself after a while
            log.warning("the report %s stays at Kraken: %s", one_line(report_id), error)

    async def _tell(self, status: str, report_id: str | None) -> None:
        if self._progress is not None:
            elapsed = asyncio.get_running_loop().time() - self._began
            told = self._progress(ExportProgress(status=status, report_id=report_id, seconds=elapsed))
            if asyncio.iscoroutine(told):
                await told

    # -- files -----------------------------------------------------------------------------------------------------

    def _check_place(self) -> None:
        if self._path.is_dir() or not self._path.parent.is_dir():
            what = "is a folder" if self._path.is_dir() else "is in a folder that does not exist"
            msg = f"{self._path} {what}: give the path of a file"
            raise ValueError(msg)

    def _read_note(self) -> dict[str, Any] | None:
        """Return what an earlier process noted, if it wanted the same."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            wanted, kept = note["wanted"], {"description": str(note["description"]), "id": note["id"]}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s): the report is asked for again", self._note, error)
            return None
        return kept if wanted == self._wanted else None

    def _write_note(self, note: dict[str, Any]) -> None:
        _replace(self._note, json.dumps({**note, "wanted": self._wanted}).encode())

    async def _fetch(self, report_id: str) -> None:
        """Put the report in its place. It is written as it comes, so that its size does not matter."""
        patient = self._caller.with_options(timeout=_DOWNLOAD)
        with _Part(self._path) as part:
            into = getattr(patient, "_into", None)  # a stand-in may give the file as a result only
            answer = await (patient if into is None else into(part)).private("RetrieveExport", id=report_id)
            await asyncio.to_thread(part.put_report, answer)


def _is(row: dict[str, Any], note: dict[str, Any]) -> bool:
    return bool(row.get("id") == note["id"] if note["id"] else row.get("descr") == note["description"])


class _Part:
    """A file beside ``path`` that takes its place in one step, durably, once it is complete; else it is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part")

    def __enter__(self) -> Self:
        self._file = self._beside.open("x+b")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._beside.unlink(missing_ok=True)  # gone, if it was put in its place

    def begin(self) -> None:
        """See Sink."""
        self._file.seek(0)
        self._file.truncate()

    def write(self, piece: bytes) -> None:
        """See Sink."""
        self._file.write(piece)

    def put_report(self, answer: bytes) -> None:
        """Check the report and put it in its place; ``answer`` is all of it, if nothing was written before."""
        if not self._file.tell():
            self._file.write(answer)
        self._file.seek(0)
        try:
            with zipfile.ZipFile(self._file) as archive:
                broken = archive.testzip()
        except zipfile.BadZipFile as error:
            broken = str(error)
        if broken is not None:
            msg = f"the report came incomplete ({broken}); the same call again fetches it again"
            raise TransportError(msg, endpoint="RetrieveExport", outcome=Outcome.UNKNOWN, retryable=True)
        self.put()

    def put(self) -> None:
        """Put what was written in its place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._beside.replace(self._path)
        with contextlib.suppress(OSError):  # some systems open no folder; the rename itself is done
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _replace(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of ``path`` in one step, durably."""
    with _Part(path) as part:
        part.write(content)
        part.put()


def read_export(path: str | os.PathLike[str]) -> Iterator[dict[str, str]]:
    """Give the rows of an export, each by Kraken's column names, as text. One row at a time is in memory.

    Raises OSError for a file that cannot be read, ValueError for one that is no export.
    """
    try:
        check_path("path", path)
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        msg = f"{path} is no export of Kraken's: {error}"
        raise ValueError(msg) from error
    with archive:
        tables = [name for name in archive.namelist() if name.lower().endswith((".csv", ".tsv"))]
        if not tables:
            msg = f"{path} is no export of Kraken's: it holds no table"
            raise ValueError(msg)
        for name in tables:
            with archive.open(name) as packed:
                text = io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")
                delimiter = "\t" if name.lower().endswith(".tsv") else ","
                yield from csv.DictReader(text, delimiter=delimiter)
