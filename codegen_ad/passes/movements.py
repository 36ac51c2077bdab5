"""Rules for movements: two in a row become one, and none is done to what is the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import broadcast_shapes
from codegen_ad.ops import BY_NAME, ELEMENTWISE, make
from codegen_ad.ops.indexing import GATHER, UPDATE, Update
from codegen_ad.ops.movement import (
    BROADCAST_TO,
    RESHAPE,
    SLICE,
    TRANSPOSE,
    Order,
    Span,
    Spans,
)
from codegen_ad.ops.unary import CAST
from codegen_ad.passes.arithmetic import like
from codegen_ad.passes.rewrite import Rule

RIM = 8
"""At most so many elements of an axis, at both ends together, are its rim."""


def _reshape(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if x.array.shape == node.array.shape:
        return x
    if x.op is RESHAPE:
        return make.reshape(b, x.args[0], node.array.shape)
    return None


def _transpose(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    assert isinstance(node.params, Order)
    axes = node.params.axes
    if axes == tuple(range(len(axes))):
        return x
    if isinstance(x.params, Order):
        return make.transpose(b, x.args[0], tuple(x.params.axes[a] for a in axes))
    moved = [a for a in axes if x.array.shape[a] != ONE]
    return make.reshape(b, x, node.array.shape) if moved == sorted(moved) else None


def _broadcast(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if x.array.shape == node.array.shape:
        return x
    if x.op is BROADCAST_TO:
        return like(b, node, x.args[0])
    if x.op is RESHAPE and broadcastable(x.args[0], x):
        return like(b, node, x.args[0])
    return None


def broadcastable(x: Node, target: Node) -> bool:
    """Whether `target` is `x` with leading axes of size 1."""
    extra = target.array.rank - x.array.rank
    shape = target.array.shape
    return extra > 0 and shape[:extra] == (ONE,) * extra and shape[extra:] == x.array.shape


def _same_everywhere(b: Builder, node: Node) -> Node | None:
    """Any movement of a broadcast number is a broadcast number."""
    x = node.args[0]
    if x.op is not BROADCAST_TO or x.args[0].array.rank:
        return None
    return like(b, node, x.args[0])


def _sign_outward(b: Builder, node: Node) -> Node | None:
    x, *rest = node.args
    if x.op is not BY_NAME["negative"]:
        return None
    return make.negative(b, b.node(node.op, (x.args[0], *rest), node.params))


def _broadcast_late(b: Builder, node: Node) -> Node | None:
    """Operands broadcast by themselves; what is the same along an axis is computed once."""
    bare = [_bare(a) for a in node.args]
    if all(x is a for x, a in zip(bare, node.args, strict=True)):
        return None
    if node.op is CAST:
        return like(b, node, make.cast(b, bare[0], node.array.dtype))
    if broadcast_shapes(*(x.array.shape for x in bare)) == node.array.shape:
        return b.node(node.op, bare)
    return like(b, node, b.node(node.op, bare))


def _bare(x: Node) -> Node:
    while x.op is BROADCAST_TO or (x.op is RESHAPE and broadcastable(x.args[0], x)):
        (x,) = x.args
    return x


def _slice_of_slice(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if not isinstance(x.params, Spans) or not isinstance(node.params, Spans):
        return None
    spans = [
        make.movement.Span(i.start + i.step * o.start, i.step * o.step, o.length)
        for i, o in zip(x.params.spans, node.params.spans, strict=True)
    ]
    return make.slice_(b, x.args[0], spans)


def _slice_of_update(b: Builder, node: Node) -> Node | None:
    """What was written there, where exactly that is read."""
    (x,) = node.args
    if not isinstance(x.params, Update) or not isinstance(node.params, Spans):
        return None
    if x.params.accumulate or x.params.spans != node.params.spans:
        return None
    return x.args[1]


def _whole_update(b: Builder, node: Node) -> Node | None:
    target, values = node.args
    assert isinstance(node.params, Update)
    shape = target.array.shape
    if any(s != make.whole(d) for s, d in zip(node.params.spans, shape, strict=True)):
        return None
    return make.add(b, target, values) if node.params.accumulate else values


def _plus_rim(b: Builder, node: Node) -> Node | None:
    """What is zero but for a few elements near the ends is added to these places alone."""
    if node not in b.notes.gradients:
        return None
    for rim, x in (node.args, node.args[::-1]):
        if not _is_rim(rim) or x.array != node.array or rim.array != node.array:
            continue
        values, result = rim.args[0], x
        for spans in _outside(rim):
            part = make.slice_(b, values, spans)
            result = make.update(b, result, part, spans, accumulate=True)
        return result
    return None


def _is_rim(x: Node) -> bool:
    """Whether it is an array in which all but a few elements were set to zero."""
    if not isinstance(x.params, Update) or x.params.accumulate:
        return False
    if make.constant_value(x.args[1]) != 0:
        return False
    for dim, span in zip(x.array.shape, x.params.spans, strict=True):
        rest = dim - span.start - span.length
        if dim.is_constant or span.step != 1 or not span.start.is_constant or not rest.is_constant:
            return False
        if min(span.start.value, rest.value) < 0 or span.start.value + rest.value > RIM:
            return False
    return bool(x.array.shape)


def _outside(rim: Node) -> Iterator[list[Span]]:
    """The parts of an array that an update does not write, none of which meets another."""
    assert isinstance(rim.params, Update)
    shape, inner = rim.array.shape, rim.params.spans
    for axis, (dim, span) in enumerate(zip(shape, inner, strict=True)):
        rest = dim - span.start - span.length
        for start, length in ((Dim.constant(0), span.start), (dim - rest, rest)):
            if length.value:
                own = Span(start, 1, length)
                yield [*inner[:axis], own, *map(make.whole, shape[axis + 1 :])]


RULES = (
    Rule("reshape(reshape(x)) -> reshape(x)", (RESHAPE,), _reshape),
    Rule("transpose(transpose(x)) -> transpose(x)", (TRANSPOSE,), _transpose),
    Rule("broadcast(broadcast(x)) -> broadcast(x)", (BROADCAST_TO,), _broadcast),
    Rule("a moved number stays a number", (RESHAPE, TRANSPOSE, SLICE, GATHER), _same_everywhere),
    Rule("move(-x) -> -move(x)", (RESHAPE, TRANSPOSE, SLICE, GATHER), _sign_outward),
    Rule("operands broadcast by themselves", (CAST, *ELEMENTWISE), _broadcast_late),
    Rule("slice(slice(x)) -> slice(x)", (SLICE,), _slice_of_slice),
    Rule("slice(update(x, v)) -> v", (SLICE,), _slice_of_update),
    Rule("update of the whole -> values", (UPDATE,), _whole_update),
    Rule(
        "x + (y, zero inside) -> x with the rim of y added in gradients",
        (BY_NAME["add"],),
        _plus_rim,
    ),
)
