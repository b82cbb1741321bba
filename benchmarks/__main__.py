"""``python -m benchmarks``: run everything; ``python -m benchmarks report FILE``: the tables of a run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import about
from benchmarks.plan import FULL, QUICK, TINY
from benchmarks.processes import end_all_at_exit
from benchmarks.progress import Progress
from benchmarks.publish import publish
from benchmarks.report import report
from benchmarks.sections import SECTIONS

EXAMPLES: Final = """examples:
  python -m benchmarks --quick
  python -m benchmarks --quick --only cancels
  python -m benchmarks --only calls --only orders --json run.json
  python -m benchmarks report run.json
  python -m benchmarks --publish
"""


def about_section(name: str) -> str:
    """Return the first line of what a section says of itself."""
    return (SECTIONS[name].__doc__ or "").partition("\n")[0]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    sections = "\n".join(f"  {name:<10}{about_section(name)}" for name in SECTIONS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="kraken_async beside its peers.",
        epilog=f"sections:\n{sections}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="*", metavar="report FILE", help="show the tables of a run, as Markdown"
    )
    parser.add_argument("--quick", action="store_true", help="under three minutes; wider spread")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)  # to see that it works
    parser.add_argument(
        "--only",
        action="append",
        choices=SECTIONS,
        metavar="SECTION",
        help="run this section; may be repeated",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures in this file")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw SVG plots there (needs matplotlib)")
    parser.add_argument("--publish", action="store_true", help="put figures, tables and plots into docs/")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    found = parser.parse_args()
    if found.command and (found.command[0] != "report" or len(found.command) != 2):
        parser.error("the only command is: report FILE")
    return found


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run the sections asked for, and return their figures."""
    end_all_at_exit()
    progress = Progress(quiet=options.quiet)
    plan = TINY if options.tiny else QUICK if options.quick else FULL
    with about(quick=plan is not FULL) as machine:
        found = {
            name: section(plan, progress)
            for name, section in SECTIONS.items()
            if options.only is None or name in options.only
        }
    progress.say(f"{machine['seconds']:.0f} s")
    return {"run": machine, **found}


def main() -> None:
    """Run, or report."""
    options = arguments()
    if options.command:
        found = json.loads(Path(options.command[1]).read_text(encoding="utf-8"))
    else:
        found = run(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if options.plots:
        from benchmarks.plots import draw

        draw(found, options.plots)
    if options.publish:
        publish(found)
    sys.stdout.write(report(found))


if __name__ == "__main__":
    main()
