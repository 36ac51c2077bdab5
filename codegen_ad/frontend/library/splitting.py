"""Parts of an array, as views that share its memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np

from codegen_ad.frontend.arrays.views import Reshaped, Sliced
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import at_least, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.ir.dims import ZERO, Dim, as_dim
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span


def _split(call: Call, axis: int, *, equal: bool) -> Value:
    dim = call.node("ary").array.shape[axis]
    value = call.static("indices_or_sections")
    if isinstance(value, list | tuple):
        return _split_at(
            call, axis, [ZERO, *_places(call, dim, cast("Sequence[object]", value)), dim]
        )
    number = call.as_integer(value, "indices_or_sections")
    if number < 1:
        call.refuse(f"`{call.name}` into {number} parts.", "Ask for at least one part.")
    if equal and dim.is_constant and dim.value % number:
        call.refuse(
            f"`{call.name}` of {dim} elements into {number} parts: they do not divide equally.",
            "Use `np.array_split`, or give the places to split at, as a list.",
        )
    if equal and dim.exact_quotient(Dim.constant(number)) is None:  # checked when called
        whole = (dim // number) * number
        if call.ctx.is_zero_for_a_remainder(dim - whole):
            unify(call, dim, whole)
        if call.ctx.is_run_time(dim):
            differ = make.apply(call.b, "not_equal", *(make.size(call.b, d) for d in (whole, dim)))
            message = f"{call.name}: the elements do not divide into equal parts"
            call.ctx.refuse_when(differ, "ValueError", message)
        else:
            at_least(call, whole, dim)
    # The first `dim % number` parts have one element more.
    places = [ZERO]
    for i in range(number):
        places.append(places[-1] + (dim + (0 if equal else number - 1 - i)) // number)
    return _split_at(call, axis, places)


def _places(call: Call, dim: Dim, value: Sequence[object]) -> list[Dim]:
    places: list[Dim] = []
    for item in value:
        place = item if isinstance(item, Dim) else as_dim(call.as_integer(item, "indices"))
        if place.is_constant and place.value < 0:
            place = dim + place
        if dim.is_constant and place.is_constant:
            place = as_dim(min(max(place.value, 0), dim.value))
        else:
            at_least(call, dim, place)
        places.append(place)
    return places


def _split_at(call: Call, axis: int, places: Sequence[Dim]) -> Value:
    """Views between each two places."""
    value = call.value("ary")
    shape = call.node("ary").array.shape
    parts: list[Value] = []
    for start, stop in pairwise(places):
        length = stop - start
        if length.is_constant:
            length = as_dim(max(length.value, 0))
        else:
            at_least(call, length, 0)
        spans = [make.whole(d) for d in shape]
        spans[axis] = Span(start, 1, length)
        parts.append(call.ctx.view(value, Sliced(tuple(spans))))
    return tuple(parts)


@signature("np.split: ary indices_or_sections axis=0")
def split(call: Call) -> Value:
    """Views of the equal parts of an array, or of what lies between places."""
    return _split(call, call.axis("axis", call.node("ary").array.rank), equal=True)


@signature("np.array_split: ary indices_or_sections axis=0")
def array_split(call: Call) -> Value:
    """Views of parts that may differ in size by one."""
    return _split(call, call.axis("axis", call.node("ary").array.rank), equal=False)


@signature("np.hsplit: ary indices_or_sections")
def hsplit(call: Call) -> Value:
    """Views of parts beside one another."""
    rank = call.node("ary").array.rank
    return _split(call, call.one_axis(0 if rank == 1 else 1, rank), equal=True)


@signature("np.vsplit: ary indices_or_sections")
def vsplit(call: Call) -> Value:
    """Views of parts below one another."""
    return _split(call, call.one_axis(0, call.node("ary").array.rank), equal=True)


@signature("np.dsplit: ary indices_or_sections")
def dsplit(call: Call) -> Value:
    """Views of parts behind one another."""
    return _split(call, call.one_axis(2, call.node("ary").array.rank), equal=True)


@signature("np.unstack: x * axis=0")
def unstack(call: Call) -> Value:
    """Views of what stands at each place of an axis, which goes away."""
    value, shape = call.value("x"), call.node("x").array.shape
    axis = call.axis("axis", len(shape))
    if not shape[axis].is_constant:
        call.refuse(
            f"`np.unstack` gives as many arrays as the axis is long, and its size, {shape[axis]}, "
            "is not known when the function is compiled.",
            "Use a loop over the axis, or functions of the whole array.",
        )
    rest = tuple(d for a, d in enumerate(shape) if a != axis)
    parts: list[Value] = []
    for i in range(shape[axis].value):
        spans = [make.whole(d) for d in shape]
        spans[axis] = Span(as_dim(i), 1, as_dim(1))
        parts.append(call.ctx.view(call.ctx.view(value, Sliced(tuple(spans))), Reshaped(rest)))
    return tuple(parts)


FUNCTIONS: dict[object, Handler] = {
    np.split: split,
    np.array_split: array_split,
    np.hsplit: hsplit,
    np.vsplit: vsplit,
    np.dsplit: dsplit,
    np.unstack: unstack,
}
