"""Programs written by hand, and the numbers that gradients are compared with."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node, Program, Region
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make
from codegen_ad.ops.control import BRANCH, LOOP, WHILE, Branch, Loop, While

N, M, K = Dim.symbol("n"), Dim.symbol("m"), Dim.symbol("k")
F8, F4, I8, B1 = DType.FLOAT64, DType.FLOAT32, DType.INT64, DType.BOOL


def f8(*shape: Dim | int) -> ArrayType:
    return ArrayType(F8, tuple(make.as_dim(d) for d in shape))


def i8(*shape: Dim | int) -> ArrayType:
    return ArrayType(I8, tuple(make.as_dim(d) for d in shape))


def program(build: Callable[..., Node | Sequence[Node]], **inputs: ArrayType) -> Program:
    """The program of `build(b, *inputs)`."""
    b = Builder()
    nodes = [b.input(name, type) for name, type in inputs.items()]
    outputs = build(b, *nodes)
    outputs = (outputs,) if isinstance(outputs, Node) else tuple(outputs)
    names = ("value",) if len(outputs) == 1 else tuple(f"out{k}" for k in range(len(outputs)))
    return Program("f", tuple(nodes), outputs, names, b.notes)


def const(b: Builder, value: float, dtype: DType = F8) -> Node:
    return make.constant(b, value, dtype)


def ap(b: Builder, name: str, *args: Node | float) -> Node:
    nodes = [a for a in args if isinstance(a, Node) and a.array.dtype is not B1]
    dtype = nodes[0].array.dtype if nodes else F8
    return make.apply(b, name, *(a if isinstance(a, Node) else const(b, a, dtype) for a in args))


def loop(
    b: Builder,
    trip: Node,
    length: Dim,
    carried: Sequence[Node],
    body: Callable[..., tuple[Sequence[Node], Sequence[Node]]],
) -> list[Node]:
    """Results of `for i in range(trip)`; `body(i, *carried)` gives next and stacked values."""
    with b.scope() as scope:
        i = scope.input("i", i8())
        own = [scope.input(b.notes.names.get(c, "c"), c.array) for c in carried]
        after, stacked = body(i, *own)
        outputs, captured = scope.close([*after, *stacked])
    region = b.enclose((i, *own), outputs, captured)
    params = Loop(len(carried), len(stacked), length, region)
    return list(b.results(b.node(LOOP, (trip, *carried, *captured), params)))


def while_(
    b: Builder,
    length: str,
    carried: Sequence[Node],
    cond: Callable[..., Node],
    body: Callable[..., Sequence[Node]],
) -> list[Node]:
    """Results of `while cond(*carried)`: the final values, and how many times it ran."""
    with b.scope() as scope:
        own = [scope.input("c", c.array) for c in carried]
        outputs, captured = scope.close([cond(*own), *body(*own)])
    region = b.enclose(own, outputs, captured)
    inputs = [b.input("c", i.array) for i in region.inputs]
    with b.scope():
        test = b.substitute(region.outputs[:1], dict(zip(region.inputs, inputs, strict=True)))
    params = While(
        len(carried),
        0,
        Dim.symbol(length),
        Region(tuple(inputs), tuple(test)),
        Region(region.inputs, region.outputs[1:]),
    )
    return list(b.results(b.node(WHILE, (*carried, *captured), params)))


def branch(
    b: Builder,
    condition: Node,
    then: Callable[[], Sequence[Node]],
    otherwise: Callable[[], Sequence[Node]],
) -> list[Node]:
    """Results of `if condition`."""
    sides: list[Sequence[Node]] = []
    captured: list[Node] = []
    for side in (then, otherwise):
        with b.scope() as scope:
            outputs, needs = scope.close(side())
        sides.append(outputs)
        captured += [n for n in needs if n not in captured]
    regions = [b.enclose((), outputs, captured) for outputs in sides]
    return list(b.results(b.node(BRANCH, (condition, *captured), Branch(*regions))))


def total(b: Builder, x: Node) -> Node:
    return make.sum_(b, x, tuple(range(x.array.rank)))


def numeric_gradient(
    program: Program, values: Sequence[Any], position: int, sizes: Any = None
) -> Any:
    """Central differences of the first output in one input."""
    x = np.asarray(values[position], float)
    result = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        ends: list[Any] = []
        for sign in (1, -1):
            moved = x.copy()
            step = 1e-6 * max(1.0, abs(moved[place]))
            moved[place] += sign * step
            changed = [*values[:position], moved, *values[position + 1 :]]
            ends.append(evaluate(program, changed, sizes)[0])
        result[place] = (ends[0] - ends[1]) / (2 * step)
    return result
