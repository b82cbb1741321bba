"""Parts that the commands share: exit codes, errors with their cure, JSON, questions, a session."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from kraken_async import (
    FileStore,
    KrakenError,
    KrakenSession,
    Outcome,
)
from kraken_async.cli.cures import cure_of
from kraken_async.settings import Settings, check_variables, store_from_env
from kraken_async.stores.file.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path

T = TypeVar("T")

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNKNOWN: Final = 3
NOT_SENT: Final = 4
INTERRUPTED: Final = 130

EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused or failed; 2 wrong use; 3 outcome unknown, or a fault of the command's own: it may "
    "have been done; 4 not sent: no effect; 130 interrupted."
)

#: Digits of the nonces of each unit that closes a key to clients that count in milliseconds.
_DIGITS: Final = {"ns": 19, "us": 16}

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class Output(Console):
    """A console whose broken pipe is an error for the command to handle, not the end of the program."""

    def on_broken_pipe(self) -> None:
        """Raise it, in the command that prints."""
        raise


out: Output = Output(highlight=False, soft_wrap=True)
err: Output = Output(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, cure: str = "", code: int = FAILED) -> NoReturn:
    """Print an error and its cure on stderr and end the command with ``code``, whether stderr takes them or not."""
    try:
        err.print(f"[bold red]error:[/] {escape(message)}")
        if cure:
            err.print(f"[bold]try:[/] {escape(cure)}")
    except (OSError, ValueError):
        _discard(2)
    raise typer.Exit(code)


def usage(message: str, cure: str = "") -> NoReturn:
    """End the command: it was used wrongly."""
    fail(message, cure, USAGE)


def fail_with(error: KrakenError, pair: str = "PAIR") -> NoReturn:
    """End the command with a client's error: what it says, its cure, and the exit code of its outcome."""
    code = {Outcome.UNKNOWN: UNKNOWN, Outcome.NOT_SENT: NOT_SENT}.get(error.outcome, FAILED)
    name = type(error).__name__
    fail(f"{error} ({name}: {error.outcome})", cure_of(error, pair), code)


def log_to_stderr() -> None:
    """Let warnings go to stderr, each with its level."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING, stream=sys.stderr)


def run(work: Coroutine[Any, Any, T], *, pair: str = "PAIR") -> T:
    """Run a command's coroutine; its failures become messages and exit codes. ``pair``: for what they advise."""
    log_to_stderr()
    try:
        return asyncio.run(work)
    except KrakenError as error:
        fail_with(error, pair)
    except (UnicodeDecodeError, json.JSONDecodeError, BrokenPipeError) as fault:
        fail_with_fault(fault)  # of what was read or printed on the way, when the call may have gone
    except ValueError as error:  # misuse, in the words of the part that noticed it
        usage(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def fail_with_fault(fault: BaseException) -> NoReturn:
    """End the command with 3 for what should not have been raised: what had been sent by then may have been done."""
    with contextlib.suppress(OSError, ValueError):  # stderr does not take it: the exit code says enough
        traceback.print_exception(fault)
    fail(
        f"the command met a fault of its own ({type(fault).__name__}); if it was to change something, that may be done",
        "do not repeat it; an order: `kraken-async orders unresolved`, `kraken-async call OpenOrders`",
        UNKNOWN,
    )


@contextlib.asynccontextmanager
async def opened(client: KrakenSession) -> AsyncIterator[KrakenSession]:
    """Open a session for the block. What closing raises is said, and does not hide what the block returned."""
    await client.open()
    try:
        yield client
    finally:
        try:
            await client.aclose()
        except Exception as error:
            err.print(f"the session could not be closed properly: {error}", markup=False)


def deliver(show: Callable[[], None]) -> None:
    """Print what an answered call brought. If stdout does not take it, end with 3 and say on stderr what was done.

    The call has had its effect by then, so the exit code must be none of those that say that it had not.
    """
    try:
        if sys.stdout is None:  # closed by the shell: >&-
            raise OSError(errno.EBADF, "standard output is closed")
        show()
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # ValueError: a file object that was closed
        _discard(1)
        why = getattr(error, "strerror", None) or str(error)
        fail(
            f"the call was sent and answered, but its result could not be printed ({why})",
            "do not repeat it; an order: `kraken-async call OpenOrders`, `kraken-async call ClosedOrders`",
            UNKNOWN,
        )


def _discard(descriptor: int) -> None:
    """Send what is still to be written there nowhere, or the interpreter fails in flushing it and changes the code."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the sessions' warnings off stderr while the block runs."""
    log = logging.getLogger("kraken_async")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def dump(value: Any) -> None:
    """Print JSON on stdout, and nothing else: no colours, no wrapping."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless ``yes``. Where no one can answer, end the command and name the option."""
    if yes:
        return
    if not sys.stdin.isatty():
        usage(f"{question} It needs a yes, and there is no terminal to ask at.", "--yes, if you mean it")
    if not _answer(f"{question} Go on?"):
        err.print("not sent")
        raise typer.Exit(NOT_SENT)


def _answer(question: str) -> bool:
    """Return what is answered at the terminal; its end is a no. Ctrl-C ends the command at once.

    In an event loop it would not: the loop's handler only notes the first one, while the answer is waited for.
    """
    handler = signal.getsignal(signal.SIGINT)
    ours = callable(handler) and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as end:
        err.print()
        if isinstance(end.__context__, KeyboardInterrupt):
            err.print("not sent")
            raise typer.Exit(INTERRUPTED) from None
        return False
    finally:
        if ours:
            signal.signal(signal.SIGINT, handler)


def confirm_first_use(client: KrakenSession, *, yes: bool) -> None:
    """Ask before the first private call of a key, unless its nonces leave the key open to every client."""
    digits = _DIGITS.get(client._config.unit)
    if digits is not None and not client.stats().last_nonce:
        confirm(
            f"This key has no nonce state here. Once used with {digits}-digit nonces it is closed for good to clients "
            "that count in milliseconds (ccxt, krakenex). KRAKEN_NONCE_UNIT=ms keeps it open to them.",
            yes=yes,
        )


def session(*, private: bool = True, **options: Any) -> KrakenSession:
    """Return a session as the environment and the command's options say; a missing key ends the command.

    Its nonces are in the unit that the key's state is in, unless the environment names one: a command that only looks
    must not close a key to the programs that use it. An option that was not given leaves it to the environment, and to
    the profile: KRAKEN_STATE_DIR, or its ``state_dir``.
    """
    options = {name: value for name, value in options.items() if value is not None}
    try:
        if "api_key" not in options:
            check_variables(options)
            settings = Settings.from_env()
            if (settings.api_key is None) != (settings.api_secret is None):
                missing = "KRAKEN_API_KEY" if settings.api_key is None else "KRAKEN_API_SECRET"
                usage(
                    f"{missing} is not set, and the other half of the pair is", f"set it, or {missing}_FILE"
                )
            if private and not settings.api_key:
                usage(
                    "no API key",
                    "set KRAKEN_API_KEY and KRAKEN_API_SECRET (or ..._FILE, naming a file that holds it)",
                )
            unit = settings.nonce_unit or _kept_unit(settings, options.get("state_dir"))
            options = options if unit is None else {"nonce_unit": unit, **options}
        return KrakenSession.from_env(**options)
    except ValueError as error:
        usage(str(error), _cure_of_variable(str(error)))


def _cure_of_variable(message: str) -> str:
    """Return which variable holds the key or the secret that cannot be one."""
    for argument, name in (("api_key is ", "KRAKEN_API_KEY"), ("api_secret is ", "KRAKEN_API_SECRET")):
        if message.startswith(argument):
            return f"correct {name}, or the file that {name}_FILE names"
    return ""


def _kept_unit(settings: Settings, state_dir: Path | None) -> str | None:
    """Return the unit of the nonces that are kept for the key in a state directory, None where none are."""
    kept = store_from_env(state_dir)
    if not settings.api_key or not isinstance(kept, FileStore):
        return None
    path = kept.directory / f"{hashlib.sha256(settings.api_key.encode()).hexdigest()[:16]}.state"
    return inspect(path).unit if path.exists() else None
