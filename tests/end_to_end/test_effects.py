"""What changes something while it is computed does so when, and as often as, it does in Python."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

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
