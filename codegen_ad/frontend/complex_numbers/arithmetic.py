"""Operators and elementary functions of complex numbers, written with those of real numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Complex, List, Outside, Range, is_number
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

Operator = Callable[..., Any]

_OPERATOR: Any = operator  # its stubs leave types open


class Algebra:
    """The operators of values, complex or real, and NumPy's functions of real ones."""

    def __init__(self, m: Machine) -> None:
        self.m = m

    def real(self, function: Any, *args: Value, **kwargs: Value) -> Value:
        """NumPy's function of real values."""
        return self.m.call(Outside(function, ()), args, kwargs)

    def operate(self, function: Operator, *args: Value) -> Value:
        """Python's operator of real values."""
        from codegen_ad.frontend.arrays.arithmetic import operate

        return operate(self.m, function, args)

    def of(self, value: Value) -> Complex:
        """The value as a complex number."""
        if isinstance(value, Complex):
            return value
        if is_number(value) or isinstance(value, Dim):
            return Complex(value, 0.0)
        if self.sequence(value) is not None:
            value = self.real(np.array, value)
            if isinstance(value, Complex):
                return value
        node = self.m.node(value)
        if not node.array.rank:
            return Complex(value, 0.0)
        dtype = node.array.dtype if node.array.dtype.is_float else DType.FLOAT64
        return Complex(value, self.m.fresh(make.full(self.m.b, node.array.shape, 0, dtype)))

    def sequence(self, value: Value) -> list[Value] | None:
        """The items of a tuple or list that the function wrote; None for anything else."""
        raw: Any = value
        if isinstance(value, List):
            raw = self.m.store[value.cell]
        if isinstance(raw, Complex) or not isinstance(raw, tuple):
            return None
        return list(cast("tuple[Value, ...]", raw))

    def add(self, x: Value, y: Value) -> Value:
        """`x + y`."""
        return self.operate(_OPERATOR.add, x, y)

    def subtract(self, x: Value, y: Value) -> Value:
        """`x - y`."""
        return self.operate(_OPERATOR.sub, x, y)

    def multiply(self, x: Value, y: Value) -> Value:
        """`x * y`."""
        return self.operate(_OPERATOR.mul, x, y)

    def divide(self, x: Value, y: Value) -> Value:
        """`x / y`."""
        return self.operate(_OPERATOR.truediv, x, y)

    def negative(self, x: Value) -> Value:
        """`-x`."""
        return self.operate(_OPERATOR.neg, x)


def is_complex(value: Value) -> bool:
    """Whether a value is complex."""
    return isinstance(value, Complex)


def operate(m: Machine, function: Operator, args: Sequence[Value]) -> Value:
    """A Python operator of which at least one argument is complex."""
    found = OPERATORS.get(function)
    if found is None:
        m.refuse(
            f"Complex numbers have no order, and `{m.text()}` is not defined for them.",
            "Compare or use their real parts, imaginary parts or absolute values.",
        )
    if any(not _is_number(a) for a in args):
        m.refuse(
            f"`{m.text()}` of a complex number and {m.describe(_other(args))}.",
            "Use complex numbers, real numbers or arrays.",
        )
    return found(Algebra(m), *args)


def _is_number(value: Value) -> bool:
    return isinstance(value, Complex | Array | Dim | Range) or is_number(value)


def _other(args: Sequence[Value]) -> Value:
    return next(a for a in args if not _is_number(a))


def add(a: Algebra, x: Value, y: Value) -> Value:
    """`x + y`; a real summand leaves the imaginary part as it is, but for broadcasting."""
    return _by_parts(a, a.add, x, y)


def subtract(a: Algebra, x: Value, y: Value) -> Value:
    """`x - y`."""
    return _by_parts(a, a.subtract, x, y)


def _by_parts(a: Algebra, combine: Callable[[Value, Value], Value], x: Value, y: Value) -> Value:
    one, other = a.of(x), a.of(y)
    return Complex(combine(one.real, other.real), combine(one.imag, other.imag))


def multiply(a: Algebra, x: Value, y: Value) -> Value:
    """`x y`; a real factor scales both parts."""
    if not isinstance(x, Complex):
        x, y = y, x
    assert isinstance(x, Complex)
    if not isinstance(y, Complex):
        return Complex(a.multiply(x.real, y), a.multiply(x.imag, y))
    return Complex(
        a.subtract(a.multiply(x.real, y.real), a.multiply(x.imag, y.imag)),
        a.add(a.multiply(x.real, y.imag), a.multiply(x.imag, y.real)),
    )


def divide(a: Algebra, x: Value, y: Value) -> Value:
    """`x / y`, by Smith's method (1962), which does not square the parts of `y`."""
    if not isinstance(y, Complex):
        assert isinstance(x, Complex)
        return Complex(a.divide(x.real, y), a.divide(x.imag, y))
    turned = a.operate(_OPERATOR.lt, a.real(np.abs, y.real), a.real(np.abs, y.imag))
    large, small = _swapped(a, turned, y.real, y.imag)
    ratio = a.divide(small, large)
    whole = a.add(large, a.multiply(small, ratio))
    if not isinstance(x, Complex):
        # x (c - i d) / |y|^2, with c and d divided by the larger of the two
        first, second = _swapped(a, turned, 1.0, ratio)
        scaled = a.divide(x, whole)
        return Complex(a.multiply(scaled, first), a.negative(a.multiply(scaled, second)))
    straight = (
        a.add(x.real, a.multiply(x.imag, ratio)),
        a.subtract(x.imag, a.multiply(x.real, ratio)),
    )
    across = a.add(a.multiply(x.real, ratio), x.imag), a.subtract(a.multiply(x.imag, ratio), x.real)
    parts = [
        a.divide(a.real(np.where, turned, two, one), whole)
        for one, two in zip(straight, across, strict=True)
    ]
    return Complex(*parts)


def _swapped(a: Algebra, condition: Value, x: Value, y: Value) -> tuple[Value, Value]:
    """`y, x` where the condition holds, else `x, y`."""
    return a.real(np.where, condition, y, x), a.real(np.where, condition, x, y)


def negative(a: Algebra, x: Value) -> Value:
    """`-x`."""
    assert isinstance(x, Complex)
    return Complex(a.negative(x.real), a.negative(x.imag))


def positive(a: Algebra, x: Value) -> Value:
    """`+x`, a copy."""
    assert isinstance(x, Complex)
    return Complex(a.operate(_OPERATOR.pos, x.real), a.operate(_OPERATOR.pos, x.imag))


def equal(a: Algebra, x: Value, y: Value) -> Value:
    """`x == y`: both parts."""
    return a.operate(_OPERATOR.and_, *_compared(a, _OPERATOR.eq, x, y))


def not_equal(a: Algebra, x: Value, y: Value) -> Value:
    """`x != y`: either part."""
    return a.operate(_OPERATOR.or_, *_compared(a, _OPERATOR.ne, x, y))


def _compared(a: Algebra, function: Operator, x: Value, y: Value) -> list[Value]:
    one, other = a.of(x), a.of(y)
    return [a.operate(function, p, q) for p, q in zip(one, other, strict=True)]


def square(a: Algebra, x: Complex) -> Complex:
    """`x x`; the real part as a product, which loses nothing where the parts are close."""
    real = a.multiply(a.subtract(x.real, x.imag), a.add(x.real, x.imag))
    cross = a.multiply(x.real, x.imag)
    return Complex(real, a.add(cross, cross))


LARGEST_PRODUCT = 64


def power(a: Algebra, x: Value, y: Value) -> Value:
    """`x ** y`: products for small whole exponents that are known, else `exp(y log x)`."""
    if (
        is_number(y)
        and float(cast("Any", y)).is_integer()
        and abs(cast("Any", y)) <= LARGEST_PRODUCT
    ):
        found = _whole_power(a, a.of(x), abs(int(cast("Any", y))))
        return found if cast("Any", y) >= 0 else divide(a, 1.0, found)
    base, exponent = a.of(x), a.of(y)
    logarithm = log(a, base)
    return exp(a, cast("Complex", multiply(a, exponent, logarithm)))


def _whole_power(a: Algebra, x: Complex, exponent: int) -> Complex:
    result: Complex | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else cast("Complex", multiply(a, result, x))
        exponent >>= 1
        if exponent:
            x = square(a, x)
    if result is None:
        return Complex(a.real(np.ones_like, x.real), a.real(np.zeros_like, x.imag))
    return result


def absolute(a: Algebra, x: Complex) -> Value:
    """`|x|`; its derivative at 0 is 0, a local minimum."""
    return a.real(np.hypot, x.real, x.imag)


def angle(a: Algebra, x: Complex) -> Value:
    """The argument of `x`, in radians."""
    return a.real(np.arctan2, x.imag, x.real)


def exp(a: Algebra, x: Complex) -> Complex:
    """`e ** x`."""
    scale = a.real(np.exp, x.real)
    return Complex(
        a.multiply(scale, a.real(np.cos, x.imag)), a.multiply(scale, a.real(np.sin, x.imag))
    )


def log(a: Algebra, x: Complex) -> Complex:
    """The principal logarithm."""
    return Complex(a.real(np.log, absolute(a, x)), angle(a, x))


def sqrt(a: Algebra, x: Complex) -> Complex:
    """The principal square root.

    With `t = sqrt((|x| + |a|) / 2)` the parts are `t` and `b / (2 t)`, exchanged where `a < 0`, so
    that nothing cancels.
    """
    real, imag = x
    size = a.add(absolute(a, x), a.real(np.abs, real))
    none = a.operate(_OPERATOR.eq, size, 0.0)
    t = a.real(np.sqrt, a.multiply(a.real(np.where, none, 1.0, size), 0.5))
    t = a.real(np.where, none, 0.0, t)
    other = a.divide(a.real(np.abs, imag), a.multiply(a.real(np.where, none, 1.0, t), 2.0))
    left = a.operate(_OPERATOR.lt, real, 0.0)
    one, two = _swapped(a, left, t, other)
    return Complex(one, a.real(np.copysign, two, imag))


def sin(a: Algebra, x: Complex) -> Complex:
    """`sin x`."""
    return Complex(
        a.multiply(a.real(np.sin, x.real), a.real(np.cosh, x.imag)),
        a.multiply(a.real(np.cos, x.real), a.real(np.sinh, x.imag)),
    )


def cos(a: Algebra, x: Complex) -> Complex:
    """`cos x`."""
    return Complex(
        a.multiply(a.real(np.cos, x.real), a.real(np.cosh, x.imag)),
        a.negative(a.multiply(a.real(np.sin, x.real), a.real(np.sinh, x.imag))),
    )


def sinh(a: Algebra, x: Complex) -> Complex:
    """`sinh x`."""
    return Complex(
        a.multiply(a.real(np.sinh, x.real), a.real(np.cos, x.imag)),
        a.multiply(a.real(np.cosh, x.real), a.real(np.sin, x.imag)),
    )


def cosh(a: Algebra, x: Complex) -> Complex:
    """`cosh x`."""
    return Complex(
        a.multiply(a.real(np.cosh, x.real), a.real(np.cos, x.imag)),
        a.multiply(a.real(np.sinh, x.real), a.real(np.sin, x.imag)),
    )


def tanh(a: Algebra, x: Complex) -> Complex:
    """`tanh x`, by Kahan (1987), from `t = tan b` and `s = sinh a`; beyond 150 it is 1 anyway."""
    t = a.real(np.tan, x.imag)
    s = a.real(np.sinh, a.real(np.clip, x.real, -150.0, 150.0))
    beta = a.add(1.0, a.multiply(t, t))
    below = a.add(1.0, a.multiply(beta, a.multiply(s, s)))
    rho = a.real(np.sqrt, a.add(1.0, a.multiply(s, s)))
    return Complex(a.divide(a.multiply(a.multiply(beta, rho), s), below), a.divide(t, below))


def tan(a: Algebra, x: Complex) -> Complex:
    """`tan x = -i tanh(i x)`."""
    turned = tanh(a, Complex(a.negative(x.imag), x.real))
    return Complex(turned.imag, a.negative(turned.real))


def conjugate(a: Algebra, x: Complex) -> Complex:
    """The complex conjugate."""
    return Complex(x.real, a.negative(x.imag))


OPERATORS: dict[Operator, Callable[..., Value]] = {
    _OPERATOR.add: add,
    _OPERATOR.sub: subtract,
    _OPERATOR.mul: multiply,
    _OPERATOR.truediv: divide,
    _OPERATOR.neg: negative,
    _OPERATOR.pos: positive,
    _OPERATOR.pow: power,
    _OPERATOR.eq: equal,
    _OPERATOR.ne: not_equal,
}
