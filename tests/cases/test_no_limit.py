"""What is given where a derivative at the edge is not the limit; the guide says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import reference


def power(x: Any, y: Any) -> Any:
    return x**y


def log_ndtr(x: Any) -> Any:
    return scipy.special.log_ndtr(x)


def larger(x: Any) -> Any:
    return max(2.0, x)


@pytest.mark.parametrize("mode", ["hessian:forward", "hessian:reverse"])
@pytest.mark.parametrize(("exponent", "mixed"), [(1.0, 1.0), (2.0, 0.0)])
def test_mixed_second_derivatives_of_a_power_of_zero(
    mode: str, exponent: float, mixed: float
) -> None:
    """Of the derivative in x first; the other way round it is that of the constant 0."""
    case = Case(power, lambda n, rng: (), wrt=("x", "y"))
    _, by_x, by_y, _ = reference(case, (np.float64(0.0), np.float64(exponent)), mode)
    assert (by_x, by_y) == (mixed, 0.0)


def test_second_derivative_of_a_gaussian_end() -> None:
    case = Case(log_ndtr, lambda n, rng: ())
    assert reference(case, (np.float64(np.inf),))[1] == 0.0
    assert np.isnan(reference(case, (np.float64(np.inf),), "hessian")[0])


def test_the_larger_of_a_number_and_nan() -> None:
    """Python's keeps the first number unless the next one is larger, which NaN never is."""
    found = reference(Case(larger, lambda n, rng: ()), (np.float64(np.nan),))
    assert found[:2] == [2.0, 0.0]
    assert max(2.0, np.nan) == 2.0
