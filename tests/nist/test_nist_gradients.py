"""Gradients of sums of squares on NIST's data sets, against certified and exact results."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from tests.nist.models import FOLDER, MODELS, problem

REFERENCE = json.loads((FOLDER / "reference_gradients.json").read_text())


@cache
def loss_of(model: Callable[..., Any]) -> Any:
    """The sum of squared residuals of a model; problems with one model share its kernel."""

    def loss(b: Any, x: Any, y: Any) -> Any:
        return np.sum((model(b, x) - y) ** 2)

    return differentiate(loss, wrt="b")


def test_all_data_sets_are_there() -> None:
    assert len(MODELS) == 27
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(MODELS) == set(REFERENCE)


@pytest.mark.every(3)
@pytest.mark.parametrize("name", MODELS)
def test_gradients_at_both_starts(name: str) -> None:
    data = problem(name)
    for start, b in zip(("start1", "start2"), data.starts, strict=True):
        exact = REFERENCE[name][start]
        np.testing.assert_array_equal(b, exact["b"])
        value, gradient = loss_of(MODELS[name]).value_and_grad(b, data.x, data.y)
        assert value == pytest.approx(exact["rss"], rel=1e-11)
        np.testing.assert_allclose(gradient, exact["gradient"], rtol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_vanishes_at_the_certified_parameters(name: str) -> None:
    """It is zero to what 11 digits of the parameters allow: the second derivative times the digits.

    `2 J^T J` with `J` from complex steps stands for the second derivative.
    """
    data = problem(name)
    model, b = MODELS[name], data.certified
    value, gradient = loss_of(model).value_and_grad(b, data.x, data.y)
    assert value == pytest.approx(data.rss, rel=1e-8, abs=1e-20)
    jacobian = np.stack([_complex_step(model, b, data.x, k) for k in range(len(b))])
    rounding = 1e-11 * np.abs(b) + 1e-300
    curvature = 2 * np.abs(jacobian) @ np.abs(jacobian).T
    residuals = np.abs(model(b, data.x) - data.y)
    cancellation = 1e-11 * 2 * np.abs(jacobian) @ residuals
    assert np.all(np.abs(gradient) <= 10 * (curvature @ rounding + cancellation))


def _complex_step(model: Callable[..., Any], b: np.ndarray, x: np.ndarray, k: int) -> np.ndarray:
    moved = b.astype(complex)
    moved[k] += 1e-30j
    return np.imag(model(moved, x)) / 1e-30
