"""Views of an array with its axes in another order or direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.arrays.views import Sliced
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import moved
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.shaping import same, turned
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span


@signature("np.transpose: a axes=None")
def transpose(call: Call) -> Value:
    """The array with its axes in another order."""
    rank = call.node("a").array.rank
    if not call.has("axes"):
        return turned(call, call.value("a"), tuple(reversed(range(rank))))
    return _ordered(call, rank, call.static("axes"))


@signature("transpose: a *axes")
def transpose_method(call: Call) -> Value:
    """The array with its axes in another order, given as one tuple or as several numbers."""
    rank = call.node("a").array.rank
    axes = [call.ctx.static(v, "axes") for v in call.rest]
    if axes in ([], [None]):
        return turned(call, call.value("a"), tuple(reversed(range(rank))))
    return _ordered(call, rank, axes[0] if len(axes) == 1 else axes)


def _ordered(call: Call, rank: int, value: object) -> Value:
    items = cast("Sequence[object]", value) if isinstance(value, tuple | list) else (value,)
    axes = [call.one_axis(item, rank, "axes") for item in items]
    if sorted(axes) != list(range(rank)):
        call.refuse(
            f"`{call.name}` is given the axes {tuple(axes)} for an array of {rank}.",
            "Name each axis once.",
        )
    return turned(call, call.value("a"), axes)


@signature("np.matrix_transpose: a")
def matrix_transpose(call: Call) -> Value:
    """The array with its last two axes exchanged."""
    rank = call.node("a").array.rank
    if rank < 2:
        call.refuse(f"`{call.name}` needs a matrix.", "Give an array with at least two axes.")
    return turned(call, call.value("a"), (*range(rank - 2), rank - 1, rank - 2))


@signature("np.swapaxes: a axis1 axis2")
def swapaxes(call: Call) -> Value:
    """The array with two axes exchanged."""
    rank = call.node("a").array.rank
    axes = list(range(rank))
    i, j = call.axis("axis1", rank), call.axis("axis2", rank)
    axes[i], axes[j] = axes[j], axes[i]
    return turned(call, call.value("a"), axes)


@signature("np.moveaxis: a source destination")
def moveaxis(call: Call) -> Value:
    """The array with some axes moved, the others in their order."""
    rank = call.node("a").array.rank
    source = [call.one_axis(a, rank, "source") for a in call.integers("source")]
    target = [call.one_axis(a, rank, "destination") for a in call.integers("destination")]
    if len(set(source)) != len(source) or sorted(set(target)) != sorted(target):
        call.refuse("`np.moveaxis` names one axis twice.", "Name each axis once.")
    if len(source) != len(target):
        call.refuse(
            "`np.moveaxis` needs as many destinations as sources.", "Give the same number of both."
        )
    order = [a for a in range(rank) if a not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return turned(call, call.value("a"), order)


@signature("np.rollaxis: a axis start=0")
def rollaxis(call: Call) -> Value:
    """The array with one axis moved before another."""
    rank = call.node("a").array.rank
    axis, start = call.axis("axis", rank), call.integer("start")
    start = start + rank if start < 0 else start
    return turned(call, call.value("a"), moved(rank, axis, start - (axis < start)))


def flipped(call: Call, value: Value, axes: Sequence[int]) -> Value:
    """A view with some axes in reverse."""
    shape = call.node_of(value).array.shape
    spans = [Span(d - 1, -1, d) if a in axes else make.whole(d) for a, d in enumerate(shape)]
    return call.ctx.view(value, Sliced(tuple(spans)))


@signature("np.flip: a axis=None")
def flip(call: Call) -> Value:
    """The array with the elements of some axes in reverse."""
    return flipped(call, call.value("a"), call.axes("axis", call.node("a").array.rank))


@signature("np.flipud: a")
def flipud(call: Call) -> Value:
    """The array upside down."""
    return flipped(call, call.value("a"), (call.one_axis(0, call.node("a").array.rank),))


@signature("np.fliplr: a")
def fliplr(call: Call) -> Value:
    """The array with its columns in reverse."""
    return flipped(call, call.value("a"), (call.one_axis(1, call.node("a").array.rank),))


@signature("np.rot90: a k=1 axes=(0,1)")
def rot90(call: Call) -> Value:
    """The array turned by quarter turns in the plane of two axes."""
    rank = call.node("a").array.rank
    i, j = (call.one_axis(a, rank, "axes") for a in call.integers("axes"))
    turns = call.integer("k") % 4
    value = call.value("a")
    if turns == 0:
        return same(call, value)
    if turns == 2:
        return flipped(call, value, (i, j))
    order = list(range(rank))
    order[i], order[j] = order[j], order[i]
    if turns == 1:
        return turned(call, flipped(call, value, (j,)), order)
    return flipped(call, turned(call, value, order), (j,))


@signature("T: a")
def transposed(call: Call) -> Value:
    """The array with its axes in reverse order."""
    rank = call.node("a").array.rank
    return turned(call, call.value("a"), tuple(reversed(range(rank))))


FUNCTIONS: dict[object, Handler] = {
    np.transpose: transpose,
    np.permute_dims: transpose,
    np.matrix_transpose: matrix_transpose,
    np.linalg.matrix_transpose: matrix_transpose,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.rollaxis: rollaxis,
    np.flip: flip,
    np.flipud: flipud,
    np.fliplr: fliplr,
    np.rot90: rot90,
}

METHODS: dict[str, Handler] = {
    "transpose": transpose_method,
    "swapaxes": swapaxes,
}

ATTRIBUTES: dict[str, Handler] = {"T": transposed, "mT": matrix_transpose}
