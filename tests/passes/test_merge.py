"""Loops and branches that run as one: which may, and that nothing changes but their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.text import program_text
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.ops.control import Loop
from codegen_ad.passes.dead import dead
from codegen_ad.passes.merge import merge
from tests.derive.programs import N, ap, const, f8, i8, loop, program

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=7), RNG.normal(size=7)
TABLE, PLACES = RNG.normal(size=(4, 3)), RNG.integers(-4, 4, size=7)


def decay(p, x, y):
    s = 0.0
    for i in range(len(x)):
        r = y[i] - (p[0] * np.exp(-p[1] * x[i]) + p[2])
        s += r * r
    return s


def spread(p, x, y):
    """The cotangents of both sums are known only after the loop."""
    s = 0.0
    for xi, yi in zip(x, y, strict=True):
        s += (yi - p[0] * np.tanh(p[1] * xi) - p[2]) ** 2
    return np.sqrt(s / len(x)) + s


def kept(p, x, y):
    n, s = 0, 0.0
    for xi, yi in zip(x, y, strict=True):
        if xi < 0:
            continue
        s += (np.log(xi) * p[0] - p[1] - yi * p[2]) ** 2
        n += 1
    return s / n


def pairs(p, x, y):
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            s += np.exp(-p[0] * (x[i] - p[1] * x[j]) ** 2) * p[2]
    return s


def rows(w, x, y):
    s = 0.0
    for i in range(x.shape[0]):
        s += np.log(np.exp(x[i] @ w).sum())
    return s / x.shape[0]


def looked_up(table, places, y):
    s = 0.0
    for i in range(len(places)):
        s -= np.sum((table[places[i]] - y[i]) ** 2)
    return s


def two_sums(p, x, y):
    s, t = 0.0, 1.0
    for xi, yi in zip(x, y, strict=True):
        s += np.exp(p[0] * xi)
        t -= p[1] * yi * np.sin(p[2] * xi)
    return s * t


def inner_sum(p, x, y):
    """What an inner loop adds up is used by a function, so that the adjoint needs it again."""
    s = 0.0
    for i in range(len(x)):
        z = 0.0
        for j in range(len(y)):
            z += p[0] * x[i] * y[j] + p[1]
        s += np.tanh(z) * p[2]
    return s


def recurrence(p, x, y):
    s = 0.0
    for i in range(len(x)):
        s = p[0] * s + p[1] * x[i] * p[2]
    return s


def running(p, x, y):
    """A sum that is read on the way."""
    s, t = 0.0, 0.0
    for i in range(len(x)):
        s += p[0] * x[i]
        t += np.sin(s * p[1]) * p[2]
    return t


def chosen(p, x, y):
    s = np.sum(x) * p[0]
    if s > 0:
        return np.log(s) * p[1]
    return s * s * p[2]


P = np.array([0.7, 0.4, -0.3])
W = RNG.normal(size=(3, 2))
ROWS = RNG.normal(size=(6, 3))
EACH = (decay, spread, kept, pairs, two_sums, inner_sum, recurrence, running)
ARGUMENTS: dict[Callable[..., Any], tuple[Any, ...]] = {
    **dict.fromkeys(EACH, (P, X, Y)),
    chosen: (P, np.abs(X), Y),
    rows: (W, ROWS, 0.0),
    looked_up: (TABLE, PLACES, RNG.normal(size=(7, 3))),
}
RUNS = {
    decay: 1, spread: 1, kept: 2, pairs: 2, rows: 1, looked_up: 1, two_sums: 2, inner_sum: 2,
    recurrence: 2, running: 2, chosen: 1,
}  # fmt: skip
"""How many loops and branches there are, on all levels."""


def structured(outputs: tuple[Node, ...]) -> Iterator[Node]:
    for node in toposort(outputs):
        if node.op.kind in (Kind.LOOP, Kind.BRANCH):
            yield node
        for region in node.regions:
            yield from structured(region.outputs)


def optimised(function: Callable[..., Any], args: tuple[Any, ...], *wrt: str) -> Program:
    found = differentiate(function, wrt=wrt)
    form = found.kernels.binder.form(found.kernels.binder.bind(args, {}))
    return build.run(function, form, "value_and_grad", found.options, found.wrt).optimized


@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda f: f.__name__)
def test_a_loop_and_its_adjoint(function: Callable[..., Any]) -> None:
    args = ARGUMENTS[function]
    optimized = optimised(function, args)
    verify(optimized)
    text = program_text(optimized)
    assert len(list(structured(optimized.outputs))) == RUNS[function], text
    value, gradient = evaluate(optimized, [np.asarray(a) for a in args])
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)
    wrt, *others = args
    for place in np.ndindex(wrt.shape):
        step = np.zeros_like(wrt)
        step[place] = 1e-6
        change = function(wrt + step, *others) - function(wrt - step, *others)
        np.testing.assert_allclose(gradient[place], change / 2e-6, rtol=1e-6, atol=1e-7)


def test_a_factor_does_not_cost_an_array_in_every_iteration() -> None:
    """Without its factor, the gradient of `x` would be set to zero, scaled and added each time."""
    optimized = optimised(inner_sum, (P, RNG.normal(size=40), Y), "x")
    outer, *inner = structured(optimized.outputs)
    assert len(inner) == 2
    (body,) = outer.regions
    scaled = [n for n in toposort(body.outputs) if n.op.name == "multiply" and n.array.shape]
    assert not scaled, program_text(optimized)


def adding(b: Builder, trip: Node, term: Callable[[Node], Node]) -> Node:
    (result,) = loop(b, trip, N, [const(b, 0)], lambda i, s: ([ap(b, "add", s, term(i))], []))
    return result


def test_loops_that_wait_for_each_other_stay_apart() -> None:
    def build_(b: Builder, n: Node, x: Node) -> Node:
        first = adding(b, n, lambda i: ap(b, "exp", make.gather(b, x, i)))
        return adding(b, n, lambda i: ap(b, "multiply", first, make.gather(b, x, i)))

    primal = program(build_, trip=i8(), x=f8(N))
    assert len(list(structured(merge(primal).outputs))) == 2


def test_merging_makes_no_circle() -> None:
    """Of four loops each pair could run as one, but not both pairs."""

    def build_(b: Builder, n: Node, m: Node, x: Node) -> list[Node]:
        first = adding(b, n, lambda i: make.gather(b, x, i))
        second = adding(b, m, lambda i: make.gather(b, x, i))
        third = adding(b, n, lambda i: ap(b, "multiply", second, make.gather(b, x, i)))
        fourth = adding(b, m, lambda i: ap(b, "multiply", first, make.gather(b, x, i)))
        return [third, fourth]

    primal = program(build_, n=i8(), m=i8(), x=f8(N))
    after = merge(primal)
    verify(after)
    assert len(list(structured(after.outputs))) == 3
    values = [np.asarray(5), np.asarray(5), RNG.normal(size=5)]
    for one, other in zip(evaluate(primal, values), evaluate(after, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_what_both_carry_is_carried_once() -> None:
    def build_(b: Builder, n: Node, x: Node) -> list[Node]:
        def term(i: Node) -> Node:
            return ap(b, "exp", make.gather(b, x, i))

        return [adding(b, n, term), ap(b, "sin", adding(b, n, term))]

    after = dead(merge(program(build_, trip=i8(), x=f8(N))))
    (only,) = structured(after.outputs)
    assert isinstance(only.params, Loop)
    assert only.params.carried == 1, program_text(after)


def test_a_shared_value_is_not_part_of_the_gradient() -> None:
    """Zeros are dropped from a gradient's arithmetic, never from a value's."""
    optimized = optimised(decay, (P, X, Y))
    (only,) = structured(optimized.outputs)
    (exp,) = (n for n in toposort(only.regions[0].outputs) if n.op.name == "exp")
    assert exp not in optimized.notes.gradients
