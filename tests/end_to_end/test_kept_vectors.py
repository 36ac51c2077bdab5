"""Vectors that a loop around them would compute again in each of its trips are kept.

The kernels' text is run uncompiled and compared with NumPy and with differences; the same without
what is kept gives the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.plan import repeated
from codegen_ad.plan.kernel import Allocate, Kernel, walk
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of

STATES = 9  # more than are written out


def hidden(A, b, w, seen):
    """A recursion whose adjoint has a vector in front of a product."""
    state = np.full(len(b), 0.1)
    total = 0.0
    for t in range(len(seen)):
        state = (state @ A) * w[:, seen[t] % 3]
        scale = (state * state).sum() + 1.0
        state = state / scale + b
        total += np.log(scale)
    return total


def outer(A, b, w, seen):
    """The vectors of an outer product, one of them the same in each row."""
    total = 0.0
    for t in range(len(seen)):
        factor = (b * w[:, 0] + 0.3) * w[:, 1] - seen[t]
        A = A * 0.5 + np.outer(b, factor)
        total += (A * A).sum() / (t + 1.0)
    return 0.01 * total


def one_operation(A, b, w, seen):
    """Nothing that is more than a load."""
    total = 0.0
    for t in range(len(seen)):
        total += ((2.0 * b) @ A @ w[:, seen[t] % 3]) * 0.1
    return total


def changed(A, b, w, seen):
    """What the vector is made of is written over in the loop that reads it."""
    x = b * 1.0
    total = 0.0
    for _t in range(len(seen)):
        y = A @ ((x * w[:, 0] + 0.2) * w[:, 1] + 0.1)
        x[1:] = 0.1 * y[:-1]
        total += (x * y).sum()
    return total


def of_rows(A, b, w, seen):
    """Pairs of rows: nothing as long as the data is kept."""
    z = seen * 0.1
    return np.sum(((z * b[0] + b[1]) * z + b[2])[None, :] * np.tanh(z[:, None] - z)) + A.sum()


FUNCTIONS = [hidden, outer, one_operation, changed, of_rows]


def arguments(states: int, steps: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(states)
    A = rng.uniform(0.1, 0.9, (states, states))
    seen = rng.integers(0, 3, steps)
    return A, rng.normal(size=states), rng.uniform(0.2, 1.0, (states, 3)), seen


def case_of(function: Any) -> Case:
    return Case(function, lambda n, rng: (), ("A", "b", "w"))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_gradients(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(function)
    made: dict[int, Any] = {}
    for least in (repeated.LEAST, 10**6):
        monkeypatch.setattr(repeated, "LEAST", least)
        args = arguments(STATES, 6)
        made[least] = interpreted(case, args)(*args)
    (value, gradients), (other, others) = made.values()
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)
    np.testing.assert_allclose(value, other, rtol=1e-13)
    for found, without, wanted in zip(
        gradients, others, numeric_gradients(case, args), strict=True
    ):
        np.testing.assert_allclose(found, without, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("states", "steps"), [(STATES, 0), (3, 1), (11, 4)])
def test_other_sizes(states: int, steps: int) -> None:
    args = arguments(states, steps)
    value, gradients = interpreted(case_of(hidden), args)(*args)
    np.testing.assert_allclose(value, hidden(*args), rtol=1e-12)
    for found, wanted in zip(gradients, numeric_gradients(case_of(hidden), args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


def buffers(function: Any) -> int:
    kernel: Kernel = stages_of(case_of(function), arguments(STATES, 6)).kernel
    return sum(isinstance(s, Allocate) for s in walk(kernel.body))


@pytest.mark.parametrize(
    ("function", "more"), [(outer, True), (one_operation, False), (of_rows, False)]
)
def test_what_is_kept(function: Any, more: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found = buffers(function)
    monkeypatch.setattr(repeated, "LEAST", 10**6)
    assert (found > buffers(function)) is more
