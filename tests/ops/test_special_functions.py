"""The plain arithmetic of special functions against multiple precision and SciPy."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special
from numba import njit

from codegen_ad.backends.brought import helpers
from codegen_ad.ops.special import FUNCTIONS, TABLE

rng = np.random.default_rng(5)
COUNT = 25


def uniform(low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, COUNT)


def powers(low: float, high: float) -> np.ndarray:
    """Positive numbers from 10**low to 10**high."""
    return 10.0 ** rng.uniform(low, high, COUNT)


def whole(low: int, high: int) -> np.ndarray:
    return rng.integers(low, high, COUNT).astype(float)


def around(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes, and places within some deviations of the middle of their gamma distributions."""
    return a, np.abs(a + rng.normal(size=COUNT) * 3 * np.sqrt(a)) + 0.1


def repeated_integral(n: Any, x: Any) -> Any:
    weight = mp.sqrt(mp.power(2, n - 1) * mp.pi)
    return mp.exp(x * x / 2) / weight * mp.pcfu(n + mp.mpf(1) / 2, mp.sqrt(2) * x)


def log_gamma(x: Any) -> Any:
    return mp.log(abs(mp.gamma(x))) if x < 1e4 else mp.loggamma(x)


def log_beta(x: Any, y: Any) -> Any:
    return mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y)


def upper_tail(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def student(df: Any, t: Any) -> Any:
    tail = mp.betainc(df / 2, 0.5, 0, df / (df + t * t), regularized=True) / 2
    return 1 - tail if t > 0 else tail


def oscillation(order: Callable[..., Any]) -> Callable[..., Any]:
    """The size that the error of a Bessel function is relative to."""

    def size(*args: Any) -> Any:
        n, x = order(*args)
        first = abs(mp.besselj(n, x))
        return first if x < max(n, 2) else mp.hypot(first, mp.bessely(n, x))

    return size


# Name, exact value, points, the largest error in ulp, and what the error is relative to.
CASES: tuple[tuple[Any, ...], ...] = (
    ("gammaln", log_gamma,
     [[uniform(0.01, 4)], [1 + uniform(-1e-4, 1e-4)], [powers(-300, 300)]], 5),
    ("gamma", mp.gamma, [[uniform(0.01, 171)], [-uniform(0.1, 20)], [powers(-300, 0)]], 5),
    ("rgamma", mp.rgamma, [[uniform(0.01, 171)], [-uniform(0.1, 20)], [uniform(170, 177)]], 400),
    ("digamma", mp.digamma, [[uniform(0, 3)], [uniform(1.4, 1.5)], [powers(0, 300)]], 4),
    ("polygamma", lambda n, x: mp.polygamma(int(n), x),
     [[whole(1, 6), powers(-3, 4)], [whole(1, 6), -uniform(0, 20)], [whole(1, 40), uniform(0, 50)]],
     60),
    ("betaln", log_beta, [[uniform(1.5, 20), uniform(1.5, 20)], [uniform(0.5, 9), powers(1, 12)],
                          [powers(1, 8), powers(1, 8)]], 12),
    ("beta", mp.beta,
     [[uniform(0.1, 40), uniform(0.1, 40)], [-uniform(0.1, 5), uniform(6, 9)]], 300),
    ("binom", mp.binomial, [[whole(10, 100), whole(0, 9)], [uniform(5, 50), uniform(0.1, 5)]], 300),
    ("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), [[powers(-9, 1.4)], [-uniform(0, 26)]], 4),
    ("ierfcx", repeated_integral,
     [[whole(1, 4), uniform(0, 1)], [whole(1, 6), uniform(1, 30)], [whole(1, 4), -uniform(0, 5)]],
     60),
    ("ndtri", lambda p: -mp.sqrt(2) * mp.erfinv(1 - 2 * p), [[uniform(0.001, 0.999)]], 5),
    ("erfinv", mp.erfinv, [[uniform(-1, 1)], [powers(-300, -1)]], 5),
    ("erfcinv", lambda y: mp.erfinv(1 - y), [[powers(-40, 0)], [uniform(1.1, 1.99)]], 5),
    ("ndtr", upper_tail, [[uniform(-37, 8)]], 6),
    ("log_ndtr", lambda x: mp.log(upper_tail(x)), [[uniform(-30, 5)], [-powers(0, 4)]], 6),
    ("gammainc", lambda a, x: mp.gammainc(a, 0, x, regularized=True),
     [[uniform(0.05, 10), uniform(0.05, 20)], around(powers(1, 4))], 400),
    ("gammaincc", lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
     [[uniform(0.05, 10), uniform(0.05, 20)], around(powers(1, 3)),
      [powers(-2, 0), uniform(0.01, 1.1)]], 400),
    ("gamma_density", lambda a, x: mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a)),
     [[uniform(0.05, 10), uniform(0.05, 20)], around(powers(1, 6))], 400),
    ("betainc", lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
     [[uniform(0.1, 10), uniform(0.1, 10), uniform(0, 1)],
      [powers(1, 2.5), powers(1, 2.5), uniform(0.3, 0.7)]], 600),
    ("stdtr", student, [[uniform(0.5, 30), uniform(-8, 8)]], 100),
    ("j0", lambda x: mp.besselj(0, x), [[powers(-9, 1)], [uniform(0, 50)], [powers(1, 5)]], 12,
     oscillation(lambda x: (0, x))),
    ("j1", lambda x: mp.besselj(1, x), [[powers(-9, 1)], [uniform(0, 50)], [powers(1, 5)]], 12,
     oscillation(lambda x: (1, x))),
    ("jn", lambda n, x: mp.besselj(int(n), x), [[whole(2, 20), uniform(0, 30)]], 40,
     oscillation(lambda n, x: (n, x))),
    ("y0", lambda x: mp.bessely(0, x), [[uniform(0, 50)], [powers(1, 5)]], 12,
     lambda x: mp.hypot(mp.besselj(0, x), mp.bessely(0, x))),
    ("y1", lambda x: mp.bessely(1, x), [[uniform(0, 8)], [uniform(8, 50)]], 40,
     lambda x: mp.hypot(mp.besselj(1, x), mp.bessely(1, x))),
    ("yn", lambda n, x: mp.bessely(int(n), x), [[whole(2, 9), uniform(0.1, 30)]], 40,
     lambda n, x: mp.hypot(mp.besselj(n, x), mp.bessely(n, x))),
    ("i0", lambda x: mp.besseli(0, x), [[uniform(-9, 9)], [uniform(8, 700)]], 5),
    ("i1", lambda x: mp.besseli(1, x), [[uniform(-9, 9)], [uniform(8, 700)]], 5),
    ("i0e", lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), [[uniform(0, 20)], [powers(0, 3)]], 5),
    ("i1e", lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), [[uniform(0, 20)], [powers(0, 3)]], 5),
    ("ive", lambda n, x: mp.besseli(int(n), x) * mp.exp(-abs(x)),
     [[whole(2, 20), uniform(0.1, 50)], [whole(2, 6), powers(-3, 3)]], 10),
    ("iv", lambda n, x: mp.besseli(int(n), x), [[whole(2, 20), uniform(0.1, 50)]], 10),
    ("k0", lambda x: mp.besselk(0, x), [[powers(-9, 2)]], 6),
    ("k1", lambda x: mp.besselk(1, x), [[powers(-9, 2)]], 6),
    ("k0e", lambda x: mp.besselk(0, x) * mp.exp(x), [[powers(-9, 2)]], 6),
    ("k1e", lambda x: mp.besselk(1, x) * mp.exp(x), [[powers(-9, 2)]], 6),
    ("kn", lambda n, x: mp.besselk(int(n), x), [[whole(2, 9), powers(-3, 2)]], 12),
    ("kve", lambda n, x: mp.besselk(int(n), x) * mp.exp(x), [[whole(2, 9), powers(-3, 2)]], 12),
)  # fmt: skip

ENTRIES = {entry.op.name: entry for entry in TABLE}
WITHOUT = {"beta_density"}  # tested as the derivative of betainc


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_accuracy(case: tuple[Any, ...]) -> None:
    name, exact, point_sets, bound, *size = case
    worst = 0.0
    with mp.workdps(50), np.errstate(all="ignore"):
        for points in point_sets:
            found = ENTRIES[name].evaluate(*points)
            for value, *numbers in zip(found, *points, strict=True):
                arguments = [mp.mpf(float(x)) for x in numbers]
                wanted = exact(*arguments)
                scale = abs(size[0](*arguments) if size else wanted)
                if 1e-300 < abs(wanted) < 1e300:
                    error = abs(mp.mpf(float(value)) - wanted) / scale / 2.0**-52
                    worst = max(worst, float(error))
    assert worst <= bound


def test_every_function_is_tested() -> None:
    assert {case[0] for case in CASES} | WITHOUT == ENTRIES.keys()


EDGES = [0.0, 1.0, -1.5, 2.0, 0.5, np.inf, -np.inf, np.nan, 1e-300, 8.0, -8.0, -8.5, 750.0]
ORDERS = {"polygamma": 2, "jn": 3, "yn": 3, "iv": 3, "ive": 3, "kn": 3, "kve": 3}
IN_SCIPY = {"jn": "jv", "iv": "iv"}
NOT_IN_SCIPY = {"ierfcx", "gamma_density", "beta_density"}


@pytest.mark.parametrize("name", sorted(ENTRIES.keys() - NOT_IN_SCIPY))
def test_edges_are_those_of_scipy(name: str) -> None:
    function = getattr(scipy.special, IN_SCIPY.get(name, name))
    count = len(ENTRIES[name].arguments)
    fixed = [[n] * len(EDGES) for n in ((ORDERS.get(name, 2.5), 1.5)[: count - 1])]
    with np.errstate(all="ignore"):
        found = ENTRIES[name].evaluate(*fixed, EDGES)
        expected = (
            function(*([int(n[0])] for n in fixed), EDGES)
            if name in ORDERS
            else function(*fixed, EDGES)
        )
    # SciPy has NaN for the limits of some functions, and the sides of some poles.
    wanted = np.isnan(EDGES) | np.isfinite(expected) | np.isposinf(EDGES) & ~np.isnan(expected)
    np.testing.assert_allclose(found[wanted], expected[wanted], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("gammaln", (-3.0,), np.inf),
        ("gamma", (0.0,), np.inf),
        ("gamma", (-0.0,), -np.inf),
        ("gamma", (-3.0,), np.nan),
        ("rgamma", (-3.0,), 0.0),
        ("digamma", (0.0,), -np.inf),
        ("digamma", (-3.0,), np.nan),
        ("polygamma", (1.0, -3.0), np.inf),
        ("polygamma", (1.5, 3.0), np.nan),
        ("log_ndtr", (-1e10,), -5e19),
        ("ndtri", (0.0,), -np.inf),
        ("ndtri", (1.0,), np.inf),
        ("ndtri", (1.1,), np.nan),
        ("erfinv", (-1.0,), -np.inf),
        ("erfcinv", (2.0,), -np.inf),
        ("j0", (np.inf,), 0.0),
        ("i0e", (np.inf,), 0.0),
        ("i1", (-np.inf,), -np.inf),
        ("y0", (0.0,), -np.inf),
        ("y1", (-1.0,), np.nan),
        ("k0", (0.0,), np.inf),
        ("kn", (2.0, 0.0), np.inf),
        ("jn", (-3.0, 2.0), -0.12894324947440206),
        ("jn", (3.0, 0.0), 0.0),
        ("binom", (5.0, 7.0), 0.0),
        ("binom", (60.0, 30.0), 118264581564861424.0),
    ],
)
def test_poles_and_limits(name: str, point: tuple[float, ...], expected: float) -> None:
    with np.errstate(all="ignore"):
        found = ENTRIES[name].evaluate(*point)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_compiled_functions_are_the_same() -> None:
    """The text that files carry, compiled, gives what the functions give."""
    text = "\n".join(f"{f.__name__}(x)" for f in FUNCTIONS)
    carried = helpers(text)
    assert [h.text.split("(")[0].removeprefix("def ") for h in carried] == [
        f.__name__ for f in FUNCTIONS
    ]
    scope: dict[str, Any] = {"np": np, "math": math}
    for helper in carried:
        exec(helper.text, scope)
    cases = (
        ("erfcx", [(-3.0,), (0.25,), (1e9,)]),
        ("j1", [(-3.0,), (1.0,), (25.0,)]),
        ("polygamma", [(1.0, 0.3), (2.0, -1.25), (0.0, 3.0)]),
        ("gammaincc", [(0.3, 0.2), (2.0, 5.0), (30.0, 20.0)]),
    )
    for name, points in cases:
        for helper in helpers(f"special_{name}("):
            function = helper.text.split("(")[0].removeprefix("def ")
            scope[function] = njit(error_model="numpy")(scope[function])
        for point in points:
            value = scope[f"special_{name}"](*point)
            np.testing.assert_allclose(value, ENTRIES[name].evaluate(*point), rtol=1e-14)


def test_functions_stand_in_the_order_of_their_calls() -> None:
    known: set[str] = set()
    every = {f.__name__ for f in FUNCTIONS}
    for function in FUNCTIONS:
        used = set(function.__code__.co_names) & every - {function.__name__}
        assert used <= known, function.__name__
        assert inspect.getsource(function).startswith("def ")
        known.add(function.__name__)
