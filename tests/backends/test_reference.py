"""The reference backend: each kind of node run in NumPy, sizes bound, dtypes kept."""

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.errors import InternalError, InvalidArgument
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Op, Program, Region
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.ops.control import (
    BRANCH,
    CUSTOM,
    LOOP,
    WHILE,
    Branch,
    Custom,
    Loop,
    While,
)

N, M, K = (Dim.symbol(name) for name in "nmk")
SCALAR = ArrayType(DType.FLOAT64)
INTEGER = ArrayType(DType.INT64)
VECTOR = ArrayType(DType.FLOAT64, (N,))


def program(b: Builder, inputs: list[Node], *outputs: Node) -> Program:
    names = tuple(f"out_{i}" for i in range(len(outputs)))
    made = Program("f", tuple(inputs), outputs, names, b.notes)
    verify(made)
    return made


def test_straight_lines() -> None:
    b = Builder()
    x, m = b.input("x", VECTOR), b.input("m", ArrayType(DType.FLOAT64, (M, N)))
    y = make.apply(b, "exp", x)
    out = make.contract(b, [m, y], [[0, 1], [1]], [0])
    rows = make.multiply(b, make.cast(b, make.iota(b, M), DType.FLOAT64), out)
    total = make.divide(b, make.sum_(b, rows, [0]), make.cast(b, make.size(b, N), DType.FLOAT64))
    values = np.array([0.0, 1.0, -1.0]), np.arange(6.0).reshape(2, 3)
    got = evaluate(program(b, [x, m], out, total), values)
    expected = values[1] @ np.exp(values[0])
    np.testing.assert_allclose(got[0], expected)
    np.testing.assert_allclose(got[1], (np.arange(2) * expected).sum() / 3)


def test_outputs_are_new_arrays() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    given = np.zeros(2)
    first, second = evaluate(program(b, [x], x, make.broadcast_to(b, x, (M, N))), [given], {"m": 2})
    first += 1
    second += 1
    assert not given.any()
    assert second.tolist() == [[1, 1], [1, 1]]


def test_results_have_the_dtype_of_their_node() -> None:
    b = Builder()
    x = b.input("x", ArrayType(DType.FLOAT32, (N,)))
    k = b.input("k", ArrayType(DType.INT32))
    outputs = (make.apply(b, "erf", x), make.apply(b, "expit", x), make.sum_(b, x, [0]),
               make.apply(b, "less", x, x), make.cast(b, k, DType.INT8))  # fmt: skip
    got = evaluate(program(b, [x, k], *outputs), [[0.5, 1.0], 300])
    assert [str(a.dtype) for a in got] == ["float32", "float32", "float32", "bool", "int8"]
    assert got[-1] == 44


def test_warnings_are_silent_and_nan_stays() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    zero = make.subtract(b, x, x)
    (got,) = evaluate(program(b, [x], make.divide(b, zero, zero)), [[1.0]])
    assert np.isnan(got[0])


def cumulative(b: Builder, x: Node, trip: Node, length: Dim) -> tuple[Node, Node]:
    """Sum of the first `trip` elements, and the sums before each of them."""
    with b.scope() as scope:
        i, total = scope.input("i", INTEGER), scope.input("total", SCALAR)
        outputs, captured = scope.close([make.add(b, total, make.gather(b, x, i)), total])
    body = b.enclose(scope.inputs, outputs, captured)
    start = make.constant(b, 0.0)
    first, second = b.results(b.node(LOOP, (trip, start, *captured), Loop(1, 1, length, body)))
    return first, second


def test_a_loop() -> None:
    b = Builder()
    x = b.input("x", VECTOR)
    made = program(b, [x], *cumulative(b, x, make.size(b, N), N))
    total, before = evaluate(made, [[1.0, 2.0, 3.0]])
    assert total == 6.0
    assert before.tolist() == [0.0, 1.0, 3.0]
    total, before = evaluate(made, [[]])
    assert total == 0.0
    assert before.shape == (0,)


def test_a_loop_binds_its_length() -> None:
    b = Builder()
    x, trip = b.input("x", VECTOR), b.input("trip", INTEGER)
    total, before = cumulative(b, x, trip, K)
    # Both read `k` and come before the loop in the order of arguments.
    size, rows = make.size(b, 2 * K), make.add(b, make.iota(b, K), make.size(b, K))
    made = program(b, [x, trip], rows, size, total, before)
    got = evaluate(made, [[1.0, 2.0, 3.0], 2])
    assert [a.tolist() for a in got] == [[2, 3], 4, 3.0, [0.0, 1.0]]
    assert evaluate(made, [[1.0], -2])[1] == 0  # as range(-2)


def test_a_loop_must_run_as_often_as_its_length_says() -> None:
    b = Builder()
    x, trip = b.input("x", VECTOR), b.input("trip", INTEGER)
    made = program(b, [x, trip], *cumulative(b, x, trip, N))
    with pytest.raises(InternalError, match="ran 1 times, not n = 2"):
        evaluate(made, [[1.0, 2.0], 1])


def test_a_while() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    with b.scope() as scope:
        u = scope.input("u", SCALAR)
        outputs, _ = scope.close([make.apply(b, "greater", u, make.constant(b, 1.0))])
    cond = b.enclose(scope.inputs, outputs, ())
    with b.scope() as scope:
        u = scope.input("u", SCALAR)
        outputs, _ = scope.close([make.multiply(b, u, make.constant(b, 0.5)), u])
    body = b.enclose(scope.inputs, outputs, ())
    last, seen, count = b.results(b.node(WHILE, (x,), While(1, 1, K, cond, body)))
    ranks = make.multiply(b, seen, make.cast(b, make.iota(b, K), DType.FLOAT64))
    made = program(b, [x], ranks, last, seen, count)
    got = evaluate(made, [5.0])
    assert [a.tolist() for a in got] == [[0.0, 2.5, 2.5], 0.625, [5.0, 2.5, 1.25], 3]
    assert [a.shape for a in evaluate(made, [0.5])] == [(0,), (), (0,), ()]


def side(b: Builder, name: str, x: Node) -> tuple[Region, list[Node]]:
    """A region around the elementwise operation of that name."""
    with b.scope() as scope:
        outputs, captured = scope.close([make.apply(b, name, x)])
    return b.enclose((), outputs, captured), captured


def test_only_the_branch_taken_runs() -> None:
    b = Builder()
    x, flag = b.input("x", SCALAR), b.input("flag", ArrayType(DType.BOOL))
    good, captured = side(b, "negative", x)
    explode = Op("explode", Kind.CALL, lambda types, _: types[0])  # means nothing in NumPy
    bad = Region(good.inputs, (Node(explode, good.outputs, None, SCALAR),))
    (out,) = b.results(b.node(BRANCH, (flag, *captured), Branch(good, bad)))
    made = program(b, [x, flag], out)
    assert evaluate(made, [2.0, True])[0] == -2.0
    with pytest.raises(InternalError, match="no meaning in NumPy is known for <explode: f8>"):
        evaluate(made, [2.0, False])


def test_a_custom_call_runs_forward() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    forward, captured = side(b, "exp", x)
    forward = Region(forward.inputs, (*forward.outputs, *forward.inputs))
    g, r = b.input("g", SCALAR), b.input("r", SCALAR)
    backward = Region((r, g), (make.multiply(b, g, r),))
    out, kept = b.results(b.node(CUSTOM, captured, Custom("myexp", 1, forward, backward)))
    assert [float(a) for a in evaluate(program(b, [x], out, kept), [0.0])] == [1.0, 0.0]


def test_inputs_that_do_not_fit() -> None:
    b = Builder()
    x, y = b.input("x", VECTOR), b.input("y", ArrayType(DType.FLOAT64, (N + 1,)))
    made = program(b, [x, y], x)
    evaluate(made, [np.zeros(2), np.zeros(3)])
    with pytest.raises(InvalidArgument, match="`f` takes 2 inputs, got 1"):
        evaluate(made, [np.zeros(2)])
    with pytest.raises(InvalidArgument, match=r"shape \(2, 2\) is no f8\[n\]"):
        evaluate(made, [np.zeros((2, 2)), np.zeros(3)])
    with pytest.raises(InvalidArgument, match=r"shape \(4,\) is no f8\[n \+ 1\]: n \+ 1 is 3"):
        evaluate(made, [np.zeros(2), np.zeros(4)])
    with pytest.raises(InvalidArgument, match="n is 7"):
        evaluate(made, [np.zeros(2), np.zeros(3)], {"n": 7})


def test_a_size_without_a_value_is_our_mistake() -> None:
    b = Builder()
    x = b.input("x", SCALAR)
    with pytest.raises(InternalError, match="no value for the sizes that <size: i8> needs"):
        evaluate(program(b, [x], make.size(b, K)), [1.0])
