"""Derivatives that the user gives: both modes, structures, loops, branches, second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import codegen_ad as cad
from codegen_ad import custom_derivative, differentiate, grad
from codegen_ad.errors import CheckFailed, InvalidArgument, NotDifferentiable

rng = np.random.default_rng(8)
X = rng.normal(size=7)
TABLE = np.array([1.0, -2.0, 0.5])


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


@custom_derivative
def smooth(x: Any) -> Any:
    y = np.log1p(np.exp(x))
    return y, (y,)


@smooth.backward
def _(residuals: Any, g: Any) -> Any:
    (y,) = residuals
    return g * (1.0 - np.exp(-y))


@smooth.jvp
def _(primals: Any, tangents: Any) -> Any:
    return tangents[0] / (1.0 + np.exp(-primals[0]))


def run(x: Any, f: Any) -> Any:
    total = 0.0
    for v in x:
        total = f(v * total + v) if v > 0.0 else total + f(v) * v
    return total


@pytest.mark.slow
def test_both_rules_in_loops_and_branches_and_second_derivatives() -> None:
    ours, plain = differentiate(lambda x: run(x, smooth)), differentiate(lambda x: run(x, softplus))
    np.testing.assert_allclose(ours.grad(X), plain.grad(X), rtol=1e-12)
    np.testing.assert_allclose(ours.jvp(X, tangent=X)[1], plain.jvp(X, tangent=X)[1], rtol=1e-12)
    expected = plain.hessian(X)
    np.testing.assert_allclose(ours.hessian(X), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours.hvp(X, X), expected @ X, rtol=1e-10, atol=1e-12)
    assert ours.check(X).ok
    whole = differentiate(lambda x: np.sum(smooth(x) ** 2))
    np.testing.assert_allclose(
        whole.hessian(X, mode="reverse"),
        differentiate(lambda x: np.sum(softplus(x) ** 2)).hessian(X),
        rtol=1e-10,
        atol=1e-13,
    )


def pair(p: Any, scale: float, k: Any) -> Any:
    return {"a": p["w"] * scale, "b": (np.sin(p["b"]) * TABLE[k], k)}


def pair_forward(p: Any, scale: float, k: Any) -> Any:
    return pair(p, scale, k), {"slope": np.cos(p["b"]), "k": k}


def pair_backward(residuals: Any, g: Any) -> Any:
    by_b = residuals["slope"] * TABLE[residuals["k"]] * g["b"][0]
    return {"w": g["a"] * 3.0, "b": by_b}, None, None


def pair_jvp(primals: Any, tangents: Any) -> Any:
    (p, scale, k), (t, _, _) = primals, tangents
    return {"a": t["w"] * scale, "b": (np.cos(p["b"]) * TABLE[k] * t["b"], None)}


own = custom_derivative(pair, forward=pair_forward, backward=pair_backward, jvp=pair_jvp)


def with_structures(p: Any, k: Any) -> Any:
    out = own(p, 3.0, k)
    return np.sum(out["a"] ** 2 * X[:3]) + out["b"][0] ** 2 * out["b"][1]


def test_structures_residuals_and_what_has_no_derivative() -> None:
    p = {"w": X[:3].copy(), "b": 0.3}
    found = differentiate(with_structures)
    assert found.check(p, 1).ok
    row = cad.hessian(with_structures)(p, 1)
    slope = 2 * 4.0 * (np.cos(0.3) ** 2 - np.sin(0.3) ** 2)
    assert row["b"]["b"] == pytest.approx(slope)
    np.testing.assert_allclose(row["w"]["w"], np.diag(18 * X[:3]), rtol=1e-12)


@custom_derivative
def only_forward(x: Any) -> Any:
    return x**3, (x, 2.0)


@only_forward.jvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return 3 * x**2 * t, (t, 0.0)


def test_a_rule_for_forward_mode_alone() -> None:
    def f(x: Any) -> Any:
        (cubed, (same, two)) = only_forward(x)
        return cubed * same * two

    found = differentiate(f)
    np.testing.assert_allclose(found.value(X), 2 * X**4)
    np.testing.assert_allclose(found.jvp(X, tangent=X)[1], 8 * X**4, rtol=1e-12)
    np.testing.assert_allclose(found.jacobian(X), np.diag(8 * X**3), rtol=1e-12, atol=1e-15)
    assert found.check(X).ok
    with pytest.raises(NotDifferentiable, match="of its own for forward mode only"):
        grad(lambda x: np.sum(f(x)))(X)


@custom_derivative
def only_reverse(x: Any) -> Any:
    return np.sin(x)


@only_reverse.backward
def _(residuals: Any, g: Any) -> Any:
    (x,) = residuals
    return (np.cos(x) * g,)


def test_a_backward_pass_alone() -> None:
    def f(x: Any) -> Any:
        return np.sum(only_reverse(x) * x)

    found = differentiate(f)
    expected = np.diag(2 * np.cos(X) - X * np.sin(X))
    np.testing.assert_allclose(found.hessian(X), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.hvp(X, X), expected @ X, rtol=1e-12, atol=1e-14)
    assert found.check(X).ok
    with pytest.raises(NotDifferentiable, match=r"(?s)for reverse mode only.*@only_reverse.jvp"):
        found.jvp(X, tangent=X)


def test_empty_and_single_precision() -> None:
    found = grad(lambda x: np.sum(smooth(x)))
    assert found(np.zeros(0)).shape == (0,)
    single = found(X.astype("f4"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, 1 / (1 + np.exp(-X)), rtol=1e-5)


@custom_derivative
def own_value(x):
    return x * np.exp(x)


@own_value.forward
def _(x):
    return own_value(x), (own_value(x), np.exp(x))


@own_value.backward
def _(residuals, g):
    value, exponential = residuals
    return g * (value + exponential)


def test_a_forward_pass_may_call_the_function_itself() -> None:
    found = differentiate(lambda x: own_value(np.sin(x)).sum())
    value, gradient = found.value_and_grad(X)
    s, c = np.sin(X), np.cos(X)
    np.testing.assert_allclose(value, np.sum(s * np.exp(s)), rtol=1e-13)
    np.testing.assert_allclose(gradient, (1 + s) * np.exp(s) * c, rtol=1e-13)
    second = (2 + s) * np.exp(s) * c * c - (1 + s) * np.exp(s) * s
    np.testing.assert_allclose(found.hessian(X), np.diag(second), rtol=1e-12, atol=1e-14)


def test_a_wrong_rule_is_found() -> None:
    wrong = custom_derivative(lambda x: x**2, jvp=lambda primals, tangents: tangents[0])
    with pytest.raises(CheckFailed, match="FAIL"):
        differentiate(lambda x: wrong(x) + 1.0).check(3.0)
    with pytest.raises(InvalidArgument, match=r"<lambda> has no derivative: decorate a backward"):
        grad(lambda x: custom_without_a_rule(x) + 1.0)(2.0)


custom_without_a_rule = custom_derivative(lambda x: x)
