"""Mistakes that were mended, each at the smallest program that showed it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import CodegenError, InternalError, InvalidArgument
from tests.cases.engine import Run
from tests.frontend.library.library_cases import DATA


@pytest.mark.parametrize(
    "text",
    ["np.std(0 * v + s)", "np.sum(np.std(0 * A + 2.0, axis=1))", "np.nanstd(0 * v + s, ddof=1)"],
)
def test_the_standard_deviation_of_equal_numbers_has_no_slope(text: str) -> None:
    for gradient in Run(text, DATA).gradients():
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@differentiate(wrt="w")
def product_with_nothing(w: Any, X: Any) -> Any:
    return np.sum((X @ w) ** 2)


@pytest.mark.parametrize("rows", [0, 4])
def test_a_product_over_no_columns_is_zero(rows: int) -> None:
    value, gradient = product_with_nothing.value_and_grad(np.zeros(0), np.zeros((rows, 0)))
    assert value == 0.0
    assert gradient.shape == (0,)


@differentiate(wrt="A")
def rows_in_order(A: Any) -> Any:
    return np.sum(np.sort(A, axis=1) * np.arange(3)) + np.median(A, axis=0).sum()


def test_rows_are_sorted_in_compiled_code() -> None:
    A = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    value, gradient = rows_in_order.value_and_grad(A)
    assert value == np.sum(np.sort(A, axis=1) * np.arange(3)) + np.median(A, axis=0).sum()
    np.testing.assert_array_equal(gradient, np.array([[2.5, 0.5, 1.5], [0.5, 2.5, 1.5]]))


@differentiate(wrt="k")
def of_an_integer(k: Any, x: Any) -> Any:
    return np.sum(k * x)


def test_a_python_integer_is_not_told_to_be_an_array() -> None:
    with pytest.raises(InvalidArgument) as caught:
        of_an_integer.grad(2, np.ones(3))
    assert "float(k)" in str(caught.value)
    assert "astype" not in str(caught.value)


@differentiate
def python_extremes(x: Any) -> Any:
    return max(2.0 * x[0], x[1]) + min(x[1], x[0], 5.0) + max(x) * 10.0


def test_python_keeps_the_first_number_where_nan_comes_later() -> None:
    """NumPy's maximum is NaN wherever one of both is; a kernel had taken it for Python's."""
    for x in (
        np.array([1.5, np.nan, 0.5]),
        np.array([np.nan, 1.5, 0.5]),
        np.array([1.0, 4.0, 9.0]),
    ):
        value, _ = python_extremes.value_and_grad(x)
        np.testing.assert_array_equal(value, python_extremes.__wrapped__(x))
    _, gradient = python_extremes.value_and_grad(np.array([1.5, np.nan, 0.5]))
    np.testing.assert_array_equal(gradient[0], 12.0)


@differentiate
def scaled_terms(x: Any) -> Any:
    return np.sum(0.3 * np.ldexp(1e-300 * x, np.arange(len(x)) + 1015)) + np.mean(
        1e-290 * np.exp(x)
    )


def test_a_factor_that_keeps_terms_finite_stays_with_them() -> None:
    """It left the sum, whose terms were infinite then."""
    x = np.array([0.5, 1.2, 0.7, 709.0] * 3)
    np.testing.assert_allclose(scaled_terms.value(x), scaled_terms.__wrapped__(x), rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("scipy.special.logsumexp(v, b=0, return_sign=True)[0]", -np.inf),
        ("scipy.special.logsumexp(v * 0 - np.inf, return_sign=True)[1]", 0.0),
        ("np.arange(0.5, 5, 1.5, dtype=int)[2]", 4),
    ],
)
def test_values_without_slopes(text: str, value: float) -> None:
    (found,) = Run(f"({text}) + 0 * s", DATA).values()
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(Run(f"({text}) + 0 * s", DATA).expected(), [value])


@differentiate
def counted_by_data(x: Any) -> Any:
    return np.sum(np.arange(x[0]) * x[1])


@pytest.mark.parametrize(
    ("limit", "message"), [(np.nan, "cannot compute length"), (np.inf, "Maximum allowed size")]
)
def test_numbers_up_to_no_number(limit: float, message: str) -> None:
    assert counted_by_data.grad(np.array([3.5, 2.0])).tolist() == [0.0, 6.0]
    for function in (counted_by_data.__wrapped__, counted_by_data.value_and_grad):
        with pytest.raises(ValueError, match=message):
            function(np.array([limit, 2.0]))


@differentiate
def diagonal_of_each(A: Any) -> Any:
    return np.sum(np.diagonal(A, 1, axis1=-1, axis2=0) ** 3) + np.trace(A[0], -1) * np.mean(A)


@pytest.mark.parametrize("shape", [(3, 3, 3), (2, 3, 5), (5, 3, 2), (1, 1, 1), (4, 2, 1)])
def test_diagonals_of_any_sizes(shape: tuple[int, ...]) -> None:
    diagonal_of_each.check(np.random.default_rng(1).normal(size=shape), second=True)


@differentiate
def area(x: Any) -> Any:
    return x[0] * np.trapezoid(x[1:])


def test_an_integral_of_nothing_is_zero() -> None:
    for count in (1, 2, 4):
        area.check(np.arange(1.0, count + 1.0), second=True)
    np.testing.assert_array_equal(area.grad(np.ones(1)), [0.0])


@differentiate
def spread(x: Any) -> Any:
    return np.var(x, ddof=2)


@differentiate
def middle(x: Any) -> Any:
    return np.median(x)


@differentiate
def weighted(x: Any) -> Any:
    return np.average(x) + np.std(x)


@pytest.mark.parametrize(("function", "count"), [(spread, 1), (middle, 0), (weighted, 0)])
def test_a_call_without_rows_is_refused(function: Any, count: int) -> None:
    with pytest.raises(CodegenError, match=r"needs (x|a size of at least 2)"):
        function.grad(np.ones(count))


def test_a_field_that_a_named_tuple_lacks_is_refused_as_python_does() -> None:
    """It was said to be a mistake of the library."""
    with pytest.raises(CodegenError, match="Got unexpected field names") as caught:
        differentiate(of_a_missing_field).grad(np.ones(3))
    assert not isinstance(caught.value, InternalError)


class Pair(NamedTuple):
    """Two numbers."""

    first: float
    second: float


def of_a_missing_field(x: Any) -> Any:
    return Pair(x[0], x[1])._replace(third=x[2]).first
