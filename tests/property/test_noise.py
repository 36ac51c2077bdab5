"""What cancels may differ by the rounding of what it was made of, and by no more."""

from __future__ import annotations

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import stages_of
from tests.property.noise import assert_near, roundings

X = np.array([0.3, 1.7, -2.9])


def cancelled(x):
    return (x - x.mean()).sum() * 1.0


def flat(x):
    return (1.0 - np.tanh(9.0 + x * x) ** 2).sum()


@pytest.mark.parametrize(("function", "most"), [(cancelled, 1e-14), (flat, 1e-14)])
def test_roundings_are_those_of_what_cancels(function, most):
    case = Case(function, lambda *_: (), wrt=("x",))
    stages = stages_of(case, (X,), "value")
    (noise,) = roundings(lambda: evaluate(stages.optimized, [X]))
    assert 1e-17 < noise < most
    assert_near(noise * 10, 0.0, lambda: noise, rtol=1e-9, what="value")
    with pytest.raises(AssertionError):
        assert_near(1e-9, 0.0, lambda: noise, rtol=1e-9, what="value")
    with pytest.raises(AssertionError):
        assert_near(np.nan, 0.0, lambda: noise, rtol=1e-9, what="value")
