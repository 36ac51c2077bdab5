"""Functions of generated files that factor matrices and solve by the factors."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from codegen_ad import build, differentiate
from codegen_ad.backends.matrix_systems import matrix_cofactors

RNG = np.random.default_rng(3)


def step(F: Any, R: Any, P: Any, y: Any) -> Any:
    """The log-likelihood of a Kalman filter that sees every state."""
    total = 0.0
    for t in range(y.shape[0]):
        S = F @ P @ F.T + R
        K = np.linalg.solve(S.T, P).T
        total = total - y[t] @ np.linalg.inv(S) @ y[t] - np.linalg.slogdet(S)[1]
        P = P - K @ S @ K.T + 0.1 * np.eye(P.shape[0])
    return total


@pytest.mark.parametrize(("mode", "count"), [("value", 1), ("value_and_grad", 2)])
def test_a_filter_factors_once_in_each_direction(mode: str, count: int) -> None:
    args = np.eye(6), np.eye(6), np.eye(6), np.ones((5, 6))
    found = differentiate(step, wrt=("F", "R", "P"))
    binder = found.kernels.binder
    signature = binder.form(binder.bind(args, {}))
    text = build.run(step, signature, mode, found.options, found.wrt).text
    assert text.count(" = matrix_lu(") == count
    assert "np.linalg." not in text.replace("np.linalg.LinAlgError", "").split("cache=True")[0]


@differentiate
def systems(a: Any, b: Any) -> Any:
    solved = np.linalg.solve(a, b)
    turned = np.linalg.solve(a.T, b[:, 0])
    lower = np.linalg.cholesky(a @ a.T)
    half = scipy.linalg.solve_triangular(lower, b, lower=True)
    whole = scipy.linalg.solve_triangular(lower.T, half[:, 0])
    return solved, turned, np.linalg.inv(a), np.linalg.slogdet(a), lower, half, whole


@pytest.mark.parametrize("size", [33, 65, 150])
def test_backward_errors(size: int) -> None:
    """Residuals as those of LAPACK, in plain loops and in blocks."""
    a = RNG.normal(size=(size, size)) + 2.0 * np.eye(size)
    b = RNG.normal(size=(size, 3))
    solved, turned, inverse, (sign, logarithm), lower, half, whole = systems.value(a, b)

    def holds(matrix: Any, x: Any, right: Any) -> None:
        bound = 10 * np.finfo(float).eps * size * np.abs(matrix).sum(axis=1).max() * np.abs(x).max()
        assert np.abs(matrix @ x - right).max() <= bound

    holds(a, solved, b)
    holds(a.T, turned, b[:, 0])
    holds(a, inverse, np.eye(size))
    holds(lower, lower.T, a @ a.T)
    holds(lower, half, b)
    holds(lower.T, whole, half[:, 0])
    assert not np.triu(lower, 1).any()
    assert sign == np.linalg.slogdet(a)[0]
    assert logarithm == pytest.approx(np.linalg.slogdet(a)[1], rel=1e-12, abs=1e-12)


def exact_cofactors(a: Any) -> Any:
    """Of a matrix of whole numbers, by minors."""
    n = a.shape[0]
    out = np.empty(a.shape)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, 0), j, 1)
            out[i, j] = (-1) ** (i + j) * leibniz(minor)
    return out


def leibniz(a: Any) -> float:
    """The determinant by expansion along the first row."""
    if a.shape[0] == 0:
        return 1.0
    rest = [list(c) for c in combinations(range(a.shape[1]), a.shape[1] - 1)][::-1]
    return sum((-1) ** j * a[0, j] * leibniz(a[1:, rest[j]]) for j in range(a.shape[1]))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_cofactors_of_singular_matrices(size: int) -> None:
    """Of every rank: the cofactors of rank n - 1 are of rank 1, those of less are 0."""
    for rank in range(size + 1):
        left, right = RNG.integers(-3, 4, (size, rank)), RNG.integers(-3, 4, (rank, size))
        a = (left @ right).astype(float)
        expected = exact_cofactors(a)
        bound = 1e-14 * max(1.0, np.abs(a).max()) ** (size - 1) * size**2
        np.testing.assert_allclose(matrix_cofactors(a), expected, rtol=1e-12, atol=bound)


def test_determinants_between_overflows() -> None:
    """No part of the product overflows or is lost where the determinant is an ordinary number."""
    found = differentiate(lambda a: np.linalg.det(a))
    large = np.diag([1e200, 1e200, 1e-200, 1e-200, 3.0])
    assert found.value(large) == pytest.approx(3.0, rel=1e-15)
    assert found.value(-large) == pytest.approx(-3.0, rel=1e-15)
    assert found.value(np.zeros((5, 5))) == 0.0
