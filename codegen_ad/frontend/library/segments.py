"""Parts of an axis: windows that slide along it, and reductions of one segment after another."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad.frontend.arrays.views import Indexed, Transposed
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.applied import part
from codegen_ad.frontend.library.arrays import apply, moved
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import accumulator
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.values import Outside
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ANY

_WINDOWS = "np.lib.stride_tricks.sliding_window_view"


@signature(f"{_WINDOWS}: x window_shape axis=None * subok=False writeable=False")
def sliding_window_view(call: Call) -> Value:
    """The windows along some axes, each of which gets an axis at the end; a view to be read."""
    call.only_default("subok", "writeable", instead="Write into the array itself.")
    ctx = call.ctx
    value = call.value("x") if ctx.is_array(call.value("x")) else call.fresh(call.node("x"))
    given = call.value("window_shape")
    sizes = [call.ctx.dim(s, "window") for s in call.ctx.try_items(given) or [given]]
    rank = call.node("x").array.rank
    axes = call.axes_in_order("axis", rank) if call.has("axis") else tuple(range(rank))
    if len(axes) != len(sizes):
        call.refuse(
            f"`{call.name}` has {len(sizes)} window sizes for {len(axes)} axes.",
            "Give a window size for each axis, or name the axes: `axis=...`.",
        )
    for axis, size in zip(axes, sizes, strict=True):
        value = _windows(call, value, axis, size)
    return ctx.read_only(value)


def _windows(call: Call, value: Value, axis: int, size: Dim) -> Value:
    """All windows of a size along one axis; places in the window are the last axis."""
    b, ctx = call.b, call.ctx
    x = call.node_of(value).array
    ctx.require(size, 1, call.name)
    ctx.require(x.shape[axis], size, call.name)
    starts = make.reshape(
        b, make.iota(b, x.shape[axis] - size + 1), (x.shape[axis] - size + 1, ONE)
    )
    places = make.add(b, starts, make.iota(b, size))
    value = ctx.view(value, Indexed((axis,), (places,)))
    order = [*moved(x.rank + 1, 1, x.rank)]  # the windows' axis goes last
    order.insert(axis, order.pop(0))
    return ctx.view(value, Transposed(tuple(order)))


@part
def each_segment(function: Any, x: Any, places: Any, out: Any) -> Any:
    """Write the reduction of each segment; one that does not go forward is its first element."""
    for k in range(len(places)):
        start = places[k]
        stop = places[k + 1] if k + 1 < len(places) else len(x)
        if stop > start:
            out[k] = function(x[start:stop], axis=0)
        else:
            out[k] = x[start]
    return out


def reduceat(name: str, function: object) -> Handler:
    """The handler of `reduceat`: the reduction of the segments that begin at the places given."""

    @signature(f"np.{name}.reduceat: array indices axis=0 dtype=None out=None")
    def handler(call: Call) -> Value:
        b, ctx = call.b, call.ctx
        x, places = call.node("array"), call.node("indices")
        axis = call.axis("axis", x.array.rank)
        if places.array.rank != 1 or places.array.dtype not in (DType.INT64, DType.INT32):
            call.refuse(
                f"`{call.name}` takes one axis of places, as integers.",
                "Use an array of integers: where each segment begins.",
            )
        dtype = accumulator(x.array.dtype) if name in ("add", "multiply") else x.array.dtype
        x = make.cast(b, x, call.dtype("dtype", dtype))
        line = make.transpose(b, x, moved(x.array.rank, axis, 0))
        length, *rest = line.array.shape
        places = make.cast(b, places, DType.INT64)
        before = apply(b, "less", places, 0)
        beyond = make.apply(b, "greater_equal", places, make.size(b, length))
        outside = reduced(b, ANY, make.apply(b, "logical_or", before, beyond), (0,))
        ctx.refuse_when(outside, "IndexError", f"a place of {call.name} lies outside of the array")
        out = make.full(b, (places.array.shape[0], *rest), 0, x.array.dtype)
        arguments = [Outside(function, ()), call.fresh(line), call.fresh(places), call.fresh(out)]
        found = call.node_of(ctx.call(Outside(each_segment, ()), arguments, {}))
        return call.fresh(make.transpose(b, found, moved(x.array.rank, 0, axis)))

    return handler


FUNCTIONS: dict[object, Handler] = {
    np.lib.stride_tricks.sliding_window_view: sliding_window_view,
    np.add.reduceat: reduceat("add", np.sum),
    np.multiply.reduceat: reduceat("multiply", np.prod),
    np.maximum.reduceat: reduceat("maximum", np.max),
    np.minimum.reduceat: reduceat("minimum", np.min),
}
