"""Sparse Jacobians by what functions pick of their inputs, in few products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.build import program_of
from codegen_ad.derive.picked import opened, picked
from codegen_ad.sparsity.plans import Plan, planned
from tests.sparsity.test_sparse_jacobian import colours, same

rng = np.random.default_rng(4)


def plan_of(function: Any, *args: Any) -> Plan:
    """How the sparse Jacobian of a function would be computed."""
    kernels = function.kernels
    arguments = kernels.binder.bind(args, {})
    subject = program_of(
        function.__wrapped__, kernels.binder.form(arguments), function.options, kernels.binder.wrt
    )
    return planned(subject, args, forward=True, reverse=True)


def as_forward(function: Any, *args: Any, count: int, rtol: float = 1e-13) -> None:
    """Compare a sparse Jacobian in so many products by what is picked with that by columns."""
    by_columns = function.jacobian(*args, sparse=True, mode="forward")
    found = function.jacobian(*args, sparse=True)
    assert colours(function) == (count, False)
    assert plan_of(function, *args).is_picked
    several = isinstance(found, tuple)
    for a, b in zip(*(x if several else (x,) for x in (found, by_columns)), strict=True):
        same(a, b.toarray(), rtol)
        assert (a.indptr == b.indptr).all()
        assert (a.indices == b.indices).all()


@pytest.mark.thorough
def test_points_that_many_springs_share() -> None:
    """An element that is picked twice in a row has the sum of both derivatives."""

    @differentiate(wrt=("nodes", "stiffness"))
    def forces(nodes: Any, stiffness: Any, ends: Any) -> Any:
        apart = nodes[ends[:, 1]] - nodes[ends[:, 0]]
        length = np.sqrt((apart**2).sum(axis=1) + 0.5)
        return (stiffness[ends[:, 0]] * np.sin(length))[:, None] * apart * nodes[ends[:, 0]]

    ends = rng.integers(-12, 12, (40, 2))
    ends[7] = 3, 3
    ends[8] = 5, -7
    nodes, stiffness = rng.random((12, 2)), rng.random(12) + 1.0
    as_forward(forces, nodes, stiffness, ends, count=2)
    by_points, by_stiffness = forces.jacobian(nodes, stiffness, ends, sparse=True)
    v, h = rng.normal(size=(12, 2)), 1e-6
    ahead, behind = (forces(nodes + s * h * v, stiffness, ends) for s in (1, -1))
    np.testing.assert_allclose(by_points @ v.ravel(), (ahead - behind).ravel() / 2 / h, atol=1e-8)
    value = forces(nodes, stiffness, ends).ravel()
    np.testing.assert_allclose(by_stiffness @ stiffness, value, rtol=1e-13)  # it is linear
    none = forces.jacobian(nodes, stiffness, ends[:0], sparse=True)
    assert [a.shape for a in none] == [(0, 24), (0, 12)]


def test_arrays_of_several_lengths() -> None:
    """What is picked has no rows in common: one array follows the other."""

    @differentiate
    def edges(u: Any) -> Any:
        inside = np.tanh(u[1:-1, 1:-1] * u[2:, 1:-1] - u[:-2, 1:-1] * u[1:-1, 2:]) + u[1:-1, :-2]
        return np.concatenate([inside.ravel(), u[0] ** 2, u[:, -1] * u[::-1, 0]])

    as_forward(edges, rng.random((9, 7)), count=1)


@pytest.mark.thorough
def test_loops_take_the_products_in_turn() -> None:
    @differentiate(wrt=("x", "y"))
    def steps(x: Any, y: Any, which: Any) -> Any:
        a, b = x[which], y[which][:, ::-1]
        for _ in range(3):
            a = np.sin(a) * b[:, 0] + b[:, 1] * b[:, 2]
        return np.stack([a, b[:, 2] ** 2], axis=1)

    which = np.array([0, 3, 3, 1, 0, 2])
    as_forward(steps, rng.random(30), rng.random((30, 3)), which, count=1)


def test_what_is_checked_is_checked() -> None:
    """Places out of bounds, though the derivatives need no value there; and assertions."""

    @differentiate
    def pairs(x: Any, i: Any, j: Any) -> Any:
        assert x[i].sum() > 0.0
        return 2.0 * x[i] - 3.0 * x[j] + x[i + 1] + x[2] * 0.5

    i, j = np.arange(10), np.arange(10)[::-1].copy()
    x = rng.random(12)
    assert pairs.jacobian(x, i, j, sparse=True).sum() == pytest.approx(10 * 0.5)
    j[4] = 12
    with pytest.raises(IndexError):
        pairs.jacobian(x, i, j, sparse=True)
    j[4] = 0
    with pytest.raises(AssertionError):
        pairs.jacobian(-x, i, j, sparse=True)


def test_where_columns_are_as_good() -> None:
    """Nothing is picked, places depend on the numbers, or a product would have mostly zeros."""

    @differentiate
    def whole(x: Any) -> Any:
        return np.sin(x) * 2.0

    @differentiate
    def ordered(x: Any) -> Any:
        return x[np.argsort(x)] ** 2

    @differentiate
    def few(x: Any, i: Any) -> Any:
        y, r = x[i], np.zeros(3)
        for k in range(3):
            r[k] = y[k] * y[k + 1]
        return r

    x = rng.random(20)
    for function, args in (
        (whole, (x,)),
        (ordered, (x,)),
        (few, (x, rng.integers(0, 20, 2000))),
    ):
        assert not plan_of(function, *args).is_picked


def test_programs_as_functions_of_what_they_pick() -> None:
    from codegen_ad.backends.reference import evaluate
    from tests.end_to_end.cases import Case
    from tests.end_to_end.checks import stages_of

    def rows(x: Any, i: Any) -> Any:
        return x[i][:, 1:] * x[i][:, :1] + x[0].sum()

    args = (rng.random((5, 3)), np.array([0, 4, 4, 2]))
    case = Case(rows, lambda n, rng: args, ("x",))
    program = stages_of(case, args, "value").optimized
    nodes = picked(program, program.inputs[:1])
    inner, _ = opened(program, nodes)
    values = evaluate(program.with_outputs(nodes, [f"v{k}" for k in range(len(nodes))]), args)
    (found,) = evaluate(inner, [*args, *values])
    np.testing.assert_array_equal(found, rows(*args))
    (moved,) = evaluate(inner, [np.zeros((5, 3)), args[1], *values])
    np.testing.assert_array_equal(moved, found)
