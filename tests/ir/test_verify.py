"""The verifier: a sound program passes, and each way of being malformed is found."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from codegen_ad.ir.builder import INPUT, Builder, Input
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node, Program, Region
from codegen_ad.ir.types import ArrayType, DType, TupleType
from codegen_ad.ir.verify import InvalidProgram, verify
from codegen_ad.ops import BY_NAME, make
from codegen_ad.ops.control import BRANCH, LOOP, Branch, Loop
from codegen_ad.ops.movement import TRANSPOSE, Order
from codegen_ad.ops.reduction import SUM, Reduce

N = Dim.symbol("n")
SCALAR = ArrayType(DType.FLOAT64)
INTEGER = ArrayType(DType.INT64)
VECTOR = ArrayType(DType.FLOAT64, (N,))
ADD = BY_NAME["add"]


class Parts:
    """The parts of a sound program: `for i in range(n): u = u + x`, and its sum."""

    def __init__(self) -> None:
        self.b = b = Builder()
        self.x = b.input("x", VECTOR)
        self.stranger = b.input("stranger", VECTOR)
        with b.scope() as scope:
            self.i = scope.input("i", INTEGER)
            self.u = scope.input("u", VECTOR)
            outputs, captured = scope.close([make.add(b, self.u, self.x)])
        self.captured = captured
        self.body = b.enclose(scope.inputs, outputs, captured)
        self.loop = self.around(self.body)
        (self.last,) = b.results(self.loop)
        self.total = make.sum_(b, self.last, [0])

    def around(self, body: Region) -> Node:
        """A loop around this body, whatever is wrong with it."""
        args = (make.size(self.b, N), self.x, *self.captured)
        return Node(LOOP, args, Loop(1, 0, N, body), TupleType((VECTOR,)))

    def program(self, *outputs: Node) -> Program:
        names = tuple(f"out_{i}" for i in range(len(outputs)))
        return Program("loss", (self.x,), outputs, names, self.b.notes)


def test_a_sound_program_passes() -> None:
    p = Parts()
    verify(p.program(p.total, p.last, p.x))


def undeclared_input(p: Parts) -> Program:
    return p.program(make.add(p.b, p.x, p.stranger))


def input_of_the_wrong_op(p: Parts) -> Program:
    return replace(p.program(p.total), inputs=(p.x, p.total))


def input_declared_twice(p: Parts) -> Program:
    return replace(p.program(p.total), inputs=(p.x, p.x))


def inputs_that_are_equal(p: Parts) -> Program:
    twin = Node(INPUT, (), p.x.params, VECTOR)
    return replace(p.program(p.total), inputs=(p.x, twin))


def input_of_another_type(p: Parts) -> Program:
    wrong = Node(INPUT, (), Input("w", 99, VECTOR), SCALAR)
    return replace(p.program(p.total), inputs=(p.x, wrong))


def names_missing(p: Parts) -> Program:
    return replace(p.program(p.total), output_names=())


def names_repeated(p: Parts) -> Program:
    return replace(p.program(p.total, p.x), output_names=("y", "y"))


def wrong_type(p: Parts) -> Program:
    return p.program(Node(ADD, (p.x, p.x), None, SCALAR))


def wrong_arguments(p: Parts) -> Program:
    return p.program(Node(ADD, (p.x,), None, VECTOR))


def wrong_dtype(p: Parts) -> Program:
    return p.program(Node(ADD, (p.x, make.size(p.b, N)), None, VECTOR))


def wrong_parameters(p: Parts) -> Program:
    return p.program(Node(SUM, (p.x,), Order((0,)), SCALAR))


def wrong_axis(p: Parts) -> Program:
    return p.program(Node(SUM, (p.x,), Reduce((3,)), SCALAR))


def too_many_arguments(p: Parts) -> Program:
    return p.program(Node(TRANSPOSE, (p.x, p.x), Order((0,)), VECTOR))


def twins(p: Parts) -> Program:
    one, other = (Node(ADD, (p.x, p.x), None, VECTOR) for _ in range(2))
    return p.program(one, other)


def twins_in_a_region(p: Parts) -> Program:
    one, other = (Node(ADD, (p.u, p.u), None, VECTOR) for _ in range(2))
    total = Node(ADD, (one, other), None, VECTOR)
    return p.program(*p.b.results(p.around(replace(p.body, outputs=(total,)))))


def several_results_as_one(p: Parts) -> Program:
    return p.program(Node(ADD, (p.loop, p.loop), None, VECTOR))


def several_results_as_output(p: Parts) -> Program:
    return p.program(p.loop)


def region_that_is_open(p: Parts) -> Program:
    leak = make.add(p.b, p.u, p.x)
    return p.program(*p.b.results(p.around(replace(p.body, outputs=(leak,)))))


def region_that_takes_other_types(p: Parts) -> Program:
    fewer = replace(p.body, inputs=p.body.inputs[:-1], outputs=(p.u,))
    return p.program(*p.b.results(p.around(fewer)))


def carried_value_that_changes_type(p: Parts) -> Program:
    total = make.sum_(p.b, p.u, [0])
    return p.program(*p.b.results(p.around(replace(p.body, outputs=(total,)))))


def wrong_type_deep_inside(p: Parts) -> Program:
    wrong = Node(ADD, (p.u, p.u), None, SCALAR)
    hidden = Node(ADD, (wrong, p.u), None, VECTOR)
    return p.program(*p.b.results(p.around(replace(p.body, outputs=(hidden,)))))


def sides_that_differ(p: Parts) -> Program:
    flag = make.apply(p.b, "less", make.size(p.b, N), make.size(p.b, 3))
    one = Region((), (make.constant(p.b, 1.0),))
    two = Region((), (make.constant(p.b, 1, DType.INT64),))
    good = p.b.node(BRANCH, (flag,), Branch(one, one))
    return p.program(*p.b.results(Node(BRANCH, (flag,), Branch(one, two), good.type)))


@pytest.mark.parametrize(
    ("malformed", "message"),
    [
        (undeclared_input, r"loss: Input\(name='stranger', .* is used but not declared"),
        (input_of_the_wrong_op, "loss: inputs must be distinct input nodes"),
        (input_declared_twice, "loss: inputs must be distinct input nodes"),
        (inputs_that_are_equal, "loss: input exists twice"),
        (input_of_another_type, r"loss: input is f8\[n\], not f8"),
        (names_missing, "outputs and their names differ in number"),
        (names_repeated, r"two outputs have one name: \('y', 'y'\)"),
        (wrong_type, r"loss: add is f8\[n\], not f8"),
        (wrong_arguments, "loss: add is mistyped: .*takes 2 arguments, got 1"),
        (wrong_dtype, "loss: add is mistyped: .*mixes dtypes f8, i8"),
        (wrong_parameters, "loss: sum is mistyped: AssertionError"),
        (wrong_axis, r"loss: sum is mistyped: .*axis out of range for f8\[n\]"),
        (too_many_arguments, "loss: transpose is mistyped: ValueError"),
        (twins, "loss: add exists twice"),
        (twins_in_a_region, r"loss/loop\[0\]: add exists twice"),
        (several_results_as_one, "loss: add takes several results as one value"),
        (several_results_as_output, "loss: an output has several results"),
        (region_that_is_open, r"loss/loop\[0\]: Input\(name='x', .* is used but not declared"),
        (region_that_takes_other_types, "loss: loop is mistyped: .*region takes"),
        (carried_value_that_changes_type, "loss: loop is mistyped: .*carried values change type"),
        (wrong_type_deep_inside, r"loss/loop\[0\]: add is f8\[n\], not f8"),
        (sides_that_differ, "loss: branch is mistyped: .*yield different types"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_malformed_program_is_found(malformed: Callable[[Parts], Program], message: str) -> None:
    with pytest.raises(InvalidProgram, match=message):
        verify(malformed(Parts()))
