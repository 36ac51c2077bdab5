"""Sums over one of two axes that may be exchanged: which are one sum, and that values stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Program
from codegen_ad.ops.reduction import SUM, Reduce
from codegen_ad.passes.symmetry import RULES
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import plain_value, reference, stages_of

X = np.random.default_rng(3).normal(size=(7, 3))
Z = np.random.default_rng(4).normal(size=(7, 3))


def forces(x, m):
    apart = x[:, None, :] - x[None, :, :]
    distance = np.sqrt((apart**2).sum(axis=2) + 0.01)
    return ((m[:, None] + m) / distance).sum()


def kernel(x, m):
    apart = x[:, None] - x
    return (np.exp(-0.5 * np.einsum("ijk,ijk->ij", apart, apart)) * m[0]).sum()


def shear(x, m):
    """Odd functions of differences, weighted by something odd again."""
    apart = x[:, 0, None] - x[:, 0]
    return (np.tanh(apart) * np.arctan(m[:, None] - m) * np.maximum(apart**2, 1.0)).sum()


def gram(x, m):
    """`x @ x.T` is symmetric."""
    square = m * m
    return np.sin(square[:, None] + square - 2 * x @ x.T).sum()


def others(x, m):
    """Only pairs of two different ones."""
    i = np.arange(len(x))
    square = ((x[:, None] - x) ** 2).sum(axis=-1)
    return np.where(i[:, None] != i, np.sqrt(np.where(i[:, None] != i, square, 1.0)), 0.0).sum()


SYMMETRIC = [forces, kernel, shear, gram, others]


def one_sided(x, m):
    """Weights that say which of the two is meant."""
    apart = x[:, None, :] - x[None, :, :]
    return (m[:, None] * np.sqrt((apart**2).sum(axis=2) + 0.01)).sum()


def ordered(x, m):
    i = np.arange(len(x))
    square = ((x[:, None] - x) ** 2).sum(axis=-1)
    return np.where(i[:, None] < i, square * m, 0.0).sum()


def over_differences(x, m):
    """`1 / 0` of a difference has one sign, whichever way the difference is taken."""
    apart = x[:, 0, None] - x[:, 0]
    return (m[:, None] * m * np.cbrt(1 / (apart + 0.0))).sum()


def of_two(x, m):
    return np.exp(-((x[:, None] - np.sin(x)) ** 2)).sum() * m[0]


NOT_SYMMETRIC = [one_sided, ordered, over_differences, of_two]


def first_axis_sums(program: Program) -> int:
    """How many sums over the first of two equal axes there are."""
    found = 0
    for node in program.nodes():
        if node.op is SUM and node in program.notes.gradients:
            assert isinstance(node.params, Reduce)
            shape = node.args[0].array.shape
            if node.params.axes == (0,) and len(shape) > 1 and shape[0] == shape[1]:
                found += 1
    return found


def case_of(function: Any) -> Case:
    return Case(function, lambda n, rng: (X, X[:, 0]), ("x", "m"))


@pytest.mark.parametrize("function", SYMMETRIC, ids=lambda f: f.__name__)
def test_symmetric(function: Any) -> None:
    stages = stages_of(case_of(function), (X, X[:, 0]))
    assert stages.rewrites[RULES[0].text] > 0
    assert not first_axis_sums(stages.optimized)


@pytest.mark.parametrize("function", NOT_SYMMETRIC, ids=lambda f: f.__name__)
def test_not_symmetric(function: Any) -> None:
    stages = stages_of(case_of(function), (X, X[:, 0]))
    assert not stages.rewrites[RULES[0].text]


@pytest.mark.parametrize("function", SYMMETRIC + NOT_SYMMETRIC, ids=lambda f: f.__name__)
def test_gradients_stay(function: Any) -> None:
    """Against central differences along random directions."""
    case = case_of(function)
    if function is over_differences:
        return  # 1 / 0
    args = (Z, Z[:, 0].copy())
    value, d_x, d_m = reference(case, args)
    np.testing.assert_allclose(value, plain_value(case, args), rtol=1e-12)
    rng = np.random.default_rng(0)
    for _ in range(3):
        v, w = rng.normal(size=Z.shape), rng.normal(size=len(Z))
        h = 1e-5
        up, down = (function(Z + s * h * v, args[1] + s * h * w) for s in (1, -1))
        slope = (d_x * v).sum() + (d_m * w).sum()
        np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-7)


def test_one_over_the_difference_of_equal_numbers() -> None:
    """The diagonal is infinite with one sign: both sums are computed."""
    stages = stages_of(case_of(over_differences), (X, X[:, 0]))
    value, *_ = evaluate(stages.optimized, [X, X[:, 0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_equal(value, over_differences(X, X[:, 0]))
