"""Many fits at once: each is that of `least_squares`, whatever the others and the threads do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import differentiate, fit_many, least_squares
from codegen_ad.errors import InvalidArgument
from codegen_ad.fit.monitor import Status

rng = np.random.default_rng(3)
X = np.linspace(0.0, 4.0, 25)
FITS = 300
TRUE = rng.uniform([2.0, 0.4, 0.0], [4.0, 1.2, 1.0], size=(FITS, 3))
DATA = TRUE[:, :1] * np.exp(-TRUE[:, 1:2] * X) + TRUE[:, 2:] + 0.02 * rng.normal(size=(FITS, 25))
STARTS = np.tile([1.0, 1.0, 0.0], (FITS, 1))


def decay(p: Any, x: Any, y: Any) -> Any:
    return p[0] * np.exp(-p[1] * x) + p[2] - y


DECAY = differentiate(decay, threads=2)


def test_each_fit_is_that_of_its_data_alone() -> None:
    found = fit_many(DECAY, STARTS, (X, DATA), per_fit="y")
    assert found.success.all()
    assert found.message == "300 of 300 fits converged."
    np.testing.assert_array_equal(STARTS, np.tile([1.0, 1.0, 0.0], (FITS, 1)))
    for k in (0, 17, FITS - 1):
        alone = least_squares(DECAY, STARTS[k], (X, DATA[k]))
        np.testing.assert_array_equal(found.x[k], alone.x)
        np.testing.assert_array_equal(found.errors[k], alone.errors)
        np.testing.assert_array_equal(found.covariance[k], alone.covariance)
        assert (found.cost[k], found.nit[k], found.nfev[k], found.status[k]) == (
            alone.cost, alone.nit, alone.nfev, alone.status,
        )  # fmt: skip
    optimize = pytest.importorskip("scipy.optimize")
    for k in range(5):
        expected = optimize.least_squares(decay, STARTS[k], args=(X, DATA[k]), method="lm")
        np.testing.assert_allclose(found.x[k], expected.x, rtol=1e-6)
    assert "300 least-squares fits" in repr(found)
    assert "µs a fit" in repr(found)


def test_the_number_of_threads_and_the_layout_change_nothing() -> None:
    found = fit_many(DECAY, STARTS, (X, DATA), per_fit="y")
    one = fit_many(differentiate(decay, threads=1), STARTS, (X, DATA), per_fit=("y",))
    np.testing.assert_array_equal(found.x, one.x)
    np.testing.assert_array_equal(found.covariance, one.covariance)
    for odd in (np.asfortranarray(DATA), np.repeat(DATA, 2, axis=1)[:, ::2]):
        again = fit_many(DECAY, np.asfortranarray(STARTS), (X, odd), per_fit="y")
        np.testing.assert_array_equal(found.x, again.x)
    few = fit_many(DECAY, STARTS[:1], (X, DATA[:1]), per_fit="y")
    np.testing.assert_array_equal(few.x, found.x[:1])


def test_a_fit_that_fails_stops_no_other() -> None:
    broken, starts = DATA.copy(), STARTS.copy()
    broken[3, 4] = np.nan
    starts[5, 1] = -1e6
    found = fit_many(DECAY, starts, (X, broken), per_fit="y")
    assert list(found.status[[3, 5]]) == [Status.NOT_FINITE] * 2
    assert not found.success[[3, 5]].any()
    assert found.success.sum() == FITS - 2
    assert found.message == ("298 of 300 fits converged; 2 met values that are not finite.")
    np.testing.assert_array_equal(found.x[3], starts[3])
    assert np.isinf(found.covariance[3]).all()
    few = fit_many(DECAY, STARTS, (X, DATA), per_fit="y", steps=2)
    assert (few.status == Status.STEPS_DONE).any()
    assert (few.nit <= 2).all()


def test_a_time_limit_leaves_what_is_not_begun() -> None:
    starts, data = np.tile(STARTS, (300, 1)), np.tile(DATA, (300, 1))
    found = fit_many(DECAY, starts, (X, data), per_fit="y", time_limit=1e-9)
    assert (found.status == Status.STOPPED).any()
    assert "were stopped" in found.message
    assert "Stopped by the time limit" in found.message


class Peak(NamedTuple):
    height: Any
    place: Any


@differentiate(wrt=("peak", "base"))
def lines(peak: Any, base: Any, x: Any, data: Any) -> Any:
    model = peak.height * np.exp(-((x - peak.place) ** 2)) + base["slope"] @ np.stack([x, x**2])
    return (model - data["y"]) / data["sigma"]


@pytest.mark.thorough
def test_structures_and_numbers_have_an_axis_over_fits() -> None:
    x = np.linspace(-3.0, 3.0, 20)
    height, place = rng.uniform(1, 2, size=7), rng.uniform(-1, 1, size=7)
    slope, sigma = rng.uniform(-0.1, 0.1, size=(7, 2)), rng.uniform(0.01, 0.02, size=7)
    y = np.stack(
        [
            lines(Peak(height[k], place[k]), {"slope": slope[k]}, x, {"y": 0.0, "sigma": 1.0})
            + sigma[k] * rng.normal(size=20)
            for k in range(7)
        ]
    )
    start = Peak(np.ones(7), np.zeros(7)), {"slope": np.zeros((7, 2))}
    data = {"y": y, "sigma": sigma}
    found = fit_many(lines, start, (x, data), per_fit="data", absolute_sigma=True)
    peak, base = found.x
    assert isinstance(peak, Peak)
    assert (peak.place.shape, base["slope"].shape) == ((7,), (7, 2))
    one = {"y": y[2], "sigma": sigma[2]}
    first = Peak(np.float64(1.0), np.float64(0.0)), {"slope": np.zeros(2)}
    alone = least_squares(lines, first, (x, one), absolute_sigma=True)
    np.testing.assert_array_equal(peak.place[2], alone.x[0].place)
    np.testing.assert_array_equal(found.errors[1]["slope"][2], alone.errors[1]["slope"])
    assert found.covariance.shape == (7, 4, 4)


def test_one_data_set_from_several_starts() -> None:
    def wave(p: Any, x: Any, y: Any) -> Any:
        return np.sin(p * x) - y

    x = np.linspace(0.0, 3.0, 40)
    starts = np.linspace(0.5, 6.0, 12)
    found = fit_many(wave, starts, (x, np.sin(3.1 * x)), per_fit=())
    assert found.x.shape == (12,)
    best = found.x[np.nanargmin(found.cost)]
    assert best == pytest.approx(3.1, rel=1e-8)


def test_what_does_not_fit_together() -> None:
    with pytest.raises(InvalidArgument, match=r"p is for 300 fits and y for 299"):
        fit_many(DECAY, STARTS, (X, DATA[1:]), per_fit="y")
    with pytest.raises(InvalidArgument, match=r"no parameter of that name; .* is x, y"):
        fit_many(DECAY, STARTS, (X, DATA), per_fit="z")
    with pytest.raises(InvalidArgument, match=r"y is one number"):
        fit_many(DECAY, STARTS, (X, 1.0), per_fit="y")
    with pytest.raises(InvalidArgument, match=r"p is for no fits"):
        fit_many(DECAY, STARTS[:0], (X, DATA[0]), per_fit=())
    with pytest.raises(InvalidArgument, match="returns 2 residuals, and there are 3"):
        fit_many(DECAY, STARTS, (X[:2], DATA[:, :2]), per_fit="y")
    with pytest.raises(InvalidArgument, match="shape"):
        fit_many(DECAY, STARTS, (X[:5], DATA), per_fit="y")
