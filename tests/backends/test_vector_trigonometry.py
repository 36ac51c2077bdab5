"""Vectorised trigonometric functions against multiple precision, on random and on hard points."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from vector_cases import EDGES, assert_same, compiled, largest_error, rng, scattered

from codegen_ad.backends.vector_trigonometry import TWO_OVER_PI

# Around these, and around multiples of pi / 4 in general, a reduction loses most.
NEAR_QUARTERS = [6381956970095103.0 * 2.0**797, 5319372648326541.0 * 2.0**-40, 2.0**1023]
ANGLES = [
    rng.uniform(-10.0, 10.0, 1000),
    scattered(-320.0, 308.0, 700),
    np.arange(-150, 400) * (np.pi / 4.0),
    2.0 ** np.arange(-30.0, 1024.0, 3.0),
    np.array(NEAR_QUARTERS),
]
RATIOS = [
    rng.uniform(-1.0, 1.0, 1000),
    scattered(-320.0, 0.0, 300),
    1.0 - 10.0 ** rng.uniform(-16.0, 0.0, 500),
    np.array([0.5, -0.5, np.nextafter(0.5, 1.0), 1.0, -1.0]),
]
CENTERS = np.repeat([0.4375, 0.6875, 1.1875, 2.4375], 50)
TANGENTS = [
    rng.uniform(-4.0, 4.0, 1000),
    scattered(-320.0, 308.0, 500),
    CENTERS * (1.0 + scattered(-16.0, -2.0, 200)),
]
LARGEST_ERROR = {
    "sin": (mpmath.sin, ANGLES, 1.5),
    "cos": (mpmath.cos, ANGLES, 1.5),
    "tan": (mpmath.tan, ANGLES, 2.0),
    "arcsin": (mpmath.asin, RATIOS, 1.5),
    "arccos": (mpmath.acos, RATIOS, 1.5),
    "arctan": (mpmath.atan, TANGENTS, 1.0),
}


@pytest.mark.parametrize("op", LARGEST_ERROR)
def test_accuracy(op: str) -> None:
    exact, points, bound = LARGEST_ERROR[op]
    precision = 1300 if points is ANGLES else 200
    error, where = largest_error(op, exact, np.concatenate(points), precision=precision)
    assert error <= bound, where


def test_accuracy_of_angles_of_points() -> None:
    y = np.concatenate([rng.uniform(-4.0, 4.0, 1000), scattered(-320.0, 300.0, 1000)])
    x = np.concatenate([rng.uniform(-4.0, 4.0, 1000), y[1000:] * scattered(-4.0, 4.0, 1000)])
    y, x = y[x != 0.0], x[x != 0.0]
    error, where = largest_error("arctan2", mpmath.atan2, y, x, precision=200)
    assert error <= 1.6, where


@pytest.mark.parametrize("op", LARGEST_ERROR)
def test_edges(op: str) -> None:
    points = np.array(EDGES)
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(points)
    assert_same(compiled(op)(points), expected)


def test_edges_of_angles_of_points() -> None:
    y, x = (a.ravel() for a in np.meshgrid(EDGES, EDGES))
    assert_same(compiled("arctan2")(y, x), np.arctan2(y, x))


def test_pieces_of_two_over_pi() -> None:
    pieces = [Fraction(int(p)) for p in TWO_OVER_PI]
    assert [float(p) for p in pieces] == TWO_OVER_PI.tolist()
    # Every second piece; they have 50 bits, and the first stands 50 bits behind the point.
    total = sum(p / 2 ** (50 * (k + 1)) for k, p in enumerate(pieces[::2]))
    with mpmath.workprec(1400):
        exact = 2 / mpmath.pi * mpmath.mpf(2) ** -50
        found = mpmath.mpf(total.numerator) / total.denominator
        assert abs(found - exact) < mpmath.mpf(2) ** (-50 * len(pieces[::2]))
    # Neighbours overlap in one digit of 25 bits, which is the same in both.
    digits = [round(p / 2**25) for p in pieces]
    assert all(p - d * 2**25 == e for p, d, e in zip(pieces, digits, digits[1:], strict=False))


@pytest.mark.parametrize("op", ["sin", "arctan"])
def test_odd_functions_are_odd(op: str) -> None:
    points = np.concatenate([rng.uniform(0.0, 10.0, 500), abs(scattered(-320.0, 308.0, 500))])
    np.testing.assert_array_equal(compiled(op)(-points), -compiled(op)(points))


def test_sine_and_cosine_share_the_reduction() -> None:
    x = rng.uniform(-1e3, 1e3, 500)
    sine, cosine = compiled("sin")(x), compiled("cos")(x)
    np.testing.assert_allclose(sine * sine + cosine * cosine, 1.0, rtol=1e-15)
    np.testing.assert_allclose(sine, [math.sin(v) for v in x], rtol=3e-16)
