"""Forward mode against reverse mode: `<J v, w> = <v, J^T w>`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.errors import NotDifferentiable
from codegen_ad.ir.node import Program
from codegen_ad.ir.verify import verify
from tests.derive.programs import N, ap, f8, i8, program, total
from tests.derive.test_derived_control_flow import CASES, X, make_case
from tests.derive.test_reverse import MASKED, custom_exp
from tests.ops.test_structural import MATRIX, MATRIX_CASES, SQUARE, SQUARE_CASES


def check(primal: Program, values: list[Any], sizes: Any = None) -> None:
    rng = np.random.default_rng(5)
    pushed = pushforward(primal, primal.inputs)
    verify(pushed)
    pulled = differentiate(primal, primal.inputs, cotangents=None)
    directions = [rng.normal(size=np.shape(v)) for v in values]
    outputs = len(primal.outputs)
    results = evaluate(pushed, [*values, *directions], sizes)
    assert len(results) == 2 * outputs
    (tangent,) = results[outputs:]
    scalar = not primal.outputs[0].array.shape
    weights = np.ones(()) if scalar else rng.normal(size=tangent.shape)
    found = evaluate(pulled, [*values, *([] if scalar else [weights])], sizes)[outputs:]
    left = float(np.sum(tangent * weights))
    right = float(sum(np.sum(d * g) for d, g in zip(directions, found, strict=True)))
    assert left == pytest.approx(right, rel=1e-10)
    np.testing.assert_array_equal(results[0], evaluate(primal, values, sizes)[0])


@pytest.mark.parametrize("name", MATRIX_CASES)
def test_structural(name: str) -> None:
    build = MATRIX_CASES[name]
    primal = program(lambda b, x: build(b, ap(b, "sin", x)), x=f8(N, 3))
    check(primal, [MATRIX], {"n": 4, "k": 2})


@pytest.mark.parametrize("name", SQUARE_CASES)
def test_linear_algebra(name: str) -> None:
    build = SQUARE_CASES[name]
    value = SQUARE @ SQUARE.T if name.endswith("triangle") else SQUARE
    check(program(lambda b, x: build(b, x), x=f8(3, 3)), [value])


@pytest.mark.parametrize("w", [0.3, 0.7])
@pytest.mark.parametrize("build", CASES)
def test_control_flow(build: Callable[..., Any], w: float) -> None:
    check(make_case(build), [np.array(w), X])


@pytest.mark.parametrize("name", MASKED)
def test_what_is_not_chosen_does_not_spoil_the_tangent(name: str) -> None:
    primal = program(lambda b, x: total(b, MASKED[name](b, x)), x=f8(N))
    check(primal, [np.array([-1.0, 0.0, 0.25, 4.0])])


def test_names() -> None:
    primal = program(lambda b, x, y: total(b, ap(b, "multiply", x, y)), x=f8(N), y=f8(N))
    pushed = pushforward(primal, primal.inputs[1:])
    assert [i.params.name for i in pushed.inputs] == ["x", "y", "t_y"]  # pyright: ignore
    assert pushed.output_names == ("value", "t_value")


def test_integers_are_refused() -> None:
    primal = program(lambda b, k: k, k=i8(N))
    with pytest.raises(NotDifferentiable, match="`k` is i8"):
        pushforward(primal, primal.inputs)


def test_a_derivative_for_reverse_mode_only_is_refused() -> None:
    primal = program(lambda b, x: total(b, custom_exp(b, x)), x=f8(N))
    with pytest.raises(NotDifferentiable, match="`exp` has a derivative of its own for reverse"):
        pushforward(primal, primal.inputs)
