"""What inner functions bind after the function around them has returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.errors import UnsupportedSyntax
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, numeric_gradients, plain_value

X = np.array([0.3, 1.7, -0.4, 2.2, 1.0])


def _two_levels() -> Any:
    a = 1.0

    def middle() -> Any:
        b = 2.0

        def inner(v: Any) -> Any:
            nonlocal a, b
            a *= v
            b += a
            return a * b

        return inner

    return middle


def two_levels(x: Any) -> Any:
    middle = _two_levels()
    one, other = middle(), middle()
    total = 0.0
    for v in x:
        total += one(v) + other(v * 0.5)
    return total


def made_in_each_trip(x: Any) -> Any:
    total = 0.0
    for v in x:
        one = _two_levels()()
        one(v)
        total += one(v) ** 2
    return total


def _last_two() -> Any:
    held = np.zeros(2)

    def push(v: Any) -> Any:
        nonlocal held
        held = np.array([held[1], v])
        return held

    return push


def arrays(x: Any) -> Any:
    push = _last_two()
    total = 0.0
    for v in x:
        found = push(v)
        total += found[0] * found[1]
    return total


def _products() -> Any:
    last = 1.0

    def times(v: Any) -> Any:
        nonlocal last
        items = [last * w for w in (v, v)]
        last = v
        return sum(items)

    return times


def early_return(x: Any) -> Any:
    times = _products()
    for v in x:
        if v > 2:
            return times(v)
        times(v)
    return times(x[0]) * 3


def in_a_comprehension(x: Any) -> Any:
    times = _products()
    return sum([times(v) for v in x])


def _deeper() -> Any:
    count = 0

    def call(n: int, v: Any) -> Any:
        nonlocal count
        count += 1
        return v if n == 0 else call(n - 1, v * count)

    return call


def recursive(x: Any) -> Any:
    call = _deeper()
    return call(3, x[0]) + call(2, x[1])


def _without_a_value() -> Any:
    def put(v: Any) -> None:
        nonlocal held
        held = v

    def get() -> Any:
        return held

    if X is None:
        held = 1.0
    return put, get


def bound_later(x: Any) -> Any:
    put, get = _without_a_value()
    for v in x:
        put(v)
    return get() ** 2


def never_bound(x: Any) -> Any:
    _, get = _without_a_value()
    return get() * x[0]


def bound_for_the_first_time(x: Any) -> Any:
    def put(v: Any) -> None:
        nonlocal held
        held = v

    put(x[0] * 2)
    before = held  # noqa: F821
    held = 3.0
    return held * before * x[1]


FUNCTIONS = (
    two_levels, made_in_each_trip, arrays, early_return, in_a_comprehension, recursive, bound_later,
    bound_for_the_first_time,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_nonlocals(function: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    case = Case(function, lambda n, rng: (X,))
    value, gradient = interpreted(case, (X,))(X)
    assert_close(value, plain_value(case, (X,)), rtol=1e-12, what="value")
    (numeric,) = numeric_gradients(case, (X,))
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")


def test_a_name_that_nothing_has_bound() -> None:
    case = Case(never_bound, lambda n, rng: (X,))
    with pytest.raises(UnsupportedSyntax, match="`held` is read before it has a value"):
        interpreted(case, (X,))
