"""Functions of integers whose arithmetic goes round, in int64: products, sums, differences, orders.

Sums and products of what was converted to int64 go round where those of the integers themselves do,
so converting the result back gives what NumPy gives. Comparing and moving makes no new numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np

from codegen_ad.frontend.context import Context, Handler, Value
from codegen_ad.frontend.values import Array
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

After = Callable[[Context, Value, DType], Value]
"""What is made of a result in int64, for arguments of a common dtype."""

_PRODUCTS = (
    "dot matmul vdot vecdot matvec vecmat inner outer kron cross convolve correlate tensordot "
    "linalg.cross linalg.outer linalg.vecdot linalg.matmul linalg.tensordot"
)
"""Their results are sums of products of their first two arguments."""

_OF_ONE = "diff linalg.matrix_power"
"""Their results are sums of products of what their first argument holds."""

_IN_ORDER = "sort partition unique maximum.accumulate minimum.accumulate"
"""Their results are elements of their arguments."""

_PLACES = "argsort argpartition lexsort searchsorted digitize array_equal array_equiv"
"""Their results are places, counts or truth values."""


def widened(table: Mapping[object, Handler]) -> dict[object, Handler]:
    """The functions of the table that take such integers in int64, with new handlers."""
    made: dict[object, Handler] = {
        operator.matmul: _in_int64(table[operator.matmul], _back, 2),
        np.einsum: _in_int64(table[np.einsum], _back, None),
    }
    for names, after, numbers in (
        (_PRODUCTS, _back, 2),
        (_OF_ONE, _back, 1),
        (_IN_ORDER, _back, 0),
        (_PLACES, _as_it_is, 0),
    ):
        for function in map(_found, names.split()):
            if function in table:
                made[function] = _in_int64(table[function], after, numbers)
    return made


def widened_methods(table: Mapping[str, Handler]) -> dict[str, Handler]:
    """The same for methods."""
    return {name: _in_int64(table[name], after, n) for name, (after, n) in _METHODS.items()}


def in_double(handler: Handler) -> Handler:
    """The handler, given float64 in place of such integers, as SciPy's functions take them."""

    def wide(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        def converted(value: Value) -> Value:
            if isinstance(value, Array) and ctx.node(value).array.dtype.wraps:
                return ctx.fresh(make.cast(ctx.b, ctx.node(value), DType.FLOAT64))
            return value

        named = {name: converted(value) for name, value in kwargs.items()}
        return handler(ctx, [converted(a) for a in args], named)

    return wide


def clipped_type(ctx: Context, x: Value, bounds: Sequence[Value]) -> DType | None:
    """The dtype of `np.clip` of such integers, which can be done in int64; None for any other.

    A Python number that the dtype cannot hold is no bound in NumPy or an error: it is left to the
    rules for such integers.
    """
    dtype = ctx.promote(x, *bounds)[0].array.dtype
    if not dtype.wraps or dtype is DType.UINT64:
        return None
    limits = np.iinfo(dtype.numpy_name)
    for bound in bounds:
        if isinstance(bound, int) and not isinstance(bound, np.integer):
            if not limits.min <= bound <= limits.max:
                return None
        elif not isinstance(bound, Array) or bound.weak:
            return None
    return dtype


def _found(name: str) -> object:
    place: object = np
    for part in name.split("."):
        place = getattr(place, part, None)
    return place


def _in_int64(handler: Handler, after: After, numbers: int | None) -> Handler:
    """The handler, given int64 in place of such integers, and what is made of its result.

    What it calculates with are the first `numbers` arguments, all but the first for None; none of
    them if it only compares. Where their common dtype does not go round, they are given in that:
    beside float64 or int64, integers of 64 bits without a sign are float64 in NumPy.
    """

    def handled(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        data = [a for a in (*args, *kwargs.values()) if isinstance(a, Array)]
        own = [ctx.node(a).array.dtype for a in data]
        if not any(t.wraps for t in own) or "out" in kwargs or "dtype" in kwargs:
            return handler(ctx, args, kwargs)
        given = [*(args[1:] if numbers is None else args[:numbers])]
        given += [kwargs[name] for name in ("prepend", "append") if name in kwargs]
        common = _common(ctx, data if numbers == 0 else given)
        few = len(given) < (2 if numbers is None else numbers)
        if few or common is None or (numbers == 0 and DType.UINT64 in own):
            return handler(ctx, args, kwargs)

        wide = common if numbers != 0 and not common.wraps else DType.INT64

        def converted(value: Value) -> Value:
            if isinstance(value, Array) and ctx.node(value).array.dtype.wraps:
                return ctx.fresh(make.cast(ctx.b, ctx.node(value), wide))
            return value

        named = {name: converted(value) for name, value in kwargs.items()}
        return after(ctx, handler(ctx, [converted(a) for a in args], named), common)

    return handled


def _common(ctx: Context, values: Sequence[Value]) -> DType | None:
    """The common dtype of arrays; None if others, which are int64 or float64, are among them."""
    if not values or not all(isinstance(a, Array) for a in values):
        return None
    return ctx.promote(*(ctx.fresh(ctx.node(a)) for a in values))[0].array.dtype


def _back(ctx: Context, value: Value, dtype: DType) -> Value:
    """The result in the dtype of the arguments; of several, the first one."""
    if isinstance(value, tuple):
        first, *others = cast("tuple[Value, ...]", value)
        return (_back(ctx, first, dtype), *others)
    if not isinstance(value, Array) or ctx.node(value).array.dtype is not DType.INT64:
        return value
    return ctx.fresh(make.cast(ctx.b, ctx.node(value), dtype))


def _as_it_is(_: Context, value: Value, __: DType) -> Value:
    return value


_METHODS: dict[str, tuple[After, int]] = {
    "dot": (_back, 2),
    "argsort": (_as_it_is, 0),
    "searchsorted": (_as_it_is, 0),
}
