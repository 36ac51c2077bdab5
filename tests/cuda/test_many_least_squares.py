"""Many least-squares fits on a GPU, by threads and by warps: as on the processor, simulated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="runs kernels in the simulator: the extra cuda-check")

from codegen_ad import differentiate, fit_many, least_squares
from codegen_ad.errors import UnsupportedOnDevice
from codegen_ad.fit import on_device
from codegen_ad.fit.monitor import Status
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.testing.simulated_driver import SimulatedDriver
from examples import gaussian_peaks as peaks

if TYPE_CHECKING:
    from conftest import Golden

rng = np.random.default_rng(5)
FITS, BROKEN = 3, 1
X = np.linspace(0.0, 4.0, 8)
TRUE = rng.uniform([2.0, 0.4, 0.0], [4.0, 1.2, 1.0], size=(FITS, 3))
DATA = TRUE[:, :1] * np.exp(-TRUE[:, 1:2] * X) + TRUE[:, 2:] + 0.02 * rng.normal(size=(FITS, 8))
STARTS = np.tile([1.0, 1.0, 0.0], (FITS, 1))


@pytest.mark.parametrize(
    ("name", "dtype", "team"),
    [
        ("peaks_fit_many", "f8", "thread"),
        ("peaks_f4_fit_many", "f4", "thread"),
        ("peaks_f4_fit_many_warp", "f4", "warp"),
    ],
)
def test_generated_files(name: str, dtype: str, team: str, golden: Golden) -> None:
    noise = np.dtype(dtype).type(peaks.NOISE)  # of a number in double precision it is no f4 kernel
    given = np.array(peaks.START, dtype), peaks.PIXELS.astype(dtype), noise
    image, mode = np.ones((5, 5), dtype), f"fit_many:image:{team}"
    text = peaks.residuals.source(*given, image, mode=mode, target="cuda").plain
    golden.check(f"generated/cuda/{name}.py", text)


@pytest.fixture
def device() -> Iterator[SimulatedDriver]:
    driver = SimulatedDriver(orders=("forward", "reverse"))
    with using(driver.platform()):
        yield driver


@pytest.fixture(params=["thread", "warp"])
def team(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(on_device, "least_squares_team", lambda points, fits: request.param)
    return request.param


@differentiate
def decay(p: Any, x: Any, y: Any) -> Any:
    return p[0] * np.exp(-p[1] * x) + p[2] - y


@pytest.mark.every(2)
@pytest.mark.usefixtures("team")
def test_fits_are_those_of_the_processor(device: SimulatedDriver) -> None:
    data = DATA.copy()
    data[BROKEN, 2] = np.nan
    found = fit_many(decay.on("cuda"), STARTS, (X, data), per_fit="y")
    expected = fit_many(decay, STARTS, (X, data), per_fit="y")
    assert found.status[BROKEN] == Status.NOT_FINITE
    kept = np.arange(FITS) != BROKEN
    assert found.success[kept].all()
    np.testing.assert_allclose(found.x[kept], expected.x[kept], rtol=1e-8)
    np.testing.assert_allclose(found.cost[kept], expected.cost[kept], rtol=1e-10)
    np.testing.assert_allclose(found.covariance[kept], expected.covariance[kept], rtol=1e-6)
    np.testing.assert_array_equal(found.x[BROKEN], STARTS[BROKEN])
    assert np.isinf(found.covariance[BROKEN]).all()
    assert abs(found.nit - expected.nit).max() <= 1
    few = fit_many(decay.on("cuda"), STARTS, (X, DATA), per_fit="y", steps=2)
    assert (few.status == Status.STEPS_DONE).all()
    assert (few.nfev == 3).all()


def wave(p: Any, x: Any, y: Any) -> Any:
    return np.sin(p * x) - y


RATES = np.array([2.2, 0.4])
WAVES = np.sin(np.array([[1.9], [0.5]]) * X)


@pytest.mark.usefixtures("team")
def test_launches_change_no_bit(device: SimulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit that is left after an iteration goes on as if nothing had been."""
    function = differentiate(wave, target="cuda")  # kernels stay with the driver that they met
    monkeypatch.setattr(on_device, "LAUNCH_SECONDS", 1e9)
    one = fit_many(function, RATES, (X, WAVES), per_fit="y")
    assert sum(entry.startswith("launch wave") for entry in device.log) == 1
    monkeypatch.setattr(on_device, "FIRST_ITERATIONS", 1)
    monkeypatch.setattr(on_device, "MOST_STEPS", 1)
    device.log.clear()
    many = fit_many(function, RATES, (X, WAVES), per_fit="y")
    launched = sum(entry.startswith("launch wave") for entry in device.log)
    assert launched >= many.nit.max() > 4
    for name in ("x", "cost", "covariance", "nit", "nfev", "status"):
        np.testing.assert_array_equal(one[name], many[name])


def test_fits_are_watched(device: SimulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    function = differentiate(wave, target="cuda")
    monkeypatch.setattr(on_device, "FIRST_ITERATIONS", 1)
    monkeypatch.setattr(on_device, "MOST_STEPS", 1)
    given: Any = function, RATES, (X, WAVES)
    found = fit_many(*given, per_fit="y", time_limit=1e-9)
    assert (found.status == Status.STOPPED).all()
    assert "Stopped by the time limit" in found.message
    # What was found until then is returned.
    few = fit_many(*given, per_fit="y", steps=int(found.nit.max()))
    np.testing.assert_array_equal(found.x, few.x)
    launch = device.launch

    def interrupted(*args: Any) -> None:
        launch(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "launch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_many(*given, per_fit="y")
    monkeypatch.setattr(device, "launch", launch)
    assert fit_many(*given, per_fit="y").success.all()


@pytest.mark.usefixtures("team")
def test_data_on_the_device(device: SimulatedDriver) -> None:
    def put(values: Any) -> DeviceArray:
        array = DeviceArray(device, values.shape, values.dtype)
        device.to_device(array.address, values.ctypes.data, values.nbytes, 0)
        return array

    function = differentiate(decay.__wrapped__)
    wanted = fit_many(function, STARTS, (X, DATA), per_fit="y", steps=1, target="cuda")
    data = put(DATA)
    given = put(STARTS), (put(X), data)
    found = fit_many(function, *given, per_fit="y", steps=1, target="cuda")
    np.testing.assert_array_equal(found.x, wanted.x)
    np.testing.assert_array_equal(data.to_numpy(), DATA)
    device.log.clear()
    home = fit_many(function, *given, per_fit="y", steps=1, target="auto")
    assert not any(entry.startswith("launch") for entry in device.log)
    np.testing.assert_allclose(home.x, wanted.x, rtol=1e-8)


def test_what_works_on_a_fit() -> None:
    assert on_device.least_squares_team(25, 10**6) == "thread"
    assert on_device.least_squares_team(25, 100) == "warp"
    assert on_device.least_squares_team(4096, 10**6) == "warp"


@pytest.mark.usefixtures("team")
def test_single_precision_stays_single(device: SimulatedDriver) -> None:
    single = np.float32
    data = STARTS.astype(single), (X.astype(single), DATA.astype(single))
    found = fit_many(decay.on("cuda"), *data, per_fit="y")
    assert found.success.all()
    assert found.x.dtype == single
    assert found.nit.max() < 25
    expected = fit_many(decay, STARTS, (X, DATA), per_fit="y")
    # What single precision loses is little beside what the noise leaves open.
    assert (abs(found.x - expected.x) <= 0.01 * expected.errors).all()


@pytest.mark.every(2)
@pytest.mark.usefixtures("team")
def test_numbers_and_matrices_are_fitted(device: SimulatedDriver) -> None:
    @differentiate(wrt=("height", "base"))
    def bump(height: Any, base: Any, x: Any, y: Any, sigma: Any) -> Any:
        return (height * np.exp(-(x**2)) + base[0, 0] + base[0, 1] * x - y) / sigma

    x = np.linspace(-2.0, 2.0, 7)
    y = np.exp(-(x**2)) * np.array([[1.0], [2.0]]) + 0.3 * x + 0.01 * rng.normal(size=(2, 7))
    start = np.ones(2), np.zeros((2, 1, 2))
    rest = {"per_fit": ("y", "sigma"), "absolute_sigma": True}
    given = (x, y, np.array([0.01, 0.02]))
    found = fit_many(bump.on("cuda"), start, given, **rest)
    expected = fit_many(bump, start, given, **rest)
    np.testing.assert_allclose(found.x[0], expected.x[0], rtol=1e-9)
    np.testing.assert_allclose(found.x[1], expected.x[1], rtol=1e-8)
    np.testing.assert_allclose(found.errors[1], expected.errors[1], rtol=1e-8)


def relaxing(p: Any, x: Any, y: Any) -> Any:
    """Keeps an array of the data's length, which each thread finds in memory."""
    found, v = np.zeros(len(x)), 1.0
    for k in range(len(x)):
        v = v * (1 - 0.1 * p[0]) + 0.05 * p[1]
        found[k] = v * x[k]
    return found - y


def powers(p: Any, x: Any, y: Any) -> Any:
    """Sums over rows by a matrix product, whose directions are small arrays of each lane."""
    return np.stack([1 + 0 * x, x], axis=1) @ p - y


@pytest.mark.parametrize(("function", "team"), [(relaxing, "thread"), (powers, "warp")])
def test_fits_have_arrays_of_their_own(
    device: SimulatedDriver, monkeypatch: pytest.MonkeyPatch, function: Any, team: str
) -> None:
    monkeypatch.setattr(on_device, "least_squares_team", lambda points, fits: team)
    true = np.array([[1.0, 0.5], [0.7, 1.2]])
    y = np.stack([function(p, X, 0.0) for p in true])
    fitted = differentiate(function, target="cuda")
    found = fit_many(fitted, np.ones((2, 2)), (X, y), per_fit="y")
    np.testing.assert_allclose(found.x, true, rtol=1e-7)
    text = fitted.source(true[0], X, y[0], mode=f"fit_many:y:{team}").plain
    assert ('"role": "scratch"' in text) == (team == "thread")
    assert ("shfl" in text) == (team == "warp")


def bends(p: Any, x: Any, y: Any) -> Any:
    return (p * np.sin(np.outer(x, 1.0 + np.arange(len(p))) + 0.1 * p)).sum(axis=1) - y


@pytest.mark.every(2)
@pytest.mark.usefixtures("team")
@pytest.mark.parametrize("count", [6, 10])
def test_large_matrices_lie_in_memory(device: SimulatedDriver, count: int) -> None:
    """Sums are variables of six parameters, and a product of matrices of ten."""
    x = np.linspace(0.1, 2.9, 14)
    true = 0.3 + rng.uniform(size=(2, count))
    y = np.stack([bends(p, x, 0.0) for p in true]) + 1e-3 * rng.normal(size=(2, 14))
    given: Any = true + 0.05, (x, y)
    found = fit_many(differentiate(bends, target="cuda"), *given, per_fit="y", steps=6)
    expected = fit_many(differentiate(bends), *given, per_fit="y", steps=6)
    np.testing.assert_array_equal(found.status, expected.status)
    np.testing.assert_allclose(found.cost, expected.cost, rtol=1e-7)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-6)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-5, atol=1e-12)


def test_what_a_thread_cannot_do_is_refused(device: SimulatedDriver) -> None:
    def smoothed(p: Any, x: Any, y: Any) -> Any:
        return np.cumsum(np.sin(p[0] * x)) * p[1] - np.sort(y * p[1])

    with pytest.raises(UnsupportedOnDevice, match="can't run on a GPU"):
        fit_many(differentiate(smoothed, target="cuda"), STARTS[:, :2], (X, DATA), per_fit="y")
    with pytest.raises(UnsupportedOnDevice, match="which runs many: fit_many"):
        least_squares(decay.on("cuda"), STARTS[0], (X, DATA[0]))
