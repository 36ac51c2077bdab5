"""What is measured: losses with few and with many parameters, in single and double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workloads import curves

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """A function and its data.

    Attributes
    ----------
    name : what it is asked for by.
    function : as the user wrote it.
    data : makes the arguments from a number of points and a dtype.
    dtype : of the data.
    arrays : how many arrays of the data's length are read once in each call.
    parameters : how many numbers are differentiated.
    """

    name: str
    function: Callable[..., Any]
    data: Callable[[int, str], Arguments]
    dtype: str
    arrays: int
    parameters: int

    def bytes(self, points: int) -> int:
        """What must be read at least."""
        return self.arrays * points * np.dtype(self.dtype).itemsize


def cubic(w, x, y):
    """Mean squared error of a polynomial of four terms, by Horner's scheme."""
    a, b, c, d = w
    return np.mean((((a * x + b) * x + c) * x + d - y) ** 2)


def septic(w, x, y):
    """The same with eight terms."""
    a, b, c, d, e, f, g, h = w
    high = ((a * x + b) * x + c) * x + d
    return np.mean(((((high * x + e) * x + f) * x + g) * x + h - y) ** 2)


def polynomial_data(parameters: int) -> Callable[[int, str], Arguments]:
    def data(points: int, dtype: str) -> Arguments:
        random = np.random.default_rng(parameters)
        x = random.uniform(-1, 1, points).astype(dtype)
        y = np.sin(3 * x)
        return random.normal(size=parameters).astype(dtype), x, y

    return data


def peaks(heights, places, widths, x, y):
    """Mean squared error of a sum of Gaussian peaks."""
    model = (heights * np.exp(-(((x[:, None] - places) * widths) ** 2))).sum(axis=1)
    return np.mean((model - y) ** 2)


def peaks_data(count: int) -> Callable[[int, str], Arguments]:
    def data(points: int, dtype: str) -> Arguments:
        random = np.random.default_rng(count)
        x = random.uniform(-5, 5, points).astype(dtype)
        y = np.exp(-(x**2)) + random.normal(size=points).astype(dtype) * np.dtype(dtype).type(0.05)
        drawn = (random.uniform(a, b, count) for a, b in ((0.5, 2), (-4, 4), (0.5, 3)))
        return *(v.astype(dtype) for v in drawn), x, y

    return data


def _both(name: str, function: Any, data: Any, parameters: int) -> list[Case]:
    kinds = ("float32", "float64")
    return [Case(f"{name}_{d}", function, data, d, 2, parameters) for d in kinds]


CASES = (
    *_both("peak", curves.peak, curves.peak_data, 4),
    *_both("cubic", cubic, polynomial_data(4), 4),
    *_both("septic", septic, polynomial_data(8), 8),
    *_both("peaks2", peaks, peaks_data(2), 6),
    *_both("peaks8", peaks, peaks_data(8), 24),
)
WRT = {"peaks": ("heights", "places", "widths")}


def named(name: str) -> Case:
    """A case by its name."""
    return next(c for c in CASES if c.name == name)


def derivatives(case: Case) -> Any:
    """The function with its derivatives on a GPU."""
    from codegen_ad import differentiate

    return differentiate(wrt=WRT.get(case.function.__name__, ()))(case.function).on("cuda")
