"""Names that functions share over several levels: the innermost one binds the outermost one's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, numeric_gradients, plain_value

X = np.array([1.5, -2.0, 0.5])


def two_deep(x: Any) -> Any:
    a = x[0]

    def inner(v: Any) -> Any:
        nonlocal a
        a = a * v

        def deep(w: Any) -> Any:
            nonlocal a
            a = a + w
            return a

        return deep(v)

    return inner(x[1]) + inner(x[2]) * inner(x[0]) + a


def changed_by_another(x: Any) -> Any:
    a = x[0]

    def bump(v: Any) -> None:
        nonlocal a
        a = a + v * v

    def inner(v: Any) -> Any:
        nonlocal a
        a = a * v

        def deep() -> Any:
            bump(v)
            return a

        r = deep()
        return r + a * sum(a * q for q in (1.0, 2.0))

    return inner(x[1]) + inner(x[2]) * inner(x[0]) + a


def read_after_the_call(x: Any) -> Any:
    a = x[0]

    def bump(v: Any) -> None:
        nonlocal a
        a = a + v * v

    def inner(v: Any) -> Any:
        nonlocal a
        a = a * v
        return lambda: a

    get = inner(x[1])
    bump(x[2])
    r = get()
    bump(1.0)
    return r * get() + a


def returned_from_two_levels(x: Any) -> Any:
    def outer() -> Any:
        a = x[0]

        def inner(v: Any) -> Any:
            nonlocal a
            a = a * v

            def deep(w: Any) -> Any:
                nonlocal a
                a = a + w
                return a

            return deep

        def get() -> Any:
            return a

        return inner, get

    change, get = outer()
    one = change(x[1])
    r = one(x[2]) + get()
    other = change(x[0])
    return r + other(1.0) * one(x[2]) + get()


FUNCTIONS = [two_deep, changed_by_another, read_after_the_call, returned_from_two_levels]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_names_of_several_levels(function: Callable[[Any], Any]) -> None:
    case = Case(function, lambda n, rng: (X,))
    value, gradient = interpreted(case, (X,))(X)
    assert_close(value, plain_value(case, (X,)), rtol=1e-13, what="value")
    assert_close(gradient, numeric_gradients(case, (X,))[0], rtol=2e-6, what="gradient")
