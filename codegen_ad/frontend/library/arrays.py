"""What several topics need to build programs with: sizes, axes moved, elements picked."""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.frontend.library.binding import Call
from codegen_ad.frontend.library.dtypes import widened
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, as_dim, product
from codegen_ad.ir.node import Node, Region
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import control, make
from codegen_ad.ops.movement import Axis, Span
from codegen_ad.ops.reduction import ANY, MAX, Reduce
from codegen_ad.ops.scan import ARGSORT
from codegen_ad.ops.unary import STOP_GRADIENT


def like(b: Builder, value: float | int | bool, x: Node) -> Node:
    """A literal of the dtype of `x`."""
    return make.constant(b, value, x.array.dtype)


def apply(b: Builder, name: str, *args: Node | float) -> Node:
    """The elementwise operation of that name; numbers become literals of the first node's dtype."""
    (first, *_) = [a for a in args if isinstance(a, Node) and a.array.dtype is not DType.BOOL] or [
        a for a in args if isinstance(a, Node)
    ]
    nodes = [a if isinstance(a, Node) else like(b, a, first) for a in args]
    return make.apply(b, name, *nodes)


def size_as(b: Builder, dim: Dim, dtype: DType) -> Node:
    """A dimension as a scalar of this dtype."""
    return make.cast(b, make.size(b, dim), dtype)


def as_float(b: Builder, x: Node) -> Node:
    """`x`, in f8 if it holds integers or booleans."""
    return x if x.array.dtype.is_float else make.cast(b, x, DType.FLOAT64)


def as_bool(b: Builder, x: Node) -> Node:
    """Whether each element is true, as Python sees it: everything but zero."""
    if x.array.dtype is DType.BOOL:
        return x
    return apply(b, "not_equal", make.cast(b, x, widened(x.array.dtype)), 0)


def stop(b: Builder, x: Node) -> Node:
    """`x`, with no derivative."""
    return b.node(STOP_GRADIENT, (x,))


def ravel(b: Builder, x: Node) -> Node:
    """The elements in C order."""
    return make.reshape(b, x, (product(x.array.shape),))


def kept(shape: Shape, axes: Sequence[int]) -> Shape:
    """The shape after a reduction over `axes` with `keepdims`."""
    return tuple(ONE if a in axes else d for a, d in enumerate(shape))


def moved(rank: int, source: int, target: int) -> tuple[int, ...]:
    """The order of axes that brings axis `source` to place `target`."""
    order = [a for a in range(rank) if a != source]
    order.insert(target, source)
    return tuple(order)


def span(
    b: Builder, x: Node, axis: int, start: Dim | int, length: Dim | int, step: int = 1
) -> Node:
    """The elements `start, start + step, …` along one axis, `length` of them."""
    spans = [make.whole(d) for d in x.array.shape]
    spans[axis] = Span(as_dim(start), step, as_dim(length))
    return make.slice_(b, x, spans)


def pick(b: Builder, x: Node, axis: int, index: Dim | int) -> Node:
    """One element along an axis, which goes away; a negative number counts from the end."""
    dims = x.array.shape
    start = as_dim(index)
    if isinstance(index, int) and index < 0:
        start = dims[axis] + index
    part = span(b, x, axis, start, 1)
    return make.reshape(b, part, (*dims[:axis], *dims[axis + 1 :]))


def take(b: Builder, x: Node, indices: Node, axis: int) -> Node:
    """`x` at `indices` along one axis, in the place of which the axes of `indices` stand."""
    rank = x.array.rank
    front = make.transpose(b, x, moved(rank, axis, 0))
    picked = make.gather(b, front, indices)
    count = indices.array.rank
    rest = list(range(count, count + rank - 1))
    return make.transpose(b, picked, (*rest[:axis], *range(count), *rest[axis:]))


def along(b: Builder, x: Node, axis: int, vector: Node) -> Node:
    """`vector` with axes of size 1, so that it stands along `axis` of `x`."""
    shape = [ONE] * x.array.rank
    shape[axis] = vector.array.shape[0]
    return make.reshape(b, vector, tuple(shape))


def take_along(b: Builder, x: Node, indices: Node, axis: int) -> Node:
    """`x[…, indices[…], …]`: an index for each place, along `axis`."""
    grid = [
        indices if a == axis else along(b, x, a, make.iota(b, d))
        for a, d in enumerate(x.array.shape)
    ]
    return make.gather(b, x, *grid)


def order_along(b: Builder, x: Node, axis: int) -> Node:
    """The places that put `x` in ascending order along an axis: a loop over all vectors along it.

    Compiled code sorts vectors only.
    """
    rank = x.array.rank
    if rank == 1:
        return b.node(ARGSORT, (x,), Axis(0))
    turned = make.transpose(b, x, moved(rank, axis, rank - 1))
    shape = turned.array.shape
    rows, dim = product(shape[:-1]), shape[-1]
    lines = make.reshape(b, turned, (rows, dim))
    with b.scope():
        i, all_lines = b.input("i", make.size(b, rows).array), b.input("lines", lines.array)
        order = b.node(ARGSORT, (make.gather(b, all_lines, i),), Axis(0))
        body = Region((i, all_lines), (order,))
    args = (make.size(b, rows), lines)
    loop = b.node(control.LOOP, args, control.Loop(0, 1, rows, body))
    found = make.reshape(b, b.results(loop)[0], shape)
    return make.transpose(b, found, moved(rank, rank - 1, axis))


def sorted_along(b: Builder, x: Node, axis: int) -> Node:
    """`x` in ascending order along an axis: what its own order picks."""
    return take_along(b, x, order_along(b, x, axis), axis)


def maximum_of(b: Builder, x: Node, axes: Sequence[int]) -> Node:
    """The largest element over `axes`, which stay with size 1, without a derivative."""
    top = stop(b, b.node(MAX, (x,), Reduce(tuple(axes)))) if axes else stop(b, x)
    return make.reshape(b, top, kept(x.array.shape, axes))


def finite_or_0(b: Builder, x: Node) -> Node:
    """The finite elements, 0 for others, so that subtracting it makes no NaN of an infinity."""
    return make.where(b, apply(b, "isfinite", x), x, like(b, 0, x))


def brought_inside(call: Call, places: Node, size: Node, mode: object) -> Node | None:
    """Places that are wrapped around or clipped to `0 … size - 1`; None where `mode` is 'raise'."""
    b = call.b
    if mode == "wrap":
        return make.apply(b, "remainder", places, size)
    if mode == "clip":
        last = apply(b, "subtract", size, 1)
        return make.apply(b, "minimum", apply(b, "maximum", places, 0), last)
    if mode != "raise":
        call.refuse(f"`{call.name}` with `mode={mode!r}`.", "Say 'raise', 'wrap' or 'clip'.")
    return None


def refuse_outside(call: Call, places: Node, size: Node, message: str) -> None:
    """Let the kernel raise a ValueError if one of the places is not among `0 … size - 1`."""
    b = call.b
    low, high = apply(b, "less", places, 0), make.apply(b, "greater_equal", places, size)
    out = make.apply(b, "logical_or", low, high)
    if places.array.rank:
        out = b.node(ANY, (out,), Reduce(tuple(range(places.array.rank))))
    call.ctx.refuse_when(out, "ValueError", message)


def unify(call: Call, first: Dim, second: Dim) -> Dim:
    """The dimension that two axes have in common; refused by name if they cannot agree."""
    if first != second:
        call.ctx.equate(first, second, call.name)
    return first


def at_least(call: Call, dim: Dim, minimum: Dim | int) -> None:
    """Require a size of at least `minimum`."""
    if isinstance(minimum, Dim) and not minimum.is_constant:
        call.ctx.require(dim - minimum, 0, call.name)
    else:
        call.ctx.require(dim, as_dim(minimum).value, call.name)


def nonempty(call: Call, x: Node, axes: Sequence[int], *, is_nan: bool = False) -> None:
    """Require at least one element to be reduced.

    `is_nan` says that the result is NaN otherwise, which is left to sizes that only the run knows.
    """
    for axis in axes:
        if is_nan and call.ctx.is_run_time(x.array.shape[axis]):
            continue
        call.ctx.require(x.array.shape[axis], 1, call.name)


def common_shape(call: Call, *shapes: Shape) -> Shape:
    """The shape that all of these broadcast to; sizes that must agree are equated."""
    rank = max(len(s) for s in shapes)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        dim = ONE
        for shape in shapes:
            if len(shape) >= -axis and shape[axis] != ONE:
                dim = shape[axis] if dim == ONE else unify(call, dim, shape[axis])
        result.append(dim)
    return tuple(result)


def broadcast(call: Call, *nodes: Node) -> list[Node]:
    """The nodes, broadcast to their common shape."""
    shape = common_shape(call, *(n.array.shape for n in nodes))
    return [make.broadcast_to(call.b, n, shape) for n in nodes]
