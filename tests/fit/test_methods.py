"""The table of methods: steps against independent code, options and their messages."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from codegen_ad.errors import InvalidArgument
from codegen_ad.fit import checks
from codegen_ad.fit.methods import METHODS, Choice, Step, choose

RATE = {"learning_rate": 0.1}
CENTRE = np.array([1.0, -2.0, 0.5])
SCALE = np.array([1.0, 4.0, 0.25])


def gradient(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return SCALE * (x - CENTRE) + 0.3 * np.sin(x)


def run(choice: Choice, steps: int) -> np.ndarray[Any, Any]:
    """The steps as the specification says, element by element."""
    x = np.zeros(3)
    state = {name: np.zeros(3) for name in choice.method.state}
    numbers = dict(zip((n.name for n in choice.method.numbers), choice.values, strict=True))
    for step in range(1, steps + 1):
        g = gradient(x)
        names = {"x": "x[i]", "g": "g[i]"} | {name: f"{name}[i]" for name in state}
        written = choice.step.renamed(names)
        scope: dict[str, Any] = {"math": math, "x": x, "g": g, "step": step, **state, **numbers}
        for line in written.once:
            exec(line, scope)
        for i in range(3):
            for line in written.each:
                exec(line, scope | {"i": i})
    return x


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_written_out(momentum: float, nesterov: bool) -> None:
    x, v = np.zeros(3), np.zeros(3)
    for _ in range(20):
        g = gradient(x)
        v = momentum * v + g
        x = x - 0.1 * (g + momentum * v if nesterov else v)
    choice = choose("momentum", RATE | {"momentum": momentum, "nesterov": nesterov})
    np.testing.assert_allclose(run(choice, 20), x, rtol=1e-13)
    if momentum == 0.0:
        np.testing.assert_allclose(run(choose("gd", RATE), 20), x, rtol=1e-13)


@pytest.mark.peers
@pytest.mark.parametrize(
    ("method", "options", "peer", "peer_options"),
    [
        ("gd", RATE, "SGD", {"lr": 0.1}),
        ("momentum", RATE, "SGD", {"lr": 0.1, "momentum": 0.9}),
        (
            "momentum",
            RATE | {"momentum": 0.5, "nesterov": True},
            "SGD",
            {"lr": 0.1, "momentum": 0.5, "nesterov": True},
        ),
        ("adam", {}, "Adam", {}),
        (
            "adam",
            {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.9, "epsilon": 1e-4},
            "Adam",
            {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-4},
        ),
    ],
)
def test_methods_agree_with_torch(
    method: str, options: dict[str, object], peer: str, peer_options: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, peer)([x], **peer_options)
    for _ in range(50):
        x.grad = torch.from_numpy(gradient(x.detach().numpy()))
        optimizer.step()
    np.testing.assert_allclose(run(choose(method, options), 50), x.detach().numpy(), rtol=1e-11)


def test_adam_is_algorithm_1_of_its_paper() -> None:
    x, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
    for t in range(1, 51):
        g = gradient(x)
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        x = x - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(run(choose("adam", {}), 50), x, rtol=1e-12)


def test_what_is_chosen() -> None:
    choice = choose("adam", {"beta2": 0.99})
    assert choice.values == (1e-3, 0.9, 0.99, 1e-8)
    assert choice.flags == ()
    assert choice.method.state == ("mean", "square")
    choice = choose("momentum", {"learning_rate": np.float32(0.5), "nesterov": True})
    assert choice.values == (0.5, 0.9)
    assert type(choice.values[0]) is float
    assert choice.flags == ("nesterov",)
    assert choose("momentum", RATE | {"nesterov": None}).flags == ()
    assert choose("adam", {"learning_rate": None}).values[0] == 1e-3
    assert choose("gd", {"learning_rate": 1}).values == (1.0,)


def test_names_are_renamed_whole() -> None:
    step = Step((), ("x -= g * max_x + math.sqrt(g) * grad",))
    renamed = step.renamed({"x": "w[i]", "g": "d_w[i]", "sqrt": "no"})
    assert renamed.each == ("w[i] -= d_w[i] * max_x + math.sqrt(d_w[i]) * grad",)


@pytest.mark.parametrize("entry", METHODS, ids=lambda m: m.name)
def test_entries_are_whole(entry: Any) -> None:
    needed = {n.name: 0.5 for n in entry.numbers if n.default is None}
    assert len(set(entry.options)) == len(entry.options)
    assert not set(entry.options) & set(entry.state)
    assert entry.title
    assert re.search(r"\((18|19|20)\d\d\)", entry.source)
    for n in entry.numbers:
        if n.default is not None:
            assert n.check(n.name, n.default) == n.default
    step = choose(entry.name, needed).step
    known = {*entry.state, *(n.name for n in entry.numbers), "x", "g", "step", "math", "sqrt"}
    made = {line.split(" = ")[0] for line in step.once}
    for line in (*step.once, *step.each):
        assert set(re.findall(r"[A-Za-z_]\w*", line)) <= known | made


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("sgd", RATE, "there is no method 'sgd'; the methods are gd, momentum, adam"),
        ("gd", RATE | {"beta1": 0.9}, "the method gd has no option `beta1`; it has learning_rate"),
        (
            "momentum",
            {"rate": 1},
            "the method momentum has no option `rate`; it has learning_rate, momentum, nesterov",
        ),
        (
            "gd",
            {},
            "the method gd needs `learning_rate`: how far a step goes along the negative gradient."
            "\nPass it by name: learning_rate=...",
        ),
        ("gd", {"learning_rate": 0}, "`learning_rate` must be positive, not 0"),
        ("adam", {"learning_rate": -1e-3}, "`learning_rate` must be positive, not -0.001"),
        ("gd", {"learning_rate": math.nan}, "`learning_rate` must be a finite number, not nan"),
        ("gd", {"learning_rate": np.inf}, "`learning_rate` must be a finite number, not inf"),
        ("gd", {"learning_rate": "fast"}, "`learning_rate` must be a number, not 'fast'"),
        ("gd", {"learning_rate": True}, "`learning_rate` must be a number, not True"),
        ("gd", {"learning_rate": np.zeros(99)}, "`learning_rate` must be a number, not a ndarray"),
        (
            "momentum",
            RATE | {"momentum": 1},
            "`momentum` must be at least 0 and below 1, not 1",
        ),
        ("adam", {"beta1": -0.1}, "`beta1` must be at least 0 and below 1, not -0.1"),
        ("adam", {"epsilon": 0.0}, "`epsilon` must be positive, not 0.0"),
        ("momentum", RATE | {"nesterov": 1}, "`nesterov` must be True or False, not 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    method: str, options: Mapping[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgument) as error:
        choose(method, options)
    assert str(error.value) == message


@pytest.mark.parametrize("value", [0, -3, 2.0, True, "10", None])
def test_steps_are_counted_in_whole_numbers(value: object) -> None:
    with pytest.raises(InvalidArgument) as error:
        checks.step_count("steps", value)
    assert str(error.value) == f"`steps` must be a positive whole number, not {value!r}"


def test_numbers_of_a_fit() -> None:
    assert checks.step_count("steps", np.int64(7)) == 7
    assert checks.tolerance("gtol", None) is None
    assert checks.tolerance("gtol", 0) == 0.0
    assert checks.time_limit("time_limit", None) is None
    assert checks.time_limit("time_limit", 2) == 2.0
    with pytest.raises(InvalidArgument, match="`gtol` must not be negative, not -1"):
        checks.tolerance("gtol", -1)
    with pytest.raises(InvalidArgument, match="`time_limit` must be positive, not 0"):
        checks.time_limit("time_limit", 0)
