"""Programs that differ by how sizes compare, and by what the first iteration of a loop finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frontend.case_functions import (
    FIRST,
    SIZES,
    X,
    condition,
    counted_down,
    first_total,
    head_and_tail,
    previous,
)
from frontend.test_run_time_sizes import check_in_reference

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument


@pytest.mark.every(3)
@pytest.mark.parametrize("case", SIZES, ids=lambda c: f"{c[0].__name__}-{c[1].shape}")
def test_sizes_that_compare_either_way(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


@pytest.mark.parametrize("case", FIRST, ids=lambda c: c[0].__name__)
def test_first_iteration_by_itself(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


def test_each_case_has_a_kernel_of_its_own() -> None:
    d = differentiate(head_and_tail)
    for n in (9, 3, 9, 4):
        x = np.linspace(0.5, 2.0, n)
        value, gradient = d.value_and_grad(x)
        assert value == pytest.approx(head_and_tail(x), rel=1e-12)
        step = np.cos(np.arange(n))
        slope = (head_and_tail(x + 1e-6 * step) - head_and_tail(x - 1e-6 * step)) / 2e-6
        assert gradient @ step == pytest.approx(slope, rel=1e-7)


def test_wide_matrices_compiled() -> None:
    d = differentiate(condition)
    for A in (X, X.T.copy(), X[:2]):
        value, gradient = d.value_and_grad(A)
        assert value == pytest.approx(condition(A), rel=1e-12)
        step = np.cos(np.arange(A.size)).reshape(A.shape)
        slope = (condition(A + 1e-6 * step) - condition(A - 1e-6 * step)) / 2e-6
        assert (gradient * step).sum() == pytest.approx(slope, rel=1e-6)


def test_loops_that_do_not_run() -> None:
    empty = np.zeros((0, 3))
    value, gradient = differentiate(previous).value_and_grad(empty[:, 0].copy())
    assert (value, gradient.shape) == (0.0, (0,))
    with pytest.raises(InvalidArgument, match=r"needs X.shape\[0\] >= 1 \(found 0\)"):
        differentiate(first_total).value_and_grad(2.0, empty)


def test_while_that_does_not_run_is_refused() -> None:
    found = differentiate(counted_down)
    assert found.value_and_grad(X, 3)[0] == pytest.approx(counted_down(X, 3))
    with pytest.raises(ValueError, match="this loop has to run at least once"):
        found.value_and_grad(X, 0)
