"""Loops over steps in which every row meets every other: what each step keeps has three axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted


def attraction(x, mass):
    apart = x[None, :, :] - x[:, None, :]
    distance = np.sqrt((apart**2).sum(axis=2) + 1e-3)
    return ((mass / distance**3)[:, :, None] * apart).sum(axis=1)


def planets(x, v, mass, steps):
    x, v = x.copy(), v.copy()
    pull = attraction(x, mass)
    for _ in range(steps):
        v += 0.01 * pull
        x += 0.02 * v
        pull = attraction(x, mass)
        v += 0.01 * pull
    return ((x - x[0]) ** 2).sum()


def attention(x, v, mass, steps):
    for _ in range(steps):
        scores = np.exp(0.1 * np.sin(x) @ x.T + mass)
        weights = scores / scores.sum(axis=1)[:, None]
        x = x + 0.1 * np.tanh(weights @ v)
    return (x * v).sum()


def nested(x, v, mass, steps):
    total = 0.0
    for i in range(steps):
        x = np.sin(x) + 0.1 * v
        for _ in range(i + 1):
            near = np.exp(-((x[:, None, 0] - x[None, :, 1]) ** 2) - 0.1 * mass)
            x = x + 0.1 * np.cos(near @ v)
        total += (near**2).sum()
    return total + x.sum()


def alternating(x, v, mass, steps):
    """One of two tables is written in each step, by the step's parity, and both are read."""
    none = 0.0 * (x[:, None, 0] + x[None, :, 1])
    kept = np.stack([none, none])
    for i in range(steps):
        kept[i % 2] = np.sqrt(1.0 + (x[:, None, 0] * mass - x[None, :, 1]) ** 2)
        x = x + 0.05 * np.sin(kept[0] + 0.5 * kept[1]) @ v
    return (x**2).sum() + kept.sum()


def halves(x, v, mass, steps):
    """Each step writes a part of every row's pairs."""
    kept = 1.0 + 0.0 * (x[:, None, 0] + x[None, :, 1])
    for _ in range(steps):
        kept[:, 1:] = np.sqrt(1.0 + (x[:, None, 0] * kept[:, :-1] - x[None, 1:, 1]) ** 2)
        x = x + 0.05 * np.sin(kept) @ v * mass[:, None]
    return (x**2).sum() + kept.sum()


@pytest.mark.every(2)
@pytest.mark.parametrize("function", [planets, attention, nested, alternating, halves])
@pytest.mark.parametrize(("rows", "steps"), [(3, 5), (67, 3), (5, 0)])
def test_steps_of_pairs(function: Any, rows: int, steps: int) -> None:
    if function is nested and not steps:
        steps = 1  # what the last step leaves is used behind the loop
    rng = np.random.default_rng(rows)
    args = (rng.normal(size=(rows, 2)), 0.3 * rng.normal(size=(rows, 2)), rng.random(rows), steps)
    case = Case(function, lambda n, rng: args, ("x", "v", "mass"))
    value, gradient = interpreted(case, args)(*args)
    wanted = function(*args)
    assert_close(value, wanted, rtol=1e-11, what="value")
    for k, part in enumerate(gradient):
        direction = rng.normal(size=np.shape(part))
        moved = [a.astype(complex) if isinstance(a, np.ndarray) else a for a in args]
        moved[k] = moved[k] + 1e-30j * direction
        slope = np.imag(function(*moved)) / 1e-30
        assert_close(np.sum(part * direction), slope, rtol=1e-9, what=f"argument {k}")
