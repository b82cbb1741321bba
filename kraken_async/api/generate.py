"""Make what is made from ``spot.toml``: ``python -m kraken_async.api.generate`` writes, ``--check`` compares.

The files are written as the formatter would leave them, so that they are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from kraken_async.api.description import Description, description
from kraken_async.api.writers.conversions import conversions_file
from kraken_async.api.writers.pages import pages
from kraken_async.api.writers.results import results_file
from kraken_async.api.writers.shapes import shapes_file
from kraken_async.api.writers.spot import overloads_file, spot_file
from kraken_async.api.writers.sync import sync_calls_file
from kraken_async.api.writers.tables import endpoint_table_file, parameters_file

_ROOT = Path(__file__).parents[2]
_PACKAGE = Path("kraken_async/api")
_PAGES = Path("docs/endpoints")


def made(known: Description) -> dict[Path, str]:
    """Each file that is made, by its path in the project, with its text."""
    return {
        _PACKAGE / "endpoint_table.py": endpoint_table_file(known),
        _PACKAGE / "parameters.py": parameters_file(known),
        _PACKAGE / "conversions.py": conversions_file(known),
        _PACKAGE / "results.py": results_file(known),
        _PACKAGE / "overloads.py": overloads_file(known),
        _PACKAGE / "spot.py": spot_file(known),
        _PACKAGE / "spot.min.toml": shapes_file(known),
        _PACKAGE / "sync_calls.py": sync_calls_file(known),
        **{_PAGES / name: text for name, text in pages(known).items()},
    }


def outdated(root: Path = _ROOT) -> list[Path]:
    """Return the files that differ from what the description makes, and pages that it no longer makes."""
    texts = made(description())
    differ = [path for path, text in texts.items() if not _is(root / path, text)]
    return differ + [path for path in _pages_there(root) if path not in texts]


def write(root: Path = _ROOT) -> list[Path]:
    """Write the files that differ, remove pages that are no longer made, and return the paths of both."""
    texts = made(description())
    changed = outdated(root)
    for path in changed:
        if path in texts:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(texts[path], encoding="utf-8", newline="\n")
        else:
            (root / path).unlink()
    return changed


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _pages_there(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in (root / _PAGES).glob("*.md"))


def main(arguments: Sequence[str]) -> int:
    """Write, or compare with ``--check``: 1 if a file differs from what the description makes."""
    check = list(arguments) == ["--check"]
    changed = outdated() if check else write()
    for path in changed:
        sys.stdout.write(f"{'differs' if check else 'written'}: {path}\n")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
