"""States of `while` loops on a GPU: counted by a first launch, kept by the next one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codegen_ad import differentiate, minimize
from codegen_ad.errors import OutOfDeviceMemory, UnsupportedOnDevice

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad.runtime.cuda.devices import using
from codegen_ad.testing.lockstep import LockstepError
from codegen_ad.testing.simulated_driver import SimulatedDriver
from tests.cuda.device_runs import run

if TYPE_CHECKING:
    from conftest import Golden

X = np.linspace(0, 3, 12)


def orbits(a: Any, b: Any, t: Any) -> Any:
    """Kepler's equation for each row, by Newton's method."""
    total = 0.0
    for i in range(len(t)):
        m = a * t[i]
        e, d = m, 1.0
        while abs(d) > 1e-12:
            d = (e - b * np.sin(e) - m) / (1 - b * np.cos(e))
            e = e - d
        total += (np.cos(e) - b) ** 2
    return total


def all_at_once(a: Any, b: Any, x: Any) -> Any:
    """The same for all rows together, which stop together."""
    z, d = x * 1.0, np.ones_like(x)
    while np.max(np.abs(d)) > 1e-12:
        d = (z - b * np.sin(z) - a * x) / (1 - b * np.cos(z))
        z = z - d
    return np.sum(z * z)


def steps(a: Any, b: Any, x: Any) -> Any:
    """Steps in time of which each finds its length."""
    t, z = 0.0, x * 1.0
    while t < 1.0:
        h = 0.9 / (1 + np.mean(z**2))
        z = z + h * a * np.cos(b * z)
        t = t + h
    return np.sum(z**2)


def left_by_break(a: Any, b: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        z = x[i]
        for _ in range(40):
            z = z * a + b
            if z > 6:
                break
        total += z * z
    return total


def one_before_the_rows(a: Any, b: Any, x: Any) -> Any:
    r = b + 1.0
    while abs(r * r - a) > 1e-12:
        r = 0.5 * (r + a / r)
    return np.sum(np.sin(r * x))


def two_in_branches(a: Any, b: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        z = x[i]
        if z > 0.5:
            while z < 4.0:
                z = z * a + b
        else:
            while z < 1.0:
                z = z + b * np.exp(-z * a) + 0.1
                z = z * 1.1
        total += z * z
    return total


def run_again_backwards(a: Any, b: Any, x: Any) -> Any:
    """Each row begins where the one before ended: the loops run again on the way back."""
    z, total = b + 1.0, 0.0
    for i in range(len(x)):
        while abs(z) < 3 + i:
            z = z * a + x[i] + 0.1
        z = z / (2 + z * z)
        total = total + z
    return total


FUNCTIONS = (
    orbits, all_at_once, steps, left_by_break, one_before_the_rows, two_in_branches,
    run_again_backwards,
)  # fmt: skip


@pytest.mark.parametrize("mode", ["value_and_grad", "hvp"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_states_are_those_of_the_processor(function: Any, mode: str, golden: Golden) -> None:
    differentiated = differentiate(function, wrt=("a", "b"))
    arguments = (1.3, 0.2, X)
    given: dict[str, Any] = dict(
        zip(inspect.signature(function).parameters, arguments, strict=True)
    )
    more: dict[str, Any] = {}
    if mode == "hvp":
        more["tangent"] = (0.7, -0.4)
        given |= {"t_a": 0.7, "t_b": -0.4}
    text = differentiated.source(*arguments, mode=mode, target="cuda").plain
    if function is orbits and mode == "value_and_grad":
        golden.check("generated/cuda/orbits_value_and_grad.py", text)
    found = run(text, given, orders=("forward", 3))
    wanted = flat(getattr(differentiated, mode)(*arguments, **more))
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-10)


def flat(value: Any) -> list[Any]:
    return [x for v in value for x in flat(v)] if isinstance(value, tuple) else [value]


# From the decorator to the launch -----------------------------------------------------------------


@pytest.fixture
def driver() -> Iterator[SimulatedDriver]:
    found = SimulatedDriver()
    with using(found.platform()):
        yield found


def launches(driver: SimulatedDriver) -> int:
    found = sum(entry.startswith("launch") for entry in driver.log)
    driver.log.clear()
    return found


def test_only_what_needs_more_room_is_launched_again(driver: SimulatedDriver) -> None:
    device = differentiate(orbits, wrt=("a", "b"), target="cuda")
    here = differentiate(orbits, wrt=("a", "b"))

    def check(eccentricity: float, x: Any) -> int:
        found = flat(device.value_and_grad(1.3, eccentricity, x))
        wanted = flat(here.value_and_grad(1.3, eccentricity, x))
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
        return launches(driver)

    assert check(0.2, X) == 2
    assert check(0.2, X) == 1
    assert check(0.1, X[:7]) == 1  # fewer trips
    assert check(0.8, X) == 2
    assert check(0.2, X) == 1
    assert check(0.8, X[:0]) == 1  # no row at all


def test_states_without_room_are_an_error_and_the_next_call_works(
    driver: SimulatedDriver,
) -> None:
    device = differentiate(steps, wrt=("a", "b"), target="cuda")
    small = np.ones(3)
    device.value_and_grad(1.3, 0.2, small)
    driver.memory = 6_000
    with pytest.raises(OutOfDeviceMemory, match="no room for"):
        device.value_and_grad(1.3, 0.2, np.full(5, 8.0))  # some 200 steps
    found = flat(device.value_and_grad(1.3, 0.2, small))
    wanted = flat(differentiate(steps, wrt=("a", "b")).value_and_grad(1.3, 0.2, small))
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


# What is checked, and what is refused -------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (
            "trips_2_row = cuda.selp(trips_2 > trips_2_room, trips_2_room, trips_2)",
            "trips_2_row = trips_2",
        ),
        ("        trips_2 = trips_2_room\n", "        pass\n"),
    ],
)
def test_without_the_bound_of_rows_the_simulator_finds_an_overrun(line: str, instead: str) -> None:
    arguments = (1.3, 0.2, X)
    text = differentiate(orbits, wrt=("a", "b")).source(*arguments, target="cuda").plain
    assert line in text
    given = dict(zip(inspect.signature(orbits).parameters, arguments, strict=True))
    with pytest.raises(LockstepError):
        run(text.replace(line, instead), given, orders=("forward",))


def states_of_states(a: Any, b: Any, x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        z, w = x[i] + 0.5, b
        while z < 4.0:
            z = z * a + 0.01
            w = w * 0.3 + 0.7
            while w < 1.0:
                w = w * a + b * z
        total += z * z * w
    return total


def test_a_loop_that_might_not_end_is_refused() -> None:
    with pytest.raises(UnsupportedOnDevice, match="goes back over states of another"):
        differentiate(states_of_states, wrt=("a", "b")).source(1.3, 0.2, X, target="cuda")


def squares(p: Any, t: Any) -> Any:
    return orbits(p[0], p[1], t)


def test_fits_refuse_such_loops(driver: SimulatedDriver) -> None:
    with pytest.raises(UnsupportedOnDevice, match="in a fit, a `while`"):
        minimize(squares, np.array([1.3, 0.2]), (X,), steps=3, learning_rate=0.1, target="cuda")
