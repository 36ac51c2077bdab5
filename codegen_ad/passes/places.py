"""Rules for places in arrays seen with their axes in another order: a column is read where it is.

`B[:, t]` is row `t` of the transposed `B`. Said as the element `t` of every row of `B`, it takes no
transposed copy, and what is written or added there is written in place.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import Shape, broadcast_shapes
from codegen_ad.ops import make
from codegen_ad.ops.indexing import GATHER, SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.movement import BROADCAST_TO, TRANSPOSE, Order
from codegen_ad.passes.rewrite import Rule


def _gather(b: Builder, node: Node) -> Node | None:
    moved, *indices = node.args
    if not isinstance(moved.params, Order):
        return None
    (x,) = moved.args
    places, after = _in_order(b, x.array.shape, moved.params.axes, indices)
    return make.transpose(b, make.gather(b, x, *places), after)


def _written(b: Builder, node: Node) -> Node | None:
    (write,) = node.args
    assert isinstance(node.params, Order)
    if write.op not in (SCATTER, UPDATE):
        return None
    order = _inverse(node.params.axes)
    target = _seen_from(b, write.args[0], node, order)
    if target is None:
        return None
    values, *indices = write.args[1:]
    if isinstance(write.params, Update):
        spans = tuple(write.params.spans[a] for a in node.params.axes)
        values = make.transpose(b, values, node.params.axes)
        return make.update(b, target, values, spans, accumulate=write.params.accumulate)
    assert isinstance(write.params, Scatter)
    places, after = _in_order(b, node.array.shape, order, indices)
    values = make.transpose(b, values, _inverse(after))
    return make.scatter(b, target, values, *places, accumulate=write.params.accumulate)


def _seen_from(b: Builder, target: Node, node: Node, order: Sequence[int]) -> Node | None:
    """What `target` is with its axes as `node` has them, if nothing is moved for that."""
    if target.op is TRANSPOSE and isinstance(target.params, Order):
        return target.args[0] if target.params.axes == order else None
    if target.op is BROADCAST_TO and not target.args[0].array.rank:
        return make.broadcast_to(b, target.args[0], node.array.shape)
    return None


def _in_order(
    b: Builder, shape: Shape, order: Sequence[int], indices: Sequence[Node]
) -> tuple[list[Node], tuple[int, ...]]:
    """The indices on the leading axes of an array, given those of the array in another `order`.

    `shape` is that of the array as it stands. With them comes where each axis of what was picked is
    among the axes of what is picked now.
    """
    chosen, rest = order[: len(indices)], order[len(indices) :]
    last = max(chosen)
    whole = [a for a in rest if a < last]
    behind = [a for a in rest if a > last]
    places: dict[int, Node] = {}
    for axis, index in zip(chosen, indices, strict=True):
        own = index.array.shape
        places[axis] = make.reshape(b, index, own + (ONE,) * len(whole)) if own else index
    for number, axis in enumerate(whole, 1):
        every = (shape[axis], *(ONE for _ in whole[number:]))
        places[axis] = make.reshape(b, make.iota(b, shape[axis]), every)
    head = len(broadcast_shapes(*(i.array.shape for i in indices)))
    now = [*whole, *sorted(behind)]
    after = (*range(head), *(head + now.index(a) for a in rest))
    return [places[a] for a in range(last + 1)], after


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i]))


RULES = (
    Rule("transpose(x)[i] -> x[:, i]", (GATHER,), _gather),
    Rule("transpose(write to transpose(x)) -> write to x", (TRANSPOSE,), _written),
)
