"""Short sums in steps take turns between two variables: the same numbers, in another order.

The kernels' text is run uncompiled, which adds in the order that it says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.plan import turns
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of


def forward(A, B, start, seen):
    """The scaled forward algorithm."""
    state, total = start, 0.0
    for t in range(len(seen)):
        state = (state @ A) * B[:, seen[t]]
        scale = state.sum()
        state = state / scale
        total += np.log(scale)
    return total


CASE = Case(forward, lambda n, rng: (), ("A", "B"))


def arguments(states: int, steps: int = 5) -> tuple[Any, ...]:
    rng = np.random.default_rng(states)
    A = rng.uniform(0.1, 0.9, (states, states))
    B = rng.uniform(0.1, 0.9, (states, 17))
    return A, B, rng.uniform(0.1, 1.0, states), rng.integers(0, 17, steps)


@pytest.mark.parametrize("states", [5, 8, 15])
def test_values_and_gradients(states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(states)
    text = stages_of(CASE, args).text
    assert turns.REMARK in text
    value, gradients = interpreted(CASE, args)(*args)
    monkeypatch.setattr(turns, "FEWEST", 100)
    same, others = interpreted(CASE, args)(*args)
    np.testing.assert_allclose(value, forward(*args), rtol=1e-13)
    np.testing.assert_allclose(value, same, rtol=1e-14)
    for found, other, wanted in zip(gradients, others, numeric_gradients(CASE, args), strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("states", [3, 16, 17])
def test_sums_that_are_shorter_or_use_vectors(states: int) -> None:
    assert turns.REMARK not in stages_of(CASE, arguments(states)).text


def test_no_steps() -> None:
    args = arguments(6, 0)
    value, gradients = interpreted(CASE, args)(*args)
    assert value == 0.0
    assert not any(g.any() for g in gradients)
