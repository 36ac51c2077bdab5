"""The support page says what the tests check, and no more."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.cases.constructs import CONSTRUCTS, Construct
from tests.cases.page import page
from tests.cases.table import CASES, NOTES

TESTS = Path(__file__).resolve().parent.parent


def test_the_page_is_up_to_date(golden: Any) -> None:
    golden.check("docs/support.md", page())


def test_notes_are_about_functions_of_the_table() -> None:
    assert set(NOTES) <= {case.function for case in CASES}


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda c: c.text)
def test_a_construct_is_used_by_a_test(construct: Construct) -> None:
    tree = ast.parse((TESTS / construct.file).read_text())
    names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert construct.name in names
