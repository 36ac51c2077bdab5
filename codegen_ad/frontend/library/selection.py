"""Elementwise choices: bounds, conditions, comparisons with a tolerance, stand-ins for NaN."""

from __future__ import annotations

import math

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, as_bool, broadcast, like
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.elementwise_extras import UFUNC, floats, plain
from codegen_ad.frontend.library.narrow import clipped_type
from codegen_ad.frontend.library.picking import places
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.values import Array
from codegen_ad.frontend.words import count
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ALL


def _clipped(call: Call, low: str, high: str) -> Value:
    b = call.b
    given = [n for n in (low, high) if call.has(n)]
    values = [call.value("a"), *(call.value(n) for n in given)]
    narrow = clipped_type(call.ctx, values[0], values[1:])
    x, *bounds = call.ctx.promote(*values)
    if narrow is not None:
        x, *bounds = (make.cast(b, n, DType.INT64) for n in (x, *bounds))
    for name, bound in zip(given, bounds, strict=True):
        x, bound = broadcast(call, x, bound)
        x = make.apply(b, "maximum" if name == low else "minimum", x, bound)
    return call.fresh(x if narrow is None else make.cast(b, x, narrow))


@signature(f"np.clip: a a_min=None a_max=None out=None * min=None max=None {UFUNC[9:]}")
def clip(call: Call) -> Value:
    """The array with bounds on its values; None is no bound."""
    plain(call)
    if call.has("min") or call.has("max"):
        return _clipped(call, "min", "max")
    return _clipped(call, "a_min", "a_max")


@signature(f"clip: a min=None max=None out=None * {UFUNC[9:]}")
def clip_method(call: Call) -> Value:
    """The array with bounds on its values; None is no bound."""
    plain(call)
    return _clipped(call, "min", "max")


@signature("np.where: condition x=None y=None")
def where(call: Call) -> Value:
    """Elements of one array where a condition holds, of another where it does not."""
    if "x" not in call.given and "y" not in call.given:
        return tuple(call.fresh(place) for place in places(call, call.node("condition")))
    if "x" not in call.given or "y" not in call.given:
        call.refuse("`np.where` takes one argument or three.", "Give both arrays, or none.")
    x, y = call.ctx.promote(call.value("x"), call.value("y"))
    condition = as_bool(call.b, call.node("condition"))
    return call.fresh(make.where(call.b, *broadcast(call, condition, x, y)))


@signature("np.select: condlist choicelist default=0")
def select(call: Call) -> Value:
    """Elements of the first choice whose condition holds, else the default."""
    b = call.b
    conditions = call.items("condlist")
    choices = call.items("choicelist")
    if len(conditions) != len(choices):
        call.refuse(
            f"`np.select` is given {count(len(conditions), 'condition')} and "
            f"{count(len(choices), 'choice')}.",
            "Give one choice for each condition.",
        )
    last = call.value("default") if "default" in call.given else 0
    *nodes, out = call.ctx.promote(*choices, last)
    for condition, choice in reversed(list(zip(conditions, nodes, strict=True))):
        mask, choice, out = broadcast(call, as_bool(b, call.node_of(condition)), choice, out)
        out = make.where(b, mask, choice, out)
    return call.fresh(out)


@signature("np.piecewise: x condlist funclist *args")
def piecewise(call: Call) -> Value:
    """Functions of the elements, each where its condition holds; the last holds elsewhere."""
    b, x = call.b, call.node("x")
    functions, given = call.items("funclist"), call.value("condlist")
    one = call.ctx.is_array(given) and call.node("condlist").array.rank == x.array.rank
    conditions = [given] if one else call.items("condlist")
    if len(functions) not in (len(conditions), len(conditions) + 1):
        call.refuse(
            f"`np.piecewise` is given {count(len(conditions), 'condition')} and "
            f"{count(len(functions), 'function')}.",
            "Give one function for each condition, and one more for elsewhere.",
        )
    pieces = [make.cast(b, _piece(call, f, x), x.array.dtype) for f in functions]
    elsewhere = pieces.pop() if len(pieces) > len(conditions) else like(b, 0, x)
    out = make.broadcast_to(b, elsewhere, x.array.shape)
    for condition, piece in zip(conditions, pieces, strict=True):
        mask, piece, out = broadcast(call, as_bool(b, call.node_of(condition)), piece, out)
        out = make.where(b, mask, piece, out)
    return call.fresh(out)


def _piece(call: Call, function: Value, x: Node) -> Node:
    if call.ctx.is_array(function) or isinstance(function, int | float):
        return call.node_of(function)
    return call.node_of(call.ctx.call(function, (call.fresh(x), *call.rest), {}))


@signature(f"np.heaviside: x1 x2 {UFUNC}")
def heaviside(call: Call) -> Value:
    """0 below zero, 1 above, and the second argument at zero."""
    b = call.b
    x, middle = floats(call, "x1", "x2")
    step = make.cast(b, apply(b, "greater", x, 0), x.array.dtype)
    step = make.where(b, apply(b, "isnan", x), x, step)
    return call.fresh(make.where(b, apply(b, "equal", x, 0), middle, step))


@signature("np.nan_to_num: x copy=True nan=0.0 posinf=None neginf=None")
def nan_to_num(call: Call) -> Value:
    """The array with numbers in place of NaN and infinities."""
    x, given = call.node("x"), call.value("x")
    new = call.fresh(_with_numbers(call, x) if x.array.dtype.is_float else x)
    if call.flag("copy"):
        return new
    if not isinstance(given, Array) or not (given.boxed or x.array.rank):
        call.refuse("`np.nan_to_num` with `copy=False` changes an array.", "Leave `copy` out.")
    call.ctx.write(given, new)
    return given


def _with_numbers(call: Call, x: Node) -> Node:
    """What `nan_to_num` makes of floating point numbers."""
    b = call.b
    limit = float(np.finfo(x.array.dtype.numpy_name).max)
    for name, found, otherwise in (
        ("nan", apply(b, "isnan", x), 0.0),
        ("posinf", apply(b, "equal", x, math.inf), limit),
        ("neginf", apply(b, "equal", x, -math.inf), -limit),
    ):
        given = make.cast(b, call.node(name), x.array.dtype) if call.has(name) else None
        new = like(b, otherwise, x) if given is None else given
        x = make.where(b, *broadcast(call, found, new, x))
    return x


def _close(call: Call) -> Node:
    b = call.b
    x, y = broadcast(call, *call.ctx.promote(call.value("a"), call.value("b"), floating=True))
    bound = apply(b, "multiply", apply(b, "absolute", y), call.number("rtol"))
    bound = apply(b, "add", bound, call.number("atol"))
    near = make.apply(b, "less_equal", apply(b, "absolute", make.subtract(b, x, y)), bound)
    near = make.apply(b, "logical_and", near, apply(b, "isfinite", y))
    near = make.apply(b, "logical_or", near, make.apply(b, "equal", x, y))
    if call.flag("equal_nan"):
        missing = make.apply(b, "logical_and", apply(b, "isnan", x), apply(b, "isnan", y))
        near = make.apply(b, "logical_or", near, missing)
    return near


@signature("np.isclose: a b rtol=1e-05 atol=1e-08 equal_nan=False")
def isclose(call: Call) -> Value:
    """Whether the elements are nearly equal."""
    return call.fresh(_close(call))


@signature("np.allclose: a b rtol=1e-05 atol=1e-08 equal_nan=False")
def allclose(call: Call) -> Value:
    """Whether all elements are nearly equal."""
    near = _close(call)
    return call.fresh(reduced(call.b, ALL, near, range(near.array.rank)))


@signature(f"np.logical_xor: x1 x2 {UFUNC}")
def logical_xor(call: Call) -> Value:
    """Whether exactly one of two is true."""
    plain(call)
    x, y = broadcast(call, *(as_bool(call.b, call.node(n)) for n in ("x1", "x2")))
    return call.fresh(make.apply(call.b, "not_equal", x, y))


FUNCTIONS: dict[object, Handler] = {
    np.clip: clip,
    np.where: where,
    np.select: select,
    np.piecewise: piecewise,
    np.heaviside: heaviside,
    np.nan_to_num: nan_to_num,
    np.isclose: isclose,
    np.allclose: allclose,
    np.logical_xor: logical_xor,
}

METHODS: dict[str, Handler] = {"clip": clip_method}
