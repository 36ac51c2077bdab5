"""The support page says what the tests check, and no more."""

from __future__ import annotations

import cmath
import math
import re
import sys
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats

from codegen_ad.frontend.arrays.pointwise import ENTRIES
from codegen_ad.frontend.complex_numbers import functions as complex_functions
from codegen_ad.frontend.library import FUNCTIONS, refused, scipy_linalg, special
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


HOMES = {"np": np, "numpy": np, "math": math, "cmath": cmath, "scipy": scipy}


def _used() -> set[object]:
    """The functions that the cases name."""
    found: set[object] = set()
    for case in CASES:
        for name in re.findall(r"\b(?:np|math|cmath|scipy)(?:\.\w+)+", case.text):
            home, *parts = name.split(".")
            place: Any = HOMES[home]
            for part in parts:
                place = getattr(place, part, None)
                if type(place).__hash__ is not None:
                    found.add(place)
    return found


def _home(function: object) -> str:
    """The module that users call a function of."""
    home = sys.modules.get(str(getattr(function, "__module__", "")))
    known = getattr(home, str(getattr(function, "__name__", "")), None) is function
    return str(getattr(function, "__module__", "")).partition(".")[0] if known else ""


def test_every_function_that_is_known_has_a_case() -> None:
    """Methods of ufuncs have rows of their own, and the operators of Python are written as such."""
    known = {*FUNCTIONS, *ENTRIES, *complex_functions.FUNCTIONS} - set(refused.FUNCTIONS)
    known = {f for f in known if isinstance(f, np.ufunc) or _home(f) in HOMES}
    known |= {getattr(scipy.special, n) for n in special.NAMES if hasattr(scipy.special, n)}
    known |= {getattr(scipy.linalg, n) for n in scipy_linalg.NAMES}
    missing = known - _used() - {np.negative, np.dtype, np.bool_, np.complex128}
    assert not {getattr(f, "__name__", f) for f in missing}
