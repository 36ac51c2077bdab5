"""Tiles in a loop put back what this trip of the loop wrote, and nothing of other trips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.runtime.compiled import flat
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, executed, inputs_of, stages_of


def first_row(X, W, V, g):
    """A looped reverse Jacobian: each trip writes one row of it, in tiles of its columns."""
    distances = ((X[:, None, :] - W.T) ** 2).sum(axis=2)
    return (V[g] * np.einsum("nk,nk->n", distances, X @ W)[:, None])[0]


def distances(X, W, V, g):
    """A looped forward Jacobian, whose columns are written in tiles of rows."""
    far = ((X[:, None, :] - W.T) ** 2).sum(axis=2)[:, ::-1]
    return np.einsum("nk,kl,n->nl", far, W.T @ W, np.log(np.exp(X @ W).sum(axis=1)))


def in_a_branch(X, W, V, g):
    """Only some columns are written in each trip, so the rest is what it was before."""
    far = ((X[:, None, :] - W.T) ** 2).sum(axis=2)
    for j in range(W.shape[1]):
        if V[0, j] > 0.0:
            far[:, j] = np.sin(far @ V[j]) * far[:, 0]
    return far[-1] + far[0]


CASES = (
    (first_row, "jacobian:reverse", ("X",)),
    (distances, "jacobian:forward", ("W",)),
    (distances, "vjp", ("W", "X")),
    (in_a_branch, "jacobian:reverse", ("X",)),
    (in_a_branch, "jacobian:forward", ("W",)),
)


@pytest.mark.parametrize("rows", [1, 64, 65, 129])
@pytest.mark.parametrize(
    ("function", "mode", "wrt"), CASES, ids=lambda c: getattr(c, "__name__", c)
)
def test_kernels_are_their_programs(function: Any, mode: str, wrt: tuple[str, ...], rows: int):
    rng = np.random.default_rng(rows)
    d, k = 2, 5
    args = (rng.normal(size=(rows, d)), rng.normal(size=(d, k)), rng.normal(size=(k, k)),
            rng.integers(0, k, size=rows))  # fmt: skip
    case = Case(function, lambda *_: (), wrt=wrt)
    given = [rng.normal(size=(rows, k))] if mode == "vjp" else []
    stages = stages_of(case, args, mode)
    kernel = executed(stages.text)[stages.kernel.name]
    found = list(flat(kernel(*inputs_of(case, args, stages), *given)))
    wanted = evaluate(stages.optimized, [*inputs_of(case, args, stages), *given])
    for one, two in zip(found, wanted, strict=True):
        assert_close(one, two, rtol=1e-11, what=f"{mode} of {rows} rows")


def counted(t, b, g):
    """The result is as long as the data say, and so is its cotangent."""
    return t[:, None] - np.bincount(g, weights=t * b[0], minlength=len(b))


def test_a_cotangent_of_run_time_size_is_read_once_that_is_known():
    rng = np.random.default_rng(0)
    args = rng.normal(size=7), rng.normal(size=1), rng.integers(0, 3, size=7)
    case = Case(counted, lambda *_: (), wrt=("b",))
    stages = stages_of(case, args, "vjp")
    given = rng.normal(size=(7, args[2].max() + 1))
    _, d_b = flat(executed(stages.text)[stages.kernel.name](*inputs_of(case, args, stages), given))
    slope = -np.bincount(args[2], weights=args[0]) @ given.sum(axis=0)
    assert_close(d_b, [slope], rtol=1e-12, what="gradient")


def added_at_places(X, W, g):
    """The adjoint picks, at places from data, of a sum that has one element."""
    v = W.sum(axis=0)
    np.add.at(v, g, (X @ W).sum(axis=1))
    return X @ W - v


@pytest.mark.parametrize("columns", [1, 2])
def test_a_sum_is_picked_of_an_axis_of_one_element(columns: int):
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(7, 3)), rng.normal(size=(3, columns))
    args = X, W, rng.integers(0, columns, size=7)
    case = Case(added_at_places, lambda *_: (), wrt=("X",))
    stages = stages_of(case, args, "vjp")
    given = rng.normal(size=(7, columns))
    kernel = executed(stages.text)[stages.kernel.name]
    _, d_X = flat(kernel(*inputs_of(case, args, stages), given))
    slope = given @ W.T - given.sum(axis=0)[args[2]][:, None] * W.sum(axis=1)
    assert_close(d_X, slope, rtol=1e-12, what="gradient")
