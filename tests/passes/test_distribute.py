"""Loops that keep records are taken apart at products that no step waits for, and stay the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derivation import derivation
from codegen_ad.ir.node import Kind, Program
from codegen_ad.ir.verify import verify
from codegen_ad.passes.pipeline import run
from codegen_ad.paths import targets as find_targets
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import derivatives

N, INPUTS = 20, 18
RNG = np.random.default_rng(6)
A, C = (0.2 * RNG.normal(size=(N, N)) for _ in range(2))
B = 0.2 * RNG.normal(size=(N, INPUTS))
X = RNG.normal(size=(23, INPUTS))


def foretold(A, B, C, x):
    """Fewer steps than rows; a number that decays goes with the second part.

    Two columns of `C` are too few for a product of matrices: their adjoint stays in its loop.
    """
    h, weight, total = np.zeros(len(A)), 1.0, 0.0
    for t in range(len(x) - 1):
        h = np.tanh(A @ h + B @ x[t])
        weight = 0.9 * weight
        total += weight * ((h @ C)[:2] * x[t + 1, :2]).sum()
    return total


def backwards(A, B, C, x):
    h = np.zeros(len(A))
    for t in range(len(x)):
        h = np.tanh(h @ A + B @ x[len(x) - 1 - t])
    return (C @ h).sum()


def delayed(A, B, C, x):
    """What the step before looked at; a matrix that two layers share."""
    h, g, before = np.zeros(len(A)), np.zeros(len(A)), x[0]
    for t in range(len(x)):
        h = np.tanh(A @ h + B @ before)
        g = np.tanh(C @ g + A.T @ h)
        before = x[t]
    return (g * h).sum() + before.sum()


def looked_up(A, B, C, x):
    """Rows that data choose, and a costly function of the others."""
    h, total = np.zeros(len(A)), 0.0
    for t in range(len(x)):
        row = int(abs(x[t, 0]) * 5) % len(C)
        h = np.tanh(np.concatenate([A, B], axis=1) @ np.concatenate([h, np.sin(x[t])]) + A @ C[row])
        total += h[3]
    return total


def tower(A, B, C, x):
    """Three layers, each on the one below, and what all of them add up to."""
    low, middle, high = np.zeros(len(A)), np.zeros(len(A)), np.zeros(len(A))
    total = np.zeros(len(A))
    for t in range(len(x)):
        low = np.tanh(A @ low + B @ x[t])
        middle = np.tanh(C @ middle + A @ low)
        high = np.tanh(A @ high + C @ (middle * low))
        total += low + high
    return (total**2).sum()


def mutual(A, B, C, x):
    """Every product waits for the other one."""
    p = q = np.zeros(len(A))
    for _ in range(len(x)):
        p = np.tanh(A @ q)
        q = np.tanh(C @ p + B[:, 0])
    return q.sum()


def chosen(A, B, C, x):
    """A step with a branch stays."""
    h = np.zeros(len(A))
    for t in range(len(x)):
        if x[t, 0] > 0:
            h = np.tanh(A @ h)
        h = h + B @ x[t]
    return (C @ h).sum()


def made(function: Callable[..., Any], mode: str) -> tuple[Program, Program, list[Any]]:
    """The program of a mode with its loops as they are, the same taken apart, and its inputs."""
    case = Case(function, lambda n, rng: (A, B, C, X), ("A", "B", "C"))
    found = derivatives(case)
    binder = found.kernels.binder
    signature = binder.form(binder.bind((A, B, C, X), {}))
    targets = find_targets(signature, binder.wrt)
    stages = derivation(function, signature, mode, found.options, targets, lambda *_: None)
    program = stages.derived.program
    return run(program), run(program, distributed=True), [A, B, C, X]


def kinds(program: Program) -> Counter[Kind]:
    """How many operations of each kind stand outside of loops."""
    return Counter(n.op.kind for n in program.nodes())


@pytest.mark.parametrize(
    ("function", "loops"),
    [
        (foretold, 3), (backwards, 2), (delayed, 5), (looked_up, 4), (tower, 6),
        (mutual, 2), (chosen, 2),
    ],
)  # fmt: skip
def test_parts(function: Callable[..., Any], loops: int) -> None:
    whole, parts, given = made(function, "value_and_grad")
    verify(parts)
    assert kinds(whole)[Kind.LOOP] == 2
    assert kinds(parts)[Kind.LOOP] == loops
    taken_out = kinds(parts)[Kind.CONTRACT] - kinds(whole)[Kind.CONTRACT]
    assert (taken_out > 0) == (function not in (mutual, chosen))
    for steps in (len(X), 2, 1):
        given[3] = X[:steps]
        np.testing.assert_allclose(evaluate(parts, given)[0], function(*given), rtol=1e-13)
        for one, two in zip(evaluate(parts, given), evaluate(whole, given), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-13)


def test_a_value_alone_keeps_nothing_of_its_steps() -> None:
    whole, parts, _ = made(tower, "value")
    assert kinds(parts) == kinds(whole)
