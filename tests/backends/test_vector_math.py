"""Vectorised exponentials and logarithms against multiple precision, on random and hard points."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from vector_cases import EDGES, assert_same, compiled, largest_error, rng, scattered

from codegen_ad.backends import (
    vector_error,
    vector_gamma,
    vector_hyperbolic,
    vector_math,
    vector_powers,
    vector_single,
    vector_trigonometry,
)
from codegen_ad.backends.brought import TABLE, helpers
from codegen_ad.emit.spell import SINGLE, VECTORISED
from codegen_ad.ops import BY_NAME, ELEMENTWISE

MODULES = (
    vector_math,
    vector_trigonometry,
    vector_hyperbolic,
    vector_powers,
    vector_single,
    vector_error,
    vector_gamma,
)
HALVES = np.arange(-1020, 1020) + 0.5  # times log(2): where the reduction rounds either way
LOGARITHMS = [
    np.exp(rng.uniform(-708.0, 709.0, 700)),
    rng.uniform(0.5, 2.0, 700),
    1.0 + scattered(-16.0, -1.0, 700),
    np.sqrt(0.5) * (1.0 + scattered(-16.0, -2.0, 500)),  # from either side of a reduction
    rng.integers(1, 2**52, 300) * 5e-324,
]
GAMMA = [
    rng.uniform(0.0, 10.0, 1500),
    10.0 ** rng.uniform(-307.0, 305.0, 500),
    1.0 + scattered(-16.0, -1.0, 500),  # around zeros
    2.0 + scattered(-15.0, -1.0, 500),
    1.4616321449683622 + scattered(-15.0, -1.0, 300),
    -(10.0 ** rng.uniform(-307.0, -1.0, 300)),
]
WHOLE = np.arange(5.0, 60.0)
SMALL = [rng.uniform(-4.0, 4.0, 1000), scattered(-320.0, 0.0, 500)]

CASES: dict[str, tuple[Callable[..., Any], float, list[np.ndarray]]] = {
    "exp": (
        mpmath.exp,
        1.0,
        [
            rng.uniform(-708.0, 709.7, 1000),
            rng.uniform(-1.0, 1.0, 1000),
            rng.normal(size=300) * 1e-9,
            np.log(2.0) * HALVES[::2],
        ],
    ),
    "exp2": (
        lambda x: mpmath.mpf(2) ** x,
        1.3,
        [rng.uniform(-1022.0, 1024.0, 1000), rng.uniform(-1.0, 1.0, 1000), HALVES[::4]],
    ),
    "expm1": (
        mpmath.expm1,
        1.5,
        [
            rng.uniform(-40.0, 709.7, 700),
            rng.uniform(-3.0, 3.0, 700),
            rng.uniform(0.3, 0.4, 500),  # from either side of k = 1
            scattered(-320.0, 0.0, 700),
            np.log(2.0) * HALVES[960:],
        ],
    ),
    "log": (mpmath.log, 1.0, LOGARITHMS),
    "log2": (lambda x: mpmath.log(x, 2), 1.0, LOGARITHMS),
    "log10": (mpmath.log10, 1.0, LOGARITHMS),
    "log1p": (
        mpmath.log1p,
        1.8,
        [
            np.exp(rng.uniform(-708.0, 709.0, 500)),
            rng.uniform(-1.0, 1.0, 700),
            scattered(-320.0, -1.0, 700),
            scattered(-17.0, -15.0, 700),  # where the sum with 1 loses most
            10.0 ** rng.uniform(-16.0, -1.0, 500) - 1.0,
        ],
    ),
    "expit": (
        lambda x: 1 / (1 + mpmath.exp(-x)),
        1.8,
        [rng.uniform(-708.0, 40.0, 700), *SMALL],
    ),
    "softplus": (
        lambda x: mpmath.log1p(mpmath.exp(x)),
        1.75,
        [rng.uniform(-40.0, 40.0, 700), rng.uniform(-700.0, -30.0, 300), *SMALL],
    ),
    "sinh": (mpmath.sinh, 1.6, [rng.uniform(-710.4, 710.4, 700), *SMALL]),
    "cosh": (mpmath.cosh, 1.6, [rng.uniform(-710.4, 710.4, 700), *SMALL]),
    "tanh": (
        mpmath.tanh,
        1.6,
        [rng.uniform(-22.0, 22.0, 500), rng.uniform(0.6, 0.8, 700), *SMALL],
    ),
    "arcsinh": (
        mpmath.asinh,
        2.0,
        [rng.uniform(0.7, 1.0, 700), scattered(-320.0, 308.0, 500), *SMALL],
    ),
    "arccosh": (
        mpmath.acosh,
        1.6,
        [
            1.0 + 10.0 ** rng.uniform(-16.0, 1.0, 700),
            rng.uniform(1.0, 4.0, 1000),
            10.0 ** rng.uniform(0.0, 308.0, 500),
        ],
    ),
    "arctanh": (
        mpmath.atanh,
        1.6,
        [
            rng.uniform(-1.0, 1.0, 1000),
            1.0 - 10.0 ** rng.uniform(-16.0, 0.0, 500),
            scattered(-320.0, -0.1, 500),
        ],
    ),
    "erf": (
        mpmath.erf,
        2.0,
        [rng.uniform(-6.5, 6.5, 700), rng.uniform(0.7, 1.1, 700), scattered(-307.0, 0.0, 300)],
    ),
    "erfc": (
        mpmath.erfc,
        4.0,
        [rng.uniform(-6.5, 27.2, 700), rng.uniform(-1.1, 1.1, 700), scattered(-320.0, 0.0, 300)],
    ),
    "cbrt": (
        lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
        1.0,
        [rng.uniform(-10.0, 10.0, 1000), scattered(-323.0, 308.0, 1000)],
    ),
    "gammaln": (
        lambda x: mpmath.log(abs(mpmath.gamma(x))) if x < 0 else mpmath.loggamma(x),
        4.0,
        [*GAMMA, rng.uniform(-2.2, 0.0, 500), -WHOLE - 0.4],
    ),
    "digamma": (mpmath.digamma, 4.0, [*GAMMA, -WHOLE - 0.5, -WHOLE - 0.3]),
}
"""Multiple precision, the largest error in units of the last place, and points."""


@pytest.mark.parametrize("op", CASES)
def test_accuracy(op: str) -> None:
    exact, bound, points = CASES[op]
    error, where = largest_error(op, exact, np.concatenate(points), precision=200)
    assert error <= bound, where


@pytest.mark.parametrize("op", CASES)
def test_edges(op: str) -> None:
    points = np.array(EDGES)
    with np.errstate(all="ignore"):
        expected = ELEMENTWISE[BY_NAME[op]].evaluate(points)
    assert_same(compiled(op)(points), expected)


def powers() -> tuple[np.ndarray, np.ndarray]:
    """Bases and exponents whose powers are normal numbers, of every size."""
    x = np.concatenate(
        [
            np.exp(rng.uniform(-5.0, 5.0, 700)),
            np.exp(rng.uniform(-700.0, 700.0, 700)),
            1.0 + scattered(-12.0, -1.0, 700),
            rng.integers(1, 2**52, 300) * 5e-324,
        ]
    )
    y = rng.uniform(-1021.0, 1023.0, len(x)) / np.log2(x)
    y[::3] = np.sign(y[::3])
    y[1::9] = np.round(y[1::9])
    return x, y


def test_accuracy_of_powers() -> None:
    error, where = largest_error("power", lambda x, y: x**y, *powers(), precision=250)
    assert error <= 1.5, where


def test_accuracy_of_powers_of_negative_numbers() -> None:
    x, y = -rng.uniform(0.01, 10.0, 300), rng.integers(-20, 20, 300) * 1.0
    error, where = largest_error("power", lambda x, y: x**y, x, y)
    assert error <= 1.5, where


def test_accuracy_of_lengths() -> None:
    x = np.concatenate([rng.uniform(-4.0, 4.0, 1000), scattered(-307.0, 307.0, 700)])
    y = np.concatenate([rng.uniform(-4.0, 4.0, 1000), x[1000:] * scattered(-1.0, 1.0, 700)])
    error, where = largest_error("hypot", mpmath.hypot, x, y)
    assert error <= 1.5, where


@pytest.mark.parametrize("op", ["power", "hypot"])
def test_edges_of_functions_of_two(op: str) -> None:
    more = [*EDGES, 1e-320, -1e-320, 1e20, -1e19, 9007199254740993.0, 0.9999999999999999]
    x, y = (a.ravel() for a in np.meshgrid(more, more))
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(x, y)
    assert_same(compiled(op)(x, y), expected)


def test_logarithms_of_sums() -> None:
    x, y = (a.ravel() for a in np.meshgrid(EDGES, EDGES))
    found = compiled("logaddexp")(x, y)
    with np.errstate(all="ignore"):
        expected = np.logaddexp(x, y)
        cancelled = np.finfo(float).eps * np.maximum(abs(x), abs(y))
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(all="ignore"):
        assert (same | (abs(found - expected) <= 2.0 * cancelled)).all()


@pytest.mark.parametrize("op", VECTORISED)
def test_the_machine_code_uses_vectors(op: str) -> None:
    over = compiled(op)
    over(*(np.ones(3) for _ in inspect.signature(over.py_func).parameters))
    (llvm,) = over.inspect_llvm().values()
    assert re.search(r"f(mul|add) (\w+ )*<\d+ x double>", llvm)


def test_every_function_is_brought_and_used() -> None:
    assert set(SINGLE) <= set(VECTORISED) <= set(BY_NAME)
    vector = {f.__name__ for f, _ in TABLE if f.__name__.startswith("vector_")}
    for module in MODULES:
        assert {n for n in vars(module) if n.startswith("vector_")} <= vector
    used = "\n".join(
        (*VECTORISED.values(), *SINGLE.values(), *(inspect.getsource(f) for f, _ in TABLE))
    )
    assert all(used.count(f"{name}(") >= 2 for name in vector)


EXP = ["vector_power_of_two", "vector_exp_parts", "vector_exp"]
LOG = ["vector_split", "vector_log_part", "vector_log_ends", "vector_log"]


def test_helpers_are_what_is_called() -> None:
    assert helpers("y = math.sin(x) + surplus(x)") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vector_exp(x)", EXP),
        ("vector_log1p(vector_exp(-x))", [*EXP, *LOG, "vector_log1p"]),
        ("vector_tanh(x)", [*EXP, "vector_tanh"]),
        ("vector_tanh(x) + vector_exp(x)", [*EXP, "vector_tanh"]),
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
