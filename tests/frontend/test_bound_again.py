"""A name with a value before a loop, which the loop gives another one, of another shape or type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument, UnsupportedSyntax


def table(v: Any, m: Any, steps: int) -> Any:
    """Sizes that a call may have alike."""
    found = np.outer(m, m * 2.0)
    for _ in range(steps):
        found = np.sin(v * m)
    return np.sum(found * found)


def total(v: Any, m: Any, steps: int) -> Any:
    """A number, and an array from the first iteration on."""
    found = m[0] * 0.1
    for _ in range(steps):
        found = v * m[0]
    return np.sum(found)


def rows(v: Any, m: Any, steps: int) -> Any:
    """What is no array of its shape for any call."""
    found = m * 2.0
    for _ in range(steps):
        found = v * m
    return np.sum(found)


SIZE = 9  # more than are constants of a kernel
V, M = np.cos(np.arange(SIZE**2)).reshape(SIZE, SIZE), 0.7 + 0.1 * np.arange(SIZE)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_sizes_are_taken_to_be_equal(steps: int):
    value, (of_v, of_m) = differentiate(table, wrt=("v", "m")).value_and_grad(V, M, steps)
    assert value == pytest.approx(table(V, M, steps), rel=1e-12)
    slope = np.imag(table(V + 1e-30j, M, steps)) / 1e-30
    assert np.sum(of_v) == pytest.approx(slope, rel=1e-12)
    slope = np.imag(table(V, M + 1e-30j, steps)) / 1e-30
    assert np.sum(of_m) == pytest.approx(slope, rel=1e-12)


def test_sizes_that_differ_are_named():
    with pytest.raises(InvalidArgument, match="found in every iteration needs"):
        differentiate(table, wrt="m").value_and_grad(np.ones((3, SIZE)), M, 2)


def test_the_first_iteration_is_by_itself():
    derivatives = differentiate(total, wrt=("v", "m"))
    value, (of_v, of_m) = derivatives.value_and_grad(V, M, 2)
    assert value == pytest.approx(total(V, M, 2), rel=1e-12)
    np.testing.assert_allclose(of_v, np.full((SIZE, SIZE), 0.7))
    np.testing.assert_allclose(of_m, [np.sum(V), *[0.0] * (SIZE - 1)])
    with pytest.raises(ValueError, match="has to run at least once"):
        derivatives.value_and_grad(V, M, 0)


def test_the_refusal_says_what_differs():
    with pytest.raises(UnsupportedSyntax, match=r"`found` is f8\[\w+\] before an iteration"):
        differentiate(rows, wrt="m").value_and_grad(V, M, 2)
