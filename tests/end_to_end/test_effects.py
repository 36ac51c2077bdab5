"""What changes something while it is computed does so when, and as often as, it does in Python."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.end_to_end import effects
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, interpreted, numeric_gradients, plain_value

FUNCTIONS = [
    f
    for f in vars(effects).values()
    if isinstance(f, FunctionType) and f.__module__ == effects.__name__
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_effects_happen_in_turn(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    args = (np.array([0.9, 0.6, 1.1, 0.7, 1.3]),)
    case = Case(function, lambda n, rng: args)
    value, gradient = interpreted(case, args)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-13, what="value")
    (numeric,) = numeric_gradients(case, args)
    assert_close(gradient, numeric, rtol=2e-8, what="gradient")


def asked_once_for_each(x: Any) -> Any:
    weights = [4.0, 3.0, 2.0, 1.0]
    lines = np.apply_along_axis(lambda line: line * weights.pop(), 0, x.reshape(2, 2))
    items = iter((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0))
    given = np.vectorize(lambda v: v * next(items), otypes=[float])(x).sum()
    return lines.sum() + given * np.vectorize(lambda v: v * next(items))(x).sum()


def test_what_numpy_calls_changes_things_as_often_as_there() -> None:
    x = np.array([0.5, 0.6, 1.2, 0.7])
    found = differentiate(asked_once_for_each).value(x)
    np.testing.assert_allclose(found, asked_once_for_each(x))
