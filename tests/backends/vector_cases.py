"""How vectorised functions are compiled and compared with multiple precision in tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
from numba import njit

from codegen_ad.backends.brought import helpers
from codegen_ad.emit.spell import VECTORISED

Array = np.ndarray
rng = np.random.default_rng(7)

EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1.0, -1.0, -1.0000000000000002, -2.0, 3.0]
EDGES += [0.5, -0.5, 5e-324, -5e-324, 2.2250738585072014e-308, 1e300, -1e300]
EDGES += [709.782712893384, 709.79, -708.4, -740.0, -745.13321910194, -745.2, 1023.9, -1074.5]


def scattered(low: float, high: float, count: int = 1500) -> Array:
    """Numbers of either sign with magnitudes from 10**low to 10**high."""
    return 10.0 ** rng.uniform(low, high, count) * rng.choice([-1.0, 1.0], count)


def scope_of(text: str) -> dict[str, Any]:
    """What a file has that calls the functions in a text, compiled as there."""
    scope: dict[str, Any] = {"np": np}
    for helper in helpers(text):
        exec(helper.text, scope)
        if helper.options:
            name = helper.text.split("(")[0].removeprefix("def ")
            options = eval(f"dict({helper.options})")
            scope[name] = njit(error_model="numpy", **options)(scope[name])
    return scope


@cache
def compiled(op: str) -> Callable[..., Array]:
    """Give an operation over arrays, made of the text that generated files bring along."""
    text = VECTORISED[op]
    arguments = "x, y" if "y" in text.replace("numpy", "") else "x"
    scope = scope_of(text)
    exec(f"def scalar({arguments}):\n    return {text}", scope)
    scalar = njit(error_model="numpy", forceinline=True)(scope["scalar"])

    @njit(error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
    def over_one(x):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            out[i] = scalar(x[i])
        return out

    @njit(error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
    def over_two(x, y):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            out[i] = scalar(x[i], y[i])
        return out

    return over_one if arguments == "x" else over_two


def largest_error(
    op: str, exact: Callable[..., Any], *points: Array, precision: int = 160
) -> tuple[float, tuple[float, ...]]:
    """The largest error in units of the last place, and the point where it was found."""
    found = compiled(op)(*points)
    errors: list[float] = []
    with mpmath.workprec(precision):
        for value, *point in zip(found, *points, strict=True):
            true = exact(*(mpmath.mpf(float(p)) for p in point))
            if not np.isfinite(value):
                errors.append(0.0 if abs(true) > np.finfo(float).max else np.inf)
            else:
                unit = float(np.spacing(abs(value)))
                errors.append(float(abs(mpmath.mpf(float(value)) - true) / unit))
    worst = int(np.argmax(errors))
    return errors[worst], tuple(float(p[worst]) for p in points)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """Numbers agree up to rounding, zeros and infinities in sign, nan in place."""
    np.testing.assert_allclose(found, expected, rtol=7e-16, atol=5e-324)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])
