"""Cotangents of what a running sum or product reads, where only some of its elements count.

`np.cumsum(x)[k]` is the sum up to `k`: what comes later is no part of it. So nothing counts behind
the last element that counts, along the axis and for each line by itself. Of a product, what comes
later is a factor of the cotangents before it, and is put aside as 1. This module knows nothing of
how it came to be known which elements count.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.derive.placed import Part, Placed, forwards
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import STRUCTURAL, make
from codegen_ad.ops.movement import Axis, Span
from codegen_ad.ops.reduction import MAX, Reduce
from codegen_ad.ops.scan import CUMPROD


def by_slices(b: Builder, node: Node, g: Node, parts: Sequence[Part]) -> Placed | None:
    """The cotangent where slices alone count; None where no slice tells the last element."""
    axis = _axis(node)
    ends = [_end(part, axis) for part in parts]
    first, *others = (tuple(s for a, s in enumerate(part.spans) if a != axis) for part in parts)
    if None in ends or any(spans != first for spans in others):
        return None
    end = _farthest([e for e in ends if e is not None])
    if end is None:
        return None
    spans = (*first[:axis], Span(ZERO, 1, end), *first[axis:])
    x, g = (make.slice_(b, n, spans) for n in (node.args[0], g))
    return Placed((Part(_pulled(b, node, x, g), (), spans),))


def by_condition(b: Builder, node: Node, g: Node, condition: Node) -> tuple[Node, Node]:
    """The cotangent, and where it may be other than zero: up to the last that holds.

    What the cotangent is elsewhere need not be zero.
    """
    (x,), axis = node.args, _axis(node)
    shape = x.array.shape
    condition = make.reshape(
        b,
        condition,
        (*(ONE for _ in range(len(shape) - condition.array.rank)), *condition.array.shape),
    )
    if condition.array.shape[axis] != shape[axis] or shape[axis] == ONE:
        return _pulled(b, node, x, g), condition
    places = make.reshape(
        b, make.iota(b, shape[axis]), tuple(d if a == axis else ONE for a, d in enumerate(shape))
    )
    none = make.constant(b, -1, DType.INT64)
    last = b.node(MAX, (make.where(b, condition, places, none),), Reduce((axis,)))
    inside = make.apply(b, "less_equal", places, make.expand_dims(b, last, axis))
    if node.op is CUMPROD:
        x = make.where(b, inside, x, make.constant(b, 1, x.array.dtype))
    return _pulled(b, node, x, g), inside


def _axis(node: Node) -> int:
    assert isinstance(node.params, Axis)
    return node.params.axis


def _pulled(b: Builder, node: Node, x: Node, g: Node) -> Node:
    pullback = STRUCTURAL[node.op].pullback
    assert pullback is not None
    (result,) = pullback(b, b.node(node.op, (x,), node.params), g)
    assert result is not None
    return result


def _end(part: Part, axis: int) -> Dim | None:
    """Where the last element of a slice ends; None where places are numbers, or a step is long."""
    if not part.spans or abs(part.spans[axis].step) != 1:
        return None
    span = forwards(part.spans[axis])
    return span.start + span.length


def _farthest(ends: Sequence[Dim]) -> Dim | None:
    """The largest of some sizes; None if that depends on the call."""
    farthest = ends[0]
    for end in ends[1:]:
        more = end - farthest
        if not more.is_constant:
            return None
        farthest = end if more.value > 0 else farthest
    return farthest
