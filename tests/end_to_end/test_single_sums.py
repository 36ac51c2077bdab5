"""Sums of single precision over rows: float32 in tiles, float64 over these."""

from __future__ import annotations

import numpy as np
import pytest

from codegen_ad import differentiate, minimize


@differentiate(wrt=("a", "b"))
def waves(a, b, x, y):
    """Two sums in one loop over the rows, one of them signed."""
    r = a * np.exp(-x * x) + b - y
    return (r**2).sum() - (b * r).sum()


@differentiate
def rows_of_sums(w, X):
    """Each row adds up many terms itself, which is no sum over rows."""
    total = np.float32(0.0)
    for row in X:
        inner = np.float32(0.0)
        for k in range(row.size):
            inner = inner + w[k % w.size] * row[k]
        total = total + inner
    return total


def data(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    return rng.normal(size=size).astype(np.float32), rng.normal(size=size).astype(np.float32)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 4097, 20_011])
def test_values_and_gradients_are_those_of_double_precision(size: int) -> None:
    x, y = data(size)
    a, b = np.float32(1.25), np.float32(-0.5)
    value, gradients = waves.value_and_grad(a, b, x, y)
    assert {type(value), *map(type, gradients)} == {np.float32}
    wide = [v.astype(np.float64) for v in (x, y)]
    residuals = 1.25 * np.exp(-(wide[0] ** 2)) - 0.5 - wide[1]
    expected = (residuals**2).sum() + 0.5 * residuals.sum()
    d_a = ((2 * residuals + 0.5) * np.exp(-(wide[0] ** 2))).sum()
    d_b = (2 * residuals - residuals + 0.5).sum()
    scale = max(1.0, float((residuals**2).sum()))
    np.testing.assert_allclose([value, *gradients], [expected, d_a, d_b], atol=5e-7 * scale)
    apart = waves.value_and_grad(a, b, np.repeat(x, 2)[::2], np.repeat(y, 3)[::3])
    np.testing.assert_allclose(apart[0], value, atol=2e-7 * scale)


def test_terms_of_one_sign_do_not_stop_a_sum() -> None:
    x = np.full(3_000_001, 0.1, np.float32)
    value, gradient = waves.value_and_grad(np.float32(0.0), np.float32(0.0), x, x)
    exact = 3_000_001 * float(np.float32(0.1))
    assert abs(float(gradient[1]) / -exact - 1) < 1e-6  # 2 r - r of r = -0.1
    assert abs(float(value) / (exact * float(np.float32(0.1))) - 1) < 1e-6


def test_what_is_not_finite_stays_so() -> None:
    x, y = data(1000)
    y[700] = np.nan
    assert np.isnan(waves(np.float32(1.0), np.float32(1.0), x, y))
    y[700] = np.inf
    assert waves.value_and_grad(np.float32(1.0), np.float32(1.0), x, y)[0] == np.inf


def test_sums_inside_of_rows_are_not_added_in_tiles() -> None:
    X = np.full((300, 4000), 0.1, np.float32)
    value, gradient = rows_of_sums.value_and_grad(np.ones(20, np.float32), X)
    exact = X.size * float(np.float32(0.1))
    assert abs(float(value) / exact - 1) < 4000 * 2**-25  # 4000 roundings, half of the bound
    np.testing.assert_allclose(gradient, exact / 20, rtol=2**-23)


def test_a_fit_adds_up_in_tiles_too() -> None:
    x = np.full(500_000, 0.3, np.float32)

    def squares(w, x):
        return ((w[0] - x) ** 2).mean()

    fit = minimize(
        squares, np.array([1.0], np.float32), (x,), steps=60, learning_rate=0.4, trace=True
    )
    np.testing.assert_allclose(fit.x, [0.3], rtol=1e-6)
    np.testing.assert_allclose(fit.trace[0], 0.49, rtol=3e-7)
