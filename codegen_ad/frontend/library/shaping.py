"""Views of an array in another shape or order: reshape, transpose, squeeze, flip and their kin.

All of them share memory with their argument, as NumPy's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from codegen_ad.frontend.arrays.views import Broadcast, Reshaped, Sliced, Step, Transposed
from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import at_least, common_shape, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.values import Array, is_number
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ONE, ZERO, Dim, product
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span


def shape_of(call: Call, value: Value, what: str = "shape") -> Shape:
    """A shape argument: a size or a sequence of sizes."""
    if is_number(value) or isinstance(value, Dim) or _is_number(call, value):
        return (call.ctx.dim(value, what),)
    return tuple(call.ctx.dim(d, what) for d in call.ctx.items(value, what))


def _is_number(call: Call, value: Value) -> bool:
    """Whether a shape is one integer that only the run knows."""
    return call.ctx.is_array(value) and not call.node_of(value).array.rank


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


def is_ordered(call: Call, value: Value) -> bool:
    """Whether an array lies in memory in C order, without gaps, for certain."""
    if not isinstance(value, Array) or not value.cell.ordered:
        return False
    steps = value.steps
    below = (call.node_of(replace(value, steps=steps[:k])).array for k in range(len(steps)))
    return all(_keeps_order(step, kind.shape) for step, kind in zip(steps, below, strict=True))


def laid_out(call: Call, value: Value, order: str) -> Value:
    """The array itself if it lies in memory in this order for certain, else what may be a copy.

    `order` is that of NumPy: "C" and "F" for rows and columns first without gaps, "A" for either
    of them, "K" for any layout.
    """
    rank = call.node_of(value).array.rank
    rows_first = order in ("C", "A") or rank == 1
    columns_first = order in ("F", "A")
    is_certain = (
        order == "K"
        or not rank
        or (rows_first and is_ordered(call, value))
        or (columns_first and _is_ordered_transpose(call, value, rank))
    )
    return value if is_certain else perhaps_copied(call, value)


def _is_ordered_transpose(call: Call, value: Value, rank: int) -> bool:
    """Whether the array is the transpose of one that lies in memory in C order, for certain."""
    if not isinstance(value, Array) or not value.steps:
        return False
    *before, last = value.steps
    turns = last == Transposed(tuple(reversed(range(rank))))
    return turns and is_ordered(call, replace(value, steps=tuple(before)))


def _keeps_order(step: Step, shape: Shape) -> bool:
    """Whether a view of an array without gaps has none: another shape, or rows one by one."""
    match step:
        case Reshaped():
            return True
        case Sliced((first, *rest)):
            whole = all(s == make.whole(d) for s, d in zip(rest, shape[1:], strict=True))
            return first.step == 1 and whole
        case _:
            return False


def reshaped(call: Call, value: Value, shape: Sequence[Dim], *, order: str = "C") -> Value:
    """A view of another shape, in which one size may be -1."""
    source = call.node_of(value).array.shape
    if order == "F":
        backwards = turned(call, value, tuple(reversed(range(len(source)))))
        out = reshaped(call, backwards, tuple(reversed(shape)))
        return turned(call, out, tuple(reversed(range(len(shape)))))
    unknown = [a for a, d in enumerate(shape) if d == Dim.constant(-1)]
    if len(unknown) > 1:
        call.refuse("Two sizes of a reshape are -1.", "Leave one size to be worked out.")
    target = list(shape)
    if unknown:
        rest = product(tuple(d for d in shape if d != Dim.constant(-1)))
        target[unknown[0]] = _quotient(call, product(source), rest)
    if product(source) != product(tuple(target)):
        return _settled_when_called(call, value, tuple(target))
    if source == tuple(target):
        return same(call, value)
    certain = is_ordered(call, value) or is_always_view(source, tuple(target))
    return call.ctx.view(value, Reshaped(tuple(target), certain))


def _quotient(call: Call, number: Dim, rest: Dim) -> Dim:
    """The size that -1 stands for."""
    size = number.exact_quotient(rest)
    if size is not None:
        return size
    if call.ctx.is_run_time(rest):
        b, one = call.b, make.constant(call.b, 1, DType.INT64)
        parts = make.apply(b, "maximum", make.size(b, rest), one)
        return call.ctx.length(make.apply(b, "floor_divide", make.size(b, number), parts))
    if not rest.is_constant or number.is_constant or rest.value < 1:
        call.refuse(
            f"{number} elements do not divide into rows of {rest}, or it is not known when the "
            f"function is compiled whether they do.",
            "Give all sizes, or pass the array in that shape.",
        )
    return number // rest.value


def _settled_when_called(call: Call, value: Value, target: Shape) -> Value:
    """A reshape that only fits for some sizes of the array: which ones, the kernel checks.

    The program sees the first so many elements as the new shape, and the check says that they are
    all there are.
    """
    source = call.node_of(value).array.shape
    have, want = product(source), product(target)
    fits = (have - want).is_constant or (have.name is not None and want.is_constant)
    if fits or call.ctx.is_zero_for_a_remainder(have - want):
        unify(call, have, want)
        return reshaped(call, value, target)
    if call.ctx.is_run_time(have - want):
        differ = make.apply(call.b, "not_equal", *(make.size(call.b, d) for d in (have, want)))
        message = f"{call.name}: the elements do not fill the new shape"
        call.ctx.refuse_when(differ, "ValueError", message)
    else:
        at_least(call, have, want)
        at_least(call, want, have)
    line = reshaped(call, value, (have,))
    part = call.ctx.view(line, Sliced((Span(ZERO, 1, want),)))
    return call.ctx.view(part, Reshaped(target))


def same(call: Call, value: Value) -> Value:
    """A view of the whole array."""
    shape = call.node_of(value).array.shape
    return call.ctx.view(value, Transposed(tuple(range(len(shape)))))


def perhaps_copied(call: Call, value: Value) -> Value:
    """The whole array, or a copy of it where there are gaps between its elements."""
    return call.ctx.view(value, Reshaped(call.node_of(value).array.shape, certain=False))


def turned(call: Call, value: Value, axes: Sequence[int]) -> Value:
    """A view with the axes in another order."""
    return call.ctx.view(value, Transposed(tuple(axes)))


def order_of(call: Call) -> str:
    """The argument `order`: one of "C", "F", "A" and "K", which is what None stands for."""
    given = call.static("order")
    order = "K" if given is None else given.upper() if isinstance(given, str) else ""
    if order not in ("C", "F", "A", "K"):
        call.refuse(
            f"`{call.name}` with `order={given!r}`, which is no order of memory.",
            "Leave `order` out, or say `order='C'` or `order='F'`.",
        )
    return order


def _order(call: Call) -> str:
    order = order_of(call)
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
    """All elements as a vector without gaps: a copy of what has some, though a reshape has none."""
    value, order = call.value("a"), _order(call)
    line = reshaped(call, value, (Dim.constant(-1),), order=order)
    return line if order == "C" and is_ordered(call, value) else perhaps_copied(call, line)


@signature("flatten: a order='C'")
def flatten(call: Call) -> Value:
    """A new vector of all elements."""
    out = reshaped(call, call.value("a"), (Dim.constant(-1),), order=_order(call))
    return call.fresh(call.node_of(out))


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
        return same(call, value)
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
            f"An array of {count(len(source), 'axis')} cannot be broadcast to {len(shape)}.",
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


@signature("real: a")
def itself(call: Call) -> Value:
    """The array: what real numbers are to themselves."""
    return same(call, call.value("a"))


FUNCTIONS: dict[object, Handler] = {
    np.reshape: reshape,
    np.ravel: ravel,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d,
    np.broadcast_to: broadcast_to,
    np.broadcast_arrays: broadcast_arrays,
    np.real: itself,
}

METHODS: dict[str, Handler] = {
    "reshape": reshape_method,
    "ravel": ravel,
    "flatten": flatten,
    "squeeze": squeeze,
}

ATTRIBUTES: dict[str, Handler] = {"real": itself}
