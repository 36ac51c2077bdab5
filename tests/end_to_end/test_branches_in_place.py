"""Arrays that a branch changes in part stay in their memory: no side copies the whole array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.testing import check_grad

RANDOM = np.random.default_rng(31)
A = 0.6 * RANDOM.normal(size=7)
X = 1.2 * np.array([0.9, -0.4, -1.5, 1.3, 0.2, -0.8, -1.1])


def gathered(u: Any, k: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            for j in range(3):
                total += u[k[i], j] ** 2 * x[i]
        elif x[i] < -1:
            total += u[k[i], 0]
    return total


def places_in_turn(a: Any, x: Any) -> Any:
    b = np.zeros_like(a)
    for i in range(len(x)):
        if x[i] > 0:
            b[i] += a[i] ** 2
        else:
            b[i - 1] -= a[i] * x[i]
    return np.sum(np.sin(b))


def exchanged(a: Any, x: Any) -> Any:
    b = a * 2.0
    c = a * 3.0
    for i in range(len(x)):
        if x[i] > 0:
            b[i] = c[i] * x[i]
            c[i] = b[i] + c[0]
        elif x[i] < -1:
            b, c = c, b
            c[i] += b[i] * x[i]
        else:
            c[0] = x[i] * a[i]
    return np.sum(b**2) + np.sum(c**3)


def old_and_new(a: Any, x: Any) -> Any:
    b = a * 2.0
    total = 0.0
    for i in range(len(x)):
        c = b
        if x[i] > 0:
            b = b.copy()
            b[1:] = b[:-1] * x[i]
            total += c[i] * b[i]
        total += np.sum(c * b)
    return total


@pytest.mark.parametrize("function", [exchanged, old_and_new])
def test_what_reads_the_old_array_reads_the_old_array(function: Any) -> None:
    value, _ = differentiate(function).value_and_grad(A, X)
    assert value == pytest.approx(function(A.copy(), X), rel=1e-13)
    check_grad(function, A, X)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (gathered, (RANDOM.normal(size=(50, 3)), RANDOM.integers(-50, 50, 34), 2 * X.repeat(4))),
        (places_in_turn, (RANDOM.normal(size=40), RANDOM.normal(size=30))),
    ],
)
def test_a_row_costs_what_it_changes(function: Any, arguments: tuple[Any, ...]) -> None:
    plan = differentiate(function).explain(*arguments).plan
    inside_of_loops = [line.strip() for line in str(plan).splitlines() if line.startswith("    ")]
    assert not [line for line in inside_of_loops if line.startswith("copy")]
    check_grad(function, *arguments)
