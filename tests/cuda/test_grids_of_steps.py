"""Loops over steps whose steps sweep over arrays: blocks of a grid share each sweep, and wait."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from benchmarks.workloads import heat
from codegen_ad import differentiate
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.runtime.cuda.table import read
from codegen_ad.testing.lockstep import LockstepError, Order
from codegen_ad.testing.simulated_driver import SimulatedDriver
from tests.cuda.device_runs import Failed, run
from tests.cuda.test_device_files import flat, named

RANDOM = np.random.default_rng(11)
MEET = "expected = meet(arrived, expected)"


def source(function: Any, arguments: Any, **options: Any) -> str:
    return differentiate(function, **options).source(*arguments, target="cuda").plain


def agrees(
    function: Any,
    arguments: Any,
    text: str,
    blocks: int = 2,
    orders: tuple[Order, ...] = ("forward",),
    **options: Any,
) -> None:
    found = run(text, named(function, arguments), orders=orders, blocks=blocks)
    expected = flat(differentiate(function, **options).value_and_grad(*arguments))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-11, atol=1e-13)


def plate(rows: int, columns: int, steps: int) -> tuple[Any, ...]:
    return RANDOM.random((rows, columns)), RANDOM.random((rows, columns)), 0.2, steps


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [1, 3])
def test_plates_of_any_shape(blocks: int) -> None:
    """Threads stand side by side along the columns, however many there are."""
    wrt = ("u", "c")
    text = source(heat.heat, plate(40, 30, 1), wrt=wrt)
    for rows, columns, steps in ((24, 24, 2), (40, 3, 1), (3, 280, 1), (5, 6, 0), (2, 9, 2)):
        agrees(heat.heat, plate(rows, columns, steps), text, blocks, wrt=wrt)


@pytest.mark.slow
def test_steps_in_adverse_orders() -> None:
    wrt = ("u", "c", "rate")
    text = source(heat.burning, heat.burning_data(20, 1), wrt=wrt)
    orders = ("forward", "reverse", 5)
    agrees(heat.burning, heat.burning_data(20, 2), text, 3, orders, wrt=wrt)


def without_each(text: str, what: str) -> Iterator[tuple[int, str]]:
    """The text without one of the lines that are like this, and that line's number."""
    lines = text.splitlines(keepends=True)
    for k, line in enumerate(lines):
        if line.strip() == what:
            yield k + 1, "".join([*lines[:k], line.replace(what, "pass"), *lines[k + 1 :]])


def is_missed(mutated: str, function: Any, arguments: Any) -> bool:
    try:
        run(mutated, named(function, arguments), orders=("forward",), blocks=2)
    except LockstepError:
        return True
    return False


MUTATED = {
    "heat": (heat.heat, ("u", "c"), heat.heat_data(24, 2)),
    "burning": (heat.burning, ("u", "c", "rate"), heat.burning_data(24, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATED)
@pytest.mark.parametrize("what", [MEET, "cuda.syncthreads()", "cuda.threadfence()"])
def test_each_barrier_is_needed_and_missed(name: str, what: str) -> None:
    function, wrt, arguments = MUTATED[name]
    text = source(function, arguments, wrt=wrt)
    mutations = list(without_each(text, what))
    assert len(mutations) >= (6 if what == MEET else 2)
    for line, mutated in mutations:
        assert is_missed(mutated, function, arguments), f"nobody misses line {line}"


def test_a_barrier_of_blocks_is_reached_by_all() -> None:
    """A block that skips one barrier and comes to the next is seen, although one function waits."""
    function, wrt, arguments = MUTATED["heat"]
    text = source(function, arguments, wrt=wrt)
    skipped = text.replace(MEET, f"if thread < 128:\n            {MEET}", 1)
    with pytest.raises(LockstepError):
        run(skipped, named(function, arguments), orders=("forward",), blocks=2)


# Steps of many kinds ------------------------------------------------------------------------------


def until_small(u: Any, rate: Any) -> Any:
    u = u.copy()
    change = 1.0
    while change > 0.05:
        new = u + rate * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1))
        change = np.abs(new - u).max()
        u = new
    return (u**2).sum()


def adapted(u: Any, rate: Any, steps: int) -> Any:
    """What one thread computes, all must be told; a branch, and numbers read out of the array."""
    u = u.copy()
    for k in range(steps):
        if u[20 + k] > 0.5:
            u[1:-1] = u[1:-1] + rate * (u[2:] - u[:-2]) * u[0]
        else:
            u[2:] = u[2:] * (1.0 - 0.1 * rate)
        u[0] = u[-1] * 0.5
        rate = rate * np.cos(u[k])
    return np.sum(u * u)


def guarded(u: Any, rate: Any, steps: int) -> Any:
    u = u.copy()
    for _ in range(steps):
        u = u + rate * np.sin(np.roll(u, 3))
        if u.max() > 1.5:
            raise ValueError("it grows")
    return (u**2).sum()


def weighted(w: Any, X: Any, steps: int) -> Any:
    """Sums over rows for each of a few elements, added to by each step."""
    w = w.copy()
    for _ in range(steps):
        w = w - 0.1 * X.T @ np.tanh(X @ w) / len(X)
    return (w**2).sum()


def spread(u: Any, at: Any, rate: Any, steps: int) -> Any:
    u = u.copy()
    for _ in range(steps):
        new = 0.9 * u
        np.add.at(new, at, rate * u**2)
        u = new
    return (u**2).sum()


def counters(u: Any, bits: Any, across: Any, column: Any, row: Any, rows: Any) -> Any:
    u = u.copy()
    for _ in range(2):
        u = u[::-1] * bits + across * np.roll(u, 1, axis=1) * column + row * rows
    return (u**2).sum()


def field(u: Any, rate: Any, steps: int) -> Any:
    """Three axes: outermost and innermost are shared out."""
    u = u.copy()
    for _ in range(steps):
        u[:, 1:, :] = u[:, 1:, :] + rate * u[:, :-1, :] * np.roll(u, 1, axis=2)[:, 1:, :]
    return (u**2).sum()


LINE = RANDOM.random(300)
LINE[20:24] = 0.9, 0.1, 0.9, 0.1
STEPS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "while": (until_small, (LINE, 0.2), {}),
    "told": (adapted, (LINE, 0.1, 3), {"wrt": ("u", "rate")}),
    "raise": (guarded, (0.5 * LINE, 0.1, 2), {"wrt": ("u", "rate")}),
    "array sums": (weighted, (np.ones(4), RANDOM.random((300, 4)), 2), {"wrt": ("w", "X")}),
    "scatter": (spread, (LINE, RANDOM.integers(0, 300, 300), 0.1, 2), {"wrt": ("u", "rate")}),
    "names": (counters, (LINE.reshape(6, 50), 0.5, 0.25, 0.3, 0.1, 0.2), {"wrt": ("u", "across")}),
    "axes": (field, (RANDOM.random((6, 5, 40)), 0.3, 2), {"wrt": ("u", "rate")}),
    "segments": (
        heat.burning,
        heat.burning_data(14, 5),
        {"wrt": ("u", "rate"), "checkpoint": "sqrt"},
    ),
    "atomics": (
        spread,
        (LINE, RANDOM.permutation(300), 0.1, 2),
        {"wrt": ("u", "rate"), "atomics": True},
    ),
}


@pytest.mark.every(2)
@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_steps_of_many_kinds(name: str) -> None:
    function, arguments, options = STEPS[name]
    text = source(function, arguments, **options)
    assert MEET in text
    agrees(function, arguments, text, 2, ("forward", "reverse"), **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["told", "while"])
def test_each_barrier_of_numbers_that_are_told_is_missed(name: str) -> None:
    function, arguments, options = STEPS[name]
    text = source(function, arguments, **options)
    for line, mutated in without_each(text, MEET):
        assert is_missed(mutated, function, arguments), f"nobody misses line {line}"


def test_an_error_inside_of_a_step_ends_all_blocks() -> None:
    function, arguments, options = STEPS["raise"]
    text = source(function, arguments, **options)
    with pytest.raises(Failed) as caught:
        run(text, named(function, (4.0 * LINE, *arguments[1:])), orders=("forward",), blocks=2)
    assert caught.value.args == ("ValueError", "it grows")


# How many blocks there are, and calls -------------------------------------------------------------


def test_a_small_plate_takes_one_block() -> None:
    text = source(heat.heat, heat.heat_data(24, 1), wrt=("u", "c"))
    (kernel,) = read(text).kernels.values()
    assert kernel.cooperative
    for rows, columns, blocks in ((24, 24, 1), (2, 500, 1), (64, 64, 16), (1000, 1000, 128)):
        assert kernel.grid({"n": rows, "d": columns}) == blocks, (rows, columns)


@pytest.mark.slow
def test_barriers_begin_anew_in_each_call() -> None:
    driver = SimulatedDriver(resident=2)

    def on_device(values: Any) -> DeviceArray:
        array = DeviceArray(driver, values.shape, values.dtype)
        driver.to_device(array.address, values.ctypes.data, values.nbytes, 0)
        return array

    u, target, c, steps = plate(47, 47, 1)
    wanted, direction = differentiate(heat.heat).value_and_grad(u, target, c, steps)
    with using(driver.platform()):
        function = differentiate(target="cuda")(heat.heat)
        there = on_device(u), on_device(target)
        for _ in range(3):  # the third one is laid out already
            value, gradient = function.value_and_grad(*there, c, steps)
            np.testing.assert_allclose(value.to_numpy(), wanted, rtol=1e-12)
            np.testing.assert_allclose(gradient.to_numpy(), direction, rtol=1e-11)
