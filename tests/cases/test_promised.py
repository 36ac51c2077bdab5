"""Every word that is promised has its case: a value, both modes, a second derivative, a misuse."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cases import promised
from tests.cases.constructs import CONSTRUCTS
from tests.cases.engine import facts
from tests.cases.spellings import spellings
from tests.cases.table import CASES
from tests.end_to_end import checked, mistakes
from tests.end_to_end.test_interplay import ARGUMENTS
from tests.errors.pages import PAGES
from tests.frontend.uses import check_use

TESTS = Path(__file__).parent.parent
USED: dict[str, list[str]] = {}
for _case in CASES:
    for _name in (_case.function, *spellings(_case.text)):
        USED.setdefault(_name, []).append(_case.text)


def test_constructs_of_python_have_rows_and_misuses() -> None:
    """The rows are run in every mode by `test_constructs.py`, the pages by `errors/`."""
    rows = {row.text for table in CONSTRUCTS for row in table.rows}
    misuses = {page.name for page in PAGES} | {f.__name__ for f in checked.BAD}
    for word in promised.PYTHON:
        assert word.rows, word.text
        assert word.misused, word.text
        assert not set(word.rows) - rows, word.text
        assert not set(word.misused) - misuses, word.text


def test_functions_have_cases() -> None:
    """The cases are run in every mode by `test_case_table.py`."""
    for name in (*promised.NUMPY, *promised.SCIPY, *promised.INDEXING):
        assert name in USED
        assert name in promised.STEPS or any(facts(text).differentiated for text in USED[name])


def test_methods_are_spelled_too() -> None:
    methods = {name.removeprefix("np.") for name in promised.NUMPY if hasattr(np.ndarray, name[3:])}
    assert not {f".{method}" for method in methods} - set(USED)


def test_both_spellings_have_cases() -> None:
    assert not set(promised.PAIRS.split()) - set(USED)


def test_reductions_have_cases_for_what_numpy_gives_them() -> None:
    for short in promised.REDUCTIONS.split():
        given = set(inspect.signature(getattr(np, short)).parameters) & set(promised.OPTIONS)
        if short not in promised.ONE_AXIS:
            given.add("axis tuple")
        spelled = {
            option for option in given for s in ("np.", ".") if f"{s}{short}({option})" in USED
        }
        assert spelled == given, short


FUNCTIONS = sorted(n for ns in promised.MISTAKES.values() for n in ns if "::" not in n)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_mistake_of_others_in_every_mode(name: str) -> None:
    """In compiled code, too: `end_to_end/test_interplay.py`."""
    function: Any = getattr(mistakes, name)
    check_use(function, **{n: ARGUMENTS[n] for n in inspect.signature(function).parameters})


def test_mistakes_of_others_are_all_there() -> None:
    named = [n for names in promised.MISTAKES.values() for n in names if "::" in n]
    for file, _, test in (n.partition("::") for n in named):
        body = ast.parse((TESTS / "end_to_end" / file).read_text()).body
        assert test in {n.name for n in body if isinstance(n, ast.FunctionDef)}
    public = {n for n, f in vars(mistakes).items() if inspect.isfunction(f) and n[0] != "_"}
    assert {n for n in public if getattr(mistakes, n).__module__ == mistakes.__name__} == set(
        FUNCTIONS
    )
