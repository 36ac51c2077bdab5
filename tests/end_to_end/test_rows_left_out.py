"""Rows of data that are missing, of which a product of matrices was left out afterwards.

Here `X` has NaN and infinity in the rows that no function looks at, so that all values are finite,
and so are their differences. Derivatives have to be these, first and second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, jvp, vjp

Function = Callable[[Any, Any, Any], Any]

X = np.random.default_rng(0).normal(size=(7, 3))
X[2] = np.nan
X[5, 1] = np.inf
OK = np.isfinite(X).all(axis=1)
W = np.array([0.4, -0.3, 0.8])
PLACES = np.array([0, 1, 3, 6, 3])
COLUMNS = np.array([0, 2, 1, 1, 2])


def by_mask(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((X @ w)[ok] ** 2)


def by_slices(w: Any, X: Any, ok: Any) -> Any:
    h = X @ w
    return np.sum(h[:2] ** 2) + h[-1] * h[3]


def by_places(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((X @ w)[PLACES] ** 2)


def by_finite(w: Any, X: Any, ok: Any) -> Any:
    h = X @ w
    return np.sum(h[np.isfinite(h)] ** 3)


def by_where(w: Any, X: Any, ok: Any) -> Any:
    return np.sum(np.where(ok, X @ w, 0.0) ** 2)


def by_where_of_rows(w: Any, X: Any, ok: Any) -> Any:
    return np.sum(np.where(ok[:, None], X @ np.outer(w, w), 0.0) ** 2)


def by_a_store(w: Any, X: Any, ok: Any) -> Any:
    h = X @ w
    h[~ok] = 0.0
    return np.sum(h**2)


def by_where_in_a_sum(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((X @ w) ** 2, where=ok)


def by_a_loop(w: Any, X: Any, ok: Any) -> Any:
    h = X @ w
    s = 0.0
    for i in range(len(h)):
        if ok[i]:
            s += np.sin(h[i])
    return s


def twice(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((X @ w)[ok][1:] ** 2)


def of_three(w: Any, X: Any, ok: Any) -> Any:
    return np.sum(np.einsum("ij,jk,k->i", X, np.outer(w, w), w)[ok])


def of_a_chain(w: Any, X: Any, ok: Any) -> Any:
    return np.sum(np.sqrt(np.abs((X * w) @ np.outer(w, w) @ w))[ok])


def elements_of_a_matrix(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((X @ np.outer(w, np.sin(w)))[PLACES, COLUMNS] ** 2)


def columns_of_a_matrix(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((np.outer(w, w) @ X.T)[:, ok] ** 2)


def one_element_of_a_square(w: Any, X: Any, ok: Any) -> Any:
    Y = X * w
    return (Y @ Y.T)[0, 1]


def rows_in_another_shape(w: Any, X: Any, ok: Any) -> Any:
    return np.sum((X @ w).reshape(7, 1)[PLACES, 0] ** 2)


def in_stacks(w: Any, X: Any, ok: Any) -> Any:
    return np.sum(np.matmul(np.stack([X, 2.0 * X]), w)[1][ok] ** 2)


def deviations_of_rows(w: Any, X: Any, ok: Any) -> Any:
    Y = X * w
    return np.sum((Y - np.mean(Y, axis=1)[:, None])[ok] ** 2)


def covariance(w: Any, X: Any, ok: Any) -> Any:
    return np.cov(np.outer(X[:, 0], w) + w**2)[0, 3]


def softmax_of_rows(w: Any, X: Any, ok: Any) -> Any:
    E = np.exp(np.outer(X[:, 0], w))
    return np.sum((E / np.sum(E, axis=1)[:, None])[ok][:, 1])


def neighbours(w: Any, X: Any, ok: Any) -> Any:
    Y = np.outer(X[:, 0], w)
    return np.sum((Y[:, 1:] * Y[:, :-1])[ok])


def products_of_rows(w: Any, X: Any, ok: Any) -> Any:
    return np.prod(X * w, axis=1)[ok].sum()


def products_of_chosen_rows(w: Any, X: Any, ok: Any) -> Any:
    return np.where(ok, np.prod(X + w, axis=1), 0.0).sum()


def largest_of_rows(w: Any, X: Any, ok: Any) -> Any:
    Y = np.outer(X[:, 0], w)
    return np.max(Y, axis=1)[ok].sum() + np.min(Y, axis=1)[PLACES].sum() ** 2


def lengths_of_rows(w: Any, X: Any, ok: Any) -> Any:
    return np.linalg.norm(np.outer(X[:, 0], w), axis=1)[ok].sum()


FUNCTIONS = [
    by_mask, by_slices, by_places, by_finite, by_where, by_where_of_rows, by_a_store,
    by_where_in_a_sum, by_a_loop, twice, of_three, of_a_chain,
    elements_of_a_matrix, columns_of_a_matrix, one_element_of_a_square, rows_in_another_shape,
    in_stacks, deviations_of_rows, covariance, softmax_of_rows, neighbours, products_of_rows,
    products_of_chosen_rows, largest_of_rows, lengths_of_rows,
]  # fmt: skip


def slopes(function: Callable[[Any], Any], step: float) -> Any:
    e = step * np.eye(len(W))
    columns = [(function(W + d) - function(W - d)) / (2 * step) for d in e]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_rows_that_are_left_out_spoil_nothing(function: Function) -> None:
    with np.errstate(all="ignore"):
        expected = slopes(lambda w: function(w, X, OK), 1e-6)
        found = differentiate(function).grad(W, X, OK)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.every(5)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives_of_the_rows_that_are_left(function: Function) -> None:
    f = differentiate(function)
    with np.errstate(all="ignore"):
        expected = slopes(lambda w: f.grad(w, X, OK), 1e-5)
        found = f.hessian(W, X, OK)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def picked(w: Any, A: Any, B: Any) -> Any:
    """Both factors have gradients, of places that repeat and of a slice of another axis."""
    C = np.einsum("ij,jk->ki", A, B * w)
    return C[PLACES % 3, COLUMNS] * np.sum(C[1:, ::-2])


def test_both_modes_agree_at_places() -> None:
    rng = np.random.default_rng(3)
    primals = rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    tangents = rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    result, pull = vjp(picked, *primals)
    g = rng.normal(size=result.shape)
    _, along = jvp(picked, primals, tangents)
    back = sum(np.sum(np.asarray(c) * t) for c, t in zip(pull(g), tangents, strict=True))
    np.testing.assert_allclose(np.sum(g * along), back, rtol=1e-12)


def at_elements(w: Any, X: Any, i: Any, j: Any) -> Any:
    return np.sum((X @ np.outer(w, np.sin(w)))[i, j] ** 2)


@pytest.mark.parametrize("places", [(7, 0), (0, 3), (-7, 2), (5, -4)])
def test_an_index_out_of_range_is_told_with_its_axis(places: tuple[int, int]) -> None:
    """The derivative looks at one of the indices first, in an array that has only its axis."""
    at = [np.array([0, p]) for p in places]
    X = np.ones((6, 3))
    with pytest.raises(IndexError, match=r"out of bounds for axis (\d)") as expected:
        at_elements(W, X, *at)
    axis = str(expected.value).split(" with size")[0][-6:]
    with pytest.raises(IndexError, match=f"line 2: index is out of bounds for {axis}"):
        differentiate(at_elements).grad(W, X, *at)
