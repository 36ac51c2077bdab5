"""Cases of the table as kernels for sizes that only the run knows: all loops, little written out.

The kernel's text is run by Python, in memory that holds NaN, and compared with NumPy and with the
reference backend. Reductions always, whose plans depend most on sizes; all in a thorough run.
"""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

from tests.cases.engine import EDGES, SINGLE, Case, Run, facts
from tests.cases.table import CASES
from tests.end_to_end import cases
from tests.end_to_end.checks import assert_close, executed, stages_of
from tests.frontend.library.library_cases import DATA, function_of
from tests.property.other_modes import Kernel

ALWAYS = "Reductions and statistics"


def _chosen() -> list[Case]:
    whole = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
    return [c for c in CASES if (whole or c.family == ALWAYS) and _usable(c)]


def _usable(case: Case) -> bool:
    """One expression of one array in double precision."""
    if "\n" in case.text or "nonzero(" in case.text or facts(case.text).outputs != 1:
        return False
    return not Run(case.text, DATA).coarse


@pytest.mark.parametrize("case", _chosen(), ids=str)
def test_case(case: Case) -> None:
    used = compile(case.text, "<names>", "exec").co_names
    beside = next(name for name in ("v", "w", "p") if name not in used)
    function, names = function_of(f"np.sum({beside}) * np.sum(0.3 * ({case.text}))")
    args = tuple(np.copy(DATA[name])[()] for name in names)
    fixed = EDGES | SINGLE
    wrt = tuple(n for n in names if DATA[n].dtype == np.float64 and n not in fixed)
    subject = cases.Case(function, lambda *_: (), wrt)
    stages = stages_of(subject, args, opened=True)
    kernel = Kernel(subject, "value_and_grad", stages, executed(stages.text)[stages.kernel.name])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's own, on slices of NaN
        wanted = function(*args)
    assert_close(kernel(args)[0], wanted, rtol=1e-9, what="value")
