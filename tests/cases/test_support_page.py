"""The support page says what the tests check, and no more."""

from __future__ import annotations

from typing import Any

from tests.cases.constructs import CONSTRUCTS
from tests.cases.page import page
from tests.cases.table import CASES, NOTES


def test_the_page_is_up_to_date(golden: Any) -> None:
    golden.check("docs/support.md", page())


def test_notes_are_about_functions_of_the_table() -> None:
    assert set(NOTES) <= {case.function for case in CASES}


def test_a_construct_is_there_once() -> None:
    rows = [row for table in CONSTRUCTS for row in table.rows]
    assert len({row.text for row in rows}) == len(rows)
