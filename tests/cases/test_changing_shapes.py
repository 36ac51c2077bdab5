"""Arrays whose shape changes from iteration to iteration: written out, or refused with advice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import UnsupportedSyntax
from tests.cases.engine import Run, check_forward, check_reverse, check_second, check_value

TREE = """
for _ in range(3):
    v = w[0] * v[1:] * v[:-1] + w[1] * v[1:]
return v @ v
"""
PART = """
v = v.copy()
for k in range(4, 1, -1):
    v[:k] = w[0] * v[1 : k + 1] * v[:k] + w[1] * v[1 : k + 1]
return v[:2] @ v[:2]
"""
GROWING = """
for _ in range(3):
    v = np.append(v, v[-1] * w[0])
return v @ v
"""
NESTED = """
for t in range(2):
    for _ in range(2):
        v = v[1:] * v[:-1] + w[t]
return v.sum()
"""
rng = np.random.default_rng(3)
DATA = {"v": rng.normal(size=5), "w": rng.normal(size=2)}


@pytest.mark.parametrize("text", [TREE, PART, GROWING, NESTED])
def test_short_loops_are_written_out(text: str) -> None:
    case = Run(text.strip(), DATA)
    check_value(case)
    check_reverse(case)
    check_forward(case)
    check_second(case)


def test_a_part_of_one_array_is_the_same() -> None:
    """What the refusal says to write instead."""
    ours, advised = (Run(text.strip(), DATA) for text in (TREE, PART))
    for one, other in (
        (ours.gradients(), advised.gradients()),
        (ours.second(), advised.second()),
    ):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


def test_sizes_of_the_run_are_refused_when_the_function_is_read() -> None:
    """Not only where the kernel runs: the sizes differ unless there is nothing."""

    def price(s: Any, n: Any) -> Any:
        v = np.maximum(s * np.exp(np.arange(n, -n - 1, -2) / 10) - 1.0, 0.0)
        for _ in range(n):
            v = 0.5 * (v[1:] + v[:-1])
        return v[0]

    with pytest.raises(UnsupportedSyntax, match=r"`v\[:k\] = \.\.\.`"):
        differentiate(price, wrt="s").grad(1.1, 4)
    found = differentiate(price, wrt="s", static="n").grad(1.1, 4)
    h = 1e-30
    exact = _tree(1.1 + 1j * h, 4).imag / h
    np.testing.assert_allclose(found, exact, rtol=1e-14)


def test_sizes_that_count_with_the_loop_are_refused_when_the_function_is_read() -> None:
    """They are what a carried array has after one iteration, not in the next one."""

    def price(s: Any, n: Any) -> Any:
        v = s * np.arange(n + 1)
        for k in range(n - 1, -1, -1):
            v = 0.5 * (v[1:] + v[:-1])
            v = np.maximum(v, np.arange(k + 1) - s)
        return v[0]

    with pytest.raises(UnsupportedSyntax, match=r"`v\[:k\] = \.\.\.`"):
        differentiate(price, wrt="s").grad(1.1, 4)
    found = differentiate(price, wrt="s", static="n").value_and_grad(1.1, 4)
    assert found[0] == pytest.approx(price(1.1, 4), rel=1e-14)
    slope = (price(1.1 + 1e-6, 4) - price(1.1 - 1e-6, 4)) / 2e-6
    assert found[1] == pytest.approx(slope, rel=1e-8)


def _tree(s: Any, n: int) -> Any:
    v = s * np.exp(np.arange(n, -n - 1, -2) / 10) - 1.0
    v = np.where(v.real > 0, v, 0.0)
    for _ in range(n):
        v = 0.5 * (v[1:] + v[:-1])
    return v[0]
