"""Functions that write into an array that they are given: put, copyto, fill_diagonal and kin."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    along,
    apply,
    as_bool,
    at_least,
    broadcast,
    brought_inside,
    common_shape,
    ravel,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.ir.dims import Dim, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import CUMSUM


def _target(call: Call, name: str) -> tuple[Value, Node]:
    value = call.value(name)
    if not call.ctx.is_array(value) or not call.node(name).array.rank:
        call.refuse(f"`{call.name}` changes an array, and this is none.", "Pass an array.")
    return value, call.node(name)


def _values(call: Call, name: str, target: Node) -> Node:
    """The values to be written, as a vector of the target's dtype."""
    line = ravel(call.b, make.cast(call.b, call.node(name), target.array.dtype))
    at_least(call, line.array.shape[0], 1)
    return line


def _repeated(call: Call, values: Node, number: Dim) -> Node:
    """`number` of the values, from the start again when they end."""
    return _at(call, values, make.iota(call.b, number))


def _at(call: Call, values: Node, places: Node) -> Node:
    b, number = call.b, values.array.shape[0]
    return make.gather(b, values, make.apply(b, "remainder", places, make.size(b, number)))


def _places(call: Call, name: str) -> Node:
    node = call.node(name)
    if not node.array.dtype.is_integer:
        call.refuse(f"`{name}` of `{call.name}` must be integers.", "Convert: `.astype(int)`.")
    return make.cast(call.b, node, DType.INT64)


@signature("np.put: a ind v mode='raise'")
def put(call: Call) -> Value:
    """Write values to flat places."""
    b = call.b
    value, target = _target(call, "a")
    given, line = ravel(b, _places(call, "ind")), ravel(b, target)
    dim = line.array.shape[0]
    places = brought_inside(call, given, make.size(b, dim), call.static("mode"))
    places = call.ctx.visited(given, dim) if places is None else places
    values = _repeated(call, _values(call, "v", target), places.array.shape[0])
    line = make.scatter(b, line, values, places, accumulate=False)
    call.ctx.write(value, call.fresh(make.reshape(b, line, target.array.shape)))
    return None


@signature("np.put_along_axis: arr indices values axis")
def put_along_axis(call: Call) -> Value:
    """Write a value for each place of the indices, along an axis."""
    b = call.b
    value, target = _target(call, "arr")
    shape = target.array.shape
    flat = "axis" in call.given and not call.has("axis")
    x = ravel(b, target) if flat else target
    axis = 0 if flat else call.axis("axis", x.array.rank)
    places = _places(call, "indices")
    if places.array.rank != x.array.rank:
        call.refuse(
            "`np.put_along_axis` needs as many axes of indices as of elements.",
            "Add axes to the indices with `np.expand_dims`.",
        )
    common_shape(
        call,
        *(tuple(d for a, d in enumerate(n.array.shape) if a != axis) for n in (x, places)),
    )
    places = call.ctx.visited(places, x.array.shape[axis], axis)
    grid = [
        places if a == axis else along(b, x, a, make.iota(b, d))
        for a, d in enumerate(x.array.shape)
    ]
    wanted = common_shape(call, *(g.array.shape for g in grid))
    values = make.cast(b, call.node("values"), target.array.dtype)
    common_shape(call, wanted, values.array.shape)
    values = make.broadcast_to(b, values, wanted)
    out = make.scatter(b, x, values, *grid, accumulate=False)
    call.ctx.write(value, call.fresh(make.reshape(b, out, shape)))
    return None


@signature("np.putmask: a mask values")
def putmask(call: Call) -> Value:
    """Write values where a mask is true, each at its own place, repeated if there are fewer."""
    b = call.b
    value, target = _target(call, "a")
    shape = target.array.shape
    mask = as_bool(b, call.node("mask"))
    if mask.array.rank != len(shape):
        call.refuse("`np.putmask` needs a mask of the shape of the array.", "Use `np.where`.")
    for ours, theirs in zip(shape, mask.array.shape, strict=True):
        unify(call, ours, theirs)
    new = _repeated(call, _values(call, "values", target), product(shape))
    new = make.where(b, mask, make.reshape(b, new, shape), target)
    call.ctx.write(value, call.fresh(new))
    return None


@signature("np.place: arr mask vals")
def place(call: Call) -> Value:
    """Write values one after another where a mask is true."""
    b = call.b
    value, target = _target(call, "arr")
    shape = target.array.shape
    mask = ravel(b, as_bool(b, call.node("mask")))
    unify(call, mask.array.shape[0], product(shape))
    count = b.node(CUMSUM, (make.cast(b, mask, DType.INT64),), Axis(0))
    new = _at(call, _values(call, "vals", target), apply(b, "subtract", count, 1))
    line = make.where(b, mask, new, ravel(b, target))
    call.ctx.write(value, call.fresh(make.reshape(b, line, shape)))
    return None


@signature("np.copyto: dst src casting='same_kind' where=True")
def copyto(call: Call) -> Value:
    """Write an array into another, where a mask is true."""
    b = call.b
    call.only_default("casting")
    value, target = _target(call, "dst")
    source = call.node("src")
    if source.array.dtype.is_float and not target.array.dtype.is_float:
        call.refuse("`np.copyto` writes fractions into integers.", "Convert: `.astype(int)`.")
    source = make.cast(b, source, target.array.dtype)
    if call.has("where") and call.value("where") is not True:
        mask = as_bool(b, call.node("where"))
        mask, source, old = broadcast(call, mask, source, target)
        source = make.where(b, mask, source, old)
    call.ctx.write(value, call.fresh(source))
    return None


@signature("np.fill_diagonal: a val wrap=False")
def fill_diagonal(call: Call) -> Value:
    """Write a value, or values one after another, to the main diagonal."""
    b = call.b
    call.only_default("wrap", instead="Write the blocks one by one.")
    value, target = _target(call, "a")
    shape = target.array.shape
    if len(shape) < 2:
        call.refuse("`np.fill_diagonal` needs a matrix.", "Write to the vector itself.")
    if len(shape) > 2:
        for dim in shape[1:]:
            unify(call, shape[0], dim)
    places = [along(b, target, a, make.iota(b, d)) for a, d in enumerate(shape)]
    on = make.apply(b, "equal", places[0], places[1])
    for other in places[2:]:
        on = make.apply(b, "logical_and", on, make.apply(b, "equal", places[0], other))
    on = make.broadcast_to(b, on, shape)
    values = make.cast(b, call.node("val"), target.array.dtype)
    new = _at(call, ravel(b, values), places[0]) if values.array.rank else values
    call.ctx.write(value, call.fresh(make.where(b, on, make.broadcast_to(b, new, shape), target)))
    return None


FUNCTIONS: dict[object, Handler] = {
    np.put: put,
    np.put_along_axis: put_along_axis,
    np.putmask: putmask,
    np.place: place,
    np.copyto: copyto,
    np.fill_diagonal: fill_diagonal,
}

METHODS: dict[str, Handler] = {"put": put}
