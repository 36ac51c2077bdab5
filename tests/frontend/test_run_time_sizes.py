"""Sizes that only the run knows: values as NumPy's, derivatives right in every mode."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import pytest
from frontend.running import reading_of
from frontend.sized_functions import SLICES

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.node import Program
from codegen_ad.ir.verify import verify
from codegen_ad.passes import pipeline
from codegen_ad.testing import check_grad


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
        np.testing.assert_allclose(got, (one - other) / 2e-5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", SLICES, ids=lambda c: c[0].__name__)
def test_slices_with_bounds_from_integers(case: tuple[Any, ...]) -> None:
    check_in_reference(*case)


COMPILED = {f.__name__: case for case in SLICES for f in [case[0]]}


@pytest.mark.parametrize(
    "name", ["between", "cholesky_in_place", "back_substitution", "cut_off_window", "stores"]
)
def test_compiled(name: str) -> None:
    function, *args = COMPILED[name]
    kinds = zip(inspect.signature(function).parameters, args, strict=True)
    check_grad(function, *args, wrt=tuple(n for n, a in kinds if isinstance(a, np.ndarray)))
