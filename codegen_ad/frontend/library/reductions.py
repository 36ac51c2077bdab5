"""Reductions: sums, products, extremes, means and spreads over axes, in NumPy's dtypes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    as_bool,
    kept,
    like,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import accumulator, widened
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Node, Op
from codegen_ad.ir.types import DType, broadcast_shapes
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ALL, ANY, PROD, SUM, Reduce


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


def with_initial(call: Call, op: str, out: Node) -> Node:
    """`out` combined with `initial=`, if that is given."""
    if not call.has("initial"):
        return out
    initial = make.cast(call.b, call.node("initial"), out.array.dtype)
    return make.apply(call.b, op, out, initial)


def to_accumulate(call: Call, x: Node) -> tuple[Node, DType]:
    """What is summed or multiplied, as it is computed with, and the dtype of the result."""
    dtype = call.dtype("dtype", accumulator(x.array.dtype))
    return make.cast(call.b, make.cast(call.b, x, dtype), widened(dtype)), dtype


def _accumulated(call: Call, op: Op, combine: str, neutral: int) -> Value:
    x, dtype = to_accumulate(call, call.node("a"))
    if x.array.dtype is DType.BOOL:
        call.refuse(f"`{call.name}` with `dtype=bool` is not supported.", "Use `np.any`.")
    axes = call.axes("axis", x.array.rank)
    x, _ = _selected(call, x, neutral)
    out = reduced(call.b, op, x, axes, keepdims=call.flag("keepdims"))
    return call.fresh(make.cast(call.b, with_initial(call, combine, out), dtype))


@signature("np.sum: a axis=None dtype=None out=None keepdims=False initial=None where=True")
def sum_(call: Call) -> Value:
    """The sum over axes."""
    return _accumulated(call, SUM, "add", 0)


@signature("np.prod: a axis=None dtype=None out=None keepdims=False initial=None where=True")
def prod(call: Call) -> Value:
    """The product over axes; of sizes, it is a size: `np.prod(x.shape)`."""
    value = call.value("a")
    if isinstance(value, tuple) and len(call.given) == 1:
        size = _product_of_sizes(call.items("a"))
        if size is not None:
            return size
    return _accumulated(call, PROD, "multiply", 1)


@signature("np.nansum: a axis=None dtype=None out=None keepdims=False initial=None where=True")
def nansum(call: Call) -> Value:
    """The sum of what is not NaN."""
    return _accumulated_without_nan(call, SUM, "add", 0)


@signature("np.nanprod: a axis=None dtype=None out=None keepdims=False initial=None where=True")
def nanprod(call: Call) -> Value:
    """The product of what is not NaN."""
    return _accumulated_without_nan(call, PROD, "multiply", 1)


def _accumulated_without_nan(call: Call, op: Op, combine: str, neutral: int) -> Value:
    x = call.node("a")
    x, dtype = to_accumulate(call, without_nan(call.b, call.node("a"), neutral))
    axes = call.axes("axis", x.array.rank)
    x, _ = _selected(call, x, neutral)
    out = reduced(call.b, op, x, axes, keepdims=call.flag("keepdims"))
    return call.fresh(make.cast(call.b, with_initial(call, combine, out), dtype))


def without_nan(b: Builder, x: Node, value: float) -> Node:
    """`x` with `value` in place of NaN."""
    if not x.array.dtype.is_float:
        return x
    return make.where(b, apply(b, "isnan", x), like(b, value, x), x)


@signature("math.fsum: a")
def fsum(call: Call) -> Value:
    """The sum of a vector, as NumPy adds it up."""
    x = call.node("a")
    if x.array.rank != 1:
        call.refuse("`math.fsum` takes a vector or a list of numbers.", "Use `np.sum`.")
    x = make.cast(call.b, x, DType.FLOAT64)
    return call.ctx.fresh(make.sum_(call.b, x, (0,)), weak=True)


@signature("math.prod: a * start=1")
def math_prod(call: Call) -> Value:
    """The product of a sequence: a size if all its items are sizes."""
    items = call.ctx.try_items(call.value("a"))
    if items is None:
        x = call.node("a")
        if x.array.rank != 1:
            call.refuse("`math.prod` takes a vector or a list of numbers.", "Use `np.prod`.")
        items = [call.fresh(reduced(call.b, PROD, x, (0,), keepdims=False))]
    if "start" in call.given:
        items = [call.value("start"), *items]
    size = _product_of_sizes(items)
    if size is not None:
        return size
    nodes = call.ctx.promote(1, *items)
    out = nodes[0]
    for node in nodes[1:]:
        out = make.multiply(call.b, out, node)
    return call.ctx.fresh(out, weak=True)


def _product_of_sizes(items: Sequence[Value]) -> Value | None:
    """The product of integers and symbolic sizes, or None if there is anything else."""
    total = ONE
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | Dim):
            return None
        total = total * item
    return total.value if total.is_constant else total


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


FUNCTIONS: dict[object, Handler] = {
    np.sum: sum_,
    math.fsum: fsum,
    math.prod: math_prod,
    np.prod: prod,
    np.nansum: nansum,
    np.nanprod: nanprod,
    np.any: any_,
    np.all: all_,
    np.count_nonzero: count_nonzero,
}

METHODS: dict[str, Handler] = {
    "sum": sum_,
    "prod": prod,
    "any": any_,
    "all": all_,
}
