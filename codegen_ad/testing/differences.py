"""Derivatives of a plain function of one number, and how far off they may be."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

FIRST_STEP, FACTOR, STEPS = 0.02, 4.0, 7  # of the differences, relative to the argument
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
    found = _richardson(lambda t: _quiet(along, t)[0], size)
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


def _richardson(along: Callable[[float], float], size: float) -> Estimate:
    """Central differences, extrapolated to no step by Neville's scheme; Ridders' error estimate.

    The error of a central difference is a series in h². From steps h and h/c, the combination
    (c² D(h/c) - D(h)) / (c² - 1) has no term in h², and so on. The best entry is the one that its
    two parents differ from least, rounding included.
    """
    eps = float(np.finfo(np.float64).eps)
    best = Estimate("differences", np.nan, np.inf, size)
    above: list[float] = []
    with np.errstate(all="ignore"):
        for n in range(STEPS):
            h = FIRST_STEP / FACTOR**n
            row = [float(np.divide(along(h) - along(-h), 2 * h))]
            for m, parent in enumerate(above):
                power = FACTOR ** (2 * (m + 1))
                row.append((power * row[m] - parent) / (power - 1))
                spread = max(abs(row[m + 1] - row[m]), abs(row[m + 1] - parent))
                error = spread + eps * size / h
                if error < best.error:
                    best = Estimate("differences", row[m + 1], error, size)
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
