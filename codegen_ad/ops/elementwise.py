"""The elementwise operations: one entry is the whole story of one operation.

The derivative of an entry comes from its formula through SymPy, unless `partials` are given,
because SymPy's form would lose digits, overflow, or miss the policy at a kink: 0 at a local
extremum, the finite side where the other is not finite, otherwise the mean.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from codegen_ad.ops.entry import bits, comparison, elementwise, logical, same, selection

_OPERATOR: Any = operator  # its stubs leave types open
_NUMPY: Any = np


def _vectorized(function: Callable[..., float]) -> Callable[..., Any]:
    return np.vectorize(function, otypes=[float])


def _expit(x: Any) -> Any:
    return np.where(x >= 0, 1, np.exp(np.minimum(x, 0))) / (1 + np.exp(-np.abs(x)))


def _logit(x: Any) -> Any:
    near_zero = _NUMPY.log(x) - _NUMPY.log1p(-x)
    return _NUMPY.where(x < 0.3, near_zero, _NUMPY.log1p((2 * x - 1) / (1 - x)))


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, np.zeros_like(x))


ARITHMETIC = (
    elementwise("add", "xy", "x + y", same, also=(_OPERATOR.add,), formula="x + y"),
    elementwise("subtract", "xy", "x - y", same, also=(_OPERATOR.sub,), formula="x - y"),
    elementwise("multiply", "xy", "x * y", same, also=(_OPERATOR.mul,), formula="x * y"),
    elementwise(
        "divide",
        "xy",
        "x / y",
        also=(_OPERATOR.truediv,),
        partials=("1 / y", "-(1 / y * out)"),
        at=((1.0, 2.0), (3.0, -0.5)),
    ),
    elementwise("negative", "x", "-x", same, also=(_OPERATOR.neg,), formula="-x"),
    elementwise(
        "power",
        "xy",
        "x ** y",
        also=(_OPERATOR.pow, math.pow),
        partials=(
            "where(equal(y, 0), 0, y * power(x, where(equal(y, 0), 1, y - 1)))",
            "where(greater(x, 0), out * log(where(greater(x, 0), x, 1)), 0)",
        ),
        at=((0.0, 2.0), (3.0, 0.0), (2.0, -1.5), (0.0, 1.0), (-2.0, 3.0)),
        policy="in y: 0 where x <= 0, the finite side of 0 ** y",
    ),
    elementwise("square", "x", "x * x", same, formula="x**2"),
    elementwise(
        "sqrt",
        "x",
        "math.sqrt(x)",
        also=(math.sqrt,),
        partials=("0.5 / out",),
        at=((0.25,), (4.0,)),
    ),
    elementwise(
        "cbrt",
        "x",
        "np.cbrt(x)",
        also=(math.cbrt,),
        partials=("1 / (3 * out * out)",),
        at=((-8.0,), (0.5,)),
    ),
    elementwise(
        "absolute",
        "x",
        "abs(x)",
        same,
        also=(abs, np.fabs, math.fabs),
        partials=("sign(x)",),
        at=((-2.0,), (0.0,), (2.0,)),
        policy="0 at 0: a local minimum",
    ),
    elementwise(
        "maximum",
        "xy",
        "x if x >= y or x != x else y",
        same,
        partials=(
            "where(greater(x, y), 1, where(equal(x, y), 0.5, 0))",
            "where(greater(y, x), 1, where(equal(x, y), 0.5, 0))",
        ),
        at=((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)),
        policy="ties share equally",
    ),
    elementwise(
        "minimum",
        "xy",
        "x if x <= y or x != x else y",
        same,
        partials=(
            "where(less(x, y), 1, where(equal(x, y), 0.5, 0))",
            "where(less(y, x), 1, where(equal(x, y), 0.5, 0))",
        ),
        at=((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)),
        policy="ties share equally",
    ),
    elementwise(
        "hypot",
        "xy",
        "math.hypot(x, y)",
        also=(math.hypot,),
        partials=(
            "where(equal(out, 0), 0, x / where(equal(out, 0), 1, out))",
            "where(equal(out, 0), 0, y / where(equal(out, 0), 1, out))",
        ),
        at=((3.0, 4.0), (0.0, 0.0)),
        policy="0 at the origin: a local minimum",
    ),
)

EXPONENTIAL = (
    elementwise(
        "exp",
        "x",
        "math.exp(x)",
        also=(math.exp,),
        formula="exp(x)",
        reuse_output=True,
        at=((-700.0,), (0.0,), (2.0,)),
    ),
    elementwise(
        "exp2",
        "x",
        "np.exp2(x)",
        also=(math.exp2,),
        formula="2**x",
        reuse_output=True,
        at=((-3.0,), (0.5,)),
    ),
    elementwise(
        "expm1",
        "x",
        "math.expm1(x)",
        also=(math.expm1,),
        partials=("out + 1",),
        at=((1e-9,), (1.0,)),
    ),
    elementwise("log", "x", "math.log(x)", also=(math.log,), formula="log(x)", at=((0.5,), (3.0,))),
    elementwise(
        "log2",
        "x",
        "math.log2(x)",
        also=(math.log2,),
        formula="log(x) / log(2)",
        at=((0.5,), (3.0,)),
    ),
    elementwise(
        "log10",
        "x",
        "math.log10(x)",
        also=(math.log10,),
        formula="log(x) / log(10)",
        at=((0.5,), (3.0,)),
    ),
    elementwise(
        "log1p",
        "x",
        "math.log1p(x)",
        also=(math.log1p,),
        formula="log(1 + x)",
        at=((-0.5,), (0.0,), (3.0,)),
    ),
    elementwise(
        "logaddexp",
        "xy",
        # Equal ones, which may be infinite, have no difference to take.
        "x + 0.6931471805599453 if x == y"
        " else (x if x >= y else y) + math.log1p(math.exp(-abs(x - y)))",
        partials=(
            "expit(where(equal(out, -inf), -inf, x - y))",
            "expit(where(equal(out, -inf), -inf, y - x))",
        ),
        at=((1.0, 2.0), (800.0, -800.0), (0.0, 0.0)),
        policy="0 where both are -inf: the logarithm of none is that of none nearby",
    ),
    elementwise(
        "expit",
        "x",
        "1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))",
        numpy=_expit,
        partials=("out * (1 - out)",),
        at=((-800.0,), (0.0,), (3.0,), (800.0,)),
    ),
    elementwise(
        "logit",
        "x",
        "math.log(x) - math.log1p(-x) if x < 0.3 else math.log1p((2.0 * x - 1.0) / (1.0 - x))",
        numpy=_logit,
        partials=("1 / (x * (1 - x))",),
        at=((0.05,), (0.3,), (0.5,), (0.9,)),
    ),
    elementwise(
        "softplus",
        "x",
        "(x if x >= 0.0 else 0.0) + math.log1p(math.exp(-abs(x)))",
        numpy=_softplus,
        partials=("expit(x)",),
        at=((-800.0,), (0.0,), (3.0,), (800.0,)),
    ),
)

TRIGONOMETRIC = (
    elementwise("sin", "x", "math.sin(x)", also=(math.sin,), formula="sin(x)", at=((0.0,), (2.0,))),
    elementwise("cos", "x", "math.cos(x)", also=(math.cos,), formula="cos(x)", at=((0.0,), (2.0,))),
    elementwise(
        "tan",
        "x",
        "math.tan(x)",
        also=(math.tan,),
        formula="tan(x)",
        reuse_output=True,
        at=((0.0,), (1.0,)),
    ),
    elementwise(
        "arcsin",
        "x",
        "math.asin(x)",
        also=(math.asin,),
        partials=("1 / sqrt((1 - x) * (1 + x))",),
        at=((0.5,), (0.99999999,)),
    ),
    elementwise(
        "arccos",
        "x",
        "math.acos(x)",
        also=(math.acos,),
        partials=("-1 / sqrt((1 - x) * (1 + x))",),
        at=((0.5,), (0.99999999,)),
    ),
    elementwise("arctan", "x", "math.atan(x)", also=(math.atan,), formula="atan(x)", at=((0.5,),)),
    elementwise(
        "arctan2",
        "xy",
        "math.atan2(x, y)",
        also=(math.atan2,),
        partials=(
            "where(equal(x, 0) and equal(y, 0), 0, y / (x * x + y * y))",
            "where(equal(x, 0) and equal(y, 0), 0, -x / (x * x + y * y))",
        ),
        at=((1.0, 2.0), (-1.0, -2.0)),
        policy="0 at the origin: constant on both sides along either axis",
    ),
    elementwise("sinh", "x", "math.sinh(x)", also=(math.sinh,), formula="sinh(x)", at=((0.5,),)),
    elementwise("cosh", "x", "math.cosh(x)", also=(math.cosh,), formula="cosh(x)", at=((0.5,),)),
    elementwise(
        "tanh",
        "x",
        "math.tanh(x)",
        also=(math.tanh,),
        formula="tanh(x)",
        reuse_output=True,
        at=((-30.0,), (0.0,), (0.5,)),
    ),
    elementwise(
        "arcsinh", "x", "math.asinh(x)", also=(math.asinh,), formula="asinh(x)", at=((0.5,),)
    ),
    elementwise(
        "arccosh",
        "x",
        "math.acosh(x)",
        also=(math.acosh,),
        partials=("1 / (sqrt(x - 1) * sqrt(x + 1))",),
        at=((1.5,),),
    ),
    elementwise(
        "arctanh",
        "x",
        "math.atanh(x)",
        also=(math.atanh,),
        partials=("1 / ((1 - x) * (1 + x))",),
        at=((0.5,), (0.99999999,)),
    ),
)

SPECIAL = (
    elementwise(
        "erf",
        "x",
        "math.erf(x)",
        numpy=_vectorized(math.erf),
        also=(math.erf,),
        formula="erf(x)",
        at=((-1.0,), (0.0,), (2.0,)),
    ),
    elementwise(
        "erfc",
        "x",
        "math.erfc(x)",
        numpy=_vectorized(math.erfc),
        also=(math.erfc,),
        formula="erfc(x)",
        at=((-1.0,), (0.0,), (2.0,)),
    ),
)

PIECEWISE_CONSTANT = (
    elementwise("sign", "x", "np.sign(x)", same, partials=("0",)),
    elementwise("floor", "x", "np.floor(x)", also=(math.floor,), partials=("0",)),
    elementwise("ceil", "x", "np.ceil(x)", also=(math.ceil,), partials=("0",)),
    elementwise("trunc", "x", "np.trunc(x)", also=(math.trunc,), partials=("0",)),
    elementwise("rint", "x", "np.rint(x)", partials=("0",)),
    elementwise(
        "floor_divide",
        "xy",
        "x // y",
        same,
        also=(_OPERATOR.floordiv,),
        partials=("0", "0"),
    ),
    elementwise(
        "remainder",
        "xy",
        "x % y",
        same,
        also=(_OPERATOR.mod, np.mod),
        partials=("1", "-floor_divide(x, y)"),
        at=((5.5, 2.0), (-5.5, 2.0)),
    ),
)

COMPARISON = (
    elementwise("less", "xy", "x < y", comparison, also=(_OPERATOR.lt,)),
    elementwise("less_equal", "xy", "x <= y", comparison, also=(_OPERATOR.le,)),
    elementwise("greater", "xy", "x > y", comparison, also=(_OPERATOR.gt,)),
    elementwise("greater_equal", "xy", "x >= y", comparison, also=(_OPERATOR.ge,)),
    elementwise("equal", "xy", "x == y", comparison, also=(_OPERATOR.eq,)),
    elementwise("not_equal", "xy", "x != y", comparison, also=(_OPERATOR.ne,)),
    elementwise("isnan", "x", "x != x", lambda t: comparison(t), also=(math.isnan,)),
    elementwise(
        "isfinite", "x", "abs(x) < math.inf", lambda t: comparison(t), also=(math.isfinite,)
    ),
    elementwise("isinf", "x", "abs(x) == math.inf", lambda t: comparison(t), also=(math.isinf,)),
    elementwise("logical_and", "xy", "x and y", logical),
    elementwise("logical_or", "xy", "x or y", logical),
    elementwise("logical_not", "x", "not x", logical),
    elementwise("bitwise_and", "xy", "x & y", bits),
    elementwise("bitwise_or", "xy", "x | y", bits),
    elementwise("bitwise_xor", "xy", "x ^ y", bits),
)

SELECTION = (
    elementwise(
        "where",
        "cxy",
        "x if c else y",
        selection,
        partials=("", "where(c, 1, 0)", "where(c, 0, 1)"),
    ),
)

TABLE = (
    *ARITHMETIC,
    *EXPONENTIAL,
    *TRIGONOMETRIC,
    *SPECIAL,
    *PIECEWISE_CONSTANT,
    *COMPARISON,
    *SELECTION,
)
