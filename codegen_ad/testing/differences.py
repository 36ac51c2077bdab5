"""Derivatives of a plain function of one number, and how far off they may be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

FACTOR = 4.0  # of one step of the differences to the next
LONG, SHORT = (0.02, 7), (1e-6, 5)  # the first step, relative to the argument, and how many
COMPLEX_STEP = 1e-20

Along = Callable[[complex], tuple[Any, float]]
"""A function's value, and the sum of the absolute values of the terms that it is the sum of."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A derivative of the plain function, how far off it may be, and the size of what it is of."""

    how: str
    value: float
    error: float
    size: float


def slope_at_zero(along: Along, rtol: float, eps: float) -> Estimate:
    """The derivative at 0 by complex step if that can be trusted, else by differences.

    A function that takes absolute values, signs or comparisons of a complex number may drop its
    imaginary part in silence: the two must agree.
    """
    value, size = _quiet(along, 0.0)
    rounding = 10 * eps * size
    found = _differences(lambda t: _quiet(along, t)[0], size)
    differences = replace(found, error=found.error + rounding)
    try:
        with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
            warnings.simplefilter("error")
            moved = complex(along(1j * COMPLEX_STEP)[0])
    except Exception:  # whatever the user's function raises on complex numbers
        return differences
    slope = moved.imag / COMPLEX_STEP
    tolerance = max(10 * differences.error, rtol * abs(differences.value))
    if abs(moved.real - value) <= 1e-12 * size and abs(slope - differences.value) <= tolerance:
        return Estimate("complex step", slope, rounding, size)
    return differences


def _differences(along: Callable[[float], float], size: float) -> Estimate:
    """Extrapolated differences of long steps, if those of short steps do not contradict them.

    Steps much longer than the function's structure miss it and agree with each other: beside a
    narrow peak everything is flat. Short steps lose digits, and see no change in single precision.
    """
    best, near = _extrapolated(along, size, *LONG), _extrapolated(along, size, *SHORT)
    apart = abs(near.value - best.value)
    if apart <= 10 * best.error + 0.05 * max(abs(near.value), abs(best.value)):
        return best
    if near.error <= 1e-3 * abs(near.value):
        return near
    return replace(best, error=max(apart, best.error) if np.isfinite(apart) else np.inf)


def _extrapolated(
    along: Callable[[float], float], size: float, first: float, count: int
) -> Estimate:
    """Central differences, extrapolated to no step by Neville's scheme; Ridders' error estimate.

    The error of a central difference is a series in h². From steps h and h/c, the combination
    (c² D(h/c) - D(h)) / (c² - 1) has no term in h², and so on. The best entry is the one that its
    two parents differ from least, rounding included. Rounding is eps times the function's size
    or, where it is more, what the shortest steps show.
    """
    steps = [first / FACTOR**n for n in range(count)]
    with np.errstate(all="ignore"):
        slopes = [float(np.divide(along(h) - along(-h), 2 * h)) for h in steps]
    rounding = float(np.finfo(np.float64).eps) * size
    value = _neville(steps, slopes, rounding)[0]
    seen = [h * abs(d - value) for h, d in zip(steps[-2:], slopes[-2:], strict=True)]
    value, error = _neville(steps, slopes, max(rounding, *seen))
    return Estimate("differences", value, error, size)


def _neville(
    steps: Sequence[float], slopes: Sequence[float], rounding: float
) -> tuple[float, float]:
    best = (float("nan"), float("inf"))
    above: list[float] = []
    for h, slope in zip(steps, slopes, strict=True):
        row = [slope]
        for m, parent in enumerate(above):
            power = FACTOR ** (2 * (m + 1))
            row.append((power * row[m] - parent) / (power - 1))
            error = max(abs(row[m + 1] - row[m]), abs(row[m + 1] - parent)) + rounding / h
            if error < best[1]:
                best = (row[m + 1], error)
        above = row
    return best


def _quiet(along: Callable[[complex], tuple[Any, float]], t: float) -> tuple[float, float]:
    """The plain function beside the point; nan where it is not defined."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value, size = along(t)
            return float(value), size
    except (ArithmeticError, ValueError):  # such as math.log of a negative number
        return float("nan"), float("nan")
