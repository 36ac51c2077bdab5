"""How many passes a kernel makes over its data: plans, and text that runs uncompiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.plan.kernel import Allocate, CheckRange, For, If, Kernel, Statement, Tiles, walk
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted

RNG = np.random.default_rng(9)


def plan_of(function: Any, *args: Any) -> tuple[Kernel, str]:
    found = differentiate(function)
    form = found.kernels.binder.form(found.kernels.binder.bind(args, {}))
    stages = build.run(function, form, "value_and_grad", found.options, found.wrt)
    return stages.kernel, stages.text


def run(function: Any, *args: Any) -> Any:
    return interpreted(Case(function, lambda n, rng: args), args)(*args)


def depth(statements: list[Statement]) -> int:
    """How deep loops stand in each other; tiles and the loops over their rows are one."""
    inside = [1 + depth(s.body) for s in statements if isinstance(s, For)]
    inside += [depth(s.body) for s in statements if isinstance(s, Tiles)]
    return max(inside, default=0)


def squares(p, x, y):
    s = 0.0
    for i in range(len(x)):
        r = y[i] - p * np.exp(x[i])
        s += r * r
    return s


def guarded(p, x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            s += np.log(x[i]) * p + y[i]
    return s


def averaged(p, x):
    """The sum is read on the way, so that its order counts."""
    s, t = 0.0, 0.0
    for i in range(len(x)):
        s += p * np.exp(x[i])
        t = 0.5 * t + s
    return t


def labelled(W, X, labels):
    Z = X @ W
    logs = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(labels)), labels].mean()


X, Y = RNG.normal(size=6), RNG.normal(size=8)


def test_a_sum_in_a_loop_takes_one_pass_that_vectorises() -> None:
    kernel, text = plan_of(squares, 0.3, X, Y)
    (loop,) = (s for s in walk(kernel.body) if isinstance(s, For))
    assert not loop.carried
    assert "vector_exp(" in text
    assert "value = plus(value, r * r)" in text


def test_a_sum_that_is_read_keeps_its_order() -> None:
    kernel, text = plan_of(averaged, 0.3, X)
    assert all(s.carried for s in walk(kernel.body) if isinstance(s, For))
    assert "plus" not in text
    assert "vector_exp" not in text


def test_indices_are_checked_before_a_loop_where_every_trip_uses_them() -> None:
    kernel, _ = plan_of(squares, 0.3, X, Y)
    assert [s for s in kernel.body if isinstance(s, CheckRange)]
    with pytest.raises(IndexError, match="line 4: index is out of bounds for axis 0"):
        run(squares, 0.3, Y, X)


def test_indices_are_checked_where_they_are_used_in_a_branch() -> None:
    kernel, _ = plan_of(guarded, 0.3, Y, X)
    assert not [s for s in walk(kernel.body) if isinstance(s, CheckRange)]
    longer = np.concatenate((np.abs(X), [-1.0, -2.0]))
    value, gradient = run(guarded, 0.3, longer, X)
    np.testing.assert_allclose(value, guarded(0.3, longer, X), rtol=1e-13)
    np.testing.assert_allclose(gradient, np.sum(np.log(np.abs(X))), rtol=1e-13)
    with pytest.raises(IndexError):
        run(guarded, 0.3, -longer, X)


@pytest.mark.parametrize("function", [squares, guarded])
def test_no_data(function: Any) -> None:
    value, gradient = run(function, 0.3, np.zeros(0), np.zeros(0))
    assert (value, gradient) == (0.0, 0.0)


def test_a_branch_that_only_adds_hands_nothing_on() -> None:
    kernel, _ = plan_of(guarded, 0.3, X, Y)
    (branch,) = (s for s in walk(kernel.body) if isinstance(s, If) and "log" in str(s.then))
    assert not branch.otherwise


def test_an_array_is_not_made_again_in_every_iteration() -> None:
    """The rows of `logs` are read at places that are not known to be rows: it is stored, once."""
    args = RNG.normal(size=(30, 40)), RNG.normal(size=(20, 30)), RNG.integers(0, 40, size=15)
    kernel, _ = plan_of(labelled, *args)
    assert depth(kernel.body) == 2
    np.testing.assert_allclose(run(labelled, *args)[0], labelled(*args), rtol=1e-12)


def rows(W, X):
    s = 0.0
    for i in range(X.shape[0]):
        s += np.log(np.exp(X[i] @ W).sum())
    return s


def test_a_small_array_is_added_to_in_place() -> None:
    args = RNG.normal(size=(3, 2)), RNG.normal(size=(5, 3))
    kernel, _ = plan_of(rows, *args)
    assert len([s for s in walk(kernel.body) if isinstance(s, Allocate)]) == 1
    value, gradient = run(rows, *args)
    np.testing.assert_allclose(value, rows(*args), rtol=1e-13)
    shares = np.exp(args[1] @ args[0])
    wanted = args[1].T @ (shares / shares.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(gradient, wanted, rtol=1e-12)
