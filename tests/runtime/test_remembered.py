"""Calls like one before take a short way, and it leads to the same results."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument
from codegen_ad.runtime.repeated import nested_key, plain_key

ROWS = np.arange(12.0).reshape(3, 4)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _unaligned(array: np.ndarray) -> np.ndarray:
    held = np.empty(array.nbytes + 1, dtype=np.uint8)[1:]
    moved = held.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


OTHERS = {
    "another dtype": ROWS.astype(np.float32),
    "another shape": np.zeros((4, 3)),
    "another rank": np.zeros(12),
    "columns first": np.asfortranarray(ROWS),
    "strided": np.zeros((3, 8))[:, ::2],
    "strided otherwise": np.zeros((6, 4))[::2],
    "turned around": ROWS[::-1],
    "read only": _frozen(ROWS.copy()),
    "not aligned": _unaligned(ROWS),
    "other bytes first": ROWS.astype(">f8"),
    "a float": 1.0,
    "a NumPy float": np.float64(1.0),
    "an int": 1,
}


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "in a tuple"])
def test_what_decides_on_the_kernel_is_in_the_key(wrapped: bool) -> None:
    def key(value: Any) -> Any:
        if not wrapped:
            return plain_key("value", (value,))
        found = nested_key("value", ((value,),))
        return None if found is None else found[0]

    keys = {name: key(value) for name, value in {"rows": ROWS.copy(), **OTHERS}.items()}
    assert None not in keys.values()
    assert len(set(keys.values())) == len(keys)
    assert key(ROWS.copy()) == keys["rows"]
    assert key(2.0) == keys["a float"]
    assert key(2) == keys["an int"]


@pytest.mark.parametrize("value", [True, 2**63, -(2**63) - 1, 1j, None, "a", object(), b"a"])
def test_what_is_no_number_of_a_kernel_has_no_plain_key(value: object) -> None:
    assert plain_key("value", (value,)) is None


def test_structures_differ_by_kind_and_by_what_is_known() -> None:
    class Pair(NamedTuple):
        a: float
        b: float

    @dataclass
    class Two:
        a: float
        b: float

    structures: list[Any] = [
        (1.0, 2.0), [1.0, 2.0], (1.0, (2.0,)), ((1.0,), 2.0), Pair(1.0, 2.0), Two(1.0, 2.0),
        {"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, (1.0, 2.0, None), (1.0, 2.0, True),
        (1.0, 2.0, False), (1.0, 2.0, "a"), (1.0, 2.0, 1), (1.0, 2.0, ()),
    ]  # fmt: skip
    keys = [nested_key("value", (s,)) for s in structures]
    assert None not in keys
    assert len({key[0] for key in keys if key is not None}) == len(structures)
    assert nested_key("value", ((1.0, 1j),)) is None
    assert nested_key("value", ((1.0, object()),)) is None


class Layer(NamedTuple):
    w: np.ndarray
    b: float | None


@dataclass
class Model:
    layers: list[Layer]
    kind: str


def _predicted(model: Model, x: np.ndarray) -> Any:
    for layer in model.layers:
        x = x * layer.w
        if layer.b is not None:
            x = x + layer.b
        if model.kind == "square":
            x = x * x
    return x


def _loss(model: Model, data: dict[str, np.ndarray], power: int) -> Any:
    return (_predicted(model, data["x"]) ** power).sum() + data["y"].sum()


def _model(seed: int, kind: str = "plain", bias: float | None = 2.0) -> Model:
    w = np.random.default_rng(seed).normal(size=(2, 3))
    return Model([Layer(w[0], None), Layer(w[1], bias)], kind)


def _assert_same(found: Any, expected: Any) -> None:
    (value, gradient), (wanted, derivative) = found, expected
    assert value == wanted
    assert type(gradient) is type(derivative) is Model
    assert gradient.kind == derivative.kind
    for one, other in zip(gradient.layers, derivative.layers, strict=True):
        assert type(one) is type(other) is Layer
        np.testing.assert_array_equal(one.w, other.w)
        assert one.b == other.b


def test_structures_are_answered_from_memory() -> None:
    loss = differentiate(_loss)

    def data(seed: int) -> dict[str, np.ndarray]:
        x, y = np.random.default_rng(seed).normal(size=(2, 3))
        return {"x": x, "y": y}

    def fast(*args: Any) -> Any:
        return loss.kernels.fast("value_and_grad", args)

    assert fast(_model(0), data(0), 2) is None
    loss.value_and_grad(_model(0), data(0), 2)
    assert fast(_model(1), data(1), 3) is not None
    assert fast(_model(1, "square"), data(1), 2) is None
    assert fast(_model(1, bias=None), data(1), 2) is None
    for seed, power in ((1, 2), (2, 3)):
        args = _model(seed), data(seed), power
        # Arguments by name take the long way.
        expected = loss.value_and_grad(args[0], args[1], power=power)
        _assert_same(loss.value_and_grad(*args), expected)
    squared = loss.value_and_grad(_model(1, "square"), data(1), 2)
    _assert_same(loss.value_and_grad(_model(1, "square"), data(1), 2), squared)
    assert squared[0] == pytest.approx(_loss(_model(1, "square"), data(1), 2))


def test_several_parameters_and_numbers_are_answered_from_memory() -> None:
    @differentiate(wrt=("a", "b"))
    def loss(a, b, x, *more, n=2):  # type: ignore[no-untyped-def]
        total = np.sum((a * x + b) ** n)
        for y in more:
            total = total + np.sum(y * b)
        return total

    x = np.arange(1.0, 4.0)
    for a, b in ((2.0, x), (np.float64(2.0), x), (2.0, 3.0), (np.float64(5.0), np.float64(1.0))):
        loss.value_and_grad(a, b, x)
        assert loss.kernels.fast("value_and_grad", (a, b, x)) is not None
        value, gradient = loss.value_and_grad(a, b, x)
        np.testing.assert_allclose(value, np.sum((a * x + b) ** 2))
        assert type(gradient) is tuple
        np.testing.assert_allclose(gradient[0], np.sum(2 * (a * x + b) * x))
        np.testing.assert_allclose(np.sum(gradient[1]), np.sum(2 * (a * x + b)))
        assert np.shape(gradient[1]) == np.shape(b)
    for _ in range(2):
        value, gradient = loss.value_and_grad(2.0, 3.0, x, x, 2 * x)
        np.testing.assert_allclose(value, np.sum((2 * x + 3) ** 2) + 9 * np.sum(x))
        np.testing.assert_allclose(gradient[1], np.sum(2 * (2 * x + 3)) + 3 * np.sum(x))


def test_static_values_are_never_taken_for_others() -> None:
    @differentiate(static=("n", "names"))
    def loss(w, x, n, names):  # type: ignore[no-untyped-def]
        total = np.sum(w * x) * n
        return total * 10.0 if "ten" in names else total

    w, x = np.ones(3), np.arange(3.0)
    for _ in range(2):
        for n in (1, 2):
            for names in (("ten",), ()):
                value, gradient = loss.value_and_grad(w, x, n, names)
                factor = n * (10.0 if names else 1.0)
                assert value == 3.0 * factor
                np.testing.assert_array_equal(gradient, x * factor)


@pytest.mark.thorough
def test_what_is_remembered_holds_no_arguments() -> None:
    @differentiate
    def loss(p, x):  # type: ignore[no-untyped-def]
        return np.sum((p["w"] * x - p["b"]) ** 2)

    def call() -> list[weakref.ref[Any]]:
        w, x = np.ones(3), np.arange(3.0)
        p = {"w": w, "b": 1.0}
        loss.value_and_grad(p, x)
        assert loss.kernels.fast("value_and_grad", (p, x)) is not None
        return [weakref.ref(w), weakref.ref(x)]

    found = call()
    gc.collect()
    assert [ref() for ref in found] == [None, None]


def test_numbers_of_single_precision_are_remembered_and_keep_their_dtype() -> None:
    @differentiate
    def squares(w, x):
        return ((w - x) ** 2).sum()

    @differentiate
    def doubled(x):
        return 2 * x

    w, x = np.ones(3, np.float32), np.arange(3, dtype=np.float32)
    for _ in range(3):
        value, gradient = squares.value_and_grad(w, x)
        assert (type(value), value, gradient.dtype) == (np.float32, 2.0, np.float32)
        assert type(squares.value(w, x)) is np.float32
        assert doubled.value(x).dtype == np.float32
    assert squares._kernels is not None
    assert squares._kernels.fast("value_and_grad", (w, x)) is not None
    assert squares._kernels.fast("value", (w, x)) is not None


def test_remembered_calls_raise_in_the_users_terms() -> None:
    """The kernel is called without numba's dispatcher then, whatever it raises."""

    @differentiate
    def loss(x: np.ndarray, k: int) -> float:
        if not x[0] > 0:
            raise ValueError("x begins at or below 0")
        return (x**2).sum() * x[k]

    x = np.array([1.0, 2.0])
    for _ in range(3):
        value, gradient = loss.value_and_grad(x, 1)
        assert value == loss.value(x, 1) == 10.0
        np.testing.assert_allclose(gradient, [4.0, 13.0], rtol=1e-15)
        with pytest.raises(ValueError, match="x begins at or below 0"):
            loss.value_and_grad(-x, 1)
        with pytest.raises(IndexError, match="line 4: index is out of bounds"):
            loss.value_and_grad(x, 2)


AS_LONG_AS = np.arange(3.0) + 1
ALSO = AS_LONG_AS


class Scaled:
    """An object that is called."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.table = self.again = np.arange(3.0) + 1

    def __call__(self, x: Any) -> Any:
        return (x * self.rate).sum() * SIZE


SIZE = 2.0
MODEL = Scaled(2.0)


def of_two_names(x: Any) -> Any:
    return (x * AS_LONG_AS).sum() + 2 * (x * ALSO).sum()


def of_two_attributes(x: Any) -> Any:
    return (x * MODEL.table).sum() + 2 * (x * MODEL.again).sum()


def of_what_may_be_there(x: Any) -> Any:
    return (x * getattr(MODEL, "shift", 2.0)).sum() * (2 if hasattr(MODEL, "shift") else 1)


def of_an_object(x: Any) -> Any:
    return MODEL(x)


def of_a_builtin(x: Any) -> Any:
    return sum(x) + abs(x[0])


def of_a_dict(x: Any, rates: Any = ({"a": 2.0},)) -> Any:
    return (x * rates[0]["a"]).sum()


def of_a_named_dict(x: Any, *, rates: Any = {"a": 2.0}) -> Any:  # noqa: B006
    return (x * rates["a"]).sum()


CHANGES: dict[Any, Any] = {
    of_two_names: lambda patch: patch.setitem(globals(), "ALSO", np.ones(3)),
    of_two_attributes: lambda patch: patch.setattr(MODEL, "again", np.ones(3)),
    of_what_may_be_there: lambda patch: patch.setattr(MODEL, "shift", 3.0, raising=False),
    of_an_object: lambda patch: patch.setattr(Scaled, "__call__", lambda self, x: x.sum()),
    of_a_builtin: lambda patch: patch.setitem(globals(), "sum", lambda v: v[1] * 7),
    of_a_dict: lambda patch: patch.setitem(of_a_dict.__defaults__[0][0], "a", 5.0),
    of_a_named_dict: lambda patch: patch.setitem(of_a_named_dict.__kwdefaults__["rates"], "a", 5.0),
}


@pytest.mark.parametrize("function", list(CHANGES), ids=lambda f: f.__name__)
def test_a_change_outside_is_seen_by_the_next_call(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, x = differentiate(function), np.array([1.0, 2.0, 3.0])
    for _ in range(2):
        assert f.value_and_grad(x)[0] == function(x)
    before = function(x)
    CHANGES[function](monkeypatch)
    assert function(x) != before
    for _ in range(2):
        assert f.value_and_grad(x)[0] == function(x)
    monkeypatch.undo()
    assert f.value_and_grad(x)[0] == before


def test_every_derivative_is_answered_from_memory() -> None:
    @differentiate
    def squares(p, x):  # type: ignore[no-untyped-def]
        return np.sum((p[0] * np.exp(-p[1] * x)) ** 2)

    @differentiate
    def curve(p, x):  # type: ignore[no-untyped-def]
        return p[0] * np.exp(-p[1] * x)

    asked: list[tuple[Any, str, Callable[..., Any], int]] = [
        (curve, "vjp", lambda p, x, v, u: curve.vjp(p, x, cotangent=u), 3),
        (curve, "jvp", lambda p, x, v, u: curve.jvp(p, x, tangent=v), 2),
        (curve, "jacobian", lambda p, x, v, u: curve.jacobian(p, x), 0),
        (curve, "jacobian:reverse", lambda p, x, v, u: curve.jacobian(p, x, mode="reverse"), 0),
        (squares, "hessian", lambda p, x, v, u: squares.hessian(p, x), 0),
        (squares, "hvp", lambda p, x, v, u: squares.hvp(p, x, v), 2),
        (squares, "hvp", lambda p, x, v, u: squares.hvp(p, x, tangent=v), 2),
        (squares, "vjp", lambda p, x, v, u: squares.vjp(p, x, cotangent=u[0]), 1),
    ]
    for function, mode, call, size in asked:
        for seed in range(3):
            p, v, x, u = np.split(np.random.default_rng(seed).normal(size=10), [2, 4, 7])
            direction = {0: (), 1: (u[0],), 2: (v,), 3: (u,)}[size]
            found = call(p, x, v, u)
            given = (p, x, *direction)
            assert function.kernels.fast(mode, given, len(direction)) is not None, mode
            function.kernels._plain.clear()
            for one, other in zip(found, call(p, x, v, u), strict=True):
                np.testing.assert_array_equal(one, other)
                assert type(one) is type(other)


def test_directions_of_another_kind_are_converted_each_time() -> None:
    @differentiate(wrt=("p", "x"))
    def curve(p, x):  # type: ignore[no-untyped-def]
        return p["a"] * np.exp(-p["b"] * x)

    x = np.arange(3.0)
    p = {"a": 2.0, "b": 0.5}
    expected = curve.vjp(p, x, cotangent=np.ones(3))
    for given in (np.ones(3, int), [1, 1, 1], np.ones(3, np.float32), np.ones((3, 2))[:, 0]):
        for _ in range(2):
            value, (slopes, slope) = curve.vjp(p, x, cotangent=given)
            np.testing.assert_array_equal(value, expected[0])
            np.testing.assert_array_equal(slope, expected[1][1])
            assert slopes == expected[1][0]
    for _ in range(2):
        _, all_of_it = curve.jvp(p, x, tangent=({"a": 1.0, "b": 1.0}, np.ones(3)))
        _, of_x = curve.jvp(p, x, tangent=({"a": 0.0, "b": 0.0}, np.ones(3)))
        _, by_none = curve.jvp(p, x, tangent=(None, np.ones(3)))
        np.testing.assert_array_equal(of_x, by_none)
        assert not np.array_equal(all_of_it, of_x)
        with pytest.raises(InvalidArgument, match="shape"):
            curve.jvp(p, x, tangent=(p, np.ones(4)))


def test_directions_behind_defaults() -> None:
    @differentiate
    def curve(p, x, power=2.0):  # type: ignore[no-untyped-def]
        return p * x**power

    x = np.arange(1.0, 4.0)
    for _ in range(3):
        np.testing.assert_allclose(curve.jvp(2.0, x, tangent=1.0)[1], x**2)
        np.testing.assert_allclose(curve.jvp(2.0, x, 3.0, tangent=1.0)[1], x**3)
        np.testing.assert_allclose(curve.jvp(2.0, x, tangent=3.0)[1], 3 * x**2)
        np.testing.assert_allclose(curve.vjp(2.0, x, cotangent=x)[1], np.sum(x**3))
