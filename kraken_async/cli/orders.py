"""``kraken-async orders``: orders whose outcome is not known, after a crash or a lost answer."""

from __future__ import annotations

import dataclasses
import logging
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kraken_async import KrakenError, KrakenSession, Outcome, OutcomeUnknown
from kraken_async.cli.common import (
    EXIT_CODES,
    FAILED,
    UNKNOWN,
    Json,
    Yes,
    deliver,
    dump,
    err,
    out,
    run,
    session,
    usage,
)
from kraken_async.cli.states import StateDir
from kraken_async.orders.tracker import LEFT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

app: typer.Typer = typer.Typer(help="Orders whose outcome is not known.", no_args_is_help=True)

NAME = "The id that `orders unresolved` shows, or a cl_ord_id."
_ABSENT: Final = (
    "not found, past its deadline and the time it may take to show. Repeat it if it is still wanted, and if orders "
    "show at Kraken within that time: docs/orders.md says what this rests on"
)
_NEVER_SEEN: Final = (
    "nothing executed: the cancel went out, and no order of this id shows, open or closed, past the time it may take. "
    "If there should be one, is the id right?"
)
FromKey = Annotated[
    str | None,
    typer.Option(
        "--from-key",
        metavar="HASH",
        help="What the sessions of a key that was replaced left; its hash begins the names of its files.",
    ),
]


@app.command(epilog=EXIT_CODES)
def unresolved(from_key: FromKey = None, state_dir: StateDir = None, as_json: Json = False) -> None:
    """List the orders of KRAKEN_API_KEY that were sent, or about to be, and whose outcome is not known.

    Those that a living session has in flight are not among them. Nothing is sent. Exits with 3 if there are any.

    Example: kraken-async orders unresolved
    """
    with _without_left():
        found = run(_unresolved(session(state_dir=state_dir), from_key))
    if as_json:
        dump([_shown(intent) for intent in found])
    elif not found:
        out.print("none: the outcome of every order is known")
    else:
        for intent in found:
            named = f"cl_ord_id={intent.cl_ord_id} " if intent.cl_ord_id else ""
            out.print(
                f"{intent.id}  {_moment(intent.sent_at)}  {intent.endpoint} {named}{_summary(intent.params)}",
                markup=False,
            )
        out.print("`kraken-async orders resolve` looks them up at Kraken")
    if found:
        raise typer.Exit(UNKNOWN)


@app.command(epilog=EXIT_CODES)
def resolve(
    name: Annotated[str | None, typer.Argument(metavar="ID", help=f"{NAME} All orders if not given.")] = None,
    from_key: FromKey = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Look the unresolved orders up at Kraken, open ones and closed ones. Nothing is placed or cancelled.

    Prints for each whether it was placed, is absent (not found, past the time it may take to show), or is still
    unknown, and then from when it can be told. Exits with 0 if all were placed, with 3 while any is unknown, else
    with 1.

    Example: kraken-async orders resolve
    """
    _settle(_each(session(state_dir=state_dir), name, from_key, _resolve), name, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def ensure_cancelled(
    name: Annotated[str, typer.Argument(metavar="ID", help=f"{NAME} Or Kraken's own id of any order.")],
    from_key: FromKey = None,
    state_dir: StateDir = None,
    _yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Cancel an order and look until it is proven closed, which may take two minutes. Prints what was executed.

    A cancel goes without a question; --yes changes nothing. Exits with 3 while it is not proven.

    Example: kraken-async orders ensure-cancelled 6c9b3f0e-7d61-4f2c-9a55-0d2f8f0f7a11
    """
    client = session(state_dir=state_dir)
    _settle(_each(client, name, from_key, _ensure_cancelled, otherwise=True), name, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def dismiss(
    name: Annotated[str, typer.Argument(metavar="ID", help=NAME)],
    from_key: FromKey = None,
    state_dir: StateDir = None,
    _yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Strike an unresolved order off the record, when its outcome is known otherwise. Nothing is sent.

    It goes without a question, as it changes nothing at Kraken; --yes changes nothing.

    Example: kraken-async orders dismiss 6c9b3f0e-7d61-4f2c-9a55-0d2f8f0f7a11
    """
    _settle(_each(session(state_dir=state_dir), name, from_key, _dismiss), name, as_json=as_json)


@contextmanager
def _without_left() -> Iterator[None]:
    """Keep the warning that orders are unresolved off stderr: the commands here are about them."""
    log = logging.getLogger("kraken_async.orders")

    def keep(record: logging.LogRecord) -> bool:
        return record.msg != LEFT

    log.addFilter(keep)
    try:
        yield
    finally:
        log.removeFilter(keep)


def _settle(settling: Coroutine[Any, Any, list[dict[str, Any]]], name: str | None, *, as_json: bool) -> None:
    """Print the outcome of orders, and end with its exit code."""
    with _without_left():
        found = run(settling)
    if name is not None and not found:
        usage(f"no unresolved order has the id {name}", "kraken-async orders unresolved")
    deliver(lambda: _show(found, as_json=as_json))
    outcomes = {row["outcome"] for row in found}
    if str(Outcome.UNKNOWN) in outcomes:
        raise typer.Exit(UNKNOWN)
    if outcomes - {"placed", "cancelled", "dismissed"}:
        raise typer.Exit(FAILED)


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        dump(found)
        return
    for row in found:
        out.print(
            f"{row['endpoint']} {row['cl_ord_id'] or ''}: {row['outcome']}, {row['detail']}", markup=False
        )
    if not found:
        err.print("none: the outcome of every order is known")


async def _unresolved(client: KrakenSession, from_key: str | None) -> Sequence[Any]:
    async with client:
        return list(client.unresolved(from_key=from_key))


async def _each(
    client: KrakenSession,
    name: str | None,
    from_key: str | None,
    settle: Callable[[KrakenSession, Any], Awaitable[dict[str, Any]]],
    *,
    otherwise: bool = False,
) -> list[dict[str, Any]]:
    """Settle the open intents of that id. ``otherwise``: where there is none, the order of that id."""
    rows = []
    async with client:
        named: list[Any] = [
            intent
            for intent in client.unresolved(from_key=from_key)
            if name in (None, intent.id, intent.cl_ord_id)
        ]
        for intent in named or ([name] if otherwise else []):
            known = not isinstance(intent, str)
            row = {
                "intent": intent.id if known else None,
                "endpoint": intent.endpoint if known else "order",
                "cl_ord_id": intent.cl_ord_id if known else intent,
                "result": None,
            }
            if sys.stderr.isatty() and settle in _PATIENCE:
                err.print(
                    f"looking at Kraken for {row['cl_ord_id'] or row['endpoint']}: {_PATIENCE[settle]}",
                    markup=False,
                )
            try:
                row |= await settle(client, intent)
            except OutcomeUnknown as error:
                again = f"kraken-async orders {_VERBS[settle]} {intent.id if known else intent}"
                row |= _doubtful(error, again if from_key is None else f"{again} --from-key {from_key}")
            except KrakenError as error:
                row |= {"outcome": str(error.outcome), "detail": str(error)}
            rows.append(row)
    return rows


def _doubtful(error: OutcomeUnknown, again: str) -> dict[str, Any]:
    """Return what is known of an order that was not found: that it is absent, or from when that can be told."""
    known = {"finding": error.finding, "decidable_at": error.decidable_at}
    if error.finding == "absent":
        return {**known, "outcome": "absent", "detail": _ABSENT}
    if error.decidable_at is None or error.decidable_at <= time.time():
        then = "Ask again"
    else:
        then = f"Ask again from {_moment(error.decidable_at)}"
    return {**known, "outcome": str(error.outcome), "detail": f"{error}. {then}: `{again}`"}


async def _resolve(client: KrakenSession, intent: Any) -> dict[str, Any]:
    try:
        result = await client.resolve(intent)
    except OutcomeUnknown:
        raise
    except KrakenError as error:  # of the look-up: of the order it says nothing
        return {"outcome": str(Outcome.UNKNOWN), "detail": f"it could not be looked up: {error}"}
    return {"outcome": "placed", "result": result, "detail": _summary(result)}


async def _ensure_cancelled(client: KrakenSession, intent: Any) -> dict[str, Any]:
    if not isinstance(intent, str):
        executed = await client.ensure_cancelled(intent=intent)
    elif len(intent) == 19 and intent[6] == intent[12] == "-":  # Kraken's own ids, OXXXXX-XXXXX-XXXXXX
        executed = await client.ensure_cancelled(txid=intent)
    else:
        executed = await client.ensure_cancelled(cl_ord_id=intent)
    shown = {
        name: executed[name] for name in ("txid", "status", "vol_exec", "cost", "fee") if name in executed
    }
    if executed.get("status") == "absent":
        return {"outcome": "cancelled", "result": executed, "detail": _NEVER_SEEN}
    return {"outcome": "cancelled", "result": executed, "detail": _summary(shown or executed)}


async def _dismiss(client: KrakenSession, intent: Any) -> dict[str, Any]:
    await client.dismiss(intent)
    return {"outcome": "dismissed", "detail": "nothing more is found out about it"}


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


#: How long a command may look, as it is said to who waits for it at a terminal.
_PATIENCE: Final[dict[Callable[..., Any], str]] = {
    _resolve: "up to 15 s",
    _ensure_cancelled: "up to two minutes, until it is proven closed",
}
_VERBS: Final[dict[Callable[..., Any], str]] = {
    _resolve: "resolve",
    _ensure_cancelled: "ensure-cancelled",
    _dismiss: "dismiss",
}


def _shown(intent: Any) -> dict[str, Any]:
    return dataclasses.asdict(intent)


def _summary(fields: Any) -> str:
    if not isinstance(fields, dict):
        return str(fields)
    return " ".join(f"{name}={value}" for name, value in fields.items() if name != "cl_ord_id")
