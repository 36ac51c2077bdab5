"""Patterns of every function of NumPy in the table of cases: no entry of a Jacobian is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Program, toposort
from codegen_ad.ops.constants import RunSize
from codegen_ad.passes import pipeline
from codegen_ad.sparsity.trace import pattern
from tests.cases.table import CASES
from tests.frontend.library.library_cases import DATA, function_of, read_for

STEP = 1e-6
NO_NUMBERS = ("odd", "N", "ties")  # infinite, or at a jump
PARTS = 4


def is_counted_by_data(program: Program) -> bool:
    """Whether an array's size is counted in data, so that there is no pattern before the run."""
    return any(isinstance(n.params, RunSize) for n in toposort(program.outputs))


def missing(program: Program, inputs: dict[str, Any], name: str) -> bool:
    """Whether a difference is not zero where the pattern of the one output has no entry."""
    (wrt,) = (i for i, n in zip(program.inputs, inputs, strict=True) if n == name)
    indptr, indices, _ = pattern(program, [wrt], list(inputs.values()))
    x = inputs[name]
    held = np.zeros((len(indptr) - 1, x.size), bool)
    held[np.repeat(np.arange(len(held)), np.diff(indptr)), indices] = True
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = STEP
        sides = [x + step.reshape(x.shape), x - step.reshape(x.shape)]
        ahead, behind = (evaluate(program, list({**inputs, name: s}.values())) for s in sides)
        slope = np.abs(ahead[0] - behind[0]).ravel() / (2 * STEP)
        # A jump is no derivative.
        if np.any((slope > 1e-6) & (slope < 1e5) & ~held[:, k]):
            return True
    return False


@pytest.mark.every(2)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_entry_is_missing_of_any_function_of_numpy(part: int) -> None:
    found: list[tuple[str, str]] = []
    compared = 0
    for case in CASES[part::PARTS]:
        function, names = function_of(case.text)
        inputs = {n: np.asarray(DATA[n]) for n in names}
        program = pipeline.before(read_for(function, names, DATA).program)
        for output, own in zip(program.outputs, program.output_names, strict=True):
            alone = program.with_outputs((output,), (own,))
            if not output.array.dtype.is_float or is_counted_by_data(alone):
                continue
            for name, value in inputs.items():
                if value.dtype == np.float64 and name not in NO_NUMBERS:
                    compared += 1
                    if missing(alone, inputs, name):
                        found.append((case.text, name))
    assert not found
    assert compared > 150
