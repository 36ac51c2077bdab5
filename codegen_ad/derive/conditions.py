"""What a condition says along some of its axes: where it may hold at all.

A condition of a matrix may be one of its rows that was spread, or several such put together. What
comes back may hold at more places than the condition, never at fewer. This module asks only how
conditions are written; it reads no data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.indexing import Update
from codegen_ad.ops.movement import BROADCAST_TO, Order


@dataclass(frozen=True, slots=True)
class Chosen:
    """`where(condition, value, 0)`; `counted` if a loop says where that is."""

    condition: Node
    value: Node
    counted: bool = False


Labels = tuple[int, ...]
"""Names of axes, as einsum has them."""


def along(b: Builder, x: Node, labels: Labels, wanted: Labels) -> Node | None:
    """Where `x` may hold along the axes `wanted`; None if that may be anywhere.

    `labels` end with the names of the axes of `x`. The result has one axis for each that is wanted,
    of size 1 where it is the same for all.
    """
    labels = labels[len(labels) - x.array.rank :]
    if x.op.name in ("logical_and", "logical_or"):
        parts = [along(b, arg, labels, wanted) for arg in x.args]
        found = [part for part in parts if part is not None]
        if not found or (x.op.name == "logical_or" and len(found) < len(parts)):
            return None
        return reduce(lambda one, other: make.apply(b, x.op.name, one, other), found)
    if x.op is BROADCAST_TO:
        return along(b, x.args[0], labels, wanted)
    if isinstance(x.params, Order):
        order = x.params.axes
        return along(b, x.args[0], tuple(labels[order.index(a)] for a in range(len(order))), wanted)
    if isinstance(x.params, Update) and make.constant_value(x.args[0]) is False:
        return _in_slice(b, x, x.params, labels, wanted)
    return _same(b, _narrow(b, x), labels, wanted)


def is_one(x: Node) -> bool:
    """Whether a condition is the same along all axes."""
    return all(d == ONE for d in x.array.shape)


def _in_slice(b: Builder, x: Node, update: Update, labels: Labels, wanted: Labels) -> Node | None:
    """Where a slice of nothing but False was written."""
    inside = along(b, x.args[1], labels, wanted)
    if inside is None:
        inside = make.full(b, tuple(ONE for _ in wanted), True, DType.BOOL)
    axes = dict(zip(labels, zip(update.spans, x.array.shape, strict=True), strict=True))
    everywhere = make.whole(ONE), ONE
    chosen = [
        axes[n] if n in axes and (d != ONE or axes[n][0] != make.whole(axes[n][1])) else everywhere
        for n, d in zip(wanted, inside.array.shape, strict=True)
    ]
    if all(one is everywhere for one in chosen):
        return None if make.constant_value(inside) is True else inside
    spans = [span for span, _ in chosen]
    none = make.full(b, tuple(dim for _, dim in chosen), False, DType.BOOL)
    values = make.broadcast_to(b, inside, tuple(span.length for span in spans))
    return make.update(b, none, values, spans)


def _same(b: Builder, x: Node, labels: Labels, wanted: Labels) -> Node | None:
    """The condition itself, its axes in the order that is wanted."""
    dims = {n: d for n, d in zip(labels, x.array.shape, strict=True) if d != ONE}
    if not set(dims) <= set(wanted) or make.constant_value(x) is True:
        return None
    own = list(dims)
    flags = make.reshape(b, x, tuple(dims.values()))
    flags = make.transpose(b, flags, [own.index(n) for n in wanted if n in dims])
    return make.reshape(b, flags, tuple(dims.get(n, ONE) for n in wanted))


def _narrow(b: Builder, x: Node) -> Node:
    """`x` with size 1 along the axes that it was broadcast along."""
    if x.op is BROADCAST_TO:
        (inner,) = x.args
        ones = (ONE for _ in range(x.array.rank - inner.array.rank))
        return _narrow(b, make.reshape(b, inner, (*ones, *inner.array.shape)))
    if x.op in ELEMENTWISE:
        return b.node(x.op, [_narrow(b, arg) for arg in x.args], x.params)
    return x


def is_looked_for(b: Builder, chosen: Chosen, shape: Shape) -> bool:
    """Whether it is worth a pass to find out which sums have nothing to add.

    All data together have something. A whole row that a loop never reads is rare; of one trip's own
    row it is known.
    """
    if not shape:
        return b.in_region
    return not chosen.counted and any(d != ONE for d in shape)
