"""Products of a tile's rows with a vector, by functions that take four rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.tiling import matrix_vectors
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted
from tests.end_to_end.test_tiles import flat, text_of


def spreads(w, v, X, y):
    """Two products of the same rows, and two sums of them."""
    s = np.exp(X @ v)
    return (np.log(s) + ((y - X @ w) / s) ** 2).sum()


def scaled(w, c, X, y):
    """The vector is a product of two, made for each tile; one sum is of what the rows hold."""
    z = (X * c**2 * w).sum(axis=1)
    return (y * np.tanh(z)).sum() + (y * (X @ w)).sum()


CASES = {spreads: ("w", "v"), scaled: ("w", "c")}


def arguments(function: Any, n: int, d: int = 11, dtype: str = "f8") -> tuple[Any, ...]:
    rng = np.random.default_rng(n + d)
    made = [0.3 * rng.normal(size=d) for _ in CASES[function]]
    made += [rng.normal(size=(n, d)), rng.normal(size=n)]
    return tuple(a.astype(dtype) for a in made)


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_functions_give_what_loops_give(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(function, 70)
    case = Case(function, lambda n, rng: args, CASES[function])
    text = text_of(function, args, CASES[function])
    assert "add_matrix_vector(" in text
    assert "_tile[:rows], X[first : first + rows])" in text
    products = interpreted(case, args)
    monkeypatch.setattr(matrix_vectors, "take_out", lambda *_: None)
    loops = interpreted(case, args)
    assert "add_matrix_vector(" not in text_of(function, args, CASES[function])
    for n, d in ((0, 11), (1, 12), (3, 9), (64, 11), (67, 10), (130, 13)):
        given = arguments(function, n, d)
        found, expected = flat(products(*given)), flat(loops(*given))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.thorough
def test_compiled_products_are_right() -> None:
    """Against differences; on many chunks, with gaps and Fortran's order, in float32."""
    found = differentiate(spreads, wrt=CASES[spreads])
    args = arguments(spreads, 131)
    check_grad(found, *args)
    many = arguments(spreads, 1003, 21)
    expected = flat(found.value_and_grad(*many))
    np.testing.assert_allclose(expected[0], spreads(*many), rtol=1e-13)
    w, v, X, y = many
    r, s = y - X @ w, np.exp(X @ v)
    np.testing.assert_allclose(expected[1:22], -2 * (r / s**2) @ X, rtol=1e-11)
    np.testing.assert_allclose(expected[22:], (1 - 2 * (r / s) ** 2) @ X, rtol=1e-11, atol=1e-11)
    other = [np.asfortranarray(a) if a.ndim == 2 else np.repeat(a, 2)[::2] for a in many]
    np.testing.assert_allclose(flat(found.value_and_grad(*other)), expected, rtol=1e-12, atol=1e-11)
    single = flat(found.value_and_grad(*arguments(spreads, 1003, 21, "f4")))
    # Sums of 1003 rows, whose products of 21 numbers are rounded to 2**-24 before they are used.
    size = np.abs(np.c_[r / s**2, 1 - 2 * (r / s) ** 2]).sum()
    np.testing.assert_allclose(single, expected, rtol=1e-5, atol=21 * 2**-24 * size)
