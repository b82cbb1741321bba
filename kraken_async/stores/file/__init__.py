"""FileStore: keys in files, shared by every thread, loop and process of this host.

See layout.py for the bytes, state_file.py for what survives which crash, turn.py for the right to send, steps.py and
record.py for a session's part, floors.py for cancels that go past a stopped process, ceiling.py for the disk.
"""

from __future__ import annotations

import os
from pathlib import Path

from kraken_async.api.arguments import check_flag, check_path
from kraken_async.stores.base import Store
from kraken_async.stores.file.inspection import StateInspection, inspect
from kraken_async.stores.file.key import FileKey
from kraken_async.stores.file.reservation import FileReservation
from kraken_async.stores.file.state_file import StateFile
from kraken_async.system.durable import Disk
from kraken_async.system.paths import default_directory, place_problems

__all__ = ["FileKey", "FileReservation", "FileStore", "StateInspection", "inspect"]


class FileStore(Store):
    """Keeps each key in a file of ``state_dir`` (default: the user's state directory), for all processes of this host.

    ``strict_durability``: when the disk fails in mid-run, refuse nonces (NonceStoreError) rather than go on
    without a durable ceiling. Going on risks one refused nonce after a crash *and* a clock that was set
    back; refusing means that even a cancel fails for want of disk space.

    Raises ValueError for another kind of either.
    """

    def __init__(
        self,
        state_dir: str | os.PathLike[str] | None = None,
        strict_durability: bool = False,
        *,
        disk: Disk | None = None,
    ) -> None:
        if state_dir is not None:
            check_path("state_dir", state_dir)
        check_flag("strict_durability", strict_durability)
        self.directory: Path = (
            Path(state_dir).expanduser().absolute() if state_dir is not None else default_directory()
        )
        self.strict_durability = strict_durability
        self._chosen = state_dir is not None
        self._disk = disk or Disk()  # another one: for tests

    def __repr__(self) -> str:
        return f"FileStore({str(self.directory)!r}, strict_durability={self.strict_durability})"

    def key(self, name: str, unit: str) -> FileKey:
        """Return a session's hold on ``name``, to be opened."""
        return FileKey(
            self.directory,
            name,
            unit,
            self._disk,
            strict=self.strict_durability,
            problems=self.problems,
        )

    def reserve(self, name: str, unit: str) -> FileReservation:
        """Take ``name`` for one NonceSource alone.

        Raises NonceStoreError when anybody else uses it. Blocks.
        """
        file = StateFile(self.directory, name, unit, self._disk, exclusive=True)
        return FileReservation(file, strict=self.strict_durability)

    def journal_directory(self, state_dir: str | os.PathLike[str] | None) -> Path:
        """Return the store's own directory: the journal stands beside the state."""
        del state_dir
        return self.directory

    def status_directory(self) -> Path:
        """Return the store's own directory."""
        return self.directory

    def problems(self) -> tuple[str, ...]:
        """Return why the directory may not keep what is put there."""
        return place_problems(self.directory, chosen=self._chosen)
