"""What loops need not record: elements that stay where they were written, and counters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate
from codegen_ad.frontend.reader import read
from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.node import Program, toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops.control import Loop, While
from codegen_ad.passes import pipeline
from codegen_ad.plan.build import plan
from codegen_ad.plan.kernel import Allocate, CopyInto, For, walk
from tests.frontend.running import signature_of


def path(p: Any, y: Any) -> Any:
    """Reads the row before the one it writes."""
    x = np.zeros(len(y) + 1)
    x[0] = p[2]
    for t in range(len(y)):
        x[t + 1] = p[0] * np.sin(x[t]) + p[1] * x[t] ** 2
    return np.sum((x[1:] - y) ** 2)


def rows(p: Any, y: Any) -> Any:
    """Rows of a table, and the row just written."""
    x = np.zeros((len(y), 2))
    x[0] = p[:2]
    for t in range(1, len(y)):
        x[t] = np.sin(x[t - 1]) * p[2] + y[t] * x[t - 1, ::-1]
    return np.sum(x[:, 0] * y)


def just_written(p: Any, y: Any) -> Any:
    x = np.zeros(len(y) + 1)
    x[0] = p[0]
    total = 0.0
    for t in range(len(y)):
        x[t + 1] = np.sin(x[t] * p[1])
        total = total + x[t + 1] ** 3
    return total + p[2]


def backwards(p: Any, y: Any) -> Any:
    v = np.zeros(len(y) + 1)
    v[len(y)] = p[0]
    for t in range(len(y) - 1, -1, -1):
        v[t] = np.tanh(v[t + 1] * p[1]) + y[t] * v[t + 1] ** 2
    return v[0] * p[2]


def early(p: Any, y: Any) -> Any:
    """The counter of a loop that may be left early."""
    s = p[0]
    for t in range(len(y)):
        s = s + p[1] * y[t] * t
        if s > 2.0:
            break
    return s * p[2]


def wrapped(p: Any, y: Any) -> Any:
    """Reads the last element first, which is overwritten at the end."""
    x = y * p[0]
    for t in range(len(y)):
        x[t] = np.sin(x[t - 1]) * p[1] + p[2]
    return np.sum(x**2)


def same_row(p: Any, y: Any) -> Any:
    x = y * p[0]
    for t in range(len(y)):
        x[t] = np.sin(x[t]) * p[1] + p[2]
    return np.sum(x**2)


def ahead(p: Any, y: Any) -> Any:
    """Reads what is overwritten in the next iteration."""
    x = y * p[0]
    for t in range(len(y) - 1):
        x[t] = np.sin(x[t + 1]) * p[1] * x[t]
    return np.sum(x**2) * p[2]


def backwards_behind(p: Any, y: Any) -> Any:
    """Goes down, and reads what is overwritten next."""
    x = y * p[0]
    for t in range(len(y) - 1, 0, -1):
        x[t] = np.sin(x[t - 1]) * p[1]
    return np.sum(x**2) * p[2]


def twice(p: Any, y: Any) -> Any:
    """A second write to the row that is read, after the read."""
    x = np.zeros(len(y) + 1)
    x[0] = p[0]
    for t in range(len(y)):
        x[t + 1] = np.sin(x[t] * p[1])
        x[t] = x[t] ** 2 * x[t + 1]
    return np.sum(x**3) * p[2]


def cleared(p: Any, y: Any) -> Any:
    """The whole array changes in each iteration."""
    x = np.zeros(len(y) + 1)
    x[0] = p[0]
    for t in range(len(y)):
        x[t + 1] = np.sin(x[t] * p[1])
        x *= p[2]
    return np.sum(x**2)


def columns(p: Any, y: Any) -> Any:
    """Columns of a table, forward and backward in one array, by two indices."""
    x = np.zeros((2, len(y) + 1, 2))
    x[:, 0] = p[0]
    for t in range(len(y)):
        x[:, t + 1] = np.sin(x[:, t, ::-1]) * p[1] + y[t] * x[::-1, t] * p[2]
    return np.sum(x[:, 1:, 0] * y) + np.sum(x[0] * x[1])


def across(p: Any, y: Any) -> Any:
    """Reads along one axis what is written along the other one."""
    x = np.outer(y, y) * p[0]
    for t in range(len(y) - 1):
        x[:, t + 1] = np.sin(x[t]) * p[1] + p[2] * x[:, t]
    return np.sum(x**2)


def lags(p: Any, y: Any) -> Any:
    """The last elements, by a loop inside that starts where there are enough of them."""
    e = np.zeros(len(y))
    for t in range(2, len(y)):
        mean = p[2]
        for k in range(2):
            mean += p[k] * np.sin(e[t - 1 - k])
        e[t] = y[t] - mean**2
    return np.sum(e**2)


def guarded_lags(p: Any, y: Any) -> Any:
    """A condition spares the elements before the first."""
    e = np.zeros(len(y))
    for t in range(len(y)):
        mean = p[2]
        for k in range(2):
            if t - k > 0 and p[k] > 0:
                mean += p[k] * np.sin(e[t - k - 1])
        e[t] = y[t] - mean**2
    return np.sum(e**2)


def slice_of_lags(p: Any, y: Any) -> Any:
    e = np.ones(len(y) + 3) * p[0]
    for t in range(len(y)):
        e[t + 3] = y[t] - p @ np.sin(e[t : t + 3][::-1])
    return np.sum(e**2)


def all_before(p: Any, y: Any) -> Any:
    """Forward substitution: a row reads all that were solved before."""
    x = np.zeros(len(y))
    for i in range(len(y)):
        x[i] = (y[i] - p[0] * (y[:i] @ np.cos(x[:i]))) / p[1]
    return np.sum(x**3) * p[2]


def memory(p: Any, y: Any) -> Any:
    """The same by a loop, whose length is the place that is filled."""
    x = np.zeros(len(y))
    for i in range(len(y)):
        total = p[0]
        for j in range(i):
            total += np.exp(-p[1] * (i - j)) * x[j] ** 2
        x[i] = np.tanh(total * y[i])
    return np.sum(x) * p[2]


def where_before(p: Any, y: Any) -> Any:
    """The same by a loop over all, with a condition."""
    x = np.zeros(len(y))
    for i in range(len(y)):
        total = p[0]
        for j in range(len(y)):
            if i > j:
                total += p[1] * x[j] ** 2 * y[i - j]
        x[i] = np.tanh(total)
    return np.sum(x) * p[2]


def substituted_back(p: Any, y: Any) -> Any:
    x = np.zeros(len(y))
    for i in range(len(y) - 1, -1, -1):
        total = y[i]
        for j in range(i + 1, len(y)):
            total -= p[0] * y[j - i] * np.sin(x[j])
        x[i] = total / p[1]
    return np.sum(x**2) * p[2]


def lags_from_the_end(p: Any, y: Any) -> Any:
    """The first iterations read elements that the last ones overwrite."""
    e = y * p[2]
    for t in range(len(y)):
        mean = 0.0
        for k in range(2):
            mean += p[k] * np.sin(e[t - 1 - k])
        e[t] = y[t] - mean**2
    return np.sum(e**2)


def up_to_itself(p: Any, y: Any) -> Any:
    """The loop inside reads the element that is overwritten behind it, too."""
    x = y * p[0]
    for i in range(len(y)):
        total = 0.0
        for j in range(i + 1):
            total += p[1] * x[j] ** 2
        x[i] = np.tanh(total)
    return np.sum(x) * p[2]


def slice_ahead(p: Any, y: Any) -> Any:
    x = y * p[0]
    for t in range(len(y) - 1):
        x[t] = np.sum(np.sin(x[t : t + 2])) * p[1]
    return np.sum(x**2) * p[2]


def wrong_guard(p: Any, y: Any) -> Any:
    """The condition lets the last element be read, before it is overwritten."""
    e = y * p[0]
    for t in range(len(y)):
        mean = p[2]
        if t >= 0:
            mean += p[1] * np.sin(e[t - 1])
        e[t] = y[t] * mean
    return np.sum(e**2)


def filled_inside(p: Any, y: Any) -> Any:
    """A loop inside writes, over and over."""
    x = y * p[0]
    for _ in range(2):
        for t in range(1, len(y)):
            x[t] = np.sin(x[t - 1]) * p[1] + p[2] * x[t]
    return np.sum(x**2)


def lags_of_two(p: Any, y: Any) -> Any:
    """The array is read as a whole, too."""
    e = np.ones(len(y) + 1)
    for t in range(len(y)):
        total = 0.0
        for k in range(1):
            total += p[k] * e[t - k] ** 2
        e[t + 1] = np.sin(total + p[1] * np.sum(e**2))
    return np.sum(e**2) * p[2]


KEPT = (
    path, rows, just_written, backwards, early, columns, lags, guarded_lags, slice_of_lags,
    all_before, memory, where_before, substituted_back,
)  # fmt: skip
RECORDED = (
    wrapped, same_row, ahead, backwards_behind, twice, cleared, across, lags_from_the_end,
    up_to_itself, slice_ahead, wrong_guard, filled_inside, lags_of_two,
)  # fmt: skip
Y = np.random.default_rng(8).uniform(0.2, 0.9, 6)
P = np.array([0.7, 0.4, 0.9])


def derived(function: Callable[..., Any]) -> Program:
    program = pipeline.before(read(function, signature_of(function, P, Y)).program)
    made = differentiate(program, program.inputs[:1])
    verify(made)
    return made


def stacks(program: Program) -> int:
    """How many values the loops record."""
    return sum(
        n.params.stacked for n in toposort(program.outputs) if isinstance(n.params, Loop | While)
    )


@pytest.mark.parametrize("function", [*KEPT, *RECORDED], ids=lambda f: f.__name__)
def test_gradients_are_right(function: Callable[..., Any]) -> None:
    made = derived(function)
    assert (stacks(made) == 0) == (function in KEPT)
    value, gradient = evaluate(made, (P, Y))
    np.testing.assert_allclose(value, function(P, Y), rtol=1e-13)
    step = 1e-6
    for k, unit in enumerate(np.eye(3)):
        slope = (function(P + step * unit, Y) - function(P - step * unit, Y)) / (2 * step)
        np.testing.assert_allclose(gradient[k], slope, rtol=1e-7, atol=1e-9)
    optimized = evaluate(pipeline.run(made), (P, Y))
    np.testing.assert_allclose(optimized[1], gradient, rtol=1e-13)


@pytest.mark.parametrize("function", [path, rows, backwards, columns], ids=lambda f: f.__name__)
def test_no_step_copies_the_array(function: Callable[..., Any]) -> None:
    """The row that a step reads and writes is kept in place of the array, in the adjoint too."""
    made = pipeline.run(derived(function))
    (size,) = made.inputs[1].array.shape
    kernel = plan(made, name="f", sizes=[AxisSize(str(size), 1, 0)], blas=False)
    shapes = {s.buffer: s.shape for s in walk(kernel.body) if isinstance(s, Allocate)}
    loops = [s for s in kernel.body if isinstance(s, For)]
    copied = [s.target for loop in loops for s in walk(loop.body) if isinstance(s, CopyInto)]
    assert not [name for name in copied if any(not d.is_constant for d in shapes[name])]
