"""Whole fits on a GPU give what the processor's fits give, on a device that the simulator plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.workloads import curves
from codegen_ad import differentiate, minimize
from codegen_ad.backends import numba_cuda
from codegen_ad.errors import InternalError, InvalidArgument, NoDevice, UnsupportedOnDevice
from codegen_ad.fit import on_device
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.devices import Platform, using
from examples import polynomial_fit as polynomial

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad.testing.lockstep import ORDERS
from codegen_ad.testing.simulated_driver import SimulatedDriver

RANDOM = np.random.default_rng(11)
X = RANDOM.uniform(-1, 1, 70)
Y = np.sin(3 * X) + RANDOM.normal(size=70) * 0.1


@pytest.fixture
def driver() -> Iterator[SimulatedDriver]:
    found = SimulatedDriver(orders=("forward", 3))
    with using(found.platform()):
        yield found


def line(p: Any, x: Any, y: Any) -> Any:
    return np.mean((p[0] + p[1] * x - y) ** 2)


def horner(w: Any, x: Any, y: Any) -> Any:
    value = np.zeros_like(x)
    for k in range(len(w)):
        value = value * x + w[k]
    return np.mean((value - y) ** 2)


def column(points: int) -> tuple[Any, Any]:
    x = np.linspace(-1, 0.7, points)[:, None]
    return x, np.sin(3 * x)


def same(found: Any, wanted: Any, tolerance: float = 1e-13) -> None:
    """The results agree to rounding, and in all that is counted exactly."""
    for name in ("fun", "trace"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=tolerance, atol=1e-300)
    for name in ("x", "jac"):
        for ours, theirs in zip(leaves(found[name]), leaves(wanted[name]), strict=True):
            scale = np.max(np.abs(theirs), initial=1e-3)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)
            assert (type(ours), np.shape(ours)) == (type(theirs), np.shape(theirs))
            assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None)
    for name in ("nit", "status", "message", "success", "method"):
        assert found[name] == wanted[name]


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in leaves(v)]
    if isinstance(value, tuple | list):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def both(function: Any, x0: Any, args: Any, **options: Any) -> tuple[Any, Any]:
    """A fit on the device, and the same on the processor."""
    options = {"steps": 3, "trace": True, "learning_rate": 0.1, **options}
    found = minimize(function, x0, args, target="cuda", **options)
    return found, minimize(function, x0, args, target="cpu", **options)


# Name of the golden file, team, method and its options, function, first guess, data.
FILES: tuple[tuple[str, str, dict[str, Any], Any, Any, Any], ...] = (
    ("polynomial_loss", "warp4", {"method": "gd"}, polynomial.loss, np.zeros((5, 1)), column(100)),
    (
        "polynomial_loss", "block", {"method": "momentum", "nesterov": True},
        polynomial.loss, np.zeros((5, 1)), column(300),
    ),
    ("polynomial_loss", "grid", {"method": "adam"}, polynomial.loss, np.zeros((5, 1)), column(600)),
    (
        "polynomial_32", "warp2", {"method": "adam"},
        polynomial.loss, np.zeros((32, 1)), column(60),
    ),
    (
        "horner_32_f4", "warp2", {"method": "adam"}, differentiate(horner),
        np.zeros(32, "f4"), tuple(a[:, 0].astype("f4") for a in column(60)),
    ),
    (
        "peak_f4", "warp4", {"method": "adam"}, differentiate(curves.peak),
        *(lambda p, *data: (p, data))(*curves.peak_data(100, "float32")),
    ),
)  # fmt: skip


@pytest.mark.parametrize(("name", "team", "options", "function", "x0", "data"), FILES)
def test_a_fit_gives_what_the_processor_gives(
    name: str, team: str, options: dict[str, Any], function: Any, x0: Any, data: Any,
    golden: Golden, driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    method = options["method"]
    flags = "".join(f":{k}" for k in options if k != "method")
    text = function.source(x0, *data, mode=f"fit:{method}{flags}:{team}", target="cuda").plain
    golden.check(f"generated/cuda/{name}_fit_{method}_{team}.py", text)
    monkeypatch.setattr(on_device, "team", lambda rows, fits=1: team)
    driver.orders = ORDERS if team != "grid" else ("forward", 3)
    # The processor steps in double precision from gradients in single precision, sums of which
    # cancel: Adam divides by them.
    same(*both(function, x0, data, steps=2, **options), 1e-13 if x0.dtype == "f8" else 5e-5)


def test_which_team_a_fit_is_for() -> None:
    assert {on_device.team(n) for n in range(1, 2**17, 31)} <= {*numba_cuda.TEAMS}
    assert [on_device.team(n) for n in (1, 256, 257, 2**16, 2**16 + 1)] == [
        "warp1", "warp8", "block2", "block", "grid",
    ]  # fmt: skip
    assert [on_device.team(n, 1000) for n in (4096, 4097, 10**6)] == ["warp", "block", "block"]
    assert [on_device.team(n) for n in (32, 33, 65, 129)] == ["warp1", "warp2", "warp3", "warp5"]
    assert [on_device.team(n) for n in (512, 513, 2048, 2049)] == [
        "block2", "block3", "block8", "block",
    ]  # fmt: skip


# What models are made of --------------------------------------------------------------------------


def branches(p: Any, x: Any, y: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        if x[i] > p[0]:
            total += (p[1] * np.exp(-x[i]) - y[i]) ** 2
        else:
            total += (p[2] * x[i] - y[i]) ** 2
    return total / len(x)


def invariants(p: Any, x: Any, y: Any) -> Any:
    share = np.exp(x) / np.sum(np.exp(x))
    return np.mean((p["a"] * share + p["b"] * np.sin(x * 3) - y) ** 2) + 0.1 * p["a"] ** 2


def passes(p: Any, x: Any, y: Any) -> Any:
    z = p[0] * x + p[1] * x**2
    z = z - z.mean()
    return np.sum((z / (1 + z.std()) - y) ** 2) + np.max(np.abs(z))


def groups(p: Any, x: Any, k: Any, y: Any) -> Any:
    return np.mean((p[k] * x - y) ** 2)


def own_names(own: Any, slope: Any, step: Any, at: Any, mean: Any) -> Any:
    value = own[0] * step + own[1] * at - mean
    return np.mean(value**2) * slope


def wide(w: Any, x: Any, y: Any) -> Any:
    return np.mean((x @ w - y) ** 2)


def two(a: Any, b: Any, x: Any, y: Any) -> Any:
    return np.mean((a * np.tanh(b[0] * x + b[1]) - y) ** 2)


MODELS: tuple[tuple[Any, Any, Any], ...] = (
    (branches, np.array([0.1, 1.0, 2.0]), (X, Y)),
    (invariants, {"a": 1.0, "b": 0.5}, (X, Y)),
    (passes, np.array([1.5, 0.2]), (X, Y)),
    (groups, np.ones(5), (X, RANDOM.integers(0, 5, 70), Y)),
    (own_names, np.array([0.3, 0.1]), (2.0, X, X**2, Y)),
    (wide, RANDOM.normal(size=40), (RANDOM.normal(size=(50, 40)), Y[:50])),
    (differentiate(wrt=("a", "b"))(two), (0.7, np.array([1.0, 0.1])), (X, Y)),
)


TEAMS = [
    (team, *model)
    for model in MODELS
    for team in ("warp", "warp3", "block", "block1", "grid")
    # The grid refuses arrays of parameters and gives these to a block: nothing of its own.
    if team != "grid" or model[0] not in (wide, MODELS[-1][0])
]


@pytest.mark.every(3)
@pytest.mark.parametrize(("team", "function", "x0", "data"), TEAMS)
def test_models(
    team: str, function: Any, x0: Any, data: Any,
    driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(on_device, "team", lambda rows, fits=1: team)
    driver.orders = ("reverse",)
    same(*both(function, x0, data, steps=2, method="momentum", learning_rate=0.01), 1e-12)


def test_threads_do_not_keep_more_rows_than_they_have_room_for(
    driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_device, "team", lambda rows, fits=1: "warp2")
    with pytest.raises(InternalError, match="threads keep 32 to 64 rows: n is 70"):
        minimize(line, np.zeros(2), (X, Y), target="cuda", steps=1, learning_rate=0.1)


def test_single_precision_of_parameters_alone(driver: SimulatedDriver) -> None:
    found, wanted = both(line, np.array([0.5, 1.0], "f4"), (X, Y))
    same(found, wanted, 1e-6)
    assert found.x.dtype == np.float32


# How a fit ends -----------------------------------------------------------------------------------


def test_launches_of_any_length_give_the_same_bits(
    driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"method": "adam", "steps": 9, "trace": True, "learning_rate": 0.2}
    whole = minimize(line, np.zeros(2), (X, Y), target="cuda", **options)
    for most in (1, 4, 9, 10):
        monkeypatch.setattr(on_device, "FIRST_STEPS", most)
        monkeypatch.setattr(on_device, "MOST_STEPS", most)
        monkeypatch.setattr(on_device, "LAUNCH_SECONDS", 1e9)
        driver.log.clear()
        found = minimize(line, np.zeros(2), (X, Y), target="cuda", **options)
        assert sum(entry.startswith("launch") for entry in driver.log) == -(-10 // most)
        for name in ("x", "jac", "trace"):
            assert found[name].tobytes() == whole[name].tobytes()
        assert found.fun == whole.fun
        assert found.nfev == whole.nfev == 10


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"gtol": 0.3, "steps": 40}, 0),
        ({"ftol": 0.02, "steps": 40}, 0),
        ({"gtol": 1e-9, "steps": 2}, 1),
        ({"learning_rate": 1e200, "steps": 5}, 3),
        ({"learning_rate": 2.0, "steps": 4}, 1),
    ],
)
def test_how_a_fit_ends(options: dict[str, Any], status: int, driver: SimulatedDriver) -> None:
    found, wanted = both(line, np.array([4.0, -3.0]), (X, Y), **options)
    same(found, wanted)
    assert found.status == status


def test_a_first_guess_without_a_loss(driver: SimulatedDriver) -> None:
    found, wanted = both(line, np.array([np.nan, 1.0]), (X, Y))
    assert (found.status, found.nit, wanted.nit) == (3, 0, 0)
    assert np.isnan(found.fun)
    np.testing.assert_array_equal(found.x, wanted.x)


def test_a_callback_stops_between_launches(
    driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_device, "FIRST_STEPS", 3)
    monkeypatch.setattr(on_device, "LAUNCH_SECONDS", 0.0)
    seen: list[int] = []

    def stop(step: int, loss: float, norm: float) -> bool:
        seen.append(step)
        return step > 0

    found = minimize(
        line, np.zeros(2), (X, Y), target="cuda", steps=10**6, learning_rate=0.1, callback=stop
    )
    assert found.status == 2
    assert "the callback" in found.message
    assert 0 < seen[-1] <= found.nit < 10**6
    again = minimize(line, np.zeros(2), (X, Y), steps=found.nit, learning_rate=0.1)
    assert found.fun == pytest.approx(again.trace[-1] if again.trace is not None else found.fun)


# Where data lie, and what goes wrong --------------------------------------------------------------


def test_data_on_the_device_stay_there(driver: SimulatedDriver) -> None:
    def put(values: Any) -> DeviceArray:
        array = DeviceArray(driver, values.shape, values.dtype)
        driver.to_device(array.address, values.ctypes.data, values.nbytes, 0)
        return array

    options: dict[str, Any] = {"steps": 3, "learning_rate": 0.1}
    wanted = minimize(line, np.zeros(2), (X, Y), **options)
    function = differentiate(target="cuda")(line)
    for first in (np.zeros(2), put(np.zeros(2))):
        found = minimize(function, first, (put(X), put(Y)), **options)
        assert isinstance(found.x, np.ndarray)
        np.testing.assert_allclose(found.x, wanted.x, rtol=1e-13)
    # One small fit is for the processor, wherever its data lie.
    driver.log.clear()
    found = minimize(line, put(np.zeros(2)), (put(X), Y), target="auto", **options)
    assert found.x.tobytes() == wanted.x.tobytes()
    assert not any(entry.startswith("launch") for entry in driver.log)


def test_large_fits_go_to_a_device_where_there_is_one(
    driver: SimulatedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_device, "WORTH", 50)
    options: dict[str, Any] = {"steps": 1, "learning_rate": 0.1, "target": "auto"}
    minimize(line, np.zeros(2), (X, Y), **options)
    assert any(entry.startswith("launch") for entry in driver.log)

    def none() -> Any:
        raise NoDevice("there is no device")

    absent = driver.platform()
    with using(Platform(none, absent.compile, absent.versions)):
        assert minimize(line, np.zeros(2), (X, Y), **options).nit == 1
        with pytest.raises(NoDevice):
            minimize(line, np.zeros(2), (X, Y), **{**options, "target": "cuda"})


def test_memory_is_given_back(driver: SimulatedDriver) -> None:
    from codegen_ad.errors import OutOfDeviceMemory

    minimize(line, np.zeros(2), (X, Y), target="cuda", steps=1, learning_rate=0.1)
    held = len(driver.blocks)
    minimize(line, np.zeros(2), (X, Y), target="cuda", steps=2, learning_rate=0.1)
    assert len(driver.blocks) == held == 0
    driver.memory = 1000
    with pytest.raises(OutOfDeviceMemory):
        minimize(line, np.zeros(2), (X, Y), target="cuda", steps=1, learning_rate=0.1)


def solved(p: Any, a: Any) -> Any:
    return np.sum(np.linalg.solve(a, p) ** 2)


def picked(p: Any, x: Any, k: Any) -> Any:
    return np.sum((p[0] * x[k]) ** 2)


def test_what_a_device_cannot_fit_is_refused(driver: SimulatedDriver) -> None:
    options: dict[str, Any] = {"steps": 1, "learning_rate": 0.1, "target": "cuda"}
    with pytest.raises(UnsupportedOnDevice, match="calls a library") as caught:
        minimize(solved, np.ones(3), (np.eye(3),), **options)
    assert 'Leave target="cuda" out' in str(caught.value)
    weights = RANDOM.normal(size=(20, 10))
    with pytest.raises(UnsupportedOnDevice, match="too many elements to be fitted: up to 128"):
        minimize(lambda w, x: np.sum((x @ w) ** 2), weights, (np.ones((4, 20)),), **options)
    both_ = differentiate(wrt=("a", "b"))(lambda a, b: np.sum(a**2) + np.sum(b**2))
    with pytest.raises(UnsupportedOnDevice, match="200 numbers are too many to be fitted"):
        minimize(both_, (np.ones(100), np.ones(100)), (), **options)
    with pytest.raises(IndexError, match="out of bounds"):
        minimize(picked, np.ones(1), (X, np.array([3, 70])), **options)
    with pytest.raises(InvalidArgument, match="x is empty"):
        minimize(line, np.zeros(2), (X[:0], Y[:0]), **options)
    with pytest.raises(InvalidArgument, match="target must be one of"):
        minimize(line, np.zeros(2), (X, Y), steps=1, learning_rate=0.1, target="tpu")
