"""What loops record: what is kept, what is computed again, and that the gradients are right."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.movement import Span
from codegen_ad.passes import pipeline
from tests.derive.programs import (
    I8,
    N,
    ap,
    const,
    f8,
    i8,
    loop,
    numeric_gradient,
    program,
    total,
    while_,
)

TRIPS = Dim.symbol("trips_1")
rng = np.random.default_rng(5)


def matvec(b: Builder, A: Node, x: Node) -> Node:
    return make.contract(b, (A, x), ((0, 1), (1,)), (0,))


def net(b: Builder, A: Node, x: Node, trip: Node) -> Node:
    """Two layers: what each one was, and what it becomes, are both used by the adjoint."""

    def body(_: Node, u: Node, v: Node, s: Node) -> Any:
        first = ap(b, "tanh", make.add(b, matvec(b, A, u), x))
        second = ap(b, "tanh", make.add(b, matvec(b, A, v), first))
        return [first, second, make.add(b, s, total(b, ap(b, "square", second)))], []

    return loop(b, trip, TRIPS, [x, ap(b, "sin", x), const(b, 0.0)], body)[2]


def turned(b: Builder, A: Node, x: Node, trip: Node) -> Node:
    """States that change places, so that one's next value is the other one's present one."""

    def body(_: Node, u: Node, v: Node) -> Any:
        return [v, ap(b, "tanh", make.multiply(b, make.add(b, u, matvec(b, A, v)), v))], []

    return total(b, loop(b, trip, TRIPS, [x, ap(b, "cos", x)], body)[1])


def layers(b: Builder, A: Node, x: Node, trip: Node) -> Node:
    """A loop in a loop, whose records the outer one keeps."""

    def outer(_: Node, h: Node, s: Node) -> Any:
        def inner(j: Node, u: Node) -> Any:
            row = make.multiply(b, make.gather(b, A, j), u)
            return [ap(b, "sin", make.add(b, ap(b, "exp", ap(b, "multiply", row, 0.3)), u))], []

        last = loop(b, make.size(b, N), N, [h], inner)[0]
        return [last, make.add(b, s, total(b, ap(b, "square", last)))], []

    return loop(b, trip, TRIPS, [x, const(b, 0.0)], outer)[1]


def three_deep(b: Builder, A: Node, x: Node, trip: Node) -> Node:
    def outer(_: Node, h: Node) -> Any:
        def middle(j: Node, u: Node) -> Any:
            def inner(k: Node, v: Node) -> Any:
                element = make.gather(b, A, j, k)
                return [ap(b, "sin", make.add(b, make.multiply(b, v, element), v))], []

            return loop(b, make.size(b, N), N, [ap(b, "tanh", u)], inner), []

        return loop(b, make.size(b, N), N, [h], middle), []

    return total(b, loop(b, trip, TRIPS, [x], outer)[0])


def until(b: Builder, A: Node, x: Node, trip: Node) -> Node:
    """A `while` around a loop."""

    def body(i: Node, u: Node) -> Any:
        def inner(j: Node, v: Node) -> Any:
            row = make.gather(b, A, j)
            return [ap(b, "tanh", make.add(b, make.multiply(b, v, row), v))], []

        return [
            make.add(b, i, make.constant(b, 1, I8)),
            loop(b, make.size(b, N), N, [u], inner)[0],
        ]

    init = [make.constant(b, 0, I8), x]
    return total(b, while_(b, "trips_1", init, lambda i, _: ap(b, "less", i, trip), body)[1])


CASES: list[Callable[..., Node]] = [net, turned, layers, three_deep, until]


def made(case: Callable[..., Node]) -> Program:
    return program(case, A=f8(N, N), x=f8(N), trip=i8())


def arguments(n: int, trip: int) -> tuple[Any, ...]:
    return 0.4 * rng.standard_normal((n, n)), rng.uniform(0.2, 1.0, n), trip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__)
def test_gradients_are_right(case: Callable[..., Node]) -> None:
    plain = made(case)
    derived = differentiate(plain, plain.inputs[:2])
    verify(derived)
    optimized = pipeline.run(derived, check=True)
    for n, trip in ((3, 3), (3, 0), (1, 2)):
        values = arguments(n, trip)
        wanted = [numeric_gradient(plain, values, k) for k in (0, 1)]
        for found in (derived, optimized):
            outputs = evaluate(found, values)
            np.testing.assert_allclose(outputs[0], evaluate(plain, values)[0], rtol=1e-13)
            for d, expected in zip(outputs[1:], wanted, strict=True):
                np.testing.assert_allclose(d, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__)
def test_second_derivatives_are_symmetric_and_those_of_the_forward_mode(
    case: Callable[..., Node],
) -> None:
    plain = made(case)
    first = differentiate(plain, plain.inputs[1:2])
    gradient = first.with_outputs(first.outputs[1:], first.output_names[1:])
    twice = differentiate(gradient, gradient.inputs[1:2])
    verify(twice)
    values = arguments(3, 3)
    g, v = rng.standard_normal((2, 3))
    found = evaluate(pipeline.run(twice, check=True), (*values, g))[-1]
    forward = pushforward(gradient, gradient.inputs[1:2])
    along = [evaluate(forward, (*values, w))[-1] for w in (v, g)]
    np.testing.assert_allclose(v @ found, g @ along[0], rtol=1e-9)
    np.testing.assert_allclose(found, along[1], rtol=1e-9, atol=1e-12)


def regions(outputs: Sequence[Node], depth: int = 0) -> Any:
    """All nodes, those in regions included, each with how many loops stand around it."""
    for node in toposort(outputs):
        yield depth, node
        inner = depth + isinstance(node.params, Loop | While)
        for region in node.regions:
            yield from regions(region.outputs, inner)


def counted(found: Program, name: str) -> int:
    return sum(node.op.name == name for _, node in regions(found.results))


def stacks(found: Program) -> list[str]:
    """What the outermost loops record, in each iteration."""
    return [
        str(t.array)
        for n in toposort(found.results)
        if isinstance(n.params, Loop | While) and n.params.stacked
        for t in n.params.body.outputs[n.params.carried :]
    ]


def gradient(case: Callable[..., Node]) -> Program:
    plain = made(case)
    return pipeline.run(differentiate(plain, plain.inputs[:2]))


def test_products_and_functions_are_not_computed_again() -> None:
    found = gradient(net)
    assert counted(found, "tanh") == 2
    # Forward, towards the state, and towards the matrix, for each layer.
    kinds = [node.op.kind for _, node in regions(found.results)]
    assert kinds.count(Kind.CONTRACT) == 6
    # What a layer becomes is what the next iteration found: one record serves both.
    assert stacks(found) == ["f8[n]", "f8[n]"]


def test_loops_inside_do_not_run_again() -> None:
    found = gradient(layers)
    assert counted(found, "exp") == 1
    deepest = gradient(three_deep)
    assert counted(deepest, "tanh") == 1


def test_cheap_values_are_computed_again() -> None:
    def cubes(b: Builder, A: Node, x: Node, trip: Node) -> Node:
        def body(_: Node, u: Node) -> Any:
            return [ap(b, "multiply", ap(b, "multiply", u, u), u)], []

        return total(b, loop(b, trip, TRIPS, [x], body)[0])

    assert stacks(gradient(cubes)) == ["f8[n]"]


def test_an_array_is_kept_rather_than_nearly_all_of_it() -> None:
    def plate(b: Builder, A: Node, x: Node, trip: Node) -> Node:
        inside = Dim.constant(1)

        def body(_: Node, u: Node) -> Any:
            part = make.slice_(b, u, [Span(inside, 1, N - 2)])
            change = make.multiply(b, part, ap(b, "subtract", const(b, 1.0), part))
            return [make.update(b, u, change, [Span(inside, 1, N - 2)], accumulate=True)], []

        return total(b, loop(b, trip, TRIPS, [x], body)[0])

    assert stacks(gradient(plate)) == ["f8[n]"]
