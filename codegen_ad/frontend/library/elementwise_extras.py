"""Elementwise functions that are several operations: bounds, selection, rounding, comparison.

Functions that are one operation of the elementwise table need nothing from here.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, as_bool, broadcast, like
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ALL

UFUNC = "out=None where=True casting='same_kind' order='K' dtype=None subok=True"


def plain(call: Call) -> None:
    """Refuse the arguments of a ufunc that change what it does."""
    call.only_default("where", "casting", "order", "dtype", "subok")


def floats(call: Call, *names: str) -> list[Node]:
    """The arguments in one floating point dtype and one shape."""
    plain(call)
    return broadcast(call, *call.ctx.promote(*(call.value(n) for n in names), floating=True))


def _clipped(call: Call, low: str, high: str) -> Value:
    b = call.b
    given = [n for n in (low, high) if call.has(n)]
    x, *bounds = call.ctx.promote(call.value("a"), *(call.value(n) for n in given))
    for name, bound in zip(given, bounds, strict=True):
        x, bound = broadcast(call, x, bound)
        x = make.apply(b, "maximum" if name == low else "minimum", x, bound)
    return call.fresh(x)


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
    if "x" not in call.given or "y" not in call.given:
        call.refuse(
            "`np.where` with one argument gives as many places as the data have.",
            "Use a mask: `np.where(condition, x, 0)`, or `x * mask`.",
        )
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
            f"`np.select` is given {len(conditions)} conditions and {len(choices)} choices.",
            "Give one choice for each condition.",
        )
    last = call.value("default") if "default" in call.given else 0
    *nodes, out = call.ctx.promote(*choices, last)
    for condition, choice in reversed(list(zip(conditions, nodes, strict=True))):
        mask, choice, out = broadcast(call, as_bool(b, call.node_of(condition)), choice, out)
        out = make.where(b, mask, choice, out)
    return call.fresh(out)


@signature("np.piecewise: x condlist funclist")
def piecewise(call: Call) -> Value:
    """Functions of the elements, each where its condition holds; the last holds elsewhere."""
    b, x = call.b, call.node("x")
    conditions, functions = call.items("condlist"), call.items("funclist")
    if len(functions) not in (len(conditions), len(conditions) + 1):
        call.refuse(
            f"`np.piecewise` is given {len(conditions)} conditions and {len(functions)} functions.",
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
    return call.node_of(call.ctx.call(function, (call.fresh(x),), {}))


def _unary(call: Call) -> Node:
    (x,) = floats(call, "x")
    return x


@signature(f"np.reciprocal: x {UFUNC}")
def reciprocal(call: Call) -> Value:
    """One over each element."""
    plain(call)
    x = call.node("x")
    if not x.array.dtype.is_float:
        call.refuse("`np.reciprocal` of integers is their integer part.", "Use `1 / x`.")
    return call.fresh(make.divide(call.b, like(call.b, 1, x), x))


@signature(f"np.fabs: x {UFUNC}")
def fabs(call: Call) -> Value:
    """The absolute value, in floating point."""
    return call.fresh(apply(call.b, "absolute", _unary(call)))


@signature(f"np.radians: x {UFUNC}")
def radians(call: Call) -> Value:
    """Degrees as radians."""
    return call.fresh(apply(call.b, "multiply", _unary(call), math.pi / 180))


@signature(f"np.degrees: x {UFUNC}")
def degrees(call: Call) -> Value:
    """Radians as degrees."""
    return call.fresh(apply(call.b, "multiply", _unary(call), 180 / math.pi))


@signature(f"np.positive: x {UFUNC}")
def positive(call: Call) -> Value:
    """A copy of the elements."""
    plain(call)
    return call.fresh(call.node("x"))


@signature(f"np.float_power: x1 x2 {UFUNC}")
def float_power(call: Call) -> Value:
    """The power, in double precision."""
    x, y = (make.cast(call.b, n, DType.FLOAT64) for n in floats(call, "x1", "x2"))
    return call.fresh(make.apply(call.b, "power", x, y))


@signature(f"np.logaddexp2: x1 x2 {UFUNC}")
def logaddexp2(call: Call) -> Value:
    """The logarithm to base 2 of the sum of two powers of 2."""
    b = call.b
    x, y = (apply(b, "multiply", n, math.log(2)) for n in floats(call, "x1", "x2"))
    return call.fresh(apply(b, "multiply", make.apply(b, "logaddexp", x, y), 1 / math.log(2)))


@signature(f"np.heaviside: x1 x2 {UFUNC}")
def heaviside(call: Call) -> Value:
    """0 below zero, 1 above, and the second argument at zero."""
    b = call.b
    x, middle = floats(call, "x1", "x2")
    step = make.cast(b, apply(b, "greater", x, 0), x.array.dtype)
    step = make.where(b, apply(b, "isnan", x), x, step)
    return call.fresh(make.where(b, apply(b, "equal", x, 0), middle, step))


SINC_SERIES = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(8))


@signature("np.sinc: x")
def sinc(call: Call) -> Value:
    """`sin(pi*x) / (pi*x)`; near 0 the series, whose derivatives lose no digits."""
    b = call.b
    y = apply(b, "multiply", _unary(call), math.pi)
    near = apply(b, "less", apply(b, "absolute", y), 0.5)
    small = make.where(b, near, y, like(b, 0, y))
    square = apply(b, "square", small)
    series: Node = make.broadcast_to(b, like(b, SINC_SERIES[-1], y), y.array.shape)
    for coefficient in reversed(SINC_SERIES[:-1]):
        series = apply(b, "add", make.multiply(b, series, square), coefficient)
    large = make.where(b, near, like(b, 1, y), y)
    return call.fresh(make.where(b, near, series, make.divide(b, apply(b, "sin", large), large)))


@signature("np.nan_to_num: x copy=True nan=0.0 posinf=None neginf=None")
def nan_to_num(call: Call) -> Value:
    """The array with numbers in place of NaN and infinities."""
    b, x = call.b, call.node("x")
    if not call.flag("copy"):
        call.refuse("`np.nan_to_num` with `copy=False`.", "Write `x[...] = np.nan_to_num(x)`.")
    if not x.array.dtype.is_float:
        return call.fresh(x)
    limit = float(np.finfo(x.array.dtype.numpy_name).max)
    high = call.number("posinf") if call.has("posinf") else limit
    low = call.number("neginf") if call.has("neginf") else -limit
    out = make.where(b, apply(b, "isnan", x), like(b, call.number("nan"), x), x)
    out = make.where(b, apply(b, "equal", x, math.inf), like(b, high, x), out)
    return call.fresh(make.where(b, apply(b, "equal", x, -math.inf), like(b, low, x), out))


@signature("np.round: a decimals=0 out=None")
def round_(call: Call) -> Value:
    """Rounded to a number of decimals, halves to even."""
    b, x, decimals = call.b, call.node("a"), call.integer("decimals")
    if not x.array.dtype.is_float:
        if decimals < 0 or x.array.dtype is DType.BOOL:
            call.refuse("Integers are rounded to tens by no operation here.", "Use `x // 10 * 10`.")
        return call.fresh(x)
    if not decimals:
        return call.fresh(apply(b, "rint", x))
    scale = 10.0 ** abs(decimals)
    first, last = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    return call.fresh(apply(b, last, apply(b, "rint", apply(b, first, x, scale)), scale))


def is_negative(b: Builder, x: Node) -> Node:
    """Whether the sign bit is set, -0.0 included."""
    return apply(b, "less", make.apply(b, "arctan2", x, like(b, -1, x)), 0)


@signature(f"np.signbit: x {UFUNC}")
def signbit(call: Call) -> Value:
    """Whether the sign bit is set."""
    return call.fresh(is_negative(call.b, _unary(call)))


@signature(f"np.copysign: x1 x2 {UFUNC}")
def copysign(call: Call) -> Value:
    """The size of one number with the sign of another."""
    b = call.b
    x, y = floats(call, "x1", "x2")
    size = apply(b, "absolute", x)
    return call.fresh(make.where(b, is_negative(b, y), make.negative(b, size), size))


@signature(f"np.fmod: x1 x2 {UFUNC}")
def fmod(call: Call) -> Value:
    """The remainder that has the sign of the dividend."""
    b = call.b
    x, y = floats(call, "x1", "x2")
    below = is_negative(b, x)
    size = make.where(b, below, make.negative(b, x), x)
    rest = make.apply(b, "remainder", size, apply(b, "absolute", y))
    return call.fresh(make.where(b, below, make.negative(b, rest), rest))


def _ignoring_nan(call: Call, name: str) -> Value:
    b = call.b
    plain(call)
    x, y = broadcast(call, *call.ctx.promote(call.value("x1"), call.value("x2")))
    out = make.apply(b, name, x, y)
    if x.array.dtype.is_float:
        out = make.where(b, apply(b, "isnan", y), x, make.where(b, apply(b, "isnan", x), y, out))
    return call.fresh(out)


@signature(f"np.fmax: x1 x2 {UFUNC}")
def fmax(call: Call) -> Value:
    """The larger number; NaN counts as missing."""
    return _ignoring_nan(call, "maximum")


@signature(f"np.fmin: x1 x2 {UFUNC}")
def fmin(call: Call) -> Value:
    """The smaller number; NaN counts as missing."""
    return _ignoring_nan(call, "minimum")


def _divided(call: Call) -> tuple[Value, Value]:
    b = call.b
    plain(call)
    x, y = broadcast(call, *call.ctx.promote(call.value("x1"), call.value("x2")))
    floor, rest = (make.apply(b, n, x, y) for n in ("floor_divide", "remainder"))
    return call.fresh(floor), call.fresh(rest)


@signature(f"np.divmod: x1 x2 {UFUNC}")
def divmod_(call: Call) -> Value:
    """The whole part of a quotient, and the remainder."""
    return _divided(call)


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
    np.reciprocal: reciprocal,
    np.fabs: fabs,
    math.fabs: fabs,
    np.radians: radians,
    np.deg2rad: radians,
    math.radians: radians,
    np.degrees: degrees,
    np.rad2deg: degrees,
    math.degrees: degrees,
    np.positive: positive,
    operator.pos: positive,
    np.float_power: float_power,
    np.logaddexp2: logaddexp2,
    np.heaviside: heaviside,
    np.sinc: sinc,
    np.nan_to_num: nan_to_num,
    np.round: round_,
    np.around: round_,
    np.signbit: signbit,
    np.copysign: copysign,
    math.copysign: copysign,
    np.fmod: fmod,
    math.fmod: fmod,
    np.fmax: fmax,
    np.fmin: fmin,
    np.divmod: divmod_,
    np.isclose: isclose,
    np.allclose: allclose,
    np.logical_xor: logical_xor,
}

METHODS: dict[str, Handler] = {"clip": clip_method, "round": round_}
