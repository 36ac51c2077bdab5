"""Kernels of linear algebra: their text, run as plain Python and compiled.

Plain Python takes the same statements and functions that numba compiles, at no cost of compiling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from codegen_ad import build, differentiate
from codegen_ad.errors import MissingDependency
from codegen_ad.runtime.arguments import leaves_of

RNG = np.random.default_rng(3)
STACK = RNG.normal(size=(3, 4, 4))
DEFINITE = STACK @ STACK.transpose(0, 2, 1) + np.eye(4)
TALL = RNG.normal(size=(3, 5, 4))


def factors(A, X):
    w, V = np.linalg.eigh(A)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    Q, R = np.linalg.qr(X)
    sign, size = np.linalg.slogdet(A)
    vectors = np.sum(V**4) + np.sum(U[..., 0] ** 4) + np.sum(Vt**4)
    return np.sum(np.sin(w)) + vectors + np.sum(s**3) + np.sum(Q * R[:, :1]) + np.sum(sign * size)


def systems(A, X):
    L = np.linalg.cholesky(A)
    fitted = sum(np.sum(np.linalg.lstsq(x, x[:, 0] ** 2)[0] ** 2) for x in X)
    return np.sum(np.linalg.solve(A, X.swapaxes(1, 2)) ** 2) + np.sum(L**3) + fitted


def others(A, X):
    T = scipy.linalg.solve_triangular(A[0], X[0].T, lower=True)
    E = scipy.linalg.expm(A / 9)
    inverses = np.linalg.inv(A) * np.linalg.det(A)[:, None, None]
    return np.sum(T**2) + np.sum(E) + np.sum(np.linalg.pinv(X) ** 2) + np.sum(inverses)


def triangular(A, X):
    L = np.linalg.cholesky(A)
    return np.sum(L**3) + np.sum(X)


def spectral(A, X):
    w, V = np.linalg.eigh(X.swapaxes(1, 2) @ X)
    return np.sum(np.log(w)) + np.sum(V**4) + np.sum(A)


def small(A, X):
    w, V = np.linalg.eigh(A[:, :2, :2])
    return np.sum(V[0, 0] ** 4) + np.sum(np.linalg.norm(X, 2, axis=(1, 2)) * w[:, 0])


def carried(A, X):
    total = 0.0
    for i in range(A.shape[0]):
        x = A[i]
        for _ in range(3):
            x = np.linalg.inv(x) + 0.1 * A[i]
            if x[0, 0] > 0:
                x = x + np.linalg.cholesky(x @ x.T + A[i])
        total += np.sum(x**2)
    return total + np.sum(X)


PLAIN = "from numba import types; njit = lambda **_: lambda f: f"


def text_of(function: Callable[..., Any], args: tuple[Any, ...], mode: str) -> Any:
    found = differentiate(function, wrt=("A", "X"))
    kernels = found.kernels
    arguments = kernels.binder.bind(args, {})
    signature = kernels.binder.form(arguments)
    stages = build.run(function, signature, mode, found.options, found.wrt)
    leaves = [x for n, form in signature.parameters for x in leaves_of(arguments[n], form, n)]
    return stages, leaves


def plain(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the text of the kernel gives, run by Python."""
    stages, leaves = text_of(function, args, "value_and_grad")
    text = re.sub("^from numba import njit.*", PLAIN, stages.text, flags=re.M)
    space: dict[str, Any] = {}
    exec(compile(text, "<kernel>", "exec"), space)
    return space[stages.kernel.name](*leaves)


def slope(function: Callable[..., Any], args: Any, directions: Any, step: float = 1e-4) -> float:
    def at(h: float) -> float:
        return function(*(a + h * d for a, d in zip(args, directions, strict=True)))

    first = (at(step) - at(-step)) / (2 * step)
    second = (at(2 * step) - at(-2 * step)) / (4 * step)
    return (4 * first - second) / 3


FUNCTIONS = [factors, systems, others, triangular, spectral, small, carried]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_text_gives_the_gradient(function: Callable[..., Any]) -> None:
    args = DEFINITE, TALL
    value, *gradients = plain(function, args)
    assert value == pytest.approx(function(*args), rel=1e-12)
    directions = [RNG.normal(size=a.shape) for a in args]
    found = sum(np.sum(d * g) for d, g in zip(directions, gradients, strict=True))
    assert found == pytest.approx(slope(function, args, directions), rel=1e-6)


@pytest.mark.parametrize("function", [factors, systems, others])
def test_layouts_and_single_precision(function: Callable[..., Any]) -> None:
    plain_value, *_ = plain(function, (DEFINITE, TALL))
    turned = [np.asfortranarray(a) for a in (DEFINITE, TALL)]
    strided = [np.repeat(a, 2, axis=2)[:, :, ::2] for a in (DEFINITE, TALL)]
    for args in (turned, strided):
        assert plain(function, tuple(args))[0] == pytest.approx(plain_value, rel=1e-12)
    single = [a.astype("f4") for a in (DEFINITE, TALL)]
    value, *gradients = plain(function, tuple(single))
    assert value == pytest.approx(plain_value, rel=2e-5)
    assert [g.dtype.str for g in gradients] == ["<f4", "<f4"]


@pytest.mark.parametrize("stack", [0, 1])
@pytest.mark.parametrize("size", [1, 4])
def test_stacks_of_none_and_one(stack: int, size: int) -> None:
    args = np.full((stack, size, size), 0.1) + np.eye(size), np.ones((stack, size + 1, size))
    for function in (factors, others if stack else factors):
        value, *gradients = plain(function, args)
        assert np.shape(value) == ()
        assert [g.shape for g in gradients] == [a.shape for a in args]


def test_a_stack_is_a_loop_over_matrices() -> None:
    stages, _ = text_of(factors, (DEFINITE, TALL), "value_and_grad")
    eigh = "        found = matrix_eigh(A[i])\n        matrix_put(w[i], found[0])\n"
    assert f"{eigh}        matrix_put(V[i], found[1])\n        if found[2]:" in stages.text
    assert "        sign[i], size[i] = matrix_lu_slogdet(lu[i], swaps[i])" in stages.text
    assert "np.dot(" in stages.text  # products of the gradient are BLAS calls, matrix by matrix
    value, _ = text_of(small, (DEFINITE, TALL), "value")
    assert "        matrix_put(V[i], found[1])\n" in value.text
    svd = r"\n        found = matrix_svd\(.*\n        matrix_put\(value_\d\[i\], found\[1\]\)\n"
    assert re.search(svd + r"        if found\[3\]:", value.text)


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (
            triangular,
            (-DEFINITE, TALL),
            "line 2: a matrix is not positive definite: L = np.linalg.cholesky(A)",
        ),
        (spectral, (DEFINITE, np.full_like(TALL, np.nan)), "line 2: a matrix is not finite"),
    ],
)
def test_compiled(function: Callable[..., Any], args: tuple[Any, ...], message: str) -> None:
    """The text compiles, and what it raises names the line and the statement."""
    found = differentiate(function, wrt=("A", "X"))
    value, gradients = found.value_and_grad(DEFINITE, TALL)
    expected, *others_ = plain(function, (DEFINITE, TALL))
    assert value == pytest.approx(expected, rel=1e-12)
    for ours, theirs in zip(gradients, others_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    with pytest.raises(np.linalg.LinAlgError) as caught:
        found.value_and_grad(*args)
    assert str(caught.value).startswith(message)
    assert "test_matrix_kernels.py" in caught.value.__notes__[0]


def test_failures_of_the_gradient_name_it() -> None:
    def determinant(A, X):
        return np.sum(np.linalg.slogdet(A)[1]) + np.sum(X)

    with pytest.raises(np.linalg.LinAlgError, match="singular, in the gradient of"):
        plain(determinant, (np.zeros((1, 4, 4)), TALL))


def test_either_side_may_be_longer() -> None:
    def values(X):
        return np.sum(np.linalg.svdvals(X) ** 2)

    found = differentiate(values)
    for shape in ((3, 20, 30), (3, 30, 20)):
        X = np.random.default_rng(3).normal(size=shape)
        value, gradient = found.value_and_grad(X)
        np.testing.assert_allclose(value, np.sum(X**2), rtol=1e-12)
        np.testing.assert_allclose(gradient, 2 * X, rtol=1e-10, atol=1e-12)


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "has_blas", lambda: False)
    with pytest.raises(MissingDependency, match="LAPACK"):
        text_of(small, (DEFINITE, TALL), "value")
