"""The least of integers and places of the largest, along rows with columns of run time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted


def least(x, A, B):
    return np.sum(np.sin(x)) * np.sum(np.sin(0.1 * B.min(axis=0)))


def places(x, A, B):
    first = np.argmax(A, axis=0) - 2.0 * np.argmin(A, axis=0)
    return np.sum(np.sin(x)) * np.sum(np.sin(0.1 * first * A[0]))


def in_steps(x, A, B):
    total = np.sum(np.sin(x))
    for k in range(3):
        total = np.sin(total) + 0.1 * np.sum(np.cos((B + k).min(axis=0) * 0.1))
        total = total + 0.01 * np.sum(np.argmax(A * total, axis=0) * A[k])
    return total


def arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(4)
    return rng.normal(size=65), rng.normal(size=(65, 5)), rng.integers(-9, 50, (65, 5))


@pytest.mark.parametrize("function", [least, places, in_steps])
def test_values_and_gradients(function: Any) -> None:
    args = arguments()
    value, gradient = interpreted(Case(function, lambda n, rng: args, ("x",)), args)(*args)
    assert_close(value, function(*args), rtol=1e-12, what="value")
    h = 1e-6 * np.eye(65)[7]
    x, *rest = args
    slope = (function(x + h, *rest) - function(x - h, *rest)) / 2e-6
    np.testing.assert_allclose(np.ravel(gradient)[7], slope, rtol=1e-6, atol=1e-7)


def test_compiled() -> None:
    args = arguments()

    def all_of_them(x, A, B):
        return least(x, A, B) + places(x, A, B) + in_steps(x, A, B)

    value, _ = differentiate(all_of_them, wrt=("x",)).value_and_grad(*args)
    assert_close(value, all_of_them(*args), rtol=1e-12, what="value")
