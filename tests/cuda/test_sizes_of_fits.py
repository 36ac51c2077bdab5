"""Arrays of fits on a GPU whose sizes are numbers that are passed: of any name, of each fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator needs it")

from codegen_ad import differentiate, fit_many, minimize_many
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.testing.simulated_driver import SimulatedDriver

X = np.linspace(0.0, 4.0, 8)
TRUE = np.array([[1.0, 0.5], [0.7, 1.2], [0.9, 0.8]])
STARTS = np.ones((3, 2))
COUNTS = np.array([4, 7, 2])
ADAM = {"steps": 4, "method": "adam", "learning_rate": 0.01}


def decays(p: Any, n: Any) -> Any:
    """Keeps two arrays of so many elements: the second is filled backwards from the first."""
    level, levels = 1.0, np.zeros(n)
    for k in range(n):
        level = level * (1 - 0.1 * p[0]) + 0.05 * p[1] * np.sin(level)
        levels[k] = level
    back = np.zeros(n)
    for k in range(n):
        back[k] = levels[n - 1 - k] * (back[k - 1] if k > 0 else 1.0)
    return back.sum() * X + p[1]


def residuals(p: Any, y: Any, n: Any) -> Any:
    return decays(p, n) - y


def error(p: Any, y: Any, n: Any) -> Any:
    return np.mean((decays(p, n) - y) ** 2)


def of_fits(p: Any, y: Any, fits: Any) -> Any:
    return decays(p, fits) - y


def of_points(p: Any, y: Any, points: Any) -> Any:
    return decays(p, points) - y


def of_both(p: Any, y: Any, steps: Any, steps_: Any) -> Any:
    return decays(p, steps) + decays(p, steps_) - y


def error_of_fits(p: Any, y: Any, fits: Any) -> Any:
    return np.mean((decays(p, fits) - y) ** 2)


def error_of_name(p: Any, y: Any, n: Any) -> Any:
    fits = n + 3
    return np.mean((decays(p, fits) - y) ** 2)


def check(function: Any, *numbers: Any, per_fit: Any = "y", is_loss: bool = False) -> None:
    """Fits on a GPU are those of the processor."""
    own = [n[0] if isinstance(n, np.ndarray) else n for n in numbers]
    targets = np.stack([decays(p, 4) * len(own) for p in TRUE])
    given: Any = STARTS, (targets, *numbers)
    fit, options = (minimize_many, ADAM) if is_loss else (fit_many, {})
    found = fit(differentiate(function, target="cuda"), *given, per_fit=per_fit, **options)
    expected = fit(differentiate(function), *given, per_fit=per_fit, **options)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.usefixtures("device_of_threads")
@pytest.mark.parametrize(
    ("function", "numbers", "is_loss"),
    [
        (of_fits, (5,), False),
        (of_points, (5,), False),
        (of_both, (4, 6), False),
        (error_of_fits, (5,), True),
        (error_of_name, (2,), True),
    ],
)
def test_numbers_that_sizes_are_have_any_name(
    function: Any, numbers: tuple[int, ...], is_loss: bool
) -> None:
    """An array of `fits` elements has not as many as there are fits."""
    check(function, *numbers, is_loss=is_loss)


@pytest.mark.usefixtures("device_of_threads")
@pytest.mark.parametrize("is_loss", [False, True])
def test_each_fit_has_its_own_size(is_loss: bool) -> None:
    """There is memory for the largest; each fit uses what it asks for."""
    function = error if is_loss else residuals
    check(function, COUNTS, per_fit=("y", "n"), is_loss=is_loss)


def test_sizes_of_each_fit_lie_on_the_device(device_of_threads: SimulatedDriver) -> None:
    device = device_of_threads

    def put(values: Any) -> DeviceArray:
        array = DeviceArray(device, values.shape, values.dtype)
        device.to_device(array.address, values.ctypes.data, values.nbytes, 0)
        return array

    y = np.stack([decays(p, n) for p, n in zip(TRUE, COUNTS, strict=True)])
    function = differentiate(residuals, target="cuda")
    given = put(STARTS), (put(y), put(COUNTS))
    found = fit_many(function, *given, per_fit=("y", "n"))
    np.testing.assert_allclose(found.x, TRUE, rtol=1e-7)
