"""Loops that carry what another one carries run as one, and others stay what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.passes.merge import merge
from tests.derive.programs import N, ap, const, f8, i8, loop, program


def loops(outputs: tuple[Node, ...]) -> Iterator[Node]:
    for node in toposort(outputs):
        if node.op.kind in (Kind.LOOP, Kind.WHILE):
            yield node
        for region in node.regions:
            yield from loops(region.outputs)


def united(before: Program, inputs: tuple[Any, ...], count: int) -> Program:
    """The merged program, which has so many loops and the same values."""
    after = merge(before)
    verify(after)
    for one, two in zip(evaluate(before, inputs), evaluate(after, inputs), strict=True):
        assert np.array_equal(one, two)
    assert len(list(loops(after.results))) == count
    return after


X = np.array([0.3, -0.7, 1.9, 0.2])


def recurrence(b: Builder, x: Node, *starts: Node, shift: float = 0.5) -> list[Node]:
    """Two carried values, of which each follows from the other, and the first one stacked."""

    def body(i: Node, p: Node, q: Node) -> tuple[list[Node], list[Node]]:
        here = make.gather(b, x, i)
        return [ap(b, "multiply", q, here), ap(b, "subtract", p, shift)], [ap(b, "sin", p)]

    return loop(b, make.size(b, N), N, starts, body)


def counted(b: Builder, x: Node, start: Node) -> list[Node]:
    def body(i: Node, c: Node) -> tuple[list[Node], list[Node]]:
        return [ap(b, "multiply", c, make.gather(b, x, i))], []

    return loop(b, make.size(b, N), N, (start,), body)


def test_one_records_what_the_other_carries() -> None:
    def two(b: Builder, x: Node) -> list[Node]:
        start = const(b, 1.0)

        def plain(i: Node, c: Node) -> tuple[list[Node], list[Node]]:
            return [ap(b, "sin", ap(b, "multiply", c, make.gather(b, x, i)))], []

        def recording(i: Node, c: Node) -> tuple[list[Node], list[Node]]:
            after, _ = plain(i, c)
            return after, [c, ap(b, "cos", ap(b, "multiply", c, make.gather(b, x, i)))]

        (value,) = loop(b, make.size(b, N), N, (start,), plain)
        again, *stacks = loop(b, make.size(b, N), N, (start,), recording)
        return [value, again, *(make.sum_(b, s, (0,)) for s in stacks)]

    after = united(program(two, x=f8(N)), (X,), 1)
    assert after.outputs[0] is after.outputs[1]


def test_values_that_begin_alike_and_part() -> None:
    """Both carry two values from one start, in another order."""

    def two(b: Builder, x: Node, s: Node) -> list[Node]:
        one = recurrence(b, x, s, s)
        other = recurrence(b, x, s, s)
        different = recurrence(b, x, s, s, shift=0.7)
        return [*one[:2], *other[:2], *different[:2]]

    united(program(two, x=f8(N), s=f8()), (X, 0.4), 2)


def test_other_starts_or_trips_stay_apart() -> None:
    def two(b: Builder, x: Node, s: Node, t: Node, k: Node) -> list[Node]:
        return [*counted(b, x, s), *counted(b, x, t), *recurrence(b, x, s, t)[:2]]

    united(program(two, x=f8(N), s=f8(), t=f8(), k=i8()), (X, 0.4, 0.5, 2), 3)


def settled(x, s):
    if s > 9.0:
        return s
    while x[0] < 1.0:
        x[0] += 0.7 + x[1] * x[0] ** 2
    return np.sum(x[x > 0.1]) * x[0]


@pytest.mark.parametrize("s", [0.4, 10.0])
def test_the_loop_of_a_branch_runs_once(s: float) -> None:
    """The gradient of its side needs its records, and the value its result."""
    args = (X, s)
    found = differentiate(settled, wrt="x")
    binder = found.kernels.binder
    form = binder.form(binder.bind(args, {}))
    stages = build.run(settled, form, "value_and_grad", found.options, binder.wrt)
    whiles = [n for n in loops(stages.optimized.results) if n.op.kind is Kind.WHILE]
    assert len(whiles) == 1
    value, gradient = evaluate(stages.optimized, args)
    assert value == pytest.approx(settled(X.copy(), s), rel=1e-14)
    steps = 1e-6 * np.eye(len(X))
    slopes = [(settled(X + h, s) - settled(X - h, s)) / 2e-6 for h in steps]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-9)
