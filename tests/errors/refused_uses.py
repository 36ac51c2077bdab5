"""Constructs that are translated, where they are misused: the line and the way out are told."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

HELPERS = ("_scaled",)


def _scaled(x: Any, scale: Any) -> Any:
    return x * scale


def truth_of_a_connective(x: Any, a: Any) -> Any:
    return x.sum() if a > 0 and x.ndim == 1 else a.sum()


def reversed_number(x: Any) -> Any:
    return sum(v * x[0] for v in reversed(3.0))


def loop_over_mixed_items(x: Any) -> Any:
    total = 0.0
    for v in (x[0], "a"):
        total = total + v
    return total


def lambda_without_an_argument(x: Any) -> Any:
    square = lambda v, w: v * w  # noqa: E731
    return square(x)


def partial_with_too_many(x: Any) -> Any:
    return functools.partial(_scaled, x, 2.0)(x).sum()


def walrus_of_two_kinds(x: Any) -> Any:
    if (y := x[0]) > 0:
        y = "positive"
    return y


def many_targets_of_a_number(x: Any) -> Any:
    a = b, c = x[0]
    return a * b * c


def slice_times_a_longer_array(x: Any) -> Any:
    y = x.copy()
    y[1:3] *= np.ones(4)
    return y.sum()


def places_written_with_too_many(x: Any) -> Any:
    y = x.copy()
    y[[0, 1]] = np.ones(3)
    return y.sum()


def mask_of_integers_times_a_fraction(x: Any, i: Any) -> Any:
    i[i > 2] *= 2.0
    return (x * i).sum()


def slice_of_integers_times_a_fraction(x: Any, i: Any) -> Any:
    i[1:3] *= 0.5
    return (x * i).sum()


def whole_view_is_the_array(x: Any) -> Any:
    y = x[:]
    return 1.0 if y is x else 2.0


def power_with_a_modulus(x: Any) -> Any:
    return x[0] * pow(int(x[1]), 3, 7)


def power_of_one(x: Any) -> Any:
    return x[0] * pow(x[1])  # pyright: ignore[reportCallIssue]


def list_and_range(x: Any) -> Any:
    return x[0] * sum([1] + range(3))  # noqa: RUF005
