"""Numbers, operators, containers, calls: what a straight line of Python computes."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from running import check, outputs_of, reading_of

X = np.linspace(0.1, 2.0, 7)
A = np.arange(12.0).reshape(3, 4) + 0.5
I = np.array([3, -2, 0, 5])  # noqa: E741
COEFFICIENTS = np.array([1.0, 2.0, 3.0, 4.0])
SCALE = 2.5
TABLE = {"a": 3.0, "w": np.arange(2.0) + 4, "deep": {"k": (1, 2.0)}}
STRONG = np.float64(0.5)


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


class Layer:
    """A plain object that lives outside."""

    rate = 2.0

    def __init__(self) -> None:
        self.weights = np.arange(7.0)
        self.mode = Mode.FAST
        self.sizes = [1, 2]

    @property
    def half(self) -> float:
        return self.rate / 2

    def apply(self, x: Any, *, power: int = 1) -> Any:
        return self.weights * x**power * self.half

    @staticmethod
    def twice(x: Any) -> Any:
        return 2 * x

    def __call__(self, x: Any) -> Any:
        return self.apply(x, power=2)


LAYER = Layer()


class Point(NamedTuple):
    a: Any
    b: Any = 1.5

    def line(self, x: Any) -> Any:
        return self.a * x + self.b


@dataclasses.dataclass
class Parameters:
    w: Any
    b: Any
    name: str = "p"

    def line(self, x: Any) -> Any:
        return self.w * x + self.b


def promotion(x: Any, i: Any, f: Any, s: Any, k: Any) -> Any:
    m = x > 1
    return (
        x * 2, x / 2, x + i[0], f * 2.5, f + i[:1], f * s, f * k, i * 2, i / 2, i // 2, i % 3,
        i * 2.5, i + True, -i, abs(i), i**2, i**3, i**0, s * k, s**2, k**2, k / 2, k // 2, k % 2,
        m & (x < 1.5), m | (x < 0.5), ~m, m ^ (x < 0.5), m + m, m * m, m * 1, m + 1.0, m * x,
        x**-1, x**0.5, x**3, 2**x, s**x, x**k, x ** x[0], STRONG * f, np.sqrt(2.0) * f,
        np.pi * f, np.exp(k), np.floor(i), np.rint(i), np.sign(i), np.maximum(i, 1),
        np.maximum(i, 1.5), np.square(i), np.float32(1.5) * f, 1 - x, x @ x, x == 1, i != 0,
    )  # fmt: skip


def python_numbers(s: Any, k: Any) -> Any:
    return (
        max(s, 1), min(s, k), abs(-s), float(k), int(s), s > k, round(2.567, 1), math.floor(s),
        divmod(k, 2), pow(s, 2), math.sqrt(s), math.sin(1.0) * s, sum([s, k, 1]), s if k else 0.0,
    )  # fmt: skip


def sizes(x: Any, a: Any) -> Any:
    n = len(x)
    d = a.shape[1]
    return (
        x * n, n, n + d, n * d - 1, n // 2, n % 2, n / 2, -n, n**2, x.size, a.size, a.ndim,
        x[n - 1], x[-n],
        a.shape, np.zeros(n + 1), x[: n // 2], x[n // 2 :], n > 0, n == d, max(n, 1),
        n if n > 1 else 0, np.arange(n) * x, x ** range(n), sum(range(n)), np.log(n), x[1:n].sum(),
    )  # fmt: skip


def containers(p: Any, x: Any) -> Any:
    a, (b, *rest) = p["pair"]
    total = {k: v * 2 for k, v in p.items() if k != "pair"}
    total["more"] = [a, b, *rest]
    total |= {} if False else {"z": 1.0} if False else {}
    items = [v for row in [[x, x * 2], [x * 3]] for v in row][::-1]
    items[0], items[-1] = items[-1], items[0]
    first, *_, last = items
    flat = tuple(items) + (x,) * 2
    return total, first, last, len(flat), flat[1:3], [*items][1], items.index is not None


def structures(point: Any, parameters: Any, x: Any) -> Any:
    moved = point._replace(b=2.0)
    made = Point(a=x, b=moved.a)
    other = dataclasses_made(parameters)
    other.b = other.b + 1
    other.b += 1
    return made, moved.line(x), other, parameters.line(x), isinstance(point, Point)


def dataclasses_made(p: Any) -> Any:
    return Parameters(p.w * 2, b=p.b)


def outside(x: Any) -> Any:
    return (
        x * COEFFICIENTS[0] * SCALE + COEFFICIENTS[1:].sum() + TABLE["a"] + TABLE["w"][0] * 2,
        TABLE["deep"]["k"][1] * x,
        LAYER.apply(x) + LAYER(x) + LAYER.twice(x) + LAYER.weights * LAYER.rate,
        x * 2 if LAYER.mode is Mode.FAST else x,
        x * 3 if LAYER.mode == Mode.SLOW else x,
        [x * k for k in LAYER.sizes],
    )


def calls(x: Any) -> Any:
    def f(t: Any, k: Any = 2, *more: Any, shift: float = 0.0, **named: Any) -> Any:
        total = t**k + shift
        for m in more:
            total = total + m
        for name, value in named.items():
            total = total * value if name == "scale" else total
        return total

    def g(h: Callable[..., Any], v: Any) -> Any:
        return h(v)

    twice = lambda t: 2 * t  # noqa: E731
    add = functools.partial(np.add, 1.0)
    rows = [(i, v) for i, v in enumerate([x, x * 2])]
    args = (3, x)
    return (
        f(x), f(x, 3), f(x, *args, shift=1.0), f(x, **{"shift": 2.0, "scale": x}), g(twice, x),
        g(lambda v: twice(v) + 1, x), add(x), functools.reduce(np.multiply, [x, x]) if False else x,
        sum(twice(v) for v in (x, x)), rows[1][1], list(map(twice, [x])),
        all(v.ndim == 1 for v in (x, x)), any([x.size == 0, False]), (y := x * 2) + y,
        sum(v * v for v in x), sum(v for v in x if v > 1), f"{x.ndim}d" == "1d",
    )  # fmt: skip


def statics(x: Any, kind: Any = "tanh", n_layers: Any = 2) -> Any:
    """A docstring, annotations, asserts and prints."""
    assert x.ndim == 1, "vectors only"
    assert kind in ("tanh", "relu")
    activation: Callable[..., Any] = {"tanh": np.tanh, "relu": lambda v: np.maximum(v, 0)}[kind]
    if kind not in ("tanh", "relu"):
        raise ValueError(f"unknown {kind}")
    h: Any = x
    for layer in range(n_layers):
        print("layer", layer, f"{h}")
        h = activation(h) + layer
    if isinstance(h, np.ndarray) and hasattr(h, "shape") and h is not None:
        pass
    del kind
    return h, x.dtype == np.float64, None, "text", x.shape == (7,)


CASES = [
    (promotion, (X, I, X.astype("f4"), 2.5, 3)),
    (promotion, (X, I.astype("i4"), X.astype("f4"), 0.5, 2)),
    (python_numbers, (2.5, 3)),
    (sizes, (X, A)),
    (containers, ({"w": X, "pair": (X, [X, 2.0, X])}, X)),
    (structures, (Point(X, 1.0), Parameters(X, 2.0), X)),
    (outside, (X,)),
    (calls, (X,)),
    (statics, (X,)),
    (statics, (X, "relu")),
]


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_values_are_python_s(function: Any, args: tuple[Any, ...]) -> None:
    check(function, *args, static=("n_layers",))


def test_what_is_read_outside_is_a_dependency_or_a_leaf() -> None:
    reading = reading_of(outside, X)
    found = {".".join(name for _, name in path) for path in reading.dependencies}
    assert {"SCALE", "TABLE.a", "LAYER.mode", "LAYER.rate", "LAYER.sizes"} <= found
    assert "COEFFICIENTS" not in found
    captured = [(leaf.name, leaf.source) for leaf in reading.leaves if leaf.captured]
    assert captured[0] == ("COEFFICIENTS", (("global", "COEFFICIENTS"),))
    assert [name for name, _ in captured] == ["COEFFICIENTS", "TABLE_w", "weights"]


def test_closures_are_followed() -> None:
    offset, array = 2.0, np.arange(7.0)

    def helper(x: Any) -> Any:
        return x + offset

    def function(x: Any) -> Any:
        return helper(x) * array

    check(function, X)
    paths = reading_of(function, X).dependencies
    assert (("closure", "helper"), ("closure", "offset")) in paths


def test_a_lambda_is_a_function() -> None:
    check(lambda w, x: ((w * x) ** 2).sum(), X, X)


def test_notes_say_what_is_left_out() -> None:
    notes = reading_of(statics, X).notes
    assert notes == ("`print('layer', layer, f'{h}')` on line 10 is left out.",)


def test_the_structure_comes_back() -> None:
    found = outputs_of(containers, {"w": X, "pair": (X, [X, 2.0, X])}, X)
    assert list(found[0]) == ["w", "more"]
    assert isinstance(outputs_of(structures, Point(X, 1.0), Parameters(X, 2.0), X)[0], Point)


def boxes(x: Any) -> Any:
    a = np.array(x[0])
    b, number, copied = a, a[()], a.copy()
    a += 1.0
    copied -= 1.0
    flag = np.array(False)
    shown = flag
    flag |= x[1] > 0
    whole = np.array(1, dtype=int)
    counted = whole
    whole += 2
    return b, number, copied, shown, counted, isinstance(a, np.ndarray), np.ndim(a), float(a)


def boxes_made_again(x: Any) -> Any:
    a = np.array(1.0)
    for v in x:
        b = a
        a += v
        a = np.array(b * v)
    c = a
    a -= 1
    return c, b


def boxes_in_calls(x: Any) -> Any:
    def bump(t: Any, v: Any) -> None:
        t += v

    held = {"a": np.array(0.0), "b": np.full((), 2.0)}
    other = held["a"]
    for v in x:
        bump(held["a"], v)
        bump(held["b"], other)
    return other, held["b"]


def boxes_that_become_numbers(x: Any) -> Any:
    s = np.asarray(2.0)
    if x[0] > 0:
        s = s * x[0]
    total = np.zeros(())
    for v in x:
        total = total + v * s
    return total


@pytest.mark.parametrize(
    "function", [boxes, boxes_made_again, boxes_in_calls, boxes_that_become_numbers]
)
def test_arrays_without_axes(function: Callable[..., Any]) -> None:
    check(function, X)
