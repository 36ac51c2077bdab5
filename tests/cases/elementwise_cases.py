"""Elementwise functions, made from the table of operations: each on every class of shapes."""

from __future__ import annotations

import numpy as np

from codegen_ad.ops import ELEMENTWISE
from codegen_ad.ops.entry import Elementwise
from tests.cases.engine import Case, cases_of

# One array of each class: a number, a vector, a matrix, a size of 1, nothing, f4, i8.
CLASSES = ("s", "v", "A", "one", "z", "f", "i")
PAIRS = (
    ("v", "w"),
    ("A", "R"),
    ("A", "K"),
    ("K", "R"),
    ("s", "A"),
    ("A", "2.0"),
    ("f", "f"),
    ("z", "z"),
)

DOMAIN = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt"), "np.abs({}) + 0.3"),
    "log1p": "np.abs({}) - 0.5",
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), "0.9 * np.tanh({})"),
    "arccosh": "1.2 + np.abs({})",
    **dict.fromkeys(("cbrt", "power"), "np.abs({}) + 0.3"),
}
UNTESTED = {  # operators, below
    "negative", "add", "subtract", "multiply", "divide",
    "bitwise_and", "bitwise_or", "bitwise_xor",
}  # fmt: skip

OPERATORS = """
+: v + w
": A + R
": i + 2
": z + 1.0
-: A - K
": -v
": 3 - s
": np.negative(A) * +w[:4]
*: K * R
": A * s
": i * v
/: v / (w + 5.0)
": 2 / (A * A + 1)
": i / 4
//: (v * 5) // 0.7
": i // 3
%: (v * 5) % 0.7
": i % 3
**: v ** 2
": v ** 3
": (np.abs(A) + 0.1) ** 0.5
": 2.0 ** A
": (np.abs(v) + 0.1) ** w
": i ** 2
@: A @ B
": v @ w
": A @ B @ v
": T @ B
": Z @ B
abs: abs(A)
==, <, …: v > w
": v >= w
": A[0, 0] != A
": A <= R
": i == 4
&, |, ^, ~: (v > 0) & ~m
": np.bitwise_and(m, v > 0) | np.bitwise_or(m, v > 1) ^ np.bitwise_xor(m, np.invert(m))
": (v > 0) ^ m
": i & 5
": i | ~i
": (i - 3) ^ i
np.left_shift, np.right_shift: np.left_shift(i, 2) + np.right_shift(i - 9, 1)
"""

EXTRAS = """
np.clip: np.clip(v, -0.5, 0.5)
": np.clip(A, R, 2.0)
": np.clip(v, None, w)
": v.clip(min=-0.2)
": np.clip(i, 0, 3)
np.where: np.where(v > 0, v * v, w)
": np.where(M, A, R)
": np.where(m, np.log(p), 0.0)
": np.where(v > 0.1, np.sqrt(v), 0.0)
np.select: np.select([v < 0, v > 0.5], [v, v * v], 9.0)
": np.select([A > 0, A < -1], [A, R], default=K)
np.piecewise: np.piecewise(v, [v < 0, v > 0.5], [lambda x: x * x, 3.0])
": np.piecewise(v, v > 0, [lambda x: x**2, lambda x: -x])
": np.piecewise(v, [v < 0], [lambda x, a: a * x, lambda x, a: x - a], 3.0)
np.heaviside: np.heaviside(v, w)
": np.heaviside(odd, 0.5)
np.nan_to_num: np.nan_to_num(A)
": np.nan_to_num(odd, nan=-1.0, posinf=5.0, neginf=-5.0)
": np.nan_to_num(odd, nan=s, posinf=2 * s, neginf=1.0)
": a = np.log(A)\\nb = np.nan_to_num(a.T, copy=False, nan=s)\\nreturn a * b.T
": a = np.array(s / 0)\\nnp.nan_to_num(a, copy=False, posinf=s)\\nreturn a * s
np.sinc: np.sinc(v)
": np.sinc(v * 0.01)
": np.sinc(odd)
": np.sinc(i)
np.reciprocal: np.reciprocal(p)
np.fabs: np.fabs(A)
np.positive: np.positive(v)
np.float_power: np.float_power(p, 2.5)
": np.float_power(p, w)
np.logaddexp2: np.logaddexp2(v, w)
np.radians: np.radians(A)
np.degrees: np.degrees(v)
np.deg2rad: np.deg2rad(v)
np.rad2deg: np.rad2deg(v)
np.round: np.round(v, 2)
": v.round(1)
": round(s, 1) * s
np.around: np.around(A, 1)
np.fix: np.fix(v * 3)
np.signbit: np.signbit(odd)
np.copysign: np.copysign(v, w)
np.fmod: np.fmod(v * 5, p)
": np.fmod(i, 3)
math functions: math.sqrt(s) * f
": math.exp(-s) * v
": math.atan2(s, 2.0) * math.pi
": math.exp2(s) + math.expm1(s) + math.log2(s) + math.log10(s) + math.log1p(s)
": math.log(s) + math.log(s, 3) + math.pow(s, 2.5) + math.cbrt(s)
": math.sin(s) + math.cos(s) * math.tan(s)
": math.asin(s / 2) + math.acos(s / 2) + math.atan(s)
": math.sinh(s) + math.cosh(s) * math.tanh(s)
": math.asinh(s) + math.acosh(s) + math.atanh(s / 2)
": math.hypot(s, 2.0) + math.hypot(s, 1.0, s) + math.dist(v, w)
": math.fabs(-s) + math.copysign(s, -2.0) + math.fmod(5 * s, 0.7)
": math.floor(s) * s + math.ceil(s) + math.trunc(-s)
": math.degrees(s) + math.radians(s)
": math.fsum(v) + math.prod(v)
": math.isclose(s, 1.7)
": math.isnan(s) + math.isinf(s) + math.isfinite(s)
np.fmax: np.fmax(v, w)
": np.fmax(odd, 0.5)
np.fmin: np.fmin(A, R)
np.divmod: np.divmod(v * 5, p)
np.modf: np.modf(v * 3)
": np.modf(odd)
np.ldexp: np.ldexp(v, 3)
": np.ldexp(v, i)
": np.ldexp(1e-300, i + 1030)
": np.ldexp(1.7e300, -2040 - i)
np.unwrap: np.unwrap(v * 9)
": np.unwrap(A * 9, axis=0)
": np.unwrap(v * 300, period=360)
": np.unwrap(v * 9, discont=4.0)
np.isclose: np.isclose(v, v + 1e-9)
": np.isclose(odd, odd, equal_nan=True)
np.allclose: np.allclose(v, w)
np.array_equal: np.array_equal(v, w)
": np.array_equal(odd, odd, equal_nan=True)
np.array_equiv: np.array_equiv(A, A)
np.logical_xor: np.logical_xor(m, v > 0)
np.isin: np.isin(i, [4, 0])
": np.isin(i, places, invert=True)
np.isneginf: np.isneginf(odd)
np.isposinf: np.isposinf(odd)
np.isreal: np.isreal(v)
np.iscomplex: np.iscomplex(v)
np.real: np.real(v)
np.conj: np.conj(v)
ufunc(..., where=, out=): np.add(v, w, where=m, out=np.zeros(5))
": np.log(v, where=v > 0.1, out=np.zeros_like(v))
ufunc(..., dtype=): np.exp(f, dtype=np.float64)
ufunc.reduce: np.add.reduce(A, axis=1)
": np.maximum.reduce(A)
": np.multiply.reduce(A, keepdims=True)
": np.logaddexp.reduce(A, axis=1)
": np.subtract.reduce(A, axis=1, keepdims=True)
": np.hypot.reduce(v)
": np.divide.reduce(p)
ufunc.reduceat: np.add.reduceat(v, [0, 3, 3, 1])
": np.add.reduceat(A, places[1:], axis=-1)
": np.multiply.reduceat(A, [2, 0])
": np.maximum.reduceat(T, np.array([1, 0]), axis=1)
": np.minimum.reduceat(i, [0, 2])
": np.add.reduceat(m, [0, 3])
ufunc.accumulate: np.add.accumulate(A)
": np.multiply.accumulate(v)
": np.maximum.accumulate(v)
": np.minimum.accumulate(T, axis=1)
": np.logaddexp.accumulate(v)
": np.subtract.accumulate(A, axis=1)
": np.power.accumulate(p)
": np.maximum.accumulate(i)
": np.maximum.accumulate(odd)
": np.maximum.accumulate(z)
ufunc.outer: np.subtract.outer(v, w)
": np.multiply.outer(A, w)
ufunc.at: a = v.copy()\\nnp.add.at(a, places, w[:4])\\nreturn a
": a = v.copy()\\nnp.multiply.at(a, places, w[:4])\\nreturn a
": a = A.copy()\\nnp.maximum.at(a, [2, 0, 2], A[:3] * 1.3)\\nreturn a
": a = i.copy()\\nnp.maximum.at(a, [2, 0, 2], 3)\\nreturn a
np.vectorize: np.vectorize(lambda a, b: a * b if a > 0 else b)(v, w)
": np.vectorize(lambda a: a if a > 0 else 0.0, otypes=[float])(A)
"""


def _name(entry: Elementwise) -> str | None:
    function = next((f for f in entry.functions if isinstance(f, np.ufunc)), None)
    return None if function is None else function.__name__


def _from_the_table() -> tuple[Case, ...]:
    cases: list[Case] = []
    for entry in ELEMENTWISE.values():
        name = _name(entry)
        if name is None or entry.op.name in UNTESTED or entry.op.name == "where":
            continue
        domain = DOMAIN.get(name, "{}")
        family = "Elementwise functions"
        if len(entry.arguments) == 1:
            for array in CLASSES:
                if array == "i" and name in ("logical_not",):
                    continue
                cases.append(Case(family, f"np.{name}", f"np.{name}({domain.format(array)})"))
            continue
        for x, y in PAIRS if entry.differentiable else PAIRS[:2]:
            text = f"np.{name}({domain.format(x)}, {y})"
            cases.append(Case(family, f"np.{name}", text))
    return tuple(cases)


CASES = (
    *cases_of("Operators", OPERATORS),
    *_from_the_table(),
    *cases_of("Elementwise functions", EXTRAS.replace("\\\\n", "\\n")),
)

NOTES = {
    f"np.{_name(entry)}": entry.policy
    for entry in ELEMENTWISE.values()
    if entry.policy and _name(entry)
}
