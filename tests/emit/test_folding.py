"""Positions that are numbers leave no comparison in the text."""

import re

import numpy as np

from codegen_ad import differentiate
from codegen_ad.testing import check_grad


def quadratic(w, y):
    """Sum of squares of rows times a matrix with known zeros, ones and a diagonal below."""
    S = np.diag(np.exp(w)) + np.eye(w.size) + np.eye(w.size, k=-1) * w[0]
    kept = np.tri(w.size, dtype=bool)
    return np.sum((y @ np.where(kept, S, w[1])) ** 2)


def test_matrices_of_known_size_are_written_as_numbers() -> None:
    rng = np.random.default_rng(4)
    w, y = rng.normal(size=3), rng.normal(size=(7, 3))
    check_grad(quadratic, w, y, wrt="w")
    text = str(differentiate(quadratic, wrt="w").source(w, y))
    assert " if " not in text
    assert "==" not in text.replace("assert y.shape[1] == 3", "")  # what LLVM is told
    names = re.findall(r"(\w+) = plus\(", text)
    assert all(len(re.findall(rf"\b{name}\b", text)) > 3 for name in names), "a dead sum"


def counted(x):
    """Literals of other types than the data's, some of them not 0 or 1."""
    k = np.zeros(2, dtype=int)
    k[0] = 3
    single = np.zeros(2, dtype=np.float32)
    single[0] = 0.5
    many = (x * k).sum() + (x * single.astype(float)).sum() + (x * single.astype(int)).sum()
    return many + (x * (k + np.array([2, 0]))).sum() + (x * k.astype(bool)).sum()


def rounded(x):
    kept = np.zeros(2, dtype=np.float32)
    kept[0], kept[1] = x[0], x[1] ** 2
    return kept.sum()


def test_a_cast_keeps_the_number() -> None:
    x = np.array([0.25, -1.75])
    assert check_grad(counted, x).ok
    value, gradient = differentiate(rounded).value_and_grad(x)
    assert value == 3.3125
    np.testing.assert_array_equal(gradient, [1.0, -3.5])
