"""Losses of any number of parameters, of many shapes: for what kernels take by that number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 40
"""Of the data for which files are made: they are for any number of rows."""


def waves(p: Any, x: Any, y: Any) -> Any:
    """Each parameter an amplitude and a phase."""
    model = (p * np.sin(np.outer(x, 1.0 + np.arange(len(p))) + 0.1 * p)).sum(axis=1)
    return np.mean((model - y) ** 2)


def polynomial(p: Any, x: Any, y: Any) -> Any:
    """By Horner's rule, in a loop over the coefficients."""
    value = p[0] + 0.0 * x
    for k in range(1, len(p)):
        value = value * x + p[k]
    return np.mean((value - y) ** 2)


def decays(p: Any, x: Any, y: Any) -> Any:
    """Each parameter an amplitude and a time."""
    return np.mean(((p * np.exp(-np.outer(x, 1 / (1 + p * p)))).sum(axis=1) - y) ** 2)


def linear(p: Any, x: Any, y: Any) -> Any:
    """A column of the data for each parameter."""
    return np.mean((x @ p - y) ** 2)


def peaks(p: Any, x: Any, y: Any) -> Any:
    """Height, place and width of each peak, one after another."""
    model = 0.0 * x
    for k in range(len(p) // 3):
        model = model + p[3 * k] * np.exp(-(((x - p[3 * k + 1]) * p[3 * k + 2]) ** 2))
    return np.mean((model - y) ** 2)


def profiles(p: Any, x: Any, y: Any) -> Any:
    """Place, width and two heights of each peak, which is half a bell and half a resonance."""
    model = 0.0 * x
    for k in range(len(p) // 4):
        z = (x - p[4 * k]) / (1 + p[4 * k + 1] ** 2)
        model = model + p[4 * k + 2] * np.exp(-z * z) + p[4 * k + 3] / (1 + z * z)
    return np.mean(np.abs(model - y))


def network(p: Any, x: Any, y: Any) -> Any:
    """One hidden layer."""
    n = len(p) // 2
    return np.mean((np.tanh(np.outer(x, p[:n])) @ p[n:] - y) ** 2)


def mixture(p: Any, x: Any, y: Any) -> Any:
    """The likelihood of a mixture: weights, places and scales."""
    n = len(p) // 3
    z = (x[:, None] - p[n : 2 * n]) * np.exp(p[2 * n :])
    terms = p[:n] + p[2 * n :] - 0.5 * z * z
    most = terms.max(axis=1)
    return -np.mean(most + np.log(np.exp(terms - most[:, None]).sum(axis=1)))


FAMILIES: dict[str, tuple[Callable[..., Any], int]] = {
    "waves": (waves, 1),
    "polynomial": (polynomial, 1),
    "decays": (decays, 1),
    "linear": (linear, 1),
    "peaks": (peaks, 3),
    "profiles": (profiles, 4),
    "network": (network, 2),
    "mixture": (mixture, 3),
}
"""Each with the number that its parameters come in multiples of."""


def arguments(name: str, count: int, dtype: str) -> tuple[Any, ...]:
    """Arguments of a loss with about so many parameters: rounded down, one lot at least."""
    each = FAMILIES[name][1]
    count = max(count // each, 1) * each
    x, y = np.linspace(0.1, 1, ROWS).astype(dtype), np.ones(ROWS, dtype)
    if name == "linear":
        x = np.outer(x, np.ones(count)).astype(dtype)
    return np.linspace(0.2, 0.9, count).astype(dtype), x, y
