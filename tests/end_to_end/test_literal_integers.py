"""Arithmetic of integers that are written down goes round where NumPy's does, also in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

FAR = np.array([2**62, 2**62])


def total(s: Any) -> Any:
    return s * np.array([2**62, 2**62]).sum()


def product(s: Any) -> Any:
    return s * np.array([2**40, 2**40, 3]).prod()


def multiple(s: Any) -> Any:
    return s * (np.array([2**62, 3])[0] * 4 + np.array([5])[0])


def steps(s: Any) -> Any:
    return (
        s * np.arange(2**62, 2**62 + 3).sum() + s * (np.arange(20) + (2**63 - 3))[[1, 5, 12]].sum()
    )


def differences(s: Any) -> Any:
    return s * np.diff(np.array([-(2**63), 2**62, -(2**63)])).sum()


def in_place(s: Any) -> Any:
    t = np.array([2**62, 2**61])
    t += t
    t *= 3
    return s * (t[0] - t[1])


def of_products(s: Any) -> Any:
    a, b = np.array([2**62, 2**61]), np.array([3, 5])
    return s * (np.dot(a, b) + (a * b).sum() + np.einsum("i,i->", a, b) + (a[None] @ b)[0])


def captured(s: Any) -> Any:
    return s * (
        FAR.sum() + FAR @ FAR + np.trace(np.diag(FAR)) + sum(FAR) + abs(FAR - (2**63 - 1)).sum()
    )


def loop(s: Any) -> Any:
    last = FAR[0]
    for k in range(3):
        last = last + FAR[k % 2] * 3
    return s * last


FUNCTIONS = (
    total, product, multiple, steps, differences, in_place, of_products, captured, loop
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_written_integers_go_round(function: Callable[[Any], Any]) -> None:
    with np.errstate(over="ignore"):
        value, slope = differentiate(function).value_and_grad(1.5)
        assert value == function(1.5)
        assert slope == function(1.0)
