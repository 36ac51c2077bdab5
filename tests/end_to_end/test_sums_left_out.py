"""Running sums and products of which only the first elements are looked at.

The last three of `X` have no finite slope under the logarithm, or are NaN there. What comes before
has its own slope, and these have derivative 0: in first derivatives, and in second ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

Function = Callable[[Any], Any]

W = np.array([0.3, -0.4, 0.5, 0.2, 0.7, -0.1, 0.6])
X = np.array([1.3, 0.7, 2.1, 1.9, 0.0, -1.0, np.inf])
FIRST = 4


def up_to(x: Any) -> Any:
    return np.sum(np.cumsum(np.log(x))[:4] ** 2)


def elements(x: Any) -> Any:
    c = np.cumsum(np.log(x))
    return c[3] * c[1] + c[2] ** 2


def backwards(x: Any) -> Any:
    return np.cumsum(np.log(x))[3::-1] @ W[:4]


def every_second(x: Any) -> Any:
    return np.sum(np.cumsum(np.log(x))[:4:2] ** 2) + np.cumsum(np.log(x))[3]


def at_places(x: Any) -> Any:
    return np.sum(np.cumsum(np.log(x))[[0, 3, 1, 1]] ** 2)


def under_a_mask(x: Any) -> Any:
    return np.sum(np.cumsum(np.log(x))[np.arange(len(x)) < 4] ** 2)


def finite_alone(x: Any) -> Any:
    c = np.cumsum(np.log(x))
    return np.sum(c[np.isfinite(c)] ** 2)


def replaced(x: Any) -> Any:
    c = np.cumsum(np.log(x))
    c[4:] = 0.5
    return np.sum(c**2)


def in_a_loop(x: Any) -> Any:
    c, s = np.cumsum(np.log(x)), 0.0
    for i in range(len(x)):
        if i < 4:
            s += c[i] ** 2
    return s


def twice(x: Any) -> Any:
    return np.cumsum(np.cumsum(np.log(x)))[:4].prod()


def of_rows(x: Any) -> Any:
    return np.sum(np.cumsum(np.log(x)[:, None] * W[:2], axis=0)[:4] ** 2)


def of_columns(x: Any) -> Any:
    return np.sum(np.cumsum(np.log(x)[:, None] * W[:2], axis=1)[:4] ** 2)


def differences(x: Any) -> Any:
    return np.sum(np.diff(np.cumsum(np.log(x)))[:3] ** 2)


def product_up_to(x: Any) -> Any:
    return np.sum(np.cumprod(np.log(x) + 2)[:4] ** 2)


def elements_of_a_product(x: Any) -> Any:
    c = np.cumprod(np.log(x) + 2)
    return c[3] * c[1] + c[2] ** 2


def product_at_places(x: Any) -> Any:
    return np.sum(np.cumprod(np.log(x) + 2)[[0, 3, 1, 1]] ** 2)


def product_under_a_mask(x: Any) -> Any:
    return np.sum(np.cumprod(np.log(x) + 2)[np.arange(len(x)) < 4] ** 2)


def product_where(x: Any) -> Any:
    c = np.cumprod(np.log(x) + 2)
    return np.sum(np.where(np.arange(len(x)) < 4, c**2, 1.0))


def products_of_lines(x: Any) -> Any:
    inside = np.arange(len(x)) < np.array([[4], [2], [0]])
    c = np.cumprod(np.array([[1.0], [2.0], [3.0]]) * np.log(x) + 2, axis=1)
    return np.sum(np.where(inside, c**2, 0))


def products_across_lines(x: Any) -> Any:
    return np.sum(np.cumprod(W[:3][:, None] * np.log(x) + 2, axis=0)[1, :4] ** 2)


def sum_of_products(x: Any) -> Any:
    return np.cumsum(np.cumprod(np.log(x) + 2))[:4].prod()


def in_each_trip(x: Any) -> Any:
    s = 0.0
    for k in range(3):
        c = np.cumprod(np.log(x) + (k + 1))
        s += np.sum(c[:4] ** 2)
    return s


FUNCTIONS = [
    up_to, product_up_to, elements, elements_of_a_product, at_places, product_at_places,
    under_a_mask, product_under_a_mask, finite_alone, product_where, backwards, every_second,
    replaced, in_a_loop, twice, of_rows, of_columns, differences, products_of_lines,
    products_across_lines, sum_of_products, in_each_trip,
]  # fmt: skip


def slopes(function: Function, step: float) -> Any:
    """Differences in the elements that count; zero in the others."""
    columns = [np.zeros_like(np.asarray(function(X))) for _ in X]
    for k in range(FIRST):
        e = step * (np.arange(len(X)) == k)
        moved = np.where(np.arange(len(X)) == k, X + e, X), np.where(e > 0, X - e, X)
        columns[k] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return np.stack(columns, axis=-1)


@pytest.mark.every(4)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_comes_later_has_no_slope(function: Function) -> None:
    with np.errstate(all="ignore"):
        found = differentiate(function).grad(X)
        np.testing.assert_allclose(found, slopes(function, 1e-6), rtol=1e-7, atol=1e-8)


@pytest.mark.every(11)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_second_derivatives(function: Function) -> None:
    f = differentiate(function)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(f.hessian(X), slopes(f.grad, 1e-5), rtol=1e-6, atol=1e-6)


def picked(x: Any, mask: Any) -> Any:
    return np.sum(np.cumprod(x)[mask] ** 2) + np.sum(np.cumsum(x)[mask] ** 2)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_nothing_is_picked(count: int) -> None:
    found = differentiate(picked, wrt="x").grad(W[:count], np.zeros(count, dtype=bool))
    np.testing.assert_array_equal(found, np.zeros(count))


def last(x: Any) -> Any:
    return np.cumsum(np.exp(x))[-1] + np.diff(np.cumsum(x**2)).prod()


def test_all_elements_count_to_the_last() -> None:
    text = differentiate(last).source(W)
    assert "if " not in text
    assert "where" not in text
