"""Report exports: queued, processed after ``Venue.export_delay`` seconds, fetched as a ZIP."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any

from .values import Refusal
from .venue import Call
from .wire import bad, text


def add_export(call: Call) -> Any:
    """AddExport: ``{id}``."""
    report = _report_kind(call)
    made = call.venue.ids.report()
    call.venue.reports[made] = {
        "account": call.account.name,
        "created": call.t,
        "descr": text(call.params, "description"),
        "format": text(call.params, "format", "CSV"),
        "report": report,
        "fields": text(call.params, "fields", "all"),
        "start": text(call.params, "starttm", "0"),
        "end": text(call.params, "endtm", str(int(call.t))),
    }
    return {"id": made}


def _report_kind(call: Call) -> str:
    report = text(call.params, "report")
    if report not in ("trades", "ledgers"):
        raise bad("report")
    return report


def _status(call: Call, report: dict[str, Any]) -> str:
    age, delay = call.t - report["created"], call.venue.export_delay
    if age >= delay:
        return "Processed"
    return "Queued" if age < delay / 2 else "Processing"


def export_status(call: Call) -> Any:
    """ExportStatus: the reports of one kind."""
    kind = _report_kind(call)
    return [
        {
            "id": name,
            "descr": report["descr"],
            "format": report["format"],
            "report": kind,
            "subtype": "all",
            "status": _status(call, report),
            "flags": "0",
            "fields": report["fields"],
            "createdtm": str(int(report["created"])),
            "expiretm": str(int(report["created"]) + 14 * 86_400),
            "starttm": str(int(report["created"])),
            "endtm": str(int(report["created"] + call.venue.export_delay)),
            "completedtm": str(int(report["created"] + call.venue.export_delay)),
            "datastarttm": report["start"],
            "dataendtm": report["end"],
            "aclass": "forex",
            "asset": "all",
        }
        for name, report in call.venue.reports.items()
        if report["account"] == call.account.name and report["report"] == kind
    ]


def _find(call: Call) -> tuple[str, dict[str, Any]]:
    name = text(call.params, "id")
    report = call.venue.reports.get(name)
    if report is None or report["account"] != call.account.name:
        raise bad("id")
    return name, report


def retrieve_export(call: Call) -> Any:
    """RetrieveExport: the bytes of a ZIP with one table."""
    _, report = _find(call)
    if _status(call, report) != "Processed":
        raise Refusal("EGeneral:Invalid arguments:id")
    rows = call.account.trades if report["report"] == "trades" else call.account.ledgers
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t" if report["format"] == "TSV" else ",")
    columns = list(next(iter(rows.values()), {}))
    writer.writerow(["txid", *columns])
    writer.writerows([name, *row.values()] for name, row in rows.items())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{report['report']}.{report['format'].lower()}", table.getvalue())
    return packed.getvalue()


def remove_export(call: Call) -> Any:
    """RemoveExport: ``delete`` a processed report, ``cancel`` one that is not."""
    name, report = _find(call)
    kind = text(call.params, "type")
    if kind != ("delete" if _status(call, report) == "Processed" else "cancel"):
        raise bad("type")
    del call.venue.reports[name]
    return {kind: True}


ENDPOINTS: dict[str, Callable[[Call], Any]] = {
    "AddExport": add_export,
    "ExportStatus": export_status,
    "RetrieveExport": retrieve_export,
    "RemoveExport": remove_export,
}
