"""Arrays put together, repeated, and shifted round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, ravel, span, take, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.values import Array, List, is_number
from codegen_ad.frontend.words import count
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import CUMSUM


def joined(call: Call, parts: Sequence[Node], axis: int) -> Node:
    """The parts one after another; all other sizes must agree."""
    first = parts[0].array
    for part in parts[1:]:
        if part.array.rank != first.rank:
            call.refuse(
                f"`{call.name}` is given arrays of {first.rank} and of "
                f"{count(part.array.rank, 'axis')}.",
                "Give all of them the same number of axes.",
            )
        for a, (ours, theirs) in enumerate(zip(first.shape, part.array.shape, strict=True)):
            if a != axis:
                unify(call, ours, theirs)
    return make.concatenate(call.b, parts, axis)


def _whole(call: Call, name: str) -> Node | None:
    """All parts as one array, if they are the rows of one and their number is not known."""
    value = call.value(name)
    if not isinstance(value, Array | List) or call.ctx.try_items(value) is not None:
        return None
    node = call.ctx.node(value, name)
    if call.has("dtype"):
        node = make.cast(call.b, node, call.dtype("dtype", node.array.dtype))
    return node


def _end_to_end(b: Builder, whole: Node) -> Node:
    """The rows one after another."""
    first, second, *rest = whole.array.shape
    return make.reshape(b, whole, (first * second, *rest))


def _parts(call: Call, name: str) -> list[Node]:
    values = call.items(name)
    if not values:
        call.refuse(f"`{call.name}` is given no arrays.", "Give at least one.")
    nodes = as_arrays(call, values)
    if call.has("dtype"):
        nodes = [make.cast(call.b, n, call.dtype("dtype", n.array.dtype)) for n in nodes]
    return nodes


def as_arrays(call: Call, values: Sequence[Value]) -> list[Node]:
    """The values in one dtype; Python numbers among them are arrays of 64 bits."""
    return call.ctx.promote(*(call.fresh(call.node_of(v)) for v in values))


@signature("np.concatenate: arrays axis=0 out=None * dtype=None casting='same_kind'")
def concatenate(call: Call) -> Value:
    """The arrays one after another along an axis they have."""
    call.only_default("casting")
    whole = _whole(call, "arrays")
    if (
        whole is not None
        and whole.array.rank > 1
        and (
            "axis" not in call.given
            or (call.has("axis") and call.axis("axis", whole.array.rank) == 0)
        )
    ):
        return call.fresh(_end_to_end(call.b, whole))
    parts = _parts(call, "arrays")
    if "axis" in call.given and not call.has("axis"):
        return call.fresh(joined(call, [ravel(call.b, p) for p in parts], 0))
    return call.fresh(joined(call, parts, call.axis("axis", parts[0].array.rank)))


@signature("np.stack: arrays axis=0 out=None * dtype=None casting='same_kind'")
def stack(call: Call) -> Value:
    """The arrays one after another along a new axis."""
    call.only_default("casting")
    whole = _whole(call, "arrays")
    if whole is not None:
        axis = call.axis("axis", whole.array.rank)
        order = list(range(1, whole.array.rank))
        return call.fresh(make.transpose(call.b, whole, (*order[:axis], 0, *order[axis:])))
    parts = _parts(call, "arrays")
    axis = call.axis("axis", parts[0].array.rank + 1)
    return call.fresh(_stacked(call, parts, axis))


def _stacked(call: Call, parts: Sequence[Node], axis: int) -> Node:
    return joined(call, [make.expand_dims(call.b, p, axis) for p in parts], axis)


@signature("np.vstack: tup * dtype=None casting='same_kind'")
def vstack(call: Call) -> Value:
    """The arrays below one another; vectors are rows."""
    call.only_default("casting")
    b = call.b
    whole = _whole(call, "tup")
    if whole is not None:
        if whole.array.rank == 1:
            return call.fresh(make.expand_dims(b, whole, 1))
        return call.fresh(whole if whole.array.rank == 2 else _end_to_end(b, whole))
    parts = [
        make.reshape(b, p, (ONE,) * (2 - p.array.rank) + p.array.shape) if p.array.rank < 2 else p
        for p in _parts(call, "tup")
    ]
    return call.fresh(joined(call, parts, 0))


@signature("np.hstack: tup * dtype=None casting='same_kind'")
def hstack(call: Call) -> Value:
    """The arrays beside one another."""
    call.only_default("casting")
    parts = [p if p.array.rank else make.reshape(call.b, p, (ONE,)) for p in _parts(call, "tup")]
    return call.fresh(joined(call, parts, 0 if parts[0].array.rank == 1 else 1))


@signature("np.dstack: tup")
def dstack(call: Call) -> Value:
    """The arrays behind one another."""
    b = call.b
    parts: list[Node] = []
    for p in _parts(call, "tup"):
        shape = (ONE,) * (2 - p.array.rank) + p.array.shape
        parts.append(make.reshape(b, p, (*shape, ONE)) if p.array.rank < 3 else p)
    return call.fresh(joined(call, parts, 2))


@signature("np.column_stack: tup")
def column_stack(call: Call) -> Value:
    """The arrays beside one another; vectors are columns."""
    b = call.b
    parts: list[Node] = []
    for p in _parts(call, "tup"):
        column = p if p.array.rank else make.reshape(b, p, (ONE,))
        parts.append(make.expand_dims(b, column, 1) if column.array.rank == 1 else column)
    return call.fresh(joined(call, parts, 1))


@signature("np.block: arrays")
def block(call: Call) -> Value:
    """Arrays put together from nested lists of blocks, the innermost along the last axis."""
    blocks, depth = _nested(call, call.value("arrays"))
    rank = max([depth, *(n.array.rank for n in _leaves(blocks))])
    return call.fresh(_joined_blocks(call, blocks, rank, rank - depth))


Blocks = Node | list["Blocks"]


def _nested(call: Call, value: Value) -> tuple[Blocks, int]:
    """The nodes in lists as they were given, and how deep the lists are."""
    leaves: list[Value] = []

    def shape(value: Value) -> int:
        if call.ctx.is_array(value) or isinstance(value, Dim) or is_number(value):
            leaves.append(value)
            return 0
        depths = {shape(item) for item in call.ctx.items(value, "blocks")}
        if len(depths) != 1:
            call.refuse("`np.block` needs lists of one depth.", "Nest all blocks alike.")
        return depths.pop() + 1

    depth = shape(value)
    nodes = iter(as_arrays(call, leaves))

    def filled(value: Value, left: int) -> Blocks:
        if not left:
            return next(nodes)
        return [filled(item, left - 1) for item in call.ctx.items(value, "blocks")]

    return filled(value, depth), depth


def _leaves(blocks: Blocks) -> list[Node]:
    if isinstance(blocks, Node):
        return [blocks]
    return [leaf for inner in blocks for leaf in _leaves(inner)]


def _joined_blocks(call: Call, blocks: Blocks, rank: int, axis: int) -> Node:
    if isinstance(blocks, Node):
        missing = rank - blocks.array.rank
        return make.reshape(call.b, blocks, (ONE,) * missing + blocks.array.shape)
    return joined(call, [_joined_blocks(call, b, rank, axis + 1) for b in blocks], axis)


@signature("np.append: arr values axis=None")
def append(call: Call) -> Value:
    """The values after the array."""
    parts = as_arrays(call, (call.value("arr"), call.value("values")))
    if not call.has("axis"):
        return call.fresh(joined(call, [ravel(call.b, p) for p in parts], 0))
    return call.fresh(joined(call, parts, call.axis("axis", parts[0].array.rank)))


@signature("np.tile: A reps")
def tile(call: Call) -> Value:
    """The array repeated as a whole, along each axis."""
    b, x = call.b, call.node("A")
    value = call.value("reps")
    counted = not call.ctx.is_static(value) and not call.node("reps").array.rank
    single = counted or isinstance(call.ctx.static(value, "reps"), int | Dim)
    times = [call.ctx.dim(v, "reps") for v in ([value] if single else call.items("reps"))]
    rank = max(x.array.rank, len(times))
    times = [ONE] * (rank - len(times)) + times
    shape = (ONE,) * (rank - x.array.rank) + x.array.shape
    apart = [d for dim in shape for d in (ONE, dim)]
    wide = [d for number, dim in zip(times, shape, strict=True) for d in (number, dim)]
    out = make.broadcast_to(b, make.reshape(b, x, tuple(apart)), tuple(wide))
    final = tuple(number * dim for number, dim in zip(times, shape, strict=True))
    return call.fresh(make.reshape(b, out, final))


@signature("np.repeat: a repeats axis=None")
def repeat(call: Call) -> Value:
    """Each element repeated."""
    b, x = call.b, call.node("a")
    if call.has("axis"):
        axis = call.axis("axis", x.array.rank)
    else:
        x, axis = ravel(b, x), 0
    dims = x.array.shape
    value = call.value("repeats")
    if not call.ctx.is_static(value) and call.node("repeats").array.rank:
        return call.fresh(_repeated_by_data(call, x, axis))
    value = call.static("repeats") if call.ctx.is_static(value) else None
    if isinstance(value, list | tuple):
        counts = call.integers("repeats")
        unify(call, dims[axis], as_dim(len(counts)))
        places = [i for i, number in enumerate(counts) for _ in range(number)]
        return call.fresh(take(b, x, call.node_of(tuple(places)), axis))
    number = call.dim("repeats")
    wide = (*dims[: axis + 1], number, *dims[axis + 1 :])
    out = make.broadcast_to(b, make.expand_dims(b, x, axis + 1), wide)
    shape = (*dims[:axis], dims[axis] * number, *dims[axis + 1 :])
    return call.fresh(make.reshape(b, out, shape))


def _repeated_by_data(call: Call, x: Node, axis: int) -> Node:
    """Each element as often as an integer says that only the run knows."""
    b, counts = call.b, call.node("repeats")
    if counts.array.rank != 1 or not counts.array.dtype.is_integer:
        call.refuse(f"`{call.name}` takes a vector of integers.", "Convert it: `k.astype(int)`.")
    unify(call, x.array.shape[axis], counts.array.shape[0])
    counts = make.cast(b, counts, DType.INT64)
    below = make.cast(b, apply(b, "less", counts, 0), DType.INT64)
    some = apply(b, "greater", make.sum_(b, below, (0,)), 0)
    call.ctx.refuse_when(some, "ValueError", f"{call.name} of a negative number of times")
    total = call.ctx.length(make.sum_(b, counts, (0,)))
    ends = b.node(CUMSUM, (counts,), Axis(0))
    # How many elements have ended before each place.
    marks = make.full(b, (total + 1,), 0, DType.INT64)
    ones = make.full(b, ends.array.shape, 1, DType.INT64)
    marks = make.scatter(b, marks, ones, ends, accumulate=True)
    ended = b.node(CUMSUM, (marks,), Axis(0))
    return take(b, x, span(b, ended, 0, 0, total), axis)


def rolled(call: Call, x: Node, shift: Dim | int, axis: int) -> Node:
    """`x` shifted along an axis, round the end; its parts are moved where they are known."""
    b, dim = call.b, x.array.shape[axis]
    if isinstance(shift, Dim):
        if call.ctx.holds(shift, 0, call.name) and call.ctx.holds(dim, shift, call.name):
            return _turned_round(b, x, dim - shift, axis)
        return _rolled_by_data(b, x, make.size(b, shift), axis)
    if dim.is_constant:
        shift = shift % dim.value if dim.value else 0
    if not shift:
        return x
    if call.ctx.is_run_time(dim) or not call.ctx.holds(dim, abs(shift), call.name):
        return _rolled_by_data(b, x, make.size(b, shift), axis)
    return _turned_round(b, x, dim - shift if shift > 0 else as_dim(-shift), axis)


def _turned_round(b: Builder, x: Node, start: Dim, axis: int) -> Node:
    """`x` from a place on, and what is before it behind."""
    dim = x.array.shape[axis]
    parts = [span(b, x, axis, start, dim - start), span(b, x, axis, 0, start)]
    return make.concatenate(b, parts, axis)


@signature("np.roll: a shift axis=None")
def roll(call: Call) -> Value:
    """The array shifted along axes, round the end."""
    b, x = call.b, call.node("a")
    shifts = _shifts(call)
    if not call.has("axis"):
        line = _shifted(call, ravel(b, x), _total(b, shifts), 0)
        return call.fresh(make.reshape(b, line, x.array.shape))
    axes = [call.one_axis(a, x.array.rank) for a in call.integers("axis")]
    number = max(len(shifts), len(axes))
    if len(shifts) not in (1, number) or len(axes) not in (1, number):
        call.refuse("`np.roll` needs one shift for each axis.", "Give as many of both.")
    for i in range(number):
        x = _shifted(call, x, shifts[i % len(shifts)], axes[i % len(axes)])
    return call.fresh(x)


Shift = Dim | int | Node
"""How far: a size, an integer, or one that only the run knows."""


def _shifts(call: Call) -> list[Shift]:
    """The shifts of some axes; an array of data has as many as its size says."""
    given = call.value("shift")
    if call.ctx.is_static(given) and not _has_sizes(call, given):
        return list(call.integers("shift"))
    items = call.ctx.try_items(given) if _is_row(call, given) else [given]
    if items is None:
        call.refuse(
            "How many shifts `np.roll` is given depends on the data.",
            "Name each one: `(s[0], s[1])`, or `s.sum()` where all are along one axis.",
        )
    return [_shift(call, item) for item in items]


def _has_sizes(call: Call, given: Value) -> bool:
    return any(isinstance(item, Dim) for item in call.items_or_one(given, "shift"))


def _is_row(call: Call, given: Value) -> bool:
    """Whether the shifts are several."""
    return isinstance(given, tuple | List) or (
        call.ctx.is_array(given) and bool(call.node_of(given).array.rank)
    )


def _shift(call: Call, item: Value) -> Shift:
    if isinstance(item, Dim) or call.ctx.is_static(item):
        return item if isinstance(item, Dim) else call.as_integer(item, "shift")
    return call.node_of(item)


def _total(b: Builder, shifts: Sequence[Shift]) -> Shift:
    """All shifts together."""
    total, *others = shifts
    for shift in others:
        if isinstance(total, Node) or isinstance(shift, Node):
            total = make.add(b, _as_node(b, total), _as_node(b, shift))
        else:
            total = as_dim(total) + as_dim(shift)
    return total


def _as_node(b: Builder, shift: Shift) -> Node:
    return make.cast(b, shift, DType.INT64) if isinstance(shift, Node) else make.size(b, shift)


def _shifted(call: Call, x: Node, shift: Shift, axis: int) -> Node:
    if isinstance(shift, Node):
        return _rolled_by_data(call.b, x, shift, axis)
    return rolled(call, x, shift, axis)


def _rolled_by_data(b: Builder, x: Node, shift: Node, axis: int) -> Node:
    dim = x.array.shape[axis]
    places = make.subtract(b, make.iota(b, dim), make.cast(b, shift, DType.INT64))
    return take(b, x, make.apply(b, "remainder", places, make.size(b, dim)), axis)


FUNCTIONS: dict[object, Handler] = {
    np.concatenate: concatenate,
    np.concat: concatenate,
    np.stack: stack,
    np.vstack: vstack,
    np.hstack: hstack,
    np.dstack: dstack,
    np.column_stack: column_stack,
    np.block: block,
    np.append: append,
    np.tile: tile,
    np.repeat: repeat,
    np.roll: roll,
}

METHODS: dict[str, Handler] = {"repeat": repeat}
