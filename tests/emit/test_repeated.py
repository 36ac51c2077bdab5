"""What is the same in every trip of an outer loop is computed once, and kept."""

from __future__ import annotations

import numpy as np

from codegen_ad import differentiate
from codegen_ad.testing import check_grad


def layers(x, A, B):
    """Products of matrices and vectors in a chain, some of one size."""
    for k in (1.0, 2.0, 3.0):
        x = k * A @ np.tanh(x)
    return np.sum((B @ np.tanh(A.T @ x)) ** 2)


def pairs(x, c):
    """Sums of rows that every pair of rows asks for."""
    squares = np.sum(x**2, axis=1)
    return np.sum(np.exp(-(squares[:, None] + squares[None, :] + c**1.5)))


def depth(text: str) -> int:
    """How many loops stand in each other in the kernels of a file."""
    indents = [0]
    deepest = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        while indent < indents[-1] or (indent == indents[-1] and len(indents) > 1):
            indents.pop()
        if line.lstrip().startswith("for ") and "chunk" not in line:
            indents.append(indent + 1)
            deepest = max(deepest, len(indents) - 1)
    return deepest


def test_chains_of_products_do_not_stand_in_each_other() -> None:
    rng = np.random.default_rng(2)
    x, A, B = rng.normal(size=10), rng.normal(size=(10, 10)) / 4, rng.normal(size=(9, 10)) / 4
    check_grad(layers, x, A, B)
    d = differentiate(layers, wrt=("x", "A", "B"))
    for mode in ("value", "value_and_grad", "jvp"):
        assert depth(str(d.source(x, A, B, mode=mode))) == 2, mode


def test_sums_of_rows_are_taken_once() -> None:
    rng = np.random.default_rng(2)
    x, c = rng.normal(size=(12, 9)), 0.4
    check_grad(pairs, x, c)
    for mode in ("value", "value_and_grad"):
        text = str(differentiate(pairs, wrt=("x", "c")).source(x, c, mode=mode))
        assert depth(text) <= 3, text
