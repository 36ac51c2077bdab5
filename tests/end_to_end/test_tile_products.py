"""Contractions of rows as calls of BLAS on tiles: the same numbers as loops, at every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.tiling import tiles
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted
from tests.end_to_end.test_tiles import flat, text_of

pytest.importorskip("scipy", reason="numba compiles products of matrices by SciPy's BLAS")


def distances(A, m, X):
    """Squared Mahalanobis distances; what multiplies the matrix is computed from the row."""
    C = X - m
    return np.log1p(np.einsum("ni,ij,nj->n", C, A, C) ** 2).sum()


def stacked(L, m, X):
    """A matrix for each part, which stands behind the parts' axis or before it."""
    C = X[:, None, :] - m
    Z = np.einsum("kij,nkj->nki", L, C) + np.einsum("jik,nkj->nki", L.transpose(1, 2, 0), C)
    return np.log(np.exp(-0.5 * (Z**2).sum(axis=2)).sum(axis=1)).sum()


def weighted(A, w, X):
    """Factors beside the matrix and the vector, of the row, of the column, and of all; a sign."""
    r = np.exp(-X[:, 0])
    Z = np.tanh(-np.einsum("ij,nj,n,j,i->ni", A, X, r, w, w) * A[0, 0])
    return (Z.sum(axis=1) ** 2).sum()


def recurrent(A, b, X):
    """A product whose vector is what an earlier one of the same row left."""
    h = np.tanh(np.einsum("kij,nj->nki", A, X) + b)
    g = np.tanh(np.einsum("kij,nki->nkj", A, h) + h)
    return (np.einsum("kij,nki->nj", A, g) * X).sum()


def triangle(A, m, X):
    """Sums of fewer terms in each trip are loops, and stay so."""
    total = 0.0
    for n in range(X.shape[0]):
        for i in range(A.shape[0]):
            s = 0.0
            for j in range(i + 1):
                s += A[i, j] * (X[n, j] - m[j])
            total += np.log1p(s * s)
    return total


CASES = {
    distances: ("dd", "d", "nd"),
    stacked: ("kdd", "kd", "nd"),
    weighted: ("dd", "d", "nd"),
    recurrent: ("kdd", "d", "nd"),
    triangle: ("dd", "d", "nd"),
}


def arguments(function: Any, n: int, d: int = 11, dtype: str = "f8") -> tuple[Any, ...]:
    rng = np.random.default_rng(n + d)
    sizes = {"n": n, "d": d, "k": 3}
    shapes = [tuple(sizes[s] for s in letters) for letters in CASES[function]]
    return tuple((0.3 * rng.normal(size=s)).astype(dtype) for s in shapes)


def wrt_of(function: Any) -> tuple[str, ...]:
    names = function.__code__.co_varnames[: len(CASES[function])]
    return names if function is distances else names[:-1]


def case_of(function: Any, args: Any) -> Case:
    return Case(function, lambda n, rng: args, wrt_of(function))


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_products_give_what_loops_give(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(function, 130)
    text = text_of(function, args, wrt_of(function))
    assert ("tile_product(" in text) == (function is not triangle)
    assert ("add_product(" in text) == (function is not triangle)
    products = interpreted(case_of(function, args), args)
    with_blas = tiles.tile
    monkeypatch.setattr(
        tiles, "tile", lambda k, names, rows, blas: with_blas(k, names, rows, False)
    )
    loops = interpreted(case_of(function, args), args)
    assert "tile_product(" not in text_of(function, args, wrt_of(function))
    for n, d in ((0, 3), (1, 1), (63, 2), (64, 9), (65, 4), (130, 11)):
        given = arguments(function, n, d)
        found, expected = flat(products(*given)), flat(loops(*given))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.thorough
def test_compiled_products_are_right() -> None:
    """Against differences; from arrays in another order; without rows, and without columns."""
    found = differentiate(distances, wrt=wrt_of(distances))
    args = arguments(distances, 131)
    check_grad(found, *args)
    expected = flat(found.value_and_grad(*args))
    np.testing.assert_allclose(expected[0], distances(*args), rtol=1e-12)
    turned = [np.asfortranarray(a) for a in args]
    np.testing.assert_allclose(flat(found.value_and_grad(*turned)), expected, rtol=1e-11)
    for n, d in ((0, 5), (70, 0)):
        assert not flat(found.value_and_grad(*arguments(distances, n, d))).any()


@pytest.mark.thorough
def test_single_precision() -> None:
    """Sums over rows stay in double precision."""
    found = differentiate(stacked, wrt=wrt_of(stacked))
    single = arguments(stacked, 300, dtype="f4")
    expected = flat(found.value_and_grad(*(a.astype("f8") for a in single)))
    same = flat(found.value_and_grad(*single))
    assert same.dtype == np.float32
    np.testing.assert_allclose(same, expected, rtol=0, atol=2e-6 * abs(expected).max())


def test_threads_give_the_same_bits() -> None:
    args = arguments(stacked, 20_000)
    results = [
        flat(differentiate(stacked, wrt=wrt_of(stacked), threads=count).value_and_grad(*args))
        for count in (1, 2, 3)
    ]
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
