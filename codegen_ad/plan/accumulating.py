"""Reductions that are added up in memory: the loop over what is summed goes around what is kept.

A reduction to a table of unknown size over the rows of data is one: every row adds to the table.
Inside of a loop over rows so is one whose terms share costly work along the axes that it keeps,
such as the force between two bodies along each axis of space: the work is done once for each pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import Shape
from codegen_ad.ops.costs import COSTLY, COSTS_MORE
from codegen_ad.ops.reduction import Contract, Reduce
from codegen_ad.plan.access import (
    Added,
    NeedsStorage,
    Point,
    Pointwise,
    Reduction,
    Same,
    access,
    is_unrolled,
    summed_labels,
)
from codegen_ad.plan.element import free_points

Rank = Callable[[Dim], int]
"""How far out a loop over a size belongs: 0 is outermost."""


def reduced_extents(node: Node) -> Shape:
    """The sizes of the axes a reduction or contraction sums over."""
    if isinstance(node.params, Reduce):
        return tuple(node.args[0].array.shape[a] for a in node.params.axes)
    assert isinstance(node.params, Contract)
    sizes = {
        label: dim
        for arg, labels in zip(node.args, node.params.operands, strict=True)
        for label, dim in zip(labels, arg.array.shape, strict=True)
    }
    return tuple(sizes[label] for label in summed_labels(node.params))


def accumulates(node: Node, rank: Rank, kept: Iterable[Dim] | None = None) -> bool:
    """Whether a node is a reduction with results of unknown size that sums over the outer loop.

    The sum over the rows of a table is accumulated row by row; a dot product of each row is
    not. `kept` are the sizes that still need a loop, all of the node's if not given.
    """
    if node.op.kind not in (Kind.REDUCE, Kind.CONTRACT):
        return False
    sizes = [d for d in (node.array.shape if kept is None else kept) if not is_unrolled(d)]
    gone = [d for d in reduced_extents(node) if not is_unrolled(d)]
    return bool(gone) and bool(sizes) and min(map(rank, gone)) < min(map(rank, sizes))


def shares_work(
    reduction: Reduction,
    kept: frozenset[str],
    fresh: Callable[[Dim], Dim],
    stands: Callable[[Node, Point], bool],
) -> bool:
    """Whether terms have costly parts that differ along what is summed, not along what is kept.

    `kept` are the symbols of the kept axes that need a loop; `stands` says what is in memory.
    """

    def shared(node: Node, point: Point) -> bool:
        names = {name for dim in point for name in dim.symbols()}
        if names.isdisjoint(kept):
            return not names.isdisjoint(gone) and _is_costly(node, point, stands)
        try:
            step = access(node, point)
        except NeedsStorage:
            return False
        match step:
            case Same(source, there):
                return shared(source, there)
            case Pointwise(operands) | Added(operands):
                return any(shared(arg, there) for arg, there in operands)
            case _:
                return False

    for reduced in free_points(reduction.extents, fresh):
        gone = {name for dim in reduced for name in dim.symbols()}
        if any(shared(arg, there) for arg, there in reduction.operands_at(reduced)):
            return True
    return False


def _is_costly(node: Node, point: Point, stands: Callable[[Node, Point], bool]) -> bool:
    """Whether computing an element takes more than a few products."""
    if stands(node, point) or node.op.kind in (Kind.CONSTANT, Kind.SIZE, INPUT.kind):
        return False
    if node.op.name in COSTLY or node.op.name in COSTS_MORE:
        return True
    try:
        step = access(node, point)
    except NeedsStorage:
        return False
    match step:
        case Same(source, there):
            return _is_costly(source, there, stands)
        case Pointwise(operands) | Added(operands):
            return any(_is_costly(arg, there, stands) for arg, there in operands)
        case Reduction():
            return not all(map(is_unrolled, step.extents))
        case _:
            return False
