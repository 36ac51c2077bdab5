"""Functions of NumPy that call a Python function for every element or slice: written as loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.frontend.context import Context, Handler, Value
from codegen_ad.frontend.library import dtypes
from codegen_ad.frontend.library.arrays import broadcast, moved, ravel
from codegen_ad.frontend.library.binding import Call, bind, signature
from codegen_ad.frontend.library.shaping import shape_of
from codegen_ad.frontend.values import Outside
from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make


def part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that is read as a part of the user's program, and never run."""
    function.__codegen_part__ = True  # type: ignore[attr-defined]
    return function


@part
def each_element(function: Any, out: Any, columns: Any, given: Any) -> Any:
    """Write the result for the elements at each place."""
    for i in range(out.shape[0]):
        out[i] = function(*[column[i] for column in columns], *given)
    return out


@part
def first_element(function: Any, columns: Any, given: Any) -> Any:
    """Result for the elements at the first place."""
    return function(*[column[0] for column in columns], *given)


def _read(ctx: Context, function: Callable[..., Any], *args: Value) -> Value:
    return ctx.call(Outside(function, ()), args, {})


def _looped(
    call: Call,
    function: Value,
    columns: Sequence[Node],
    given: Sequence[Value],
    dtype: DType | None,
    *,
    again: bool = False,
) -> Node:
    """The results of calls for each place of the first axis of all columns.

    If the first place is asked for `again`, what the function changes changes once more.
    """
    b, ctx = call.b, call.ctx
    dim = columns[0].array.shape[0]
    values = tuple(call.fresh(c) for c in columns)
    if dtype is None or columns[0].array.rank > 1:
        ctx.require(dim, 1, call.name)
    saved = ctx.snapshot()
    sample = ctx.node(_read(ctx, first_element, function, values, tuple(given)), "result")
    found = sample.array
    if not again:
        ctx.restore(saved)
    out = make.full(b, (dim, *found.shape), 0, dtype or found.dtype)
    return ctx.node(_read(ctx, each_element, function, call.fresh(out), values, tuple(given)))


@signature("np.apply_along_axis: func1d axis arr *args")
def apply_along_axis(call: Call) -> Value:
    """The results of a function of each vector along an axis, in the place of that axis."""
    b, x = call.b, call.node("arr")
    axis = call.axis("axis", x.array.rank)
    rest: Shape = tuple(d for a, d in enumerate(x.array.shape) if a != axis)
    order = moved(x.array.rank, axis, x.array.rank - 1)
    lines = make.transpose(b, x, order)
    lines = make.reshape(b, lines, (product(rest), x.array.shape[axis]))
    out = _looped(call, call.value("func1d"), [lines], call.rest, None)
    inner = out.array.shape[1:]
    out = make.reshape(b, out, (*rest, *inner))
    places = list(range(len(rest)))
    new = range(len(rest), len(rest) + len(inner))
    return call.fresh(make.transpose(b, out, (*places[:axis], *new, *places[axis:])))


@signature("np.apply_over_axes: func a axes")
def apply_over_axes(call: Call) -> Value:
    """A function of an array and an axis, for one axis after another; all axes stay."""
    value, rank = call.value("a"), call.node("a").array.rank
    for axis in call.axes_in_order("axes", rank):
        before = call.node_of(value).array
        value = call.ctx.call(call.value("func"), (value, axis), {})
        if call.node_of(value).array.rank == rank - 1:
            kept = (*before.shape[:axis], make.as_dim(1), *before.shape[axis + 1 :])
            value = call.fresh(make.reshape(call.b, call.node_of(value), kept))
    return value


@signature("np.fromfunction: function shape * dtype=None like=None")
def fromfunction(call: Call) -> Value:
    """A function of the places along each axis: called once, with grids of places."""
    call.only_default("like")
    b, shape = call.b, shape_of(call, call.value("shape"))
    dtype = call.dtype("dtype", DType.FLOAT64)
    grids: list[Value] = []
    for axis, dim in enumerate(shape):
        apart = tuple(dim if a == axis else make.as_dim(1) for a in range(len(shape)))
        line = make.reshape(b, make.cast(b, make.iota(b, dim), dtype), apart)
        grids.append(call.fresh(make.broadcast_to(b, line, shape)))
    return call.ctx.call(call.value("function"), grids, {})


VECTORIZE = "np.vectorize: pyfunc otypes=None doc=None excluded=None cache=False signature=None"


@signature(VECTORIZE)
def vectorize(call: Call) -> Value:
    """A function of whole arrays that calls a function of numbers for each element."""
    call.only_default("excluded", "signature", instead="Write the loop.")
    dtype = _only_dtype(call, call.static("otypes"))
    return Outside(Vectorized(call.value("pyfunc"), dtype), ())


class Vectorized:
    """What `np.vectorize(f)` gives within a function that is being read."""

    def __init__(self, function: Value, dtype: DType | None) -> None:
        self.function = function
        self.dtype = dtype


def _only_dtype(call: Call, otypes: object) -> DType | None:
    if otypes is None:
        return None
    several: Any = otypes
    one = several[0] if len(several) == 1 else several
    found = dtypes.of(one)
    if found is None:
        call.refuse(
            f"`np.vectorize` with `otypes={otypes!r}`.", "Give the dtype of one result, in a list."
        )
    return found


def _elementwise(
    ctx: Context, function: Value, dtype: DType | None, args: Sequence[Value]
) -> Value:
    call = bind(ctx, (), {}, "np.vectorize:")
    if not args:
        call.refuse("A function made by `np.vectorize` is called without arrays.", "Pass one.")
    nodes = broadcast(call, *(ctx.node(a) for a in args))
    shape = nodes[0].array.shape
    if not shape:
        return ctx.call(function, args, {})
    columns = [ravel(call.b, n) for n in nodes]
    # Without `otypes`, NumPy asks for the first result to see its dtype, and then for all.
    out = _looped(call, function, columns, (), dtype, again=dtype is None)
    if out.array.rank > 1:
        call.refuse("The function given to `np.vectorize` gives an array.", "Return one number.")
    return call.fresh(make.reshape(call.b, out, shape))


def handler_of(function: object) -> Handler | None:
    """The handler of a function that `np.vectorize` made, or None for anything else."""
    if isinstance(function, Vectorized):
        inner, dtype = function.function, function.dtype
    elif isinstance(function, np.vectorize):
        made: Any = function
        inner = Outside(made.pyfunc, ())
        dtype = dtypes.of(made.otypes) if made.otypes else None
    else:
        return None

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        if kwargs:
            ctx.refuse(
                "A function made by `np.vectorize` is called with arguments by name.",
                "Pass them by position.",
            )
        return _elementwise(ctx, inner, dtype, args)

    return handler


FUNCTIONS: dict[object, Handler] = {
    np.apply_along_axis: apply_along_axis,
    np.apply_over_axes: apply_over_axes,
    np.fromfunction: fromfunction,
    np.vectorize: vectorize,
}
