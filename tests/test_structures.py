"""Derivatives in parts of structures: paths, several parameters, and structured results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import differentiate, elementwise_grad, grad, hessian, hvp, jacobian, value_and_grad
from codegen_ad.errors import InvalidArgument, NotDifferentiable

rng = np.random.default_rng(11)
A, B, X = rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=3)


class Layer(NamedTuple):
    """Weights of a layer."""

    w: Any
    b: Any


@dataclass
class Model:
    """Layers, and a word that is no number."""

    layers: list[Layer]
    scale: Any
    name: str = "model"


def energy(model: Any, x: Any) -> Any:
    hidden = np.tanh(model.layers[0].w @ x + model.layers[0].b)
    return model.scale * np.sum(hidden**2 * model.layers[1].b)


def parts(p: Any, x: Any) -> Any:
    return {"a": p["w"] @ x, "b": (p["b"] ** 2, np.sum(p["w"]) * p["b"])}


def crossed(u: Any, v: Any) -> Any:
    return np.sum(u**2) * np.sum(np.sin(v)) + u[0] * v[1] ** 3


MODEL = Model([Layer(A, B), Layer(1.5, np.array([0.5, 2.0]))], 3.0)
PARTS = {"w": A, "b": B}


def differences(f: Any, x: np.ndarray) -> np.ndarray:
    found = []
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        found.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / 2e-6)
    return np.stack(found, -1).reshape(*np.shape(found[0]), *x.shape)


def test_gradients_come_in_the_order_of_wrt() -> None:
    u, v = rng.normal(size=3), rng.normal(size=2)
    by_v, by_u = grad(crossed, argnums=(1, 0))(u, v)
    np.testing.assert_allclose(by_u, differences(lambda u: crossed(u, v), u), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(by_v, differences(lambda v: crossed(u, v), v), rtol=1e-7, atol=1e-8)


def test_paths() -> None:
    def of_w(w: Any) -> Any:
        return energy(Model([Layer(w, B), MODEL.layers[1]], 3.0), X)

    expected = differences(of_w, A)
    found = differentiate(wrt=["model.layers[0].w", ("model", "scale"), "model.layers[-1][1]"])(
        energy
    )
    by_w, by_scale, by_b = found.grad(MODEL, X)
    np.testing.assert_allclose(by_w, expected, rtol=1e-7, atol=1e-9)
    assert by_scale == pytest.approx(energy(MODEL, X) / 3.0)
    assert by_b.shape == (2,)
    assert found.check(MODEL, X).ok
    (layer,) = grad(energy, argnums=("model.layers[0]",))(MODEL, X)
    assert isinstance(layer, Layer)
    np.testing.assert_array_equal(layer.w, by_w)


@pytest.mark.parametrize(
    ("wrt", "message"),
    [
        (
            "model.layer",
            "wrt='model.layer' leads nowhere: within model there is model.layers[0].w",
        ),
        ("model.layers[2].w", "within model.layers there is model.layers[0].w, model.layers[1].w"),
        ("model.scale.w", "model.scale is a single value, which is named as a whole"),
        ("x[0]", "x is an array, which is named as a whole"),
        ("model.layers[", "is no path: write it as in Python"),
        ("other.w", "energy() has no parameter of that name; its parameters are model, x"),
        (
            ["model.layers[0]", "model.layers[0].w"],
            ".w, which is a part of model.layers[0]",
        ),
        (["x", 1], "x is given twice"),
        (9, "argnums=9: energy() takes 2 arguments"),
    ],
)
def test_paths_that_lead_nowhere(wrt: Any, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        differentiate(wrt=wrt)(energy).grad(MODEL, X)
    assert message in str(caught.value)


def test_whole_numbers_are_no_parameters() -> None:
    with pytest.raises(InvalidArgument, match=r"pass a float, for example float\(u\)"):
        grad(lambda u: u * 2.0)(3)
    with pytest.raises(InvalidArgument, match=r"p_n has dtype int64.*for example float\(p_n\)"):
        grad(lambda p: p["x"] * p["n"])({"x": 1.0, "n": 2})
    assert grad(lambda p: p["x"] * p["n"], "p['x']")({"x": 1.0, "n": 2}) == 2.0


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians_of_structures(mode: str) -> None:
    found = jacobian(parts)(PARTS, X, mode=mode)
    assert list(found) == ["a", "b"]
    assert isinstance(found["b"], tuple)
    by_w = differences(lambda w: np.sum(w) * B, A)
    np.testing.assert_allclose(found["b"][1]["w"], by_w, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found["b"][0]["b"], np.diag(2 * B), atol=1e-15)
    assert not found["a"]["b"].any()
    assert found["a"]["w"].shape == (2, 2, 3)


def test_modes_of_a_long_jacobian_agree() -> None:
    def f(v: Any) -> Any:
        return np.convolve(np.sin(v), np.array([1.0, -2.0, 1.0]))

    v = rng.normal(size=30)
    found = jacobian(f)
    forward, reverse = found(v, mode="forward"), found(v, mode="reverse")
    np.testing.assert_allclose(forward, reverse, rtol=1e-14)
    np.testing.assert_allclose(found(v), differences(f, v), rtol=1e-6, atol=1e-8)
    with pytest.raises(InvalidArgument, match="mode='backward': choose one of 'auto'"):
        found(v, mode="backward")


def test_a_hessian_in_several_parameters_is_nested() -> None:
    u, v = rng.normal(size=3), rng.normal(size=2)
    (uu, uv), (vu, vv) = hessian(crossed, argnums=(0, 1))(u, v)
    gradient = grad(crossed, argnums=(0, 1))
    by_u = [differences(lambda u, k=k: gradient(u, v)[k], u) for k in (0, 1)]
    np.testing.assert_allclose(uu, by_u[0], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(vu, by_u[1], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(uv, vu.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(vv, vv.T)
    tree = hessian(lambda p: crossed(p["u"], p["v"]))({"u": u, "v": v}, mode="reverse")
    np.testing.assert_allclose(tree["v"]["u"], vu, rtol=1e-12)
    product = hvp(crossed, argnums=(0, 1))(u, v, (v[0] * u, u[:2]))
    np.testing.assert_allclose(product[0], uu @ (v[0] * u) + uv @ u[:2], rtol=1e-12)
    np.testing.assert_allclose(product[1], vu @ (v[0] * u) + vv @ u[:2], rtol=1e-12)


@pytest.mark.thorough
def test_hvp_of_a_long_vector() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.exp(-(np.diff(x) ** 2))) + np.prod(np.cos(x[:3]))

    found = differentiate(f)
    x, v = rng.normal(size=40), rng.normal(size=40)
    product = found.hvp(x, v)
    np.testing.assert_allclose(product, found.hessian(x) @ v, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found.hvp(x, tangent=v), product)
    single = found.hvp(x.astype("f4"), v.astype("f4"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, product, rtol=0, atol=1e-5 * abs(product).max())
    with pytest.raises(InvalidArgument, match=r"a tangent has shape \(3,\), where \(40,\)"):
        found.hvp(x, v[:3])


def test_elementwise_grad() -> None:
    x = rng.normal(size=(4, 5))[:, ::2]
    found = elementwise_grad(lambda x: np.tanh(x) * x)
    np.testing.assert_allclose(found(x), np.tanh(x) + x / np.cosh(x) ** 2, rtol=1e-13)
    assert found(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(NotDifferentiable, match="elementwise_grad is of one floating point array"):
        elementwise_grad(lambda x: (x, x))(x)


def test_auxiliary_results() -> None:
    def f(x: Any) -> Any:
        r = x**2 - 1.0
        return np.sum(r**2), {"residuals": r, "best": np.argmin(r), "name": "f"}

    x = rng.normal(size=30)
    (value, aux), gradient = value_and_grad(f, has_aux=True)(x)
    assert value == pytest.approx(f(x)[0])
    assert aux["best"] == f(x)[1]["best"]
    assert aux["name"] == "f"
    np.testing.assert_allclose(gradient, 4 * x * (x**2 - 1), rtol=1e-12)
    again, more = grad(f, has_aux=True)(x)
    np.testing.assert_array_equal(again, gradient)
    np.testing.assert_array_equal(more["residuals"], aux["residuals"])
    found = differentiate(has_aux=True)(f)
    (_, _), tangent = found.jvp(x, tangent=x)
    assert tangent == pytest.approx(gradient @ x)
    np.testing.assert_allclose(found.hvp(x, x), found.hessian(x) @ x, rtol=1e-12)
    assert found.check(x).ok
    with pytest.raises(InvalidArgument, match=r"has_aux=True: function\(\) must return a pair"):
        grad(lambda x: np.sum(x), has_aux=True)(x)


def test_tangents_and_cotangents_are_matched_by_structure() -> None:
    found = differentiate(parts)
    value, tangent = found.jvp(PARTS, X, tangent={"b": None, "w": A})
    np.testing.assert_allclose(tangent["a"], value["a"])
    assert not tangent["b"][0].any()
    given = {"b": (B, None), "a": B}
    _, product = found.vjp(PARTS, X, cotangent=given)
    np.testing.assert_allclose(product["b"], 2 * B * B)
    np.testing.assert_allclose(product["w"], np.outer(B, X))
    with pytest.raises(InvalidArgument, match="there is a dict of 'b' where 'a', 'b' are"):
        found.vjp(PARTS, X, cotangent={"b": (B, B)})
    with pytest.raises(InvalidArgument, match="an array where a tuple or list of 2"):
        found.vjp(PARTS, X, cotangent={"b": B, "a": B})


def test_shapes_of_a_cotangent_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call with a cotangent of rank 0 goes the long way, which compiles no text again."""

    @differentiate
    def curve(x):
        return {"rows": x**2, "total": np.sum(x)}

    def once(x: np.ndarray) -> np.ndarray:
        return curve.vjp(x, cotangent={"rows": np.ones_like(x), "total": np.ones(())})[1]

    x = np.arange(3.0)
    once(x)
    texts: list[str] = []

    def noted(text: str, *rest: Any) -> Any:
        texts.append(text)
        return compile(text, *rest)

    monkeypatch.setattr("codegen_ad.runtime.compiled.compile", noted, raising=False)
    np.testing.assert_array_equal(once(x + 1.0), 2 * x + 3)
    assert not texts
