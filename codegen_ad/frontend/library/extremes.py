"""The largest and smallest elements over axes, and where they are."""

from __future__ import annotations

import math

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    like,
    nonempty,
    ravel,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import in_order
from codegen_ad.frontend.library.reductions import mask_of, reduced, with_initial, without_nan
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Op
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ALL, MAX, MIN


def _extreme(call: Call, op: Op, combine: str) -> Value:
    own = call.node("a")
    x = make.cast(call.b, own, in_order(own.array.dtype))
    axes = call.axes("axis", x.array.rank)
    mask = mask_of(call, x)
    if mask is not None:
        _needs_initial(call)
        x = make.where(call.b, mask, x, make.cast(call.b, call.node("initial"), x.array.dtype))
    elif not call.has("initial"):
        nonempty(call, x, axes)
    out = reduced(call.b, op, x, axes, keepdims=call.flag("keepdims"))
    return call.fresh(make.cast(call.b, with_initial(call, combine, out), own.array.dtype))


@signature("np.max: a axis=None out=None keepdims=False initial=None where=True")
def max_(call: Call) -> Value:
    """The largest element over axes."""
    return _extreme(call, MAX, "maximum")


@signature("np.min: a axis=None out=None keepdims=False initial=None where=True")
def min_(call: Call) -> Value:
    """The smallest element over axes."""
    return _extreme(call, MIN, "minimum")


def _extreme_without_nan(call: Call, op: Op, combine: str, worst: float) -> Value:
    b, x = call.b, call.node("a")
    axes, keepdims = call.axes("axis", x.array.rank), call.flag("keepdims")
    if not x.array.dtype.is_float:
        return _extreme(call, op, combine)
    lost, mask = apply(b, "isnan", x), mask_of(call, x)
    if mask is not None:
        _needs_initial(call)
        lost = make.apply(b, "logical_or", lost, make.apply(b, "logical_not", mask))
    elif not call.has("initial"):
        nonempty(call, x, axes)
    out = reduced(b, op, make.where(b, lost, like(b, worst, x), x), axes, keepdims=keepdims)
    if call.has("initial"):
        return call.fresh(with_initial(call, combine, out))
    nothing = reduced(b, ALL, lost, axes, keepdims=keepdims)
    return call.fresh(make.where(b, nothing, like(b, math.nan, x), out))


def _needs_initial(call: Call) -> None:
    if not call.has("initial"):
        call.refuse(
            f"`{call.name}` with `where=` needs `initial=`: nothing may be selected.",
            "Give `initial`, the result when nothing is selected.",
        )


@signature("np.nanmax: a axis=None out=None keepdims=False initial=None where=True")
def nanmax(call: Call) -> Value:
    """The largest element that is not NaN."""
    return _extreme_without_nan(call, MAX, "maximum", -math.inf)


@signature("np.nanmin: a axis=None out=None keepdims=False initial=None where=True")
def nanmin(call: Call) -> Value:
    """The smallest element that is not NaN."""
    return _extreme_without_nan(call, MIN, "minimum", math.inf)


@signature("np.ptp: a axis=None out=None keepdims=False")
def ptp(call: Call) -> Value:
    """The largest minus the smallest."""
    own, keepdims = call.node("a"), call.flag("keepdims")
    x = make.cast(call.b, own, in_order(own.array.dtype))
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    high = reduced(call.b, MAX, x, axes, keepdims=keepdims)
    low = reduced(call.b, MIN, x, axes, keepdims=keepdims)
    return call.fresh(make.cast(call.b, make.subtract(call.b, high, low), own.array.dtype))


def _extreme_index(call: Call, op: Op, missing: float | None = None) -> Value:
    """The first place of the extreme; a NaN is the extreme, or counts as `missing`."""
    b, x = call.b, call.node("a")
    x = make.cast(b, x, in_order(x.array.dtype))
    x = x if missing is None else without_nan(b, x, missing)
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


@signature("np.nanargmax: a axis=None out=None * keepdims=False")
def nanargmax(call: Call) -> Value:
    """The place of the largest element that is not NaN; 0 where NumPy raises: all are NaN."""
    return _extreme_index(call, MAX, -math.inf)


@signature("np.nanargmin: a axis=None out=None * keepdims=False")
def nanargmin(call: Call) -> Value:
    """The place of the smallest element that is not NaN; 0 where NumPy raises: all are NaN."""
    return _extreme_index(call, MIN, math.inf)


FUNCTIONS: dict[object, Handler] = {
    np.max: max_,
    np.amax: max_,
    np.min: min_,
    np.amin: min_,
    np.nanmax: nanmax,
    np.nanmin: nanmin,
    np.ptp: ptp,
    np.argmax: argmax,
    np.argmin: argmin,
    np.nanargmax: nanargmax,
    np.nanargmin: nanargmin,
}

METHODS: dict[str, Handler] = {
    "max": max_,
    "min": min_,
    "argmax": argmax,
    "argmin": argmin,
}
