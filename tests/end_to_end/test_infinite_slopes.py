"""Infinite slopes: what does not depend on them is 0; a direction of 0 along them is NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, jvp, vjp

INF = np.inf


def separate(x: Any) -> Any:
    return np.array([np.sqrt(x[0]), x[1] ** 2, x[0] * x[1]])


def elementwise(x: Any) -> Any:
    return np.sqrt(x)


def summed(x: Any) -> Any:
    return np.stack([np.log(x).sum(), x[0], 2.0 * x[1]])


def stored(x: Any) -> Any:
    y = x**2
    y[0] = x[0] ** 0.5
    y[1] += x[0]
    return y


CASES = [
    (separate, [0.0, 3.0], [[INF, 0.0], [0.0, 6.0], [3.0, 0.0]]),
    (elementwise, [0.0, 4.0], [[INF, 0.0], [0.0, 0.25]]),
    (summed, [0.0, 4.0], [[INF, 0.25], [1.0, 0.0], [0.0, 2.0]]),
    (stored, [0.0, 4.0], [[INF, 0.0], [1.0, 8.0]]),
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("function", "at", "rows"), CASES)
def test_what_does_not_depend_is_zero(
    function: Callable[[Any], Any], at: list[float], rows: list[list[float]], mode: Any
) -> None:
    found = differentiate(function).jacobian(np.array(at), mode=mode)
    np.testing.assert_array_equal(found, rows)


def test_a_direction_of_zero_is_a_number_like_others() -> None:
    x = np.array([0.0, 4.0])
    _, tangent = jvp(elementwise, (x,), (np.array([0.0, 1.0]),))
    np.testing.assert_array_equal(tangent, [np.nan, 0.25])
    (cotangent,) = vjp(elementwise, x)[1](np.array([0.0, 1.0]))
    np.testing.assert_array_equal(cotangent, [np.nan, 0.25])
