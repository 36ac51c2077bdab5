"""What no fitted parameter changes is computed once, and the fit stays the loop written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, minimize

rng = np.random.default_rng(5)
X, Y = np.linspace(0.1, 3.0, 41), rng.normal(size=41)
CENTRES = np.linspace(0.0, 3.0, 20)
PLANE = rng.normal(size=(41, 3))


def waves(w, x, y):
    """Two functions of the data, and data made standard."""
    z = (y - y.mean()) / y.std()
    return np.mean((z - w[0] * np.sin(3 * x) - w[1] * np.exp(-(x**2)) - w[2] * x**3 / 9) ** 2)


def bumps(w, x, y, c):
    """A function of every pair of two inputs, which is larger than both."""
    return np.mean((y - np.exp(-((x[:, None] - c[None, :]) ** 2)) @ w) ** 2)


def whitened(w, Z, y):
    """Linear algebra on the data, and a sum of all of it."""
    best = np.linalg.solve(Z.T @ Z, Z.T @ y)
    return np.mean((Z @ (w - best)) ** 2) / np.log1p(y @ y)


def positive(w, x, y):
    """A size that only the run knows, and a check of the data."""
    assert np.all(x > 0), f"the smallest is {x.min()}"
    kept = np.log(x[y > 0])
    return np.mean((w[0] + w[1] * kept - y[y > 0]) ** 2)


def smoothed(w, x, y):
    """A loop over the data that no parameter enters, and a sort."""
    s = np.zeros(x.size)
    s[0] = y[0]
    for i in range(1, x.size):
        s[i] = 0.9 * s[i - 1] + 0.1 * y[i]
    return np.mean((np.sort(s) - w[0] - w[1] * np.cumsum(x) / 60) ** 2) + 0.0 * np.sum(w**2)


def untouched(w, x, y):
    """A value and a gradient of which one is known before the first step."""
    return np.sum(np.exp(x)) + 0.0 * np.sum(w)


CASES: list[tuple[Callable[..., Any], int, tuple[Any, ...]]] = [
    (waves, 3, (X, Y)),
    (bumps, 20, (X, Y, CENTRES)),
    (whitened, 3, (PLANE, Y)),
    (positive, 2, (X, Y)),
    (smoothed, 2, (X, Y)),
    (untouched, 2, (X, Y)),
    (waves, 3, (X.astype(np.float32), Y.astype(np.float32))),
]


@pytest.mark.every(2)
@pytest.mark.parametrize(("function", "count", "data"), CASES)
def test_fits_are_the_loop_written_out(
    function: Callable[..., Any], count: int, data: tuple[Any, ...]
) -> None:
    loss = differentiate(function)
    single = data[0].dtype == np.float32
    w = np.full(count, 0.1, dtype=data[0].dtype)
    result = minimize(loss, w, data, learning_rate=0.02, steps=20, trace=True)
    trace: list[float] = []
    for _ in range(20):
        value, gradient = loss.value_and_grad(w, *data)
        trace.append(value)
        w = w - w.dtype.type(0.02) * gradient
    np.testing.assert_allclose(result.trace, trace, rtol=2e-6 if single else 1e-12)
    value, gradient = loss.value_and_grad(result.x, *data)
    np.testing.assert_allclose(result.fun, value, rtol=1e-6 if single else 1e-13)
    bound = 1e-5 if single else 1e-12
    np.testing.assert_allclose(result.jac, gradient, rtol=bound, atol=bound * abs(gradient).max())


def text_of(function: Callable[..., Any], *arguments: Any) -> str:
    """The file of a fit."""
    return str(differentiate(function).source(*arguments, mode="fit:gd"))


def test_what_is_kept_is_no_larger_than_the_data() -> None:
    assert "bumps_once" not in text_of(bumps, CENTRES, X, Y, CENTRES)
    text = text_of(waves, np.zeros(3), X, Y)
    assert "sin_x, z, exp_x = waves_once(x, y)" in text
    steps = text.partition("def waves_value_and_grad")[2]
    assert "vector_" not in steps, "a transcendental function in every step"
    steps = text_of(whitened, np.zeros(3), PLANE, Y).partition("def whitened_value")[2]
    assert "matrix_" not in steps, "a system in every step"
    text = text_of(untouched, np.zeros(2), X, Y)
    assert "vector_exp(" not in text.partition("def untouched_value_and_grad")[2]


def test_a_check_of_the_data_speaks_as_the_user_wrote() -> None:
    with pytest.raises(AssertionError, match=r"the smallest is -1"):
        minimize(
            differentiate(positive), np.zeros(2), (-X / X.max(), Y), learning_rate=0.1, steps=3
        )
