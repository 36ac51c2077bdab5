"""Loops add to variables where they would add to elements of arrays at places that stay.

The same kernels without that give the reference, beside NumPy's differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.ir.dims import AxisSize, Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    For,
    Kernel,
    Load,
    Note,
    Number,
    Parameter,
    Statement,
    Tiles,
    While,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying import promote
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of


def memory(p, x):
    """What was before acts on with a kernel that fades; the inner loop has no fixed length."""
    n = x.shape[0]
    y = np.zeros(n)
    total = 0.0
    for t in range(n):
        s = 0.0
        for k in range(t):
            s += p[0] * np.exp(-p[1] * (t - k)) * y[k]
        y[t] = np.tanh(x[t] + s)
        total += (y[t] - p[2]) ** 2
    return total


def twelve_parameters(p, x):
    """Constant places of an array of which only a call tells the length."""
    y = np.zeros(len(x))
    for t in range(1, len(x)):
        for k in range(t):
            y[t] += np.sin(p[10] * y[k]) * p[3] + p[11] * x[k]
        y[t] = np.tanh(y[t] * p[0])
    return (y * x).sum()


def in_branches(p, x):
    """Some terms are only there where data say so, and the last parameter has none at all."""
    y = np.zeros(len(x))
    for t in range(1, len(x)):
        for k in range(t):
            if x[k] > 0.0:
                y[t] += p[0] * np.cos(y[k] * p[1])
            else:
                y[t] -= p[1] * y[k] ** 2
    return (y**2).sum()


def place_of_the_outer_loop(p, x):
    """The inner loop adds to one element, the outer one to another in each trip."""
    y = np.zeros(len(x))
    for i in range(len(p)):
        for k in range(1, len(x)):
            y[k] = np.tanh(y[k - 1] * p[i] + x[k] * p[i] ** 2)
    return y.sum()


def places_that_may_meet(p, x):
    """Data name two places, and only a call tells whether they are one."""
    a, b = int(x[0] > 0.0), int(x[1] > 0.0)
    y = np.zeros(len(x))
    for k in range(1, len(x)):
        y[k] = np.sin(y[k - 1] * p[a] + p[b] * x[k])
    return (y**2).sum() + p[2]


def from_the_end(p, x):
    """No trip reads the element where x has one element: there may be none to add to."""
    y = np.zeros(len(x))
    for i in range(len(x)):
        for k in range(i):
            y[i] += np.exp(-p[0] * y[k]) * x[i - 1] + p[len(p) - 1]
    return (y**2).sum()


FUNCTIONS = (memory, twelve_parameters, in_branches, place_of_the_outer_loop,
             places_that_may_meet, from_the_end)  # fmt: skip


def arguments(function: Any, rows: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    count = 12 if function is twelve_parameters else 4
    return rng.uniform(0.2, 0.6, size=count), rng.normal(size=rows)


def case_of(function: Any) -> Case:
    return Case(function, lambda n, _: arguments(function, n), wrt=("p", "x"))


def sums_in_memory(statements: list[Statement]) -> list[Statement]:
    """What loops add to elements of arrays at constant places."""
    found: list[Statement] = []
    for loop in walk(statements):
        if isinstance(loop, For | While):
            for s in walk(loop.body):
                match s:
                    case Accumulate(Load(indices=at), "sum") if all(d.is_constant for d in at):
                        found.append(s)
                    case _:
                        pass
    return found


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_numbers(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(function)
    promoted = {rows: interpreted(case, arguments(function, rows)) for rows in (2, 3, 9)}
    with monkeypatch.context() as patch:
        patch.setattr(promote, "MOST", 0)
        plain = interpreted(case, arguments(function, 9))
    for rows, kernel in promoted.items():
        args = arguments(function, rows)
        value, gradients = kernel(*args)
        same, others = plain(*args)
        assert value == same
        np.testing.assert_allclose(value, function(*args), rtol=1e-13)
        for found, other, wanted in zip(
            gradients, others, numeric_gradients(case, args), strict=True
        ):
            np.testing.assert_allclose(found, other, rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(found, wanted, rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("function", [memory, twelve_parameters])
def test_no_loop_adds_to_an_element_that_stays(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = arguments(function, 9)
    assert not sums_in_memory(stages_of(case_of(function), args).kernel.body)
    monkeypatch.setattr(promote, "MOST", 0)
    assert sums_in_memory(stages_of(case_of(function), args).kernel.body)


def behind(loop: For | While | Tiles) -> list[Statement]:
    """What `promote` leaves of a loop that is a kernel's body, with an array made before it."""
    made = Allocate("d", (Dim.symbol("n"),), DType.FLOAT64, 0.0, Note())
    size = AxisSize("n", "x", 0)
    shape = (Dim.symbol("n"),)
    parameter = Parameter("x", DType.FLOAT64, shape, 1)
    kernel = Kernel("k", (parameter,), (size,), [made, loop], (), (), (), ())
    promote.promote(kernel, Names(), {})
    return kernel.body[1:]


def adding(at: Dim) -> For:
    """Half a number is added to an element for each row before the last one."""
    target = Load("d", (at,), DType.FLOAT64)
    add = Accumulate(target, "sum", Number("0.5", DType.FLOAT64), Note())
    return For("k", Dim.symbol("n") - 1, [add], Note())


def test_places_that_may_not_exist_stay() -> None:
    """Without a trip there may be no such element, and none must be touched."""
    assert len(behind(adding(Dim.constant(0)))) == 1
    assert len(behind(adding(Dim.symbol("n") - 1))) == 1
    assert len(behind(adding(Dim.symbol("j")))) == 1
    outer = For("j", Dim.symbol("n"), [adding(Dim.symbol("j"))], Note())
    assert behind(outer) == [outer]
    assert [type(s) for s in outer.body] == [Assign, For, Accumulate]


def test_places_of_which_two_may_be_one_stay() -> None:
    """`d[j]` and `d[n - 1 - j]` meet in the middle, `d[j]` and `d[j + 1]` never do."""
    j, n = Dim.symbol("j"), Dim.symbol("n")
    for other, count in ((n - 1 - j, 1), (j + 1, 5)):
        inner = adding(j)
        inner.body += adding(other).body
        outer = For("j", n - 1, [inner], Note())
        behind(outer)
        assert len(outer.body) == count


def test_single_precision_is_added_up_in_double() -> None:
    args = arguments(memory, 9)
    single = tuple(a.astype("f4") for a in args)
    assert not sums_in_memory(stages_of(case_of(memory), single).kernel.body)
    value, gradients = interpreted(case_of(memory), single)(*single)
    wide, wanted = interpreted(case_of(memory), args)(*args)
    np.testing.assert_allclose(value, wide, rtol=2e-6)
    for found, exact in zip(gradients, wanted, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)
