"""Vectorised functions against multiple precision, on random and on hard points."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from numba import njit

from codegen_ad.backends.brought import TABLE, helpers
from codegen_ad.emit.spell import VECTORISED

NAMES = ["exp", "expm1", "log", "log1p", "tanh"]
LARGEST_ERROR = {"exp": 1.0, "expm1": 1.5, "log": 1.0, "log1p": 1.8, "tanh": 1.6}
"""In units of the last place."""

HALVES = np.arange(-1020, 1020) + 0.5  # times log(2): where the reduction rounds either way

rng = np.random.default_rng(7)


def scattered(low: float, high: float, count: int = 1500) -> np.ndarray:
    """Numbers of either sign with magnitudes from 10**low to 10**high."""
    return 10.0 ** rng.uniform(low, high, count) * rng.choice([-1.0, 1.0], count)


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

EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, -1.0, -1.0000000000000002, -2.0]
EDGES += [5e-324, -5e-324, 2.2250738585072014e-308, 1e300, -1e300, 709.782712893384, 709.79]
EDGES += [-708.4, -740.0, -745.13321910194, -745.2]  # subnormal exponentials, and the last zero


def compiled(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Give a function over an array, made from the text that generated files bring along."""
    scope = {"np": np}
    for helper in helpers(f"vector_{name}(x)"):
        function = helper.text.split("(")[0].removeprefix("def ")
        exec(helper.text, scope)
        options = eval(f"dict({helper.options})")
        scope[function] = njit(error_model="numpy", **options)(scope[function])
    scalar = scope[f"vector_{name}"]

    @njit(error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
    def over(x):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            out[i] = scalar(x[i])
        return out

    return over


@pytest.mark.parametrize("name", NAMES)
def test_accuracy(name: str) -> None:
    points = np.concatenate(POINTS[name])
    assert len(points) >= 5000
    exact = getattr(mpmath, name)
    with mpmath.workprec(160):
        errors = [
            abs((mpmath.mpf(float(f)) - exact(mpmath.mpf(float(x)))) / float(np.spacing(abs(f))))
            for f, x in zip(compiled(name)(points), points, strict=True)
        ]
    assert max(errors) <= LARGEST_ERROR[name]


@pytest.mark.parametrize("name", NAMES)
def test_edges(name: str) -> None:
    points = np.array(EDGES)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(points)
    found = compiled(name)(points)
    np.testing.assert_allclose(found, expected, rtol=3e-16, atol=5e-324)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])


@pytest.mark.parametrize("name", NAMES)
def test_the_machine_code_uses_vectors(name: str) -> None:
    over = compiled(name)
    over(np.ones(3))
    (llvm,) = over.inspect_llvm().values()
    assert re.search(r"fmul (\w+ )*<\d+ x double>", llvm)


def test_every_function_is_spelled() -> None:
    mapped = {f"math.{n}": f"vector_{n}" for n in NAMES}
    assert mapped == VECTORISED
    own = {f.__name__ for f, _ in TABLE if not f.__name__.startswith("matrix_")}
    assert own == {"plus", *mapped.values()}


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


def test_only_sums_are_taken_in_any_order() -> None:
    assert [f.__name__ for f, options in TABLE if "reassoc" in options] == ["plus"]
