"""Integers of Python that outgrow 64 bits: right as long as they fit, else an error."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import assert_close, numeric_gradients, plain_value


def factorials(x: Any) -> Any:
    f, s = 1, 0.0
    for k in range(1, len(x)):
        f *= k
        s += x[0] ** k / f
    return s


def of_a_helper(x: Any) -> Any:
    def factorial(n: Any) -> Any:
        f = 1
        for k in range(2, n + 1):
            f = f * k
        return f

    return sum(v / factorial(i) for i, v in enumerate(x))


def on_some_paths(x: Any) -> Any:
    p, s = 1, 0.0
    for v in x:
        if v > 0.3:
            p *= 9
        s += v / p
    return s


def in_a_loop_inside(x: Any) -> Any:
    p = 1
    for _ in range(len(x) // 2):
        for _ in x[::8]:
            p = 5 * p
    return x[0] * (p % 7)


def shifted(x: Any) -> Any:
    p = 1
    for _ in x:
        p <<= 3
    return x[0] * p


def fibonacci(x: Any) -> Any:
    a, b = 0, 1
    for _ in range(4 * len(x)):
        a, b = b, a + b
    return x[0] * (a % 10)


def hashed(x: Any) -> Any:
    h = 5381
    for i in range(len(x)):
        h = h * 33 + i
    return x[0] * (h % 1000)


def in_a_dict(x: Any) -> Any:
    held = {"p": 1}
    for _ in x:
        held["p"] *= 16
    return x[0] * held["p"]


def squared(x: Any) -> Any:
    p = 2
    for _ in range(len(x) // 3):
        p = p**2
    return x[0] * p


def reduced(x: Any) -> Any:
    return x[0] * functools.reduce(operator.mul, range(1, len(x)))


def remainders(x: Any) -> Any:
    seed, s = 12345, 0.0
    for v in x:
        seed = (25214903917 * seed + 11) % 2**48
        s += v * seed / 2**48
    return s


def of_sizes(x: Any) -> Any:
    return x[0] * (len(x) ** 14) / 1e15


GROWING = [
    factorials, of_a_helper, on_some_paths, in_a_loop_inside, shifted, fibonacci, hashed, in_a_dict,
    squared, reduced,
]  # fmt: skip


def _arguments(size: int) -> tuple[np.ndarray]:
    return (np.linspace(0.21, 1.13, size),)


@pytest.mark.parametrize("function", GROWING, ids=lambda f: f.__name__)
def test_what_fits_is_right_and_what_does_not_is_an_error(function: Any) -> None:
    args = _arguments(9)
    case = Case(function, lambda n, rng: args)
    found = differentiate(function)
    value, gradient = found.value_and_grad(*args)
    assert_close(value, plain_value(case, args), rtol=1e-12, what="value")
    assert_close(gradient, numeric_gradients(case, args)[0], rtol=2e-6, what="gradient")
    with pytest.raises(OverflowError, match=r"larger than 2\*\*62"):
        found.value_and_grad(*_arguments(60))


def test_what_overflows_before_its_remainder_is_an_error() -> None:
    with pytest.raises(OverflowError, match=r"larger than 2\*\*62"):
        differentiate(remainders).grad(*_arguments(9))


def test_powers_of_sizes_are_looked_at_when_called() -> None:
    found = differentiate(of_sizes)
    assert found.value(*_arguments(20)) == of_sizes(*_arguments(20))
    with pytest.raises(InvalidArgument, match=r"larger than 2\*\*62 for arrays of these sizes"):
        found.grad(*_arguments(30))


def counted(x: Any) -> Any:
    s, k, total = 0.0, 0, 0
    for v in x:
        k = (k + 1) % 7
        total += k
        s += v * (2 * k + total)
    return s


def numpys(x: Any) -> Any:
    p = np.int64(1)
    for _ in x:
        p = p * np.int64(16)
    return x[0] * p


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("function", [counted, numpys])
def test_counters_and_numpys_integers_have_no_check(function: Any) -> None:
    args = _arguments(30)
    assert differentiate(function).value(*args) == pytest.approx(function(*args), rel=1e-14)
    assert "larger than" not in str(differentiate(function).source(*args))
