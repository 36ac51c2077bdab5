"""Least-squares fits: against SciPy, in structures of parameters, and all that ends them."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import custom_derivative, differentiate, least_squares
from codegen_ad.errors import InvalidArgument, NotDifferentiable
from codegen_ad.fit.monitor import Status

rng = np.random.default_rng(11)
X = np.linspace(0.0, 4.0, 30)
Y = 3.0 * np.exp(-0.7 * X) + 0.5 + 0.02 * rng.normal(size=30)


@differentiate
def decay(p: Any, x: Any, y: Any) -> Any:
    return p[0] * np.exp(-p[1] * x) + p[2] - y


def by_scipy(residuals: Any, start: Any, *args: Any) -> Any:
    optimize = pytest.importorskip("scipy.optimize")
    return optimize.least_squares(
        residuals, start, args=args, method="lm", xtol=1e-13, ftol=1e-15, gtol=1e-15
    )


def test_a_fit_is_that_of_scipy_with_the_errors_of_curve_fit() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    start = np.array([1.0, 1.0, 0.0])
    found = least_squares(decay, start, (X, Y), trace=True)
    expected = by_scipy(decay, start, X, Y)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-7)
    assert found.cost == pytest.approx(expected.cost, rel=1e-12)
    np.testing.assert_allclose(found.jac, 0.0, atol=1e-8)
    assert (found.success, found.residuals, found.nfev) == (True, 30, found.nit + 1)
    np.testing.assert_array_equal(start, [1.0, 1.0, 0.0])

    def model(x: Any, *p: float) -> Any:
        return decay(p, x, 0.0)

    def slopes(x: Any, *p: float) -> Any:
        falling = np.exp(-p[1] * x)
        return np.stack([falling, -p[0] * x * falling, np.ones_like(x)], axis=1)

    _, covariance = optimize.curve_fit(model, X, Y, start, jac=slopes, xtol=1e-13, ftol=1e-15)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-7)
    np.testing.assert_allclose(found.errors, np.sqrt(np.diag(found.covariance)))
    assert found.trace is not None
    assert found.trace[0] == pytest.approx(0.5 * np.sum(decay(start, X, Y) ** 2), rel=1e-12)
    assert len(found.trace) == found.nit
    assert (np.diff(found.trace) <= 0).all()
    absolute = least_squares(decay, start, (X, Y), absolute_sigma=True)
    variance = 2 * found.cost / 27
    np.testing.assert_allclose(absolute.covariance * variance, found.covariance, rtol=1e-10)
    assert "±" in repr(found)
    assert "<table>" in found._repr_html_()
    assert found["cost"] == found.cost


class Peak(NamedTuple):
    height: Any
    place: Any


@differentiate(wrt=("peaks", "base"))
def spectrum(peaks: Any, base: Any, x: Any, y: Any, weight: Any) -> Any:
    model = base[0, 0] + base[0, 1] * x
    for peak in peaks:
        model = model + peak.height * np.exp(-((x - peak.place) ** 2))
    return (model - y) / weight, 0.001 * base


@pytest.mark.thorough
def test_parameters_may_be_of_any_structure() -> None:
    """Several arguments, tuples, numbers, a matrix; several arrays of residuals."""
    x = np.linspace(-3, 6, 60)
    true = (Peak(2.0, 0.0), Peak(np.float64(1.0), 3.0)), np.array([[0.3, 0.1]])
    y = spectrum(*true, x, 0.0, 1.0)[0] + 0.01 * rng.normal(size=60)
    start = (Peak(1.0, 0.5), Peak(np.float64(2.0), 2.5)), np.zeros((1, 2))
    found = least_squares(spectrum, start, (x, y, 0.01))
    peaks, base = found.x
    assert isinstance(peaks[1], Peak)
    assert base.shape == found.errors[1].shape == (1, 2)

    def flat(v: Any) -> Any:
        parts = spectrum((Peak(*v[:2]), Peak(*v[2:4])), v[4:].reshape(1, 2), x, y, 0.01)
        return np.concatenate([np.ravel(part) for part in parts])

    expected = by_scipy(flat, np.array([1.0, 0.5, 2.0, 2.5, 0, 0]))
    vector = np.array([*peaks[0], *peaks[1], *base.ravel()])
    np.testing.assert_allclose(vector, expected.x, rtol=1e-6)
    assert found.residuals == 62
    steps = 1e-5 * np.eye(6)
    jac = np.stack([(flat(vector + h) - flat(vector - h)) / 2e-5 for h in steps], axis=1)
    inverse = np.linalg.inv(jac.T @ jac) * 2 * expected.cost / 56
    np.testing.assert_allclose(found.covariance, inverse, rtol=1e-7)
    assert found.errors[0][1].place == pytest.approx(np.sqrt(inverse[3, 3]), rel=1e-7)


def test_what_no_parameter_changes_is_computed_once() -> None:
    def waves(p: Any, x: Any, y: Any) -> Any:
        return p[0] * np.sin(x) + p[1] * np.exp(p[2] * x) - y / y.std()

    text = str(differentiate(waves).source(np.ones(3), X, Y, mode="least_squares"))
    loop = text[text.index("def waves_normal_equations") :]
    assert "vector_sin(" not in loop
    assert "vector_exp(" in loop
    found = least_squares(waves, np.array([0.0, 1.0, -0.5]), (X, Y))
    expected = by_scipy(waves, np.array([0.0, 1.0, -0.5]), X, Y)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-7)


@pytest.mark.thorough
def test_many_parameters_are_an_array_of_columns() -> None:
    """Sizes that are known only at run time, a matrix product, and more than 16 parameters."""
    data = rng.normal(size=(200, 30))
    target = np.tanh(data @ rng.normal(size=30) * 0.3) + 0.01 * rng.normal(size=200)

    def squashed(w: Any, x: Any, y: Any) -> Any:
        return np.tanh(x @ w) - y

    found = least_squares(squashed, np.zeros(30), (data, target))
    expected = by_scipy(squashed, np.zeros(30), data, target)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-6, atol=1e-8)
    inverse = np.linalg.inv(expected.jac.T @ expected.jac) * 2 * expected.cost / 170
    np.testing.assert_allclose(found.covariance, inverse, rtol=1e-5, atol=1e-12)


@pytest.mark.thorough
def test_single_precision_stops_where_it_can_go_no_further() -> None:
    x, y = X.astype(np.float32), Y.astype(np.float32)
    found = least_squares(decay, np.array([1, 1, 0], dtype=np.float32), (x, y))
    assert found.success
    assert found.nit < 25
    assert found.x.dtype == np.float32
    expected = by_scipy(decay, np.array([1.0, 1.0, 0.0]), X, Y)
    np.testing.assert_allclose(found.x, expected.x, rtol=2e-4)
    found = least_squares(decay, np.array([3, 0.7, 0.5], dtype=np.float32), (x, y))
    assert found.success


def test_parameters_that_the_residuals_do_not_determine() -> None:
    def doubled(p: Any, x: Any, y: Any) -> Any:
        return (p[0] + p[1]) * x + 0.0 * p[2] - y

    found = least_squares(doubled, np.array([1.0, 2.0, 3.0]), (X, Y))
    assert found.success
    slope = (X @ Y) / (X @ X)
    assert found.x[0] + found.x[1] == pytest.approx(slope, rel=1e-8)
    assert found.x[2] == 3.0
    assert np.isinf(found.covariance).all()
    assert "do not determine" in repr(found)
    three = X[::10]
    start, exact_y = np.array([2.0, 1.0, 0.0]), 3.0 * np.exp(-0.7 * three) + 0.5
    exact = least_squares(decay, start, (three, exact_y))
    assert exact.success
    assert exact.cost < 1e-20
    assert np.isinf(exact.errors).all()


def test_everything_that_ends_a_fit() -> None:
    start = np.array([1.0, 1.0, 0.0])
    found = least_squares(decay, start, (X, Y), steps=2)
    assert (found.status, found.success, found.nit) == (Status.STEPS_DONE, False, 2)
    best = least_squares(decay, start, (X, Y)).x
    again = least_squares(decay, best, (X, Y), gtol=1e-5)
    assert (again.status, again.nit) == (Status.CONVERGED, 0)
    assert least_squares(decay, start, (X, Y), ftol=1e-2).status == Status.SMALL_CHANGE
    assert least_squares(decay, start, (X, Y), xtol=1e-2).status == Status.SMALL_STEP
    perfect = least_squares(decay, start, (X, 2.0 * np.exp(-X)))
    assert perfect.success
    np.testing.assert_allclose(perfect.x, [2.0, 1.0, 0.0], atol=1e-10)


def test_steps_to_where_the_model_is_not_finite_are_taken_back() -> None:
    def logarithm(p: Any, x: Any, y: Any) -> Any:
        return np.log(p - x) - y

    y = np.log(4.1 - X)
    found = least_squares(logarithm, 40.0, (X, y))
    assert found.success
    assert found.x == pytest.approx(4.1, rel=1e-10)


@custom_derivative
def wrong(p: Any) -> Any:
    return p**2


@wrong.backward
def _(residuals: Any, g: Any) -> Any:
    (p,) = residuals
    return -2.0 * p * g


def test_a_gradient_that_is_not_that_of_the_residuals() -> None:
    def residuals(p: Any, y: Any) -> Any:
        return wrong(p) * np.ones(3) - y

    found = least_squares(residuals, 2.0, (np.array([1.0, 1.1, 0.9]),))
    assert (found.status, found.success) == (Status.STALLED, False)


def test_what_cannot_be_fitted_is_said_in_the_users_terms() -> None:
    start = np.array([1.0, 1.0, 0.0])
    broken = Y.copy()
    broken[3:5] = np.nan
    with pytest.raises(InvalidArgument, match="of the 30 values of y, 2 are nan"):
        least_squares(decay, start, (X, broken))
    with pytest.raises(InvalidArgument, match="not finite at x0"):
        least_squares(decay, np.array([1.0, -1e4, 0.0]), (X, Y))
    with pytest.raises(InvalidArgument, match="returns 2 residuals, and there are 3 parameters"):
        least_squares(decay, start, (X[:2], Y[:2]))
    with pytest.raises(InvalidArgument, match="x0 holds 2 values that are nan or infinite"):
        least_squares(decay, np.array([1.0, np.nan, -np.inf]), (X, Y))
    with pytest.raises(InvalidArgument, match=r"one number, (.*\n)*`minimize` is for functions"):
        least_squares(lambda p, x, y: np.sum(decay(p, x, y) ** 2), start, (X, Y))
    with pytest.raises(InvalidArgument, match="`callback` must be a function, not 3"):
        least_squares(decay, start, (X, Y), callback=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="x is empty"):
        least_squares(decay, start, (X[:0], Y[:0]))
    with pytest.raises(InvalidArgument, match="`xtol` must not be negative"):
        least_squares(decay, start, (X, Y), xtol=-1.0)
    with pytest.raises(InvalidArgument, match="shape"):
        least_squares(decay, start, (X, Y[:-1]))

    def counts(p: Any, x: Any) -> Any:
        return np.argsort(p * x)

    with pytest.raises(NotDifferentiable, match="residuals are floating point"):
        least_squares(counts, 1.0, (X,))


def test_long_fits_are_watched() -> None:
    x = np.linspace(0, 4, 400_000)
    y = 3.0 * np.exp(-0.7 * x) + 0.5 + 0.1 * np.sin(40 * x)
    seen: list[int] = []

    def callback(step: int, cost: float, gradient_norm: float) -> bool:
        seen.append(step)
        return False

    found = least_squares(decay, np.array([1.0, 1.0, 0.0]), (x, y), callback=callback)
    assert found.success
    assert seen
    started = time.monotonic()
    stopped = least_squares(
        decay, np.array([30.0, 9.0, 0.0]), (x, y), steps=10_000, xtol=0, ftol=0, gtol=0,
        time_limit=0.005,
    )  # fmt: skip
    assert time.monotonic() - started < 5
    assert stopped.status in (Status.STOPPED, Status.SMALL_CHANGE, Status.SMALL_STEP)
