"""Every structural operation: its adjoint against central differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.verify import verify
from codegen_ad.ops import STRUCTURAL, make
from codegen_ad.ops.determinants import DET, SLOGDET
from codegen_ad.ops.linalg import CHOLESKY, INV, SOLVE
from codegen_ad.ops.movement import Axis, Span
from codegen_ad.ops.reduction import MAX, MIN, PROD, SUM, Reduce
from codegen_ad.ops.scan import CUMPROD, CUMSUM
from codegen_ad.ops.unary import CAST, STOP_GRADIENT, TAP, Cast, Tap
from tests.derive.programs import F4, F8, I8, K, N, ap, f8, numeric_gradient, program, total

rng = np.random.default_rng(2)
MATRIX = rng.normal(size=(4, 3))
SQUARE = rng.normal(size=(3, 3)) + 3 * np.eye(3)


def weighed(b: Builder, x: Node) -> Node:
    """A number that depends on every element of `x` differently, and not linearly."""
    flat = make.reshape(b, x, (make.reduction.product(x.array.shape),))
    weights = ap(b, "sin", ap(b, "add", make.cast(b, make.iota(b, flat.array.shape[0]), F8), 1.0))
    return total(b, make.multiply(b, weights, ap(b, "square", flat)))


def reduce(op: Any, *axes: int) -> Callable[[Builder, Node], Node]:
    return lambda b, x: b.node(op, (x,), Reduce(axes))


def scan(op: Any, axis: int) -> Callable[[Builder, Node], Node]:
    return lambda b, x: b.node(op, (x,), Axis(axis))


def span(start: Any, step: int, length: Any) -> Span:
    return Span(make.as_dim(start), step, make.as_dim(length))


def part(x: Node) -> list[Span]:
    """`[n-1:0:-1, ::2]`-like: backwards in one axis, part of the other."""
    return [span(N - 1, -1, N - 1), span(0, 2, 2)]


def update(accumulate: bool) -> Callable[[Builder, Node], Node]:
    def build(b: Builder, x: Node) -> Node:
        spans = part(x)
        values = ap(b, "sin", make.slice_(b, x, spans))
        return make.update(b, x, values, spans, accumulate=accumulate)

    return build


def indices(b: Builder, *numbers: int) -> Node:
    one = [make.reshape(b, make.constant(b, n, I8), (make.as_dim(1),)) for n in numbers]
    return make.concatenate(b, one, 0)


def gather(b: Builder, x: Node) -> Node:
    return make.gather(b, x, indices(b, 1, 3, 1, 0, 1))


def gather_pairs(b: Builder, x: Node) -> Node:
    return make.gather(b, x, indices(b, 1, 3, 1), indices(b, 2, 0, 2))


def scatter(accumulate: bool) -> Callable[[Builder, Node], Node]:
    def build(b: Builder, x: Node) -> Node:
        places = indices(b, 1, 3, 1)
        values = ap(b, "sin", make.gather(b, x, indices(b, 0, 1, 2)))
        return make.scatter(b, x, values, places, accumulate=accumulate)

    return build


def scatter_rows(b: Builder, x: Node) -> Node:
    rows = make.iota(b, N)
    columns = make.cast(b, ap(b, "greater", make.gather(b, x, rows, indices_of(b, 0)), 0.0), I8)
    return make.scatter(b, x, ap(b, "sin", make.gather(b, x, rows, indices_of(b, 1))), rows,
                        columns, accumulate=False)  # fmt: skip


def indices_of(b: Builder, number: int) -> Node:
    return make.constant(b, number, I8)


def einsum(*labels: tuple[int, ...], output: tuple[int, ...]) -> Callable[[Builder, Node], Node]:
    return lambda b, x: make.contract(b, [x] * len(labels), labels, output)


MATRIX_CASES: dict[str, Callable[[Builder, Node], Node]] = {
    "sum": reduce(SUM, 1),
    "sum of all": reduce(SUM, 0, 1),
    "prod": reduce(PROD, 0),
    "prod of all": reduce(PROD, 0, 1),
    "max": reduce(MAX, 1),
    "min": reduce(MIN, 0),
    "cumsum": scan(CUMSUM, 0),
    "cumsum of rows": scan(CUMSUM, 1),
    "cumprod": scan(CUMPROD, 0),
    "cumprod of rows": scan(CUMPROD, 1),
    "gram": einsum((0, 1), (0, 2), output=(2, 1)),
    "norms": einsum((0, 1), (0, 1), output=(0,)),
    "sum of one label": einsum((0, 1), (0, 2), output=(1,)),
    "three": einsum((0, 1), (2, 1), (0, 3), output=(3, 2)),
    "reshape": lambda b, x: make.reshape(b, x, (make.as_dim(3), N)),
    "broadcast": lambda b, x: make.broadcast_to(
        b, make.reshape(b, x, (N, make.as_dim(1), make.as_dim(3))), (N, K, make.as_dim(3))
    ),
    "transpose": lambda b, x: make.transpose(b, x, (1, 0)),
    "slice": lambda b, x: make.slice_(b, x, part(x)),
    "flip": lambda b, x: make.flip(b, x, 1),
    "concatenate": lambda b, x: make.concatenate(b, (x, ap(b, "sin", x), x), 1),
    "gather": gather,
    "gather pairs": gather_pairs,
    "scatter": scatter(False),
    "scatter add": scatter(True),
    "scatter rows": scatter_rows,
    "update": update(False),
    "update add": update(True),
    "tap": lambda b, x: b.node(TAP, (x,), Tap("y")),
}
SQUARE_CASES: dict[str, Callable[[Builder, Node], Node]] = {
    "inv": lambda b, x: b.node(INV, (x,)),
    "det": lambda b, x: b.node(DET, (x,)),
    "logabsdet": lambda b, x: b.results(b.node(SLOGDET, (x,)))[1],
    "solve": lambda b, x: b.node(SOLVE, (x, make.transpose(b, x, (1, 0)))),
    "solve a vector": lambda b, x: b.node(SOLVE, (x, b.node(SUM, (x,), Reduce((1,))))),
    "cholesky": lambda b, x: b.node(
        CHOLESKY, (make.contract(b, (x, x), ((0, 1), (2, 1)), (0, 2)),)
    ),
    "cholesky reads the lower triangle": lambda b, x: b.node(CHOLESKY, (x,)),
}


def check(build: Callable[[Builder, Node], Node], type: Any, value: Any, sizes: Any = None) -> None:
    primal = program(lambda b, x: weighed(b, build(b, x)), x=type)
    verify(primal)
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)
    if sizes:
        np.testing.assert_allclose(
            evaluate(gradient, [value], sizes)[1],
            numeric_gradient(primal, [value], 0, sizes), rtol=1e-6, atol=1e-8,
        )  # fmt: skip
        return
    found = evaluate(gradient, [value])[1]
    np.testing.assert_allclose(found, numeric_gradient(primal, [value], 0), rtol=1e-6, atol=1e-8)
    slope = gradient.with_outputs([total(_builder(gradient), gradient.outputs[1])], ["s"])
    second = differentiate(slope, slope.inputs)
    verify(second)
    expected = numeric_gradient(slope, [value], 0)
    np.testing.assert_allclose(evaluate(second, [value])[1], expected, rtol=1e-5, atol=1e-6)


def _builder(gradient: Any) -> Builder:
    b = Builder()
    b.notes = gradient.notes
    return b


@pytest.mark.parametrize("name", MATRIX_CASES)
def test_adjoint(name: str) -> None:
    check(MATRIX_CASES[name], f8(N, 3), MATRIX, {"n": 4, "k": 2} if name == "broadcast" else None)


@pytest.mark.parametrize("name", SQUARE_CASES)
def test_adjoint_of_linear_algebra(name: str) -> None:
    value = SQUARE @ SQUARE.T if name.endswith("triangle") else SQUARE
    check(SQUARE_CASES[name], f8(3, 3), value)


@pytest.mark.parametrize("name", ["prod", "prod of all", "cumprod", "cumprod of rows"])
@pytest.mark.parametrize("zeros", [[(1, 1)], [(1, 1), (2, 1)], [(0, 0), (0, 1), (3, 0)]])
def test_products_with_zeros(name: str, zeros: list[tuple[int, int]]) -> None:
    value = MATRIX.copy()
    for place in zeros:
        value[place] = 0.0
    build = MATRIX_CASES[name]
    primal = program(lambda b, x: total(b, build(b, x)), x=f8(N, 3))
    found = evaluate(differentiate(primal, primal.inputs), [value])[1]
    np.testing.assert_allclose(found, numeric_gradient(primal, [value], 0), atol=1e-9)


def test_ties_share_equally() -> None:
    primal = program(reduce(MAX, 0), x=f8(N))
    found = evaluate(differentiate(primal, primal.inputs), [[1.0, 3.0, 3.0, 2.0]])[1]
    np.testing.assert_array_equal(found, [0, 0.5, 0.5, 0])


def test_cast_between_floats() -> None:
    primal = program(lambda b, x: total(b, ap(b, "square", b.node(CAST, (x,), Cast(F4)))), x=f8(N))
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)
    assert gradient.outputs[1].array.dtype is F8
    np.testing.assert_allclose(evaluate(gradient, [[1.0, 2.0]])[1], [2, 4])


def test_a_cast_to_integers_ends_the_path() -> None:
    primal = program(lambda b, x: total(b, make.cast(b, make.cast(b, x, I8), F8)), x=f8(N))
    np.testing.assert_array_equal(
        evaluate(differentiate(primal, primal.inputs), [[1.5, 2.5]])[1], [0, 0]
    )


def test_stop_gradient() -> None:
    primal = program(
        lambda b, x: total(b, make.multiply(b, x, b.node(STOP_GRADIENT, (x,)))), x=f8(N)
    )
    np.testing.assert_array_equal(
        evaluate(differentiate(primal, primal.inputs), [[1.5, 2.5]])[1], [1.5, 2.5]
    )


def test_every_operation_with_floats_has_an_adjoint() -> None:
    without = {op.name for op, entry in STRUCTURAL.items() if entry.pullback is None}
    sizes = {"size", "run_size", "same_size"}
    factored = {"lu_solve", "lu_det"}  # made after differentiation
    assert without == {"constant", "iota", "any", "all", "argsort", "positions"} | sizes | factored
