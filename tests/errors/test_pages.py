"""Every refusal says where, what, why and what to write instead; the pages are golden."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import codegen_ad
from tests.errors.pages import FOLDERS, HERE, PAGES, Page

LIBRARY = Path(codegen_ad.__file__).parent
ROOMS = ("frontend", "derive", "sparsity")
ERRORS = {"UnsupportedSyntax", "UnknownFunction", "ShapeMismatch", "NotDifferentiable"}
ELSEWHERE = {
    "has no meaning for these arguments": "a net: the functions say what they need themselves",
    "has no derivative here.": "a net: every operation of the table has its rules",
    "is nested too deeply": "an expression of hundreds of levels makes no page",
    "raises an exception for these arguments.": "a net: decisions on data catch what they raise",
    "A position in a list must be an integer.": "lists that arrays subscript are written out",
    "and booleans have no derivative": "parameters are looked at before",
    "This list does not grow by one item in every iteration.": "lists in the text are kept apart",
    "of a size that only the run knows: its": "the pattern is looked at before",
}
"""What no page can show, and why: words of the message, for each."""


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.folder}/{p.name}")
def test_a_refusal_says_what_where_and_what_instead(
    page: Page, request: pytest.FixtureRequest
) -> None:
    message, _, instead = str(getattr(page.error, "message", page.error)).partition("\n")
    assert message
    assert instead.strip() or ";" in message or ": " in message
    held = page.file.read_text() if page.file.exists() else None
    if request.config.getoption("--update-golden") and held != page.text:
        page.file.parent.mkdir(parents=True, exist_ok=True)
        page.file.write_text(page.text)
        pytest.fail(f"{page.file.name} is rewritten: review the difference")
    assert held is not None, "run pytest --update-golden, and review what it writes"
    assert page.text == held


def test_every_file_has_its_refusal() -> None:
    names = Counter(page.file for page in PAGES)
    assert not [file for file, times in names.items() if times > 1]
    assert {file for folder in FOLDERS for file in (HERE / folder).iterdir()} == set(names)


def test_every_refusal_in_the_library_has_a_page() -> None:
    reached = {line for page in PAGES for line in page.lines}
    missing = [
        f"{file.relative_to(LIBRARY)}:{node.lineno}: {ast.unparse(node)}"
        for file, node in _refusals()
        if not any((file, n) in reached for n in range(node.lineno, (node.end_lineno or 0) + 1))
    ]
    assert not [m for m in missing if not any(words in m for words in ELSEWHERE)]


def _refusals() -> Iterator[tuple[Path, ast.stmt]]:
    """The statements that refuse, with the files that they stand in."""
    for room in ROOMS:
        for file in sorted((LIBRARY / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Expr | ast.Raise) and _is_refusal(node):
                    yield file, node


def _is_refusal(node: ast.Expr | ast.Raise) -> bool:
    call = node.value if isinstance(node, ast.Expr) else node.exc
    if not isinstance(call, ast.Call):
        return False
    if isinstance(node, ast.Raise):
        return isinstance(call.func, ast.Name) and call.func.id in ERRORS
    return isinstance(call.func, ast.Attribute) and call.func.attr == "refuse"
