"""Rows, columns and elements that are picked: the others have derivative 0, and these their own.

At `x[0]` and `x[3]` the logarithm has no finite slope, and no function here looks at them. What is
asked of the others is what differences say, in first and second derivatives: zeros that reach one
element too many would show there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

Function = Callable[[Any], Any]

W = np.array([0.3, -0.4, 0.5, 0.2, 0.7, -0.1])
X = np.array([0.0, 2.0, 3.0, -1.0, 1.7, 0.6])
KEPT = (1, 2, 4, 5)


def first_row(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    return R[0, 1] * R[1, 2] + R[0, 2]


def first_row_of_columns(x: Any) -> Any:
    R = np.log(x.reshape(3, 2).T)
    return R[0, 1] * R[0, 2] + R[1, 2] ** 2


def first_row_times_a_row(x: Any) -> Any:
    R = np.log(x.reshape(2, 3)) * W[:3]
    return np.sum(R[0, 1:]) + R[1, 1] * R[1, 2]


def first_row_times_a_column(x: Any) -> Any:
    R = np.log(x.reshape(2, 3)) * W[:2][:, None]
    return np.sum(R[0, 1:] ** 2) + R[1, 1:].prod()


def of_one_row(x: Any) -> Any:
    R = np.log(x.reshape(1, 6))
    return np.sum(R[0, 1:3] ** 2) + np.sum(R[:, 4:])


def of_one_column(x: Any) -> Any:
    R = np.log(x.reshape(6, 1))
    return np.sum(R[1:3, 0] ** 2) + np.sum(R[4:])


def of_three_axes(x: Any) -> Any:
    R = np.log(x.reshape(2, 1, 3)) * np.ones((2, 2, 3))
    return R[0, 1, 1] * R[1, 0, 2] + R[0, :, 1].sum()


def elements_and_a_corner(x: Any) -> Any:
    R = np.log(x)[:, None] * W[None, :]
    return np.sum(R[[1, 2], [0, 3]]) + np.sum(R[4:, :2])


def rows_and_an_element(x: Any) -> Any:
    R = np.log(x)[:, None] * np.exp(W)[None, :]
    return np.sum(R[[1, 2], :] ** 2) + np.sum(R[4:, :2]) * R[1, 3]


def in_each_row(x: Any) -> Any:
    R = np.log(x) * np.exp(W)[:, None]
    return np.sum(R[2:4, 1:3] ** 2) + R[0, 4] * R[1, 5]


def columns_by_number(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    return np.sum(R[:, [1, 2, 2]] ** 2)


def by_numbers_of_two_axes(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    return np.sum(R[np.array([[0], [1]]), np.array([1, 2])] ** 2)


def transposed(x: Any) -> Any:
    S = np.log(x.reshape(2, 3)).T
    return np.sum(S[1:] ** 2 * W[:4].reshape(2, 2))


def turned(x: Any) -> Any:
    r = np.log(x)
    return np.sum(np.roll(r, 1)[2:4] ** 2) + r[::-1][0] * r[::-1][3]


def column_stored(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    R[:, 0] = W[:2]
    return np.sum(R**2)


def elements_stored(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    R[0, 0] = 2.0
    R[1, 0] = R[0, 1]
    return np.sum(R**2)


def triangle(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    return np.sum(np.triu(R, 1) ** 2) + R[1, 1]


def one_by_one(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    s = 0.0
    for i in range(2):
        for j in range(1, 3):
            s += R[i, j] ** 2
    return s


def row_by_row(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    s = 0.0
    for i in range(2):
        s += np.sum(R[i, 1:] * R[1 - i, 1:])
    return s


def into_rows(x: Any) -> Any:
    R = np.log(x.reshape(2, 3))
    y = np.zeros((2, 2))
    for i in range(2):
        y[i] = R[i, 1:]
    return np.sum(y**2)


def sums_of_columns(x: Any) -> Any:
    s = np.zeros(3)
    for row in np.log(x.reshape(2, 3)):
        s[1:] += row[1:]
    return np.sum(s[1:] ** 2)


def written_over(x: Any) -> Any:
    r = np.log(x)
    r[[0, 3]] = x[[1, 2]]
    return np.sum(r**2 * W)


FUNCTIONS = [
    first_row, first_row_of_columns, first_row_times_a_row, first_row_times_a_column, of_one_row,
    of_one_column, of_three_axes, elements_and_a_corner, rows_and_an_element, in_each_row,
    columns_by_number, by_numbers_of_two_axes, transposed, turned, column_stored, elements_stored,
    triangle, one_by_one, row_by_row, into_rows, sums_of_columns, written_over,
]  # fmt: skip


def slopes(function: Function, step: float) -> Any:
    """Differences in the elements that are looked at; zero in the others."""
    columns = [np.zeros_like(np.asarray(function(X))) for _ in X]
    for k in KEPT:
        e = step * (np.arange(len(X)) == k)
        columns[k] = (function(X + e) - function(X - e)) / (2 * step)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_is_picked_has_its_slope_and_nothing_else(function: Function) -> None:
    f = differentiate(function)
    with np.errstate(all="ignore"):
        expected = slopes(function, 1e-6)
        np.testing.assert_allclose(f.grad(X), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.every(5)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives_of_what_is_picked(function: Function) -> None:
    f = differentiate(function)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(f.hessian(X), slopes(f.grad, 1e-5), rtol=1e-6, atol=1e-7)


def but_the_last(x: Any) -> Any:
    K = np.exp(x[:, None] * x[None, :])
    return np.sum(np.sin(K)[:-1, :]) + np.sum(np.sqrt(K)[:, 1:] * K[:, :-1])


def every_second_behind_the_first(x: Any) -> Any:
    r = np.exp(x)[1:]
    i = np.flatnonzero(np.arange(len(r)) % 2 == 0)
    return np.sum(np.sin(r[np.arange(len(r)) % 2 == 0])) + np.sum(r[i] ** 2) + x[0]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("function", [but_the_last, every_second_behind_the_first])
def test_nothing_is_picked_of_a_short_array(function: Function, count: int) -> None:
    x = W[:count].copy()
    value, found = differentiate(function).value_and_grad(x)
    np.testing.assert_allclose(value, function(x), rtol=1e-13)
    steps = 1e-20j * np.eye(count)
    expected = [np.imag(function(x + step)) / 1e-20 for step in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def by_the_places_of_another(x: Any, other: Any) -> Any:
    r = np.exp(x)
    total = np.sum(r[np.flatnonzero(other > 0)] ** 2) + np.sum(r[x > 0])
    r[np.flatnonzero(other > 0)] = 0.5
    return total + np.sum(r**2)


def test_places_of_a_mask_of_another_size() -> None:
    f = differentiate(by_the_places_of_another, wrt="x")
    other = np.array([1.0, -1.0, 2.0])
    with np.errstate(all="ignore"):
        expected = np.exp(W) * (W > 0) + 2 * np.exp(2 * W)
        np.testing.assert_allclose(f.grad(W, other), expected, rtol=1e-12)
        curved = np.exp(W) * (W > 0) + 4 * np.exp(2 * W)
        found = f.hvp(W, other, np.ones(len(W)))
        np.testing.assert_allclose(found, curved, rtol=1e-11)
