"""Many directions at once: what a loop over the directions gives, with these on the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Kind
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import inputs_of, stages_of

RNG = np.random.default_rng(5)
X = RNG.normal(size=(6, 3)) + 0.1
W = RNG.normal(size=(3, 4))
PLACES = np.array([0, 2, 2, -1, 5])


def arithmetic(x, w):
    r = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return np.where(x > 0, np.sin(x) / r, x * r) / (2.0 + w[:, 0] ** 2)


def products(x, w):
    return np.tanh(x @ w).T.reshape((2, 2, 6))[:, ::-1, 1:]


def picked(x, w):
    rows = x[PLACES] * w[:, 1]
    return np.concatenate([rows.ravel(), 1.0 - x[:, 0] ** 2, w[0]])


def written(x, w):
    y = np.zeros((4, 3))
    y[1:3] = x[:2] / x[2:4]
    y[0] += w[:, 2]
    np.add.at(y, PLACES[:3], x[:3])
    return y * np.broadcast_to(x[0], (4, 3))


def stepwise(x, w):
    """A loop has no such form: the directions are taken in turn."""
    for _ in range(3):
        x = np.sin(x) * w[:, 0]
    return x


FUNCTIONS = [arithmetic, products, picked, written, stepwise]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_in_turn(function: Any, mode: str) -> None:
    args = (X, W)
    case = Case(function, lambda n, rng: args, ("x", "w"))
    stages = [stages_of(case, args, f"compressed:{mode}{last}") for last in ("", ":last")]
    count = 5
    if mode == "forward":
        seeds = [RNG.normal(size=(count, *a.shape)) for a in args]
    else:
        seeds = [RNG.normal(size=(count, *function(*args).shape))]
    given = [seeds, [np.moveaxis(s, 0, -1) for s in seeds]]
    in_turn, at_once = (
        evaluate(s.optimized, [*inputs_of(case, args, s), *g])
        for s, g in zip(stages, given, strict=True)
    )
    for one, other in zip(in_turn, at_once, strict=True):
        np.testing.assert_allclose(np.moveaxis(other, -1, 0), one, rtol=1e-12, atol=1e-13)
    loops = [any(n.op.kind is Kind.LOOP for n in s.derived.nodes()) for s in stages]
    assert loops == [True, function is stepwise]


def blocks(x, y):
    """Twelve numbers of each row decide three residuals."""
    r = x.reshape((len(y), 4, 3))
    size = np.sqrt((r**2).sum(axis=1)) / (1.0 + (r[:, 0] * r[:, 1]).sum(axis=1, keepdims=True) ** 2)
    return np.concatenate([(size * y[:, None]).ravel(), y - 1.0])


def test_the_jacobian_of_blocks() -> None:
    n = 40
    x, y = RNG.normal(size=12 * n), RNG.normal(size=n)
    f = differentiate(wrt=("x", "y"))(blocks)
    found = f.jacobian(x, y, sparse=True)
    for matrix, dense in zip(found, f.jacobian(x, y), strict=True):
        np.testing.assert_allclose(matrix.toarray(), dense, rtol=1e-11, atol=1e-13)
    source = f.source(x, y, mode="compressed:forward:last")
    assert "for colour in" not in str(source)


def test_rows_in_reverse_mode() -> None:
    """Each of a few columns is in many rows."""

    def dense_rows(x, w):
        return np.concatenate([np.array([(x * w[k]).sum() ** 2 for k in range(9)]), x**3])

    w = RNG.normal(size=(9, 30))
    x = RNG.normal(size=30)
    f = differentiate(wrt="x")(dense_rows)
    found = f.jacobian(x, w, sparse=True)
    np.testing.assert_allclose(found.toarray(), f.jacobian(x, w), rtol=1e-11, atol=1e-13)
