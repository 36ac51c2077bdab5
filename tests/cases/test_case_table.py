"""Every case of the table in every mode, run by the reference backend."""

from __future__ import annotations

import pytest

from tests.cases.engine import (
    EDGES,
    Case,
    Run,
    check_forward,
    check_reverse,
    check_second,
    check_single,
    check_value,
    facts,
    single,
)
from tests.cases.table import CASES
from tests.frontend.library.library_cases import DATA

FIRST = {case.function: case for case in reversed(CASES)}


def test_there_are_many() -> None:
    """Operations, modes and classes of shapes that are checked, each combination counted once."""
    assert len({case.text for case in CASES}) == len(CASES)
    found: set[tuple[str, str, tuple[str, ...]]] = set()
    for case in CASES:
        here = facts(case.text)
        modes = ("value", "reverse", "forward", "second") if here.differentiated else ("value",)
        found |= {(case.function, mode, here.classes) for mode in modes}
    assert len(found) >= 2000
    assert len({(function, mode) for function, mode, _ in found}) >= 1000


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    here = Run(case.text, DATA)
    check_value(here)
    if here.differentiable and not here.coarse:
        check_reverse(here)
        check_forward(here)
        check_second(here)


@pytest.mark.parametrize("case", FIRST.values(), ids=str)
def test_in_single_precision(case: Case) -> None:
    check_single(Run(case.text, single(), EDGES), Run(case.text, DATA, EDGES))
