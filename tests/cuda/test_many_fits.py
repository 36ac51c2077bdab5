"""Many fits at once, by threads of the processor and by warps or blocks of a simulated GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from codegen_ad import minimize, minimize_many
from codegen_ad.errors import InvalidArgument
from codegen_ad.fit import on_device
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.devices import using

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad.testing.simulated_driver import SimulatedDriver

RANDOM = np.random.default_rng(4)
FITS = 9
X = RANDOM.uniform(0, 1, 40)
Y = np.exp(RANDOM.uniform(-1, 0.5, (FITS, 1)) * X) + RANDOM.normal(size=(FITS, 40)) * 0.05
WEIGHT = RANDOM.uniform(0.5, 1, FITS)
START = {"a": RANDOM.normal(size=FITS) + 1, "b": RANDOM.normal(size=FITS)}
OPTIONS: dict[str, Any] = {"method": "adam", "learning_rate": 0.1, "steps": 4, "trace": True}


def loss(p: Any, x: Any, y: Any, weight: Any) -> Any:
    share = np.exp(-y) / np.sum(np.exp(-y))
    return np.sum(share * (p["a"] * np.exp(p["b"] * x) - y) ** 2) * weight


@pytest.fixture
def driver() -> Iterator[SimulatedDriver]:
    found = SimulatedDriver(orders=("forward", 3))
    with using(found.platform()):
        yield found


def test_each_fit_is_that_of_its_data_alone(
    driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = minimize_many(loss, START, (X, Y, WEIGHT), per_fit=("y", "weight"), **OPTIONS)
    for fit in range(FITS):
        start = {name: values[fit] for name, values in START.items()}
        alone = minimize(loss, start, (X, Y[fit], WEIGHT[fit]), **OPTIONS)
        assert many.x["a"][fit] == alone.x["a"]
        assert many.jac["b"][fit] == alone.jac["b"]
        assert (many.fun[fit], many.nit[fit], many.status[fit]) == (alone.fun, alone.nit, 1)
        np.testing.assert_array_equal(many.trace[fit], alone.trace)
    assert many.success.all()
    assert many.message == "9 of 9 fits did what was asked."
    assert "9 fits by adam" in repr(many)
    for team in ("warp", "block"):
        monkeypatch.setattr(on_device, "team", lambda rows, fits=1, team=team: team)
        found = minimize_many(
            loss, START, (X, Y, WEIGHT), per_fit=("y", "weight"), target="cuda", **OPTIONS
        )
        for name in ("fun", "trace"):
            np.testing.assert_allclose(found[name], many[name], rtol=1e-12)
        for name in ("a", "b"):
            np.testing.assert_allclose(found.x[name], many.x[name], rtol=1e-11)
            np.testing.assert_allclose(found.jac[name], many.jac[name], rtol=1e-11, atol=1e-13)
        for name in ("nit", "status", "success", "message"):
            np.testing.assert_array_equal(found[name], many[name])


def line(p: Any, x: Any, y: Any) -> Any:
    return np.mean((p[0] + p[1] * x - y) ** 2)


def test_fits_that_end_at_different_steps(driver: SimulatedDriver) -> None:
    starts = np.array([[4.0, -3.0], [0.5, 0.2], [np.nan, 0.0], [1e200, 1.0]])
    options: dict[str, Any] = {"learning_rate": 0.3, "steps": 30, "trace": True, "gtol": 1.0}
    wanted = minimize_many(line, starts, (X, X), per_fit=(), **options)
    assert wanted.status.tolist() == [0, 0, 3, 3]
    assert wanted.success.tolist() == [True, True, False, False]
    found = minimize_many(line, starts, (X, X), per_fit=(), target="cuda", **options)
    for name in ("nit", "status", "success"):
        np.testing.assert_array_equal(found[name], wanted[name])
    np.testing.assert_allclose(found.x, wanted.x, rtol=1e-12)
    np.testing.assert_allclose(found.trace, wanted.trace, rtol=1e-12)


def test_data_on_the_device(driver: SimulatedDriver) -> None:
    def put(values: Any) -> DeviceArray:
        array = DeviceArray(driver, values.shape, values.dtype)
        driver.to_device(array.address, values.ctypes.data, values.nbytes, 0)
        return array

    starts = RANDOM.normal(size=(3, 2))
    y = X * RANDOM.normal(size=(3, 1))
    options: dict[str, Any] = {"per_fit": "y", "learning_rate": 0.1, "steps": 3}
    wanted = minimize_many(line, starts, (X, y), target="cuda", **options)
    found = minimize_many(line, put(starts), (put(X), put(y)), target="cuda", **options)
    np.testing.assert_array_equal(found.x, wanted.x)
    driver.log.clear()
    home = minimize_many(line, starts, (put(X), put(y)), target="auto", **options)
    assert not any(entry.startswith("launch") for entry in driver.log)
    np.testing.assert_allclose(home.x, wanted.x, rtol=1e-12)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="first axes count fits"):
        minimize_many(line, np.ones((3, 2)), (X, Y), per_fit="y", learning_rate=0.1)
    with pytest.raises(InvalidArgument, match="per_fit='z'"):
        minimize_many(line, np.ones((3, 2)), (X, X), per_fit="z", learning_rate=0.1)
    with pytest.raises(InvalidArgument, match="no method"):
        minimize_many(line, np.ones((3, 2)), (X, X), per_fit=(), method="lm")
