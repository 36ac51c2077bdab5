"""Losses with more parameters than a thread has registers for: each pass adds up some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.gpu.families import polynomial
from codegen_ad import differentiate
from codegen_ad.plan.device import parting, registers
from tests.cuda.device_runs import run
from tests.cuda.test_device_files import flat, named

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad.testing.lockstep import LockstepError

RANDOM = np.random.default_rng(8)
X = RANDOM.uniform(-1, 1, 70)
Y = np.sin(2 * X)
TABLE = RANDOM.normal(size=(70, 6))


def one_by_one(p: Any, x: Any, y: Any) -> Any:
    first = p[0] * np.exp(-(((x - p[1]) * p[2]) ** 2))
    second = p[3] * np.exp(-(((x - p[4]) * p[5]) ** 2))
    return np.mean((first + second + p[6] * x - y) ** 2) * p[7]


def peaks(p: Any, x: Any, y: Any) -> Any:
    model = np.zeros(len(x))
    for k in range(len(p)):
        model = model + p[k, 0] * np.exp(-(((x - p[k, 1]) * p[k, 2]) ** 2))
    return np.mean((model - y) ** 2)


def linear(w: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ w - y) ** 2) + 0.1 * np.sum(w**2)


def picked(p: Any, k: Any, x: Any, y: Any) -> Any:
    return np.mean((p[k] * x - p[0] * y) ** 2)


def two_sums(p: Any, x: Any, y: Any) -> Any:
    z = p[0] * x + p[1] * x**2 + p[2]
    z = z - z.mean()
    return np.sum((z / (1 + z.std()) - y * p[3]) ** 2) + np.max(np.abs(z))


def faded(p: Any, x: Any, y: Any) -> Any:
    value, weight = 0.1 * x, np.ones_like(x)
    for k in range(len(p)):
        weight = weight * np.cos(x)
        value = value * 0.9 + weight * p[k, 0] ** 2 * p[k, 1]
    return np.mean((value - y) ** 2 * weight)


CASES: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (one_by_one, (RANDOM.normal(size=8), X, Y)),
    (peaks, (RANDOM.normal(size=(7, 3)), X, Y)),
    (linear, (RANDOM.normal(size=6), TABLE, Y)),
    (linear, (RANDOM.normal(size=20), np.hstack([TABLE] * 4)[:, :20], Y)),
    (picked, (RANDOM.normal(size=20), RANDOM.integers(0, 20, 70), X, Y)),
    (two_sums, (RANDOM.normal(size=4), X, Y)),
    (polynomial, (RANDOM.normal(size=20), X, Y)),
    (faded, (RANDOM.normal(size=(9, 2)), X, Y)),
)


@pytest.mark.every(2)
@pytest.mark.parametrize(
    ("function", "arguments", "mode"),
    [*((*case, "value_and_grad") for case in CASES), *((*case, "hvp") for case in CASES[:3])],
)
def test_parts_give_what_the_whole_gives(
    function: Any, arguments: tuple[Any, ...], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (parting, registers):
        monkeypatch.setattr(module, "MOST_WORDS", 8)
    differentiated = differentiate(function)
    given = named(function, arguments)
    more: dict[str, Any] = {}
    if mode == "hvp":
        name = next(iter(given))
        given[f"t_{name}"] = more["tangent"] = RANDOM.normal(size=arguments[0].shape)
    text = differentiated.source(*arguments, mode=mode, target="cuda").plain
    assert ">> u64(60)" in text
    found = run(text, given, orders=("forward",))
    expected = flat(getattr(differentiated, mode)(*arguments, **more))
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=1e-12 * scale)


def wide(w: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ w - y) ** 2)


def test_a_gradient_in_two_passes(golden: Golden) -> None:
    arguments = RANDOM.normal(size=64), RANDOM.normal(size=(40, 64)), Y[:40]
    function = differentiate(wide)
    text = function.source(*arguments, target="cuda").plain
    golden.check("generated/cuda/wide_value_and_grad.py", text)
    given = named(wide, arguments)
    found = run(text, given, orders=("forward", 3))
    for ours, theirs in zip(found, flat(function.value_and_grad(*arguments)), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12)
    # A range that begins a place too early leaves a place to nobody, or adds to one twice.
    moved = text.replace("d_w_1[k + 32] =", "d_w_1[k + 33] =")
    assert moved != text
    with pytest.raises(LockstepError):
        run(moved, given, orders=("forward",))


def by_group(u: Any, w: Any, k: Any, x: Any) -> Any:
    return np.mean(np.tanh(u[k] * (x @ w)))


def test_sums_that_lie_in_memory_are_not_parted() -> None:
    x = RANDOM.normal(size=(40, 12))
    arguments = RANDOM.normal(size=100), RANDOM.normal(size=12), RANDOM.integers(-100, 100, 40), x
    function = differentiate(by_group, wrt=("u", "w"))
    text = function.source(*arguments, target="cuda").plain
    assert text.count("@cuda.jit") == 1
    found = run(text, named(by_group, arguments), orders=("forward", 3))
    for ours, theirs in zip(found, flat(function.value_and_grad(*arguments)), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12, atol=1e-16)
