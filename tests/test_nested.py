"""Derivatives that a function takes of others, or of itself: against JAX, SymPy and differences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import sympy

import codegen_ad as cad
from codegen_ad import differentiate, grad

rng = np.random.default_rng(3)
X, W = rng.normal(size=6), rng.normal(size=(4, 6))


class Point(NamedTuple):
    """Two coordinates."""

    a: Any
    b: Any


@differentiate
def energy(w: Any, x: Any) -> Any:
    return np.sum(np.tanh(w @ x) ** 2)


def wave(x: Any) -> Any:
    return np.sin(x) * x**3


def test_derivatives_of_any_order() -> None:
    x = sympy.Symbol("x")
    expression = sympy.sin(x) * x**3
    found = wave
    for order in range(1, 5):
        found = grad(found)
        exact = float(sympy.diff(expression, x, order).subs(x, 0.7))
        assert found(0.7) == pytest.approx(exact, rel=1e-12)
    single = grad(grad(wave))(np.float32(0.7))
    assert isinstance(single, np.float32)


def slopes_of_energy(w: Any, x: Any) -> Any:
    value, by_w = energy.value_and_grad(w, x)
    by_x = grad(energy, "x")(w, x)
    tangent = energy.jvp(w, x, tangent=2.0 * w)[1]
    again, pullback = cad.vjp(energy, w, x)
    seen_w, seen_x = pullback(3.0)
    both = cad.jvp(energy, (w, x), (w, x))[1]
    total = value + tangent * again + both + np.sum(by_w**2) + np.sum(by_x**3)
    return total + np.sum(seen_w * by_w) + np.sum(seen_x)


def curvatures_and_matrices(w: Any, x: Any) -> Any:
    curved = energy.hvp(w, x, w)
    hessian = cad.hessian(energy, 1)(w, x)
    jacobian = cad.jacobian(lambda v: np.sin(w @ v) * v[0])(x)
    sines = cad.elementwise_grad(lambda v: np.sin(v))(x)
    total = np.sum(curved * w) + np.sum(hessian[0] * x)
    return total + np.sum(jacobian**2) + np.sum(sines * energy(w, x))


@pytest.mark.every(2)
@pytest.mark.slow
@pytest.mark.parametrize("function", [slopes_of_energy, curvatures_and_matrices])
def test_every_derivative_inside_of_a_function(function: Any) -> None:
    found = differentiate(wrt=("w", "x"))(function)
    assert found.value(W, X) == pytest.approx(function(W, X), rel=1e-12)
    assert found.check(W, X, rtol=1e-5).ok


def test_against_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def inner(p: Any, x: Any) -> Any:
        return np.sum(np.sin(p["w"] @ x) * p["b"]) ** 2

    def outer(p: Any, x: Any) -> Any:
        slopes = grad(inner)(p, x)
        return np.sum(slopes["w"] ** 2) + np.sum(grad(inner, 1)(p, x) ** 4) * slopes["b"][0]

    def their_inner(p: Any, x: Any) -> Any:
        return jnp.sum(jnp.sin(p["w"] @ x) * p["b"]) ** 2

    def theirs(p: Any, x: Any) -> Any:
        slopes = jax.grad(their_inner)(p, x)
        by_x = jax.grad(their_inner, 1)(p, x)
        return jnp.sum(slopes["w"] ** 2) + jnp.sum(by_x**4) * slopes["b"][0]

    p = {"w": W, "b": X[:4]}
    value, gradient = cad.value_and_grad(outer)(p, X)
    expected, wanted = jax.value_and_grad(theirs)(p, X)
    assert value == pytest.approx(float(expected), rel=1e-12)
    for key in p:
        np.testing.assert_allclose(gradient[key], wanted[key], rtol=1e-10)


def newton(x: Any, a: Any) -> Any:
    def f(t: Any) -> Any:
        return np.exp(t) + a * t - 3.0

    t = x
    for _ in range(6):
        t = t - f(t) / grad(f)(t)
    return t**2


def test_newton_steps_in_a_loop() -> None:
    root = np.sqrt(newton(0.5, 2.0))
    by_x, by_a = grad(newton, argnums=(0, 1))(0.5, 2.0)
    assert np.exp(root) + 2.0 * root - 3.0 == pytest.approx(0.0, abs=1e-12)
    assert by_x == pytest.approx(0.0, abs=1e-12)
    assert by_a == pytest.approx(2 * root * -root / (np.exp(root) + 2.0), rel=1e-10)


def physics(p: Point, t: Any) -> Any:
    def u(s: Any) -> Any:
        return p.a * np.sin(p.b * s) * s

    def residual(s: Any) -> Any:
        return grad(grad(u))(s) + p.a * u(s) ** 3

    total = 0.0
    for s in t:
        total += residual(s) ** 2 if s > 0.3 else residual(s)
    return total / len(t)


def test_physics_in_a_loop_with_branches() -> None:
    t = np.linspace(0.1, 1.0, 9)
    p = Point(0.7, 1.3)

    def plain(a: float, b: float) -> float:
        s = t
        u = a * np.sin(b * s) * s
        second = a * (2 * b * np.cos(b * s) - b**2 * s * np.sin(b * s))
        r = second + a * u**3
        return float(np.mean(np.where(s > 0.3, r**2, r)))

    value, slopes = cad.value_and_grad(physics)(p, t)
    assert value == pytest.approx(plain(*p), rel=1e-12)
    assert isinstance(slopes, Point)
    h = 1e-6
    assert slopes.a == pytest.approx((plain(0.7 + h, 1.3) - plain(0.7 - h, 1.3)) / 2 / h, rel=1e-7)
    assert slopes.b == pytest.approx((plain(0.7, 1.3 + h) - plain(0.7, 1.3 - h)) / 2 / h, rel=1e-7)


class Problem:
    """A loss as a method, and a second one made of its gradient."""

    rate = 0.1

    @differentiate
    def loss(self, w: Any) -> Any:
        return np.sum(np.cos(self.rate * w) ** 2 * w)

    @differentiate
    def after_a_step(self, w: Any) -> Any:
        return self.loss(w - self.rate * self.loss.grad(w))


@pytest.mark.slow
def test_methods_and_what_they_depend_on() -> None:
    problem = Problem()
    assert problem.after_a_step.check(X).ok
    before = problem.after_a_step.grad(X)
    problem.rate = 0.7
    assert problem.after_a_step.check(X).ok
    assert not np.allclose(before, problem.after_a_step.grad(X))


def test_other_options_of_an_inner_function_are_noticed() -> None:
    def f(u: Any, v: Any) -> Any:
        return np.sum(u**2 * v)

    inner = differentiate(f)

    def outer(u: Any, v: Any) -> Any:
        return np.sum(inner.grad(u, v) ** 2)

    u, v = X, X[::-1].copy()
    np.testing.assert_allclose(grad(outer)(u, v), 8 * u * v**2)
    inner = differentiate(wrt="v")(f)
    np.testing.assert_allclose(grad(outer)(u, v), 4 * u**3)


def writes_inside(x: Any) -> Any:
    def g(v: Any) -> Any:
        v[0] = v[1] ** 2
        return np.sum(v**2)

    return np.sum(grad(g)(x) ** 2) + x[0]


def test_an_inner_function_may_write_to_its_arguments() -> None:
    x = np.array([3.0, 2.0])
    # g is v1⁴ + v1², so its gradient is (0, 4 v1³ + 2 v1).
    slope = 4 * 2.0**3 + 2 * 2.0
    np.testing.assert_allclose(grad(writes_inside)(x), [1.0, 2 * slope * (12 * 4.0 + 2)])


def test_empty_arrays() -> None:
    def f(x: Any) -> Any:
        return np.sum(grad(lambda v: np.sum(v**3))(x) * x)

    assert grad(f)(np.zeros(0)).shape == (0,)
    np.testing.assert_allclose(grad(f)(X), 9 * X**2)


def checked(x: Any) -> Any:
    def g(t: Any) -> Any:
        if t < 0.0:
            raise ValueError(f"{t} is negative")
        return np.sqrt(t) * t

    return grad(g)(x) + cad.hessian(g)(x)


def test_checks_of_an_inner_function() -> None:
    found = grad(checked)
    assert found(4.0) == pytest.approx(0.75 / 2.0 - 0.375 / 8.0)
    with pytest.raises(ValueError, match=r"-1.0 is negative"):
        found(-1.0)


def test_perturbations_are_not_confused() -> None:
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0


def until_large(v: Any) -> Any:
    t = v
    while t < 10.0:
        t = t * t + v
    return t


def slopes_of_a_while(x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total += grad(until_large)(x[i]) * x[i] + cad.hessian(until_large)(1.5)
    return total


@pytest.mark.slow
def test_a_while_inside_of_a_loop() -> None:
    assert differentiate(slopes_of_a_while).check(np.array([1.2, 1.7, 2.2])).ok
