"""Means and spreads; the variance in two passes, as NumPy computes it.

The standard deviation has its minimum, 0, where all elements are equal: its derivative there is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    as_float,
    like,
    nonempty,
    size_as,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import inexact
from codegen_ad.frontend.library.norms import root
from codegen_ad.frontend.library.reductions import mask_of, reduced, without_nan
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.reduction import SUM


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
        nonempty(call, x, axes, is_nan=True)
    return call.fresh(mean_of(call.b, x, axes, mask, keepdims=call.flag("keepdims")))


@signature("np.nanmean: a axis=None dtype=None out=None keepdims=False * where=True")
def nanmean(call: Call) -> Value:
    """The mean of what is not NaN."""
    x, axes = _operand(call)
    mask = _present(call, x)
    return call.fresh(mean_of(call.b, x, axes, mask, keepdims=call.flag("keepdims")))


def _present(call: Call, x: Node) -> Node:
    """Where there is a number, and `where=` holds."""
    there = make.apply(call.b, "logical_not", apply(call.b, "isnan", x))
    mask = mask_of(call, x)
    return there if mask is None else make.apply(call.b, "logical_and", there, mask)


@signature("np.average: a axis=None weights=None returned=False * keepdims=False")
def average(call: Call) -> Value:
    """The weighted mean; weights may have the reduced axes only."""
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
    given = call.axes_in_order("axis", x.array.rank) if call.has("axis") else ()
    if not given or weights.array.rank != len(given):
        call.refuse(
            "`np.average` needs weights of the shape of the array, or one axis of weights for "
            "each `axis`.",
            "Give `axis`, or weights of the shape of the array.",
        )
    for dim, axis in zip(weights.array.shape, given, strict=True):
        unify(call, dim, x.array.shape[axis])
    order = sorted(range(len(given)), key=lambda i: given[i])
    weights = make.transpose(call.b, weights, order)
    apart = tuple(d if a in axes else ONE for a, d in enumerate(x.array.shape))
    return make.broadcast_to(call.b, make.reshape(call.b, weights, apart), x.array.shape)


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
    return call.fresh(root(call.b, _variance(call, mask_of(call, x), x, axes)))


@signature(f"np.nanvar: {SPREAD}")
def nanvar(call: Call) -> Value:
    """The variance of what is not NaN."""
    x, axes = _operand(call)
    clean, mask = without_nan(call.b, x, 0), _present(call, x)
    return call.fresh(_variance(call, mask, clean, axes))


@signature(f"np.nanstd: {SPREAD}")
def nanstd(call: Call) -> Value:
    """The standard deviation of what is not NaN."""
    x, axes = _operand(call)
    clean, mask = without_nan(call.b, x, 0), _present(call, x)
    return call.fresh(root(call.b, _variance(call, mask, clean, axes)))


FUNCTIONS: dict[object, Handler] = {
    np.mean: mean,
    np.nanmean: nanmean,
    np.average: average,
    np.var: var,
    np.std: std,
    np.nanvar: nanvar,
    np.nanstd: nanstd,
}

METHODS: dict[str, Handler] = {"mean": mean, "var": var, "std": std}
