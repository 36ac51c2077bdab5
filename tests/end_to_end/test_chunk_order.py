"""Statements between loops over rows stay ahead of what changes the values that they read."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad import differentiate


@differentiate(wrt=("x", "y"))
def written_over(x: Any, y: Any, A: Any) -> Any:
    filled = np.sin(x[::-1])
    np.copyto(filled, y, where=y > 0)
    rolled = np.sin(np.roll(np.concatenate([A[:, 2], x[:1]]), 1))
    rolled[1] = y[1]  # its cotangent is read here, and then set to zero in the same memory
    return np.sum(filled) + np.sum(np.sin(rolled))


def test_a_cotangent_is_read_before_it_is_set_to_zero() -> None:
    rng = np.random.default_rng(5)
    x, y, A = rng.normal(size=12), rng.normal(size=12), rng.normal(size=(12, 3))
    _, (_, slope) = written_over.value_and_grad(x, y, A)
    expected = np.where(y > 0, 1.0, 0.0)
    expected[1] += np.cos(y[1])
    np.testing.assert_allclose(slope, expected, rtol=1e-14)
    assert written_over.check(x, y, A).ok
