"""Many least-squares fits on a GPU, one in each thread: as on the processor, in the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="runs kernels in the simulator: the extra cuda-check")

from codegen_ad import differentiate, fit_many, least_squares
from codegen_ad.errors import InvalidArgument, UnsupportedOnDevice
from codegen_ad.fit.monitor import Status
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.testing.simulated_driver import SimulatedDriver
from examples import gaussian_peaks as peaks

if TYPE_CHECKING:
    from conftest import Golden

rng = np.random.default_rng(5)
X = np.linspace(0.0, 4.0, 8)
TRUE = rng.uniform([2.0, 0.4, 0.0], [4.0, 1.2, 1.0], size=(6, 3))
DATA = TRUE[:, :1] * np.exp(-TRUE[:, 1:2] * X) + TRUE[:, 2:] + 0.02 * rng.normal(size=(6, 8))
STARTS = np.tile([1.0, 1.0, 0.0], (6, 1))


@pytest.mark.parametrize(("name", "dtype"), [("peaks", "f8"), ("peaks_f4", "f4")])
def test_generated_files(name: str, dtype: str, golden: Golden) -> None:
    given = np.array(peaks.START, dtype), peaks.PIXELS.astype(dtype), peaks.NOISE
    image = np.ones((5, 5), dtype)
    text = peaks.residuals.source(*given, image, mode="fit_many:image", target="cuda").plain
    golden.check(f"generated/cuda/{name}_fit_many.py", text)


@pytest.fixture
def device() -> Iterator[SimulatedDriver]:
    driver = SimulatedDriver(orders=("forward", "reverse"))
    with using(driver.platform()):
        yield driver


@differentiate
def decay(p: Any, x: Any, y: Any) -> Any:
    return p[0] * np.exp(-p[1] * x) + p[2] - y


def test_fits_are_those_of_the_processor(device: SimulatedDriver) -> None:
    data = DATA.copy()
    data[3, 2] = np.nan
    found = fit_many(decay.on("cuda"), STARTS, (X, data), per_fit="y")
    expected = fit_many(decay, STARTS, (X, data), per_fit="y")
    assert found.status[3] == Status.NOT_FINITE
    kept = np.arange(6) != 3
    assert found.success[kept].all()
    np.testing.assert_allclose(found.x[kept], expected.x[kept], rtol=1e-8)
    np.testing.assert_allclose(found.cost[kept], expected.cost[kept], rtol=1e-10)
    np.testing.assert_allclose(found.covariance[kept], expected.covariance[kept], rtol=1e-6)
    np.testing.assert_array_equal(found.x[3], STARTS[3])
    assert np.isinf(found.covariance[3]).all()
    assert abs(found.nit - expected.nit).max() <= 1
    few = fit_many(decay.on("cuda"), STARTS, (X, DATA), per_fit="y", steps=2)
    assert (few.status == Status.STEPS_DONE).all()
    assert (few.nfev == 3).all()


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


def test_what_a_thread_cannot_do_is_refused(device: SimulatedDriver) -> None:
    def smoothed(p: Any, x: Any, y: Any) -> Any:
        return np.cumsum(np.sin(p[0] * x)) * p[1] - np.sort(y * p[1])

    with pytest.raises(UnsupportedOnDevice, match="can't run on a GPU"):
        fit_many(differentiate(smoothed, target="cuda"), STARTS[:, :2], (X, DATA), per_fit="y")
    with pytest.raises(InvalidArgument, match="can't be watched"):
        fit_many(decay.on("cuda"), STARTS, (X, DATA), per_fit="y", time_limit=1.0)
    with pytest.raises(UnsupportedOnDevice, match="which runs many: fit_many"):
        least_squares(decay.on("cuda"), STARTS[0], (X, DATA[0]))
