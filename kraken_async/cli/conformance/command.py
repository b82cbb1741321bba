"""The command ``kraken-async conformance`` and its report."""

from __future__ import annotations

import datetime
import json
import platform
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from kraken_async import KrakenError, KrakenSession, __version__, guards
from kraken_async.cli.common import (
    FAILED,
    Json,
    Yes,
    confirm,
    confirm_first_use,
    dump,
    err,
    opened,
    out,
    quiet,
    run,
    session,
)
from kraken_async.cli.conformance.facts import ASSUMED, Finding, Findings
from kraken_async.cli.conformance.orders import Market, OneOrder, Validated
from kraken_async.cli.conformance.reads import Reads, said
from kraken_async.cli.states import StateDir
from kraken_async.client import in_body
from kraken_async.settings import Settings

_COLOURS: Final = {"confirmed": "green", "differs": "red", "cannot be told": "yellow"}


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    codes = "Exit codes: 0 nothing differs; 1 something differs, or a call failed; 2 wrong use; 3 unknown; 4 not sent."
    app.command("conformance", rich_help_panel=group, epilog=codes)(conformance)


def conformance(
    validate: Annotated[
        bool, typer.Option("--validate", help="Also let Kraken check orders, without placing them (tier 2).")
    ] = False,
    place_order: Annotated[
        bool,
        typer.Option(
            "--place-order", help="Also place one order far from the market, and cancel it (tier 3)."
        ),
    ] = False,
    pair: Annotated[str, typer.Option(help="The pair that is asked about.")] = "XBTUSD",
    report: Annotated[Path | None, typer.Option(help="Write the anonymised findings to this file.")] = None,
    state_dir: StateDir = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Ask Kraken whether it is as this client describes it: what is confirmed, what differs, what cannot be told.

    Tier 1 asks the reads that a key may make, once each, and compares names, kinds and units of what comes. A key that
    may only read is enough, and none for public data alone. Tier 2 (--validate) has orders checked with validate=true.
    Tier 3 (--place-order) places one post-only order of the smallest size at 60 % of the best bid, amends it, looks it
    up and cancels it.

    The report holds no key, id, name, amount or address: it can be pasted into an issue.

    Example: kraken-async conformance --validate --report conformance.json
    """
    private = bool(Settings.from_env().api_key)
    if place_order and private:
        confirm(f"One post-only order of the smallest size is placed in {pair}, and cancelled.", yes=yes)
    with quiet():
        findings, reads = run(_ask(pair, private, validate or place_order, place_order, state_dir, yes))
    found = _report(findings, reads)
    if report is not None:
        report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if as_json:
        dump(found)
    else:
        _show(findings)
        if report is not None:
            err.print(f"written: {report}", markup=False)
    if findings.of("differs"):
        raise typer.Exit(FAILED)


async def _ask(
    pair: str, private: bool, validate: bool, place_order: bool, state_dir: Path | None, yes: bool
) -> tuple[Findings, Reads]:
    findings = Findings()
    options: dict[str, Any] = {"state_dir": state_dir, "checks": False}
    async with opened(session(private=False, guard=guards.readonly, **options)) as client:
        reads = Reads(client, pair, findings)
        await reads.ask_public()
        if private:
            confirm_first_use(client, yes=yes)
            await reads.ask_private()
    findings.complete(1, "nothing here shows it" if private else "no API key")
    if validate and private:
        async with opened(session(guard=guards.dry_run, **options)) as client:
            await _tier(2, findings, _validated(client, pair, findings))
    if place_order and private:
        async with opened(session(**options)) as client:
            await _tier(3, findings, _placed(client, pair, findings))
    return findings, reads


async def _tier(tier: int, findings: Findings, work: Any) -> None:
    """Ask the questions of a tier; a failure leaves those that were not asked as not told."""
    try:
        await work
    except KrakenError as error:
        findings.complete(tier, said(error))
    findings.complete(tier, "not asked")


async def _validated(client: KrakenSession, pair: str, findings: Findings) -> None:
    await Validated(lambda body: in_body(client, body), await Market.of(client, pair), findings).ask()


async def _placed(client: KrakenSession, pair: str, findings: Findings) -> None:
    await OneOrder(client, await Market.of(client, pair), findings).run()


def _report(findings: Findings, reads: Reads) -> dict[str, Any]:
    """Return the findings as JSON without anything that names the account."""
    assumed = {fact: text for facts in ASSUMED.values() for fact, text in facts.items()}
    return {
        "client": __version__,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "findings": [
            {
                "tier": each.tier,
                "fact": each.fact,
                "assumed": assumed.get(each.fact, "the result is as spot.toml describes it"),
                "verdict": each.verdict,
                "what": each.what,
            }
            for each in findings.all.values()
        ],
        "seconds": findings.times,
        "never came": {name: fields for name, fields in reads.never_came.items() if fields},
    }


def _show(findings: Findings) -> None:
    for verdict, colour in _COLOURS.items():
        for each in findings.of(verdict):  # type: ignore[arg-type]  # the keys are all verdicts
            out.print(f"[{colour}]{verdict:<14}[/] ", end="")
            out.print(_line(each), markup=False)
    for what, seconds in findings.times.items():
        out.print(f"{what}: {seconds:.3f} s", markup=False)
    counts = [f"{len(findings.of(verdict))} {verdict}" for verdict in _COLOURS]  # type: ignore[arg-type]  # likewise
    out.print(", ".join(counts), markup=False)


def _line(each: Finding) -> str:
    return f"{each.fact}: {each.what}" if each.what else each.fact
