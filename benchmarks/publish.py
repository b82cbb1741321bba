"""A run goes into the documentation: its figures, its tables between two marks, its plots, and the README's table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from benchmarks.leading import readme
from benchmarks.processes import ROOT
from benchmarks.report import report

README: Final = ROOT / "README.md"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
FOLDER: Final = ROOT / "docs" / "benchmarks"
BEGIN: Final = "<!-- Between these marks: python -m benchmarks --publish -->"
END: Final = "<!-- End of the run -->"


#: Sections without which a run says nothing to somebody who reads the README.
LEADING: Final = ("outcomes", "refusals", "cancels", "calls", "orders")


def publish(
    found: dict[str, Any], page: Path = PAGE, folder: Path = FOLDER, first_page: Path = README
) -> None:
    """Put a run in the place of the one that is there; the README's table only if the run has all that it tells.

    Raises ValueError, and leaves everything as it is, when a page has lost its marks.
    """
    from benchmarks.plots import draw

    leads = all(found.get(name) for name in LEADING)
    within(page, "")
    if leads:
        first = within(first_page, readme(found))
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    images = "".join(f"![{title}](benchmarks/{name})\n\n" for name, title in draw(found, folder))
    page.write_text(within(page, f"{report(found)}\n{images}".rstrip("\n") + "\n"), encoding="utf-8")
    if leads:
        first_page.write_text(first, encoding="utf-8")


def within(page: Path, text: str) -> str:
    """Return a page with ``text`` between its marks. Raises ValueError when it has lost them."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no place for a run: the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"
