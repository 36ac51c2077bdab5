"""The functional forms and the other derivatives: vjp, jvp, Jacobians, Hessians."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import codegen_ad
from codegen_ad import differentiate, grad, hessian, jacobian, jvp, value_and_grad, vjp
from codegen_ad.errors import InvalidArgument, NotDifferentiable

rng = np.random.default_rng(5)
W = rng.normal(size=3)
X = rng.normal(size=(20, 3))
Y = rng.normal(size=20)


def loss(w: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w) - y) ** 2)


def model(w: Any, x: Any) -> Any:
    return w[0] * np.exp(-w[1] * x[:, 0]) + w[2] * x[:, 1]


def differences(f: Any, x: np.ndarray) -> np.ndarray:
    """Central differences: the shape of the result, then that of `x`."""
    columns = []
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        columns.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / 2e-6)
    return np.stack(columns, -1).reshape(*np.shape(columns[0]), *x.shape)


def test_gradients_by_position_and_by_name() -> None:
    expected = differences(lambda w: loss(w, X, Y), W)
    np.testing.assert_allclose(grad(loss)(W, X, Y), expected, rtol=1e-7, atol=1e-9)
    value, both = value_and_grad(loss, argnums=(0, "x"))(W, X, Y)
    assert value == pytest.approx(loss(W, X, Y), rel=1e-14)
    np.testing.assert_allclose(both[0], expected, rtol=1e-7, atol=1e-9)
    by_x = differences(lambda x: loss(W, x, Y), X)
    np.testing.assert_allclose(both[1], by_x, rtol=1e-6, atol=1e-9)
    (alone,) = grad(loss, argnums=(-1,))(W, X, Y)
    np.testing.assert_allclose(alone, differences(lambda y: loss(W, X, y), Y), rtol=1e-6, atol=1e-9)


def test_a_form_of_a_decorated_function_keeps_its_options() -> None:
    decorated = differentiate(wrt="x")(loss)
    assert grad(decorated, argnums="x").derivatives is decorated
    assert grad(decorated)(W, X, Y).shape == W.shape


def test_vjp_and_jvp_are_adjoint() -> None:
    value, pullback = vjp(model, W, X)
    u = rng.normal(size=value.shape)
    dw, dx = rng.normal(size=W.shape), rng.normal(size=X.shape)
    forward, tangent = jvp(model, (W, X), (dw, dx))
    gw, gx = pullback(u)
    np.testing.assert_allclose(forward, value, rtol=1e-15)
    assert np.vdot(u, tangent) == pytest.approx(np.vdot(gw, dw) + np.vdot(gx, dx), rel=1e-12)


@pytest.mark.parametrize(("primals", "tangents"), [(W, (W,)), ((W,), W), (W, W)])
def test_the_rows_of_an_array_are_no_arguments(primals: Any, tangents: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"as a tuple or list.*: write \(x,\) for x"):
        jvp(lambda a, b=1.0, c=1.0: a * b * c, primals, tangents)


def test_a_cotangent_in_the_call() -> None:
    found = differentiate(model)
    u = rng.normal(size=20)
    value, gradient = found.vjp(W, X, cotangent=u)
    np.testing.assert_allclose(value, model(W, X), rtol=1e-15)
    np.testing.assert_allclose(gradient, jacobian(model)(W, X).T @ u, rtol=1e-12)
    with pytest.raises(InvalidArgument, match=r"has shape \(3,\), where \(20,\) is needed"):
        found.vjp(W, X, cotangent=np.ones(3))
    with pytest.raises(InvalidArgument, match=r"has shape \(2, 20\), where \(20,\) is needed"):
        found.vjp(W, X, cotangent=(u, u))


def columns(w: Any) -> Any:
    return np.outer(w, np.sin(w))


def rows(w: Any) -> Any:
    return np.array([w.sum(), (w**2).sum()])


def loops(w: Any) -> Any:
    return np.cumsum(np.sin(w))


@pytest.mark.parametrize(("function", "size"), [(columns, 4), (rows, 40), (loops, 30), (loops, 4)])
def test_jacobians_in_every_mode(function: Any, size: int) -> None:
    w = rng.normal(size=size)
    found = jacobian(function)(w)
    np.testing.assert_allclose(found, differences(function, w), rtol=1e-6, atol=1e-8)


def test_a_jacobian_of_residuals_reads_the_data_once() -> None:
    found = jacobian(model)
    found(W, X)
    tree = ast.parse(found.derivatives.source(mode="jacobian"))
    loops = {f.name: innermost(f) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}
    (name,) = (name for name, own in loops.items() if own)  # chunks of rows, one loop in each
    copying, computing = map(ast.unparse, loops[name])  # in each tile of rows
    assert all(copying.count(f"= x[first + row, {k}]") == 1 for k in range(2))
    assert "x[" not in computing
    assert all(computing.count(f"d_w[first + row, {k}] =") == 1 for k in range(3))


def innermost(function: ast.FunctionDef) -> list[ast.For]:
    """The loops of a function with no loop inside."""
    loops = [n for n in ast.walk(function) if isinstance(n, ast.For)]
    return [f for f in loops if sum(isinstance(n, ast.For) for n in ast.walk(f)) == 1]


@pytest.mark.slow
def test_hessians() -> None:
    found = hessian(loss)(W, X, Y)
    first = grad(loss)
    np.testing.assert_allclose(
        found, differences(lambda w: first(w, X, Y), W), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(found, found.T, rtol=1e-12)
    long = rng.normal(size=20)

    def energy(v: Any) -> Any:
        return np.sum(v[1:] ** 2 * v[:-1]) + np.prod(np.cos(v[:3]))

    np.testing.assert_allclose(
        hessian(energy)(long), differences(grad(energy), long), rtol=1e-5, atol=1e-7
    )


def test_what_has_no_jacobian() -> None:
    with pytest.raises(NotDifferentiable, match="a Jacobian is of floating point arrays"):
        jacobian(lambda w: (w, np.argmax(w)))(W)


def test_all_names_are_exported() -> None:
    for name in codegen_ad.__all__:
        assert getattr(codegen_ad, name) is not None
    assert set(codegen_ad.__all__) <= set(dir(codegen_ad))
    with pytest.raises(AttributeError, match="has no attribute 'gradient'"):
        codegen_ad.gradient  # noqa: B018


def test_derivatives_in_other_parameters_are_found_once() -> None:
    """A function that has its derivatives is not read again by each `grad(function, "x")`."""

    @differentiate
    def energy(w: float, x: float) -> float:
        return w * x**2

    first, second = grad(energy, "x"), grad(energy, "x")
    assert first.derivatives is second.derivatives
    assert first.derivatives.wrt == ("x",)
    assert grad(energy, "w").derivatives is energy
    assert grad(energy, ("w", "x")).derivatives is not first.derivatives
    assert energy.on("cpu") is energy
