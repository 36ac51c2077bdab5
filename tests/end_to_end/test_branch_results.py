"""Arrays that sides of a branch compute are made where the branch leaves them, not copied there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.plan.kernel import CopyInto, walk
from codegen_ad.plan.tidying import copies
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, stages_of


def stepped(p: Any, x: Any) -> Any:
    """A side of its own value, and one that keeps what there was."""
    u = x * p[0]
    while np.sum(u * u) < 40.0:
        if u[0] > 1.0:
            v = u[::-1]
            u = u * 1.1 + np.sin(v)
        else:
            u = u + p[1] * np.cos(x)
    return np.sum(u * p[2])


def exchanged(p: Any, x: Any) -> Any:
    """Results that are each other's old values, and one that both sides compute."""
    a, b = x * p[0], x + p[1]
    for i in range(len(x)):
        total = np.sum(a * b)
        if x[i] > 0.0:
            a, b = b, np.sin(a) * total
        elif x[i] < -1.0:
            a, b = np.tanh(a + b[::-1]), a
        else:
            b = np.cos(b) + a
    return np.sum(a * p[2]) + np.sum(b**2)


def looked_at(p: Any, x: Any) -> Any:
    """What a side computes is looked at there, and read by the next value."""
    u = x * p[0]
    for i in range(len(x)):
        if x[i] > 0.0:
            v = np.sin(u) + p[1]
            w = v[::-1] * u
            u = v + np.sum(w) * w
        else:
            u = u[::-1] * p[2]
    return np.sum(u)


def filled_in_part(p: Any, x: Any) -> Any:
    """One side fills an array element by element, not all of them."""
    u = x * p[0]
    for i in range(len(x)):
        if x[i] > 0.0:
            v = np.zeros(len(x))
            for j in range(1, len(x)):
                v[j] = v[j - 1] * p[1] + np.sin(u[j])
            u = v
        else:
            u = u * p[2]
    return np.sum(u * x)


def in_matrices(p: Any, x: Any) -> Any:
    U = np.outer(x, x) * p[0]
    for i in range(len(x)):
        if x[i] > 0.0:
            V = U.T * p[1]
            U = np.sin(U) + V
        else:
            U = U * p[2] + U[::-1]
    return np.sum(U)


FUNCTIONS = (stepped, exchanged, looked_at, filled_in_part, in_matrices)
P, X = np.array([0.7, 0.4, 0.9]), np.array([0.9, -0.4, -1.5, 1.3, 0.2, -0.8, -1.1])


def test_results_are_made_in_their_place() -> None:
    case = Case(stepped, lambda *_: (), ("p",))
    body = stages_of(case, (P, X), "value").kernel.body
    assert not any(isinstance(s, CopyInto) for s in walk(body)), "a side's own buffer is copied"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_they_are_what_they_were(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(function, lambda *_: (), ("p",))
    value, gradients = interpreted(case, (P, X))(P, X)
    monkeypatch.setattr(copies, "make_in_place", lambda _: None)
    expected, others = interpreted(case, (P, X))(P, X)
    np.testing.assert_allclose(value, function(P, X), rtol=1e-12)
    np.testing.assert_allclose(value, expected, rtol=0)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=0)
