"""New arrays: filled, counted, spaced, copied, and grids of coordinates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.shaping import laid_out, order_of, shape_of
from codegen_ad.frontend.values import Array
from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make


def _filled(call: Call, value: int) -> Value:
    call.only_default("like", "device")
    shape = shape_of(call, call.value("shape"))
    filled = make.full(call.b, shape, value, call.dtype("dtype", DType.FLOAT64))
    return _new(call, filled, ordered=order_of(call) == "C")


def _new(call: Call, x: Node, *, ordered: bool = False) -> Value:
    """A new array; one without axes is written in place too, unlike a number."""
    new = call.ctx.fresh(x, ordered=ordered or x.array.rank == 1)
    assert isinstance(new, Array)
    return new if x.array.rank else replace(new, boxed=True)


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
    filled = _full(call, shape_of(call, call.value("shape")), None)
    return _new(call, filled, ordered=order_of(call) == "C")


def _full(call: Call, shape: Shape, dtype: DType | None) -> Node:
    fill = call.node("fill_value")
    fill = make.cast(call.b, fill, call.dtype("dtype", dtype or fill.array.dtype))
    return make.broadcast_to(call.b, fill, shape)


def _filled_like(call: Call, value: int) -> Value:
    call.only_default("device")
    call.ignore("order", "subok")
    x = call.node("a").array
    shape = shape_of(call, call.value("shape")) if call.has("shape") else x.shape
    return _new(call, make.full(call.b, shape, value, call.dtype("dtype", x.dtype)))


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
    return _new(call, _full(call, shape, x.dtype))


def _identity(call: Call, rows: Dim, columns: Dim, k: int) -> Value:
    call.only_default("device", "like")
    b = call.b
    down = make.expand_dims(b, make.iota(b, rows), 1)
    on = apply(b, "equal", make.iota(b, columns), apply(b, "add", down, k) if k else down)
    return call.fresh(make.cast(b, on, call.dtype("dtype", DType.FLOAT64)))


@signature("np.eye: N M=None k=0 dtype=None order='C' * device=None like=None")
def eye(call: Call) -> Value:
    """Ones on a diagonal, zeros elsewhere."""
    call.ignore("order")
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
    if not call.ctx.is_array(call.value("object")) and _is_empty(call):
        empty = make.full(call.b, (ZERO,), 0, call.dtype("dtype", DType.FLOAT64))
        return _new(call, _with_axes(call, empty))
    if call.static("copy") is not True:
        return laid_out(call, _as_array(call, "object"), order_of(call))
    return _new(call, _with_axes(call, _converted(call, "object")))


def _is_empty(call: Call) -> bool:
    value = call.value("object")
    return call.ctx.is_static(value) and call.ctx.static(value, "object") in ((), [])


def _with_axes(call: Call, x: Node) -> Node:
    missing = max(call.integer("ndmin") - x.array.rank, 0)
    return make.reshape(call.b, x, (ONE,) * missing + x.array.shape)


def _converted(call: Call, name: str) -> Node:
    x = call.node(name)
    return make.cast(call.b, x, call.dtype("dtype", x.array.dtype))


def _as_array(call: Call, name: str) -> Value:
    """The array itself if it has the dtype already, else a new one; of a number a new one."""
    x, value = _converted(call, name), call.value(name)
    kept = isinstance(value, Array) and (x.array.rank or value.boxed) and x is call.node(name)
    return value if kept else _new(call, x)


@signature("np.asarray: a dtype=None order=None * device=None copy=None like=None")
def asarray(call: Call) -> Value:
    """The array itself, or a new one made of numbers."""
    call.only_default("device", "copy", "like")
    return laid_out(call, _as_array(call, "a"), order_of(call))


@signature("np.ascontiguousarray: a dtype=None * like=None")
def ascontiguousarray(call: Call) -> Value:
    """The array itself if there are no gaps between its elements, else a copy; never a number."""
    return _contiguous(call, "C")


@signature("np.asfortranarray: a dtype=None * like=None")
def asfortranarray(call: Call) -> Value:
    """The array itself if it lies columns first without gaps, else a copy; never a number."""
    return _contiguous(call, "F")


def _contiguous(call: Call, order: str) -> Value:
    call.only_default("like")
    if not call.node("a").array.rank:
        return _new(call, make.reshape(call.b, _converted(call, "a"), (ONE,)))
    return laid_out(call, _as_array(call, "a"), order)


@signature("np.copy: a order='K' subok=False")
def copy(call: Call) -> Value:
    """A new array of the same values."""
    return _new(call, call.node("a"))


@signature("copy: a order='C'")
def copied(call: Call) -> Value:
    """A new array of the same values; of a number that number."""
    value = call.value("a")
    is_number = isinstance(value, Array) and not value.boxed
    ordered = order_of(call) == "C"
    if is_number:
        return call.ctx.fresh(call.node("a"), ordered=ordered)
    return _new(call, call.node("a"), ordered=ordered)


@signature("astype: a dtype order='K' casting='unsafe' subok=True copy=True")
def astype(call: Call) -> Value:
    """A new array of another dtype."""
    call.only_default("casting")
    x = _converted(call, "a")
    if call.flag("copy") or x is not call.node("a"):
        return call.fresh(x)
    return laid_out(call, call.value("a"), order_of(call))


FUNCTIONS: dict[object, Handler] = {
    np.zeros: zeros,
    np.empty: empty,
    np.ones: ones,
    np.full: full,
    np.zeros_like: zeros_like,
    np.empty_like: empty_like,
    np.ones_like: ones_like,
    np.full_like: full_like,
    np.eye: eye,
    np.identity: identity,
    np.tri: tri,
    np.array: array,
    np.asarray: asarray,
    np.asanyarray: asarray,
    np.ascontiguousarray: ascontiguousarray,
    np.asfortranarray: asfortranarray,
    np.asarray_chkfinite: asarray,
    np.copy: copy,
    np.astype: astype,
}

METHODS: dict[str, Handler] = {"copy": copied, "astype": astype}
