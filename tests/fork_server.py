"""The process that the children of tests are forked from: everything they import is imported once, here.

A child runs as ``python`` would run it (``-c code``, ``-m module`` or a path, after ``-W action``), as ``__main__``,
with the arguments, environment, folder and standard streams asked for, and ends as an interpreter ends. What it does
not show is what it would import itself: tests of imports start an interpreter of their own.

See `tests.forked` for the other side of the conversation.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import sys
import types
import warnings
from typing import Any, cast

STATUS = struct.Struct("<q")  # first the child's process id, then its status as `os.waitpid` gives it
LENGTH = struct.Struct("<I")

#: Not imported here: these read the environment of their process as they are imported.
_LEFT_OUT = ("typer.rich_utils",)
_MORE = (
    "aiofiles",
    "aiohttp",
    "aiolimiter",
    "asyncio",
    "concurrent.futures",
    "httptools",
    "logging.handlers",
)
_IF_THERE = ("krakenex", "prometheus_client", "redis.asyncio", "rich.console", "rich.table", "typer")


def import_all() -> None:
    """Import this package, and what it and its children import."""
    import kraken_async

    for name in (*_MORE, *_IF_THERE):
        try:
            importlib.import_module(name)
        except ImportError:
            assert name in _IF_THERE
    for found in pkgutil.walk_packages(kraken_async.__path__, "kraken_async."):
        if not found.name.endswith(("__main__", "adapters.ccxt", "generate")):
            importlib.import_module(found.name)
    for name in _LEFT_OUT:
        sys.modules.pop(name, None)


class Server:
    """Forks a child for each request that arrives, and tells of its end."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._ended, ended = socket.socketpair()
        ended.setblocking(False)
        self._writer = ended  # kept open: the signal of a child's end writes here
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ended.fileno(), warn_on_full_buffer=False)
        self._children: dict[int, int] = {}  # process id: where its status goes

    def serve(self) -> dict[str, Any] | None:
        """Return in a child, with what it shall run; in this process, with None once no more can be asked for."""
        selector = selectors.DefaultSelector()
        selector.register(self._requests, selectors.EVENT_READ)
        selector.register(self._ended, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._ended:
                    self._ended.recv(4096)
                    self._tell_of_ends()
                    continue
                request, streams = self._next()
                if request is None:
                    return None
                if self._fork(streams):
                    selector.close()
                    return request

    def _next(self) -> tuple[dict[str, Any] | None, list[int]]:
        first, descriptors, *_ = socket.recv_fds(self._requests, LENGTH.size, 4)
        if not first:
            return None, []
        (left,), pieces = LENGTH.unpack(first), []
        while left:
            pieces.append(self._requests.recv(left))
            left -= len(pieces[-1])
        request: dict[str, Any] = json.loads(b"".join(pieces))
        return request, list(descriptors)

    def _fork(self, descriptors: list[int]) -> bool:
        """Whether this is the child."""
        pid = os.fork()
        if pid:
            status = descriptors.pop()
            os.write(status, STATUS.pack(pid))
            self._children[pid] = status
            for descriptor in descriptors:
                os.close(descriptor)
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for end in (self._requests, self._ended, self._writer):
            end.close()
        for status in self._children.values():
            os.close(status)
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _tell_of_ends(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            told = self._children.pop(pid)
            try:
                os.write(told, STATUS.pack(status))
            except BrokenPipeError:  # who started it has ended, or looks no more
                pass
            os.close(told)


def take_place(request: dict[str, Any]) -> list[str]:
    """Make this process what the request asks for, and return the words of its command line."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = open(number, mode + "b", closefd=False)  # noqa: SIM115  # for as long as this process lives
        errors = "backslashreplace" if number == 2 else "strict"
        line_by_line = number == 2 or os.isatty(number)
        text = io.TextIOWrapper(stream, encoding="utf-8", errors=errors, line_buffering=line_by_line)
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)
    words: list[str] = request["words"]
    while words[0] == "-W":
        sys.warnoptions.append(words[1])
        action, _, category = words[1].partition("::")
        warnings.simplefilter(cast("Any", action), getattr(builtins, category or "Warning"))
        words = words[2:]
    sys.path[:] = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *sys.path]
    return words


def run(words: list[str]) -> None:
    """Run code, a module or a file, as ``__main__``."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    if words[0] == "-m":
        sys.path.insert(0, os.getcwd())
        sys.argv = words[1:]
        runpy._run_module_as_main(words[1])  # type: ignore[attr-defined]  # what `python -m` calls
        return
    if words[0] == "-c":
        sys.path.insert(0, "")
        sys.argv, source, name = ["-c", *words[2:]], words[1], "<string>"
    else:
        name = words[0]
        sys.path.insert(0, os.path.dirname(os.path.abspath(name)))
        sys.argv, main.__file__ = words, name
        with open(name, encoding="utf-8") as file:
            source = file.read()
    exec(compile(source, name, "exec"), main.__dict__)


if __name__ == "__main__":
    # Of a terminal's interrupt the tests speak, not this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    here, given = sys.path.pop(0), os.environ.get("PYTHONPATH")
    import_all()
    if given:
        sys.path[:] = [place for place in sys.path if place not in given.split(os.pathsep)]
    gc.freeze()
    asked = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if asked is None:
        os._exit(0)
    run(take_place(asked))
