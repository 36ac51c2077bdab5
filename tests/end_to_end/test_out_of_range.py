"""Places outside of what they pick from: raised, clipped or wrapped as in NumPy, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

X = np.array([1.0, 2.0, 3.0])


@differentiate(wrt="x")
def picked(x: Any, i: Any, j: Any, k: Any, m: Any) -> Any:
    """Of one function, so that each mode is compiled once."""
    chosen = np.choose(i, [x, x**2])
    row, column = np.unravel_index(j, (2, 3))
    table = np.outer(np.array([1.0, 2.0]), x)
    flat = table.ravel()[np.ravel_multi_index((k % 2, k), (2, 3))]
    wrapped = np.take(x, m, mode="wrap") + np.choose(m, [x, x**2], mode="wrap")
    clipped = np.take(x, m, mode="clip") * np.choose(m, [x, x**2], mode="clip")
    return chosen + table[row, column] * flat + wrapped * clipped


INSIDE = (np.array([0, 1, 1]), np.array([0, 5, 3]), np.array([2, 1, 0]), np.array([-4, 7, 1]))
OUTSIDE = {
    "a choice too many": (0, 2),
    "a choice below 0": (0, -1),
    "a flat place too many": (1, 6),
    "a flat place below 0": (1, -1),
    "a place too many": (2, 3),
    "a place below 0": (2, -1),
}
MODES: dict[str, Callable[..., Any]] = {
    "value": picked.value,
    "vjp": lambda *args: picked.vjp(*args, cotangent=np.ones(3))[1],
    "jvp": lambda *args: picked.jvp(*args, tangent=np.ones(3))[1],
}


@pytest.mark.every(2)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", OUTSIDE)
def test_places_outside_are_refused(case: str, mode: str) -> None:
    number, place = OUTSIDE[case]
    places = [p.copy() for p in INSIDE]
    places[number][1] = place
    with pytest.raises(ValueError, match=r"invalid entry|out of bounds"):
        picked.__wrapped__(X, *places)
    with pytest.raises(ValueError, match="is given a"):
        MODES[mode](X, *places)


def test_places_inside_clipped_and_wrapped() -> None:
    np.testing.assert_array_equal(MODES["value"](X, *INSIDE), picked.__wrapped__(X, *INSIDE))
    h = 1e-30
    weights = np.array([1.0, -2.0, 0.5])
    columns = [picked.__wrapped__(X + 1j * h * e, *INSIDE).imag / h for e in np.eye(3)]
    np.testing.assert_allclose(MODES["jvp"](X, *INSIDE), sum(columns), rtol=1e-14)
    _, product = picked.vjp(X, *INSIDE, cotangent=weights)
    np.testing.assert_allclose(product, np.array(columns) @ weights, rtol=1e-14)
