"""Means, spreads and order statistics; the variance in two passes, as NumPy computes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    along,
    apply,
    as_float,
    kept,
    like,
    moved,
    nonempty,
    pick,
    size_as,
    take_along,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import inexact
from codegen_ad.frontend.library.reductions import mask_of, reduced, without_nan
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.reduction import SUM
from codegen_ad.ops.scan import ARGSORT


def mean_of(
    b: Builder,
    x: Node,
    axes: Sequence[int],
    mask: Node | None = None,
    *,
    keepdims: bool = True,
) -> Node:
    """The mean of floating point numbers over `axes`."""
    if mask is not None:
        chosen = make.where(b, mask, x, like(b, 0, x))
        total = reduced(b, SUM, chosen, axes, keepdims=keepdims)
        return make.divide(b, total, _number(b, x, axes, mask, keepdims=keepdims))
    total = reduced(b, SUM, x, axes, keepdims=keepdims)
    number = product(tuple(x.array.shape[a] for a in axes))
    return total if number == ONE else make.divide(b, total, size_as(b, number, x.array.dtype))


def _number(b: Builder, x: Node, axes: Sequence[int], mask: Node, *, keepdims: bool) -> Node:
    return reduced(b, SUM, make.cast(b, mask, x.array.dtype), axes, keepdims=keepdims)


def _operand(call: Call) -> tuple[Node, tuple[int, ...]]:
    x = call.node("a")
    dtype = call.dtype("dtype", inexact(x.array.dtype))
    if not dtype.is_float:
        call.refuse(
            f"`{call.name}` is asked for the dtype {dtype.numpy_name}, which holds no fractions.",
            "Leave `dtype` out, and convert the result.",
        )
    x = make.cast(call.b, x, dtype)
    return x, call.axes("axis", x.array.rank)


@signature("np.mean: a axis=None dtype=None out=None keepdims=False * where=True")
def mean(call: Call) -> Value:
    """The arithmetic mean."""
    x, axes = _operand(call)
    mask = mask_of(call, x)
    if mask is None:
        nonempty(call, x, axes)
    return call.fresh(mean_of(call.b, x, axes, mask, keepdims=call.flag("keepdims")))


@signature("np.nanmean: a axis=None dtype=None out=None keepdims=False * where=True")
def nanmean(call: Call) -> Value:
    """The mean of what is not NaN."""
    call.only_default("where")
    x, axes = _operand(call)
    mask = _numbers(call.b, x)
    return call.fresh(mean_of(call.b, x, axes, mask, keepdims=call.flag("keepdims")))


def _numbers(b: Builder, x: Node) -> Node:
    return make.apply(b, "logical_not", apply(b, "isnan", x))


@signature("np.average: a axis=None weights=None returned=False * keepdims=False")
def average(call: Call) -> Value:
    """The weighted mean; weights of one axis may be a vector."""
    b, keepdims = call.b, call.flag("keepdims")
    if not call.has("weights"):
        x = as_float(b, call.node("a"))
        axes = call.axes("axis", x.array.rank)
        nonempty(call, x, axes)
        out = mean_of(b, x, axes, keepdims=keepdims)
        number = product(tuple(x.array.shape[a] for a in axes))
        total = make.broadcast_to(b, size_as(b, number, x.array.dtype), out.array.shape)
    else:
        x, weights = call.ctx.promote(call.value("a"), call.value("weights"), floating=True)
        axes = call.axes("axis", x.array.rank)
        weights = _weights(call, x, weights, axes)
        total = reduced(b, SUM, weights, axes, keepdims=keepdims)
        weighted = reduced(b, SUM, make.multiply(b, x, weights), axes, keepdims=keepdims)
        out = make.divide(b, weighted, total)
    if call.flag("returned"):
        return (call.fresh(out), call.fresh(total))
    return call.fresh(out)


def _weights(call: Call, x: Node, weights: Node, axes: Sequence[int]) -> Node:
    if weights.array.rank == x.array.rank:
        for ours, theirs in zip(weights.array.shape, x.array.shape, strict=True):
            unify(call, ours, theirs)
        return weights
    if weights.array.rank != 1 or len(axes) != 1:
        call.refuse(
            "`np.average` needs weights of the shape of the array, or a vector and one `axis`.",
            "Give `axis`, or weights of the shape of the array.",
        )
    unify(call, weights.array.shape[0], x.array.shape[axes[0]])
    return make.broadcast_to(call.b, along(call.b, x, axes[0], weights), x.array.shape)


def _variance(call: Call, mask: Node | None, x: Node, axes: Sequence[int]) -> Node:
    """The mean square of the deviations, over the number of them less `ddof`."""
    b, keepdims = call.b, call.flag("keepdims")
    ddof = call.number("correction" if call.has("correction") else "ddof")
    number = product(tuple(x.array.shape[a] for a in axes))
    if mask is None:
        nonempty(call, x, axes)
        if ddof > 1 or not float(ddof).is_integer():
            call.ctx.require(number, math.ceil(ddof), call.name)
    centre = call.node("mean") if call.has("mean") else mean_of(b, x, axes, mask)
    squares = apply(b, "square", make.subtract(b, x, make.cast(b, centre, x.array.dtype)))
    if mask is not None:
        squares = make.where(b, mask, squares, like(b, 0, x))
        chosen = _number(b, x, axes, mask, keepdims=keepdims)
        freedom = apply(b, "maximum", apply(b, "subtract", chosen, ddof), 0)
    elif float(ddof).is_integer():
        freedom = size_as(b, number - int(ddof), x.array.dtype)
    else:
        freedom = apply(b, "subtract", size_as(b, number, x.array.dtype), ddof)
    return make.divide(b, reduced(b, SUM, squares, axes, keepdims=keepdims), freedom)


SPREAD = (
    "a axis=None dtype=None out=None ddof=0 keepdims=False * where=True mean=None correction=None"
)


@signature(f"np.var: {SPREAD}")
def var(call: Call) -> Value:
    """The variance."""
    x, axes = _operand(call)
    return call.fresh(_variance(call, mask_of(call, x), x, axes))


@signature(f"np.std: {SPREAD}")
def std(call: Call) -> Value:
    """The standard deviation."""
    x, axes = _operand(call)
    out = apply(call.b, "sqrt", _variance(call, mask_of(call, x), x, axes))
    return call.fresh(out)


@signature(f"np.nanvar: {SPREAD}")
def nanvar(call: Call) -> Value:
    """The variance of what is not NaN."""
    x, axes = _operand(call)
    clean, mask = without_nan(call.b, x, 0), _numbers(call.b, x)
    return call.fresh(_variance(call, mask, clean, axes))


@signature(f"np.nanstd: {SPREAD}")
def nanstd(call: Call) -> Value:
    """The standard deviation of what is not NaN."""
    x, axes = _operand(call)
    clean, mask = without_nan(call.b, x, 0), _numbers(call.b, x)
    return call.fresh(apply(call.b, "sqrt", _variance(call, mask, clean, axes)))


def sorted_along(b: Builder, x: Node, axis: int) -> Node:
    """`x` in ascending order along an axis: what its own `argsort` picks."""
    return take_along(b, x, b.node(ARGSORT, (x,), Axis(axis)), axis)


def _lined_up(call: Call) -> tuple[Node, tuple[int, ...], Node]:
    """`a` in floating point, the axes, and its elements sorted along one new last axis."""
    call.ignore("overwrite_input")
    b, x = call.b, as_float(call.b, call.node("a"))
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    rest = tuple(a for a in range(x.array.rank) if a not in axes)
    shape = (*(x.array.shape[a] for a in rest), product(tuple(x.array.shape[a] for a in axes)))
    line = make.reshape(b, make.transpose(b, x, (*rest, *axes)), shape)
    return x, axes, sorted_along(b, line, len(rest))


@signature("np.median: a axis=None out=None overwrite_input=False keepdims=False")
def median(call: Call) -> Value:
    """The middle element, or the mean of the middle two; NaN if any element is."""
    b = call.b
    x, axes, line = _lined_up(call)
    last = line.array.rank - 1
    number = line.array.shape[last]
    low = pick(b, line, last, (number - 1) // 2)
    high = pick(b, line, last, number // 2)
    middle = low if low is high else apply(b, "multiply", make.add(b, low, high), 0.5)
    top = pick(b, line, last, -1)
    out = make.where(b, apply(b, "isnan", top), top, middle)
    return _shaped(call, x, axes, out)


def _shaped(call: Call, x: Node, axes: Sequence[int], out: Node) -> Value:
    if call.flag("keepdims"):
        out = make.reshape(call.b, out, kept(x.array.shape, axes))
    return call.fresh(out)


@signature(
    "np.quantile: a q axis=None out=None overwrite_input=False method='linear' keepdims=False"
    " * weights=None interpolation=None"
)
def quantile(call: Call) -> Value:
    """The quantile `q`, between the two elements beside it."""
    return _quantile(call, 1.0)


@signature(
    "np.percentile: a q axis=None out=None overwrite_input=False method='linear' keepdims=False"
    " * weights=None interpolation=None"
)
def percentile(call: Call) -> Value:
    """The percentile `q`, between the two elements beside it."""
    return _quantile(call, 0.01)


def _quantile(call: Call, scale: float) -> Value:
    call.only_default("weights", "interpolation")
    call.only_default("method", instead="Use the default, linear interpolation.")
    value = call.static("q")
    if isinstance(value, list | tuple):
        numbers = cast("Sequence[object]", value)
        b = call.b
        parts = [call.node_of(_one_quantile(call, q, scale)) for q in numbers]
        return call.fresh(make.concatenate(b, [make.expand_dims(b, p, 0) for p in parts], 0))
    return _one_quantile(call, value, scale)


def _one_quantile(call: Call, q: object, scale: float) -> Value:
    b = call.b
    if not isinstance(q, int | float) or not 0 <= q * scale <= 1:
        call.refuse(f"`{call.name}` of {q}: it must lie in the range.", "Check `q`.")
    x, axes, line = _lined_up(call)
    last = line.array.rank - 1
    number = line.array.shape[last]
    order = make.transpose(b, line, moved(last + 1, last, 0))
    place = apply(b, "multiply", size_as(b, number - 1, DType.FLOAT64), q * scale)
    below = apply(b, "floor", place)
    rest = make.cast(b, make.subtract(b, place, below), x.array.dtype)
    index = make.cast(b, below, DType.INT64)
    following = make.apply(b, "minimum", apply(b, "add", index, 1), make.size(b, number - 1))
    low, high = make.gather(b, order, index), make.gather(b, order, following)
    step = make.subtract(b, high, low)
    between = make.where(
        b,
        apply(b, "less", rest, 0.5),
        make.add(b, low, make.multiply(b, step, rest)),
        make.subtract(b, high, make.multiply(b, step, make.subtract(b, like(b, 1, rest), rest))),
    )
    top = pick(b, line, last, -1)
    out = make.where(b, apply(b, "isnan", top), top, between)
    return _shaped(call, x, axes, out)


FUNCTIONS: dict[object, Handler] = {
    np.mean: mean,
    np.nanmean: nanmean,
    np.average: average,
    np.var: var,
    np.std: std,
    np.nanvar: nanvar,
    np.nanstd: nanstd,
    np.median: median,
    np.quantile: quantile,
    np.percentile: percentile,
}

METHODS: dict[str, Handler] = {"mean": mean, "var": var, "std": std}
