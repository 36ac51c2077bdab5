"""Integers of fewer than 64 bits, and without a sign, go round in kernels as they do in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from codegen_ad import differentiate
from codegen_ad.errors import UnsupportedSyntax
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted

X = np.array([1.25, -0.75, 2.5])


def weights(i: Any) -> Any:
    """Numbers that arithmetic of integers makes; compiled code and NumPy must agree on each."""
    moved = np.concatenate([i, i + i])[1:4]
    changed = i.copy()
    changed += i
    changed[1:] -= 1
    carried = i[0]
    for k in range(3):
        carried = carried * i[k] + i[2]
    far = np.where(i > 5, i, i * 3) // 2 + np.maximum(i, i[::-1]) % 7
    total = float(np.sum(i)) + float(i.max()) + int(i[0]) + int(i[1]) + float(np.cumsum(i)[-1])
    return moved * 1.0 + changed**2 + carried + far + (-i) + i.mean() + total + i / 7


def linear(x: Any, i: Any) -> Any:
    return np.sum(x * weights(i))


def below_zero(x: Any, i: Any) -> Any:
    return x[0] * (np.sum(i) - 600)


def combined(i: Any) -> Any:
    """What products and orders make of such integers, and `np.clip`."""
    a = np.stack([i, i[::-1], i])
    products = a @ i + np.dot(i, a) + np.einsum("ij,kj->ik", a, a)[0] + np.outer(i, i)[1]
    around = np.convolve(i, i)[1:4] + np.correlate(i, i, "same") + np.kron(i, i[:1])
    steps = np.diff(i, prepend=i[-1:]) + np.cross(i, i[::-1]) + np.tensordot(a, i, 1)
    order = np.sort(i)[::-1] + np.clip(i, 2, i[::-1]) + np.clip(i, None, 100) + np.unique(i)
    places = i[np.argsort(i)] + np.searchsorted(np.sort(i), i) + np.digitize(i, [1, 9, 60])
    last = np.linalg.matrix_power(a, 3)[0] + i.dot(i) + np.partition(i, 1)[1] + np.vdot(i, i)
    return np.stack([products, around, steps, order, last]) * 1.0, places * 1.0


def of_products(x: Any, i: Any) -> Any:
    rows, places = combined(i)
    return np.sum(x * rows * np.arange(1.0, 6.0)[:, None]) + np.sum(x**2 * places)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u4"])
def test_products_and_orders_of_such_integers(dtype: str) -> None:
    largest = np.iinfo(dtype).max
    i = np.array([largest, largest // 2 + 2, 3], dtype)
    with np.errstate(over="ignore"):
        rows, places = combined(i)
        value = of_products(X, i)
    found = interpreted(Case(of_products, lambda n, rng: (X, i)), (X, i))(X, i)
    gradient = (rows * np.arange(1.0, 6.0)[:, None]).sum(axis=0) + 2 * X * places
    np.testing.assert_allclose(found[0], value, rtol=1e-14)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["i1", "u1", "u2", "i4", "u4"])
def test_arithmetic_goes_round(dtype: str) -> None:
    largest = np.iinfo(dtype).max
    i = np.array([largest, largest // 2 + 2, 3], dtype)
    with np.errstate(over="ignore"):
        wanted = weights(i)
    value, gradient = differentiate(linear).value_and_grad(X, i)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-15)
    np.testing.assert_allclose(value, np.sum(X * wanted), rtol=1e-15)


def test_sums_of_unsigned_integers_have_no_sign() -> None:
    i = np.array([200, 100, 3], "u1")
    with np.errstate(over="ignore"):
        wanted = below_zero(X, i)
    assert wanted > 1e19
    value, gradient = differentiate(below_zero).value_and_grad(X, i)
    assert value == wanted
    assert gradient[0] == wanted / X[0]


def test_powers_of_integers_are_exact_or_errors() -> None:
    def powers(x: Any, k: Any) -> Any:
        return np.sum(x * 3**k) + x[0] * (1 << k[1]) + x[1] * (k[2] & 3)

    gradient = differentiate(powers).grad
    k = np.array([0, 31, 7])
    assert gradient(X, k).tolist() == [1.0 + 2.0**31, 3.0**31 + 3, 3.0**7]
    with pytest.raises(ValueError, match="negative power"):
        gradient(X, np.array([2, -1, 0]))
    with pytest.raises(OverflowError, match="larger than 2\\*\\*50"):
        gradient(X, np.array([40, 1, 1]))


def test_a_python_integer_out_of_bounds_is_an_error() -> None:
    def shifted(x: Any, i: Any, y: Any) -> Any:
        k = 0
        while y[k] < 1.0:
            k += 100
        return np.sum(x * (i + k))

    i = np.array([1, 2, 3], "u1")
    gradient = differentiate(shifted).grad
    first, second = np.ones(500), np.ones(500)
    first[0], second[:300] = 0.0, 0.0
    assert gradient(X, i, first).tolist() == [101.0, 102.0, 103.0]
    with pytest.raises(OverflowError, match="out of bounds for uint8"):
        gradient(X, i, second)


SUMS: list[Any] = [
    lambda x, i: x[0] * sum(i),
    lambda x, i: x[0] * np.trapezoid(i),
    lambda x, i: x[0] * np.multiply.outer(i, i)[0, 1],
    lambda x, i: x[0] * np.polyval(i, i[0]),
    lambda x, i: x[0] * np.polynomial.chebyshev.chebval(i, x)[0],
    lambda x, i: x[0] * np.fft.fftfreq(4, i[0])[1],
    lambda x, i: norm.logpdf(i, i[0]).sum() * x[0],
]


@pytest.mark.parametrize("function", SUMS)
def test_what_would_not_go_round_is_refused(function: Any) -> None:
    i = np.arange(150, 190).astype("u2")
    with pytest.raises(UnsupportedSyntax, match="goes round in NumPy"):
        differentiate(function).grad(X, i)
