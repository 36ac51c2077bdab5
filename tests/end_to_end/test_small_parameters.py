"""Small parameters beside larger arrays of the same sizes: long files are not written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

RNG = np.random.default_rng(8)
A = RNG.normal(size=(5, 5))
START = RNG.uniform(0.5, 1.0, size=5)
X = RNG.normal(size=30)


def steps(A: Any, start: Any, x: Any) -> Any:
    B = np.exp(A) / np.exp(A).sum(axis=1, keepdims=True)
    alpha = start
    for t in range(len(x)):
        alpha = np.tanh(alpha @ B) + x[t]
    return (alpha**2).sum()


def unpacked(p: Any, x: Any) -> Any:
    a, b, c, d, e = p
    table = np.outer(p, p) + np.outer(p, x[:5])
    return (table**2).sum() * (a + b * c + d * e)


@pytest.mark.thorough
def test_axes_that_a_vector_makes_constant_stay_loops() -> None:
    found = differentiate(steps, wrt=("A", "start"))
    value, _ = found.value_and_grad(A, START, X)
    np.testing.assert_allclose(value, steps(A, START, X), rtol=1e-13)
    assert found.check(A, START, X).ok
    text = str(found.source())
    assert "A: f8[n, n]    start: f8[n]" in text
    assert len(text.splitlines()) < 250
    # The same function with another size: what is made for five states does not run.
    assert found.check(A[:4, :4].copy(), START[:4].copy(), X).ok


def test_parameters_that_must_be_constants_stay_so() -> None:
    found = differentiate(unpacked)
    assert found.check(START, X).ok
    assert "p: f8[5]" in str(found.source())


def elimination(A: Any, b: Any) -> Any:
    A, b, n = A.copy(), b.copy(), len(b)
    for k in range(n):
        pivot = k + np.argmax(np.abs(A[k:, k]))
        if pivot != k:
            A[[k, pivot]] = A[[pivot, k]]
            b[[k, pivot]] = b[[pivot, k]]
        for i in range(k + 1, n):
            m = A[i, k] / A[k, k]
            A[i, k:] -= m * A[k, k:]
            b[i] -= m * b[k]
    x = np.zeros(n)
    for i in reversed(range(n)):
        x[i] = (b[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return np.sum(x**2)


def test_a_loop_whose_trips_differ_stays_one_where_it_would_make_a_long_file() -> None:
    found = differentiate(elimination, wrt=("A", "b"))
    text = str(found.source(A, START))
    assert len(text.splitlines()) < 500  # 1,600 if each trip is written out
    _, (of_matrix, of_vector) = found.value_and_grad(A, START)
    x = np.linalg.solve(A, START)
    z = np.linalg.solve(A.T, 2 * x)
    np.testing.assert_allclose(of_vector, z, rtol=1e-10)
    np.testing.assert_allclose(of_matrix, -np.outer(z, x), rtol=1e-10)
