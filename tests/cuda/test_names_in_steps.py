"""Names of kernels for a GPU: of loops that come to stand in each other, and of branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.cuda.device_runs import run
from tests.cuda.test_device_files import flat, named

pytest.importorskip("greenlet", reason="the simulator needs it")

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(7, 18))


def products_of_rows(X: Any, W: Any, s: Any) -> Any:
    distances = ((X[:, None, :] - W.T) ** 2).sum(axis=2)
    v = distances + 0.1 * ((X @ W) @ (W.T @ W).T)
    return np.sin((v * v).sum(axis=1) * s).max()


def in_a_branch(x: Any, v: Any, steps: int) -> Any:
    K = (x - x[:, None, :]).sum(axis=2)
    L = K
    for k in range(steps):
        if k:
            pass
        else:
            if k:
                L += x @ x.T
            v += L[:] @ x
    return v.sum()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (products_of_rows, (X, RANDOM.normal(size=(18, 18)), np.float64(1e-4))),
        (in_a_branch, (RANDOM.normal(size=(4, 2)), RANDOM.normal(size=(4, 2)), 2)),
    ],
)
def test_each_name_means_one_thing(function: Any, arguments: tuple[Any, ...]) -> None:
    wrt = ("W", "s") if function is products_of_rows else ("x", "v")
    wanted_value, wanted = differentiate(function, wrt=wrt).value_and_grad(*arguments)
    device = differentiate(function, wrt=wrt, target="cuda")
    text = str(device.source(*arguments))
    value, *gradient = run(text, named(function, arguments), orders=("forward", 3))
    np.testing.assert_allclose(flat(value), wanted_value, rtol=1e-12)
    for one, two in zip(gradient, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-12)
