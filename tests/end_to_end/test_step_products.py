"""Sums over steps of outer products, as products for blocks of steps: the numbers of single steps.

Every case is run with and without blocks for numbers of steps around the size of a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.plan.tiling import step_products
from codegen_ad.testing import check_grad
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted
from tests.end_to_end.test_tiles import flat, text_of

pytest.importorskip("scipy", reason="numba compiles products of matrices by SciPy's BLAS")


def two_layers(W, b, U, V, x, y):
    """The adjoint adds an outer product to each of three matrices."""
    first, second = np.zeros(b.size), np.zeros(V.shape[1])
    total = 0.0
    for t in range(len(x)):
        first = np.tanh(W @ np.concatenate([x[t], first]) + b)
        second = np.tanh(U @ np.concatenate([first, second]))
        total += ((V @ second - y[t]) ** 2).sum()
    return total


def gated(W, x):
    """Matrices of a stack, two of them with the same vector; a row of one that stays alone."""
    h = np.zeros(W.shape[1])
    total = 0.0
    for t in range(len(x)):
        gate = 1 / (1 + np.exp(-(W[0] @ h + x[t])))
        h = gate * h + (1 - gate) * np.tanh(W[1] @ h - x[t] + W[2, 3])
        total += np.sin(h).sum()
    return total


def second_moments(A, x):
    """The value itself adds outer products, and the matrix is read behind the loop."""
    S = np.zeros((x.shape[1], x.shape[1]))
    h = x[0]
    for t in range(len(x)):
        h = np.cos(A @ h) + x[t]
        S += np.outer(x[t] - 0.1 * h, h)
    return (np.sin(S) * A).sum()


def looked_at(A, x):
    """A step reads the matrix that it adds to: each step has to come in its turn."""
    h = np.zeros(x.shape[1])
    S = np.zeros((x.shape[1], x.shape[1]))
    for t in range(len(x)):
        h = np.tanh(A @ h + S[0] + x[t])
        S += np.outer(h, h) / 8
    return np.sin(S).sum()


def sometimes(A, x):
    """Steps that only some trips take add single outer products."""
    h = np.zeros(x.shape[1])
    total = 0.0
    for t in range(len(x)):
        if x[t, 0] > 0:
            h = np.tanh(A @ h + x[t])
            total += (h * h).sum()
    return total


def many(A, x):
    """Steps in an outer loop, whose trips begin where the last one ended."""
    h = np.zeros(x.shape[1])
    total = 0.0
    for _ in range(3):
        for t in range(len(x)):
            h = np.tanh(A @ h + x[t])
        total += (h * h).sum()
    return total


def turned(A, c, x):
    """The matrix stands transposed; a factor for each step, a sign, and a factor of all."""
    h = np.zeros(x.shape[1])
    total = 0.0
    for t in range(len(x)):
        h = np.tanh(x[t] - np.exp(-x[t, 0]) * c * (h @ A))
        total += (h * x[t]).sum()
    return total


CASES = {
    two_layers: ("aA", "a", "ba", "ob", "tx", "to"),
    gated: ("3dd", "td"),
    second_moments: ("dd", "td"),
    looked_at: ("dd", "td"),
    sometimes: ("dd", "td"),
    many: ("dd", "td"),
    turned: ("dd", "", "td"),
}
BLOCKED = {two_layers: 3, gated: 2, second_moments: 2, looked_at: 1, many: 1, turned: 1}
"""How many sums over steps become products; where none stands here, there is none."""


def arguments(function: Any, steps: int, dtype: str = "f8", d: int = 11) -> tuple[Any, ...]:
    rng = np.random.default_rng(steps)
    sizes = {"t": steps, "d": d, "a": 9, "b": 12, "o": 5, "x": 4, "A": 13, "3": 3}
    shapes = [tuple(sizes[s] for s in letters) for letters in CASES[function]]
    if function is two_layers:
        shapes[2] = (12, 21)
    return tuple((0.3 * rng.normal(size=s)).astype(dtype)[()] for s in shapes)


def wrt_of(function: Any) -> tuple[str, ...]:
    names = function.__code__.co_varnames[: len(CASES[function])]
    return names[:-2] if function is two_layers else names[:-1]


@pytest.mark.every(2)
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_blocks_give_what_steps_give(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(function, 70)
    text = text_of(function, args, wrt_of(function))
    case = Case(function, lambda n, rng: args, wrt_of(function))
    assert text.count("  add_outer_products(") == BLOCKED.get(function, 0)
    blocks = interpreted(case, args)
    monkeypatch.setattr(step_products, "collect_steps", lambda *_: None)
    steps = interpreted(case, args)
    assert "add_outer_products(" not in text_of(function, args, wrt_of(function))
    for count in (1, 2, 63, 64, 65, 130):
        given = arguments(function, count)
        found, expected = flat(blocks(*given)), flat(steps(*given))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.thorough
def test_compiled_blocks_are_right() -> None:
    """Against differences and NumPy; from arrays that are not contiguous; without steps."""
    found = differentiate(two_layers, wrt=wrt_of(two_layers))
    args = arguments(two_layers, 67)
    check_grad(found, *args)
    expected = flat(found.value_and_grad(*args))
    np.testing.assert_allclose(expected[0], two_layers(*args), rtol=1e-12)
    strided = [np.repeat(a, 2, axis=-1)[..., ::2] for a in args]
    np.testing.assert_allclose(flat(found.value_and_grad(*strided)), expected, rtol=1e-11)
    assert not flat(found.value_and_grad(*arguments(two_layers, 0))).any()


def test_what_is_not_finite_stays_so() -> None:
    """One step with a number that is none reaches every element that the step adds to."""
    found = differentiate(two_layers, wrt=wrt_of(two_layers))
    args = arguments(two_layers, 67)
    args[-2][3, 0] = np.nan
    value, gradients = found.value_and_grad(*args)
    assert np.isnan(value)
    assert all(np.isnan(g).all() for g in gradients)


@pytest.mark.thorough
def test_single_precision() -> None:
    found = differentiate(turned, wrt=wrt_of(turned))
    single = arguments(turned, 200, "f4")
    value, gradients = found.value_and_grad(*single)
    wide_value, wide = found.value_and_grad(*(np.float64(a) for a in single))
    np.testing.assert_allclose(value, wide_value, rtol=1e-5)
    assert gradients[0].dtype == np.float32
    np.testing.assert_allclose(gradients[0], wide[0], rtol=2e-4, atol=1e-5)


@pytest.mark.thorough
def test_second_derivatives() -> None:
    """A product of the Hessian and a vector against differences of gradients."""
    found = differentiate(turned, wrt=("A",))
    A, c, x = arguments(turned, 66)
    v = np.random.default_rng(5).normal(size=A.shape)
    h = 1e-5
    up, down = (found.grad(A + s * h * v, c, x) for s in (1, -1))
    np.testing.assert_allclose(found.hvp(A, c, x, v), (up - down) / (2 * h), rtol=1e-6, atol=1e-8)
