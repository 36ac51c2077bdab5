"""Gradients through loops, whiles and branches, and what they record."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Program
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from tests.derive.programs import (
    I8,
    N,
    ap,
    branch,
    const,
    f8,
    loop,
    numeric_gradient,
    program,
    total,
    while_,
)
from tests.derive.test_readback import stacks

rng = np.random.default_rng(1)
X = rng.uniform(0.2, 1.5, 5)


def sum_loop(b: Builder, w: Node, x: Node) -> Node:
    def body(i: Node, s: Node) -> Any:
        return [make.add(b, s, ap(b, "sin", make.multiply(b, w, make.gather(b, x, i))))], []

    return loop(b, make.size(b, N), N, [const(b, 0.0)], body)[0]


def linear(b: Builder, w: Node, x: Node) -> Node:
    """Linear in the state, and `w` is not asked for: nothing to record."""

    def body(i: Node, s: Node) -> Any:
        return [make.add(b, make.multiply(b, s, ap(b, "cos", w)), make.gather(b, x, i))], []

    return loop(b, make.size(b, N), N, [const(b, 0.5)], body)[0]


def nonlinear(b: Builder, w: Node, x: Node) -> Node:
    def body(i: Node, s: Node) -> Any:
        inner = make.add(b, make.multiply(b, s, w), make.gather(b, x, i))
        return [ap(b, "tanh", inner)], []

    return loop(b, make.size(b, N), N, [w], body)[0]


def stacked(b: Builder, w: Node, x: Node) -> Node:
    def body(i: Node, s: Node) -> Any:
        after = ap(b, "sin", make.add(b, make.multiply(b, s, w), make.gather(b, x, i)))
        return [after], [make.multiply(b, after, after)]

    last, squares = loop(b, make.size(b, N), N, [w], body)
    return make.add(b, last, total(b, make.multiply(b, squares, x)))


def nested(b: Builder, w: Node, x: Node) -> Node:
    def outer(i: Node, s: Node) -> Any:
        def inner(j: Node, t: Node) -> Any:
            term = make.multiply(b, make.gather(b, x, j), make.multiply(b, t, w))
            return [ap(b, "sin", make.add(b, term, make.gather(b, x, i)))], []

        return loop(b, make.size(b, N), N, [s], inner), []

    return loop(b, make.size(b, N), N, [w], outer)[0]


def in_place(b: Builder, w: Node, x: Node) -> Node:
    """`a[i + 1] = sin(a[i]) * w`, in place."""
    one = make.constant(b, 1, I8)

    def body(i: Node, a: Node) -> Any:
        value = make.multiply(b, ap(b, "sin", make.gather(b, a, i)), w)
        return [make.scatter(b, a, value, make.add(b, i, one), accumulate=False)], []

    trip = make.subtract(b, make.size(b, N), one)
    return total(b, ap(b, "square", loop(b, trip, N - 1, [x], body)[0]))


def diffusion(b: Builder, w: Node, x: Node) -> Node:
    """`u[1:-1] += w * (u[2:] - 2 * u[1:-1] + u[:-2]) * u[1:-1]`, three times."""

    def body(i: Node, u: Node) -> Any:
        def part(start: int) -> Node:
            return make.slice_(b, u, [span(start)])

        def span(start: int) -> Any:
            from codegen_ad.ops.movement import Span

            return Span(make.as_dim(start), 1, N - 2)

        middle = part(1)
        bend = make.add(b, make.subtract(b, part(2), ap(b, "multiply", 2.0, middle)), part(0))
        step = make.multiply(b, make.multiply(b, w, bend), middle)
        return [make.update(b, u, step, [span(1)], accumulate=True)], []

    u = loop(b, make.constant(b, 3, I8), make.as_dim(3), [x], body)[0]
    return total(b, ap(b, "square", u))


def newton(b: Builder, w: Node, x: Node) -> Node:
    """Square root of `w` by Newton's method until it stands."""

    def cond(s: Node) -> Node:
        gap = ap(b, "absolute", make.subtract(b, make.multiply(b, s, s), w))
        return ap(b, "greater", gap, 1e-13)

    def body(s: Node) -> Any:
        return [ap(b, "multiply", 0.5, make.add(b, s, make.divide(b, w, s)))]

    root = while_(b, "steps", [const(b, 1.0)], cond, body)[0]
    return make.multiply(b, root, total(b, x))


def branching(b: Builder, w: Node, x: Node) -> Node:
    s = total(b, x)
    return branch(
        b,
        ap(b, "greater", w, 0.5),
        lambda: [make.multiply(b, ap(b, "sin", w), s)],
        lambda: [ap(b, "square", s)],
    )[0]


def branch_in_loop(b: Builder, w: Node, x: Node) -> Node:
    def body(i: Node, s: Node) -> Any:
        xi = make.gather(b, x, i)
        return branch(
            b,
            ap(b, "greater", xi, 0.8),
            lambda: [make.multiply(b, ap(b, "sin", s), make.multiply(b, xi, w))],
            lambda: [make.add(b, s, make.multiply(b, s, xi))],
        ), []

    return loop(b, make.size(b, N), N, [w], body)[0]


def two_states(b: Builder, w: Node, x: Node) -> Node:
    """An oscillator: two states, one of which is also counted."""

    def body(i: Node, p: Node, q: Node, count: Node) -> Any:
        force = make.multiply(b, w, ap(b, "sin", q))
        p = make.subtract(b, p, ap(b, "multiply", 0.1, force))
        q = make.add(b, q, ap(b, "multiply", 0.1, p))
        return [p, q, make.add(b, count, make.constant(b, 1, I8))], []

    start = [make.gather(b, x, make.constant(b, k, I8)) for k in (0, 1)]
    p, q, _ = loop(
        b, make.constant(b, 7, I8), make.as_dim(7), [*start, make.constant(b, 0, I8)], body
    )
    return make.add(b, make.multiply(b, p, p), q)


CASES: tuple[Callable[..., Node], ...] = (
    sum_loop, linear, nonlinear, stacked, nested, in_place, diffusion, newton, branching,
    branch_in_loop, two_states,
)  # fmt: skip


def make_case(build: Callable[..., Node]) -> Program:
    made = program(build, w=f8(), x=f8(N))
    verify(made)
    return made


@pytest.mark.parametrize("w", [0.3, 0.7])
@pytest.mark.parametrize("build", CASES)
def test_gradient(build: Callable[..., Node], w: float) -> None:
    primal = make_case(build)
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)
    value, d_w, d_x = evaluate(gradient, [w, X])
    assert value == evaluate(primal, [w, X])[0]
    np.testing.assert_allclose(d_w, numeric_gradient(primal, [w, X], 0), rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(d_x, numeric_gradient(primal, [w, X], 1), rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("build", CASES)
def test_second_derivative(build: Callable[..., Node]) -> None:
    primal = make_case(build)
    first = differentiate(primal, primal.inputs[:1])
    derivative = first.with_outputs(first.outputs[1:], ("slope",))
    second = differentiate(derivative, derivative.inputs)
    verify(second)
    _, d_w, d_x = evaluate(second, [0.7, X])
    expected = [numeric_gradient(derivative, [0.7, X], k) for k in (0, 1)]
    np.testing.assert_allclose(d_w, expected[0], rtol=2e-6, atol=1e-8)
    np.testing.assert_allclose(d_x, expected[1], rtol=2e-6, atol=1e-8)


def test_a_sum_is_not_recorded() -> None:
    primal = make_case(sum_loop)
    assert not stacks(differentiate(primal, primal.inputs))


def test_a_linear_recurrence_is_not_recorded() -> None:
    primal = make_case(linear)
    assert not stacks(differentiate(primal, primal.inputs[1:]))
    assert stacks(differentiate(primal, primal.inputs))


def test_what_stays_in_an_array_is_not_recorded() -> None:
    primal = make_case(in_place)
    assert not stacks(differentiate(primal, primal.inputs))
