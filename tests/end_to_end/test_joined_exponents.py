"""Exponents that are made of several arrays: numbers in memory, and no index of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

X = np.random.default_rng(1).uniform(0.4, 1.6, 20)  # too many to be written out


def turned(x: Any) -> Any:
    return np.sum(2 ** np.roll(x, 1))


def joined(x: Any) -> Any:
    return np.sum(1.5 ** np.concatenate([x, x**2]) * np.arange(40.0))


def padded(x: Any) -> Any:
    return np.sum(np.pad(x, 1, constant_values=1.0) ** np.pad(np.arange(len(x)) % 3, 1))


def in_a_branch(x: Any) -> Any:
    if np.dot(x[::-1], x) > 0:
        return np.sum(x ** np.roll(x, 1))
    return np.sum(x)


@pytest.mark.parametrize("function", [turned, joined, padded, in_a_branch])
def test_powers(function: Any) -> None:
    f = differentiate(function)
    np.testing.assert_allclose(f.value_and_grad(X)[0], function(X), rtol=1e-14)
    f.check(X, second=True)
