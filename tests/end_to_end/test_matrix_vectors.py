"""Products of matrices and vectors in steps, by functions: the numbers of loops in the steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.backends.matrix_functions import add_matrix_vector, add_vector_matrix
from codegen_ad.plan.tiling import matrix_vectors
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted
from tests.end_to_end.test_tiles import flat, text_of


def both_ways(A, B, c, x):
    """A matrix, its transpose, a matrix that stands transposed; sums with factors."""
    h = np.zeros(x.shape[1])
    total = 0.0
    for t in range(len(x)):
        g = np.tanh(A @ h + x[t])
        k = np.sin(-c * (g @ B) + A.T @ x[t])
        h = np.cos(np.einsum("ij,j,i->i", B.T, k * g, x[t]))
        total += (h * g).sum()
    return total


def heads(A, c, x):
    """A matrix of a stack for each head, in a loop of the step; its results are summed up."""
    h = np.zeros(x.shape[1])
    total = 0.0
    for t in range(len(x)):
        s = np.zeros(h.size)
        for k in range(len(A)):
            s = s + np.tanh(A[k] @ h + c)
        h = s / len(A) + x[t]
        total += (h**2).sum()
    return total


def sometimes(A, x):
    """Products that only some steps take."""
    h = np.zeros(x.shape[1])
    total = 0.0
    for t in range(len(x)):
        if x[t, 0] > 0:
            h = np.tanh(A @ h + x[t])
        total += (h * x[t]).sum()
    return total


def newton(A, b, x):
    """Steps until they are small: the matrix is multiplied by what changes, and by itself again."""
    while ((A @ x - b) ** 2).sum() > 1e-2:
        x = x - 0.2 * (A.T @ (A @ x - b))
    return (x * x).sum()


def powers(A, h):
    """The number of steps stands in the function."""
    for _ in range(9):
        h = A @ h
        h = h / np.sqrt((h * h).sum())
    return h @ A @ h


CASES = {
    both_ways: ("dd", "dd", "", "td"),
    heads: ("kdd", "d", "td"),
    sometimes: ("dd", "td"),
    newton: ("dd", "d", "d"),
    powers: ("dd", "d"),
}


def arguments(function: Any, steps: int = 5, d: int = 35, dtype: str = "f8") -> tuple[Any, ...]:
    rng = np.random.default_rng(steps + d)
    sizes = {"t": steps, "d": d, "k": 3}
    shapes = [tuple(sizes[s] for s in letters) for letters in CASES[function]]
    made = [0.3 * rng.normal(size=s) for s in shapes]
    if function in (newton, powers):
        made[0] += np.eye(d)
    return tuple(a.astype(dtype)[()] for a in map(np.asarray, made))


def wrt_of(function: Any) -> tuple[str, ...]:
    names = function.__code__.co_varnames[: len(CASES[function])]
    return names if function is powers else names[:-1]


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_functions_give_what_loops_give(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(function)
    case = Case(function, lambda n, rng: args, wrt_of(function))
    text = text_of(function, args, wrt_of(function))
    assert "  add_matrix_vector(" in text
    assert "  add_vector_matrix(" in text
    products = interpreted(case, args)
    monkeypatch.setattr(matrix_vectors, "take_out", lambda *_: None)
    loops = interpreted(case, args)
    assert "add_matrix_vector(" not in text_of(function, args, wrt_of(function))
    for steps, d in ((1, 1), (3, 2), (4, 4), (2, 5), (6, 16), (5, 11)):
        given = arguments(function, steps, d)
        found, expected = flat(products(*given)), flat(loops(*given))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.thorough
def test_compiled_products_are_right() -> None:
    """Against differences, from arrays with gaps, in single precision, with empty matrices."""
    found = differentiate(both_ways, wrt=("A", "B", "c"))
    args = arguments(both_ways, 6, 11)
    check_grad(found, *args)
    expected = flat(found.value_and_grad(*args))
    np.testing.assert_allclose(expected[0], both_ways(*args), rtol=1e-12)
    gaps = [np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a for a in args]
    np.testing.assert_allclose(flat(found.value_and_grad(*gaps)), expected, rtol=1e-11)
    single = flat(found.value_and_grad(*(np.float32(a) for a in args)))
    np.testing.assert_allclose(single, expected, rtol=2e-4, atol=2e-5)
    for steps, d in ((0, 5), (3, 0)):
        assert not flat(found.value_and_grad(*arguments(both_ways, steps, d))).any()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (4, 2), (7, 5), (12, 9)])
def test_functions(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    a, x, y = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[0])
    out, other = y.copy(), x.copy()
    add_matrix_vector(out, a, x)
    add_vector_matrix(other, y, a)
    np.testing.assert_allclose(out, y + a @ x, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(other, x + y @ a, rtol=1e-12, atol=1e-14)


def test_small_matrices_stay_in_loops() -> None:
    """Where a file is made for a size, loops over it are written out by the compiler."""
    args = arguments(powers, d=12)
    text = text_of(powers, args, wrt_of(powers))
    assert "n = 12" in text
    assert "add_matrix_vector(" not in text
    found = differentiate(powers, wrt=wrt_of(powers))
    expected = flat(found.value_and_grad(*args))
    np.testing.assert_allclose(expected[0], powers(*args), rtol=1e-12)
