"""The project as it is handed over: metadata, pins, the README's commands, and what no file may contain."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from packaging.requirements import Requirement

import kraken_async

if TYPE_CHECKING:
    from aioresponses import aioresponses

    from tests.conftest import LeakCheck

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = {"aiohttp", "aiolimiter", "aiofiles", "httptools", "platformdirs"}


def names(requirements: list[str]) -> set[str]:
    return {Requirement(text).name for text in requirements}


# ------------------------------------------------------------------ metadata


def test_the_installed_package_is_this_version() -> None:
    assert metadata.version("kraken-async") == kraken_async.__version__


def test_the_core_depends_on_five_packages_and_nothing_else() -> None:
    assert names(PROJECT["dependencies"]) == CORE
    installed = [Requirement(text) for text in metadata.requires("kraken-async") or []]
    assert {item.name for item in installed if not item.marker or item.marker.evaluate({"extra": ""})} == CORE


def test_every_dependency_has_a_lower_bound() -> None:
    for text in [*PROJECT["dependencies"], *(item for extra in EXTRAS.values() for item in extra)]:
        requirement = Requirement(text)
        assert requirement.name == "kraken-async" or ">=" in str(requirement.specifier), text


def test_the_extra_all_is_every_extra_of_the_run_time() -> None:
    (everything,) = EXTRAS["all"]
    assert Requirement(everything).extras == {"cli", "redis", "prometheus", "speed"}


@pytest.mark.parametrize("group", ["console_scripts", "pytest11"])
def test_the_entry_points_can_be_loaded(group: str) -> None:
    found = [
        point
        for point in metadata.entry_points(group=group)
        if point.dist and point.dist.name == "kraken-async"
    ]
    assert found
    for point in found:
        point.load()


# ------------------------------------------------------------------ pins


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [line for line in lines if not line.startswith("#")]
    return {line.split("==")[0]: line for line in found}


def test_every_pin_is_a_name_a_version_and_perhaps_a_marker() -> None:
    for name, line in pins().items():
        requirement = Requirement(line)
        assert requirement.name == name
        assert requirement.url is None
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), line


def test_every_declared_dependency_is_pinned() -> None:
    declared = names(PROJECT["dependencies"]).union(*map(names, EXTRAS.values()))
    assert declared - {"kraken-async"} <= pins().keys()


# ------------------------------------------------------------------ the README's commands

COMMAND = re.compile(r"^python3 -m venv .*$", re.MULTILINE)


def test_the_readme_sets_up_by_two_commands_of_one_line_each() -> None:
    demo, tests = COMMAND.findall((ROOT / "README.md").read_text())
    assert demo.endswith("&& .venv/bin/kraken-async demo")
    assert tests.endswith("&& .venv/bin/pytest -n auto")
    assert all("-c constraints.txt" in command for command in (demo, tests))


def test_the_checks_run_the_readme_s_own_commands() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "tests=$(readme_command 'pytest -n auto')" in script
    assert "demo=$(readme_command 'kraken-async demo')" in script
    function = re.search(r"^readme_command\(\) \{.*?^\}", script, re.MULTILINE | re.DOTALL)
    assert function
    for words in ("pytest -n auto", "kraken-async demo"):
        line = subprocess.run(
            ["bash", "-euc", f"{function[0]}\nreadme_command '{words}'"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.rstrip("\n")
        assert line in COMMAND.findall((ROOT / "README.md").read_text())


# ------------------------------------------------------------------ what no file may contain

SKIPPED = {
    ".git", ".venv", "build", "dist", "_build", "__pycache__",
    ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache",
}  # fmt: skip
# Spelled so that this file does not find itself.
FORBIDDEN = {
    "the address of a package index": re.compile(
        r"pypi[.]org|pythonhosted[.]org|/simpl[e]/|index-url[ =]+\w+:"
    ),
    "a path of somebody's machine": re.compile(r"(?<![\w.}/])/(?:work|root|home|Users|opt)/\w|/tmp/[a-z]\b"),
    "a note to come back to": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
}


def text_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.endswith(".egg-info")]
        yield from (Path(folder, name) for name in files if name not in SKIPPED)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_contains(what: str) -> None:
    found = []
    for path in text_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in FORBIDDEN[what].finditer(text)]
    assert not found


def test_no_lock_file_brings_addresses_in() -> None:
    assert not [path for path in text_files() if path.suffix == ".lock"]


def test_nothing_installs_this_package_by_its_name() -> None:
    """While it is not published, a name that is looked up on an index is a stranger's: a path begins with . or /."""
    by_name = re.compile(
        r"\bpip\b[^\n]*\binstall\b[^\n]*[\s'\"]kraken[-_]async(?:\[|['\"\s]|$)", re.MULTILINE
    )
    assert by_name.search("pip install 'kraken_async[cli]'")
    assert not by_name.search("pip install './kraken_async[cli]'")
    found = {
        path: by_name.search(path.read_text(errors="replace"))
        for path in text_files()
        if path != Path(__file__)
    }
    assert not {path: match[0] for path, match in found.items() if match}


def test_every_silenced_check_gives_its_reason() -> None:
    silenced = re.compile(
        r"# (?:type: ignore|noqa|nosec)\b(?P<codes>\[[^]]*\]|[:\w ,]*?)(?P<rest>\s+[-#].*)?$"
    )
    bare = []
    for path in text_files():
        if path.suffix != ".py" or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = silenced.search(line)
            if match and not match["rest"]:
                bare.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not bare


# ------------------------------------------------------------------ the ground that the other tests stand on


def test_the_environment_of_the_person_who_runs_the_tests_stays_outside(tmp_path: Path) -> None:
    assert {name for name in os.environ if name.startswith("KRAKEN_")} == {"KRAKEN_STATE_DIR"}
    assert Path(os.environ["KRAKEN_STATE_DIR"]).is_relative_to(tmp_path)


def test_a_test_that_leaves_loopback_is_refused_and_recorded(loopback_only: list[object]) -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="loopback"):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(AssertionError, match="loopback"):
        socket.getaddrinfo("api.kraken.com", 443)
    assert loopback_only == ["192.0.2.1", "api.kraken.com"]
    loopback_only.clear()  # else this test fails, as it should


async def test_what_is_left_open_is_found(no_leaks: LeakCheck) -> None:
    no_leaks.patience = 0.0
    with pytest.raises(AssertionError, match=r"left behind.*null"):
        async with no_leaks:
            left = os.open(os.devnull, os.O_RDONLY)
    os.close(left)
    with pytest.raises(AssertionError, match=r"left behind.*sleeper"):
        async with no_leaks:
            task = asyncio.create_task(asyncio.Event().wait(), name="sleeper")
    task.cancel()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="lingerer")
    with pytest.raises(AssertionError, match=r"left behind.*lingerer"):
        async with no_leaks:
            thread.start()
    end.set()
    thread.join()


async def test_what_is_closed_is_no_leak(no_leaks: LeakCheck) -> None:
    async with no_leaks:
        await asyncio.to_thread(len, "")  # the loop keeps this thread until it is closed itself
        with open(os.devnull, "rb"):
            pass


async def test_aioresponses_works_with_the_aiohttp_at_hand(mocked_http: aioresponses) -> None:
    mocked_http.get("https://api.kraken.com/0/public/Time", status=520, body=b"no")
    async with (
        aiohttp.ClientSession() as session,
        session.get("https://api.kraken.com/0/public/Time") as response,
    ):
        assert (response.status, await response.read()) == (520, b"no")


def test_no_test_module_is_imported_by_another() -> None:
    names = re.compile(r"^(?:from|import) tests\.(?:\w+\.)*test_", re.MULTILINE)
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if names.search(path.read_text())
    ]
    assert not found
