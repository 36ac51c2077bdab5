"""What does not count has derivative 0, whatever its slope is and however it is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, vjp
from tests.end_to_end import left_out

Function = Callable[[Any], Any]

X = np.array([0.0, 4.0, -1.0, 9.0, 1.0])
FIRST = np.array([0.0, 4.0, 9.0, 1.0])
LAST = np.array([0.0, 4.0, 1.0, 9.0])
POINTS = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])


def repeated(x: Any) -> Any:
    """More elements than are written out one by one."""
    return np.concatenate([x, np.tile(x[1:], 5)])


def slopes(x: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where(x > 0, 0.5 / np.sqrt(x), 0.0)


CASES = [
    *((f, X) for f in left_out.BY_CONDITION),
    *((f, FIRST) for f in left_out.FROM_THE_SECOND),
]


@pytest.mark.every(5)
@pytest.mark.parametrize("kind", ["short", "long", "single"])
@pytest.mark.parametrize(("function", "at"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_elements(function: Function, at: Any, kind: str) -> None:
    dtype = "f4" if kind == "single" else "f8"
    x = (at if kind == "short" else repeated(at)).astype(dtype)
    with np.errstate(all="ignore"):
        found = differentiate(function).grad(x)
    rtol = 1e-12 if dtype == "f8" else 2e-6
    np.testing.assert_allclose(found, slopes(x), rtol=rtol, atol=0)


@pytest.mark.parametrize("function", left_out.LARGEST, ids=lambda f: f.__name__)
def test_of_the_largest(function: Function) -> None:
    for x in (LAST, np.concatenate([np.tile(LAST[:-1], 7), LAST])):
        expected = slopes(x) * (np.arange(len(x)) == len(x) - 1)
        np.testing.assert_allclose(differentiate(function).grad(x), expected, rtol=1e-12)


@pytest.mark.parametrize("function", left_out.PAIRS, ids=lambda f: f.__name__)
def test_of_pairs(function: Function) -> None:
    for points in (POINTS, np.concatenate([POINTS, 10.0 + POINTS**2, -POINTS[1:]])):
        steps = points[:, None] - points[None, :]
        lengths = np.sqrt((steps**2).sum(-1)) + np.eye(len(points))
        expected = (2 * steps / lengths[..., None]).sum(1)
        found = differentiate(function).grad(points)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("function", left_out.LENGTHS, ids=lambda f: f.__name__)
def test_of_rows(function: Function) -> None:
    for rows in (POINTS, np.concatenate([POINTS, np.tile(POINTS[1:], (8, 1))])):
        lengths = np.sqrt((rows**2).sum(-1))[:, None]
        expected = rows / np.where(lengths > 0, lengths, 1)
        np.testing.assert_allclose(differentiate(function).grad(rows), expected, rtol=1e-12)


SECOND = [
    left_out.by_mask, left_out.by_masked_store, left_out.by_loop, left_out.by_store_in_loop,
    left_out.by_value_in_loop, left_out.by_sum_where, left_out.on_the_way,
]  # fmt: skip


@pytest.mark.parametrize("function", SECOND, ids=lambda f: f.__name__)
def test_second_derivatives(function: Function) -> None:
    for x in (X, repeated(X)):
        with np.errstate(all="ignore"):
            expected = np.diag(np.where(x > 0, -0.25 * np.abs(x) ** -1.5, 0.0))
        found = differentiate(function).hessian(x)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=0)


def picked(x: Any) -> Any:
    return np.sqrt(x)[x > 0] * np.array([1.0, 2.0, 3.0])


def test_of_several_results() -> None:
    _, pullback = vjp(picked, X)
    (found,) = pullback(np.array([1.0, 10.0, 100.0]))
    weights = np.array([0.0, 1.0, 0.0, 20.0, 300.0])
    np.testing.assert_allclose(found, weights * slopes(X), rtol=1e-12)
    for mode in ("forward", "reverse"):
        rows = differentiate(from_the_end).jacobian(FIRST, mode=mode)  # type: ignore[arg-type]
        expected = np.diag(slopes(FIRST))[:0:-1]
        np.testing.assert_allclose(rows, expected, rtol=1e-12)


def from_the_end(x: Any) -> Any:
    return np.sqrt(x)[:0:-1]


def squares_at_zero(x: Any) -> Any:
    r = np.sqrt(x)[x >= 0]
    return (r**2).sum()


def test_a_picked_element_counts() -> None:
    """At 0 the product of a cotangent 0 and an infinite slope is not taken for 0: 1 would be."""
    found = differentiate(squares_at_zero).grad(X)
    np.testing.assert_array_equal(np.isnan(found), [True, False, False, False, False])
    np.testing.assert_allclose(found[1:], [1.0, 0.0, 1.0, 1.0], rtol=1e-12)


def residuals(w: Any, t: Any, y: Any) -> Any:
    r = w[0] * t + np.sin(w[1] * t) - y
    r = r[np.isfinite(r)]
    return (r**2).sum()


def test_data_that_are_missing() -> None:
    w = np.array([0.5, 2.0])
    t = np.array([0.1, np.nan, 0.3, 0.7, np.inf])
    y = np.array([1.0, 2.0, np.nan, 3.0, 1.0])
    with np.errstate(all="ignore"):
        found = differentiate(residuals).grad(w, t, y)
    kept = [0, 3]
    expected = differentiate(residuals).grad(w, t[kept], y[kept])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
