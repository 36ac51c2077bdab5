"""Steps that each row takes alone run inside of the loop over the rows; arrays in place.

The kernels' text is run uncompiled and compared with NumPy and with differences; what must not be
taken apart is among the functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.plan.kernel import Allocate, Assign, For, Kernel, Tiles, walk
from codegen_ad.plan.tidying import in_place, interchange
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of

STEPS = 19  # more than are written out


def horner(p, x, y):
    s = 0.0
    for k in range(p.size - 1, -1, -1):
        s = s * x + p[k]
    return np.mean((s - y) ** 2)


def peaks(p, x, y):
    """Widths are functions of the step alone, dear ones."""
    m = np.zeros(x.size)
    for k in range(p.size):
        m += np.sin(p[k]) * np.exp(-((x - p[k]) ** 2) * np.exp(0.1 * p[k]))
    return np.sum((m - y) ** 2)


def recurrent(p, x, y):
    s = x * 1.0
    for k in range(p.size):
        s = np.tanh(p[k] * s + x)
    return np.mean((s - y) ** 2)


def two_arrays(p, x, y):
    """Each of two carried arrays is made of both."""
    q, v = x * 1.0, y * 0.5
    for k in range(p.size):
        a = -q * p[k]
        q = q + 0.1 * v
        v = v + 0.1 * a
    return np.sum(q * v) + np.sum(q**2)


def exchanged(p, x, y):
    """Arrays change names in each step."""
    a, b = x * 1.0, y * 1.0
    for k in range(p.size):
        a, b = b, 0.5 * a + p[k] * b
    return np.sum(a * b)


def centred(p, x, y):
    """Each step needs all rows of the one before."""
    s = x * 1.0
    for k in range(p.size):
        s = np.sin(s + p[k]) - s.mean()
    return np.mean((s - y) ** 2)


def neighbours(p, x, y):
    s = x * 1.0
    for k in range(p.size):
        s = 0.5 * s + p[k] * np.roll(s, 1)
    return np.mean((s - y) ** 2)


def turned(p, x, y):
    s = x * 1.0
    for k in range(p.size):
        s = s[::-1] * p[k] + y
    return np.sum(s**2) / 10


def old_after_new(p, x, y):
    """What the step before left is read when the new values are there."""
    s = x * 1.0
    total = 0.0
    for k in range(p.size):
        new = 0.5 * s + p[k]
        total += np.sum(new * s[::-1])
        s = new
    return total / 10 + np.sum(s * y)


def sums_go_on(p, x, y):
    """What a step adds up over the rows goes into the next steps' numbers."""
    s = x * 1.0
    scale = 1.0
    for k in range(p.size):
        s = s + scale * p[k] * y
        scale = 1.0 / (1.0 + np.sum(s * s))
    return np.sum(s) * scale


def sums_are_kept(p, x, y):
    """What steps add up is used after the rows, step by step."""
    s = x * 0.0
    found = 0.0
    for k in range(p.size):
        s = s + p[k] * x
        found = found * 0.5 + np.sum(s * y) * p[k]
    return found + np.sum(s)


def twice(p, x, y):
    """Steps of steps."""
    s = x * 1.0
    for k in range(p.size):
        for j in range(k):
            s = s * 0.9 + 0.01 * p[j] * x
        s = s + p[k] * y
    return np.mean(s**2)


def until(p, x, y):
    s = x * 1.0
    for k in range(p.size):
        if p[k] > 1.2:
            break
        s = s * p[k] + y
        if p[k] < 0.3:
            continue
        s = np.cos(s)
    return np.sum(s)


def chosen(p, x, y):
    """Rows take different ways."""
    s = x * 1.0
    for k in range(p.size):
        s = np.where(s > p[k], s * 0.5, s + y * p[k])
    return np.sum(s**2)


def checked(p, x, y):
    s = x * 1.0
    for k in range(p.size):
        assert p[k] > -9.0, "out of range"
        s = s + np.exp(-p[k]) * y
    return np.sum(s**2)


def places_of_sums(p, x, y):
    """A sum over rows says which element the rest of a step takes."""
    s = 0.0
    for k in range(p.size):
        below = np.count_nonzero(x < 0.05 * k)
        s += y[below - 1] * p[k] * below
    return s + np.sum(x * y)


def columns(p, x, y):
    """Rows of a matrix, a column in each step."""
    Z = np.outer(x, p)
    s = np.zeros(x.size)
    for k in range(p.size):
        s = s * 0.5 + Z[:, k] * y
        Z[:, k] = s
    return np.sum(Z**2)


FUNCTIONS = [
    horner, peaks, recurrent, two_arrays, exchanged, centred, neighbours, turned, old_after_new,
    sums_go_on, sums_are_kept, twice, until, chosen, checked, columns, places_of_sums,
]  # fmt: skip


def arguments(steps: int, rows: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(rows)
    return rng.uniform(0.2, 0.9, steps), rng.uniform(-1.0, 1.0, rows), rng.normal(size=rows)


def case_of(function: Any, args: Any = None) -> Case:
    return Case(function, lambda n, rng: args, ("p", "x"))


@pytest.mark.every(2)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_gradients(function: Any) -> None:
    for steps, rows in ((STEPS, 70), (23, 64), (STEPS, 20)):
        args = arguments(steps, rows)
        case = case_of(function)
        value, gradients = interpreted(case, args)(*args)
        np.testing.assert_allclose(value, function(*args), rtol=1e-11)
        wanted = numeric_gradients(case, args)
        lost = 1e-9 * max(1.0, abs(value))  # what differences lose where all is small
        for found, expected in zip(gradients, wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-7, atol=lost)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_order_makes_no_difference(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(STEPS, 67)
    case = case_of(function)
    _, gradients = interpreted(case, args)(*args)
    monkeypatch.setattr(interchange, "interchange", lambda *_: None)
    monkeypatch.setattr(in_place, "write_in_place", lambda *_: None)
    _, others = interpreted(case, args)(*args)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


def kernel_of(function: Any) -> Kernel:
    return stages_of(case_of(function), arguments(STEPS, 70)).kernel


@pytest.mark.parametrize("function", [horner], ids=lambda f: f.__name__)
def test_one_pass_keeps_nothing_of_the_datas_length(function: Any) -> None:
    kernel = kernel_of(function)
    (tiles,) = (s for s in kernel.body if isinstance(s, Tiles))
    made = [s for s in walk(kernel.body) if isinstance(s, Allocate)]
    assert not any(tiles.extent in s.shape for s in made if s.buffer not in kernel.outputs)


@pytest.mark.parametrize("function", [centred, neighbours], ids=lambda f: f.__name__)
def test_rows_that_need_each_other_take_steps_together(function: Any) -> None:
    steps = [s for s in kernel_of(function).body if isinstance(s, For) and s.carried]
    assert len(steps) == 2, "forward and backward"


def swaps(kernel: Kernel) -> int:
    return sum(isinstance(s, Assign) and len(s.names) > 1 for s in walk(kernel.body))


def test_what_is_read_later_has_its_own_buffer() -> None:
    assert not swaps(kernel_of(centred))
    assert swaps(kernel_of(turned))
    assert swaps(kernel_of(old_after_new))
