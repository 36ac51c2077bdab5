"""The text of kernels with large matrices, run by Python, does what is compiled of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted

RNG = np.random.default_rng(4)


def solution(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(a, b) ** 2)


def factor(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.cholesky(a) @ b)


@pytest.mark.parametrize(("function", "n"), [(solution, 70), (factor, 40)])
def test_products_of_the_library_are_done(function: Any, n: int) -> None:
    half = RNG.normal(size=(n, n))
    args = (half @ half.T / n + np.eye(n), RNG.normal(size=n))
    value, (_, found) = interpreted(Case(function, lambda *_: (), ("a", "b")), args)(*args)
    assert value == pytest.approx(function(*args), rel=1e-10)
    direction = RNG.normal(size=n)
    step = 1e-6 * direction
    moved = [function(args[0], args[1] + s) for s in (step, -step)]
    assert np.sum(found * direction) == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-7)


def test_a_matrix_without_a_factor_is_an_error() -> None:
    args = (-np.eye(40), np.ones(40))
    with pytest.raises(Exception, match="positive definite"):
        interpreted(Case(factor, lambda *_: (), ("a", "b")), args)(*args)
