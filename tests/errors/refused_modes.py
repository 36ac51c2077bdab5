"""Calls of derivatives that are refused, one function for each message; see `errors/modes`."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad import differentiate

HELPERS = ("_square", "_counts", "_wave", "_table", "_two_of_three", "_scan", "_later")
V, K = np.arange(1.0, 6.0), np.arange(5)


def _square(x: Any) -> Any:
    return x**2


def _counts(x: Any) -> Any:
    return len(x) + 1


def _table(x: Any) -> Any:
    return x, np.sin(x)


def _wave(x: Any) -> Any:
    total = 0.0
    for v in x:
        inner = v * v
        total = total + np.sin(inner) * total
    return total


def _two_of_three(x: Any) -> Any:
    return (x[::3] * x[1::3]).sum()


def _scan(x: Any) -> Any:
    state = np.zeros(np.count_nonzero(x > 1.0))
    for v in x:
        state = np.sin(state * v) + state
    return state.sum()


def size_of_another_remainder() -> object:
    return differentiate(_two_of_three).grad(np.arange(19.0))


def array_instead_of_a_number() -> object:
    return differentiate(_square).grad(V)


def two_results() -> object:
    return differentiate(_table).grad(V)


def whole_number_as_the_result() -> object:
    return differentiate(_counts).grad(V)


def complex_result() -> object:
    return differentiate(lambda x: np.sum(x) * 1j).grad(V)


def no_numbers() -> object:
    return differentiate(lambda x, mode: np.sum(x), wrt="mode", static="mode").grad(V, "a")


def integers_as_parameters() -> object:
    return differentiate(lambda i: np.sum(i**2.0)).grad(K)


def elementwise_of_two() -> object:
    return differentiate(_table).elementwise_grad(V)


def jacobian_of_positions() -> object:
    return differentiate(lambda x: np.argsort(x)).jacobian(V)


def sparse_jacobian_of_two() -> object:
    return differentiate(_table).jacobian(V, sparse=True)


def sparse_jacobian_of_picked() -> object:
    return differentiate(lambda x: x[x > 1.0] ** 2).jacobian(V, sparse=True)


def sparse_jacobian_through_picked() -> object:
    return differentiate(lambda x: np.sum(x[x > 1.0] ** 2) * x).jacobian(V, sparse=True)


def aux_without_a_pair() -> object:
    return differentiate(_square, has_aux=True).grad(V)


def value_in_a_loop() -> object:
    return differentiate(_wave, taps="inner").taps(V)


def value_that_is_not_there() -> object:
    return differentiate(_wave, taps="outer").taps(V)


def value_without_effect() -> object:
    def f(x: Any) -> Any:
        half = x * 0.5
        return np.sum(x) + len(half)

    return differentiate(f, taps="half").taps(V)


def derivative_in_a_shape() -> object:
    from scipy.special import gammainc

    return differentiate(lambda x: np.sum(gammainc(x, 2.0))).grad(V)


def hessian_that_records_all() -> object:
    return differentiate(_wave, checkpoint="sqrt").hessian(V, mode="reverse")


def states_of_unknown_size() -> object:
    return differentiate(_scan, checkpoint="1MB").grad(V)


async def _later(x: Any) -> Any:
    return x


def asynchronous() -> object:
    return differentiate(_later).grad(2.0)


def residuals_that_count() -> object:
    import codegen_ad

    return codegen_ad.least_squares(differentiate(_counts), V)
