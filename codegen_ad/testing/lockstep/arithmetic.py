"""`math` as a device computes it: in the type of the arguments, and without Python's exceptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

# By NumPy, which keeps float32 and gives inf and nan where Python raises.
SAME_IN_NUMPY = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "exp2", "sin", "cos", "tan",
    "sinh", "cosh", "tanh", "fabs", "trunc", "floor", "ceil", "copysign", "hypot", "nextafter",
    "isnan", "isinf", "isfinite", "fmod",
)  # fmt: skip
OTHER_NAMES = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power,
}  # fmt: skip
WHOLE = ("floor", "ceil", "trunc")


def device_math() -> ModuleType:
    """A module that stands for `math` in a kernel."""
    module = ModuleType("math")
    for name, value in vars(math).items():
        if not name.startswith("_"):
            setattr(module, name, _typed(value) if callable(value) else value)
    for name in SAME_IN_NUMPY:
        found = _typed(getattr(np, name))
        setattr(module, name, _whole(found) if name in WHOLE else found)
    for name, function in OTHER_NAMES.items():
        setattr(module, name, _typed(function))
    return module


def fused_multiply_add(a: Any, b: Any, c: Any) -> Any:
    """`a * b + c`, rounded once for float32, and in the longest type there is for float64."""
    kind = np.result_type(a, b, c)
    wide = np.float64 if kind == np.float32 else np.longdouble
    return kind.type(wide(a) * wide(b) + wide(c))


def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its result in float32 if every argument is that, and float64 otherwise."""

    def call(*args: Any) -> Any:
        single = all(type(a) is np.float32 for a in args)
        kind: Any = np.float32 if single else np.float64
        try:
            result = function(*(kind(a) for a in args))
        except (ValueError, OverflowError, ZeroDivisionError):
            return kind(np.nan)
        return result if np.asarray(result).dtype.kind in "bi" else kind(result)

    return call


def _whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """`floor`, `ceil` and `trunc` give whole numbers, as numba types them."""

    def call(x: Any) -> int:
        return int(function(x))

    return call
