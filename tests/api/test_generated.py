"""What is made from the description is what is committed, and agrees with the session's own view of things."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
import zlib
from pathlib import Path

import pytest

from kraken_async.api import generate
from kraken_async.api.description import description
from kraken_async.api.spot import Spot
from kraken_async.api.writers.python import keyword_name

ROOT = Path(__file__).parents[2]
KNOWN = description()
METHODS = [each for each in KNOWN.endpoints.values() if not each.beta]


def test_the_committed_files_are_what_the_description_makes() -> None:
    assert generate.outdated() == [], "run python -m kraken_async.api.generate"


def test_the_generator_writes_what_differs_and_removes_pages_of_endpoints_that_are_gone(
    tmp_path: Path,
) -> None:
    (tmp_path / "docs" / "endpoints").mkdir(parents=True)
    (tmp_path / "docs" / "endpoints" / "gone.md").write_text("old\n")
    written = generate.write(tmp_path)
    assert Path("kraken_async/api/spot.py") in written
    assert not (tmp_path / "docs/endpoints/gone.md").exists()
    assert generate.outdated(tmp_path) == []
    (tmp_path / "kraken_async/api/spot.py").write_text("changed\n")
    assert generate.outdated(tmp_path) == [Path("kraken_async/api/spot.py")]


def test_made_files_say_so_in_their_first_line() -> None:
    for path, text in generate.made(KNOWN).items():
        assert "python -m kraken_async.api.generate" in text.splitlines()[0], path


class Recorder:
    """A caller that keeps what it is asked for."""

    def private(self, endpoint: str, params: object = None, /) -> tuple[str, object]:
        return endpoint, params or {}

    public = private


@pytest.mark.parametrize("endpoint", METHODS, ids=lambda each: each.name)
def test_a_method_sends_what_it_is_given_under_the_names_of_kraken(endpoint: object) -> None:
    assert endpoint in METHODS
    each = next(one for one in METHODS if one is endpoint)
    method = getattr(Spot(Recorder()), each.method_name)  # type: ignore[arg-type]  # a stand-in that answers at once
    required = {field.name: f"<{field.name}>" for field in each.parameters if not field.optional}
    assert method(**{keyword_name(name): value for name, value in required.items()}) == (each.name, required)
    everything = {field.name: f"<{field.name}>" for field in each.parameters}
    assert method(**{keyword_name(name): value for name, value in everything.items()}) == (
        each.name,
        everything,
    )


@pytest.mark.parametrize("endpoint", METHODS, ids=lambda each: each.name)
def test_a_method_says_what_it_does_needs_and_costs(endpoint: object) -> None:
    each = next(one for one in METHODS if one is endpoint)
    method = getattr(Spot, each.method_name)
    text = inspect.getdoc(method) or ""
    assert text.startswith(each.about)
    assert each.permission in " ".join(text.split())
    for name in inspect.signature(method).parameters:
        assert name == "self" or f"    {name}: " in text


def in_a_wheel(*folders: str) -> dict[str, Path]:
    """Files of the folders that a wheel carries, by their names there."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    options = wheel["targets"]["wheel"]
    left_out = {path for pattern in options["exclude"] for path in ROOT.glob(pattern)}
    files = {
        path.relative_to(ROOT).as_posix(): path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not left_out.intersection((path, *path.parents))
    }
    return files | {there: ROOT / here for here, there in options["force-include"].items()}


def test_the_description_and_all_that_is_made_of_it_add_less_than_60_kilobytes_to_a_wheel() -> None:
    """Table of endpoints and key_info stood there before: 5,426 bytes as a wheel packs them."""
    files = in_a_wheel("kraken_async/api", "kraken_async/cli/conformance")
    assert {"spot.py", "sync_calls.py", "results.py", "spot.toml"} <= {Path(name).name for name in files}
    assert not [name for name in files if "writers" in name]
    sizes = {name: len(zlib.compress(path.read_bytes(), 9)) for name, path in files.items()}
    assert sum(sizes.values()) - 5_426 < 60_000, sizes


def test_nothing_is_a_positional_argument() -> None:
    with pytest.raises(TypeError):
        getattr(Spot(Recorder()), "balance")("XBT")  # type: ignore[arg-type]  # noqa: B009  # checkers would object


def test_nothing_that_is_made_is_imported_before_it_is_used() -> None:
    code = """
import sys
from kraken_async import KrakenSession
made = sys.argv[1:]
def imported():
    print(sorted(name for name in made if f"kraken_async.api.{name}" in sys.modules))
imported()
KrakenSession("key", "c2VjcmV0", state_dir=".").stats()
imported()
"""
    made = [path.stem for path in generate.made(KNOWN) if path.suffix == ".py"]
    assert {"endpoint_table", "spot", "sync_calls", "parameters", "conversions"} <= set(made)
    done = subprocess.run(
        [sys.executable, "-c", code, *made, "description", "checks", "amounts"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported, made_a_session = done.stdout.splitlines()
    assert imported == "[]"
    assert made_a_session == "['checks']", "what looks at fields is made with a session, without its tables"
