"""Arrays of a few elements in loops over steps are variables: the same arithmetic, no memory.

The kernels' text is run uncompiled, with the arrays taken apart and without: the numbers have the
same bits, and are those of NumPy and of its differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.kernel import Allocate, For, Store, While, walk
from codegen_ad.plan.tidying import scalars
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of


def verlet(q, p, c, steps):
    q, p = q.copy(), p.copy()
    for k in range(steps):
        p -= c[0] * (q + q * q[::-1])
        q += c[1] * p * (1.0 + 0.1 * k)
    return (q**2).sum() + p[0] * p[1]


def exchanged(q, p, c, steps):
    """Elements change places; what was there before is read after the new ones are written."""
    q, total = q.copy(), 0.0
    for _ in range(steps):
        before = q.copy()
        q[0], q[1] = c[0] * q[1], q[0] - c[1]
        total += (before * q).sum() + before[0] * p[1]
    return total + q[0]


def in_branches(q, p, c, steps):
    """Only some trips write some of the elements."""
    q, p, last = q.copy(), p.copy(), np.zeros(2)
    for k in range(steps):
        if q[0] * q[1] > c[0] - 0.2 * k:
            q[1] = q[1] * c[1] + p[0]
            last[0] += q[1]
        else:
            p[0] = p[0] * q[1]
            q = q * c[0]
        last[1] = last[0] * q[0]
    return last.sum() * q[1] + p[0]


def until_large(q, p, c, steps):
    """A loop whose number of trips the run finds out."""
    q = q.copy()
    while q[0] < steps and np.abs(q[1]) < 50.0:
        q[0] += 0.5 + c[0] * c[0]
        q = q + 0.1 * np.array([q[1], c[1] * q[0]])
    return q[0] * q[1] + p.sum()


def loops_in_loops(q, p, c, steps):
    """An inner loop carries one array, the outer one another; the inner one starts again."""
    outer = q * c[0]
    for k in range(steps):
        inner = np.zeros(2)
        inner[:] = p
        for j in range(k):
            inner = inner[::-1] * c[1] + 0.1 * j
        outer = np.array([outer[1], outer[0]]) * 0.7 + inner * c[0]
    return (outer**2).sum()


def handed_on_twice(q, p, c, steps):
    """What the inner loop takes over from its trips, the outer loop hands on in turn."""
    r = q * c[0]
    for k in range(steps):
        r = r + np.tanh(p)
        for _j in range(k):
            p = np.array([p[0], p[1] - 0.1 * q[0]])
            r = np.array([r[0] * c[1], 0.9 * r[1] + p[1]])
        p = p * 0.5
    return r[0] * p[1] + r[1] * p[0]


def matrix(q, p, c, steps):
    """Two axes; a product of what is carried with itself."""
    A = np.array([[c[0], 0.3], [-0.2, c[1]]])
    S = np.eye(2)
    for k in range(steps):
        S = A @ S + 0.1 * S.T
        S[0, 1] += q[0] * p[1] + 0.01 * k
    return (S * S).sum()


FUNCTIONS = [verlet, exchanged, in_branches, until_large, loops_in_loops, handed_on_twice, matrix]
WITH_STEPS = [0, 1, 2, 9]


def case_of(function: Any) -> Case:
    return Case(function, lambda n, rng: (), ("q", "p", "c"))


def arguments(steps: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(steps)
    return rng.normal(size=2), rng.normal(size=2), rng.uniform(0.3, 0.9, 2), steps


def with_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalars, "LARGEST", 0)


@pytest.mark.every(2)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_gradients(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(function)
    apart = interpreted(case, arguments(3))
    with_arrays(monkeypatch)
    whole = interpreted(case, arguments(3))
    for steps in WITH_STEPS:
        args = arguments(steps)
        value, gradients = apart(*args)
        same, others = whole(*args)
        assert value == same
        np.testing.assert_allclose(value, function(*args), rtol=1e-13)
        for found, other, wanted in zip(
            gradients, others, numeric_gradients(case, args), strict=True
        ):
            np.testing.assert_array_equal(found, other)
            np.testing.assert_allclose(found, wanted, rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_steps_store_to_no_small_array(function: Any) -> None:
    kernel = stages_of(case_of(function), arguments(3)).kernel
    small = {
        s.buffer
        for s in walk(kernel.body)
        if isinstance(s, Allocate) and all(d.is_constant and d.value == 2 for d in s.shape)
    }
    steps = [s for s in kernel.body if isinstance(s, While) or (isinstance(s, For) and s.carried)]
    stored = {s.buffer for s in walk(list(steps)) if isinstance(s, Store)}
    assert steps
    assert small.isdisjoint(stored)


def test_value_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(6)
    apart = interpreted(case_of(verlet), args, "value")(*args)
    with_arrays(monkeypatch)
    assert apart == interpreted(case_of(verlet), args, "value")(*args)


def test_second_derivatives_compiled() -> None:
    q, p, c, steps = arguments(6)
    f = differentiate(verlet, wrt="q")
    step = 1e-6
    up, down = (f.grad(q + s * p, p, c, steps) for s in (step, -step))
    np.testing.assert_allclose(f.hvp(q, p, c, steps, p), (up - down) / (2 * step), rtol=1e-7)


def test_single_precision_is_left_alone() -> None:
    """A store to an array of float32 rounds, which an assignment may not."""
    q, p, c, steps = arguments(5)
    single = (q.astype("f4"), p.astype("f4"), c.astype("f4"), steps)
    value, gradients = interpreted(case_of(verlet), single)(*single)
    wide, wanted = interpreted(case_of(verlet), (q, p, c, steps))(q, p, c, steps)
    np.testing.assert_allclose(value, wide, rtol=2e-6)
    for found, exact in zip(gradients, wanted, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)
