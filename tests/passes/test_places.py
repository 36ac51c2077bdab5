"""Places in transposed arrays: what the rules make of them, and that values stay."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.reverse import differentiate as derived
from codegen_ad.frontend.reader import read
from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.node import toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops.control import Loop
from codegen_ad.ops.movement import TRANSPOSE
from codegen_ad.passes import pipeline
from codegen_ad.plan.build import plan
from codegen_ad.plan.kernel import Allocate, CopyInto, For, walk
from tests.frontend.running import signature_of

X = np.random.default_rng(4).normal(size=(4, 4, 4))
I = np.array([0, 2, 2, -1])  # noqa: E741
J = np.array([[1, -2], [3, 3]])


def column(x: Any, i: Any) -> Any:
    return (np.sin(x[:, i[1]]) * x[:, :, i[2]]).sum()


def columns(x: Any, i: Any) -> Any:
    return (np.sin(x[:, i]) * x[:, :, i].transpose(0, 2, 1)).sum()


def apart(x: Any, i: Any) -> Any:
    """NumPy puts the axes of what is picked first where a slice stands between indices."""
    return (x[i, :, i[::-1]] ** 3 * x[0]).sum()


def turned(x: Any, i: Any) -> Any:
    return (np.cos(x.transpose(2, 0, 1)[i]) * x.T[1, i]).sum()


def stretched(x: Any, i: Any) -> Any:
    """Axes of size 1, and an index of size 1."""
    return (x[:, None, i] * x[..., i[:1], :]).sum() + (x[:1].T[i, 1:, 0] ** 2).sum()


def written(x: Any, i: Any) -> Any:
    y = x * 2.0
    y[:, i] = np.sin(x[:, ::-1])
    y.T[i[2]] = x[1]
    y[:, :, i[3]] *= x[..., 0]
    y[1:, i[0], 2] += y[:-1, i[0], 1]
    return (y * y).sum() + (y[:, 0] ** 3).sum()


def strided(x: Any, i: Any) -> Any:
    """A part of a transposed array is added to."""
    y = x**2
    y.transpose(1, 2, 0)[1:3, ::2] += np.sin(x[:, 1:3, ::2].transpose(1, 2, 0))
    return (y * y).sum()


FUNCTIONS = (column, columns, apart, turned, stretched, written, strided)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_stay(function: Callable[..., Any]) -> None:
    before = read(function, signature_of(function, X, I)).program
    program = pipeline.before(before)
    verify(program)
    gradient = pipeline.run(derived(program, program.inputs[:1]))
    verify(gradient)
    np.testing.assert_allclose(evaluate(gradient, (X, I))[0], function(X, I), rtol=1e-13)
    plain = derived(before, before.inputs[:1])
    found, expected = (evaluate(made, (X, I))[1] for made in (gradient, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def by_table(p: Any, seen: Any) -> Any:
    """The forward algorithm of a hidden Markov model reads a column of a table in each step."""
    a = p[0]
    total = 0.0
    for t in range(len(seen)):
        a = (a @ p) * p[:, seen[t]]
        total += np.log(a.sum())
        a = a / a.sum()
    return total


def filled(p: Any, seen: Any) -> Any:
    """Each step writes a column, from one that data point to."""
    x = np.zeros((len(p), len(seen) + 1))
    x[:, 0] = p[0]
    for t in range(len(seen)):
        x[:, t + 1] = np.tanh(p @ x[:, seen[t]]) + x[:, t]
    return (x**2).sum()


def parts(p: Any, seen: Any) -> Any:
    """Rows and columns of a part of the table, and of the table in another shape."""
    total = 0.0
    for t in range(len(seen)):
        total = 0.5 * total * np.sin(p[1:-1][seen[t], 2:]).sum() + (p[:, 1:][:, seen[t]] ** 2).sum()
        total += p.reshape((-1, 3, 3))[seen[t] - 1, 0, 0]
    return total


P = np.random.default_rng(5).uniform(0.1, 1.0, (9, 9))
SEEN = np.array([0, 0, 1, 2, -3, 5])


@pytest.mark.parametrize("function", [by_table, filled, parts], ids=lambda f: f.__name__)
def test_no_step_touches_the_whole_table(function: Callable[..., Any]) -> None:
    before = pipeline.before(read(function, signature_of(function, P, SEEN)).program)
    made = pipeline.run(derived(before, before.inputs[:1]))
    bodies = [n.params.body for n in toposort(made.outputs) if isinstance(n.params, Loop)]
    assert not [n for body in bodies for n in toposort(body.outputs) if n.op is TRANSPOSE]
    (side, _), (trips,) = (i.array.shape for i in made.inputs)
    kernel = plan(
        made, name="f", sizes=[AxisSize(str(side), 0, 0), AxisSize(str(trips), 1, 0)], blas=False
    )
    shapes = {s.buffer: s.shape for s in walk(kernel.body) if isinstance(s, Allocate)}
    inside = [s for one in kernel.body if isinstance(one, For) for s in walk(one.body)]
    assert not [s for s in inside if isinstance(s, CopyInto) and len(shapes[s.target]) > 1]


def everything(x: Any, i: Any, p: Any, seen: Any) -> Any:
    return columns(x, i) + written(x, i) + filled(p, seen) + parts(p, seen)


def test_compiled() -> None:
    given = X, I, P, np.array([0, 2, 1, -1])
    program = read(everything, signature_of(everything, *given)).program
    expected = evaluate(derived(program, [program.inputs[0], program.inputs[2]]), given)
    value, gradients = differentiate(wrt=("x", "p"))(everything).value_and_grad(*given)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    for found, known in zip(gradients, expected[1:], strict=True):
        np.testing.assert_allclose(found, known, rtol=1e-10, atol=1e-12)


def test_bad_places_in_a_part() -> None:
    for bad in (7, -8):  # of the part, not of the table
        with pytest.raises(IndexError, match="axis 0"):
            differentiate(wrt="p")(parts).value(P, np.array([0, bad]))


def last_seen(p: Any, seen: Any) -> Any:
    return p[:, seen[-1]].sum()


def test_the_axis_of_a_bad_index() -> None:
    with pytest.raises(IndexError, match="axis 1"):
        differentiate(wrt="p")(last_seen).value(P, np.array([0, 9]))
