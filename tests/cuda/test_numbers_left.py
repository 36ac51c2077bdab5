"""Numbers that a statement leaves which writes to memory: later passes read them, and no others.

A loop that records what its derivative needs is run once. What it leaves is known to one thread of
its own launch; the loop over the data comes in another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.cuda.device_runs import run

pytest.importorskip("greenlet", reason="the simulator needs it")

X = np.linspace(0, 1, 40)


def root_of_many_steps(a: Any, x: Any) -> Any:
    r = 1.0
    for _ in range(40):
        r = 0.5 * (r + a / r)
    return np.sum(np.sin(r * x))


def root_of_few_steps(a: Any, x: Any) -> Any:
    r = 1.0
    for _ in range(3):
        r = 0.5 * (r + a / r)
    return np.sum(np.sin(r * x))


def roots_that_are_kept(a: Any, x: Any) -> Any:
    r, s = 1.0, np.zeros(40)
    for i in range(40):
        r = 0.5 * (r + a / r)
        s[i] = r * r
    return np.sum(np.sin(r * x)) + s[3]


def changed_again(a: Any, x: Any) -> Any:
    """The same number, before one loop over the data and before another."""
    r = a
    for _ in range(3):
        r = np.sin(r) + a
    first = np.sum(np.exp(-r * x))
    for _ in range(3):
        r = np.cos(r) * first
    return np.sum(np.cos(r * x)) * first


def in_a_branch(a: Any, x: Any) -> Any:
    r = a
    if a > 1.0:
        for _ in range(3):
            r = np.sin(r) + a
    return np.sum(np.exp(-r * x))


@pytest.mark.parametrize("mode", ["value_and_grad", "hvp", "jvp"])
@pytest.mark.parametrize(
    "function",
    [root_of_many_steps, root_of_few_steps, roots_that_are_kept, changed_again, in_a_branch],
)
def test_a_later_pass_reads_what_an_earlier_one_left(function: Any, mode: str) -> None:
    differentiated = differentiate(function, wrt="a")
    given: dict[str, Any] = {"a": 1.3, "x": X}
    more: dict[str, Any] = {}
    if mode != "value_and_grad":
        given["t_a"] = more["tangent"] = 0.7
    text = differentiated.source(1.3, X, mode=mode, target="cuda").plain
    found = run(text, given, orders=("forward", 3))
    wanted = getattr(differentiated, mode)(1.3, X, **more)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-12)
