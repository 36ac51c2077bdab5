"""Whole fits: against the same loop in NumPy, and everything that can end one."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import pytest

from codegen_ad import differentiate, minimize
from codegen_ad.errors import InvalidArgument, NotDifferentiable
from codegen_ad.fit.monitor import Status

rng = np.random.default_rng(11)
X = np.linspace(-1.0, 1.0, 40)
Y = 0.5 - 1.5 * X + 0.3 * rng.normal(size=40)


@differentiate
def line(w: Any, x: Any, y: Any) -> Any:
    return np.mean((w[0] + w[1] * x - y) ** 2)


def gradient(w: np.ndarray) -> np.ndarray:
    r = w[0] + w[1] * X - Y
    return np.array([2 * r.mean(), 2 * (r * X).mean()])


def by_hand(step: Any, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The loop in NumPy: the point after all steps, and the loss before each."""
    w, state, trace = np.zeros(2), {}, []
    for k in range(1, steps + 1):
        trace.append(np.mean((w[0] + w[1] * X - Y) ** 2))
        w = step(w, gradient(w), state, k)
    return w, np.array(trace)


def gd(w: Any, g: Any, state: Any, k: int) -> Any:
    return w - 0.1 * g


def momentum(w: Any, g: Any, state: Any, k: int) -> Any:
    state["v"] = 0.8 * state.get("v", 0.0) + g
    return w - 0.1 * state["v"]


def adam(w: Any, g: Any, state: Any, k: int) -> Any:
    state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
    state["s"] = 0.99 * state.get("s", 0.0) + 0.01 * g * g
    mean, square = state["m"] / (1 - 0.9**k), state["s"] / (1 - 0.99**k)
    return w - 0.1 * mean / (np.sqrt(square) + 1e-8)


@pytest.mark.parametrize(
    ("method", "step", "options"),
    [
        ("gd", gd, {}),
        ("momentum", momentum, {"momentum": 0.8}),
        ("adam", adam, {"beta2": 0.99}),
    ],
)
def test_a_fit_is_the_loop_written_out(method: str, step: Any, options: dict[str, Any]) -> None:
    w, trace = by_hand(step, 30)
    result = minimize(
        line, np.zeros(2), (X, Y), method=method, learning_rate=0.1, steps=30, trace=True, **options
    )
    np.testing.assert_allclose(result.trace, trace, rtol=1e-11)
    if result.fun < trace.min() * (1 - 1e-9):  # the last point is the best
        np.testing.assert_allclose(result.x, w, rtol=1e-10)
    assert result.fun == pytest.approx(line(result.x, X, Y), rel=1e-12)
    np.testing.assert_allclose(result.jac, gradient(result.x), rtol=1e-9, atol=1e-12)
    assert (result.nit, result.status, result.success) == (30, Status.STEPS_DONE, True)


def test_the_first_guess_is_not_changed() -> None:
    start = np.zeros(2)
    minimize(line, start, (X, Y), learning_rate=0.1, steps=5)
    np.testing.assert_array_equal(start, 0.0)


def test_tolerances_end_a_fit() -> None:
    result = minimize(line, np.zeros(2), (X, Y), learning_rate=0.3, steps=10_000, gtol=1e-8)
    assert result.status == Status.CONVERGED
    assert result.success
    assert result.nit < 1000
    assert np.linalg.norm(result.jac) <= 1e-8
    by_loss = minimize(line, np.zeros(2), (X, Y), learning_rate=0.3, steps=10_000, ftol=1e-12)
    assert by_loss.status == Status.CONVERGED
    short = minimize(line, np.zeros(2), (X, Y), learning_rate=1e-4, steps=3, gtol=1e-8)
    assert not short.success


def test_nan_in_the_data_stops_the_fit_at_the_first_guess() -> None:
    data = X.copy()
    data[3] = np.nan
    result = minimize(line, np.ones(2), (data, Y), learning_rate=0.1, steps=50, trace=True)
    assert result.status == Status.NOT_FINITE
    assert not result.success
    assert "not finite" in result.message
    np.testing.assert_array_equal(result.x, 1.0)


def test_divergence_returns_the_best_point_before_it() -> None:
    result = minimize(line, np.zeros(2), (X, Y), learning_rate=1e3, steps=10_000, trace=True)
    assert result.status == Status.NOT_FINITE
    assert result.fun == np.min(result.trace)
    assert np.isfinite(result.x).all()


def test_a_callback_stops_a_fit() -> None:
    seen: list[int] = []

    def callback(step: int, loss: float, norm: float) -> bool:
        seen.append(step)
        return True

    result = minimize(line, np.zeros(2), (X, Y), learning_rate=1e-6, steps=10**9, callback=callback)
    assert result.status == Status.STOPPED
    assert "callback" in result.message
    assert seen


def test_a_time_limit_stops_a_fit() -> None:
    started = time.monotonic()
    result = minimize(line, np.zeros(2), (X, Y), learning_rate=1e-9, steps=10**10, time_limit=0.2)
    assert result.status == Status.STOPPED
    assert time.monotonic() - started < 60
    assert result.fun <= line(np.zeros(2), X, Y)


def test_ctrl_c_returns_the_best_point_so_far() -> None:
    import _thread

    def press(step: int, loss: float, norm: float) -> None:
        """Ctrl-C once the kernel runs: what compiles it may lose one that comes before."""
        _thread.interrupt_main()

    result = minimize(line, np.zeros(2), (X, Y), learning_rate=1e-9, steps=10**11, callback=press)
    assert result.status == Status.STOPPED
    assert "Ctrl-C" in result.message
    assert result.fun <= line(np.zeros(2), X, Y)


@pytest.mark.thorough
def test_small_parameters_are_scalars_inside_and_large_ones_arrays() -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ w - y) ** 2)

    for size in (1, 3, 8, 9, 16, 17):
        inputs = rng.normal(size=(40, size))
        target = inputs @ np.arange(1.0, size + 1)
        found = differentiate(loss)
        for method, rate in (("gd", 0.1), ("momentum", 0.02), ("adam", 0.05)):
            result = minimize(
                found, np.zeros(size), (inputs, target), method=method, learning_rate=rate,
                steps=4000,
            )  # fmt: skip
            np.testing.assert_allclose(result.x, np.arange(1.0, size + 1), rtol=1e-6)
            np.testing.assert_allclose(
                result.jac, found.grad(result.x, inputs, target), rtol=1e-6, atol=1e-9
            )


class Parameters(NamedTuple):
    slope: Any
    offset: Any


def test_structures_of_parameters_come_back_as_they_went_in() -> None:
    def loss(p: Any, x: Any, y: Any) -> Any:
        return np.mean((p["a"] * x + p["b"][0] - y) ** 2)

    result = minimize(loss, {"a": 0.0, "b": (np.zeros(1),)}, (X, Y), learning_rate=0.3, steps=2000)
    best = np.polyfit(X, Y, 1)
    assert isinstance(result.x["a"], float)
    assert result.x["a"] == pytest.approx(best[0], rel=1e-9)
    assert result.x["b"][0][0] == pytest.approx(best[1], rel=1e-9)

    def named(p: Any, x: Any, y: Any) -> Any:
        return np.mean((p.slope * x + p.offset - y) ** 2)

    found = minimize(named, Parameters(0, 0), (X, Y), learning_rate=0.3, steps=2000).x
    assert type(found) is Parameters
    assert found.slope == pytest.approx(best[0], rel=1e-9)


def test_several_arguments_are_fitted_together() -> None:
    @differentiate(wrt=("a", "b"))
    def loss(a: Any, b: Any, x: Any, y: Any) -> Any:
        return np.mean((a * x + b - y) ** 2)

    result = minimize(loss, (0.0, 0.0), (X, Y), learning_rate=0.3, steps=2000)
    np.testing.assert_allclose(result.x, np.polyfit(X, Y, 1), rtol=1e-9)


def test_three_vectors_are_fitted_together() -> None:
    @differentiate(wrt=("heights", "places", "widths"))
    def peaks(heights: Any, places: Any, widths: Any, x: Any, y: Any) -> Any:
        model = (heights * np.exp(-(((x[:, None] - places) * widths) ** 2))).sum(axis=1)
        return np.mean((model - y) ** 2)

    start = np.array([1.0, 0.8]), np.array([-0.3, 0.4]), np.array([1.1, 1.3])
    result = minimize(peaks, start, (X, Y), learning_rate=0.01, steps=3)
    wanted = list(start)
    for _ in range(3):
        slopes = peaks.value_and_grad(*wanted, X, Y)[1]
        wanted = [w - 0.01 * slope for w, slope in zip(wanted, slopes, strict=True)]
    for found, expected in zip(result.x, wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_matrices_products_by_library_and_single_precision() -> None:
    inputs = rng.normal(size=(30, 25))
    target = inputs @ rng.normal(size=(25, 20))

    def loss(w: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ w - y) ** 2)

    result = minimize(loss, np.zeros((25, 20)), (inputs, target), learning_rate=2.0, steps=200)
    w = np.zeros((25, 20))
    for _ in range(200):
        w -= 2.0 * 2 / target.size * inputs.T @ (inputs @ w - target)
    np.testing.assert_allclose(result.x, w, rtol=1e-9)

    single = minimize(line, np.zeros(2, np.float32), (X.astype("f4"), Y.astype("f4")),
                      learning_rate=0.3, steps=500)  # fmt: skip
    assert single.x.dtype == np.float32
    # Steps below half a unit of the last place of `x` change nothing, so single precision stalls.
    np.testing.assert_allclose(single.x, np.polyfit(X, Y, 1)[::-1], rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"method": "newton"}, "there is no method 'newton'; the methods are gd, momentum, adam"),
        ({"method": "Adam"}, "\nWrite method='adam'"),
        ({"method": "LM"}, "For residuals there is `least_squares`"),
        ({"method": "L-BFGS-B"}, r"scipy.optimize.minimize\(f.value_and_grad, x0, args, jac=True"),
        ({"learning_rate": 0.1, "callback": 3}, "`callback` must be a function, not 3"),
        ({}, "the method gd needs `learning_rate`"),
        ({"learning_rate": -1.0}, "`learning_rate` must be"),
        ({"learning_rate": 0.1, "beta1": 0.9}, "the method gd has no option `beta1`"),
        ({"learning_rate": 0.1, "steps": 0}, "`steps` must be a positive whole number"),
        ({"learning_rate": 0.1, "gtol": -1.0}, "`gtol` must not be negative"),
    ],
)
def test_mistakes_in_the_call(call: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        minimize(line, np.zeros(2), (X, Y), **call)


@pytest.mark.parametrize("x0", ["w", None])
def test_a_first_guess_is_numbers(x0: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"x0 is {x0!r}: the first guess for w must be"):
        minimize(line, x0, (X, Y), learning_rate=0.1)


def test_mistakes_in_the_data() -> None:
    with pytest.raises(InvalidArgument, match="x is empty: there is nothing to fit to"):
        minimize(line, np.zeros(2), (X[:0], Y[:0]), learning_rate=0.1)
    with pytest.raises(InvalidArgument, match=r"y\.shape\[0\]"):
        minimize(line, np.zeros(2), (X, Y[:7]), learning_rate=0.1)
    with pytest.raises(InvalidArgument, match="missing a required argument: 'y'"):
        minimize(line, np.zeros(2), (X,), learning_rate=0.1)
    with pytest.raises(NotDifferentiable, match="a gradient needs one number"):
        minimize(lambda w, x: w[0] * x, np.zeros(2), (X,), learning_rate=0.1)
