"""Places in an array: grids of them, those of triangles and diagonals, flat ones and back."""

from __future__ import annotations

from typing import cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    brought_inside,
    common_shape,
    ravel,
    refuse_outside,
    span,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.shaping import shape_of
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import ARGSORT


@signature("np.indices: dimensions dtype=None sparse=False")
def indices(call: Call) -> Value:
    """For each axis of a shape, the places along it."""
    b, shape = call.b, shape_of(call, call.value("dimensions"), "dimensions")
    if not shape:
        call.refuse(f"`{call.name}` is given no axes.", "Give at least one.")
    dtype = call.dtype("dtype", DType.INT64)
    grids: list[Node] = []
    for axis, dim in enumerate(shape):
        apart = tuple(dim if a == axis else ONE for a in range(len(shape)))
        grids.append(make.cast(b, make.reshape(b, make.iota(b, dim), apart), dtype))
    if call.flag("sparse"):
        return tuple(call.fresh(g) for g in grids)
    rows = [make.expand_dims(b, make.broadcast_to(b, g, shape), 0) for g in grids]
    return call.fresh(make.concatenate(b, rows, 0))


@signature("np.ix_: *args")
def ix_(call: Call) -> Value:
    """Vectors of places, each along an axis of its own."""
    b, rank = call.b, len(call.rest)
    parts: list[Value] = []
    for axis, value in enumerate(call.rest):
        places = call.node_of(value)
        if places.array.rank != 1:
            call.refuse("`np.ix_` takes vectors of places.", "Pass `i.ravel()`.")
        if places.array.dtype is DType.BOOL:
            call.refuse(
                "`np.ix_` of a mask picks a number of places that depends on data.",
                "Pass the places as integers.",
            )
        apart = tuple(places.array.shape[0] if a == axis else ONE for a in range(rank))
        parts.append(call.fresh(make.reshape(b, places, apart)))
    return tuple(parts)


# Triangles ----------------------------------------------------------------------------------------


def _triangle(call: Call, rows: Dim, columns: Dim, k: int, *, lower: bool) -> Value:
    """The places of a triangle, row by row."""
    if rows != columns and not (rows - columns).is_constant:
        unify(call, rows, columns)
    if rows == columns and (k <= 0 if lower else k >= 0):
        down, across = _closed(call, rows, abs(k), lower=lower)
    elif rows.is_constant and columns.is_constant:
        down, across = _counted(call, rows.value, columns.value, k, lower=lower)
    else:
        call.refuse(
            f"`{call.name}` of a triangle that is cut off, of a size that is not known when the "
            "function is compiled.",
            "Use a mask: `np.where(np.tri(n, m, k), x, 0)`, or a diagonal within the triangle.",
        )
    return call.fresh(down), call.fresh(across)


def _closed(call: Call, side: Dim, k: int, *, lower: bool) -> tuple[Node, Node]:
    """A triangle that ends at the diagonal `k` away from the main one.

    Row `r` of a lower triangle begins at place `r(r + 1)/2`, so place `p` stands in row
    `floor((sqrt(8p + 1) - 1)/2)`: exact, because `8p + 1` is a square where a row begins. An upper
    triangle is a lower one read backwards.
    """
    b, n = call.b, side - k
    if n.is_constant and n.value < 0:
        n = Dim.constant(0)
    elif not n.is_constant:
        call.ctx.require(n, 0, call.name)
    number = n * (n + 1) // 2
    place = make.iota(b, number)
    if not lower:
        place = make.subtract(b, make.size(b, number - 1), place)
    real = make.cast(b, place, DType.FLOAT64)
    root = apply(b, "sqrt", apply(b, "add", apply(b, "multiply", real, 8.0), 1.0))
    row = apply(b, "floor", apply(b, "multiply", apply(b, "subtract", root, 1.0), 0.5))
    row = make.cast(b, row, DType.INT64)
    before = apply(b, "floor_divide", make.multiply(b, row, apply(b, "add", row, 1)), 2)
    column = make.subtract(b, place, before)
    if not lower:
        last = make.size(b, n - 1)
        row, column = make.subtract(b, last, row), make.subtract(b, last, column)
    step = make.constant(b, k, DType.INT64)
    if lower:
        return make.add(b, row, step) if k else row, column
    return row, make.add(b, column, step) if k else column


def _counted(call: Call, rows: int, columns: int, k: int, *, lower: bool) -> tuple[Node, Node]:
    """The places of any triangle of known size: where its mask is true, in order."""
    b = call.b
    found = np.tril_indices(rows, k, columns) if lower else np.triu_indices(rows, k, columns)
    down = make.expand_dims(b, make.iota(b, rows), 1)
    edge = apply(b, "add", down, k)
    name = "greater" if lower else "less"
    outside = make.apply(b, name, make.iota(b, columns), edge)
    order = b.node(ARGSORT, (ravel(b, outside),), Axis(0))  # stable: those inside come first
    inside = span(b, order, 0, 0, len(found[0]))
    return (
        apply(b, "floor_divide", inside, max(columns, 1)),
        apply(b, "remainder", inside, max(columns, 1)),
    )


def triangle(name: str, *, lower: bool) -> Handler:
    """The handler of `tril_indices` or `triu_indices`."""

    @signature(f"np.{name}: n k=0 m=None")
    def handler(call: Call) -> Value:
        rows = call.dim("n")
        columns = call.dim("m") if call.has("m") else rows
        return _triangle(call, rows, columns, call.integer("k"), lower=lower)

    return handler


def triangle_from(name: str, *, lower: bool) -> Handler:
    """The handler of `tril_indices_from` or `triu_indices_from`."""

    @signature(f"np.{name}: arr k=0")
    def handler(call: Call) -> Value:
        shape = call.node("arr").array.shape
        if len(shape) != 2:
            call.refuse(f"`{call.name}` takes a matrix.", "Give an array of two axes.")
        return _triangle(call, shape[0], shape[1], call.integer("k"), lower=lower)

    return handler


@signature("np.diag_indices: n ndim=2")
def diag_indices(call: Call) -> Value:
    """The places of a main diagonal."""
    places = make.iota(call.b, call.dim("n"))
    return tuple(call.fresh(places) for _ in range(call.integer("ndim")))


@signature("np.diag_indices_from: arr")
def diag_indices_from(call: Call) -> Value:
    """The places of the main diagonal of an array, all sizes of which are the same."""
    shape = call.node("arr").array.shape
    if len(shape) < 2:
        call.refuse("`np.diag_indices_from` takes at least two axes.", "Give a matrix.")
    for dim in shape[1:]:
        unify(call, shape[0], dim)
    return tuple(call.fresh(make.iota(call.b, shape[0])) for _ in shape)


# Flat places --------------------------------------------------------------------------------------


def _integers(call: Call, value: Value, name: str) -> Node:
    node = call.node_of(value)
    if not node.array.dtype.is_integer:
        call.refuse(f"`{name}` of `{call.name}` must be integers.", "Convert: `.astype(int)`.")
    return make.cast(call.b, node, DType.INT64)


def _row_by_row(call: Call) -> None:
    if call.static("order") != "C":
        call.refuse(f"`{call.name}` with `order='F'`.", "Reverse the shape and the places.")


@signature("np.unravel_index: indices shape order='C'")
def unravel_index(call: Call) -> Value:
    """The place along each axis that a flat place stands for."""
    b = call.b
    _row_by_row(call)
    flat = _integers(call, call.value("indices"), "indices")
    shape = shape_of(call, call.value("shape"))
    size = make.size(b, product(shape))
    refuse_outside(call, flat, size, f"{call.name} is given a place outside of the shape")
    found: list[Node] = []
    for axis, dim in reversed(list(enumerate(shape))):
        found.append(make.apply(b, "remainder", flat, make.size(b, dim)) if axis else flat)
        flat = make.apply(b, "floor_divide", flat, make.size(b, dim))
    return tuple(call.fresh(node) for node in reversed(found))


@signature("np.ravel_multi_index: multi_index dims mode='raise' order='C'")
def ravel_multi_index(call: Call) -> Value:
    """The flat place that places along the axes stand for."""
    b = call.b
    _row_by_row(call)
    shape = shape_of(call, call.value("dims"), "dims")
    places = [_integers(call, v, "multi_index") for v in call.items("multi_index")]
    if len(places) != len(shape):
        call.refuse(
            f"`{call.name}` is given {count(len(places), 'place')} for "
            f"{count(len(shape), 'axis')}.",
            "Give one for each axis.",
        )
    modes = call.static("mode")
    several = cast("tuple[object, ...]", modes) if isinstance(modes, tuple) else (modes,)
    several = several * len(shape) if len(several) == 1 else several
    if not places:
        call.refuse(f"`{call.name}` is given no axes.", "Give at least one.")
    common_shape(call, *(p.array.shape for p in places))
    total: Node | None = None
    for axis, (place, mode) in enumerate(zip(places, several, strict=True)):
        size = make.size(b, shape[axis])
        inside = brought_inside(call, place, size, mode)
        if inside is None:
            refuse_outside(call, place, size, f"{call.name} is given a place outside of the shape")
        place = place if inside is None else inside
        step = make.size(b, product(shape[axis + 1 :]))
        part = place if axis == len(shape) - 1 else make.multiply(b, place, step)
        total = part if total is None else make.add(b, total, part)
    assert total is not None
    return call.fresh(total)


FUNCTIONS: dict[object, Handler] = {
    np.indices: indices,
    np.ix_: ix_,
    np.tril_indices: triangle("tril_indices", lower=True),
    np.triu_indices: triangle("triu_indices", lower=False),
    np.tril_indices_from: triangle_from("tril_indices_from", lower=True),
    np.triu_indices_from: triangle_from("triu_indices_from", lower=False),
    np.diag_indices: diag_indices,
    np.diag_indices_from: diag_indices_from,
    np.unravel_index: unravel_index,
    np.ravel_multi_index: ravel_multi_index,
}
