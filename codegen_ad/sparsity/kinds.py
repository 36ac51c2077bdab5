"""What each element of an operation's result depends on: one function for each kind of operation.

The answer may hold too much, never too little. Movements, gathers and writes move vertices as they
move numbers, by the same NumPy function; sums and products join them. Where a position is not known
before the run, every place along its axis is taken for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.errors import InternalError
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import ELEMENTWISE, STRUCTURAL
from codegen_ad.ops.entry import Array, Sizes
from codegen_ad.ops.indexing import Scatter, Update
from codegen_ad.ops.movement import Axis, slices_of
from codegen_ad.ops.reduction import Contract, Reduce
from codegen_ad.sparsity.graph import Graph, Vertices


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a value before the run.

    Attributes
    ----------
    vertices : of its elements, in its shape; None where none depends on anything.
    number : the value itself, where neither floating point data nor what is differentiated is in
        it.
    """

    vertices: Vertices | None = None
    number: Array | None = None


def shape_of(dims: Sequence[Dim], sizes: Sizes) -> tuple[int, ...]:
    """The shape as numbers."""
    return tuple(d.evaluate(sizes) for d in dims)


def _full(node: Node, value: Known, sizes: Sizes) -> Vertices:
    """The vertices of a value, zeros where it depends on nothing."""
    if value.vertices is not None:
        return value.vertices
    return np.zeros(shape_of(node.array.shape, sizes), np.int64)


def _every(node: Node, args: Sequence[Known], sizes: Sizes) -> list[Vertices]:
    return [_full(a, v, sizes) for a, v in zip(node.args, args, strict=True)]


def elementwise(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """All arguments at the same place that the operation has a derivative in."""
    found: Vertices | None = None
    for arg, is_used in zip(args, _has_derivatives(node), strict=True):
        if is_used and arg.vertices is not None:
            found = arg.vertices if found is None else graph.both(found, arg.vertices)
    if found is None:
        return np.zeros((), np.int64)
    return np.broadcast_to(found, shape_of(node.array.shape, sizes)) if node.array.shape else found


def _has_derivatives(node: Node) -> list[bool]:
    """For each argument, whether the result has a derivative in it anywhere."""
    if node.op in ELEMENTWISE:
        entry = ELEMENTWISE[node.op]
        if entry.partials is not None:
            return [text not in ("", "0") for text in entry.partials]
        return [entry.differentiable] * len(node.args)
    pullback = STRUCTURAL[node.op].pullback
    if pullback is None:
        return [False] * len(node.args)
    b = Builder()
    return [g is not None for g in pullback(b, node, b.input("g", node.array))]


def movement(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """The same vertices in other places."""
    return STRUCTURAL[node.op].evaluate(_every(node, args, sizes), node.params, sizes)


def reduce(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """All elements along the axes that go away."""
    assert isinstance(node.params, Reduce)
    (vertices,) = _every(node, args, sizes)
    return np.squeeze(graph.along(vertices, node.params.axes), node.params.axes)


def contract(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """Of each operand, all elements with the labels of the result's element."""
    params = node.params
    assert isinstance(params, Contract)
    found = np.zeros((), np.int64)
    for labels, arg in zip(params.operands, args, strict=True):
        if arg.vertices is None:
            continue
        gone = tuple(k for k, label in enumerate(labels) if label not in params.output)
        rest = [label for label in labels if label in params.output]
        left = np.squeeze(graph.along(arg.vertices, gone), gone)
        left = left.transpose([rest.index(label) for label in params.output if label in rest])
        absent = tuple(k for k, label in enumerate(params.output) if label not in rest)
        found = graph.both(found, np.expand_dims(left, absent))
    return np.broadcast_to(found, shape_of(node.array.shape, sizes))


def gather(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """The vertices that are read; where an index is not known, all along its axis."""
    source = _full(node.args[0], args[0], sizes)
    places, unknown = _places(node.args[1:], args[1:], sizes, source.shape)
    read = graph.along(source, unknown) if unknown else source
    return STRUCTURAL[node.op].evaluate([read, *places], node.params, sizes)


def scatter(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """What is written, and what stands elsewhere; with an index not known, both together."""
    assert isinstance(node.params, Scatter)
    target, values = _every(node, args, sizes)[:2]
    places, unknown = _places(node.args[2:], args[2:], sizes, target.shape)
    if not unknown and not node.params.accumulate:
        return STRUCTURAL[node.op].evaluate([target, values, *places], node.params, sizes)
    kept = tuple(1 if a in unknown else s for a, s in enumerate(target.shape))
    numbers = np.arange(np.prod(kept, dtype=np.int64)).reshape(kept)
    return _joined(graph, target, values, numbers[tuple(places)], kept)


def update(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """What is written, and what stands elsewhere."""
    assert isinstance(node.params, Update)
    target, values = _every(node, args, sizes)
    if not node.params.accumulate:
        return STRUCTURAL[node.op].evaluate([target, values], node.params, sizes)
    numbers = np.arange(target.size).reshape(target.shape)
    places = numbers[slices_of(node.params.spans, sizes)]
    return _joined(graph, target, values, places, target.shape)


def _joined(
    graph: Graph, target: Vertices, values: Vertices, places: Array, kept: tuple[int, ...]
) -> Vertices:
    """The target with what is written at places of an array of shape `kept`, which broadcasts."""
    count = int(np.prod(kept, dtype=np.int64))
    groups = np.broadcast_to(places, values.shape)
    return graph.both(target, graph.grouped(values, groups, count).reshape(kept))


def _places(
    nodes: Sequence[Node], indices: Sequence[Known], sizes: Sizes, shape: tuple[int, ...]
) -> tuple[list[Array], tuple[int, ...]]:
    """The indices, zeros for those not known, and the axes of these, which shrink to size 1."""
    places: list[Array] = []
    unknown: list[int] = []
    for axis, (node, index) in enumerate(zip(nodes, indices, strict=True)):
        number, length = index.number, shape[axis]
        # What does not fit is for the kernel to refuse, where it runs at all.
        if number is None or ((number < -length) | (number >= length)).any():
            unknown.append(axis)
            number = np.zeros(shape_of(node.array.shape, sizes), np.int64)
        places.append(number)
    return places, tuple(unknown)


def scan(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """All elements up to the same place."""
    assert isinstance(node.params, Axis)
    (vertices,) = _every(node, args, sizes)
    return graph.before(vertices, node.params.axis)


def linalg(graph: Graph, node: Node, args: Sequence[Known], sizes: Sizes) -> Vertices:
    """All of the same matrices in a stack, which stand on the leading axes; without the rest.

    It broadcasts to each of the results.
    """
    rank = node.args[0].array.rank - 2
    found = np.zeros((), np.int64)
    for vertices in _every(node, args, sizes):
        inner = tuple(range(rank, vertices.ndim))
        found = graph.both(found, np.squeeze(graph.along(vertices, inner), inner))
    return found


def everything(graph: Graph, vertices: Sequence[Vertices]) -> Vertices:
    """One vertex that depends on all of these."""
    flat = np.concatenate([np.zeros(0, np.int64), *(v.ravel() for v in vertices)])
    return graph.grouped(flat, np.zeros(len(flat), np.int64), 1).reshape(())


Rule = Callable[[Graph, Node, Sequence[Known], Sizes], Vertices]

RULES: dict[Kind, Rule] = {
    Kind.ELEMENTWISE: elementwise,
    Kind.REDUCE: reduce,
    Kind.CONTRACT: contract,
    Kind.MOVEMENT: movement,
    Kind.GATHER: gather,
    Kind.SCATTER: scatter,
    Kind.UPDATE: update,
    Kind.SCAN: scan,
    Kind.LINALG: linalg,
}
"""Kinds that are not here hold no floating point number, or regions."""


def dependences(
    graph: Graph, node: Node, args: Sequence[Known], shapes: Sequence[tuple[int, ...]], sizes: Sizes
) -> list[Vertices]:
    """The vertices of each of a node's results, of these shapes."""
    rule = RULES.get(node.op.kind)
    if rule is None:
        raise InternalError(f"what {node} depends on is not known")
    found: Any = rule(graph, node, args, sizes)
    if node.op.kind is Kind.LINALG:
        return [
            np.broadcast_to(found.reshape(found.shape + (1,) * (len(s) - found.ndim)), s)
            for s in shapes
        ]
    return [np.asarray(found)]
