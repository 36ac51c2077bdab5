"""The pages are true: their Python runs, their quotations are exact, their paths exist."""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Golden

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = (".ci", "benchmarks", "codegen_ad", "docs", "examples", "generated", "templates", "tests")
FILES = (".py", ".csv", ".sh", ".toml")
WRITTEN = "examples/output/"  # by the examples, when they run
AWAITED: set[str] = set()  # named by a page before it exists

FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\w*)\s*$")
COMMENT = re.compile(r"^<!-- (?P<words>from: (?P<path>\S+)( (?P<sections>.+))?|output) -->$")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """Fenced block of a page: the line number of its first line, and the comment before it."""

    language: str
    start: int
    lines: tuple[str, ...]
    comment: re.Match[str] | None


def name_of(path: Path) -> str:
    """Path as a test prints it."""
    return path.relative_to(ROOT).as_posix()


def blocks_of(text: str) -> Iterator[Block]:
    """Fenced blocks of a page, in order."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        opening = FENCE.match(lines[index])
        if opening is None:
            index += 1
            continue
        end = lines.index(opening["fence"], index + 1)
        comment = COMMENT.match(lines[index - 1]) if index else None
        yield Block(opening["language"], index + 2, tuple(lines[index + 1 : end]), comment)
        index = end + 1


def prose_of(text: str) -> str:
    """Page without its blocks and without code between backticks."""
    without_blocks = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", without_blocks)


def anchors_of(text: str) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def run_page(text: str, file: Path) -> str:
    """Run the page's Python; returns the page with its quotations as they should be.

    All Python goes into one real file, each block at its own line numbers, so that functions have
    a source to read and tracebacks name the page's lines.
    """
    blocks = list(blocks_of(text))
    source = [""] * len(text.splitlines())
    for block in blocks:
        if block.language == "python":
            source[block.start - 1 : block.start - 1 + len(block.lines)] = block.lines
    file.write_text("\n".join(source) + "\n", encoding="utf-8")
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    sys.modules[file.stem] = module
    printed = io.StringIO()
    quotations: list[tuple[Block, str]] = []
    try:
        for block in blocks:
            if block.language == "python":
                padding = "\n" * (block.start - 1)
                code = compile(padding + "\n".join(block.lines), str(file), "exec")
                with contextlib.redirect_stdout(printed):
                    exec(code, module.__dict__)
            if block.comment is not None and block.comment["path"]:
                quoted = (ROOT / block.comment["path"]).read_text(encoding="utf-8")
                quotations.append((block, chosen(quoted, block.comment["sections"])))
            elif block.comment is not None:
                quotations.append((block, printed.getvalue()))
                printed.seek(0)
                printed.truncate()
    finally:
        del sys.modules[file.stem]
    return _with_quotations(text, quotations)


def chosen(text: str, sections: str | None) -> str:
    """The head of a text and the sections, set off by empty lines, that begin with these words."""
    if sections is None:
        return text
    head, *others = text.split("\n\n")
    words = tuple(sections.split("; "))
    found = [part for part in others if part.lstrip("\n").startswith(words)]
    assert len(found) == len(words), f"not in the text, or more than once: {sections}"
    return "\n\n".join([head, *found])


def _with_quotations(text: str, quotations: list[tuple[Block, str]]) -> str:
    lines = text.splitlines()
    for block, quoted in reversed(quotations):
        shown = [line.rstrip() for line in quoted.rstrip().splitlines()]
        lines[block.start - 1 : block.start - 1 + len(block.lines)] = shown
    return "\n".join(lines) + "\n"


def paths_in_command(line: str) -> Iterator[str]:
    """Paths of the repository that a shell line names."""
    for word in shlex.split(line, comments=True):
        path = word.removeprefix("./").split("::")[0].split(":")[0]
        if re.search(r"[\s$*<>=\[\]{}]", path) or path.startswith(("-", "/", WRITTEN)):
            continue
        if path.split("/")[0] in FOLDERS or path.endswith(FILES):
            yield path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_runs_and_quotes_exactly(
    page: Path, golden: "Golden", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    text = page.read_text(encoding="utf-8")
    golden.check(name_of(page), run_page(text, tmp_path / f"page_{page.stem}.py"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead: list[str] = []
    for match in LINK.finditer(prose_of(page.read_text(encoding="utf-8"))):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / target) if target else page
        if not file.exists() or (
            anchor and anchor not in anchors_of(file.read_text(encoding="utf-8"))
        ):
            dead.append(match["target"])
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_name_files_that_exist(page: Path) -> None:
    named = {
        path
        for block in blocks_of(page.read_text(encoding="utf-8"))
        if block.language in ("bash", "sh", "console")
        for line in block.lines
        for path in paths_in_command(line)
    }
    missing = {path for path in named if not (ROOT / path).exists()}
    assert not missing - AWAITED


def test_nothing_awaited_has_come() -> None:
    assert not {path for path in AWAITED if (ROOT / path).exists()}, "take it out of AWAITED"


# The checks themselves ----------------------------------------------------------------------------

PAGE = """\
# Page

<!-- from: LICENSE -->
```text
old
```

```python
import inspect
from dataclasses import dataclass

def double(x):
    return 2 * x

@dataclass
class Pair:
    x: int

print(double(3), Pair(1))
```

<!-- output -->
```text
old
```

```python
print(inspect.getsource(double))
```

```bash
python examples/fit.py --steps 3  # not docs/missing.py
codegen-ad show benchmarks/fit.py:loss > examples/output/x.py && ls $HOME/examples
```
"""


def test_quotations_are_brought_up_to_date(tmp_path: Path) -> None:
    page = run_page(PAGE, tmp_path / "page_sample.py")
    assert (ROOT / "LICENSE").read_text() in page
    assert "6 Pair(x=1)" in page
    assert "old" not in page
    assert run_page(page, tmp_path / "page_sample.py") == page


def test_a_traceback_names_the_line_of_the_page(tmp_path: Path) -> None:
    text = "Text.\n\n```python\nx = 1\n1 / 0\n```\n"
    with pytest.raises(ZeroDivisionError) as caught:
        run_page(text, tmp_path / "page_broken.py")
    assert caught.traceback[-1].lineno + 1 == 5


def test_paths_are_found_in_commands() -> None:
    paths = [
        path
        for block in blocks_of(PAGE)
        if block.language == "bash"
        for line in block.lines
        for path in paths_in_command(line)
    ]
    assert paths == ["examples/fit.py", "benchmarks/fit.py"]


def test_links_and_anchors_are_found() -> None:
    text = "# A title: `x`, two\n\n[a](b.md#c) and `[no](code.md)`\n\n```\n[no](block.md)\n```\n"
    assert [match["target"] for match in LINK.finditer(prose_of(text))] == ["b.md#c"]
    assert anchors_of(text) == {"a-title-x-two"}
