"""Reductions of booleans and of chosen values, along axes whose sizes only the run knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted

REDUCED = {
    "least": lambda A, B: B.min(),
    "least of columns": lambda A, B: B.min(axis=0),
    "largest of columns": lambda A, B: B.max(axis=0),
    "place of the least": lambda A, B: B.argmin(axis=0),
    "place of the largest": lambda A, B: B.argmax(axis=0),
    "product": lambda A, B: B.prod(axis=0),
    "any": lambda A, B: np.any(B, axis=0),
    "all": lambda A, B: np.all(B, axis=0),
    "any of some": lambda A, B: B.any(axis=0, where=A > 0),
    "all of some": lambda A, B: B.all(where=A > 0),
    "any of two kinds": lambda A, B: np.any(np.where(B, A > 1, A < -1)),
    "all of two kinds": lambda A, B: np.all(np.where(B, A > -1, A < 1), axis=0),
    "largest of two kinds": lambda A, B: np.max(np.where(B, A, -A), axis=0),
    "least of some": lambda A, B: np.min(A, axis=0, where=B, initial=5.0),
    "largest of numbers": lambda A, B: np.max(B * 1.0, axis=0),
}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("name", REDUCED)
def test_as_in_numpy(name: str, share: float) -> None:
    reduced = REDUCED[name]

    def loss(x, A, B):
        return np.sum(np.sin(x)) * (1.0 + np.sum(np.cos(reduced(A, B) * 0.7)))

    rng = np.random.default_rng(3)
    args: tuple[Any, ...] = (
        rng.normal(size=3),
        rng.normal(size=(5, 70)),
        rng.random((5, 70)) < share,
    )
    value, gradient = interpreted(Case(loss, lambda n, rng: args, ("x",)), args)(*args)
    wanted = loss(*args)
    assert_close(value, wanted, rtol=1e-12, what="value")
    of_x = np.cos(args[0]) * wanted / np.sum(np.sin(args[0]))
    assert_close(np.ravel(gradient), of_x, rtol=1e-12, what="gradient")
