"""Integers of Python that data make: products, divisions and conversions are right or raise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate

SMALL = np.array([3.5, 2.25, -7.75])
LARGE = np.array([9e12, 7e12, 3.0])


def scaled(x: Any) -> Any:
    return np.sum(x) * (int(x[0]) * 2**62 / 2**62)


def shifted(x: Any) -> Any:
    return np.sum(x) * (int(x[0]) * 2**40 + 2**61)


def product(x: Any) -> Any:
    return np.sum(x) * (int(x[0]) * int(x[1]))


def square(x: Any) -> Any:
    return np.sum(x) * int(x[0]) ** 2


def power(x: Any) -> Any:
    return np.sum(x) * (int(x[0]) ** 30 % 7)


def sum_of_products(x: Any) -> Any:
    return x[0] * sum(int(v) * int(v) for v in x)


@pytest.mark.parametrize("function", [scaled, shifted, product, square, power, sum_of_products])
def test_products_that_outgrow_64_bits_are_an_error(function: Any) -> None:
    f = differentiate(function)
    assert f.value(np.array([1.5, 2.0, 0.5])) == function(np.array([1.5, 2.0, 0.5]))
    assert function(LARGE) is not None  # Python has integers of any size
    with pytest.raises(OverflowError, match=r"larger than 2\*\*62"):
        f.grad(LARGE)


def total(x: Any, n: Any) -> Any:
    return x[0] * (n[0] + n[1])


def total_of_items(x: Any, n: Any) -> Any:
    return x[0] * (int(n[0]) - int(n[1]))


def total_of_conversions(x: Any, n: Any) -> Any:
    return np.sum(x) * (int(x[0] * n[0]) + int(x[1] * n[0]))


LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("function", "ones", "many"),
    [
        (total, (5, 7), (LARGEST, LARGEST)),
        (total, (2**61, -3), (-LARGEST - 1, -LARGEST - 1)),
        (total_of_items, np.array([5, 7]), np.array([LARGEST, -LARGEST])),
        (total_of_items, np.array([2**61, 2**60]), np.array([-LARGEST, LARGEST])),
        (total_of_conversions, np.array([5]), np.array([2**61 + 2**60])),
    ],
)
def test_sums_that_outgrow_64_bits_are_an_error(function: Any, ones: Any, many: Any) -> None:
    f, x = differentiate(function), np.array([1.5, 1.25, -0.5])
    assert f.value(x, ones) == function(x, ones)
    assert abs(function(x, many)) > 2**62  # Python has integers of any size
    with pytest.raises(OverflowError, match=r"larger than 2\*\*62"):
        f.grad(x, many)


def of_narrow_ones(x: Any, i: Any) -> Any:
    s = 0.0
    for k in range(len(i)):
        s += x[0] * (int(i[k]) * k * 3)
    return s


def test_products_of_narrow_integers_and_counters_have_no_check() -> None:
    f, i = differentiate(of_narrow_ones), np.array([2**15 - 1, -(2**15), 5], np.int16)
    assert f.value(SMALL, i) == of_narrow_ones(SMALL, i)
    assert "larger than" not in str(f.source(SMALL, i))


def to_a_negative_power(x: Any) -> Any:
    return x[1] * int(x[0]) ** -2


def test_a_negative_power_of_an_integer_is_a_float() -> None:
    value, gradient = differentiate(to_a_negative_power).value_and_grad(SMALL)
    assert value == to_a_negative_power(SMALL)
    np.testing.assert_array_equal(gradient, [0.0, 3.0**-2, 0.0])


def quotient(x: Any) -> Any:
    return 1.0 + int(x[0]) // int(x[1])


def remainder(x: Any) -> Any:
    return 1.0 + int(x[0]) % int(x[1])


def both(x: Any) -> Any:
    q, r = divmod(int(x[0]), int(x[1]))
    return x[2] * (q + r)


def in_a_loop(x: Any) -> Any:
    s = 0.0
    for k in range(-2, len(x)):
        s += x[0] * (6 // k)
    return s


@pytest.mark.parametrize("function", [quotient, remainder, both, in_a_loop])
def test_a_division_of_integers_by_zero_raises(function: Any) -> None:
    f, zero = differentiate(function), np.array([7.5, 0.5, 1.0])
    if function is not in_a_loop:
        for x in (SMALL, -SMALL, SMALL[::-1]):
            assert f.value(x) == function(x)
    for call in (function, f.value, f.grad):
        with pytest.raises(ZeroDivisionError, match="integer"):
            call(zero)


def neighbours(x: Any) -> Any:
    s, n = 0.0, len(x)
    for i in range(n):
        s += x[i] * x[(i + 1) % n] + x[i // 2]
    return s


def test_sizes_and_constants_divide_without_a_check() -> None:
    f, x = differentiate(neighbours), np.linspace(0.1, 1.0, 9)
    assert f.value(x) == pytest.approx(neighbours(x), rel=1e-14)
    assert "ZeroDivisionError" not in str(f.source(x))
    assert f.value(x[:0]) == 0.0


def counts(x: Any) -> Any:
    return x[1] * (int(x[0]) + 1)


def rounded(x: Any) -> Any:
    return x[1] * max(round(x[0]), 2)


def floors(x: Any) -> Any:
    return x[1] if math.floor(x[0]) > 3 else x[2]


def trips(x: Any) -> Any:
    s = 0.0
    for k in range(int(x[0])):
        s += x[1] * k
    return s


def clipped(x: Any) -> Any:
    return x[min(max(int(x[0]), 0), 2)]


def sliced(x: Any) -> Any:
    return np.sum(x[: int(x[0])])


def in_a_branch(x: Any) -> Any:
    k = 1
    if x[1] > 0:
        k = int(x[0])
    return x[2] * (k + 1)


def carried(x: Any) -> Any:
    k, s = int(x[0]), 0.0
    for v in x:
        s += v * k
        k += 1
    return s


CONVERSIONS = [counts, rounded, floors, trips, clipped, sliced, in_a_branch, carried]


@pytest.mark.parametrize("function", CONVERSIONS)
def test_what_is_no_integer_raises(function: Any) -> None:
    f = differentiate(function)
    assert f.value(np.abs(SMALL)) == pytest.approx(function(np.abs(SMALL)), rel=1e-14)
    for lost, error in ((np.nan, ValueError), (np.inf, OverflowError), (-np.inf, OverflowError)):
        x = np.array([lost, 1.0, 2.0])
        for call in (function, f.value, f.value_and_grad):
            with pytest.raises(error, match="integer"):
                call(x)
    with pytest.raises(OverflowError, match="too large to be an integer of 64 bits"):
        f.value(np.array([1e300, 1.0, 2.0]))


def test_a_side_that_is_not_taken_converts_nothing() -> None:
    x = np.array([np.nan, -1.0, 2.0])
    assert differentiate(in_a_branch).value(x) == in_a_branch(x) == 4.0


def between(t: Any, y: Any) -> Any:
    s = 0.0
    for u in t:
        i = int(u)
        w = u - i
        s += y[i] * (1.0 - w) + y[i + 1] * w
    return s


def test_places_and_parts_of_floats_have_no_other_check() -> None:
    f, t, y = differentiate(between), np.array([0.25, 1.5, 2.75]), np.array([1.0, 4.0, 2.0, 3.0])
    assert f.value(t, y) == pytest.approx(between(t, y), rel=1e-15)
    assert "made an integer" not in str(f.source(t, y))
    for lost in (np.nan, np.inf, -1e300):
        with pytest.raises(IndexError, match="line 6: index is out of bounds"):
            f.value(np.array([0.5, lost]), y)


def whole_part(x: Any) -> Any:
    return float(int(x[0])) + math.floor(x[1]) * 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_integer_that_becomes_a_float_again_keeps_its_digits(dtype: Any) -> None:
    f = differentiate(whole_part)
    for x in (np.array([-0.5, 0.25], dtype), np.array([1e30, -2.5], dtype)):
        assert f.value(x) == whole_part(x)
        assert math.copysign(1.0, f.value(x)) == math.copysign(1.0, whole_part(x))
    assert math.isinf(f.value(np.array([np.inf, 0.0], dtype)))


def test_powers_with_a_modulus_of_known_numbers_are_numbers() -> None:
    def known(x: Any) -> Any:
        return x[0] * pow(3, 4, 5) + pow(x[1], exp=2)

    assert differentiate(known).value(SMALL) == known(SMALL)
