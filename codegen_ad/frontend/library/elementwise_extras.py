"""Elementwise functions that are several operations: bounds, selection, rounding, comparison.

Functions that are one operation of the elementwise table need nothing from here.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, broadcast, like
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.values import Outside
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

UFUNC = "out=None where=True casting='same_kind' order='K' dtype=None subok=True"


def plain(call: Call) -> None:
    """Refuse the arguments of a ufunc that change what it does."""
    call.only_default("where", "casting", "order", "dtype", "subok")


def floats(call: Call, *names: str) -> list[Node]:
    """The arguments in one floating point dtype and one shape."""
    plain(call)
    return broadcast(call, *call.ctx.promote(*(call.value(n) for n in names), floating=True))


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
    x = call.node("x")
    if x.array.dtype is DType.BOOL:
        call.refuse("NumPy has no `positive` of booleans.", "Convert them: `x.astype(int)`.")
    return call.fresh(x)


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


LARGEST_POWER = 1022  # of 2, such that its inverse is normal too
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


@signature("np.fix: x out=None")
def fix(call: Call) -> Value:
    """Rounded towards zero."""
    x = call.node("x")
    return call.fresh(apply(call.b, "trunc", x) if x.array.dtype.is_float else x)


@signature(f"np.modf: x out1=None out2=None {UFUNC}")
def modf(call: Call) -> Value:
    """The part after the point and the part before it, both with the sign of the number."""
    call.only_default("out1", "out2", instead="Write the parts into arrays yourself.")
    b, x = call.b, _unary(call)
    whole = apply(b, "trunc", x)
    minus = make.negative(b, make.add(b, make.negative(b, x), whole))  # -0.0 of -2.0
    rest = make.where(b, is_negative(b, x), minus, make.subtract(b, x, whole))
    rest = make.where(b, apply(b, "isinf", x), make.multiply(b, like(b, 0, x), _sign(b, x)), rest)
    return call.fresh(rest), call.fresh(whole)


def _sign(b: Builder, x: Node) -> Node:
    return make.where(b, is_negative(b, x), like(b, -1, x), like(b, 1, x))


@signature(f"np.ldexp: x1 x2 {UFUNC}")
def ldexp(call: Call) -> Value:
    """A number times a power of 2."""
    b = call.b
    plain(call)
    (x,) = call.ctx.promote(call.value("x1"), floating=True)
    exponent = call.node("x2")
    if not exponent.array.dtype.is_integer or exponent.array.dtype is DType.UINT64:
        call.refuse(f"`{call.name}` needs the exponent as an integer.", "Use `x * 2.0**e`.")
    # In three steps, so that no power of 2 is out of range where the result is not.
    x, rest = broadcast(call, x, make.cast(b, exponent, DType.INT64))
    rest = apply(b, "maximum", apply(b, "minimum", rest, 3 * LARGEST_POWER), -3 * LARGEST_POWER)
    for steps in (3, 2, 1):
        part = apply(b, "floor_divide", rest, steps) if steps > 1 else rest
        power = apply(b, "exp2", make.cast(b, part, DType.FLOAT64))
        x = make.multiply(b, x, make.cast(b, power, x.array.dtype))
        rest = make.subtract(b, rest, part)
    return call.fresh(x)


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
    plain(call)
    x, y = broadcast(call, *call.ctx.promote(call.value("x1"), call.value("x2")))
    if x.array.dtype is DType.BOOL:
        call.refuse("`np.fmod` of booleans.", "Convert them: `x.astype(int)`.")
    below = is_negative(b, x) if x.array.dtype.is_float else apply(b, "less", x, 0)
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
    plain(call)
    pair = (call.value("x1"), call.value("x2"))
    floor, rest = (
        call.ctx.call(Outside(part, ()), pair, {}) for part in (np.floor_divide, np.remainder)
    )
    return floor, rest


@signature(f"np.divmod: x1 x2 {UFUNC}")
def divmod_(call: Call) -> Value:
    """The whole part of a quotient, and the remainder."""
    return _divided(call)


FUNCTIONS: dict[object, Handler] = {
    np.reciprocal: reciprocal,
    np.fabs: fabs,
    math.fabs: fabs,
    np.radians: radians,
    np.deg2rad: radians,
    np.degrees: degrees,
    np.rad2deg: degrees,
    np.positive: positive,
    operator.pos: positive,
    np.float_power: float_power,
    np.logaddexp2: logaddexp2,
    np.sinc: sinc,
    np.round: round_,
    np.around: round_,
    np.fix: fix,
    np.modf: modf,
    np.ldexp: ldexp,
    np.signbit: signbit,
    np.copysign: copysign,
    np.fmod: fmod,
    np.fmax: fmax,
    np.fmin: fmin,
    np.divmod: divmod_,
}

METHODS: dict[str, Handler] = {"round": round_}
