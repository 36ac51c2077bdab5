"""Loops over the rows of arrays with constant inner sizes use vectors, whatever these sizes are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from codegen_ad import differentiate


def rows_of_three(w, P):
    """A product with three numbers, for each row."""
    return np.exp(-((P @ w) ** 2)).sum()


def rows_of_one(w, P):
    """The same with one number: rows are neighbours anyway."""
    return np.exp(-((P @ w) ** 2)).sum()


def steps(w, P):
    """A loop whose trips wait for each other."""
    x = w
    for k in range(len(P)):
        x = np.sin(x + P[k, : len(w)] * w)
    return (x**2).sum()


def _lines(function, *arguments) -> list[str]:
    text = str(differentiate(function).source(*arguments))
    return [line.strip() for line in text.splitlines() if line.strip().startswith("assert ")]


def test_constant_sizes_between_rows_are_told() -> None:
    P = np.linspace(-1.0, 1.0, 60)
    assert _lines(rows_of_three, np.ones(3), P.reshape(20, 3)) == ["assert P.shape[1] == 3"]
    assert _lines(rows_of_one, np.ones(1), P.reshape(60, 1)) == []
    assert _lines(steps, np.ones(2), P.reshape(20, 3)) == []


def test_results_that_others_made_are_told() -> None:
    f = differentiate(lambda w, x: np.exp(w[0] * x) + w[1] * np.sin(w[2] * x), wrt="w")
    assert "assert d_w.shape[1] == 3" in str(f.source(np.ones(3), np.ones(50), mode="jacobian"))


@pytest.mark.parametrize("order", ["C", "F"])
def test_vectors_do_not_wait_for_a_distance_of_one(order: str) -> None:
    P = np.asarray(np.linspace(-1.0, 1.0, 3000).reshape(1000, 3), order=order)  # type: ignore[call-overload]
    w = np.array([0.5, -0.25, 1.0])
    loss = differentiate(rows_of_three, threads=1)
    value, (gradient) = loss.value_and_grad(w, P)
    e = np.exp(-((P @ w) ** 2))
    np.testing.assert_allclose(value, e.sum(), rtol=1e-13)
    np.testing.assert_allclose(gradient, -2.0 * P.T @ ((P @ w) * e), rtol=1e-11)
    prepared = loss.kernels.latest("value_and_grad")
    assert prepared is not None
    function = prepared.compiled.function
    again = type(function)(function.py_func, targetoptions=dict(function.targetoptions))
    again(w, P)  # machine code from a disk can't be looked into
    (llvm,) = again.inspect_llvm().values()
    assert re.search(r"fmul (\w+ )*<\d+ x double>", llvm)
    guess = re.search(r"icmp eq i64 %arg\.P\.5\.1, 1\b", llvm)
    assert guess is None, "LLVM guesses that rows are neighbours"
