"""Names that the user chose and generated code needs for its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, minimize

rng = np.random.default_rng(23)


def plus(  # its name, and those of its parameters, stand for something else in a generated file
    w: Any, max: Any, range: Any, float: Any, math: Any, i: Any, n: Any, d_w: Any, value: Any
) -> Any:
    return ((max @ w * math - range) ** 2).sum() * float + i.sum() * n + d_w * value


ARGUMENTS = (
    rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5), 2.0, 3.0,
    rng.normal(size=4), 2.0, 1.5, 2.5,
)  # fmt: skip


def test_parameters_may_be_called_anything() -> None:
    found = differentiate(plus)
    w, x, y, scale, factor = ARGUMENTS[:5]
    value, gradient = found.value_and_grad(*ARGUMENTS)
    assert value == pytest.approx(plus(*ARGUMENTS), rel=1e-13)
    expected = 2 * scale * factor * x.T @ (x @ w * factor - y)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)
    assert found.value(*ARGUMENTS) == pytest.approx(plus(*ARGUMENTS), rel=1e-13)


def test_parameters_of_a_fit_too() -> None:
    def step(value: Any, first: Any, trace: Any, step: Any, x: Any, g: Any, velocity: Any) -> Any:
        return ((first @ value - trace) ** 2).sum() * step + x + g * velocity

    _, x, y, *_ = ARGUMENTS
    result = minimize(
        step, np.zeros(3), (x, y, 1.0, 0.5, 1.0, 2.0), method="momentum", learning_rate=1e-2,
        steps=3000,
    )  # fmt: skip
    best, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(result.x, best, rtol=1e-5)


def test_data_may_be_called_as_a_fit_calls_its_own() -> None:
    def loss(w: Any, best_w: Any, d_w: Any, w_0: Any, best_w_0: Any) -> Any:
        return ((best_w @ w - d_w) ** 2).sum() * w_0 * best_w_0

    _, x, y, *_ = ARGUMENTS
    result = minimize(loss, np.zeros(3), (x, y, 1.0, 0.5), learning_rate=1e-2, steps=5000)
    best, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(result.x, best, rtol=1e-5)
