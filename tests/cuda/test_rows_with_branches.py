"""Loops over rows with branches and inner loops are shared out over the grid, whatever is in them.

A number that both sides of a branch set, or that each trip of an inner loop sets anew, is a row's
own. What a branch adds to an array of all rows is added up like what stands outside of branches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.cuda.device_runs import Failed, run

pytest.importorskip("greenlet", reason="the simulator needs it")

RANDOM = np.random.default_rng(15)


def classified(w: Any, X: Any, y: Any) -> Any:
    n, p = X.shape
    total = 0.0
    for i in range(n):
        s = 0.3
        for j in range(p):
            s += w[j] * X[i, j]
        e = np.exp(-s)
        if y[i] > 0:
            total += np.log1p(e)
        else:
            total += s + np.log1p(e)
    return total / n


def nearest(w: Any, X: Any, y: Any) -> Any:
    n, p = X.shape
    total = 0.0
    for i in range(n):
        best = np.inf
        for k in range(4):
            s = 0.0
            for j in range(p):
                s += (X[i, j] - w[j] * k) ** 2
            if s < best:
                best = s
        total += best * y[i]
    return total


def margins(w: Any, X: Any, y: Any) -> Any:
    n, p = X.shape
    total = 0.0
    for i in range(n):
        s = 0.0
        for j in range(p):
            s += w[j] * X[i, j]
        m = y[i] * s
        if m < 1:
            for j in range(p):
                total += w[j] ** 2 * X[i, j] * m
            if m < -1:
                total += 1 - 2 * m
            else:
                total += (1 - m) ** 2
        else:
            for j in range(p):
                total += np.sin(w[j] * X[i, j])
    return total


@pytest.mark.parametrize(
    ("function", "features"),
    [
        pytest.param(classified, 3, marks=pytest.mark.thorough),
        (nearest, 3),
        (margins, 20),
        (classified, 150),
        (margins, 150),
    ],
)
def test_rows_are_shared_out(function: Any, features: int) -> None:
    """Sums of a thread, of a thread in memory, and of a warp for each element."""
    rows = 300 if features < 100 else 60
    X, y = RANDOM.normal(size=(rows, features)), RANDOM.normal(size=rows)
    given = {"w": RANDOM.normal(size=features), "X": X, "y": y}
    differentiated = differentiate(function, wrt="w")
    text = differentiated.source(*given.values(), target="cuda").plain
    assert '"cooperative"' not in text
    value, gradient = run(text, given, orders=("forward", 3))
    expected, direction = differentiated.value_and_grad(*given.values())
    np.testing.assert_allclose(value[0], expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, direction, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("features", [3, 150])
def test_sizes_that_do_not_fit_are_an_error(features: int) -> None:
    """Nothing is read or written where there is nothing, in any of the kernels."""
    function = differentiate(margins, wrt="w")
    X, y, w = np.ones((40, features)), np.ones(40), np.ones(features)
    text = function.source(w, X, y, target="cuda").plain
    for given in (
        {"w": w, "X": np.ones((40, features + 2)), "y": y},
        {"w": w, "X": X, "y": y[:30]},
    ):
        with pytest.raises(Failed, match="index is out of bounds for axis 0"):
            run(text, given, orders=("forward",))
