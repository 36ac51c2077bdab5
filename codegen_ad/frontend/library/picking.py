"""Elements picked by conditions: as many as the data have."""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, as_bool, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import ARGSORT, CUMSUM


def places(call: Call, x: Node) -> list[Node]:
    """Where elements are not zero: one array of integers for each axis."""
    if not x.array.rank:
        call.refuse(f"`{call.name}` of a single number.", "Give an array.")
    return call.ctx.places(as_bool(call.b, x))


def _flat(call: Call, x: Node) -> Node:
    return make.reshape(call.b, x, (product(x.array.shape),))


@signature("np.nonzero: a")
def nonzero(call: Call) -> Value:
    """Where elements are not zero: one array of integers for each axis."""
    return tuple(call.fresh(place) for place in places(call, call.node("a")))


@signature("np.flatnonzero: a")
def flatnonzero(call: Call) -> Value:
    """Where the elements in C order are not zero."""
    return call.fresh(places(call, _flat(call, call.node("a")))[0])


@signature("np.argwhere: a")
def argwhere(call: Call) -> Value:
    """Where elements are not zero: one row of integers for each."""
    b = call.b
    columns = [make.expand_dims(b, place, 1) for place in places(call, call.node("a"))]
    return call.fresh(make.concatenate(b, columns, 1))


@signature("np.extract: condition arr")
def extract(call: Call) -> Value:
    """The elements, in C order, where a condition holds."""
    condition, x = call.node("condition"), call.node("arr")
    if condition.array.rank == x.array.rank:
        for one, other in zip(condition.array.shape, x.array.shape, strict=True):
            unify(call, one, other)
    condition, x = _flat(call, condition), _flat(call, x)
    unify(call, x.array.shape[0], condition.array.shape[0])
    return call.fresh(make.gather(call.b, x, places(call, condition)[0]))


@signature("np.compress: condition a axis=None out=None")
def compress(call: Call) -> Value:
    """The slices along an axis for which a condition holds."""
    b, x, condition = call.b, call.node("a"), call.node("condition")
    if condition.array.rank != 1:
        call.refuse("The condition of `np.compress` has one axis.", "Give a vector of booleans.")
    axis = 0
    if call.static("axis") is None:
        x = _flat(call, x)
    else:
        axis = call.one_axis(call.static("axis"), x.array.rank)
    unify(call, x.array.shape[axis], condition.array.shape[0])
    order = (axis, *(a for a in range(x.array.rank) if a != axis))
    picked = make.gather(b, make.transpose(b, x, order), places(call, condition)[0])
    back = tuple(order.index(a) for a in range(x.array.rank))
    return call.fresh(make.transpose(b, picked, back))


@signature(
    "np.unique: ar return_index=False return_inverse=False return_counts=False axis=None *"
    " equal_nan=True sorted=True"
)
def unique(call: Call) -> Value:
    """The distinct elements in ascending order; of equal ones the first carries the derivative."""
    call.only_default("axis", "equal_nan")
    call.ignore("sorted")
    b, x = call.b, _flat(call, call.node("ar"))
    order = b.node(ARGSORT, (x,), Axis(0))
    ascending = make.gather(b, x, order)
    length = x.array.shape[0]
    number = make.iota(b, length)
    before = apply(b, "maximum", make.subtract(b, number, make.constant(b, 1, DType.INT64)), 0)
    new = apply(b, "not_equal", ascending, make.gather(b, ascending, before))
    first = make.apply(b, "logical_or", new, apply(b, "equal", number, 0))
    # NumPy takes all NaN, which stand last, for one.
    previous = make.gather(b, ascending, before)
    nans = [apply(b, "isnan", v) for v in (ascending, previous)] if x.array.dtype.is_float else []
    if nans:
        both = make.apply(b, "logical_and", *nans)
        again = make.apply(b, "logical_and", both, apply(b, "greater", number, 0))
        first = make.apply(b, "logical_and", first, make.apply(b, "logical_not", again))
    kept = call.ctx.places(first)[0]
    found = [make.gather(b, ascending, kept)]
    if call.flag("return_index"):
        found.append(make.gather(b, order, kept))
    number_of = b.node(CUMSUM, (make.cast(b, first, DType.INT64),), Axis(0))
    group = apply(b, "subtract", number_of, 1)
    zeros = make.zeros_like(b, group)
    if call.flag("return_inverse"):
        inverse = make.scatter(b, zeros, group, order, accumulate=False)
        found.append(make.reshape(b, inverse, call.node("ar").array.shape))
    if call.flag("return_counts"):
        counts = make.full(b, kept.array.shape, 0, DType.INT64)
        ones = apply(b, "add", zeros, 1)
        found.append(make.scatter(b, counts, ones, group, accumulate=True))
    values = [call.fresh(x) for x in found]
    return values[0] if len(values) == 1 else tuple(values)


FUNCTIONS: dict[object, Handler] = {
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
    np.extract: extract,
    np.compress: compress,
    np.unique: unique,
}


@signature("compress: a condition axis=None out=None")
def compress_method(call: Call) -> Value:
    """`a.compress(condition)`."""
    return compress(call.ctx, [call.value("condition"), call.value("a")], _axis_of(call))


def _axis_of(call: Call) -> dict[str, Value]:
    return {"axis": call.given["axis"]} if "axis" in call.given else {}


METHODS: dict[str, Handler] = {"nonzero": nonzero, "compress": compress_method}
