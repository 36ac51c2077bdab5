"""Ordinary models of many fields: each derivative by its kernel's own text.

`python -m tests.models --check --peers` does the same with machine code at realistic sizes, asks
JAX and autograd, and times all.
"""

from __future__ import annotations

import pytest

from tests.models import checking
from tests.models.fields import BY_NAME, MODELS
from tests.models.model import Model

COMPILED = ("hawkes", "cox")
"""Kernels with what differs most in machine code: writes, and rows in an order by data."""

SINGLE = ("ica", "black_scholes", "spring_network", "word2vec")


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")


def test_there_are_many_and_each_has_its_name() -> None:
    assert len(BY_NAME) == len(MODELS) >= 60


@pytest.mark.every(4)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_by_its_text(model: Model) -> None:
    """Value and products both ways; with the Hessian where that takes no more than a moment."""
    args = model.arguments(model.small)
    checking.check(model, args, checking.as_text(model), second=model.quick)


@pytest.mark.parametrize("name", COMPILED)
def test_by_machine_code(name: str) -> None:
    model = BY_NAME[name]
    args = model.arguments(model.small)
    checking.check_reverse(model, args, checking.compiled(model))


@pytest.mark.parametrize("name", SINGLE)
def test_in_single_precision(name: str) -> None:
    """What is single stays single, near the double's numbers."""
    model = BY_NAME[name]
    checking.check_single(model, model.arguments(model.small))
