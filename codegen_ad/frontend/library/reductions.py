"""Reductions: sums, products, extremes, means and spreads over axes, in NumPy's dtypes."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    as_bool,
    kept,
    like,
    nonempty,
    ravel,
)
from codegen_ad.frontend.library.binding import Call, count, signature
from codegen_ad.frontend.library.dtypes import accumulator
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node, Op
from codegen_ad.ir.types import DType, broadcast_shapes
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ALL, ANY, MAX, MIN, PROD, SUM, Reduce


def reduced(b: Builder, op: Op, x: Node, axes: Sequence[int], *, keepdims: bool = False) -> Node:
    """The reduction of `x` over `axes`."""
    out = b.node(op, (x,), Reduce(tuple(sorted(axes)))) if axes else x
    return make.reshape(b, out, kept(x.array.shape, axes)) if keepdims else out


def _selected(call: Call, x: Node, neutral: float) -> tuple[Node, Node | None]:
    """`x` with `neutral` where `where=` is false, and the mask, if there is one."""
    mask = mask_of(call, x)
    if mask is None:
        return x, None
    return make.where(call.b, mask, x, like(call.b, neutral, x)), mask


def mask_of(call: Call, x: Node) -> Node | None:
    """The mask of `where=`, of the shape of `x`, or None if everything is selected."""
    if "where" not in call.given:
        return None
    value = call.value("where")
    if call.ctx.is_static(value) and call.ctx.static(value, "where") is True:
        return None
    mask = as_bool(call.b, call.node("where"))
    return make.broadcast_to(call.b, mask, broadcast_shapes(mask.array.shape, x.array.shape))


def _with_initial(call: Call, op: str, out: Node) -> Node:
    if not call.has("initial"):
        return out
    initial = make.cast(call.b, call.node("initial"), out.array.dtype)
    return make.apply(call.b, op, out, initial)


def _accumulated(call: Call, op: Op, combine: str, neutral: int) -> Value:
    x = call.node("a")
    x = make.cast(call.b, x, call.dtype("dtype", accumulator(x.array.dtype)))
    if x.array.dtype is DType.BOOL:
        call.refuse(f"`{call.name}` with `dtype=bool` is not supported.", "Use `np.any`.")
    axes = call.axes("axis", x.array.rank)
    x, _ = _selected(call, x, neutral)
    out = reduced(call.b, op, x, axes, keepdims=call.flag("keepdims"))
    return call.fresh(_with_initial(call, combine, out))


@signature("np.sum: a axis=None dtype=None out=None keepdims=False initial=None where=True")
def sum_(call: Call) -> Value:
    """The sum over axes."""
    return _accumulated(call, SUM, "add", 0)


@signature("np.prod: a axis=None dtype=None out=None keepdims=False initial=None where=True")
def prod(call: Call) -> Value:
    """The product over axes."""
    return _accumulated(call, PROD, "multiply", 1)


@signature("np.nansum: a axis=None dtype=None out=None keepdims=False")
def nansum(call: Call) -> Value:
    """The sum of what is not NaN."""
    return _accumulated_without_nan(call, SUM, 0)


@signature("np.nanprod: a axis=None dtype=None out=None keepdims=False")
def nanprod(call: Call) -> Value:
    """The product of what is not NaN."""
    return _accumulated_without_nan(call, PROD, 1)


def _accumulated_without_nan(call: Call, op: Op, neutral: int) -> Value:
    x = call.node("a")
    x = without_nan(call.b, x, neutral)
    x = make.cast(call.b, x, call.dtype("dtype", accumulator(x.array.dtype)))
    axes = call.axes("axis", x.array.rank)
    return call.fresh(reduced(call.b, op, x, axes, keepdims=call.flag("keepdims")))


def without_nan(b: Builder, x: Node, value: float) -> Node:
    """`x` with `value` in place of NaN."""
    if not x.array.dtype.is_float:
        return x
    return make.where(b, apply(b, "isnan", x), like(b, value, x), x)


@signature("sum: a start=0")
def builtin_sum(call: Call) -> Value:
    """Python's `sum` of an array: over its first axis."""
    x = call.node("a")
    if not x.array.rank:
        call.refuse("`sum` of a scalar: there is nothing to add up.", "Leave `sum` out.")
    x = make.cast(call.b, x, accumulator(x.array.dtype))
    out = make.sum_(call.b, x, (0,))
    if call.has("start"):
        out, start = call.ctx.promote(call.fresh(out), call.value("start"))
        out = make.add(call.b, start, out)
    return call.fresh(out)


def _extreme(call: Call, op: Op, combine: str) -> Value:
    x = call.node("a")
    axes = call.axes("axis", x.array.rank)
    mask = mask_of(call, x)
    if mask is not None:
        if not call.has("initial"):
            call.refuse(
                f"`{call.name}` with `where=` needs `initial=`: nothing may be selected.",
                "Give `initial`, the result when nothing is selected.",
            )
        x = make.where(call.b, mask, x, make.cast(call.b, call.node("initial"), x.array.dtype))
    elif not call.has("initial"):
        nonempty(call, x, axes)
    out = reduced(call.b, op, x, axes, keepdims=call.flag("keepdims"))
    return call.fresh(_with_initial(call, combine, out))


@signature("np.max: a axis=None out=None keepdims=False initial=None where=True")
def max_(call: Call) -> Value:
    """The largest element over axes."""
    return _extreme(call, MAX, "maximum")


@signature("np.min: a axis=None out=None keepdims=False initial=None where=True")
def min_(call: Call) -> Value:
    """The smallest element over axes."""
    return _extreme(call, MIN, "minimum")


@signature("max: a")
def builtin_max(call: Call) -> Value:
    """Python's `max` of a vector."""
    return _extreme_of_vector(call, MAX)


@signature("min: a")
def builtin_min(call: Call) -> Value:
    """Python's `min` of a vector."""
    return _extreme_of_vector(call, MIN)


def _extreme_of_vector(call: Call, op: Op) -> Value:
    x = _vector(call)
    nonempty(call, x, (0,))
    return call.fresh(reduced(call.b, op, x, (0,)))


@signature("any: a")
def builtin_any(call: Call) -> Value:
    """Python's `any` of a vector."""
    return call.fresh(reduced(call.b, ANY, as_bool(call.b, _vector(call)), (0,)))


@signature("all: a")
def builtin_all(call: Call) -> Value:
    """Python's `all` of a vector."""
    return call.fresh(reduced(call.b, ALL, as_bool(call.b, _vector(call)), (0,)))


def _vector(call: Call) -> Node:
    x = call.node("a")
    if x.array.rank != 1:
        call.refuse(
            f"Python's `{call.name}` works on vectors, and this array has "
            f"{count(x.array.rank, 'axis')}.",
            f"Use `np.{call.name}`.",
        )
    return x


def _extreme_without_nan(call: Call, op: Op, worst: float) -> Value:
    call.only_default("initial", "where")
    b, x = call.b, call.node("a")
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    out = reduced(b, op, without_nan(b, x, worst), axes, keepdims=call.flag("keepdims"))
    if x.array.dtype.is_float:
        nothing = reduced(b, ALL, apply(b, "isnan", x), axes, keepdims=call.flag("keepdims"))
        out = make.where(b, nothing, like(b, math.nan, x), out)
    return call.fresh(out)


@signature("np.nanmax: a axis=None out=None keepdims=False initial=None where=True")
def nanmax(call: Call) -> Value:
    """The largest element that is not NaN."""
    return _extreme_without_nan(call, MAX, -math.inf)


@signature("np.nanmin: a axis=None out=None keepdims=False initial=None where=True")
def nanmin(call: Call) -> Value:
    """The smallest element that is not NaN."""
    return _extreme_without_nan(call, MIN, math.inf)


@signature("np.ptp: a axis=None out=None keepdims=False")
def ptp(call: Call) -> Value:
    """The largest minus the smallest."""
    x, keepdims = call.node("a"), call.flag("keepdims")
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    high = reduced(call.b, MAX, x, axes, keepdims=keepdims)
    low = reduced(call.b, MIN, x, axes, keepdims=keepdims)
    return call.fresh(make.subtract(call.b, high, low))


@signature("np.any: a axis=None out=None keepdims=False where=True")
def any_(call: Call) -> Value:
    """Whether any element is true."""
    return _logical(call, ANY, False)


@signature("np.all: a axis=None out=None keepdims=False where=True")
def all_(call: Call) -> Value:
    """Whether all elements are true."""
    return _logical(call, ALL, True)


def _logical(call: Call, op: Op, neutral: bool) -> Value:
    x, _ = _selected(call, as_bool(call.b, call.node("a")), neutral)
    axes = call.axes("axis", x.array.rank)
    return call.fresh(reduced(call.b, op, x, axes, keepdims=call.flag("keepdims")))


@signature("np.count_nonzero: a axis=None * keepdims=False")
def count_nonzero(call: Call) -> Value:
    """The number of elements that are not zero."""
    x = make.cast(call.b, as_bool(call.b, call.node("a")), DType.INT64)
    axes = call.axes("axis", x.array.rank)
    return call.fresh(reduced(call.b, SUM, x, axes, keepdims=call.flag("keepdims")))


def _extreme_index(call: Call, op: Op) -> Value:
    """The first place of the extreme; a NaN counts as the extreme, as in NumPy."""
    b, x = call.b, call.node("a")
    shape = x.array.shape
    if call.has("axis"):
        axis = call.axis("axis", x.array.rank)
    else:
        x, axis = ravel(b, x), 0
    nonempty(call, x, (axis,))
    dim = x.array.shape[axis]
    best = reduced(b, op, x, (axis,), keepdims=True)
    found = apply(b, "equal", x, best)
    if x.array.dtype.is_float:
        found = make.apply(b, "logical_or", found, apply(b, "isnan", x))
    places = [ONE] * x.array.rank
    places[axis] = dim
    place = make.reshape(b, make.iota(b, dim), tuple(places))
    place = make.where(b, found, place, make.size(b, dim))
    out = reduced(b, MIN, place, (axis,), keepdims=call.flag("keepdims"))
    if call.flag("keepdims") and not call.has("axis"):
        out = make.reshape(b, out, (ONE,) * len(shape))
    return call.fresh(out)


@signature("np.argmax: a axis=None out=None * keepdims=False")
def argmax(call: Call) -> Value:
    """The place of the largest element."""
    return _extreme_index(call, MAX)


@signature("np.argmin: a axis=None out=None * keepdims=False")
def argmin(call: Call) -> Value:
    """The place of the smallest element."""
    return _extreme_index(call, MIN)


FUNCTIONS: dict[object, Handler] = {
    np.sum: sum_,
    math.fsum: builtin_sum,
    builtins.sum: builtin_sum,
    np.prod: prod,
    np.nansum: nansum,
    np.nanprod: nanprod,
    np.max: max_,
    np.amax: max_,
    builtins.max: builtin_max,
    np.min: min_,
    np.amin: min_,
    builtins.min: builtin_min,
    np.nanmax: nanmax,
    np.nanmin: nanmin,
    np.ptp: ptp,
    np.any: any_,
    np.all: all_,
    builtins.any: builtin_any,
    builtins.all: builtin_all,
    np.count_nonzero: count_nonzero,
    np.argmax: argmax,
    np.argmin: argmin,
}

METHODS: dict[str, Handler] = {
    "sum": sum_,
    "prod": prod,
    "max": max_,
    "min": min_,
    "any": any_,
    "all": all_,
    "argmax": argmax,
    "argmin": argmin,
}
