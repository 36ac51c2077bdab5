"""Names with a value on some paths only, and None or a value: checked where they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import codegen_ad
from tests.frontend.uses import check_use

X = np.array([0.3, 1.2, 0.7, 2.0])


def found_before_break(x: Any, t: Any) -> Any:
    for i in range(len(x)):
        if x[i] > t:
            found = x[i] * i
            break
    else:
        raise ValueError("nothing is above the limit")
    return found**2


def from_the_iteration_before(x: Any, t: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        if i > 0:
            total += before * x[i] * t  # noqa: F821
        before = np.sin(x[i])  # noqa: F841
    return total


def from_a_while_loop(x: Any, t: Any) -> Any:
    k = 0
    while k < 10 and x[0] * k < t:
        y = x[1] ** k
        k += 1
    return y * x[2]


def least_so_far(x: Any, t: Any) -> Any:
    best = None
    for v in x:
        if best is None or v < best:
            best = v
    return best**2 * t


def least_by_elif(x: Any, t: Any) -> Any:
    best = None
    for v in x:
        if best is None:
            best = v
        elif v < best:
            best = v * t
    return best**2


def least_with_continue(x: Any, t: Any) -> Any:
    best = None
    for v in x:
        if best is not None and v > best:
            continue
        best = v * t
    return best**2


def a_tuple_or_none(x: Any, t: Any) -> Any:
    best = None
    for i in range(len(x)):
        if best is None or x[i] < best[1]:
            best = (i, x[i])
    place, value = best
    return value * x[place] * t


def an_array_or_none(x: Any, t: Any) -> Any:
    best = None
    for i in range(3):
        y = x * (i + t)
        if best is None or y.sum() > best.sum():
            best = y
    return (best**3).sum()


def _last_above(x: Any, t: Any) -> Any:
    last = None
    for v in x:
        if v > t:
            last = v
    return last


def returned_by_a_helper(x: Any, t: Any) -> Any:
    last = _last_above(x, t)
    if last is None:
        return x[0] ** 2 * t
    return last * x[1] ** 2


def or_else(x: Any, t: Any) -> Any:
    return (_last_above(x, t) or x[0] * t) ** 2


def conditional(x: Any, t: Any) -> Any:
    y = x[0] if x[1] > t else None
    return (x[2] * t if y is None else y) ** 2


def returned_early(x: Any, t: Any) -> Any:
    def first() -> Any:
        for v in x:
            if v > t:
                return v
        return None

    y = first()
    return x[0] * t if y == None else y**3  # noqa: E711


def none_is_an_error(x: Any, t: Any) -> Any:
    last = _last_above(x, t)
    if last is None:
        raise KeyError("nothing")
    return last**2


def none_fails_an_assertion(x: Any, t: Any) -> Any:
    last = _last_above(x, t)
    assert last is not None
    return last**2


def in_two_loops(x: Any, t: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            if x[j] > x[i] * t:
                hit = x[j]
                break
        else:
            continue
        total += hit * x[i]
    return total


def one_sided(x: Any, t: Any) -> Any:
    if x[0] > t:
        y = x[1] ** 2
    return y * x[0]


def used_as_a_number(x: Any, t: Any) -> Any:
    return _last_above(x, t) ** 2


def from_a_loop_that_may_not_run(x: Any, k: Any) -> Any:
    for i in range(k):
        y = x[i]
    return y * x[0]


FUNCTIONS = (
    found_before_break, from_the_iteration_before, from_a_while_loop, least_so_far, least_by_elif,
    least_with_continue, a_tuple_or_none, an_array_or_none, returned_by_a_helper, or_else,
    conditional, returned_early, none_is_an_error, none_fails_an_assertion, in_two_loops,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_derivatives(function: Any) -> None:
    check_use(function, x=X, t=0.5)
    check_use(function, x=X[::-1].copy(), t=1.1)


@pytest.mark.parametrize("function", [or_else, returned_by_a_helper, conditional, returned_early])
def test_where_there_is_none(function: Any) -> None:
    check_use(function, x=X, t=3.0)


@pytest.mark.parametrize(
    ("function", "t"),
    [
        (found_before_break, 5.0), (from_a_while_loop, 0.0), (none_is_an_error, 5.0),
        (none_fails_an_assertion, 5.0), (one_sided, 5.0), (used_as_a_number, 5.0),
        (from_a_loop_that_may_not_run, 0),
    ],
)  # fmt: skip
def test_the_exception_is_pythons(function: Any, t: Any) -> None:
    with pytest.raises(Exception) as wanted:  # noqa: PT011
        function(X, t)
    name = "k" if t == 0 and function is from_a_loop_that_may_not_run else "t"
    with pytest.raises(type(wanted.value)) as found:
        codegen_ad.differentiate(function, wrt="x").value(X, **{name: t})
    if not isinstance(found.value, TypeError | AssertionError):
        assert str(found.value) == str(wanted.value)
    assert "test_maybe.py" in found.value.__notes__[0]


def test_a_value_that_is_there() -> None:
    check_use(one_sided, x=X, t=0.1)
    check_use(used_as_a_number, x=X, t=0.1)
    check_use(from_a_loop_that_may_not_run, x=X, k=3)
