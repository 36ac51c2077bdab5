"""Objects of NumPy that are subscripted: `np.r_`, `np.c_`, `np.mgrid`, `np.ogrid`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from codegen_ad.frontend.context import Context, Value
from codegen_ad.frontend.library.arrays import apply
from codegen_ad.frontend.library.binding import Call
from codegen_ad.frontend.library.joining import joined
from codegen_ad.frontend.library.parameters import parse
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

Subscript = Callable[[Context, Value], Value]


def _call(ctx: Context, name: str) -> Call:
    """What refusals and checks of sizes speak of."""
    return Call(ctx, parse(f"{name}: key"), {}, ())


def _counted(call: Call, item: slice[Any, Any, Any]) -> Node:
    """The numbers that a slice `start:stop:step` counts; a step of `5j` asks for five of them."""
    ctx, b, raw = call.ctx, call.b, item
    limits = (0 if raw.start is None else raw.start, raw.stop, 1 if raw.step is None else raw.step)
    if raw.stop is None:
        call.refuse(f"A slice of `{call.name}` needs its end.", "Write `start:stop`.")
    if isinstance(raw.step, complex):
        number = int(abs(raw.step))
        start, stop = (make.cast(b, ctx.node(v), DType.FLOAT64) for v in limits[:2])
        places = make.cast(b, make.iota(b, number), DType.FLOAT64)
        if number < 2:
            return make.add(b, start, places)
        gap = make.divide(b, make.subtract(b, stop, start), make.constant(b, float(number - 1)))
        return make.add(b, start, make.multiply(b, places, gap))
    if any(isinstance(v, float) for v in limits):
        if not all(isinstance(v, int | float) for v in limits):
            call.refuse(
                f"A slice of `{call.name}` with a fractional step needs limits that are numbers.",
                "Use `np.linspace`.",
            )
        first, last, by = (float(v) for v in limits)
        number = max(math.ceil((last - first) / by), 0)
        places = make.cast(b, make.iota(b, number), DType.FLOAT64)
        return apply(b, "add", apply(b, "multiply", places, by), first)
    for limit in limits:
        if ctx.is_array(limit):
            ctx.dim(limit, "end of the slice")
    first, last = ctx.dim(limits[0], "start"), ctx.dim(limits[1], "stop")
    by = call.as_integer(limits[2], "step")
    extent = last - first if by > 0 else first - last
    if extent.is_constant:
        extent = make.as_dim(max(extent.value, 0))
    else:
        ctx.require(extent, 0, call.name)
    return ctx.iota(first, (extent + (abs(by) - 1)) // abs(by), by)


def _parts(call: Call, key: Value) -> list[Node]:
    """The things between the commas, in one dtype."""
    items = list(cast("tuple[Value, ...]", key)) if isinstance(key, tuple) else [key]
    values: list[Value] = []
    for item in items:
        if isinstance(item, str):
            call.refuse(
                f"`{call.name}` with a text, {item!r}, that says how to stack.",
                "Use `np.concatenate`, `np.stack` or `np.column_stack`.",
            )
        values.append(
            call.fresh(_counted(call, cast("slice[Any, Any, Any]", item)))
            if isinstance(item, slice)
            else item
        )
    return call.ctx.promote(*values)


def along_rows(ctx: Context, key: Value) -> Value:
    """`np.r_[...]`: one after another along the first axis."""
    call = _call(ctx, "np.r_")
    parts = [p if p.array.rank else make.reshape(call.b, p, (ONE,)) for p in _parts(call, key)]
    return call.fresh(joined(call, parts, 0))


def along_columns(ctx: Context, key: Value) -> Value:
    """`np.c_[...]`: beside one another; vectors are columns."""
    call = _call(ctx, "np.c_")
    parts: list[Node] = []
    for part in _parts(call, key):
        shape = (*part.array.shape, *((ONE,) * (2 - part.array.rank)))
        parts.append(make.reshape(call.b, part, shape))
    return call.fresh(joined(call, parts, parts[0].array.rank - 1))


def _grids(call: Call, key: Value) -> list[Node]:
    """Each axis's numbers, standing along that axis."""
    b = call.b
    items: Sequence[Value] = cast("tuple[Value, ...]", key) if isinstance(key, tuple) else (key,)
    if not all(isinstance(item, slice) for item in items):
        call.refuse(f"`{call.name}` takes slices.", "Write `start:stop:step` for each axis.")
    lines = [_counted(call, cast("slice[Any, Any, Any]", item)) for item in items]
    floating = any(n.array.dtype.is_float for n in lines)
    lines = [make.cast(b, n, DType.FLOAT64) if floating else n for n in lines]
    return [
        make.reshape(b, n, tuple(n.array.shape[0] if a == axis else ONE for a in range(len(lines))))
        for axis, n in enumerate(lines)
    ]


def open_grid(ctx: Context, key: Value) -> Value:
    """`np.ogrid[...]`: the numbers of each axis, with axes of size 1 for the others."""
    call = _call(ctx, "np.ogrid")
    grids = [call.fresh(n) for n in _grids(call, key)]
    return tuple(grids) if isinstance(key, tuple) else grids[0]


def full_grid(ctx: Context, key: Value) -> Value:
    """`np.mgrid[...]`: the numbers of each axis at every place of the grid."""
    call = _call(ctx, "np.mgrid")
    b, grids = call.b, _grids(call, key)
    if not isinstance(key, tuple):
        return call.fresh(grids[0])
    shape = tuple(n.array.shape[a] for a, n in enumerate(grids))
    rows = [make.expand_dims(b, make.broadcast_to(b, n, shape), 0) for n in grids]
    return call.fresh(make.concatenate(b, rows, 0))


SUBSCRIPTS: dict[int, Subscript] = {
    id(np.r_): along_rows,
    id(np.c_): along_columns,
    id(np.ogrid): open_grid,
    id(np.mgrid): full_grid,
}
"""The meanings of subscripting these objects, by identity."""
