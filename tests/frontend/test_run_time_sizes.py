"""Sizes that only the run knows: values as NumPy's, derivatives right in every mode."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import pytest
from frontend.running import reading_of
from frontend.sized_functions import CREATED, MASKS, POSITIVE, SLICES, X, Y

from codegen_ad import differentiate as differentiate_
from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.node import Program
from codegen_ad.ir.verify import verify
from codegen_ad.passes import pipeline


def floats(program: Program) -> list[Any]:
    return [i for i in program.inputs if i.array.dtype.is_float]


def moved(program: Program, inputs: list[Any], by: list[Any]) -> list[Any]:
    steps = iter(by)
    pairs = zip(program.inputs, inputs, strict=True)
    return [v + next(steps) if i.array.dtype.is_float else v for i, v in pairs]


def check_in_reference(function: Any, *args: Any) -> None:
    """Compare value, reverse, forward and second derivative, run node by node."""
    names = list(inspect.signature(function).parameters)
    reading = reading_of(function, *args)
    program = pipeline.before(reading.program)
    inputs: list[Any] = [dict(zip(names, args, strict=True))[x.path[0]] for x in reading.leaves]
    wanted = np.asarray(function(*copy.deepcopy(args)))
    np.testing.assert_allclose(evaluate(program, inputs)[0], wanted, rtol=1e-10, atol=1e-12)

    rng = np.random.default_rng(1)
    weights = rng.normal(size=wanted.shape) if wanted.ndim else np.ones(())
    wrt = floats(program)
    steps = [rng.normal(size=np.shape(v)) for v, i in zip(inputs, program.inputs, strict=True)
             if i in wrt]  # fmt: skip

    def value(by: float) -> float:
        at = moved(program, inputs, [by * s for s in steps])
        return float((weights * function(*copy.deepcopy(at))).sum())

    gradient = pipeline.run(differentiate(program, wrt))
    verify(gradient)
    seeds = [weights] if wanted.ndim else []
    found = evaluate(gradient, [*inputs, *seeds])[1:]
    slope = sum(float((g * s).sum()) for g, s in zip(found, steps, strict=True))
    expected = (value(1e-6) - value(-1e-6)) / 2e-6
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-6)

    forward = pipeline.run(pushforward(program, wrt))
    verify(forward)
    tangent = evaluate(forward, [*inputs, *steps])[-1]
    np.testing.assert_allclose((tangent * weights).sum(), slope, rtol=1e-9, atol=1e-9)
    if wanted.ndim:
        return

    once = pipeline.before(differentiate(program, wrt))
    once = once.with_outputs(once.outputs[1:], once.output_names[1:])
    twice = pipeline.run(pushforward(once, floats(once)))
    verify(twice)
    curved = evaluate(twice, [*inputs, *steps])[len(wrt) :]
    there, back = (
        evaluate(gradient, moved(program, inputs, [by * s for s in steps]))[1:]
        for by in (1e-5, -1e-5)
    )
    for got, one, other in zip(curved, there, back, strict=True):
        np.testing.assert_allclose(got, (one - other) / 2e-5, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("case", SLICES, ids=lambda c: c[0].__name__)
def test_slices_with_bounds_from_integers(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


@pytest.mark.parametrize("case", MASKS, ids=lambda c: c[0].__name__)
def test_elements_picked_by_conditions(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


@pytest.mark.parametrize("case", CREATED, ids=lambda c: c[0].__name__)
def test_arrays_made_by_integers(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


COMPILED = {f.__name__: case for case in [*SLICES, *MASKS, *CREATED] for f in [case[0]]}


@pytest.mark.parametrize(
    "name",
    [
        "between",
        "cholesky_in_place",
        "back_substitution",
        "cut_off_window",
        "stores",
        "written_under_masks",
        "rows_and_columns",
        "picked_in_place",
        "masks_in_a_loop",
        "ends_of_picked",
        "places",
        "created",
    ],
)
def test_compiled(name: str) -> None:
    function, *args = COMPILED[name]
    names = list(inspect.signature(function).parameters)
    program = reading_of(function, *args).program
    wrt = [i for i in program.inputs if i.array.shape and i.array.dtype.is_float]
    wanted = evaluate(differentiate(program, wrt), args)
    arrays = tuple(n for n, a in zip(names, args, strict=True) if isinstance(a, np.ndarray))
    value, found = differentiate_(function, wrt=arrays).value_and_grad(*args)
    gradients = found if isinstance(found, tuple) else (found,)
    for one, other in zip((value, *gradients), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_what_a_mask_leaves_out_may_be_anything() -> None:
    function, *args = COMPILED["residuals"]
    _, (d_w, d_y) = differentiate_(function, wrt=("w", "y")).value_and_grad(*args)
    assert np.isfinite(d_w).all()
    assert (d_y[np.isnan(args[2])] == 0).all()
    assert np.isfinite(d_y).all()


def test_sizes_that_differ_are_refused_when_called() -> None:
    function = differentiate_(COMPILED["sizes_that_meet"][0])
    with pytest.raises(ValueError, match=r"line 2: the sizes in `x\[:k\] \* y` differ"):
        function.value_and_grad(X, Y[:5], 4)
    with pytest.raises(ValueError, match=r"np.min needs a size of at least 1"):
        function.value_and_grad(-np.abs(X), Y[:5], 5)


def test_a_cotangent_of_another_size_is_refused_when_called() -> None:
    function = differentiate_(COMPILED["positive_parts"][0])
    with pytest.raises(ValueError, match="g has another size than the result"):
        function.vjp(X, cotangent=np.ones(POSITIVE + 1))
    with pytest.raises(ValueError, match="g has another size than the result"):
        differentiate_(COMPILED["longer"][0]).vjp(X, cotangent=np.ones(POSITIVE))
    value, gradient = function.vjp(X, cotangent=np.ones(POSITIVE))
    np.testing.assert_allclose(value, X[X > 0] ** 2)
    np.testing.assert_allclose(gradient, np.where(X > 0, 2 * X, 0))
    wanted = np.diag(np.where(X > 0, 2 * X, 0))[X > 0]
    np.testing.assert_allclose(function.jacobian(X), wanted)
