"""How one element of a node depends on elements of its arguments: index arithmetic, nothing else.

`access(node, index)` is one step. Movements vanish here; what can't be expressed as index
arithmetic raises `NeedsStorage`, and the planner gives that node (or its argument) a buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import Shape
from codegen_ad.ops.constants import IOTA
from codegen_ad.ops.indexing import Update
from codegen_ad.ops.movement import (
    BROADCAST_TO,
    CONCATENATE,
    RESHAPE,
    SLICE,
    TRANSPOSE,
    Axis,
    Order,
    Span,
    Spans,
)
from codegen_ad.ops.reduction import Contract, Reduce

UNROLL = 8
"""Axes of a constant size up to this are written out instead of looped over."""

Point = tuple[Dim, ...]


class NeedsStorage(Exception):
    """A node must stand in memory before its elements can be used as asked."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.op.name)
        self.node = node


@dataclass(frozen=True, slots=True)
class Same:
    """The element is one element of an argument."""

    node: Node
    point: Point


@dataclass(frozen=True, slots=True)
class Pointwise:
    """The element is the operation applied to these elements."""

    operands: tuple[tuple[Node, Point], ...]


@dataclass(frozen=True, slots=True)
class Reduction:
    """The element is a reduction of a product of operands over further axes.

    `extents` are the sizes of the reduced axes; `operands_at(point)` gives the elements at one
    point.
    """

    how: str
    node: Node
    point: Point
    extents: Shape

    def operands_at(self, reduced: Point) -> tuple[tuple[Node, Point], ...]:
        """The elements multiplied together at one point of the reduced axes."""
        params = self.node.params
        if isinstance(params, Contract):
            values = dict(zip(params.output, self.point, strict=True))
            values.update(zip(summed_labels(params), reduced, strict=True))
            return tuple(
                (arg, clamp(arg, tuple(values[label] for label in labels)))
                for arg, labels in zip(self.node.args, params.operands, strict=True)
            )
        assert isinstance(params, Reduce)
        (source,) = self.node.args
        kept, gone = iter(self.point), iter(reduced)
        point = tuple(
            next(gone) if a in params.axes else next(kept) for a in range(source.array.rank)
        )
        return ((source, clamp(source, point)),)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The element is `source[indices, rest]`, the indices being elements of integer nodes."""

    source: Node
    indices: tuple[tuple[Node, Point], ...]
    rest: Point


@dataclass(frozen=True, slots=True)
class Added:
    """The element is the sum of these elements."""

    operands: tuple[tuple[Node, Point], ...]


@dataclass(frozen=True, slots=True)
class Scattered:
    """The element of a scatter in which every row is written once, by itself.

    It is `target`, or `value` (added to it, where the scatter accumulates), where all `places` are
    met: pairs of an index element and the position that it has to be.
    """

    target: tuple[Node, Point]
    value: tuple[Node, Point]
    places: tuple[tuple[tuple[Node, Point], Dim], ...]


Access = Same | Pointwise | Reduction | Gathered | Added | Scattered


def summed_labels(params: Contract) -> list[int]:
    """The labels a contraction sums over, in order of appearance."""
    labels: list[int] = []
    for operand in params.operands:
        labels += [x for x in operand if x not in params.output and x not in labels]
    return labels


def clamp(node: Node, point: Point) -> Point:
    """The point with 0 on every axis of size 1."""
    return tuple(ZERO if dim == ONE else p for dim, p in zip(node.array.shape, point, strict=True))


def aligned(node: Node, point: Point) -> Point:
    """The point of `node` that broadcasting reads for `point` of the result."""
    rank = node.array.rank
    return clamp(node, point[len(point) - rank :])


def is_unrolled(dim: Dim) -> bool:
    """Whether loops over this axis are written out."""
    return dim.is_constant and dim.value <= UNROLL


def unrolled_points(shape: Shape) -> Iterator[Point]:
    """All points of a shape whose axes are unrolled."""
    return (tuple(Dim.constant(i) for i in p) for p in product(*(range(d.value) for d in shape)))


def access(node: Node, point: Point) -> Access:
    """What the element of `node` at `point` is made of.

    Raises
    ------
    NeedsStorage
        If the answer depends on the values of indices that only the run knows.
    """
    match node.op.kind:
        case Kind.ELEMENTWISE:
            return Pointwise(tuple((a, aligned(a, point)) for a in node.args))
        case Kind.MOVEMENT:
            return _moved(node, point)
        case Kind.SIZE:
            return Pointwise(tuple((a, ()) for a in node.args))
        case Kind.REDUCE:
            assert isinstance(node.params, Reduce)
            shape = node.args[0].array.shape
            return Reduction(node.op.name, node, point, tuple(shape[a] for a in node.params.axes))
        case Kind.CONTRACT:
            assert isinstance(node.params, Contract)
            sizes = {
                label: dim
                for arg, labels in zip(node.args, node.params.operands, strict=True)
                for label, dim in zip(labels, arg.array.shape, strict=True)
            }
            extents = tuple(sizes[label] for label in summed_labels(node.params))
            return Reduction("sum", node, point, extents)
        case Kind.GATHER:
            source, *indices = node.args
            rank = node.array.rank - (source.array.rank - len(indices))
            head, rest = point[:rank], point[rank:]
            return Gathered(
                source,
                tuple((i, aligned(i, head)) for i in indices),
                clamp_rest(source, rest, len(indices)),
            )
        case Kind.UPDATE:
            return _updated(node, point)
        case Kind.SCATTER if is_by_rows(node):
            target, values, _, *rest = node.args
            row, count = point[0], len(rest)
            places = tuple(((i, (row,)), point[1 + k]) for k, i in enumerate(rest))
            value = clamp(values, (row, *point[1 + count :]))
            return Scattered((target, clamp(target, point)), (values, value), places)
        case _:
            raise NeedsStorage(node)


def behind(
    node: Node, point: Point, stands: Callable[[Node, Point], bool]
) -> tuple[Node, Point] | None:
    """The element of a node that `stands` which an element is: its own, or what it is a view of."""
    while not stands(node, point):
        try:
            step = access(node, point)
        except NeedsStorage:
            return None
        if not isinstance(step, Same):
            return None
        node, point = step.node, step.point
    return node, point


def clamp_rest(source: Node, rest: Point, skip: int) -> Point:
    """`rest` with 0 on the axes of size 1 behind the first `skip` axes of `source`."""
    shape = source.array.shape[skip:]
    return tuple(ZERO if d == ONE else p for d, p in zip(shape, rest, strict=True))


def is_by_rows(node: Node) -> bool:
    """Whether a scatter's first index counts the rows, so that each row is written once."""
    target, _, first, *rest = node.args
    counts = first.op is IOTA and first.array.shape[0] == target.array.shape[0]
    return counts and all(i.array.shape == first.array.shape for i in rest)


def _moved(node: Node, point: Point) -> Access:
    (source, *_) = node.args
    if node.op is TRANSPOSE:
        assert isinstance(node.params, Order)
        place = dict(zip(node.params.axes, point, strict=True))
        return Same(source, tuple(place[a] for a in range(source.array.rank)))
    if node.op is BROADCAST_TO:
        return Same(source, aligned(source, point))
    if node.op is SLICE:
        assert isinstance(node.params, Spans)
        return Same(
            source,
            clamp(
                source,
                tuple(s.start + p * s.step for s, p in zip(node.params.spans, point, strict=True)),
            ),
        )
    if node.op is RESHAPE:
        return _reshaped(node, source, point)
    if node.op is CONCATENATE:
        return _concatenated(node, point)
    raise NeedsStorage(node)


def _reshaped(node: Node, source: Node, point: Point) -> Access:
    old, new = source.array.shape, node.array.shape
    if [d for d in old if d != ONE] == [d for d in new if d != ONE]:
        kept = iter([p for p, d in zip(point, new, strict=True) if d != ONE])
        return Same(source, tuple(ZERO if d == ONE else next(kept) for d in old))
    if all(d.is_constant for d in old) and all(p.is_constant for p in point):
        flat = 0
        for p, d in zip(point, new, strict=True):
            flat = flat * d.value + p.value
        back: list[Dim] = []
        for d in reversed(old):
            back.append(Dim.constant(flat % d.value))
            flat //= d.value
        return Same(source, tuple(reversed(back)))
    same = 0  # last axes that stay as they are
    while same < len(old) - 1 and same < len(new) and old[-1 - same] == new[-1 - same]:
        same += 1
    if len(old) - same == 1:
        # Splitting one axis needs no division: the flat index is a polynomial.
        split = len(new) - same
        flat_index = joined(point[:split], new[:split])
        return Same(source, (flat_index, *point[split:]))
    raise NeedsStorage(node)


def joined(point: Point, shape: Shape) -> Dim:
    """The place of a point among all points of a shape, in C order."""
    place = ZERO
    for p, d in zip(point, shape, strict=True):
        place = place * d + p
    return place


def merged(old: Shape, new: Shape) -> list[Sequence[int]] | None:
    """For each axis of a new shape the axes of the old one that it joins; None if it splits any."""
    groups: list[Sequence[int]] = []
    first = 0
    for size in new:
        last, found = first, ONE
        while found != size:
            if last == len(old):
                return None
            found = found * old[last]
            last += 1
        groups.append(range(first, last))
        first = last
    return groups if all(d == ONE for d in old[first:]) else None


def _concatenated(node: Node, point: Point) -> Access:
    assert isinstance(node.params, Axis)
    axis = node.params.axis
    offset = ZERO
    for part in node.args:
        length = part.array.shape[axis]
        inside = point[axis] - offset
        before_end = length - 1 - inside
        if not inside.is_constant or not before_end.is_constant or inside.value < 0:
            raise NeedsStorage(node)
        if before_end.value >= 0:
            return Same(part, clamp(part, (*point[:axis], inside, *point[axis + 1 :])))
        offset = offset + length
    raise NeedsStorage(node)


def _updated(node: Node, point: Point) -> Access:
    assert isinstance(node.params, Update)
    target, values = node.args
    inside: list[Dim] = []
    for p, dim, span in zip(point, target.array.shape, node.params.spans, strict=True):
        where = _position_in(p, dim, span)
        if where is None:
            raise NeedsStorage(node)
        if where is OUTSIDE:
            return Same(target, point)
        inside.append(where)
    place = clamp(values, tuple(inside))
    if node.params.accumulate:
        return Added(((target, point), (values, place)))
    return Same(values, place)


OUTSIDE = Dim.symbol("outside")


def _position_in(p: Dim, dim: Dim, span: Span) -> Dim | None:
    """The position of `p` in the span, `OUTSIDE`, or None where only the run knows."""
    if span.start == ZERO and span.step == 1 and span.length == dim:
        return p
    if span.start.is_constant and span.length.is_constant and p.is_constant:
        offset = p.value - span.start.value
        steps, rest = divmod(offset, span.step)
        return Dim.constant(steps) if rest == 0 and 0 <= steps < span.length.value else OUTSIDE
    return None
