"""Arrays that an adjoint restores, putting back what each iteration has overwritten."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive import loops, restoring
from codegen_ad.derive.reverse import differentiate
from codegen_ad.frontend.reader import read
from codegen_ad.ir.node import Program
from codegen_ad.ir.verify import verify
from codegen_ad.passes import pipeline
from tests.end_to_end.cases import Case
from tests.frontend.running import signature_of
from tests.property.other_modes import kernel

Function = Callable[..., Any]


def tree(p: Any, x: Any, first: Any, second: Any) -> Any:
    """Nodes of a tree from those that data name."""
    table = np.zeros((len(first) + len(x), x.shape[1]))
    table[: len(x)] = x * p[0]
    children = np.column_stack((first, second, first))
    for k in range(len(first)):
        joined = np.ones(x.shape[1])
        for child in children[k]:
            joined *= np.sin(table[child] @ p) + p[1] * table[child]
        table[k + len(x)] = joined / (1.0 + joined.sum() ** 2)
    return np.sum(table[-1] ** 2)


def places_again(p: Any, x: Any, first: Any, second: Any) -> Any:
    """Two writes in each step, to rows that were written before, and one of them twice."""
    rows = x * p[1]
    total = 0.0
    for a, c in zip(first % len(x), second % len(x), strict=True):
        far = np.tanh(rows @ p)
        rows[a] = rows[a] * p[0] + far.sum()
        rows[c] += np.cos(rows[a]) * rows[c]
        rows[a] *= 0.5
        total += far @ far
    return total + np.sum(rows)


def columns(p: Any, x: Any, first: Any, second: Any) -> Any:
    """A part that is the same in each step, written with its own last value."""
    grid = x * 1.0
    for a in first % len(x):
        grid[:, 1] = np.sin(grid @ p) + grid[a] @ p
    return np.sum(grid**2)


def doubled(p: Any, x: Any, first: Any, second: Any) -> Any:
    """Places of one write that may be the same."""
    rows = x * p[2]
    for a, c in zip(first % len(x), second % len(x), strict=True):
        places = np.array([a, c])
        values = np.tanh(rows @ p)
        np.add.at(rows, places, np.outer(values[places], p))
    return np.sum(np.sin(rows))


def until(p: Any, x: Any, first: Any, second: Any) -> Any:
    """A loop that data end."""
    rows = x * 1.0
    k = 0
    while k < len(first) and np.sum(rows) < 1e6:
        a = first[k] % len(x)
        rows[a] = np.sin(rows @ p) @ rows * 0.3
        k += 1
    return np.sum(rows**2) + rows[0] @ p


def exchanged(p: Any, x: Any, first: Any, second: Any) -> Any:
    """A table of integers, too: what data name changes with the steps."""
    order = np.arange(len(x))
    rows = x * p[0]
    for a, c in zip(first % len(x), second % len(x), strict=True):
        mixed = np.sin(rows[order] @ p)
        held = order[a]
        order[a] = order[c]
        order[c] = held
        rows[order[a]] = mixed @ rows
    return np.sum(rows**2 * p)


def in_loops(p: Any, x: Any, first: Any, second: Any) -> Any:
    """Rows within a loop around: both loops' iterations find them as they were."""
    rows = x * p[0]
    total = 0.0
    for s in range(3):
        for a in first % len(x):
            rows[a] = np.tanh(rows @ p) @ rows * (0.4 + 0.1 * s)
        total += np.sum(np.exp(rows * 0.1))
    return total


FUNCTIONS = (tree, places_again, columns, doubled, until, exchanged, in_loops)


def data(n: int, steps: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(4)
    first = rng.integers(0, n + np.arange(steps))
    second = rng.integers(0, n + np.arange(steps))
    return np.array([0.7, 0.4, 0.9]), rng.uniform(0.2, 0.9, (n, 3)), first, second


def derived(function: Function, args: Any) -> Program:
    program = pipeline.before(read(function, signature_of(function, *args)).program)
    made = differentiate(program, program.inputs[:2])
    verify(made)
    return made


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients_are_those_with_records(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = data(5, 6)
    restored: list[int] = []

    def noted(*given: Any) -> Any:
        body, records = restoring.restoring(*given)
        restored.append(len(body.restored))
        return body, records

    monkeypatch.setattr(loops, "restoring", noted)
    made = derived(function, args)
    assert sum(restored) == (2 if function is exchanged else 1)
    with monkeypatch.context() as patch:
        patch.setattr(loops, "restoring", lambda _b, _v, body, records: (body, records))
        other = derived(function, args)
    wanted = evaluate(other, args)
    np.testing.assert_allclose(wanted[0], function(*args), rtol=1e-13)
    for program in (made, pipeline.run(made)):
        for one, two in zip(evaluate(program, args), wanted, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)
    step = 1e-6
    for k, unit in enumerate(np.eye(3)):
        slope = function(args[0] + step * unit, *args[1:])
        slope = (slope - function(args[0] - step * unit, *args[1:])) / (2 * step)
        np.testing.assert_allclose(wanted[1][k], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("function", [tree, places_again, until], ids=lambda f: f.__name__)
def test_kernels(function: Function) -> None:
    """The kernels' text, run by Python, at sizes down to none."""
    case = Case(function, lambda *_: (), wrt=("p", "x"))
    args = data(5, 6)
    found = kernel(case, args, "value_and_grad")
    for steps in (0, 1, 6):
        args = data(5, steps)
        wanted = evaluate(derived(function, args), args)
        for one, two in zip(found(args), wanted, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("function", [columns, until], ids=lambda f: f.__name__)
def test_second_derivatives(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(function, lambda *_: (), wrt=("p",))
    args, tangent = data(4, 3), [np.array([0.3, -0.8, 0.5])]
    found = kernel(case, args, "hvp")(args, tangent)
    monkeypatch.setattr(loops, "restoring", lambda _b, _v, body, records: (body, records))
    for one, two in zip(found, kernel(case, args, "hvp")(args, tangent), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-10)
