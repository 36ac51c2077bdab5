"""Records of loops whose trips nobody knows before: more room, and what was there."""

from typing import Any

import numpy as np
import pytest
from numba import njit

from codegen_ad import differentiate
from codegen_ad.backends.matrix_functions import with_more_room


@pytest.mark.parametrize("shape", [(16,), (16, 3), (4, 2, 3), (16, 0), (0, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "?"])
def test_rows_stay(shape: tuple[int, ...], dtype: str) -> None:
    rows = (np.arange(np.prod(shape)).reshape(shape) % 7).astype(dtype)
    compiled: Any = njit(error_model="numpy")(with_more_room)
    for function in (with_more_room, compiled) if dtype == "f8" else (with_more_room,):
        longer = function(rows)
        assert longer.dtype == rows.dtype
        assert longer.shape == (4 * shape[0], *shape[1:])
        np.testing.assert_array_equal(longer[: shape[0]], rows)


def test_long_ones_double() -> None:
    assert with_more_room(np.zeros((1 << 20, 8), "?")).shape == (1 << 21, 8)


def halved(x: Any, least: Any) -> Any:
    """As many steps as data ask for, each of which is needed on the way back."""
    total = 0.0
    while np.sum(x * x) > least:
        x = 0.99 * np.sin(x)
        total += np.exp(x[0])
    return total


@pytest.mark.parametrize("least", [3.0, 1.5, 0.5, 0.05])
def test_records_that_grow(least: float) -> None:
    """No steps, some, and more than there is room for once and twice."""
    found = differentiate(halved, wrt="x")
    x = np.array([1.0, 0.9, 0.8])
    value, gradient = found.value_and_grad(x, least)
    assert value == pytest.approx(halved(x, least), rel=1e-14)
    for k, unit in enumerate(np.eye(3)):
        slope = (halved(x + 1e-7 * unit, least) - halved(x - 1e-7 * unit, least)) / 2e-7
        assert gradient[k] == pytest.approx(slope, rel=1e-6)
