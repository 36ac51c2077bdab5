"""Lists that grow with the data, and shared ones: value and gradient, without compiling."""

from __future__ import annotations

from inspect import isgeneratorfunction
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import UnsupportedSyntax
from tests.end_to_end import filled_lists, generators, lists, shared_lists
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, numeric_gradients, plain_value

FUNCTIONS = [
    f
    for m in (lists, filled_lists, generators)
    for f in vars(m).values()
    if isinstance(f, FunctionType) and f.__module__ == m.__name__ and not isgeneratorfunction(f)
]
SHARED = [f for f in vars(shared_lists).values() if isinstance(f, FunctionType)]


@pytest.mark.parametrize("size", [5, 20])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_lists(function: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    args = (np.linspace(0.21, 1.13, size),)
    case = Case(function, lambda n, rng: args)
    value, gradient = interpreted(case, args)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-11, what="value")
    (numeric,) = numeric_gradients(case, args)
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")


@pytest.mark.parametrize("size", [5, 20])
@pytest.mark.parametrize("function", SHARED, ids=lambda f: f.__name__)
def test_shared_lists(function: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if function in shared_lists.RIGHT or (size == 5 and function not in shared_lists.REFUSED):
        test_lists(function, size, monkeypatch)
        return
    case = Case(function, lambda n, rng: (np.linspace(0.21, 1.13, size),))
    with pytest.raises(UnsupportedSyntax, match=r"sees? this|is a copy here"):
        interpreted(case, case.at(size))


def test_second_derivative_of_a_recurrence() -> None:
    x = np.linspace(0.3, 0.9, 20)
    f = differentiate(lists.recurrence)
    hessian, step = f.hessian(x), 1e-6
    for k in (0, 7, 19):
        at = np.eye(20)[k] * step
        column = (f.grad(x + at) - f.grad(x - at)) / (2 * step)
        np.testing.assert_allclose(hessian[k], column, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("function", [filled_lists.kept, filled_lists.stack, filled_lists.rows])
def test_second_derivative_of_what_is_kept(function: Any) -> None:
    x = np.linspace(0.21, 1.13, 20)
    f = differentiate(lambda v: function(np.sin(v)))
    hessian, step = f.hessian(x), 1e-6
    for k in (3, 12, 19):
        at = np.eye(20)[k] * step
        column = (f.grad(x + at) - f.grad(x - at)) / (2 * step)
        np.testing.assert_allclose(hessian[k], column, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(f.jvp(x, tangent=x)[1], f.grad(x) @ x, rtol=1e-12)


def test_what_a_list_does_not_hold_is_an_error() -> None:
    def last(x: Any) -> Any:
        found = []
        for v in x:
            if v > 1:
                found.append(v)
        return found[-1]

    def taken(x: Any) -> Any:
        found = []
        for v in x:
            if v > 1:
                found.append(v)
        return found.pop()

    for function, message in ((last, "list index out of range"), (taken, "pop from empty list")):
        f = differentiate(function)
        assert f.value_and_grad(np.array([0.5, 3.0, 0.2]))[0] == 3.0
        with pytest.raises(IndexError, match=message):
            f.grad(np.full(3, 0.5))


def test_the_truth_of_a_list_of_unknown_length() -> None:
    def chosen(x: Any) -> Any:
        found = [v for v in x if v > 1]
        return (x[0] if found else x[1]) + (2.0 if not found else 3.0)

    f = differentiate(chosen)
    for x in (np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2, 1.3])):
        assert f.value(x) == chosen(x)
        assert f.grad(x).tolist() == [float(x[2] > 1), float(x[2] < 1), 0.0]


def test_a_position_that_is_not_there_yet_is_an_index_error() -> None:
    def ahead(x: Any) -> Any:
        u = [x[0]]
        for i in range(len(x)):
            u.append(u[i + int(x[i])] * 2)
        return u[-1]

    x = np.zeros(20)
    x[0] = 0.5
    f = differentiate(ahead)
    assert f.value_and_grad(x)[0] == ahead(x)
    x[4] = 1.0
    with pytest.raises(IndexError, match="list index out of range"):
        ahead(x)
    with pytest.raises(IndexError, match="list index out of range"):
        f.grad(x)


def test_no_items() -> None:
    def total(x: Any, y: Any) -> Any:
        return sum([v * v for v in y]) * x[0] + np.sum(np.array([v * 2 for v in y]))

    f = differentiate(total, wrt=("x",))
    x = np.ones(1)
    assert f.value_and_grad(x, np.ones(20)) == (60.0, [20.0])
    assert f.value_and_grad(x, np.ones(2)) == (6.0, [2.0])
