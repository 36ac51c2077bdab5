"""Patterns of Jacobians, against differences of the plain function at many points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pattern_cases import CASES, Case
from scipy import sparse

from codegen_ad import differentiate
from codegen_ad.build import program_of
from codegen_ad.sparsity.trace import pattern

POINTS = 60
STEP = 1e-6


def pattern_of(function: Any, *args: Any) -> Any:
    """The pattern as a matrix of ones."""
    found = differentiate(function)
    binder = found.kernels.binder
    arguments = binder.bind(args, {})
    subject = program_of(function, binder.form(arguments), found.options, binder.wrt)
    leaves = [np.asarray(a) for a in arguments.values()]
    indptr, indices, _ = pattern(subject.program, subject.wrt, leaves)
    ones = np.ones(len(indices))
    return sparse.csr_array((ones, indices, indptr), shape=(len(indptr) - 1, args[0].size))


def seen(case: Case, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Which entries of the Jacobian are not zero at one of some points."""
    found: Any = False
    for _ in range(POINTS):
        x = rng.random(case.shape)
        columns = []
        for k in range(x.size):
            step = np.zeros(x.size)
            step[k] = STEP
            ahead = case.function(x + step.reshape(x.shape), *case.data)
            behind = case.function(x - step.reshape(x.shape), *case.data)
            columns.append((ahead - behind).ravel() / (2 * STEP))
        # The jump of a comparison is no derivative.
        matrix = np.stack(columns, axis=-1)
        found = found | ((np.abs(matrix) > 1e-7) & (np.abs(matrix) < 1e4))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.function.__name__}{c.shape}")
def test_no_entry_is_missing(case: Case) -> None:
    rng = np.random.default_rng(5)
    found = pattern_of(case.function, rng.random(case.shape), *case.data)
    wanted = seen(case, rng)
    assert found.shape == wanted.shape
    held = found.toarray().astype(bool)
    assert not np.any(wanted & ~held), "an entry is missing"
    if case.beyond is not None:
        assert np.count_nonzero(held & ~wanted) == case.beyond
    assert found.has_sorted_indices
    assert found.has_canonical_format


def test_the_pattern_holds_for_all_floating_point_numbers() -> None:
    def chosen(x: Any, y: Any) -> Any:
        return np.where(y > 0, x, x[::-1])

    for y in (np.ones(4), -np.ones(4), np.zeros(4), np.full(4, np.nan)):
        found = pattern_of(chosen, np.ones(4), y).toarray()
        np.testing.assert_array_equal(found, np.eye(4) + np.eye(4)[::-1])
