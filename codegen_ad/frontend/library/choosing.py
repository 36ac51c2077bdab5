"""Elements found in, chosen from, taken out of and put between others; bins; orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import (
    at_least,
    broadcast,
    brought_inside,
    order_along,
    pick,
    ravel,
    refuse_outside,
    size_as,
    sorted_along,
    span,
    take_along,
    unify,
)
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.joining import joined
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.library.scans import count_before
from codegen_ad.frontend.library.shaping import shape_of
from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim, product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ANY


@signature("np.isin: element test_elements assume_unique=False invert=False * kind=None")
def isin(call: Call) -> Value:
    """Whether each element is one of others."""
    call.ignore("assume_unique", "kind")
    b = call.b
    x, others = call.ctx.promote(call.value("element"), call.value("test_elements"))
    same = make.apply(b, "equal", make.expand_dims(b, x, x.array.rank), ravel(b, others))
    found = reduced(b, ANY, same, (x.array.rank,))
    return call.fresh(make.apply(b, "logical_not", found) if call.flag("invert") else found)


@signature("np.choose: a choices out=None mode='raise'")
def choose(call: Call) -> Value:
    """For each place, the element of the choice that its number names."""
    b, number = call.b, call.node("a")
    if not number.array.dtype.is_integer:
        call.refuse("`np.choose` takes the numbers of choices.", "Convert: `.astype(int)`.")
    choices = call.ctx.promote(*call.items("choices"))
    size = make.constant(b, len(choices), DType.INT64)
    given = make.cast(b, number, DType.INT64)
    number = brought_inside(call, given, size, call.static("mode"))
    if number is None:
        refuse_outside(call, given, size, "np.choose is given a number that no choice has")
        number = call.ctx.visited(given, as_dim(len(choices)))
    number, *choices = broadcast(call, number, *choices)
    stacked = make.concatenate(b, [make.expand_dims(b, c, 0) for c in choices], 0)
    picked = take_along(b, stacked, make.expand_dims(b, number, 0), 0)
    return call.fresh(make.reshape(b, picked, number.array.shape))


# Bins and orders ----------------------------------------------------------------------------------


@signature("np.digitize: x bins right=False")
def digitize(call: Call) -> Value:
    """The number of the bin of each element; the bins' edges ascend or descend."""
    b = call.b
    x, edges = call.ctx.promote(call.value("x"), call.value("bins"))
    if edges.array.rank != 1:
        call.refuse("`np.digitize` takes edges as a vector.", "Pass `bins.ravel()`.")
    at_least(call, edges.array.shape[0], 1)
    before = count_before(call, edges, x, right=not call.flag("right"))
    up = make.apply(b, "less_equal", pick(b, edges, 0, 0), pick(b, edges, 0, -1))
    after = make.subtract(b, make.size(b, edges.array.shape[0]), before)
    return call.fresh(make.where(b, up, before, after))


@signature("np.lexsort: keys axis=-1")
def lexsort(call: Call) -> Value:
    """The places in the order of several keys, of which the last counts most."""
    b = call.b
    keys = [call.node_of(v) for v in call.items("keys")]
    if not keys:
        call.refuse("`np.lexsort` is given no keys.", "Give at least one.")
    axis = call.axis("axis", keys[0].array.rank)
    order: Node | None = None
    for key in keys:
        if key.array.rank != keys[0].array.rank:
            call.refuse("`np.lexsort` needs keys of one shape.", "Broadcast them first.")
        for ours, theirs in zip(keys[0].array.shape, key.array.shape, strict=True):
            unify(call, ours, theirs)
        if order is None:
            order = order_along(b, key, axis)
            continue
        sorting = order_along(b, take_along(b, key, order, axis), axis)
        order = take_along(b, order, sorting, axis)
    assert order is not None
    return call.fresh(order)


def _line(call: Call) -> tuple[Node, int]:
    call.static("kth")
    call.only_default("order")
    call.ignore("kind")
    x = call.node("a")
    if "axis" in call.given and not call.has("axis"):
        return ravel(call.b, x), 0
    return x, call.axis("axis", x.array.rank)


PARTITION = "a kth axis=-1 kind='introselect' order=None"


@signature(f"np.partition: {PARTITION}")
def partition(call: Call) -> Value:
    """The elements with the `kth` in its place: here, all of them in ascending order."""
    return call.fresh(sorted_along(call.b, *_line(call)))


@signature(f"np.argpartition: {PARTITION}")
def argpartition(call: Call) -> Value:
    """The places of what `partition` gives."""
    x, axis = _line(call)
    return call.fresh(order_along(call.b, x, axis))


# Taken out and put between ------------------------------------------------------------------------


def _axis(call: Call) -> tuple[Node, int]:
    x = call.node("arr")
    if not call.has("axis"):
        return ravel(call.b, x), 0
    return x, call.axis("axis", x.array.rank)


def _positions(call: Call, dim: Dim, *, past: bool = False) -> tuple[list[Dim], bool]:
    """The positions that `obj` names, counted from the front, and whether it is only one."""
    value = call.static("obj")
    if isinstance(value, slice):
        return _of_slice(call, dim, cast("slice[Any, Any, Any]", value)), False
    one = not isinstance(value, list | tuple)
    items = [value] if one else list(cast("Sequence[object]", value))
    places: list[Dim] = []
    for item in items:
        place = item if isinstance(item, Dim) else as_dim(call.as_integer(item, "obj"))
        if place.is_constant and place.value < 0:
            place = dim + place
        at_least(call, place, 0)
        at_least(call, dim if past else dim - 1, place)
        places.append(place)
    return places, one


def _of_slice(call: Call, dim: Dim, value: slice[Any, Any, Any]) -> list[Dim]:
    bounds = (value.start, value.stop)
    if dim.is_constant:
        return [as_dim(i) for i in range(*value.indices(dim.value))]
    start, stop = (0 if value.start is None else value.start), value.stop
    known = all(v is None or isinstance(v, int) for v in (*bounds, value.step))
    if not known or start < 0 or stop is None or stop < 0 or (value.step or 1) < 1:
        call.refuse(
            f"`{call.name}` of a slice of an axis whose size is not known when the function is "
            "compiled.",
            "Use a slice from the front with known ends, or `np.concatenate` of two slices.",
        )
    at_least(call, dim, stop)
    return [as_dim(i) for i in range(start, stop, value.step or 1)]


def _ascending(call: Call, places: Sequence[Dim]) -> list[Dim]:
    """The different places in order; which of two is the larger must be known."""
    out: list[Dim] = []
    for place in places:
        at = 0
        for other in out:
            gap = place - other
            if not gap.is_constant:
                call.refuse(
                    f"`{call.name}` with places counted from both ends of an axis whose size is "
                    "not known when the function is compiled.",
                    "Call it twice.",
                )
            at += gap.value > 0
        if place not in out:
            out.insert(at, place)
    return out


@signature("np.delete: arr obj axis=None")
def delete(call: Call) -> Value:
    """The array without some places of an axis."""
    b = call.b
    x, axis = _axis(call)
    dim = x.array.shape[axis]
    places, _ = _positions(call, dim)
    starts = [ZERO, *(p + 1 for p in _ascending(call, places))]
    stops = [*_ascending(call, places), dim]
    parts = [
        span(b, x, axis, start, stop - start)
        for start, stop in zip(starts, stops, strict=True)
        if stop != start
    ]
    if not parts:
        return call.fresh(span(b, x, axis, 0, 0))
    return call.fresh(make.concatenate(b, parts, axis))


@signature("np.insert: arr obj values axis=None")
def insert(call: Call) -> Value:
    """The array with values before some places of an axis."""
    b = call.b
    x, axis = _axis(call)
    places, one = _positions(call, x.array.shape[axis], past=True)
    values = make.cast(b, call.node("values"), x.array.dtype)
    rank = x.array.rank
    values = make.reshape(b, values, (ONE,) * (rank - values.array.rank) + values.array.shape)
    if one:  # NumPy takes the first axis of the values for the one that they are put along
        order = [a for a in range(rank) if a != 0]
        order.insert(axis, 0)
        values = make.transpose(b, values, order) if call.node("values").array.rank else values
    number = values.array.shape[axis] if one else as_dim(len(places))
    wanted = tuple(number if a == axis else d for a, d in enumerate(x.array.shape))
    for have, want in zip(values.array.shape, wanted, strict=True):
        if have != ONE:
            unify(call, have, want)
    values = make.broadcast_to(b, values, wanted)
    blocks = [(places[0], values)] if one else _in_order(call, places, values, axis)
    parts: list[Node] = []
    start = ZERO
    for place, block in blocks:
        if place != start:
            parts.append(span(b, x, axis, start, place - start))
        parts.append(block)
        start = place
    if start != x.array.shape[axis]:
        parts.append(span(b, x, axis, start, x.array.shape[axis] - start))
    return call.fresh(joined(call, parts, axis))


def _in_order(call: Call, places: Sequence[Dim], values: Node, axis: int) -> list[tuple[Dim, Node]]:
    """Each place with its value; values for one place stay in the order given."""
    ascending = _ascending(call, places)
    return [
        (place, span(call.b, values, axis, i, 1))
        for place in ascending
        for i, wanted in enumerate(places)
        if wanted == place
    ]


@signature("np.resize: a new_shape")
def resize(call: Call) -> Value:
    """The elements again and again, in a new shape."""
    b, line = call.b, ravel(call.b, call.node("a"))
    shape = shape_of(call, call.value("new_shape"), "new_shape")
    at_least(call, line.array.shape[0], 1)
    places = make.iota(b, product(shape))
    places = make.apply(b, "remainder", places, size_as(b, line.array.shape[0], DType.INT64))
    return call.fresh(make.reshape(b, make.gather(b, line, places), shape))


FUNCTIONS: dict[object, Handler] = {
    np.isin: isin,
    np.choose: choose,
    np.digitize: digitize,
    np.lexsort: lexsort,
    np.partition: partition,
    np.argpartition: argpartition,
    np.delete: delete,
    np.insert: insert,
    np.resize: resize,
}

METHODS: dict[str, Handler] = {"choose": choose, "argpartition": argpartition}
