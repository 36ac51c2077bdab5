"""Linear algebra of a stack of matrices of which only some are looked at.

The elements of the third matrix have no finite slope, or it is singular. What is left out has
derivative 0: in first derivatives, and in second ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

Function = Callable[[Any], Any]

X = np.array([1.3, 0.7, 2.1, 1.9, 0.6, 1.1, 0.9, 1.7, 0.0, 0.0, 0.0, 0.0])
FIRST = 8
LEFT = np.arange(3) < 2


def stack(x: Any) -> Any:
    """Square roots, whose slopes at 0 are infinite; the last matrix is that of ones and 3."""
    return np.sqrt(x).reshape(3, 2, 2) + 3 * np.eye(2)


def definite(x: Any) -> Any:
    a = stack(x)
    return a @ np.swapaxes(a, 1, 2)


def inverses(x: Any) -> Any:
    return np.sum(np.linalg.inv(stack(x))[:2] ** 2)


def systems(x: Any) -> Any:
    return np.sum(np.linalg.solve(stack(x), np.ones((3, 2, 1)))[LEFT] ** 2)


def right_sides(x: Any) -> Any:
    matrices = np.tile(3 * np.eye(2) + 1, (3, 1, 1))
    return np.sum(np.linalg.solve(matrices, np.sqrt(x).reshape(3, 2, 2))[[0, 1]] ** 2)


def determinants(x: Any) -> Any:
    d = np.linalg.det(stack(x))
    return d[0] * d[1]


def sizes(x: Any) -> Any:
    return np.sum(np.where(LEFT, np.linalg.slogdet(stack(x))[1], 0.0) ** 2)


def factors(x: Any) -> Any:
    return np.sum(np.linalg.cholesky(definite(x))[:2, 1])


def eigenvalues(x: Any) -> Any:
    return np.sum(np.linalg.eigvalsh(definite(x))[:2] ** 1.5)


def eigenvectors(x: Any) -> Any:
    values, vectors = np.linalg.eigh(x.reshape(3, 2, 2))
    return np.sum(values[:2, 0] * vectors[:2, 1, 0] ** 2)


def singular_values(x: Any) -> Any:
    return np.sum(np.linalg.svd(x.reshape(3, 2, 2), compute_uv=False)[:2] ** 1.5)


def triangles(x: Any) -> Any:
    return np.sum(np.linalg.qr(stack(x))[1][:2] ** 2)


def in_a_loop(x: Any) -> Any:
    d, s = np.linalg.det(stack(x)), 0.0
    for k in range(len(d)):
        if k < 2:
            s += d[k] ** 1.5
    return s


def in_each_trip(x: Any) -> Any:
    s = 0.0
    for k in range(2):
        s += np.sum(np.linalg.inv(stack(x) + k)[:2] ** 2)
    return s


def replaced(x: Any) -> Any:
    a = np.linalg.inv(stack(x))
    a[2] = 0.5
    return np.sum(a**2)


FUNCTIONS = [
    inverses, eigenvectors, systems, right_sides, determinants, sizes, factors, eigenvalues,
    singular_values, triangles, in_a_loop, in_each_trip, replaced,
]  # fmt: skip


def slopes(function: Function, step: float) -> Any:
    """Differences in the elements that count; zero in the others."""
    columns = [np.zeros_like(np.asarray(function(X))) for _ in X]
    for k in range(FIRST):
        e = step * (np.arange(len(X)) == k)
        columns[k] = (function(X + e) - function(X - e)) / (2 * step)
    return np.stack(columns, axis=-1)


@pytest.mark.every(7)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_matrices_left_out_have_no_slope(function: Function) -> None:
    found = differentiate(function).grad(X)
    np.testing.assert_allclose(found, slopes(function, 1e-6), rtol=1e-6, atol=1e-8)


@pytest.mark.thorough
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives(function: Function) -> None:
    f = differentiate(function)
    np.testing.assert_allclose(f.hessian(X), slopes(f.grad, 1e-5), rtol=1e-6, atol=1e-6)


def one_of_each(a: Any) -> Any:
    return np.sum(np.linalg.inv(a)[:, 0, 1] ** 2) + np.linalg.det(a).sum()


def test_all_matrices_count_at_no_cost() -> None:
    text = differentiate(one_of_each).source(stack(X)).partition("def one_of_each")[2]
    assert text
    assert " else " not in text
    assert "where" not in text
