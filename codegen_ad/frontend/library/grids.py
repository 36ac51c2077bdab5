"""Numbers counted and spaced: ranges, grids of coordinates, powers."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, at_least, like, moved, size_as
from codegen_ad.frontend.library.arrays import stop as stop_gradient
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.dtypes import widened
from codegen_ad.frontend.values import Outside
from codegen_ad.ir.dims import ONE, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

LIMITS = ("start", "stop", "step")
_LONGEST = 2.0**62


@signature("np.arange: start stop=None step=None dtype=None * device=None like=None")
def arange(call: Call) -> Value:
    """Evenly spaced numbers up to, but without, a stop."""
    call.only_default("device", "like")
    limits = [call.value(n) for n in ("start", "stop") if call.has(n)]
    by_integers = all(isinstance(v, int | Dim) or _is_integer(call, v) for v in limits)
    by_integers = by_integers and call.ctx.is_static(_limits(call)[2])
    if by_integers and any(_is_run_time(call, v) for v in limits):
        return _counted(call, limits)
    start, stop, step = _limits(call)
    known = all(call.ctx.is_static(v) for v in (start, stop, step))
    if not known or any(isinstance(v, float) for v in (start, stop, step)):
        return _measured(call, start, stop, step)
    by = call.as_integer(step, "step")
    if by == 0:
        call.refuse("`np.arange` with a step of 0 never ends.", "Give another step.")
    first, last = call.ctx.dim(start, "start"), call.ctx.dim(stop, "stop")
    extent = last - first if by > 0 else first - last
    if extent.is_constant:
        extent = as_dim(max(extent.value, 0))
    else:
        at_least(call, extent, 0)
    length = (extent + (abs(by) - 1)) // abs(by)
    out = call.ctx.iota(first, length, by)
    return call.fresh(make.cast(call.b, out, call.dtype("dtype", DType.INT64)))


def _is_integer(call: Call, value: Value) -> bool:
    if not call.ctx.is_array(value):
        return False
    kind = call.node_of(value).array
    return not kind.rank and kind.dtype.is_integer


def _is_run_time(call: Call, value: Value) -> bool:
    held = isinstance(value, Dim) and call.ctx.is_run_time(value)
    return held or call.ctx.is_array(value)


def _counted(call: Call, limits: Sequence[Value]) -> Value:
    """The numbers between integers that only the run knows; none where the limits cross."""
    b = call.b
    by = call.as_integer(call.static("step"), "step") if call.has("step") else 1
    if by == 0:
        call.refuse("`np.arange` with a step of 0 never ends.", "Give another step.")
    first, last = (make.cast(b, call.node_of(v), DType.INT64) for v in [0, *limits][-2:])
    reach = make.subtract(b, last, first) if by > 0 else make.subtract(b, first, last)
    if make.constant_value(first) == 0 and by > 0:
        reach = last
    if abs(by) != 1:
        reach = apply(b, "floor_divide", apply(b, "add", reach, abs(by) - 1), abs(by))
    out = call.ctx.iota(0, call.ctx.length(reach), by)
    if make.constant_value(first) != 0:
        out = make.add(b, out, first)
    return call.fresh(make.cast(b, out, call.dtype("dtype", DType.INT64)))


def _limits(call: Call) -> tuple[Value, Value, Value]:
    """The start, the stop and the step, with their defaults."""
    start, stop, step = (call.value(n) if call.has(n) else None for n in LIMITS)
    step = 1 if step is None else step
    return (0, start, step) if stop is None else (start, stop, step)


def _operated(call: Call, operation: str, one: Value, other: Value) -> Value:
    """What an operator makes of two values, in the dtypes that Python and NumPy would have."""
    return call.ctx.call(Outside(getattr(operator, operation), ()), (one, other), {})


def _number(call: Call, start: Value, stop: Value, step: Value) -> Dim:
    """How many numbers fit between the limits."""
    b, ctx = call.b, call.ctx
    known: list[Any] = [v for v in (start, stop, step) if isinstance(v, int | float | np.generic)]
    if len(known) == 3:
        first, last, by = (float(v) for v in known)
        trips = (last - first) / by if by else math.inf
        if not math.isfinite(trips):
            call.refuse("`np.arange` with these limits and this step never ends.", "Give others.")
        return as_dim(max(math.ceil(trips), 0))
    reach = _operated(call, "sub", stop, start)
    quotient = call.node_of(_operated(call, "truediv", reach, step))
    trips = make.cast(b, quotient, DType.FLOAT64)
    unknown = apply(b, "isnan", trips)
    ctx.refuse_when(unknown, "ValueError", "arange: cannot compute length")
    endless = apply(b, "greater", apply(b, "absolute", trips), _LONGEST)
    ctx.refuse_when(endless, "ValueError", "Maximum allowed size exceeded")
    return ctx.length(make.cast(b, apply(b, "ceil", trips), DType.INT64))


def _measured(call: Call, start: Value, stop: Value, step: Value) -> Value:
    """Numbers between limits of which one has a fraction, or is data: as many as fit.

    As NumPy does, two numbers are computed, in the dtype of the result, and all others are at the
    distance between these. How many there are has no derivative.
    """
    b, ctx = call.b, call.ctx
    for value, name in zip((start, stop, step), LIMITS, strict=True):
        if call.node_of(value).array.rank:
            call.refuse(f"`{name}` of `np.arange` is an array.", "Give a number: `x[0]`.")
    length = _number(call, start, stop, step)
    kinds = [call.node_of(v).array.dtype for v in (start, stop, step)]
    whole = all(kind.is_integer for kind in kinds)
    dtype = call.dtype("dtype", DType.INT64 if whole else DType.FLOAT64)
    inner = widened(dtype)
    ends = (start, _operated(call, "add", start, step))
    first, after = (make.cast(b, make.cast(b, call.node_of(v), dtype), inner) for v in ends)
    by = make.subtract(b, after, first)
    if inner.is_float:  # the start's part of the distance is rounding alone
        exact = make.cast(b, call.node_of(step), inner)
        by = make.add(b, exact, stop_gradient(b, make.subtract(b, by, exact)))
    places = make.cast(b, ctx.iota(0, length), inner)
    out = make.add(b, make.multiply(b, places, by), first)
    return call.fresh(make.cast(b, out, dtype))


@signature(
    "np.linspace: start stop num=50 endpoint=True retstep=False dtype=None axis=0 * device=None"
)
def linspace(call: Call) -> Value:
    """Numbers evenly spaced between two ends, which may be data."""
    call.only_default("device")
    out, step = _spaced(call)
    out = _placed(call, out)
    out = make.cast(call.b, out, call.dtype("dtype", out.array.dtype))
    return (call.fresh(out), call.fresh(step)) if call.flag("retstep") else call.fresh(out)


def _spaced(call: Call) -> tuple[Node, Node]:
    """The numbers, on a new first axis, and the distance between them."""
    start, stop = call.ctx.promote(call.value("start"), call.value("stop"), floating=True)
    return _between(call, start, stop)


def _placed(call: Call, x: Node) -> Node:
    """`x` with its first axis moved to where `axis` wants it."""
    rank = x.array.rank
    return make.transpose(call.b, x, moved(rank, 0, call.axis("axis", rank)))


def _between(call: Call, start: Node, stop: Node) -> tuple[Node, Node]:
    b, number = call.b, call.dim("num")
    dtype = start.array.dtype
    gaps = number - 1 if call.flag("endpoint") else number
    shape = make.subtract(b, stop, start).array.shape
    places = make.cast(b, make.iota(b, number), dtype)
    places = make.reshape(b, places, (number, *((ONE,) * len(shape))))
    step = make.subtract(b, stop, start)
    unknown = call.ctx.is_run_time(gaps)
    if not unknown and not call.ctx.holds(gaps, 1, call.name):
        out = make.add(b, make.multiply(b, places, step), start)
        return out, make.full(b, shape, np.nan, dtype)
    width = size_as(b, gaps, dtype)
    is_last = make.apply(b, "equal", places, width)
    step = make.divide(b, step, apply(b, "maximum", width, 1) if unknown else width)
    out = make.add(b, make.multiply(b, places, step), start)
    if unknown:  # a single number is the first one, and no distance from the next
        some = apply(b, "greater_equal", width, 1)
        is_last = make.apply(b, "logical_and", is_last, some)
        step = make.where(b, some, step, like(b, np.nan, step))
    if not call.flag("endpoint"):
        return out, step
    return make.where(b, is_last, stop, out), step


@signature("np.logspace: start stop num=50 endpoint=True base=10.0 dtype=None axis=0")
def logspace(call: Call) -> Value:
    """Powers of a base whose exponents are evenly spaced."""
    exponents, _ = _spaced(call)
    base = make.cast(
        call.b,
        call.node("base") if "base" in call.given else like(call.b, call.number("base"), exponents),
        exponents.array.dtype,
    )
    out = make.apply(call.b, "power", base, exponents)
    out = _placed(call, out)
    return call.fresh(make.cast(call.b, out, call.dtype("dtype", out.array.dtype)))


@signature("np.geomspace: start stop num=50 endpoint=True dtype=None axis=0")
def geomspace(call: Call) -> Value:
    """Numbers whose logarithms are evenly spaced between two ends of one sign."""
    b = call.b
    start, stop = (make.cast(b, call.node(n), DType.FLOAT64) for n in ("start", "stop"))
    sign = stop_gradient(b, apply(b, "sign", start))
    ends = [apply(b, "log10", make.multiply(b, n, sign)) for n in (start, stop)]
    exponents, _ = _between(call, *ends)
    out = make.apply(b, "power", like(b, 10.0, exponents), exponents)
    out = make.multiply(b, out, sign)
    places = make.iota(b, exponents.array.shape[0])
    places = make.reshape(b, places, (places.array.shape[0], *((ONE,) * (out.array.rank - 1))))
    known = [(0, start)]
    if call.flag("endpoint"):
        known = [(exponents.array.shape[0] - 1, stop), *known]
    for place, end in known:  # the ends are exact
        here = make.apply(b, "equal", places, make.size(b, place))
        out = make.where(b, here, make.broadcast_to(b, end, out.array.shape), out)
    out = _placed(call, out)
    return call.fresh(make.cast(b, out, call.dtype("dtype", out.array.dtype)))


@signature("np.meshgrid: *xi copy=True sparse=False indexing='xy'")
def meshgrid(call: Call) -> Value:
    """Grids of coordinates, one for each vector."""
    b = call.b
    nodes = [call.node_of(v) for v in call.rest]
    indexing, rank = call.static("indexing"), len(nodes)
    if indexing not in ("xy", "ij"):
        call.refuse(f"`np.meshgrid` with `indexing={indexing!r}`.", "Say 'xy' or 'ij'.")
    if any(n.array.rank > 1 for n in nodes):
        call.refuse("`np.meshgrid` takes vectors.", "Pass `x.ravel()`.")
    dims = [n.array.shape[0] if n.array.rank else ONE for n in nodes]
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[0], places[1] = 1, 0
    shape = [dims[places[a]] for a in range(rank)]
    grids: list[Value] = []
    for node, dim, place in zip(nodes, dims, places, strict=True):
        apart = [ONE] * rank
        apart[place] = dim
        grid = make.reshape(b, node, tuple(apart))
        grids.append(
            call.fresh(grid if call.flag("sparse") else make.broadcast_to(b, grid, tuple(shape)))
        )
    return tuple(grids)


FUNCTIONS: dict[object, Handler] = {
    np.arange: arange,
    np.linspace: linspace,
    np.logspace: logspace,
    np.geomspace: geomspace,
    np.meshgrid: meshgrid,
}
