"""Sizes that only the run knows, found by loops that run once more for each direction.

Each is said once in a program, however often the loop that finds it stands there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, inputs_of, stages_of
from tests.property import vector_modes
from tests.property.simulator import Simulator


def _steps(x, t, b):
    """What a mask is made of, by a loop that derivatives run beside their own values."""
    v = t + 0.0
    u = b[0] * 1.0
    for i in range(len(t)):
        u = np.sin(u + x[i, 0] * b[1])
        v[i] += u
    return v, u


def used_inside(x, t, b):
    v, u = _steps(x, t, b)
    return t * x[v > 0.1].sum() * b[2] + u


def of_the_result(x, t, b):
    v, u = _steps(x, t, b)
    return v[v > 0.1] * b[2] + u


def of_several_results(x, t, b):
    v, u = _steps(x, t, b)
    return x[v > 0.1].sum() * b[2], x[v > 0.1].sum(axis=0) * np.sin(u)


def of_one_number(x, t, b):
    v, u = _steps(x, t, b)
    return np.sum(v[v > 0.1] ** 3 * b[2]) * u


def compared(x, t, b):
    """Two such sizes that the kernel finds to be the same."""
    v, u = _steps(x, t, b)
    return (v[v > 0.1] * x[v - 0.1 > 0.0, 1]) * b[2] + u


FUNCTIONS = (used_inside, of_the_result, of_several_results, of_one_number, compared)
RNG = np.random.default_rng(3)


def _arguments(parameters: int) -> tuple[Any, ...]:
    return RNG.normal(size=(6, 2)), RNG.normal(size=6), 0.7 + RNG.normal(size=parameters)


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")


@pytest.mark.every(3)
@pytest.mark.parametrize("parameters", [3, 19], ids=["written out", "in a loop"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_products_and_jacobians(function: Any, parameters: int) -> None:
    case = Case(function, _arguments, wrt=("x", "b"))
    args = _arguments(parameters)
    places = [0, 2]
    vector_modes.check(case, case, args, places, 1, Simulator())
    if function is of_one_number:
        vector_modes.check_number(case, args, places, 1, Simulator())


@pytest.mark.every(3)
@pytest.mark.parametrize("parameters", [3, 19], ids=["by columns", "by a matrix"])
@pytest.mark.parametrize("function", [used_inside, of_the_result, of_several_results, compared])
def test_normal_equations(function: Any, parameters: int) -> None:
    case = Case(function, _arguments, wrt=("b",))
    args = _arguments(parameters)
    stages = stages_of(case, args, "normal_equations")
    _, count, gradient, curvature = evaluate(stages.optimized, inputs_of(case, args, stages))
    blocks = evaluate(
        (made := stages_of(case, args, "jacobian:forward")).optimized, inputs_of(case, args, made)
    )
    values = function(*args)
    r = np.concatenate([np.ravel(v) for v in (values if isinstance(values, tuple) else [values])])
    J = np.concatenate([np.reshape(j, (-1, parameters)) for j in blocks])
    assert count == len(r)
    assert_close(gradient, J.T @ r, rtol=1e-10, what="gradient")
    assert_close(curvature, J.T @ J, rtol=1e-10, what="curvature")


@pytest.mark.parametrize("mode", ["forward", "forward:last", "reverse", "reverse:last"])
def test_compressed(mode: str) -> None:
    case = Case(used_inside, _arguments, wrt=("b",))
    args = _arguments(3)
    made = stages_of(case, args, "jacobian:forward")
    (J,) = evaluate(made.optimized, inputs_of(case, args, made))
    stages = stages_of(case, args, f"compressed:{mode}")
    seeds = RNG.normal(size=(2, 3 if mode.startswith("forward") else 6))
    wanted = seeds @ (J.T if mode.startswith("forward") else J)
    is_last = mode.endswith("last")
    (found,) = evaluate(
        stages.optimized, [*inputs_of(case, args, stages), seeds.T if is_last else seeds]
    )
    assert_close(found.T if is_last else found, wanted, rtol=1e-10, what=mode)
