"""Start Python children as `subprocess` does, but forked from one process that has imported everything.

To start an interpreter and import the package takes most of the time of a child that lives for a moment, and the
suite has a hundred of them. Take `Popen` and `run` from here for a child whose imports are not what is tested; they
take ``[sys.executable, ...]`` and the options below. Where a process cannot be forked they are those of `subprocess`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.fork_server import LENGTH, STATUS

_ROOT = Path(__file__).parent.parent


class _Server:
    """The process that children are forked from; started by the first, or before it by `prepare`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def prepare(self) -> None:
        """Start it, and do not wait for it."""
        if self._process is not None or not hasattr(os, "fork"):
            return
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_ROOT / "tests" / "fork_server.py"), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdin=subprocess.DEVNULL,
            )
        self._requests = ours
        atexit.register(self.stop)

    def start(self, request: dict[str, Any], streams: list[int]) -> tuple[int, int]:
        """Return the process id of a child, and the descriptor on which its end is told."""
        self.prepare()
        assert self._requests is not None
        status, theirs = os.pipe()
        text = json.dumps(request).encode()
        try:
            socket.send_fds(self._requests, [LENGTH.pack(len(text))], [*streams, theirs])
            self._requests.sendall(text)
        finally:
            os.close(theirs)
        (pid,) = STATUS.unpack(os.read(status, STATUS.size))
        return pid, status

    def stop(self) -> None:
        """End it; the children that it forked go on."""
        if self._process is not None and self._requests is not None:
            self._requests.close()
            self._process.wait()
            self._process = self._requests = None


_server = _Server()
prepare = _server.prepare
stop = _server.stop


class Forked(subprocess.Popen[str]):
    """A `subprocess.Popen` whose child is forked by the server, which also sees its end."""

    # The four methods below are how `subprocess` is divided, by system, since 3.3; a release that divides it otherwise
    # fails here at once.

    def __init__(
        self,
        command: list[str],
        *,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        cwd: str | os.PathLike[str] | None = None,
        env: dict[str, str] | None = None,
        text: bool = True,
    ) -> None:
        assert command[0] == sys.executable
        self._told = -1
        self._request = {
            "words": [os.fspath(word) for word in command[1:]],
            "cwd": os.path.abspath(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env),
        }
        super().__init__(command, stdin=stdin, stdout=stdout, stderr=stderr, text=True)
        if not text:
            raise TypeError("children speak text")

    def _execute_child(self, *given: Any) -> None:
        pipes = given[10:16]  # the child's end and ours, of its input, output and complaints
        read, _, _, write, _, complain = pipes
        streams = [own if fd == -1 else fd for own, fd in enumerate((read, write, complain))]
        try:
            self.pid, self._told = _server.start(self._request, streams)
            self._child_created = True
        finally:
            cast("Any", self)._close_pipe_fds(*pipes)

    def _try_wait(self, flags: int) -> tuple[int, int]:
        if self._told == -1:
            raise ChildProcessError
        if flags & os.WNOHANG and not select.select([self._told], [], [], 0)[0]:
            return 0, 0
        told = os.read(self._told, STATUS.size)
        os.close(self._told)
        self._told = -1
        assert told, "the server of children has ended"
        return self.pid, STATUS.unpack(told)[0]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        lock = cast("Any", self)._waitpid_lock
        if self.returncode is None and lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG) if self._told != -1 else (0, 0)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            finally:
                lock.release()
        return self.returncode


def _forked_run(
    command: list[str],
    *,
    timeout: float | None = None,
    check: bool = False,
    capture_output: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a child to its end, as `subprocess.run` does."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Forked(command, **options) as child:
        try:
            out, err = child.communicate(timeout=timeout)
        except BaseException:
            child.kill()
            raise
    done = subprocess.CompletedProcess(command, child.returncode, out, err)
    if check:
        done.check_returncode()
    return done


if TYPE_CHECKING or not hasattr(os, "fork"):
    Popen, run = subprocess.Popen, subprocess.run
else:
    Popen, run = Forked, _forked_run
