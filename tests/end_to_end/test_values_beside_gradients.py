"""The value that comes with a gradient is the function's, where it is not finite, too.

Rules for gradients leave out products with zero, which are NaN where a factor is infinite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate


@differentiate
def mixed(p: Any, steps: int) -> Any:
    for _ in range(steps):
        for _ in range(steps):
            p = p * p
        p = np.array([[0.1, 0], [0.1, 0.2]]) @ p
    return p[0]


@differentiate
def shifted(p: Any, steps: int) -> Any:
    u = np.sin(p)
    for _ in range(steps):
        u = np.array([[1.0, 0.0], [0.5, 1.0]]) @ (u * u) + p
    return u[0] + u[1]


@pytest.mark.parametrize("function", [mixed, shifted])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_products_of_zero_and_infinity(function: Any) -> None:
    for p in ([0.5, 1e3], [0.5, np.inf], [np.nan, 1.0], [0.3, 0.2]):
        for steps in (1, 3, 6):
            given = np.array(p), steps
            value, _ = function.value_and_grad(*given)
            np.testing.assert_allclose(value, function(*given), rtol=1e-12)
            np.testing.assert_allclose(function.value(*given), function(*given), rtol=1e-12)
