"""Statements of Python: value, gradient and reference, for sizes known and not."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.end_to_end import language
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    numeric_gradients,
    plain_value,
    reference,
    stages_of,
)

FUNCTIONS = [f for f in vars(language).values() if isinstance(f, FunctionType)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [5, 20])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_language(function: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")
    args = (np.linspace(0.21, 1.13, size),)
    case = Case(function, lambda n, rng: args)
    stages = stages_of(case, args)
    value, gradient = interpreted(case, args, stages=stages)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-11, what="value")
    (numeric,) = numeric_gradients(case, args)
    assert_close(gradient, numeric, rtol=2e-6, what="gradient")
    for output, found in zip(reference(case, args, stages=stages), (value, gradient), strict=True):
        assert_close(output, found, rtol=1e-11, what="reference")


def test_what_is_left_out_is_noted() -> None:
    text = str(differentiate(language.told).explain(np.ones(20)))
    assert "is left out" in text
