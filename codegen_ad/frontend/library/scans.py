"""Functions that run along one axis: cumulative sums, differences, quadrature, sorting, picking."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    apply,
    at_least,
    brought_inside,
    common_shape,
    like,
    order_along,
    ravel,
    sorted_along,
    span,
    take,
    take_along,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced, to_accumulate, without_nan
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node, Op
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.reduction import SUM
from codegen_ad.ops.scan import ARGSORT, CUMPROD, CUMSUM


def _line(call: Call, name: str = "a") -> tuple[Node, int]:
    """An array and one axis of it; flattened if the axis is None."""
    x = call.node(name)
    if not call.has("axis"):
        return ravel(call.b, x), 0
    return x, call.axis("axis", x.array.rank)


def _line_by_default(call: Call, name: str = "a") -> tuple[Node, int]:
    """An array and one axis of it, the last if none is given; flattened if the axis is None."""
    x = call.node(name)
    if "axis" in call.given and not call.has("axis"):
        return ravel(call.b, x), 0
    return x, call.axis("axis", x.array.rank)


def _cumulative(call: Call, op: Op, neutral: int | None = None) -> Value:
    x, axis = _line(call)
    x = x if neutral is None else without_nan(call.b, x, neutral)
    x, dtype = to_accumulate(call, x)
    return call.fresh(make.cast(call.b, call.b.node(op, (x,), Axis(axis)), dtype))


@signature("np.cumsum: a axis=None dtype=None out=None")
def cumsum(call: Call) -> Value:
    """The running sum."""
    return _cumulative(call, CUMSUM)


@signature("np.cumprod: a axis=None dtype=None out=None")
def cumprod(call: Call) -> Value:
    """The running product."""
    return _cumulative(call, CUMPROD)


@signature("np.nancumsum: a axis=None dtype=None out=None")
def nancumsum(call: Call) -> Value:
    """The running sum of what is not NaN."""
    return _cumulative(call, CUMSUM, 0)


@signature("np.nancumprod: a axis=None dtype=None out=None")
def nancumprod(call: Call) -> Value:
    """The running product of what is not NaN."""
    return _cumulative(call, CUMPROD, 1)


def _with_start(call: Call, op: Op, neutral: int) -> Value:
    b, x = call.b, call.node("x")
    if not call.has("axis") and x.array.rank != 1:
        call.refuse(f"`{call.name}` of several axes needs an `axis`.", "Give `axis`.")
    axis = call.axis("axis", x.array.rank) if call.has("axis") else 0
    x, dtype = to_accumulate(call, x)
    out = b.node(op, (x,), Axis(axis))
    if call.flag("include_initial"):
        shape = tuple(ONE if a == axis else d for a, d in enumerate(x.array.shape))
        out = make.concatenate(b, [make.full(b, shape, neutral, x.array.dtype), out], axis)
    return call.fresh(make.cast(b, out, dtype))


STARTED = "x * axis=None dtype=None out=None include_initial=False"


@signature(f"np.cumulative_sum: {STARTED}")
def cumulative_sum(call: Call) -> Value:
    """The running sum, from 0 if asked for."""
    return _with_start(call, CUMSUM, 0)


@signature(f"np.cumulative_prod: {STARTED}")
def cumulative_prod(call: Call) -> Value:
    """The running product, from 1 if asked for."""
    return _with_start(call, CUMPROD, 1)


@signature("np.sort: a axis=-1 kind=None order=None * stable=None")
def sort(call: Call) -> Value:
    """The elements in ascending order."""
    call.only_default("order")
    call.ignore("kind", "stable")
    x, axis = _line_by_default(call)
    return call.fresh(sorted_along(call.b, x, axis))


@signature("np.argsort: a axis=-1 kind=None order=None * stable=None")
def argsort(call: Call) -> Value:
    """The places of the elements in ascending order; equal ones stay in order."""
    call.only_default("order")
    call.ignore("kind", "stable")
    x, axis = _line_by_default(call)
    return call.fresh(order_along(call.b, x, axis))


@signature("np.take: a indices axis=None out=None mode='raise'")
def take_(call: Call) -> Value:
    """Elements, or slices along an axis, at places."""
    b = call.b
    x, axis = _line(call)
    given, dim = _indices(call, "indices"), x.array.shape[axis]
    indices = brought_inside(call, given, make.size(b, dim), call.static("mode"))
    indices = call.ctx.visited(given, dim, axis) if indices is None else indices
    return call.fresh(take(b, x, indices, axis))


def _indices(call: Call, name: str) -> Node:
    indices = call.node(name)
    if not indices.array.dtype.is_integer:
        call.refuse(f"`{name}` of `{call.name}` must be integers.", "Convert: `.astype(int)`.")
    return make.cast(call.b, indices, DType.INT64)


@signature("np.take_along_axis: a indices axis=-1")
def take_along_axis(call: Call) -> Value:
    """For each place, the element that an index picks along an axis."""
    x, axis = _line_by_default(call)
    indices = _indices(call, "indices")
    if indices.array.rank != x.array.rank:
        call.refuse(
            "`np.take_along_axis` needs as many axes of indices as of elements.",
            "Add axes to the indices with `np.expand_dims`.",
        )
    shapes = (n.array.shape for n in (x, indices))
    common_shape(call, *(tuple(d for a, d in enumerate(s) if a != axis) for s in shapes))
    indices = call.ctx.visited(indices, x.array.shape[axis], axis)
    return call.fresh(take_along(call.b, x, indices, axis))


def count_before(call: Call, table: Node, x: Node, *, right: bool) -> Node:
    """How many elements of a sorted vector stand before each of `x`; NaN stands last."""
    b = call.b
    probe = make.expand_dims(b, x, x.array.rank)
    before = make.apply(b, "less_equal" if right else "less", table, probe)
    if x.array.dtype.is_float:
        missing = apply(b, "isnan", probe)
        if not right:
            known = make.apply(b, "logical_not", apply(b, "isnan", table))
            missing = make.apply(b, "logical_and", missing, known)
        before = make.apply(b, "logical_or", before, missing)
    return reduced(b, SUM, make.cast(b, before, DType.INT64), (x.array.rank,))


@signature("np.searchsorted: a v side='left' sorter=None")
def searchsorted(call: Call) -> Value:
    """Where elements would be inserted into a sorted vector."""
    table, x = call.ctx.promote(call.value("a"), call.value("v"))
    if table.array.rank != 1:
        call.refuse("`np.searchsorted` takes a vector.", "Pass `a.ravel()`.")
    if call.has("sorter"):
        sorter = _indices(call, "sorter")
        unify(call, sorter.array.shape[0], table.array.shape[0])
        table = make.gather(call.b, table, sorter)
    return call.fresh(count_before(call, table, x, right=call.static("side") == "right"))


@signature("np.interp: x xp fp left=None right=None period=None")
def interp(call: Call) -> Value:
    """Linear interpolation between points; beyond them the value of the last."""
    b = call.b
    x, xs, ys = (make.cast(b, call.node(n), DType.FLOAT64) for n in ("x", "xp", "fp"))
    for node in (xs, ys):
        if node.array.rank != 1:
            call.refuse("`np.interp` takes vectors of points.", "Pass `xp.ravel()`.")
    unify(call, xs.array.shape[0], ys.array.shape[0])
    if call.has("period"):
        x, xs, ys = _in_one_period(call, x, xs, ys)
    number = xs.array.shape[0]
    if number == ONE:  # between one point and itself
        xs, ys = (make.concatenate(b, [n, n], 0) for n in (xs, ys))
        number = number + 1
    at_least(call, number, 2)
    last = apply(b, "subtract", make.size(b, number), 2)
    place = apply(b, "subtract", count_before(call, xs, x, right=True), 1)
    place = make.apply(b, "minimum", apply(b, "maximum", place, 0), last)
    after = apply(b, "add", place, 1)
    x0, y0 = (make.gather(b, n, place) for n in (xs, ys))
    slope = _slope(b, xs, ys, place, after)
    # At a point the derivative is the mean of both slopes, 0 at a peak; outside slopes are 0.
    before = apply(b, "maximum", apply(b, "subtract", place, 1), 0)
    left = _slope(b, xs, ys, before, place)
    is_peak = apply(b, "less", make.multiply(b, left, slope), 0.0)
    both = _half(b, make.add(b, left, slope))
    both = make.where(b, is_peak, make.zeros_like(b, both), both)
    at_point = make.apply(b, "logical_and", make.apply(b, "equal", x, x0), _finite(b, both))
    slope = make.where(b, at_point, both, slope)
    out = make.add(b, make.multiply(b, slope, make.subtract(b, x, x0)), y0)
    for name, end, beyond in (("left", 0, "less"), ("right", -1, "greater")):
        limit, value = (_end(call, n, end) for n in (xs, ys))
        if call.has(name) and not call.has("period"):
            value = make.cast(b, call.node(name), x.array.dtype)
        out = make.where(b, make.apply(b, beyond, x, limit), value, out)
    end, half = _end(call, xs, -1), _half(b, slope)
    half = make.where(b, _finite(b, half), half, make.zeros_like(b, half))
    there = make.add(b, make.multiply(b, half, make.subtract(b, x, end)), _end(call, ys, -1))
    return call.fresh(make.where(b, make.apply(b, "equal", x, end), there, out))


def _half(b: Builder, x: Node) -> Node:
    return apply(b, "multiply", x, 0.5)


def _finite(b: Builder, x: Node) -> Node:
    return apply(b, "isfinite", x)


def _slope(b: Builder, xs: Node, ys: Node, one: Node, other: Node) -> Node:
    """The slope between two points; 0 between a point and itself."""
    x0, x1, y0, y1 = (make.gather(b, n, p) for n in (xs, ys) for p in (one, other))
    width = make.subtract(b, x1, x0)
    width = make.where(b, apply(b, "equal", width, 0.0), like(b, 1.0, width), width)
    return make.divide(b, make.subtract(b, y1, y0), width)


def _in_one_period(call: Call, x: Node, xs: Node, ys: Node) -> tuple[Node, Node, Node]:
    """The places within a period, and the points in order with one more at each end."""
    b = call.b
    period = apply(b, "absolute", make.cast(b, call.node("period"), DType.FLOAT64))
    if period.array.rank:
        call.refuse("`period` of `np.interp` is one number.", "Pass a number.")
    x, xs = (make.apply(b, "remainder", n, period) for n in (x, xs))
    order = b.node(ARGSORT, (xs,), Axis(0))
    xs, ys = make.gather(b, xs, order), make.gather(b, ys, order)
    last = xs.array.shape[0] - 1
    at_least(call, last, 0)
    (x_first, x_last), (y_first, y_last) = (
        (span(b, n, 0, 0, 1), span(b, n, 0, last, 1)) for n in (xs, ys)
    )
    before, after = make.subtract(b, x_last, period), make.add(b, x_first, period)
    xs = make.concatenate(b, [before, xs, after], 0)
    return x, xs, make.concatenate(b, [y_last, ys, y_first], 0)


def _end(call: Call, x: Node, index: int) -> Node:
    start = x.array.shape[0] - 1 if index else 0
    return make.reshape(call.b, span(call.b, x, 0, start, 1), ())


FUNCTIONS: dict[object, Handler] = {
    np.cumsum: cumsum,
    np.cumprod: cumprod,
    np.cumulative_sum: cumulative_sum,
    np.cumulative_prod: cumulative_prod,
    np.nancumsum: nancumsum,
    np.nancumprod: nancumprod,
    np.sort: sort,
    np.argsort: argsort,
    np.take: take_,
    np.take_along_axis: take_along_axis,
    np.searchsorted: searchsorted,
    np.interp: interp,
}

METHODS: dict[str, Handler] = {
    "cumsum": cumsum,
    "cumprod": cumprod,
    "argsort": argsort,
    "take": take_,
    "searchsorted": searchsorted,
}
