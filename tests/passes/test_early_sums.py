"""Sums go before the contractions whose results they add up, where that is less work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Node, Program, toposort
from codegen_ad.ops.reduction import Contract
from codegen_ad.passes.early_sums import NAME
from codegen_ad.passes.pipeline import run
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import inputs_of, stages_of

RNG = np.random.default_rng(7)


def shifted(x, m, w):
    """The gradient of what shifts every row is a sum over the rows of cotangents times w."""
    return np.sum(np.sin((x - m) @ w))


def mixed(x, m, w):
    """Two users of the shifted rows: the sum of their cotangents is summed in parts."""
    c = x - m
    return np.sum(np.sin(c @ w + m[0] * c) ** 2)


def scaled(x, m, w):
    """A factor that all rows share stays outside."""
    return np.sum(np.cos(((x - m) * (2.0 + np.arange(3.0))) @ w))


def added(x, m, w):
    """A user's own sum over the rows of a product of matrices, all divided by the same."""
    return np.sum(np.tanh(np.sum(x @ w / (1.0 + np.arange(3.0)), axis=0) + m))


def everywhere(x, m, w):
    """Both axes of the result: each operand is summed by itself."""
    return np.sum(x @ w) ** 2 * m[0]


def in_steps(x, m, w):
    for _ in range(2):
        m = m + np.sum(np.sin(x - m) @ w, axis=0)
    return np.sum(m**2)


def several_parts(x, m, w):
    """An axis that both operands have is not summed early, the rows are."""
    c = x[:, None, :] - np.stack((m, 2.0 * m))
    scales = np.stack((w, w.T))
    return np.sum(np.exp(-(np.einsum("kij,nkj->nki", scales, c) ** 2).sum(axis=2)))


def used_twice(x, m, w):
    """What is there anyway is added up as it is."""
    z = x @ w
    return np.sum(np.sum(z, axis=0) ** 2) + np.sum(np.exp(-(z**2))) + m[0]


def differences(x, m, w):
    """Terms of the user's may be small differences of large numbers: they are added as they are."""
    return np.sum(np.sum(x @ w - x, axis=0) ** 2) + m[0]


def by_a_vector(x, m, w):
    """Nothing is gained: the sum would take as many additions as the product multiplications."""
    return np.sum(x @ m) ** 2 * w[0, 0]


def longest(program: Program) -> int:
    """The most labels that a contraction runs over, regions included."""

    def labels(outputs: tuple[Node, ...]) -> Iterator[int]:
        for node in toposort(outputs):
            if isinstance(node.params, Contract):
                yield len({n for operand in node.params.operands for n in operand})
            for region in node.regions:
                yield from labels(region.outputs)

    return max(labels(program.results), default=0)


GAINED = (shifted, mixed, scaled, added, everywhere, in_steps, several_parts)
LEFT = (used_twice, differences, by_a_vector)


def check(function: Any, rows: int) -> tuple[Program, Counter[str]]:
    """Compare with the program that no rule touched; what was made, and what made it."""
    args = (RNG.normal(size=(rows, 3)), RNG.normal(size=3), RNG.normal(size=(3, 3)))
    case = Case(function, lambda n, rng: args, ("m", "w"))
    stages = stages_of(case, args, "value_and_grad")
    fired: Counter[str] = Counter()
    program = run(stages.derived, fired=fired, check=True)
    exact = run(stages.derived, granted=frozenset())
    given = inputs_of(case, args, stages)
    for value, wanted in zip(evaluate(program, given), evaluate(exact, given), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-13, atol=1e-13)
    return program, fired


@pytest.mark.parametrize("function", [*GAINED, *LEFT], ids=lambda f: f.__name__)
def test_sums_are_early_where_that_is_less_work(function: Any) -> None:
    _, fired = check(function, 5)
    assert bool(fired[NAME]) == (function in GAINED)


@pytest.mark.parametrize("function", GAINED, ids=lambda f: f.__name__)
def test_sums_of_no_rows_and_of_one(function: Any) -> None:
    check(function, 0)
    check(function, 1)


def test_no_product_of_matrices_is_left() -> None:
    """The value alone of a sum of a product, and a product for w, are of vectors."""
    program, _ = check(everywhere, 5)
    assert longest(program) == 1
