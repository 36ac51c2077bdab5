"""Early returns of arrays whose sizes are equal by the arguments alone: one value, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import UnsupportedSyntax
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import plain_value, reference

ANY = np.random.default_rng(5)


def one_after_another(x, y):
    if x[0] > 1.0:
        return np.sin(x)
    if y[0] > 1.0:
        return x * 2.0
    return y * 3.0


def inside_a_branch(x, y):
    z = y * 2.0
    if x[0] > 1.0:
        return np.sin(x)
    if y[0] > 1.0:
        z = y * 3.0
        if y[1] > 1.0:
            return np.sin(x) * 2.0
    return z


def out_of_a_loop(x, y):
    for i in range(3):
        if x[i] > 1.0:
            return np.sin(x)
        if y[i] > 1.0:
            return y * 2.0
    return y * 3.0


def always_out_of_a_loop(x, y):
    for i in range(3):
        if x[i] < 1.0:
            if y[0] > 1.0:
                return x * 1.0
            return y * 2.0
    return x


def out_of_while(x, y):
    k = 0
    while k < 4:
        if x[k] > 1.0:
            return np.sin(x)
        if k > 1 and y[k] > 1.0:
            return y * 2.0
        k += 1
    return y * 3.0


def in_pairs(x, y):
    if x[0] > 1.0:
        return x, 1.0
    if y[0] > 1.0:
        return y, 2.0
    return y * 2.0, 3.0


def helped(x, y):
    return one_after_another(x, y) + inside_a_branch(x, y)


FUNCTIONS = (
    one_after_another, inside_a_branch, out_of_a_loop, always_out_of_a_loop, out_of_while,
    in_pairs, helped,
)  # fmt: skip


@pytest.mark.every(2)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_value_is_that_of_the_way_taken(function: Any) -> None:
    """Large and small numbers at each place that is asked: every way out."""
    for bits in range(16):
        x, y = ANY.uniform(0.2, 0.8, 6), ANY.uniform(0.2, 0.8, 6)
        for place, bit in ((x[:1], 1), (y[:1], 2), (y[1:2], 4), (y[2:3], 8)):
            place += 2.0 * bool(bits & bit)
        case = Case(function, lambda n, rng, args=(x, y): args, ("x",))
        found = reference(case, (x, y), "value")
        wanted = plain_value(case, (x, y))
        for one, two in zip(found, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-14)


def number_between_arrays(x, y):
    if x[0] > 1.0:
        return x
    if y[0] > 1.0:
        return x.sum()
    return y * 2.0


def number_in_a_loop(x, y):
    for i in range(3):
        if x[i] > 1.0:
            return np.sin(x)
        if y[i] > 1.0:
            return y.sum()
    return y * 3.0


@pytest.mark.parametrize("function", [number_between_arrays, number_in_a_loop])
def test_results_of_several_shapes_are_refused(function: Any) -> None:
    with pytest.raises(UnsupportedSyntax, match=r"What is returned is f8.* on one path and f8"):
        differentiate(function).value(np.ones(6), np.ones(6))


def test_sizes_that_differ_are_told() -> None:
    with pytest.raises(ValueError, match=r"6 == y\.shape\[0\]"):
        differentiate(one_after_another).value(np.zeros(6), np.zeros(5))
