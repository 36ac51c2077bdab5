"""Features that meet, and the known mistakes of other tools: value, slopes, forward, reference."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

from tests.end_to_end import algorithms, interplay, mistakes
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import (
    assert_close,
    interpreted,
    leaves_in,
    numeric_gradients,
    plain_value,
    reference,
    stages_of,
)

rng = np.random.default_rng(5)
X = np.array([0.3, -1.2, 0.7, 2.1, -0.4, 1.3])
ARGUMENTS: dict[str, Any] = {
    "x": X,
    "y": np.array([1.0, -0.5, 0.2, 0.9, 1.7, -0.3]),
    "A": rng.normal(size=(4, 3)),
    "B": rng.normal(size=(3, 3)) + 3 * np.eye(3),
    "S": rng.normal(size=(2, 3, 3)) + 3 * np.eye(3),
    "F": np.asfortranarray(rng.normal(size=(4, 3))),
    "R": X[::-1],
    "w": np.array([0.5, -0.7, 1.1]),
    "s": 0.8,
    "t": 1.3,
    "e": np.zeros(0),
    "E": np.zeros((0, 3)),
    "o": np.array([0.6]),
    "O": np.array([[0.4]]),
    "z0": np.array(0.9),
    "zz": np.array([0.0, 1.0, -1.0, 2.0]),
    "k": np.array([2, 0, 1, 2, 5, 3]),
    "d": {"a": X.copy(), "b": 0.7},
}
SINGLE = ("custom_in_branch",)  # a derivative for reverse mode only
LOOPS = (
    "mask_in_loop", "complex_loop_return", "while_runtime_slices", "checks_in_loop", "deep_nest",
    "return_in_nested", "swap_arrays_loop", "carried_int", "complex_carried", "nested_runtime",
    "elements_times_and_divided", "continue_in_dynamic_loop",
)  # fmt: skip
FUNCTIONS = [
    f
    for module in (algorithms, interplay, mistakes)
    for f in vars(module).values()
    if isinstance(f, FunctionType) and f.__module__ == module.__name__ and f.__name__[0] != "_"
]


def case_of(function: Any, **options: Any) -> tuple[Case, tuple[Any, ...]]:
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    args = tuple(ARGUMENTS[name] for name in names)
    return Case(
        function, lambda n, rng: args, wrt=tuple(n for n in names if n != "k"), **options
    ), args


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")


@pytest.mark.every(4)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_interplay(function: Any):
    case, args = case_of(function)
    stages = stages_of(case, args)
    value, gradient = interpreted(case, args, stages=stages)(*args)
    assert_close(value, plain_value(case, args), rtol=1e-11, what="value")
    parts = [leaf for _, leaf in leaves_in(gradient)]
    for part, numeric in zip(parts, numeric_gradients(case, args), strict=True):
        assert_close(part, numeric, rtol=3e-6, what="gradient")
    for output, found in zip(reference(case, args, stages=stages), [value, *parts], strict=True):
        assert_close(output, found, rtol=1e-10, what="reference")
    if function.__name__ in SINGLE:
        return
    tangents = [rng.normal(size=np.shape(part)) for part in parts]
    along = reference(case, args, "jvp", tangents)[1]
    assert_close(
        along,
        sum(np.sum(part * t) for part, t in zip(parts, tangents, strict=True)),
        rtol=1e-9,
        what="forward",
    )


@pytest.mark.parametrize(("name", "asked"), list(zip(LOOPS, ["sqrt", 2] * 6, strict=True)))
def test_checkpointed(name: str, asked: str | int):
    """Segments and snapshots, run by Python, give the gradients of loops that record all."""
    function = next(f for f in FUNCTIONS if f.__name__ == name)
    case, args = case_of(function)
    checked, _ = case_of(function, checkpoint=asked)
    wanted = reference(case, args)
    value, gradient = interpreted(checked, args)(*args)
    for one, two in zip([value, *(g for _, g in leaves_in(gradient))], wanted, strict=True):
        assert_close(one, two, rtol=1e-11, what="checkpointed")


@pytest.mark.parametrize("name", ["select_alias", "return_in_nested"])
def test_second_derivatives_of_branches(name: str):
    """The tangents of both sides of a branch are nodes of these sides, each there once."""
    function = next(f for f in FUNCTIONS if f.__name__ == name)
    case, args = case_of(function)
    tangents = [rng.normal(size=np.shape(a)) for a in args]
    run = interpreted(case, args)
    sides = [
        [leaf for _, leaf in leaves_in(run(*moved)[1])]
        for h in (1e-5, -1e-5)
        for moved in [[a + h * t for a, t in zip(args, tangents, strict=True)]]
    ]
    for found, one, two in zip(reference(case, args, "hvp", tangents), *sides, strict=True):
        assert_close(found, (one - two) / 2e-5, rtol=1e-5, what="second derivative")
