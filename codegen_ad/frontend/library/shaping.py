"""Views of an array in another shape or order: reshape, transpose, squeeze, flip and their kin.

All of them share memory with their argument, as NumPy's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import common_shape, moved, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.views import Broadcast, Reshaped, Sliced, Transposed
from codegen_ad.ir.dims import ONE, Dim, product
from codegen_ad.ir.types import Shape
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span


def shape_of(call: Call, value: Value, what: str = "shape") -> Shape:
    """A shape argument: a size or a sequence of sizes."""
    if isinstance(value, int | Dim):
        return (call.ctx.dim(value, what),)
    return tuple(call.ctx.dim(d, what) for d in call.ctx.items(value, what))


def is_always_view(source: Shape, target: Shape) -> bool:
    """Whether a reshape only splits axes, or adds and drops axes of size 1: never a copy."""
    rest = [d for d in target if d != ONE]
    for dim in source:
        part = ONE
        while part != dim:
            if not rest:
                return False
            part = part * rest.pop(0)
            if dim.exact_quotient(part) is None:
                return False
    return not rest


def reshaped(call: Call, value: Value, shape: Sequence[Dim], *, order: str = "C") -> Value:
    """A view of another shape, in which one size may be -1."""
    source = call.node_of(value).array.shape
    if order == "F":
        turned = _transposed(call, value, tuple(reversed(range(len(source)))))
        out = reshaped(call, turned, tuple(reversed(shape)))
        return _transposed(call, out, tuple(reversed(range(len(shape)))))
    unknown = [a for a, d in enumerate(shape) if d == Dim.constant(-1)]
    if len(unknown) > 1:
        call.refuse("Two sizes of a reshape are -1.", "Leave one size to be worked out.")
    target = list(shape)
    if unknown:
        rest = product(tuple(d for d in shape if d != Dim.constant(-1)))
        size = product(source).exact_quotient(rest)
        if size is None:
            call.refuse(
                f"{product(source)} elements do not divide into rows of {rest}, or it is not "
                f"known when the function is compiled whether they do.",
                "Give all sizes, or pass the array in that shape.",
            )
        target[unknown[0]] = size
    else:
        unify(call, product(source), product(tuple(target)))
    if source == tuple(target):
        return _same(call, value)
    return call.ctx.view(value, Reshaped(tuple(target), is_always_view(source, tuple(target))))


def _same(call: Call, value: Value) -> Value:
    """A view of the whole array."""
    shape = call.node_of(value).array.shape
    return call.ctx.view(value, Transposed(tuple(range(len(shape)))))


def _transposed(call: Call, value: Value, axes: Sequence[int]) -> Value:
    return call.ctx.view(value, Transposed(tuple(axes)))


def _order(call: Call) -> str:
    order = call.static("order")
    if order in ("C", "A", "K") and (order == "C" or call.node("a").array.rank < 2):
        return "C"
    if order == "F":
        return "F"
    call.refuse(
        f"`{call.name}` with `order={order!r}` depends on the layout in memory.",
        "Say `order='C'` or `order='F'`.",
    )


@signature("np.reshape: a shape order='C' * copy=None")
def reshape(call: Call) -> Value:
    """The array in another shape."""
    out = reshaped(call, call.value("a"), shape_of(call, call.value("shape")), order=_order(call))
    return call.fresh(call.node_of(out)) if call.static("copy") is True else out


@signature("reshape: a *shape order='C'")
def reshape_method(call: Call) -> Value:
    """The array in another shape, given as one tuple or as several sizes."""
    return reshaped(call, call.value("a"), _sizes(call), order=_order(call))


def _sizes(call: Call) -> Shape:
    if len(call.rest) == 1:
        return shape_of(call, call.rest[0])
    return tuple(call.ctx.dim(d, "shape") for d in call.rest)


@signature("np.ravel: a order='C'")
def ravel(call: Call) -> Value:
    """All elements as a vector."""
    return reshaped(call, call.value("a"), (Dim.constant(-1),), order=_order(call))


@signature("flatten: a order='C'")
def flatten(call: Call) -> Value:
    """A new vector of all elements."""
    out = reshaped(call, call.value("a"), (Dim.constant(-1),), order=_order(call))
    return call.fresh(call.node_of(out))


@signature("np.transpose: a axes=None")
def transpose(call: Call) -> Value:
    """The array with its axes in another order."""
    rank = call.node("a").array.rank
    if not call.has("axes"):
        return _transposed(call, call.value("a"), tuple(reversed(range(rank))))
    return _ordered(call, rank, call.static("axes"))


@signature("transpose: a *axes")
def transpose_method(call: Call) -> Value:
    """The array with its axes in another order, given as one tuple or as several numbers."""
    rank = call.node("a").array.rank
    axes = [call.ctx.static(v, "axes") for v in call.rest]
    if axes in ([], [None]):
        return _transposed(call, call.value("a"), tuple(reversed(range(rank))))
    return _ordered(call, rank, axes[0] if len(axes) == 1 else axes)


def _ordered(call: Call, rank: int, value: object) -> Value:
    items = cast("Sequence[object]", value) if isinstance(value, tuple | list) else (value,)
    axes = [call.one_axis(item, rank, "axes") for item in items]
    if sorted(axes) != list(range(rank)):
        call.refuse(
            f"`{call.name}` is given the axes {tuple(axes)} for an array of {rank}.",
            "Name each axis once.",
        )
    return _transposed(call, call.value("a"), axes)


@signature("np.matrix_transpose: a")
def matrix_transpose(call: Call) -> Value:
    """The array with its last two axes exchanged."""
    rank = call.node("a").array.rank
    if rank < 2:
        call.refuse(f"`{call.name}` needs a matrix.", "Give an array with at least two axes.")
    return _transposed(call, call.value("a"), (*range(rank - 2), rank - 1, rank - 2))


@signature("np.swapaxes: a axis1 axis2")
def swapaxes(call: Call) -> Value:
    """The array with two axes exchanged."""
    rank = call.node("a").array.rank
    axes = list(range(rank))
    i, j = call.axis("axis1", rank), call.axis("axis2", rank)
    axes[i], axes[j] = axes[j], axes[i]
    return _transposed(call, call.value("a"), axes)


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
    return _transposed(call, call.value("a"), order)


@signature("np.rollaxis: a axis start=0")
def rollaxis(call: Call) -> Value:
    """The array with one axis moved before another."""
    rank = call.node("a").array.rank
    axis, start = call.axis("axis", rank), call.integer("start")
    start = start + rank if start < 0 else start
    return _transposed(call, call.value("a"), moved(rank, axis, start - (axis < start)))


@signature("np.expand_dims: a axis")
def expand_dims(call: Call) -> Value:
    """The array with new axes of size 1."""
    shape = call.node("a").array.shape
    places = call.integers("axis")
    rank = len(shape) + len(places)
    axes = {call.one_axis(a, rank) for a in places}
    if len(axes) != len(places):
        call.refuse("`np.expand_dims` names one axis twice.", "Name each axis once.")
    rest = iter(shape)
    return call.ctx.view(
        call.value("a"), Reshaped(tuple(ONE if a in axes else next(rest) for a in range(rank)))
    )


@signature("np.squeeze: a axis=None")
def squeeze(call: Call) -> Value:
    """The array without axes of size 1: those named, or all."""
    shape = call.node("a").array.shape
    if call.has("axis"):
        axes = call.axes("axis", len(shape))
        for axis in axes:
            unify(call, shape[axis], ONE)
    else:
        axes = [a for a, d in enumerate(shape) if d == ONE]
    rest = tuple(d for a, d in enumerate(shape) if a not in axes)
    return call.ctx.view(call.value("a"), Reshaped(rest))


def _at_least(call: Call, rank: int) -> Value:
    out = tuple(_with_rank(call, value, rank) for value in call.rest)
    return out[0] if len(out) == 1 else out


def _with_rank(call: Call, value: Value, rank: int) -> Value:
    shape = call.node_of(value).array.shape
    missing = rank - len(shape)
    if missing <= 0:
        return _same(call, value)
    shape = (
        (ONE, *shape, ONE)
        if rank == 3 and len(shape) == 1
        else ((*shape, ONE) if rank == 3 and len(shape) == 2 else (ONE,) * missing + shape)
    )
    return call.ctx.view(value, Reshaped(shape))


@signature("np.atleast_1d: *arrays")
def atleast_1d(call: Call) -> Value:
    """The arrays with at least one axis."""
    return _at_least(call, 1)


@signature("np.atleast_2d: *arrays")
def atleast_2d(call: Call) -> Value:
    """The arrays with at least two axes."""
    return _at_least(call, 2)


@signature("np.atleast_3d: *arrays")
def atleast_3d(call: Call) -> Value:
    """The arrays with at least three axes."""
    return _at_least(call, 3)


@signature("np.broadcast_to: array shape subok=False")
def broadcast_to(call: Call) -> Value:
    """A read-only view of a larger shape."""
    source = call.node("array").array.shape
    shape = shape_of(call, call.value("shape"))
    if len(source) > len(shape):
        call.refuse(
            f"An array of {len(source)} axes cannot be broadcast to {len(shape)}.",
            "Give a shape of at least as many axes.",
        )
    for have, want in zip(reversed(source), reversed(shape), strict=False):
        if have != ONE:
            unify(call, have, want)
    return call.ctx.view(call.value("array"), Broadcast(shape))


@signature("np.broadcast_arrays: *arrays subok=False")
def broadcast_arrays(call: Call) -> Value:
    """Views of all arrays in their common shape."""
    shape = common_shape(call, *(call.node_of(v).array.shape for v in call.rest))
    return tuple(call.ctx.view(v, Broadcast(shape)) for v in call.rest)


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
        return _same(call, value)
    if turns == 2:
        return flipped(call, value, (i, j))
    order = list(range(rank))
    order[i], order[j] = order[j], order[i]
    if turns == 1:
        return _transposed(call, flipped(call, value, (j,)), order)
    return flipped(call, _transposed(call, value, order), (j,))


@signature("real: a")
def itself(call: Call) -> Value:
    """The array: what real numbers are to themselves."""
    return _same(call, call.value("a"))


@signature("T: a")
def transposed(call: Call) -> Value:
    """The array with its axes in reverse order."""
    rank = call.node("a").array.rank
    return _transposed(call, call.value("a"), tuple(reversed(range(rank))))


FUNCTIONS: dict[object, Handler] = {
    np.reshape: reshape,
    np.ravel: ravel,
    np.transpose: transpose,
    np.permute_dims: transpose,
    np.matrix_transpose: matrix_transpose,
    np.linalg.matrix_transpose: matrix_transpose,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.rollaxis: rollaxis,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d,
    np.broadcast_to: broadcast_to,
    np.broadcast_arrays: broadcast_arrays,
    np.flip: flip,
    np.flipud: flipud,
    np.fliplr: fliplr,
    np.rot90: rot90,
    np.real: itself,
}

METHODS: dict[str, Handler] = {
    "reshape": reshape_method,
    "ravel": ravel,
    "flatten": flatten,
    "transpose": transpose_method,
    "swapaxes": swapaxes,
    "squeeze": squeeze,
}

ATTRIBUTES: dict[str, Handler] = {"T": transposed, "mT": matrix_transpose, "real": itself}
