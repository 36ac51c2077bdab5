"""Corners of Python and NumPy: value, gradient and reference, without compiling."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

from tests.end_to_end import corners
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    numeric_gradients,
    plain_value,
    reference,
    stages_of,
)

X = np.linspace(-0.97, 1.1, 12)
ARGUMENTS: dict[str, Any] = {
    "x": X,
    "k": np.array([2, -1, 0, 3, -2, 1, 1, 2, -3, 0, 2, 1]),
    "m": np.array([2, -1, 0, 3, -2, 1, 1, 2, -3, 0, 2, 1]) > 0,
    "i": np.array([1, 3, 1, 0, 5]),
}
FUNCTIONS = [f for f in vars(corners).values() if isinstance(f, FunctionType)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_corners(function: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    code = function.__code__
    args = tuple(ARGUMENTS[name] for name in code.co_varnames[: code.co_argcount])
    case = Case(function, lambda n, rng: args)
    stages = stages_of(case, args)
    value, gradient = interpreted(case, args, stages=stages)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-11, what="value")
    (numeric,) = numeric_gradients(case, args)
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")
    for output, found in zip(reference(case, args, stages=stages), (value, gradient), strict=True):
        assert_close(output, found, rtol=1e-11, what="reference")
