"""Arrays in other shapes, of sizes that only a call knows: threads copy them by element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad import differentiate, fit_many, minimize
from tests.cuda.device_runs import run
from tests.cuda.test_device_files import flat, named

rng = np.random.default_rng(8)
X, Y = rng.normal(size=(7, 4)), rng.normal(size=7)
P, BIAS = rng.normal(size=15), np.zeros(3)


def layer(p: Any, x: Any, y: Any, bias: Any) -> Any:
    """Weights cut from one vector: their gradient is flat again."""
    n = bias.shape[0]
    weights = p[: 4 * n].reshape(4, n)
    return np.mean((np.tanh(x @ weights + p[4 * n : 5 * n]).sum(axis=1) - y) ** 2)


def layer_of(p: Any, x: Any, y: Any, n: Any) -> Any:
    """The same, where the size is a number."""
    weights = p[: 4 * n].reshape(4, n)
    return np.mean((np.tanh(x @ weights + p[4 * n : 5 * n]).sum(axis=1) - y) ** 2)


def across(p: Any, x: Any, y: Any, bias: Any) -> Any:
    """Neither shape has the rows of the other."""
    n = bias.shape[0]
    waves = np.outer(p[: 2 * n], p[:n]).reshape(n, 2 * n)
    return np.mean(np.sin(waves @ np.cos(waves).T)) + np.sum(x) * p[0] - np.sum(y)


def stepped(p: Any, x: Any, y: Any, bias: Any) -> Any:
    """In a loop over steps, with another array in each."""
    n = bias.shape[0]
    u = p[:n]
    for _ in range(3):
        pairs = np.sin(np.outer(u, x[0])).reshape(2 * n, 2)
        u = u + pairs[:n, 0] * pairs[n:, 1] * 0.1
    return np.sum(u * u) + np.sum(y)


@pytest.mark.slow
@pytest.mark.parametrize("function", [layer, layer_of, across, stepped])
def test_other_shapes_are_those_of_the_processor(function: Any) -> None:
    given = (P, X, Y, len(BIAS) if function is layer_of else BIAS)
    f = differentiate(function)
    found = run(f.source(*given, target="cuda").plain, named(function, given))
    for ours, theirs in zip(found, flat(f.value_and_grad(*given)), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("device_of_threads")
def test_whole_fits_have_other_shapes() -> None:
    options: Any = {"steps": 3, "learning_rate": 0.05}
    found = minimize(layer, P, (X, Y, BIAS), target="cuda", **options)
    expected = minimize(layer, P, (X, Y, BIAS), **options)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-10)


@pytest.mark.usefixtures("device_of_threads")
def test_many_fits_have_other_shapes() -> None:
    def residuals(p: Any, y: Any, t: Any) -> Any:
        n = t.shape[0]
        waves = np.sin(np.outer(t, p)).reshape(2, n)
        return waves[0] + 2 * waves[1] - y

    t = np.linspace(0.2, 1.7, 6)
    true = np.array([[0.9, 0.4], [0.5, 1.1]])
    y = np.stack([residuals(p, 0.0, t) for p in true])
    given: Any = true + 0.02, (y, t)
    found = fit_many(differentiate(residuals, target="cuda"), *given, per_fit="y")
    np.testing.assert_allclose(found.x, true, rtol=1e-7)
