"""Linear algebra of what is not finite: NaN where NumPy gives NaN, and errors where it raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.backends.matrix_systems import matrix_lu, matrix_lu_det, matrix_lu_slogdet

FINITE = np.array([[2.0, 1.0, 0.5], [4.0, 3.0, 1.0], [0.0, 1.0, 4.0]])


def _with(value: float, row: int = 1, column: int = 1) -> np.ndarray:
    a = FINITE.copy()
    a[row, column] = value
    return a


NOT_FINITE = {
    "nan": _with(np.nan),
    "infinite": _with(np.inf, 0, 0),
    "infinite diagonal": np.diag([np.inf, 2.0, 4.0]),
    "minus infinite": np.diag([1.0, -np.inf, 4.0]),
}


@pytest.mark.parametrize("a", [FINITE, -FINITE, *NOT_FINITE.values()])
def test_elimination_is_what_lapack_does(a: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        lu, swaps = matrix_lu(a)
        rows = np.arange(3)
        for k, pivot in enumerate(swaps):
            rows[[k, pivot]] = rows[[pivot, k]]
        if np.isfinite(a).all():
            product = (np.tril(lu, -1) + np.eye(3)) @ np.triu(lu)
            np.testing.assert_allclose(product, a[rows], rtol=1e-14)
        np.testing.assert_allclose(matrix_lu_det(lu, swaps), np.linalg.det(a), rtol=1e-13)
        found, expected = matrix_lu_slogdet(lu, swaps), np.linalg.slogdet(a)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@differentiate(wrt="a")
def numbers(a: Any, b: Any) -> Any:
    """One of each function that NumPy takes NaN through."""
    solved, inverse = np.linalg.solve(a, b), np.linalg.inv(a)
    return np.concatenate((np.linalg.qr(a)[1].ravel(), solved, inverse.ravel()))


@pytest.mark.parametrize("name", NOT_FINITE)
def test_not_finite_as_in_numpy(name: str) -> None:
    a, b = NOT_FINITE[name], np.array([1.0, 2.0, 3.0])
    with np.errstate(all="ignore"):
        expected = numbers.__wrapped__(a, b)
    found = numbers.value(a, b)
    np.testing.assert_allclose(found[9:], expected[9:], rtol=1e-13)
    assert np.isnan(found[:9]).all()  # of qr, NumPy leaves some elements
    assert not np.isfinite(expected[:9]).all()


def test_a_right_side_with_nan() -> None:
    b = np.array([1.0, np.nan, 3.0])
    found = numbers.value(FINITE, b)
    np.testing.assert_allclose(found, numbers.__wrapped__(FINITE, b), rtol=1e-12)


def test_a_singular_matrix_with_nan_beside_it_raises() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        numbers.value(np.ones((3, 3)), np.array([1.0, np.nan, 3.0]))


@differentiate
def volume(a: Any) -> Any:
    return np.linalg.det(a) + np.linalg.slogdet(a)[1]


@pytest.mark.parametrize("name", NOT_FINITE)
def test_determinants_and_their_gradients(name: str) -> None:
    a = NOT_FINITE[name]
    with np.errstate(all="ignore"):
        expected = volume.__wrapped__(a)
    value, gradient = volume.value_and_grad(a)
    np.testing.assert_equal(value, expected)
    assert np.isnan(gradient).any()


@pytest.mark.parametrize("function", [np.linalg.cholesky, np.linalg.eigh, np.linalg.svd])
def test_numpy_raises_where_the_kernels_do(function: Any) -> None:
    """Cholesky's factor of NaN is NaN; spectra do not converge, in NumPy as in kernels."""
    if function is np.linalg.cholesky:
        assert np.isnan(function(NOT_FINITE["nan"])).any()
    else:
        with pytest.raises(np.linalg.LinAlgError):
            function(NOT_FINITE["nan"])


@differentiate
def spectrum(a: Any) -> Any:
    return np.linalg.eigh(a)[0][0] + np.linalg.svd(a)[1][0]


def test_spectra_of_nan_raise_with_the_line() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="line 2"):
        spectrum.value(NOT_FINITE["nan"])


def test_a_nan_is_the_largest_pivot() -> None:
    A = 3.0 * np.eye(5) + 1.0
    A[1, 2] = A[2, 1] = np.nan
    value, gradient = differentiate(lambda A: np.linalg.solve(A, np.ones(5)).sum()).value_and_grad(
        A
    )
    assert np.isnan(value)
    assert np.isnan(gradient).any()
