"""How long a program is, and how much of it the planner would write out, element by element."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from codegen_ad.ir.node import Node, Program, toposort
from codegen_ad.ir.types import ArrayType, TupleType, Type
from codegen_ad.plan.access import is_unrolled


def most_written_out(program: Program) -> int:
    """How many statements the planner would write for the elements of one array, at the most."""
    sizes = (_elements(node.type) for node in _all_nodes(program.results))
    return max(sizes, default=0)


def count_nodes(program: Program) -> int:
    """How many operations a program has, those of its regions among them."""
    return sum(1 for _ in _all_nodes(program.results))


def _all_nodes(results: Iterable[Node]) -> Iterator[Node]:
    """All nodes that results are made of, and those in their regions."""
    for node in toposort(tuple(results)):
        yield node
        for region in node.regions:
            yield from _all_nodes(region.outputs)


def _elements(type_: Type) -> int:
    match type_:
        case ArrayType(shape=shape):
            return prod(dim.value for dim in shape if is_unrolled(dim))
        case TupleType(items=items):
            return max(map(_elements, items), default=0)
        case _:
            return 1
