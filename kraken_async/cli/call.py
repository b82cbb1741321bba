"""``kraken-async call``: one call, its result as JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from kraken_async import KrakenSession, guards
from kraken_async.api.checks import Checks
from kraken_async.api.endpoints import find, known_endpoints, nearest
from kraken_async.cli.common import (
    EXIT_CODES,
    Yes,
    confirm,
    confirm_first_use,
    deliver,
    dump,
    err,
    opened,
    quiet,
    run,
    session,
    usage,
)
from kraken_async.cli.completion import complete_field
from kraken_async.cli.endpoints import complete_endpoint
from kraken_async.emulator import Emulator, serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

_NESTED: Final = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")


def add_to(app: typer.Typer, group: str) -> None:
    """Add the command to a group of the help."""
    app.command("call", rich_help_panel=group, epilog=EXIT_CODES)(call)


def call(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Kraken's name of the endpoint: Balance, AddOrder, Time.",
            autocompletion=complete_endpoint,
        ),
    ],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Values stay text; JSON or @FILE.json for lists.",
            autocompletion=complete_field,
        ),
    ] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="Another address than Kraken's.")] = None,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Against an emulator that lives for this call.")
    ] = False,
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="For an endpoint that is not in the table yet.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for the exchange.")] = None,
    otp: Annotated[
        str | None, typer.Option("--otp", help="One-time password of a key that asks for one.")
    ] = None,
    allow_funding: Annotated[
        bool, typer.Option("--allow-funding", help="Let withdrawals and transfers through.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Make one call and print Kraken's result as JSON.

    The key comes from KRAKEN_API_KEY and KRAKEN_API_SECRET. What changes something is asked about first, and
    so is the first private call on a key: from then on it is closed to clients with smaller nonces.

    Examples: kraken-async call Balance

    kraken-async call AddOrder pair=XBTUSD type=buy ordertype=limit price=37500 volume=1.25 validate=true

    kraken-async call AddOrderBatch pair=XBTUSD orders=@orders.json
    """
    params = parse_fields(fields or [])
    is_private = name not in known_endpoints(private=False) if private is None else private
    try:
        endpoint = find(name, private=is_private)
    except ValueError as error:
        usage(str(error))
    if not endpoint.known:
        _unknown(name, given=private)
    validates = str(params.get("validate", "")).lower() in ("true", "1")
    asks = endpoint.changes and not emulator and not validates
    if emulator and base_url:
        usage("--emulator has an address of its own", "leave one of --emulator and --base-url away")
    # ``_check`` looks at the fields, before anything is asked; what is found is said once.
    options: dict[str, Any] = {"checks": False, **({"guard": guards.allow_all} if allow_funding else {})}
    if base_url:
        options["base_url"] = base_url
    if otp:
        options["otp"] = otp
    with _emulated(options) if emulator else contextlib.nullcontext():
        client = session(private=is_private, **options)
        result = run(
            _ask(client, name, params, private=is_private, timeout=timeout, asks=asks, yes=yes or emulator),
            pair=str(params.get("pair", "PAIR")),
        )
    deliver(lambda: _show(result))


def _unknown(name: str, given: bool | None) -> None:
    """Say that a name is not in the table. A slip ends the command, unless --private or --public says it is meant."""
    if given is None:
        near = nearest(name, private=True) or nearest(name, private=False)
    else:
        near = nearest(name, private=given)
    said = f"{name} is not a known endpoint" + (f": {near}?" if near else "")
    if near and given is None:
        usage(said, f"{near}; or --private (--public), if Kraken has {name} by now")
    err.print(said, markup=False)


def _show(result: Any) -> None:
    if isinstance(result, bytes):
        typer.get_binary_stream("stdout").write(result)
    else:
        dump(result)


async def _ask(
    client: KrakenSession,
    name: str,
    params: dict[str, Any],
    *,
    private: bool,
    timeout: float | None,
    asks: bool,
    yes: bool,
) -> Any:
    _check(client, name, params, private=private)
    if asks:
        confirm(f"{name} changes something at Kraken.", yes=yes)
    async with opened(client):
        view = client.with_options(timeout=timeout)
        if not private:
            return await view.public(name, params)
        confirm_first_use(client, yes=yes)
        return await view.private(name, params)


def _check(client: KrakenSession, name: str, params: dict[str, Any], *, private: bool) -> None:
    """Check a call as its session would, before anything is asked. Raises GuardRefused and InvalidArguments."""
    if private:
        guard = client._config.guard or guards.no_funding
        guard(guards.Request(name, params, find(name, private=True).changes))
    Checks(logging.getLogger("kraken_async"), way_out="").check(name, params)


@contextlib.contextmanager
def _emulated(options: dict[str, Any]) -> Iterator[None]:
    """Put an emulator's address and key, and a state for this call alone, into a session's options."""
    emulator = Emulator()
    with quiet(), serve_in_thread(emulator) as server, tempfile.TemporaryDirectory() as state:
        api_key, api_secret = emulator.key
        options.update(base_url=server.url, api_key=api_key, api_secret=api_secret, state_dir=state)
        yield


def parse_fields(words: list[str]) -> dict[str, Any]:
    """Return ``key=value`` words as a call's fields: ``close[ordertype]=limit`` nests, JSON and ``@file`` make lists.

    Ends the command with a sentence for a word that is none of these.
    """
    fields: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            usage(f"{word!r} is not a field", "key=value, such as pair=XBTUSD")
        nested = _NESTED.fullmatch(name)
        if nested:
            fields.setdefault(nested[1], {})[nested[2]] = text
        else:
            fields[name] = _value(name, text)
    return fields


def _value(name: str, text: str) -> Any:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            usage(f"{name}: {text[1:]} cannot be read ({error.__class__.__name__})")
    elif not text.startswith(("[", "{")):
        return text
    try:
        # Numbers stay as they are written: 0.10 is not 0.1.
        return json.loads(text, parse_float=str, parse_int=str)
    except ValueError as error:
        usage(f"{name} is not JSON: {error}", 'for example orders=\'[{"type": "buy", ...}, ...]\'')
