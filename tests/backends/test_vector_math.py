"""Vectorised exponentials and logarithms against multiple precision, on random and hard points."""

from __future__ import annotations

import inspect
import math
import re

import mpmath
import numpy as np
import pytest
from vector_cases import EDGES, compiled, largest_error, rng, scattered

from codegen_ad.backends import vector_math, vector_trigonometry
from codegen_ad.backends.brought import TABLE, helpers
from codegen_ad.emit.spell import VECTORISED
from codegen_ad.ops import BY_NAME

LARGEST_ERROR = {"exp": 1.0, "expm1": 1.5, "log": 1.0, "log1p": 1.8, "tanh": 1.6}
"""In units of the last place."""

HALVES = np.arange(-1020, 1020) + 0.5  # times log(2): where the reduction rounds either way

POINTS = {
    "exp": [
        rng.uniform(-708.0, 709.7, 3000),
        rng.uniform(-1.0, 1.0, 3000),
        rng.normal(size=1000) * 1e-9,
        np.log(2.0) * HALVES,
    ],
    "expm1": [
        rng.uniform(-40.0, 709.7, 1500),
        rng.uniform(-3.0, 3.0, 2000),
        rng.uniform(0.3, 0.4, 1000),  # from either side of k = 1
        scattered(-320.0, 0.0),
        np.log(2.0) * HALVES[960:],
    ],
    "log": [
        np.exp(rng.uniform(-708.0, 709.0, 1500)),
        rng.uniform(0.5, 2.0, 1500),
        1.0 + scattered(-16.0, -1.0),
        np.sqrt(0.5) * (1.0 + scattered(-16.0, -2.0, 1000)),  # from either side of a reduction
        rng.integers(1, 2**52, 500) * 5e-324,
    ],
    "log1p": [
        np.exp(rng.uniform(-708.0, 709.0, 1000)),
        rng.uniform(-1.0, 1.0, 1500),
        scattered(-320.0, -1.0),
        scattered(-17.0, -15.0),  # where the sum with 1 loses most
        10.0 ** rng.uniform(-16.0, -1.0, 1000) - 1.0,
    ],
    "tanh": [
        rng.uniform(-22.0, 22.0, 1000),
        rng.uniform(-1.0, 1.0, 2000),
        rng.uniform(0.6, 0.8, 1000),
        scattered(-320.0, 0.0),
    ],
}


@pytest.mark.parametrize("op", LARGEST_ERROR)
def test_accuracy(op: str) -> None:
    error, where = largest_error(op, getattr(mpmath, op), np.concatenate(POINTS[op]))
    assert error <= LARGEST_ERROR[op], where


@pytest.mark.parametrize("op", LARGEST_ERROR)
def test_edges(op: str) -> None:
    points = np.array(EDGES)
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(points)
    found = compiled(op)(points)
    np.testing.assert_allclose(found, expected, rtol=3e-16, atol=5e-324)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])


@pytest.mark.parametrize("op", VECTORISED)
def test_the_machine_code_uses_vectors(op: str) -> None:
    over = compiled(op)
    over(*(np.ones(3) for _ in inspect.signature(over.py_func).parameters))
    (llvm,) = over.inspect_llvm().values()
    assert re.search(r"f(mul|add) (\w+ )*<\d+ x double>", llvm)


def test_every_function_is_brought_and_used() -> None:
    assert set(VECTORISED) <= set(BY_NAME)
    vector = {f.__name__ for f, _ in TABLE if f.__name__.startswith("vector_")}
    for module in (vector_math, vector_trigonometry):
        assert {n for n in vars(module) if n.startswith("vector_")} <= vector
    used = "\n".join((*VECTORISED.values(), *(inspect.getsource(f) for f, _ in TABLE)))
    assert all(used.count(f"{name}(") >= 2 for name in vector)


def test_the_copied_text_stands_alone() -> None:
    (helper,) = helpers("y = vector_exp(x)")
    scope = {"np": np}
    exec(helper.text, scope)
    assert abs(scope["vector_exp"](1.0) - np.e) < 1e-15
    assert helpers("y = math.sin(x) + surplus(x)") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vector_log1p(vector_exp(-x))", ["vector_exp", "vector_log", "vector_log1p"]),
        ("vector_tanh(x)", ["vector_exp", "vector_tanh"]),
        ("vector_tanh(x) + vector_exp(x)", ["vector_exp", "vector_tanh"]),
        ("vector_expm1(x)", ["vector_expm1"]),
        ("vector_asin(x)", ["vector_arc", "vector_asin"]),
    ],
)
def test_helpers_bring_what_they_call(text: str, expected: list[str]) -> None:
    found = helpers(text)
    assert [h.text.split("(")[0].removeprefix("def ") for h in found] == expected
    scope = {"np": np}
    for helper in found:
        exec(helper.text, scope)
    name = expected[-1].removeprefix("vector_")
    assert abs(scope[expected[-1]](0.75) - getattr(math, name)(0.75)) < 1e-15


def test_helpers_bring_what_they_read() -> None:
    turns, constant, *others = helpers("vector_sin(x)")
    assert constant.options == ""
    assert constant.text.startswith("# 2 / pi")
    assert "TWO_OVER_PI = np.array([" in constant.text
    assert turns.text.startswith("def vector_turns(x):")
    assert all(h.options for h in others)


def test_only_sums_are_taken_in_any_order() -> None:
    assert [f.__name__ for f, options in TABLE if "reassoc" in options] == ["plus"]
