"""Loops along rows of arrays that data pick stay inside of the loop over the rows of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.plan.kernel import Tiles, walk
from codegen_ad.plan.tiling import tiles
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of


def noise(inside, outside, centre, others, weights):
    """Each row picks one row of an array and several of another."""
    u = inside[centre]
    products = np.einsum("pd,pkd->pk", u, outside[others])
    return np.sum(weights * np.logaddexp(0, products).sum(axis=1))


def written_by_hand(inside, outside, centre, others, weights):
    total = 0.0
    for p in range(len(centre)):
        for k in range(others.shape[1]):
            s = 0.0
            for j in range(inside.shape[1]):
                s += inside[centre[p], j] * np.tanh(outside[others[p, k], j])
            total += weights[p] * s**2
    return total


def arguments(rows: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(rows)
    inside, outside = rng.normal(size=(6, 10)), rng.normal(size=(5, 10))
    centre, others = rng.integers(-6, 6, size=rows), rng.integers(-5, 5, size=(rows, 3))
    return inside, outside, centre, others, rng.normal(size=rows)


def case_of(function: Any) -> Case:
    return Case(function, lambda n, _: arguments(n), wrt=("inside", "outside", "weights"))


@pytest.mark.parametrize("function", [noise, written_by_hand], ids=lambda f: f.__name__)
def test_numbers(function: Any) -> None:
    case = case_of(function)
    kernel = interpreted(case, arguments(9))
    for rows in (1, 9, 70):
        args = arguments(rows)
        value, gradients = kernel(*args)
        np.testing.assert_allclose(value, function(*args), rtol=1e-12)
        for found, wanted in zip(gradients, numeric_gradients(case, args), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("function", [noise, written_by_hand], ids=lambda f: f.__name__)
def test_no_tiles(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(9)
    kernel = stages_of(case_of(function), args).kernel
    assert not any(isinstance(s, Tiles) for s in walk(kernel.body))
    monkeypatch.setattr(tiles, "along_picked", lambda *_: False)
    kernel = stages_of(case_of(function), args).kernel
    assert any(isinstance(s, Tiles) for s in walk(kernel.body))
