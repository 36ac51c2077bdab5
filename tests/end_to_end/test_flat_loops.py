"""Nests over all elements of arrays in which functions are called are one loop.

The numbers are those of the kernels with nests, and of NumPy and its differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import build, differentiate
from codegen_ad.plan.kernel import For, View, walk
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, numeric_gradients, stages_of


def sources(s, X, y):
    """A sum of all elements, and a gradient that is an array like them."""
    return np.sum(np.log(np.cosh(X * s))) / len(X)


def terms_beside_a_sum(s, X, y):
    """The sum of a row is a term of another one: both are parts of one sum."""
    return np.mean(np.logaddexp(0, -s * y) + np.logaddexp(0, X).sum(axis=1) + np.exp(-(y**2)))


def stack(s, X, y):
    """Three axes."""
    Z = X.reshape(len(X), 1, -1) * np.ones((1, 3, 1))
    Z = Z.copy()
    return np.sum(np.tanh(Z) * np.exp(-s * Z))


FLAT = (sources, terms_beside_a_sum)


def bias(s, X, y):
    """Each column has a number of its own, so its place matters."""
    return np.sum(np.tanh(X + np.arange(X.shape[1]) * s))


def rows_too(s, X, y):
    return np.sum(np.tanh(X * y[:, None]) * s)


def sum_of_each_row(s, X, y):
    """What a row does with its sum is more than to add it to another one."""
    return np.sum(y * np.log(np.exp(s * X).sum(axis=1)))


def turned(s, X, y):
    """Columns come from the end."""
    return np.sum(np.exp(X[:, ::-1] * s) * X)


NESTED = (bias, rows_too, sum_of_each_row, turned)


def arguments(n: int, d: int = 5, dtype: str = "f8") -> tuple[Any, ...]:
    rng = np.random.default_rng(n + d)
    made = (np.array(0.7), rng.normal(size=(n, d)), rng.normal(size=n))
    return tuple(a.astype(dtype) if a.ndim else type(a.item())(a) for a in made)


def case_of(function: Any) -> Case:
    return Case(function, lambda n, _: arguments(n), wrt=("s", "X"))


def views(function: Any, args: tuple[Any, ...]) -> int:
    stages = stages_of(case_of(function), args)
    bodies = [stages.kernel.body] if stages.parts is None else [p.body for p in stages.parts.parts]
    return sum(isinstance(s, View) for body in bodies for s in walk(body))


@pytest.mark.parametrize("function", [*FLAT, stack, *NESTED], ids=lambda f: f.__name__)
def test_numbers(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(function)
    found = interpreted(case, arguments(9))
    with monkeypatch.context() as patch:
        patch.setattr(build, "flatten", lambda *_: None)
        nested = interpreted(case, arguments(9))
    for n, d in ((9, 5), (1, 3), (2, 1), (300, 2)):
        args = arguments(n, d)
        value, gradients = found(*args)
        same, others = nested(*args)
        np.testing.assert_allclose(value, same, rtol=1e-13)
        np.testing.assert_allclose(value, function(*args), rtol=1e-13)
        for one, other in zip(gradients, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    args = arguments(9)
    for one, wanted in zip(found(*args)[1], numeric_gradients(case, args), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=3e-7, atol=1e-8)


@pytest.mark.parametrize("function", FLAT, ids=lambda f: f.__name__)
def test_no_loop_is_left_in_another(function: Any) -> None:
    args = arguments(9)
    assert views(function, args)
    stages = stages_of(case_of(function), args)
    bodies = [stages.kernel.body] if stages.parts is None else [p.body for p in stages.parts.parts]
    rows = [s for body in bodies for s in walk(body) if isinstance(s, For) and s.span is None]
    assert not any(isinstance(s, For) for loop in rows for s in loop.body)


@pytest.mark.parametrize("function", NESTED, ids=lambda f: f.__name__)
def test_nests_in_which_a_place_matters_stay(function: Any) -> None:
    assert not views(function, arguments(9))


@pytest.mark.parametrize(
    "given", [lambda X: np.asfortranarray(X), lambda X: np.repeat(X, 2, 1)[:, ::2]]
)
def test_arrays_in_other_orders_stay(given: Any) -> None:
    s, X, y = arguments(9)
    value, gradients = interpreted(case_of(sources), (s, given(X), y))(s, given(X), y)
    assert not views(sources, (s, given(X), y))
    np.testing.assert_allclose(value, sources(s, X, y), rtol=1e-13)
    wanted = numeric_gradients(case_of(sources), (s, X, y))
    np.testing.assert_allclose(gradients[1], wanted[1], rtol=3e-7, atol=1e-8)


def test_compiled_on_any_number_of_threads() -> None:
    """The chunks of a flat loop are those of its rows, so results have the same bits."""
    s, X, y = arguments(9000, 7)
    found = [
        differentiate(terms_beside_a_sum, wrt=("s", "X"), threads=k).value_and_grad(s, X, y)
        for k in (1, 2, 3)
    ]
    for value, (slope, matrix) in found:
        assert value == found[0][0]
        assert slope == found[0][1][0]
        np.testing.assert_array_equal(matrix, found[0][1][1])
    np.testing.assert_allclose(found[0][0], terms_beside_a_sum(s, X, y), rtol=1e-13)
    wanted = 1 / (1 + np.exp(-X)) / len(X)
    np.testing.assert_allclose(found[0][1][1], wanted, rtol=1e-13)


def test_no_rows_and_no_columns() -> None:
    f = differentiate(lambda s, X: np.sum(np.log(np.cosh(X * s))), wrt="X")
    for n, d in ((3, 0), (0, 3), (4, 2)):
        s, X, _ = arguments(n, d)
        value, slope = f.value_and_grad(s, X)
        assert slope.shape == (n, d)
        np.testing.assert_allclose(value, np.sum(np.log(np.cosh(X * s))), rtol=1e-13)
        np.testing.assert_allclose(slope, np.tanh(X * s) * s, rtol=1e-12)


def test_single_precision() -> None:
    s, X, y = arguments(200, 3, "f4")
    value, gradients = interpreted(case_of(sources), (s, X, y))(s, X, y)
    wide, exact = interpreted(case_of(sources), arguments(200, 3))(*arguments(200, 3))
    np.testing.assert_allclose(value, wide, rtol=2e-6)
    assert gradients[1].dtype == np.float32
    np.testing.assert_allclose(gradients[1], exact[1], rtol=2e-6)
