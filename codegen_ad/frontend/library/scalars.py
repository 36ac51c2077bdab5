"""Conversions to a dtype, questions about a shape, and the functions of `math` that are not ufuncs.

What is known when the function is compiled is answered then, by calling the function itself.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from codegen_ad.frontend.arrays.wrapping import signed
from codegen_ad.frontend.context import Context, Handler, Value
from codegen_ad.frontend.library.arrays import apply, as_float, common_shape
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.elementwise_extras import (
    UFUNC,
    copysign,
    degrees,
    fmod,
    plain,
    radians,
)
from codegen_ad.frontend.library.norms import root
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.values import Outside, is_number
from codegen_ad.ir.dims import product
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ALL

_OPERATOR: Any = operator  # its stubs leave types open


def folded(function: Callable[..., Any], handler: Handler) -> Handler:
    """The handler, but the function itself where all arguments are numbers known now."""

    def either(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        if not args or not all(is_number(v) for v in (*args, *kwargs.values())):
            return handler(ctx, args, kwargs)
        try:
            return cast("Value", function(*args, **kwargs))
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            ctx.refuse(
                f"`{function.__name__}` fails when the function runs: {error}.",
                "Call the function itself to see the error.",
            )

    return either


def converter(dtype: DType) -> Handler:
    """The handler of a NumPy type that is called."""

    @signature(f"np.{dtype.numpy_name}: x=0")
    def convert(call: Call) -> Value:
        x = call.node("x") if "x" in call.given else make.constant(call.b, 0, dtype)
        return call.fresh(make.cast(call.b, x, dtype))

    return convert


def static_call(function: Callable[..., Any]) -> Handler:
    """The handler of a function whose arguments must be known now."""

    def handler(ctx: Context, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        plain = [ctx.static(v, "argument") for v in args]
        named = {k: ctx.static(v, "argument") for k, v in kwargs.items()}
        try:
            return Outside(function(*plain, **named), ())
        except (TypeError, ValueError) as error:
            ctx.refuse(
                f"`{function.__name__}` fails when the function runs: {error}.",
                "Call the function itself to see the error.",
            )

    return handler


@signature("np.shape: a")
def shape(call: Call) -> Value:
    """The sizes of the axes."""
    return tuple(d.value if d.is_constant else d for d in call.node("a").array.shape)


@signature("np.ndim: a")
def ndim(call: Call) -> Value:
    """The number of axes."""
    return call.node("a").array.rank


@signature("np.size: a axis=None")
def size(call: Call) -> Value:
    """The number of elements, or of those along an axis."""
    dims = call.node("a").array.shape
    dim = dims[call.axis("axis", len(dims))] if call.has("axis") else product(dims)
    return dim.value if dim.is_constant else dim


@signature("np.broadcast_shapes: *args")
def shape_in_common(call: Call) -> Value:
    """The shape that all of the shapes broadcast to."""
    shapes = [
        tuple(call.ctx.dim(item, "size") for item in call.items_or_one(value, "args"))
        for value in call.rest
    ]
    found = common_shape(call, *shapes) if shapes else ()
    return tuple(d.value if d.is_constant else d for d in found)


@signature("np.isscalar: a")
def isscalar(call: Call) -> Value:
    """Whether the value is a number, not an array."""
    value = call.value("a")
    return is_number(value) or (call.ctx.is_array(value) and not call.node("a").array.rank)


@signature("np.array_equal: a1 a2 equal_nan=False")
def array_equal(call: Call) -> Value:
    """Whether two arrays of one shape have the same elements."""
    x, y = call.ctx.promote(call.value("a1"), call.value("a2"))
    if x.array.rank != y.array.rank:
        return False
    common_shape(call, x.array.shape, y.array.shape)
    found = make.apply(call.b, "equal", x, y)
    if call.flag("equal_nan") and x.array.dtype.is_float:
        lost = make.apply(call.b, "logical_and", *(apply(call.b, "isnan", n) for n in (x, y)))
        found = make.apply(call.b, "logical_or", found, lost)
    return call.fresh(reduced(call.b, ALL, found, range(found.array.rank)))


@signature("np.array_equiv: a1 a2")
def array_equiv(call: Call) -> Value:
    """Whether two arrays have the same elements once they are broadcast."""
    x, y = call.ctx.promote(call.value("a1"), call.value("a2"))
    common_shape(call, x.array.shape, y.array.shape)
    found = make.apply(call.b, "equal", x, y)
    return call.fresh(reduced(call.b, ALL, found, range(found.array.rank)))


def everywhere(name: str, answer: bool) -> Handler:
    """The handler of a question about complex numbers, asked of each element."""

    @signature(f"np.{name}: x")
    def handler(call: Call) -> Value:
        shape = call.node("x").array.shape
        return call.fresh(make.full(call.b, shape, answer, DType.BOOL))

    return handler


def always(name: str, answer: bool) -> Handler:
    """The handler of a question about a whole array, the answer of which is known now."""

    @signature(f"np.{name}: x")
    def handler(call: Call) -> Value:
        call.node("x")
        return answer

    return handler


def _infinite(call: Call, value: float) -> Value:
    return call.fresh(apply(call.b, "equal", as_float(call.b, call.node("x")), value))


@signature("np.isposinf: x out=None")
def isposinf(call: Call) -> Value:
    """Whether each element is infinity."""
    return _infinite(call, math.inf)


@signature("np.isneginf: x out=None")
def isneginf(call: Call) -> Value:
    """Whether each element is minus infinity."""
    return _infinite(call, -math.inf)


def bitwise(name: str, function: Callable[..., Any], count: int) -> Handler:
    """The handler of a bitwise function: what the operator says."""

    @signature(f"np.{name}: {'x1 x2' if count == 2 else 'x1'} {UFUNC}")
    def handler(call: Call) -> Value:
        plain(call)
        args = [call.value(n) for n in ("x1", "x2")[:count]]
        return call.ctx.call(Outside(function, ()), args, {})

    return handler


def _scalar(call: Call, value: Value) -> Node:
    x = as_float(call.b, call.node_of(value))
    if x.array.rank:
        call.refuse(f"`{call.name}` takes single numbers.", "Use the function of NumPy.")
    return x


@signature("math.log: x base=None")
def log(call: Call) -> Value:
    """The logarithm, natural or to a base."""
    out = apply(call.b, "log", _scalar(call, call.value("x")))
    if call.has("base"):
        base = make.cast(call.b, _scalar(call, call.value("base")), out.array.dtype)
        out = make.divide(call.b, out, apply(call.b, "log", base))
    return call.ctx.fresh(out, weak=True)


@signature("math.hypot: *coordinates")
def hypot(call: Call) -> Value:
    """The distance from the origin."""
    nodes = [make.cast(call.b, _scalar(call, v), DType.FLOAT64) for v in call.rest]
    if len(nodes) == 2:
        return call.ctx.fresh(make.apply(call.b, "hypot", *nodes), weak=True)
    total = make.constant(call.b, 0.0)
    for node in nodes:
        total = make.add(call.b, total, apply(call.b, "square", node))
    return call.ctx.fresh(root(call.b, total), weak=True)


def whole(name: str) -> Handler:
    """The handler of a function of `math` that gives an integer."""

    @signature(f"math.{name}: x")
    def handler(call: Call) -> Value:
        out = apply(call.b, name, _scalar(call, call.value("x")))
        return call.ctx.fresh(call.ctx.whole(out), weak=True)

    return handler


@signature("math.isclose: a b * rel_tol=1e-09 abs_tol=0.0")
def math_isclose(call: Call) -> Value:
    """Whether two numbers are nearly equal, by the larger of them."""
    b = call.b
    x, y = (make.cast(b, _scalar(call, call.value(n)), DType.FLOAT64) for n in ("a", "b"))
    larger = make.apply(b, "maximum", apply(b, "absolute", x), apply(b, "absolute", y))
    bound = apply(b, "multiply", larger, call.number("rel_tol"))
    bound = apply(b, "maximum", bound, call.number("abs_tol"))
    near = make.apply(b, "less_equal", apply(b, "absolute", make.subtract(b, x, y)), bound)
    near = make.apply(b, "logical_and", near, apply(b, "isfinite", x))
    near = make.apply(b, "logical_and", near, apply(b, "isfinite", y))
    return call.fresh(make.apply(b, "logical_or", near, make.apply(b, "equal", x, y)))


@signature("round: number ndigits=None")
def builtin_round(call: Call) -> Value:
    """Python's `round` of one number: an integer unless digits are given."""
    b = call.b
    x = _scalar(call, call.value("number"))
    if not call.has("ndigits"):
        given = call.node("number")
        if not given.array.dtype.is_float:
            return call.ctx.fresh(signed(call.ctx, given), weak=True)
        return call.ctx.fresh(call.ctx.whole(apply(b, "rint", x)), weak=True)
    return call.ctx.call(Outside(np.round, ()), (call.value("number"), call.value("ndigits")), {})


@signature("np.conj: x out=None")
def conj(call: Call) -> Value:
    """A copy: real numbers are their own conjugates. Those of booleans are integers."""
    x = call.node("x")
    dtype = DType.INT8 if x.array.dtype is DType.BOOL else x.array.dtype
    return call.fresh(make.cast(call.b, x, dtype))


FUNCTIONS: dict[object, Handler] = {
    **{getattr(np, d.numpy_name): folded(getattr(np, d.numpy_name), converter(d)) for d in DType},
    np.finfo: static_call(np.finfo),
    np.iinfo: static_call(np.iinfo),
    np.dtype: static_call(np.dtype),
    np.shape: shape,
    np.ndim: ndim,
    np.size: size,
    np.isscalar: isscalar,
    np.array_equal: array_equal,
    np.array_equiv: array_equiv,
    np.isreal: everywhere("isreal", True),
    np.iscomplex: everywhere("iscomplex", False),
    np.isrealobj: always("isrealobj", True),
    np.iscomplexobj: always("iscomplexobj", False),
    np.broadcast_shapes: shape_in_common,
    np.isposinf: isposinf,
    np.isneginf: isneginf,
    np.bitwise_and: bitwise("bitwise_and", _OPERATOR.and_, 2),
    np.bitwise_or: bitwise("bitwise_or", _OPERATOR.or_, 2),
    np.bitwise_xor: bitwise("bitwise_xor", _OPERATOR.xor, 2),
    np.left_shift: bitwise("left_shift", _OPERATOR.lshift, 2),
    np.right_shift: bitwise("right_shift", _OPERATOR.rshift, 2),
    np.invert: bitwise("invert", _OPERATOR.invert, 1),
    np.conjugate: conj,
    builtins.round: folded(round, builtin_round),
    math.log: folded(math.log, log),
    math.hypot: folded(math.hypot, hypot),
    math.floor: folded(math.floor, whole("floor")),
    math.ceil: folded(math.ceil, whole("ceil")),
    math.trunc: folded(math.trunc, whole("trunc")),
    math.isclose: folded(math.isclose, math_isclose),
    math.radians: folded(math.radians, radians),
    math.degrees: folded(math.degrees, degrees),
    math.copysign: folded(math.copysign, copysign),
    math.fmod: folded(math.fmod, fmod),
}
