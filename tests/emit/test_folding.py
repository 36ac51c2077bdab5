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
    assert "==" not in text
    names = re.findall(r"(\w+) = plus\(", text)
    assert all(len(re.findall(rf"\b{name}\b", text)) > 3 for name in names), "a dead sum"
