"""Slopes of plain functions: differences that notice kinks, and complex steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

STEP = 1e-6
TINY = 1e-30


def slopes(
    function: Callable[..., Any], args: tuple[Any, ...], place: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Central differences in one argument, and where they are slopes.

    They are none where two steps disagree, which shows a jump, or two sides, which shows a kink.
    """
    base = np.asarray(args[place], dtype="f8")
    slope, smooth = np.zeros(base.shape), np.zeros(base.shape, dtype=bool)
    middle = function(*args)

    def at(index: tuple[int, ...], step: float) -> Any:
        moved = base.copy(order="K")
        moved[index] += step
        new = moved if base.shape else np.float64(moved)
        try:
            return function(*args[:place], new, *args[place + 1 :])
        except Exception:  # other data would take a way that fails
            return np.nan

    for index in np.ndindex(*base.shape):
        high, low = at(index, STEP), at(index, -STEP)
        one = (high - low) / (2 * STEP)
        two = (at(index, STEP / 8) - at(index, -STEP / 8)) / (STEP / 4)
        slope[index] = one
        size = 1 + abs(one)
        sides = abs(high - 2 * middle + low) / STEP
        smooth[index] = abs(one - two) <= 1e-4 * size and sides <= 1e-3 * size
    return slope, smooth


def complex_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient of an analytic function in its first argument."""

    def gradient(x: Any, *rest: Any) -> Any:
        if not np.ndim(x):
            return _typed(function(x + 1j * TINY, *rest).imag / TINY, x)
        steps = 1j * TINY * np.eye(len(x))
        return _typed(np.array([function(x + step, *rest).imag / TINY for step in steps]), x)

    return gradient


def complex_jacobian(function: Callable[..., Any]) -> Callable[..., Any]:
    """The Jacobian of an analytic function of a vector."""

    def jacobian(x: Any, *rest: Any) -> Any:
        steps = 1j * TINY * np.eye(len(x))
        columns = [function(x + step, *rest).imag / TINY for step in steps]
        return _typed(np.stack(columns, axis=1), x)

    return jacobian


def _typed(derivative: Any, x: Any) -> Any:
    """A derivative in the precision of what it is in, as the steps are double."""
    return np.asarray(derivative, dtype=np.result_type(x))[()]
