"""Vectorised functions against multiple precision, on random and on hard points."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from numba import njit

from codegen_ad.backends.vector_math import TABLE, helpers, vector_exp

EXACT = {"vector_exp": mpmath.exp}
LARGEST_ERROR = 1.0  # in units of the last place

rng = np.random.default_rng(7)
POINTS = {
    "vector_exp": np.concatenate(
        [
            rng.uniform(-708.0, 709.7, 3000),
            rng.uniform(-1.0, 1.0, 3000),
            rng.normal(size=1000) * 1e-9,
            np.log(2.0) * (np.arange(-1020, 1020) + 0.5),  # where the reduction rounds either way
        ]
    )
}


def compiled(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """Give the function over an array, compiled as in a generated file."""
    scalar = njit(error_model="numpy", fastmath={"contract"})(function)

    @njit(error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
    def over(x):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            out[i] = scalar(x[i])
        return out

    return over


@pytest.mark.parametrize("function", [f for f, _ in TABLE if f.__name__ in EXACT])
def test_accuracy(function: Callable[[float], float]) -> None:
    points = POINTS[function.__name__]
    found = compiled(function)(points)
    exact = EXACT[function.__name__]
    errors = [
        abs((mpmath.mpf(float(f)) - exact(mpmath.mpf(float(x)))) / float(np.spacing(f)))
        for f, x in zip(found, points, strict=True)
    ]
    assert max(errors) <= LARGEST_ERROR


def test_exp_at_the_edges() -> None:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 5e-324, 709.782712893384, 709.79]
    tiny = [-708.4, -740.0, -745.13321910194, -745.2]  # subnormal results, and the last zero
    points = np.array(special + tiny)
    with np.errstate(over="ignore"):
        expected = np.exp(points)
    np.testing.assert_allclose(compiled(vector_exp)(points), expected, rtol=3e-16, atol=5e-324)


def test_the_copied_text_stands_alone() -> None:
    (helper,) = helpers("y = vector_exp(x)")
    scope = {"np": np}
    exec(helper.text, scope)
    assert abs(scope["vector_exp"](1.0) - np.e) < 1e-15
    assert helpers("y = math.sin(x) + surplus(x)") == ()


def test_only_sums_are_taken_in_any_order() -> None:
    assert [f.__name__ for f, flags in TABLE if "reassoc" in flags] == ["plus"]
