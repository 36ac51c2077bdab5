"""Loops over columns and other views of data: copied in tiles, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Expr,
    For,
    Kernel,
    Load,
    Note,
    Number,
    Parameter,
    Tiles,
    Var,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tiling import columns
from codegen_ad.testing import check_grad

COPIED = columns.REMARK


def peak(w, X, y):
    """Three columns, one of them used twice."""
    r = w[0] * np.exp(-w[1] * X[:, 0] ** 2) + w[2] * X[:, 1] * X[:, 2] * X[:, 0] - y
    return (r * r).sum()


def periodic(w, X, y):
    r = w[0] * np.sin(w[1] * X[:, 0] + w[2]) - y
    return np.log1p(r * r).mean()


def later(w, X, y):
    """Rows that begin elsewhere, and a column counted from the end."""
    r = w[0] * np.tanh(w[1] * X[1:, -1] - X[:-1, 0]) - w[2] * y[1:]
    return (r * r).sum()


def any_column(w, X, y, j=1):
    """A column that only the call knows."""
    return np.exp(-((w[0] * X[:, j] - w[1] * y + w[2]) ** 2)).sum()


def row_by_row(w, X, y):
    total = 0.0
    for i in range(len(y)):
        total += np.cos(w[0] * X[i, 0] + w[1]) * w[2] * y[i]
    return total


def residuals(w, X, y):
    """Rows that are results."""
    return w[0] * np.exp(-w[1] * X[:, 0]) + w[2] * X[:, 1] - y


def grown(w, X, y):
    """In steps, each of which goes over all rows."""
    a = w[0]
    for _ in range(3):
        a = a + 0.1 * np.mean(np.sin(a * X[:, 0]) * w[1] + w[2] * y)
    return a * a


LOSSES: tuple[Callable[..., Any], ...] = (
    peak, periodic, later, any_column, row_by_row, grown,
)  # fmt: skip


def cheap(w, X, y):
    """Too little for each column to pay for its copy."""
    r = w[0] * X[:, 0] + w[1] * X[:, 1] + w[2] * X[:, 2] - y
    return (r * r).sum()


def joined(w, X, y):
    """Elements that only some rows of a longer array have."""
    return np.exp(np.concatenate([X[:, 0], w[0] * y]) * w[1] - w[2]).sum()


def arguments(n: int, dtype: str = "f8") -> tuple[Any, ...]:
    """Parameters, rows of five columns, and a number for each."""
    w = np.array([0.7, 0.4, 0.9], dtype)
    X = np.cos(np.arange(5.0 * n)).reshape(n, 5).astype(dtype)
    return w, X, np.sin(np.arange(1.0 * n)).astype(dtype)


def laid(array: np.ndarray, order: str) -> np.ndarray:
    """The same numbers, in another order in memory."""
    if order != "A":
        return np.asarray(array, order=order)  # type: ignore[call-overload]
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _text(function: Callable[..., Any], *args: Any, mode: str = "value_and_grad") -> str:
    return str(differentiate(function, wrt="w").source(*args, mode=mode))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_columns_are_copied_where_only_a_call_tells_their_distance(loss) -> None:
    w, X, y = arguments(70)
    assert COPIED in _text(loss, w, X, y)
    assert COPIED in _text(loss, w, laid(X, "A"), y)
    assert COPIED not in _text(loss, w, laid(X, "F"), y)


def test_vectors_with_gaps_are_copied() -> None:
    f = differentiate(lambda w, x: np.exp(-w * x**2).sum())
    x = np.linspace(0.0, 1.0, 200)
    assert COPIED not in str(f.source(0.5, x))
    assert COPIED in str(f.source(0.5, x[::2]))
    value, gradient = f.value_and_grad(0.5, x[::-2])
    np.testing.assert_allclose(value, np.exp(-0.5 * x[::-2] ** 2).sum(), rtol=1e-13)
    expected = -(x[::-2] ** 2 * np.exp(-0.5 * x[::-2] ** 2)).sum()
    np.testing.assert_allclose(gradient, expected, rtol=1e-13)


def test_nothing_is_copied_that_does_not_pay_or_may_not_be_read() -> None:
    w, X, y = arguments(70)
    assert COPIED not in _text(cheap, w, X, y)
    assert COPIED not in _text(joined, w, X, y)
    few = differentiate(lambda w, X: np.exp(-((X @ w) ** 2)).sum())
    assert COPIED not in str(few.source(w, X[:, :3].copy()))


def _kernel(expr: Expr) -> Kernel:
    """The sum of an expression over rows `@i` of `X`."""
    n, d = Dim.symbol("n"), Dim.symbol("d")
    total = Accumulate(Var("@total", DType.FLOAT64), "sum", expr, Note())
    rows = For("@i", n, [total], Note())
    return Kernel("f", (Parameter("X", DType.FLOAT64, (n, d), 2),), (), [rows], (), (), (), ())


def test_what_only_some_rows_read_is_not_copied() -> None:
    """It may lie outside of the array in the others."""
    element = Load("X", (Dim.symbol("@i") - 1, Dim.constant(0)), DType.FLOAT64)
    is_there, zero = Var("@there", DType.BOOL), Number("0.0", DType.FLOAT64)
    terms = {
        Tiles: element,
        For: Apply("where", (is_there, element, zero), DType.FLOAT64),
    }
    for expected, term in terms.items():
        kernel = _kernel(Apply("exp", (term,), DType.FLOAT64))
        columns.copy_columns(kernel, Names(), {"n"}, {})
        assert [type(s) for s in kernel.body if isinstance(s, For | Tiles)] == [expected]


@pytest.mark.every(2)
@pytest.mark.parametrize("order", ["C", "F", "A"])
@pytest.mark.parametrize("loss", [*LOSSES, cheap, joined], ids=lambda f: f.__name__)
def test_every_number_of_rows_gives_the_same(loss, order: str) -> None:
    f = differentiate(loss, wrt="w")
    for n in (2, 63, 64, 65, 200):
        w, X, y = arguments(n)
        plain = loss(w, X, y)
        value, gradient = f.value_and_grad(w, laid(X, order), laid(y, order))
        np.testing.assert_allclose(value, plain, rtol=1e-12)
        step = 1e-6
        slopes = [
            (loss(w + step * e, X, y) - loss(w - step * e, X, y)) / (2 * step) for e in np.eye(3)
        ]
        np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-6 * n)


def test_rows_of_matrices() -> None:
    f = differentiate(lambda w, Z: (np.exp(w * Z[:, 0, 1]) * Z[:, 2, 0]).sum())
    Z = np.cos(np.arange(1300.0)).reshape(100, 13).reshape(100, 13, 1) * np.array([0.5, 1.0])
    terms = np.exp(0.3 * Z[:, 0, 1]) * Z[:, 2, 0]
    for order, copied in (("C", True), ("A", True), ("F", False)):
        value, gradient = f.value_and_grad(0.3, laid(Z, order))
        assert (COPIED in str(f.source(0.3, laid(Z, order)))) is copied
        np.testing.assert_allclose(value, terms.sum(), rtol=1e-13)
        np.testing.assert_allclose(gradient, (terms * Z[:, 0, 1]).sum(), rtol=1e-12)


def test_single_precision_keeps_its_sums() -> None:
    f = differentiate(lambda w, X: (0.1 + 0.0 * np.exp(w * X[:, 0])).sum())
    assert COPIED in str(f.source(np.float32(1.0), np.ones((9, 2), "f4")))
    value = f.value(np.float32(1.0), np.ones((10**6, 2), "f4"))
    assert abs(value / (np.float32(0.1).astype("f8") * 10**6) - 1.0) < 2e-7


def test_rows_that_are_results_and_their_derivatives() -> None:
    w, X, y = arguments(100)
    f = differentiate(residuals, wrt="w")
    assert COPIED in str(f.source(w, X, y, mode="jacobian"))
    J = f.jacobian(w, X, y)
    e = np.exp(-w[1] * X[:, 0])
    np.testing.assert_allclose(J, np.stack([e, -w[0] * X[:, 0] * e, X[:, 1]], axis=1), rtol=1e-13)
    np.testing.assert_allclose(f.value(w, X, y), residuals(w, X, y), rtol=1e-13)


def test_gradients_of_the_data() -> None:
    w, X, y = arguments(10)
    check_grad(peak, w, X, y, wrt=("w", "X", "y"))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_give_the_same_bits(threads: int) -> None:
    w, X, y = arguments(20_000)
    alone = differentiate(peak, wrt="w", threads=1).value_and_grad(w, X, y)
    shared = differentiate(peak, wrt="w", threads=threads).value_and_grad(w, X, y)
    assert alone[0] == shared[0]
    assert alone[1].tobytes() == shared[1].tobytes()


def test_a_row_that_is_nan_gives_nan() -> None:
    w, X, y = arguments(100)
    X[77, 1] = np.nan
    value, gradient = differentiate(peak, wrt="w").value_and_grad(w, X, y)
    assert np.isnan(value)
    assert np.isnan(gradient).all()
    X[77, 1], X[77, 4] = 0.0, np.nan  # which nobody reads
    assert np.isfinite(differentiate(peak, wrt="w").value(w, X, y))
