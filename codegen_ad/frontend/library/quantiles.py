"""Order statistics along axes: medians, quantiles and percentiles, of all or of what is not NaN.

The methods are those of Hyndman and Fan, "Sample quantiles in statistical packages", The American
Statistician 50 (1996), 361-365, and NumPy's older ones. Elements that are picked get the cotangent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
    sorted_along,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import SUM


@dataclass(frozen=True, slots=True)
class _Line:
    """The elements of the axes that go away, sorted along one new first axis, NaN last.

    `dtype` is that of what lies between two elements.
    """

    source: Node
    axes: tuple[int, ...]
    order: Node
    dtype: DType


def _lined_up(call: Call) -> _Line:
    call.ignore("overwrite_input")
    b, x = call.b, as_float(call.b, call.node("a"))
    axes = call.axes("axis", x.array.rank)
    nonempty(call, x, axes)
    rest = tuple(a for a in range(x.array.rank) if a not in axes)
    shape = (*(x.array.shape[a] for a in rest), product(tuple(x.array.shape[a] for a in axes)))
    line = make.reshape(b, make.transpose(b, x, (*rest, *axes)), shape)
    last = len(rest)
    order = make.transpose(b, sorted_along(b, line, last), moved(last + 1, last, 0))
    dtype = x.array.dtype
    if call.parameters.names[1] == "q":  # a Python number leaves the array's dtype as it is
        dtype = call.ctx.promote(call.fresh(x), _strong_unless_number(call))[0].array.dtype
    return _Line(x, axes, order, dtype)


def _strong_unless_number(call: Call) -> Value:
    value = call.value("q")
    one = isinstance(value, int | float) and not isinstance(value, np.generic)
    return value if one or call.ctx.is_array(value) else call.fresh(call.node_of(value))


def _shaped(call: Call, line: _Line, out: Node, leading: int = 0) -> Value:
    """`out`, whose `leading` first axes stay before those of the array."""
    if call.flag("keepdims"):
        first = out.array.shape[:leading]
        out = make.reshape(call.b, out, (*first, *kept(line.source.array.shape, line.axes)))
    return call.fresh(out)


MEDIAN = "a axis=None out=None overwrite_input=False keepdims=False"


@signature(f"np.median: {MEDIAN}")
def median(call: Call) -> Value:
    """The middle element, or the mean of the middle two; NaN if any element is."""
    b, line = call.b, _lined_up(call)
    number = line.order.array.shape[0]
    low = pick(b, line.order, 0, (number - 1) // 2)
    high = pick(b, line.order, 0, number // 2)
    middle = low if low is high else apply(b, "multiply", make.add(b, low, high), 0.5)
    top = pick(b, line.order, 0, -1)
    return _shaped(call, line, make.where(b, apply(b, "isnan", top), top, middle))


@signature(f"np.nanmedian: {MEDIAN}")
def nanmedian(call: Call) -> Value:
    """The median of what is not NaN; NaN where nothing is left."""
    line = _lined_up(call)
    half = make.constant(call.b, 0.5)
    return _shaped(call, line, _between(call, line, half, METHODS_BY_NAME["linear"], missing=True))


# Quantiles ----------------------------------------------------------------------------------------

Numbers = Callable[[Builder, Node, Node], Node]
"""From the number of elements and the quantile, both floating point, to another number."""


@dataclass(frozen=True, slots=True)
class Method:
    """Where a quantile lies among the sorted elements, counted from 0, and the weight of the next.

    `weight` takes the place and its fraction; None is the fraction itself.
    """

    place: Numbers
    weight: Numbers | None = None
    interpolates: bool = True


def _spread(alpha: float, beta: float) -> Method:
    """Hyndman and Fan's continuous quantiles: at `n*q + alpha + q*(1 - alpha - beta) - 1`."""

    def place(b: Builder, n: Node, q: Node) -> Node:
        shift = apply(b, "add", apply(b, "multiply", q, 1 - alpha - beta), alpha)
        return apply(b, "subtract", make.add(b, make.multiply(b, n, q), shift), 1.0)

    return Method(place)


def _linear(b: Builder, n: Node, q: Node) -> Node:
    return make.multiply(b, apply(b, "subtract", n, 1.0), q)


def _cumulative(b: Builder, n: Node, q: Node) -> Node:
    return apply(b, "subtract", make.multiply(b, n, q), 1.0)


def _nearest_even(b: Builder, n: Node, q: Node) -> Node:
    return apply(b, "subtract", make.multiply(b, n, q), 1.5)


def _rounded(name: str) -> Method:
    def place(b: Builder, n: Node, q: Node) -> Node:
        return apply(b, name, _linear(b, n, q))

    return Method(place, interpolates=False)


def _chosen(b: Builder, fraction: Node, at_zero: float, otherwise: float) -> Node:
    zero = apply(b, "equal", fraction, 0.0)
    return make.where(b, zero, like(b, at_zero, fraction), like(b, otherwise, fraction))


def _step(b: Builder, _: Node, fraction: Node) -> Node:
    return _chosen(b, fraction, 0.0, 1.0)


def _averaged(b: Builder, _: Node, fraction: Node) -> Node:
    return _chosen(b, fraction, 0.5, 1.0)


def _half(b: Builder, _: Node, fraction: Node) -> Node:
    return _chosen(b, fraction, 0.0, 0.5)


def _to_odd(b: Builder, place: Node, fraction: Node) -> Node:
    """0 for a whole odd place, else 1: the element whose number, from 1, is even."""
    odd = apply(b, "equal", apply(b, "remainder", apply(b, "floor", place), 2.0), 1.0)
    stays = make.apply(b, "logical_and", apply(b, "equal", fraction, 0.0), odd)
    return make.where(b, stays, like(b, 0.0, fraction), like(b, 1.0, fraction))


METHODS_BY_NAME: dict[str, Method] = {
    "linear": Method(_linear),
    "lower": _rounded("floor"),
    "higher": _rounded("ceil"),
    "nearest": _rounded("rint"),
    "midpoint": Method(_linear, _half),
    "inverted_cdf": Method(_cumulative, _step, interpolates=False),
    "averaged_inverted_cdf": Method(_cumulative, _averaged),
    "closest_observation": Method(_nearest_even, _to_odd, interpolates=False),
    "interpolated_inverted_cdf": _spread(0.0, 1.0),
    "hazen": _spread(0.5, 0.5),
    "weibull": _spread(0.0, 0.0),
    "median_unbiased": _spread(1 / 3, 1 / 3),
    "normal_unbiased": _spread(3 / 8, 3 / 8),
}


def _between(
    call: Call, line: _Line, q: Node, method: Method, *, missing: bool, moving: bool = False
) -> Node:
    """The quantiles: the axes of `q`, then those left of the array.

    With `missing`, NaN does not count; without, one NaN makes the result NaN. `moving` says that
    there may be derivatives in `q`.
    """
    b, order = call.b, line.order
    rest = order.array.rank - 1
    lost = apply(b, "isnan", order)
    if missing:
        there = make.cast(b, make.apply(b, "logical_not", lost), DType.FLOAT64)
        number = reduced(b, SUM, there, (0,))
        q = make.reshape(b, q, (*q.array.shape, *((ONE,) * rest)))
    else:
        number = size_as(b, order.array.shape[0], DType.FLOAT64)
    place = method.place(b, number, q)
    below = apply(b, "floor", place)
    fraction = make.subtract(b, place, below)
    if method.weight is not None:
        fraction = method.weight(b, place, fraction)
    last = apply(b, "maximum", apply(b, "subtract", number, 1.0), 0.0)
    low, high = (
        _element(b, order, make.apply(b, "minimum", apply(b, "maximum", p, 0.0), last), missing)
        for p in (below, apply(b, "add", below, 1.0))
    )
    dtype = line.dtype if method.interpolates else order.array.dtype
    if not missing:
        fraction = make.reshape(b, fraction, (*fraction.array.shape, *((ONE,) * rest)))
    fraction, low, high = (make.cast(b, x, dtype) for x in (fraction, low, high))
    step = make.subtract(b, high, low)
    if moving and method.weight is None and method.interpolates:
        # At an element the derivative in the quantile is the mean of both sides, within the range.
        before = apply(b, "maximum", apply(b, "subtract", below, 1.0), 0.0)
        left = _element(b, order, make.apply(b, "minimum", before, last), missing)
        left = make.subtract(b, low, make.cast(b, left, dtype))
        inside = [apply(b, "greater", q, 0.0), apply(b, "less", q, 1.0)]
        ends = make.where(b, apply(b, "equal", q, 1.0), like(b, 1.0, place), like(b, 0.0, place))
        weight = make.where(b, make.apply(b, "logical_and", *inside), like(b, 0.5, place), ends)
        if not missing:
            weight = make.reshape(b, weight, (*weight.array.shape, *((ONE,) * rest)))
        weight = make.cast(b, weight, dtype)
        mean = make.add(b, step, make.multiply(b, weight, make.subtract(b, left, step)))
        step = make.where(b, apply(b, "equal", fraction, 0.0), mean, step)
    out = make.where(
        b,
        apply(b, "less", fraction, 0.5),
        make.add(b, low, make.multiply(b, step, fraction)),
        make.subtract(
            b, high, make.multiply(b, step, make.subtract(b, like(b, 1, fraction), fraction))
        ),
    )
    if missing:
        return out
    top = make.cast(b, pick(b, order, 0, -1), dtype)
    return make.where(b, apply(b, "isnan", top), top, out)


def _element(b: Builder, order: Node, place: Node, missing: bool) -> Node:
    places = make.cast(b, place, DType.INT64)
    if not missing:
        return make.gather(b, order, places)
    grid = [along(b, order, a, make.iota(b, d)) for a, d in enumerate(order.array.shape)]
    rest = [make.reshape(b, g, g.array.shape[1:]) for g in grid[1:]]
    return make.gather(b, order, places, *rest)


QUANTILE = (
    "a q axis=None out=None overwrite_input=False method='linear' keepdims=False"
    " * weights=None interpolation=None"
)


def quantile(name: str, scale: float, *, missing: bool = False) -> Handler:
    """The handler of a function of quantiles, which are `q * scale`."""

    @signature(f"np.{name}: {QUANTILE}")
    def handler(call: Call) -> Value:
        call.only_default("interpolation", instead="Say it with `method=`.")
        call.only_default("weights", instead="Sort the elements and their weights outside.")
        method = call.static("method")
        if not isinstance(method, str) or method not in METHODS_BY_NAME:
            call.refuse(
                f"`{call.name}` with `method={method!r}`.",
                f"Use one of {', '.join(METHODS_BY_NAME)}.",
            )
        q = _checked(call, scale)
        line = _lined_up(call)
        moving = not call.ctx.is_static(call.value("q"))
        out = _between(call, line, q, METHODS_BY_NAME[method], missing=missing, moving=moving)
        return _shaped(call, line, out, q.array.rank)

    return handler


def _checked(call: Call, scale: float) -> Node:
    """The quantiles between 0 and 1; NaN for data beyond, where NumPy raises."""
    b, value = call.b, call.value("q")
    if call.ctx.is_static(value):
        known = np.asarray(call.ctx.static(value, "q"), dtype=float)
        if not bool(np.all((known * scale >= 0) & (known * scale <= 1))):
            call.refuse(
                f"`{call.name}` is asked for {known}.", f"Give numbers from 0 to {1 / scale:g}."
            )
    q = make.cast(b, as_float(b, call.node("q")), DType.FLOAT64)
    if scale != 1.0:
        q = apply(b, "divide", q, 1 / scale)
    if call.ctx.is_static(value):
        return q
    inside = make.apply(
        b, "logical_and", apply(b, "greater_equal", q, 0.0), apply(b, "less_equal", q, 1.0)
    )
    return make.where(b, inside, q, like(b, math.nan, q))


FUNCTIONS: dict[object, Handler] = {
    np.median: median,
    np.nanmedian: nanmedian,
    np.quantile: quantile("quantile", 1.0),
    np.percentile: quantile("percentile", 0.01),
    np.nanquantile: quantile("nanquantile", 1.0, missing=True),
    np.nanpercentile: quantile("nanpercentile", 0.01, missing=True),
}
