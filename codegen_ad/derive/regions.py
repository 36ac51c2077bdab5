"""Loops whose bodies are written as functions of their carried values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops.control import LOOP, WHILE, Loop, While

Named = tuple[str, Node]
"""A first value, and what it is called while it is carried."""


def named(b: Builder, nodes: Sequence[Node]) -> list[Named]:
    """The nodes with their own names."""
    return [(b.notes.names.get(node, "value"), node) for node in nodes]


def loop_of(
    b: Builder,
    trip: Node,
    length: Dim,
    init: Sequence[Named],
    step: Callable[[Node, Sequence[Node]], tuple[Sequence[Node], Sequence[Node]]],
    index: str = "j",
) -> list[Node]:
    """The results of `for index in range(trip)`: the last carried values, then the stacks.

    `step(index, carried)` gives the next carried values, and those to stack. It may use outer
    values: they are captured.
    """
    with b.scope() as scope:
        i = scope.input(index, ArrayType(DType.INT64))
        own = [scope.input(name, node.array) for name, node in init]
        carried, stacked = step(i, own)
        outputs, captured = scope.close([*carried, *stacked])
    with b.at(None, gradient=False):
        region = b.enclose((i, *own), outputs, captured)
    params = Loop(len(init), len(stacked), length, region)
    return list(b.results(b.node(LOOP, (trip, *(n for _, n in init), *captured), params)))


def while_of(
    b: Builder,
    length: Dim,
    init: Sequence[Named],
    test: Callable[[Sequence[Node]], Node],
    step: Callable[[Sequence[Node]], Sequence[Node]],
) -> list[Node]:
    """The last carried values of `while test(carried)`; `length` names the number of trips."""
    with b.scope() as scope:
        own = [scope.input(name, node.array) for name, node in init]
        outputs, captured = scope.close(step(own))
    with b.scope() as around:
        tested = [around.input(name, node.array) for name, node in init]
        condition, more = around.close([test(tested)])
    both = list(dict.fromkeys([*captured, *more]))
    with b.at(None, gradient=False):
        body = b.enclose(own, outputs, both)
        cond = b.enclose(tested, condition, both)
    params = While(len(init), 0, length, cond, body)
    made = b.node(WHILE, (*(n for _, n in init), *both), params)
    return list(b.results(made))[: len(init)]
