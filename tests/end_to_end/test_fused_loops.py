"""Loops that run as one after planning: the same numbers, and fewer passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.plan.kernel import Allocate, For, Kernel
from codegen_ad.plan.tidying import fuse, reuse
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted

N, D, K = 21, 19, 18  # more than are written out


def dense(W, b, X):
    """Two halves of a layer, which a product of matrices keeps apart."""
    return np.tanh(np.maximum(X @ W + b, 0) @ W.T).sum()


def normalised(W, b, X):
    Z = X @ W + b
    A = np.exp(Z - Z.max(axis=1, keepdims=True))
    A = A / A.sum(axis=1, keepdims=True)
    return np.log(A @ W.T + 2).sum() + (A**2).sum()


def across(W, b, X):
    """The second loop reads columns of what the first one fills by rows."""
    Z = np.sin(X @ W + b)
    return (np.exp(Z) @ np.cos(Z).T).sum() + (Z[::-1] * Z).sum()


def shifted(W, b, X):
    """The second loop reads the row before, and the one behind."""
    Z = np.sin(X @ W + b)
    Y = Z @ W.T
    Y[1:] += np.exp(Y[:-1])
    return (Y[1:] * Y[:-1]).sum() + (Y @ W).sum()


def flattened(W, b, X):
    """One memory under two names."""
    Z = np.sin(X @ W + b)
    flat = Z.reshape(-1)
    flat = flat * np.arange(flat.size)
    return (flat.reshape(Z.shape) @ W.T).sum() + (Z * Z).sum()


def centred(W, b, X):
    """A mean over all rows stands between the loops."""
    Z = X @ W + b
    Z = Z - Z.mean(axis=0)
    Z = Z / np.sqrt((Z**2).mean(axis=0) + 0.1)
    return np.tanh(Z @ W.T).sum()


def read_again(W, b, X):
    """Each turn of a loop reads all of what was made before it."""
    Z = np.exp(0.1 * (X @ W + b))
    total = 0.0
    for i in range(len(b)):
        Y = np.sqrt(Z + b[i] ** 2) @ W.T
        total += (Y[i] * Z[i, 0]).sum() + (np.sqrt(Z) * Z).sum()
    return total


FUNCTIONS = [dense, normalised, across, shifted, flattened, centred, read_again]


def arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return 0.3 * rng.normal(size=(D, K)), rng.normal(size=K), rng.normal(size=(N, D))


def plan_of(function: Any) -> Kernel:
    found = differentiate(function, wrt=("W", "b"))
    form = found.kernels.binder.form(found.kernels.binder.bind(arguments(), {}))
    options = found.options
    return build.run(function, form, "value_and_grad", options, found.kernels.binder.wrt).kernel


def loops(kernel: Kernel) -> int:
    return sum(isinstance(s, For) for s in kernel.body)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_fused_loops_compute_the_same(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments()
    case = Case(function, lambda n, rng: args, ("W", "b"))
    value, gradients = interpreted(case, args)(*args)
    count = loops(plan_of(function))
    monkeypatch.setattr(fuse, "fuse", lambda *_: None)
    monkeypatch.setattr(reuse, "reuse", lambda *_: None)
    expected, others = interpreted(case, args)(*args)
    assert count <= loops(plan_of(function))
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_a_layer_is_one_pass_and_keeps_only_what_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = plan_of(dense)
    made = sum(isinstance(s, Allocate) for s in kernel.body)
    count = loops(kernel)
    monkeypatch.setattr(fuse, "fuse", lambda *_: None)
    monkeypatch.setattr(reuse, "reuse", lambda *_: None)
    before = plan_of(dense)
    assert count < loops(before)
    assert made < sum(isinstance(s, Allocate) for s in before.body)
