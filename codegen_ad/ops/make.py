"""Short forms for making nodes: what the frontend, the adjoints and the passes write programs with.

Arithmetic here casts nothing: callers bring operands to one dtype first (`cast`, `promote`).
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad import ops
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape

# The tables write their adjoints with this module, so it takes whole modules and looks inside late.
from codegen_ad.ops import constants, indexing, movement, reduction, unary

_WHOLE = frozenset({"trunc", "floor", "ceil", "rint"})


def constant(b: Builder, value: float | int | bool, dtype: DType = DType.FLOAT64) -> Node:
    """A scalar literal of this dtype."""
    if dtype is DType.BOOL:
        text = str(bool(value))
    elif dtype.is_float:
        text = repr(float(value))
    else:
        text = str(int(value))
    return b.node(constants.CONSTANT, (), constants.Literal(text, dtype))


def constant_value(node: Node) -> float | int | bool | None:
    """The number if the node is a literal (or a broadcast one), else None."""
    while node.op is movement.BROADCAST_TO:
        (node,) = node.args
    return node.params.value if isinstance(node.params, constants.Literal) else None


def size(b: Builder, dim: Dim | int) -> Node:
    """A dimension as an integer scalar; a literal where it is constant."""
    dim = as_dim(dim)
    if dim.is_constant:
        return constant(b, dim.value, DType.INT64)
    return b.node(constants.SIZE, (), constants.Size(dim))


def iota(b: Builder, length: Dim | int) -> Node:
    """The integers `0 … length - 1`."""
    return b.node(constants.IOTA, (), constants.Size(as_dim(length)))


def cast(b: Builder, x: Node, dtype: DType) -> Node:
    """`x` converted to `dtype`; `x` itself if it has it."""
    if x.array.dtype is dtype:
        return x
    value = constant_value(x)
    if value is not None and not x.array.shape:
        return constant(b, value, dtype)
    if x in b.notes.converted and dtype.is_float and x.op is unary.CAST:
        (real,) = x.args  # NaN and infinity, which have no integer, stay
        whole = real if real.op.name in _WHOLE else apply(b, "trunc", real)
        return add(b, cast(b, whole, dtype), constant(b, 0.0, dtype))
    return b.node(unary.CAST, (x,), unary.Cast(dtype))


def apply(b: Builder, name: str, *args: Node) -> Node:
    """The elementwise operation of that name."""
    return b.node(ops.BY_NAME[name], args)


def add(b: Builder, x: Node, y: Node) -> Node:
    """`x + y`."""
    return apply(b, "add", x, y)


def subtract(b: Builder, x: Node, y: Node) -> Node:
    """`x - y`."""
    return apply(b, "subtract", x, y)


def multiply(b: Builder, x: Node, y: Node) -> Node:
    """`x * y`."""
    return apply(b, "multiply", x, y)


def divide(b: Builder, x: Node, y: Node) -> Node:
    """`x / y`."""
    return apply(b, "divide", x, y)


def negative(b: Builder, x: Node) -> Node:
    """`-x`."""
    return apply(b, "negative", x)


def where(b: Builder, condition: Node, x: Node, y: Node) -> Node:
    """`x` where the condition holds, else `y`."""
    return apply(b, "where", condition, x, y)


def full(b: Builder, shape: Shape, value: float | int | bool, dtype: DType) -> Node:
    """An array filled with one literal."""
    return broadcast_to(b, constant(b, value, dtype), shape)


def zeros_like(b: Builder, x: Node) -> Node:
    """Zeros of the type of `x`."""
    return full(b, x.array.shape, 0, x.array.dtype)


def reshape(b: Builder, x: Node, shape: Shape) -> Node:
    """`x` in C order with another shape."""
    if x.array.shape == shape:
        return x
    return b.node(movement.RESHAPE, (x,), movement.ToShape(shape))


def expand_dims(b: Builder, x: Node, axis: int) -> Node:
    """`x` with a new axis of size 1 at `axis`."""
    shape = x.array.shape
    return reshape(b, x, (*shape[:axis], ONE, *shape[axis:]))


def broadcast_to(b: Builder, x: Node, shape: Shape) -> Node:
    """`x` broadcast to `shape`."""
    if x.array.shape == shape:
        return x
    return b.node(movement.BROADCAST_TO, (x,), movement.ToShape(shape))


def transpose(b: Builder, x: Node, axes: Sequence[int]) -> Node:
    """Result axis `i` is axis `axes[i]` of `x`."""
    if tuple(axes) == tuple(range(x.array.rank)):
        return x
    return b.node(movement.TRANSPOSE, (x,), movement.Order(tuple(axes)))


def whole(dim: Dim) -> movement.Span:
    """The span of a whole axis."""
    return movement.Span(as_dim(0), 1, dim)


def slice_(b: Builder, x: Node, spans: Sequence[movement.Span]) -> Node:
    """The elements in `spans`, one for each axis."""
    if all(s == whole(d) for s, d in zip(spans, x.array.shape, strict=True)):
        return x
    return b.node(movement.SLICE, (x,), movement.Spans(tuple(spans)))


def concatenate(b: Builder, parts: Sequence[Node], axis: int) -> Node:
    """The parts one after another along `axis`."""
    if len(parts) == 1:
        return parts[0]
    return b.node(movement.CONCATENATE, tuple(parts), movement.Axis(axis))


def sum_(b: Builder, x: Node, axes: Sequence[int]) -> Node:
    """The sum over `axes`."""
    return b.node(reduction.SUM, (x,), reduction.Reduce(tuple(sorted(axes)))) if axes else x


def contract(
    b: Builder, operands: Sequence[Node], labels: Sequence[Sequence[int]], output: Sequence[int]
) -> Node:
    """An einsum with integer labels."""
    params = reduction.Contract(tuple(tuple(one) for one in labels), tuple(output))
    return b.node(reduction.CONTRACT, tuple(operands), params)


def gather(b: Builder, x: Node, *indices: Node) -> Node:
    """`x[indices]` with integer arrays on the leading axes."""
    return b.node(indexing.GATHER, (x, *indices))


def scatter(b: Builder, x: Node, values: Node, *indices: Node, accumulate: bool) -> Node:
    """`x` with `values` put (or added) at `indices` on the leading axes."""
    return b.node(indexing.SCATTER, (x, values, *indices), indexing.Scatter(accumulate))


def update(
    b: Builder, x: Node, values: Node, spans: Sequence[movement.Span], *, accumulate: bool = False
) -> Node:
    """`x` with the slice `spans` replaced by `values`, or with `values` added to it."""
    return b.node(indexing.UPDATE, (x, values), indexing.Update(tuple(spans), accumulate))


def sum_to(b: Builder, x: Node, shape: Shape) -> Node:
    """`x` summed over the axes along which `shape` was broadcast: the adjoint of broadcasting."""
    return reshape(b, sum_(b, x, _broadcast_axes(x.array.shape, shape)), shape)


def any_to(b: Builder, x: Node, shape: Shape) -> Node:
    """Whether one of the booleans holds along those axes."""
    axes = tuple(_broadcast_axes(x.array.shape, shape))
    return reshape(b, b.node(reduction.ANY, (x,), reduction.Reduce(axes)) if axes else x, shape)


def _broadcast_axes(own: Shape, shape: Shape) -> list[int]:
    """The axes along which `shape` was broadcast to `own`."""
    extra = len(own) - len(shape)
    return [a for a, dim in enumerate(own) if a < extra or (shape[a - extra] == ONE and dim != ONE)]


def flip(b: Builder, x: Node, axis: int) -> Node:
    """`x` backwards along `axis`."""
    spans = [whole(d) for d in x.array.shape]
    spans[axis] = movement.Span(x.array.shape[axis] - 1, -1, x.array.shape[axis])
    return slice_(b, x, spans)


def restore(b: Builder, x: Node, shape: Shape, axes: Sequence[int]) -> Node:
    """`x`, from which `axes` of `shape` were reduced away, broadcast back to `shape`."""
    if tuple(sorted(axes)) != tuple(range(len(axes))):  # leading axes come back by themselves
        x = reshape(b, x, tuple(ONE if a in axes else d for a, d in enumerate(shape)))
    return broadcast_to(b, x, shape)
