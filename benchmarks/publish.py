"""A run goes into the documentation: its figures, its tables between two marks, and its plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import ROOT
from benchmarks.report import report

PAGE: Final = ROOT / "docs" / "benchmarks.md"
FOLDER: Final = ROOT / "docs" / "benchmarks"
BEGIN: Final = "<!-- Between these marks: python -m benchmarks --publish -->"
END: Final = "<!-- End of the run -->"


def publish(found: dict[str, Any], page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Put a run in the place of the one that is there. Raises ValueError when the page has lost its marks."""
    from benchmarks.plots import draw

    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no place for a run: the lines {BEGIN!r} and {END!r}")
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    images = "".join(f"![{title}](benchmarks/{name})\n\n" for name, title in draw(found, folder))
    page.write_text(f"{before}{BEGIN}\n\n{report(found)}\n{images}{END}{after}", encoding="utf-8")
