"""What is the same in every trip is computed before the loop, where it costs and cannot fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.node import Kind, Node, toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.costs import is_costly
from codegen_ad.passes.before_loops import before_loops
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import inputs_of, plain_value, reference, stages_of

RNG = np.random.default_rng(11)


def noise(p, A, steps):
    """A function of the parameters, and a product of two matrices."""
    P = np.eye(3)
    for _ in range(steps):
        P = (A @ A.T) @ P * 0.1 + np.diag(np.exp(p))
    return P.sum()


def nested(p, A, steps):
    """Out of both loops, and out of the inner one only."""
    total = 0.0
    for k in range(steps):
        row = A[k % 3]
        for j in range(3):
            total = total + np.sin(p)[j] * np.cos(row).sum() * j
    return total


def until(p, A, steps):
    """Conditions of `while`, too."""
    x = 0.0
    while np.real(x) < steps - 3.0 + np.real(np.cos(p).sum()):
        x = x + np.exp(p).sum() * A[0, 0]
    return x * p[1]


def scaled(p, A, steps):
    """A cheap function of a costly one: it is kept, not only the costly one."""
    x = A[0]
    for _ in range(steps):
        x = np.tanh(x * (2.0 * np.exp(p) + 1.0))
    return x.sum()


def spread(p, A, steps):
    """Nine numbers of three: the three are kept."""
    x = A
    for _ in range(steps):
        x = np.tanh(x + np.exp(p)[:, None] + np.sqrt(2.0))
    return x.sum()


def pairs(p, A, steps):
    """More numbers than anything that the loop reads has: nothing is kept."""
    total = 0.0
    for k in range(steps):
        total = total + np.exp(p[:, None, None] - A[None] * p[None, :, None]).sum() * k
    return total


def on_one_side(p, A, steps):
    """A side that is never taken computes nothing."""
    x = p.sum()
    for k in range(steps):
        if x > 100.0 * (k + 1):
            x = x + np.log(p - 100.0).sum()
        x = x * 0.5 + A[0, 0]
    return x


def solved(p, A, steps):
    """What may fail stays: without a trip there is no error."""
    x = p
    for _ in range(steps):
        x = np.linalg.solve(A - A, x)
    return x.sum() * A[0, 0]


MOVED = (noise, nested, until, scaled, spread)
LEFT = (pairs, on_one_side, solved)
TRIED = [(f, n) for f in (*MOVED, *LEFT) for n in (0, 1, 4) if f is not solved or n == 0]


def case_of(function: Any, steps: int) -> tuple[Case, tuple[Any, ...]]:
    args = (RNG.uniform(0.2, 0.9, size=3), RNG.uniform(0.1, 0.8, size=(3, 3)), steps)
    return Case(function, lambda n, rng: args, ("p", "A")), args


def inside(outputs: Sequence[Node]) -> int:
    """How many costly nodes on what stays the same stand in loops."""
    found = 0
    for node in toposort(outputs):
        is_loop = isinstance(node.params, Loop | While)
        for region in node.regions:
            first = node.params.carried + isinstance(node.params, Loop) if is_loop else 0
            varying = set(region.inputs[:first])
            for n in toposort(region.outputs):
                if not varying.isdisjoint(n.needs):
                    varying.add(n)
            fixed = [n for n in toposort(region.outputs) if n not in varying]
            found += is_loop * sum(is_costly(n) or n.op.kind is Kind.CONTRACT for n in fixed)
            found += inside(region.outputs)
    return found


@pytest.mark.parametrize(("function", "steps"), TRIED)
def test_values_keep_their_bits(function: Any, steps: int) -> None:
    case, args = case_of(function, steps)
    stages = stages_of(case, args)
    given = inputs_of(case, args, stages)
    program = stages.reading.program
    moved = before_loops(program)
    verify(moved)
    (value, *_), (wanted, *_) = evaluate(moved, given), evaluate(program, given)
    assert value == wanted
    np.testing.assert_allclose(value, plain_value(case, args), rtol=1e-14)
    before, after = inside(program.results), inside(moved.results)
    assert (before > 0 and after == 0) if function in MOVED else before == after


@pytest.mark.parametrize("function", MOVED, ids=lambda f: f.__name__)
def test_gradients_by_complex_steps(function: Any) -> None:
    case, (p, A, steps) = case_of(function, 4)
    _, d_p, d_A, *_ = reference(case, (p, A, steps))
    along_p, along_A = RNG.normal(size=3), RNG.normal(size=(3, 3))
    h = 1e-30
    slope = np.imag(function(p + 1j * h * along_p, A + 1j * h * along_A, steps)) / h
    np.testing.assert_allclose(d_p @ along_p + (d_A * along_A).sum(), slope, rtol=1e-12)
