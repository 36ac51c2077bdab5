"""New arrays: filled, counted, spaced, copied, and grids of coordinates."""

from __future__ import annotations

import math

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, at_least, like, size_as
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.shaping import shape_of
from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make


def _filled(call: Call, value: int) -> Value:
    call.only_default("like", "device")
    _plain_order(call)
    shape = shape_of(call, call.value("shape"))
    return call.fresh(make.full(call.b, shape, value, call.dtype("dtype", DType.FLOAT64)))


def _plain_order(call: Call) -> None:
    if call.static("order") == "F":
        call.refuse(
            f"`{call.name}` with `order='F'`: arrays here are in C order.", "Leave `order` out."
        )


NEW = "shape dtype=None order='C' * device=None like=None"


@signature(f"np.zeros: {NEW}")
def zeros(call: Call) -> Value:
    """An array of zeros."""
    return _filled(call, 0)


@signature(f"np.empty: {NEW}")
def empty(call: Call) -> Value:
    """An array to be written to; zeros, so that results do not depend on chance."""
    return _filled(call, 0)


@signature(f"np.ones: {NEW}")
def ones(call: Call) -> Value:
    """An array of ones."""
    return _filled(call, 1)


@signature("np.full: shape fill_value dtype=None order='C' * device=None like=None")
def full(call: Call) -> Value:
    """An array filled with a value, which may be data."""
    call.only_default("like", "device")
    _plain_order(call)
    return call.fresh(_full(call, shape_of(call, call.value("shape")), None))


def _full(call: Call, shape: Shape, dtype: DType | None) -> Node:
    fill = call.node("fill_value")
    fill = make.cast(call.b, fill, call.dtype("dtype", dtype or fill.array.dtype))
    return make.broadcast_to(call.b, fill, shape)


def _filled_like(call: Call, value: int) -> Value:
    call.only_default("device")
    call.ignore("order", "subok")
    x = call.node("a").array
    shape = shape_of(call, call.value("shape")) if call.has("shape") else x.shape
    return call.fresh(make.full(call.b, shape, value, call.dtype("dtype", x.dtype)))


LIKE = "dtype=None order='K' subok=True shape=None * device=None"


@signature(f"np.zeros_like: a {LIKE}")
def zeros_like(call: Call) -> Value:
    """Zeros of the shape and dtype of an array."""
    return _filled_like(call, 0)


@signature(f"np.empty_like: a {LIKE}")
def empty_like(call: Call) -> Value:
    """An array to be written to, of the shape and dtype of another; zeros."""
    return _filled_like(call, 0)


@signature(f"np.ones_like: a {LIKE}")
def ones_like(call: Call) -> Value:
    """Ones of the shape and dtype of an array."""
    return _filled_like(call, 1)


@signature(f"np.full_like: a fill_value {LIKE}")
def full_like(call: Call) -> Value:
    """An array of the shape and dtype of another, filled with a value."""
    call.only_default("device")
    call.ignore("order", "subok")
    x = call.node("a").array
    shape = shape_of(call, call.value("shape")) if call.has("shape") else x.shape
    return call.fresh(_full(call, shape, x.dtype))


@signature("np.arange: start stop=None step=None dtype=None * device=None like=None")
def arange(call: Call) -> Value:
    """Evenly spaced numbers up to, but without, a stop."""
    call.only_default("device", "like")
    start, stop, step = (call.static(n) for n in ("start", "stop", "step"))
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    limits = (start, stop, step)
    if any(isinstance(v, float) for v in limits):
        return _spaced_by_floats(call, *limits)
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


def _spaced_by_floats(call: Call, start: object, stop: object, step: object) -> Value:
    numbers = [float(v) for v in (start, stop, step) if isinstance(v, int | float)]
    if len(numbers) < 3:
        call.refuse(
            "`np.arange` with a fractional step needs limits that are numbers.",
            "Use `np.arange(n) * step`, or `np.linspace`.",
        )
    first, last, by = numbers
    length = max(math.ceil((last - first) / by), 0) if by else 0
    dtype = call.dtype("dtype", DType.FLOAT64)
    b = call.b
    places = make.cast(b, make.iota(b, length), DType.FLOAT64)
    out = apply(b, "add", apply(b, "multiply", places, (first + by) - first), first)
    return call.fresh(make.cast(b, out, dtype))


@signature(
    "np.linspace: start stop num=50 endpoint=True retstep=False dtype=None axis=0 * device=None"
)
def linspace(call: Call) -> Value:
    """Numbers evenly spaced between two ends, which may be data."""
    call.only_default("device")
    out, step = _spaced(call)
    out = make.cast(call.b, out, call.dtype("dtype", out.array.dtype))
    return (call.fresh(out), call.fresh(step)) if call.flag("retstep") else call.fresh(out)


def _spaced(call: Call) -> tuple[Node, Node]:
    """The numbers, on a new first axis, and the distance between them."""
    b = call.b
    call.only_default("axis", instead="Use `np.moveaxis`.")
    number = call.dim("num")
    start, stop = call.ctx.promote(call.value("start"), call.value("stop"), floating=True)
    dtype = start.array.dtype
    gaps = number - 1 if call.flag("endpoint") else number
    shape = make.subtract(b, stop, start).array.shape
    places = make.cast(b, make.iota(b, number), dtype)
    places = make.reshape(b, places, (number, *((ONE,) * len(shape))))
    step = make.subtract(b, stop, start)
    if not gaps.is_constant or gaps.value > 0:
        if not gaps.is_constant:
            at_least(call, gaps, 1)
        step = make.divide(b, step, size_as(b, gaps, dtype))
    out = make.add(b, make.multiply(b, places, step), start)
    if not call.flag("endpoint") or number in (ZERO, ONE):
        return out, step
    return make.where(b, make.apply(b, "equal", places, size_as(b, gaps, dtype)), stop, out), step


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
    return call.fresh(make.cast(call.b, out, call.dtype("dtype", out.array.dtype)))


def _identity(call: Call, rows: Dim, columns: Dim, k: int) -> Value:
    call.only_default("device", "like")
    b = call.b
    down = make.expand_dims(b, make.iota(b, rows), 1)
    on = apply(b, "equal", make.iota(b, columns), apply(b, "add", down, k) if k else down)
    return call.fresh(make.cast(b, on, call.dtype("dtype", DType.FLOAT64)))


@signature("np.eye: N M=None k=0 dtype=None order='C' * device=None like=None")
def eye(call: Call) -> Value:
    """Ones on a diagonal, zeros elsewhere."""
    _plain_order(call)
    rows = call.dim("N")
    return _identity(call, rows, call.dim("M") if call.has("M") else rows, call.integer("k"))


@signature("np.identity: n dtype=None * device=None like=None")
def identity(call: Call) -> Value:
    """The identity matrix."""
    return _identity(call, call.dim("n"), call.dim("n"), 0)


@signature("np.tri: N M=None k=0 dtype=None * like=None")
def tri(call: Call) -> Value:
    """Ones on and below a diagonal, zeros above."""
    call.only_default("like")
    b, rows = call.b, call.dim("N")
    columns = call.dim("M") if call.has("M") else rows
    down = apply(b, "add", make.expand_dims(b, make.iota(b, rows), 1), call.integer("k"))
    on = apply(b, "less_equal", make.iota(b, columns), down)
    return call.fresh(make.cast(b, on, call.dtype("dtype", DType.FLOAT64)))


@signature(
    "np.array: object dtype=None * copy=True order='K' subok=False ndmin=0 ndmax=0 like=None"
)
def array(call: Call) -> Value:
    """A new array of numbers, arrays or nested sequences of them."""
    call.only_default("like", "ndmax")
    if call.static("copy") is not True:
        return _as_array(call, "object")
    return call.fresh(_with_axes(call, _converted(call, "object")))


def _with_axes(call: Call, x: Node) -> Node:
    missing = max(call.integer("ndmin") - x.array.rank, 0)
    return make.reshape(call.b, x, (ONE,) * missing + x.array.shape)


def _converted(call: Call, name: str) -> Node:
    x = call.node(name)
    return make.cast(call.b, x, call.dtype("dtype", x.array.dtype))


def _as_array(call: Call, name: str) -> Value:
    """The array itself if it has the dtype already, else a new one."""
    x, value = _converted(call, name), call.value(name)
    return value if call.ctx.is_array(value) and x is call.node(name) else call.fresh(x)


@signature("np.asarray: a dtype=None order=None * device=None copy=None like=None")
def asarray(call: Call) -> Value:
    """The array itself, or a new one made of numbers."""
    call.only_default("device", "copy", "like")
    _plain_order(call)
    return _as_array(call, "a")


@signature("np.copy: a order='K' subok=False")
def copy(call: Call) -> Value:
    """A new array of the same values."""
    return call.fresh(call.node("a"))


@signature("astype: a dtype order='K' casting='unsafe' subok=True copy=True")
def astype(call: Call) -> Value:
    """A new array of another dtype."""
    call.only_default("casting")
    x = _converted(call, "a")
    return call.value("a") if not call.flag("copy") and x is call.node("a") else call.fresh(x)


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


@signature("np.vander: x N=None increasing=False")
def vander(call: Call) -> Value:
    """The powers of a vector's elements, as columns."""
    b, x = call.b, call.node("x")
    if x.array.rank != 1:
        call.refuse("`np.vander` takes a vector.", "Pass `x.ravel()`.")
    number = call.dim("N") if call.has("N") else x.array.shape[0]
    x = x if x.array.dtype.is_float else make.cast(b, x, DType.FLOAT64)
    places = make.cast(b, make.iota(b, number), x.array.dtype)
    if not call.flag("increasing"):
        places = make.subtract(b, size_as(b, number - 1, x.array.dtype), places)
    return call.fresh(make.apply(b, "power", make.expand_dims(b, x, 1), places))


FUNCTIONS: dict[object, Handler] = {
    np.zeros: zeros,
    np.empty: empty,
    np.ones: ones,
    np.full: full,
    np.zeros_like: zeros_like,
    np.empty_like: empty_like,
    np.ones_like: ones_like,
    np.full_like: full_like,
    np.arange: arange,
    np.linspace: linspace,
    np.logspace: logspace,
    np.eye: eye,
    np.identity: identity,
    np.tri: tri,
    np.array: array,
    np.asarray: asarray,
    np.asanyarray: asarray,
    np.ascontiguousarray: asarray,
    np.asarray_chkfinite: asarray,
    np.copy: copy,
    np.astype: astype,
    np.meshgrid: meshgrid,
    np.vander: vander,
}

METHODS: dict[str, Handler] = {"copy": copy, "astype": astype}
