"""Derivatives divided by one array share its reciprocal; values are divided as they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Node, Program, toposort
from codegen_ad.passes.pipeline import run
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import inputs_of, stages_of

RNG = np.random.default_rng(6)


def several(x, y):
    """Both derivatives are divided by y, and the second one again."""
    return np.sum(np.sin(x / np.sqrt(y)))


def along(x, y):
    """One quotient divides three numbers of each row by one."""
    return np.sum(np.cos(x / y[:, :1]))


def once(x, y):
    """A single quotient, and sizes, which are numbers."""
    return np.sum(np.log(y)) / len(x) + np.mean(x**2)


def in_steps(x, y):
    for _ in range(3):
        x = x / np.sqrt(0.5 + y**2)
    return np.sum(x**2)


def divisions(program: Program) -> tuple[int, int]:
    """How many quotients of arrays there are in values and in derivatives, regions included."""
    found = [0, 0]

    def count(outputs: tuple[Node, ...]) -> None:
        for node in toposort(outputs):
            if node.op.name == "divide" and node.args[1].array.rank:
                found[node in program.notes.gradients] += 1
            for region in node.regions:
                count(region.outputs)

    count(program.results)
    return found[0], found[1]


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [
        (several, (1, 2), (1, 1)),
        (along, (1, 1), (1, 1)),
        (once, (0, 1), (0, 1)),
        (in_steps, (1, 2), (1, 1)),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_one_division(function: Any, before: Any, after: Any) -> None:
    args = (RNG.normal(size=(4, 3)), 0.5 + RNG.random((4, 3)))
    case = Case(function, lambda n, rng: args, ("x", "y"))
    stages = stages_of(case, args, "value_and_grad")
    exact = run(stages.derived, granted=frozenset())
    assert divisions(stages.optimized) == after
    assert divisions(exact) == before
    given = inputs_of(case, args, stages)
    for value, wanted in zip(
        evaluate(stages.optimized, given), evaluate(exact, given), strict=True
    ):
        np.testing.assert_allclose(value, wanted, rtol=4e-15, atol=1e-300)
    np.testing.assert_array_equal(evaluate(stages.optimized, given)[0], function(*args))
