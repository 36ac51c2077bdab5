"""Calls that repeat: nothing is asked twice, and nothing of an earlier call is left in them."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad import cuda_stream, differentiate
from codegen_ad.runtime.cuda import program
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.runtime.foreign import access_of
from codegen_ad.testing.simulated_driver import SimulatedDriver

RANDOM = np.random.default_rng(5)


def loss(p, x, y):
    return np.mean((p[0] * np.exp(p[1] * x) - y) ** 2)


def scaled(scale, p, x, y):
    return scale * np.mean((p[0] * np.exp(p[1] * x) - y) ** 2)


def checked(p, x):
    assert p[0] > 0.0, "p must be positive"
    return np.sum(p[0] * x)


DATA = np.array([1.5, -0.3]), RANDOM.normal(size=300), RANDOM.normal(size=300)


@pytest.fixture
def driver() -> Iterator[SimulatedDriver]:
    found = SimulatedDriver()
    with using(found.platform()):
        yield found


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each call that asks its arguments everything."""
    calls: list[str] = []
    run = program.DeviceProgram.run

    def noted(self: Any, *args: Any) -> Any:
        calls.append("run")
        return run(self, *args)

    monkeypatch.setattr(program.DeviceProgram, "run", noted)
    return calls


def on_device(driver: SimulatedDriver, values: Any) -> DeviceArray:
    values = np.ascontiguousarray(values)
    array = DeviceArray(driver, values.shape, values.dtype)
    driver.to_device(array.address, values.ctypes.data, values.nbytes, 0)
    return array


def same(found: Any, *arguments: Any) -> None:
    value, gradient = found
    wanted, direction = differentiate(loss).value_and_grad(*arguments)
    np.testing.assert_allclose(value.to_numpy(), wanted, rtol=1e-13)
    np.testing.assert_allclose(gradient.to_numpy(), direction, rtol=1e-12)


@pytest.mark.parametrize("target", ["cuda", "auto"])
def test_repeated_calls_take_new_arrays(
    driver: SimulatedDriver, general: list[str], target: str
) -> None:
    device = differentiate(target=target)(loss)
    p, x, y = DATA
    kept = []
    for k in range(3):
        arguments = p + k, x[::-1], y * k
        given = [on_device(driver, v) for v in arguments]
        kept.append((device.value_and_grad(*given), arguments))
    assert general == ["run"], "the first call asks, and no other"
    for found, arguments in kept:  # each has results of its own
        same(found, *arguments)


def test_repeated_calls_take_new_numbers(driver: SimulatedDriver, general: list[str]) -> None:
    device = differentiate(wrt=("scale", "p"))(scaled)
    there = [on_device(driver, v) for v in DATA]
    for scale in (2.0, 0.5, np.float64(3.0)):
        value, (slope, gradient) = device.on("cuda").value_and_grad(scale, *there)
        wanted, (rise, direction) = device.value_and_grad(scale, *DATA)
        np.testing.assert_allclose(value.to_numpy(), wanted, rtol=1e-13)
        np.testing.assert_allclose(slope.to_numpy(), rise, rtol=1e-13)
        np.testing.assert_allclose(gradient.to_numpy(), direction, rtol=1e-12)
    assert len(general) == 2, "once for each type of number"


def test_other_sizes_and_streams_between_them(driver: SimulatedDriver, general: list[str]) -> None:
    device = differentiate(loss).on("cuda")
    p, x, y = DATA
    calls = {n: (p, x[:n], y[:n]) for n in (300, 7, 120)}
    given = {n: [on_device(driver, v) for v in arguments] for n, arguments in calls.items()}
    for n in (300, 7, 300, 120, 7, 300):
        same(device.value_and_grad(*given[n]), *calls[n])
    assert len(general) == len(calls)
    driver.log.clear()
    with cuda_stream(11):
        for _ in range(2):
            same(device.value_and_grad(*given[7]), *calls[7])
    assert all("on stream 11" in entry for entry in driver.log if entry.startswith("launch"))
    same(device.value_and_grad(*given[7]), *calls[7])
    assert len(general) == len(calls)


def test_checks_are_made_each_time(driver: SimulatedDriver, general: list[str]) -> None:
    device = differentiate(checked).on("cuda")
    x = on_device(driver, DATA[1])
    for sign in (1.0, -1.0, 2.0, -2.0):
        p = on_device(driver, [sign])
        if sign > 0.0:
            device.value_and_grad(p, x)
        else:
            with pytest.raises(AssertionError, match="p must be positive"):
                device.value_and_grad(p, x)
    assert general == ["run"]


def test_arrays_of_the_host_and_strangers_are_asked_each_time(
    driver: SimulatedDriver, general: list[str]
) -> None:
    device = differentiate(loss).on("cuda")
    p, *rest = (on_device(driver, v) for v in DATA)
    stranger = SimpleNamespace(
        shape=p.shape, __cuda_array_interface__=p.__cuda_array_interface__, array=p
    )
    for _ in range(2):
        same(device.value_and_grad(stranger, *rest), *DATA)
        same(device.value_and_grad(DATA[0], *rest), *DATA)
    assert len(general) == 4


class Borrowed:
    """What CuPy's arrays answer, over an array of this library."""

    def __init__(self, array: DeviceArray) -> None:
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.strides = array.view().strides
        self.data = SimpleNamespace(ptr=array.address, device_id=0)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.array.__cuda_array_interface__, "stream": 1}

    def reshape(self, shape: tuple[int, ...]) -> "Borrowed":
        return Borrowed(self.array.reshape(shape))

    def to_numpy(self) -> np.ndarray:
        return self.array.to_numpy()


def test_another_library_s_arrays_and_stream(
    driver: SimulatedDriver, general: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Borrowed, "__module__", "cupy")
    library: Any = ModuleType("cupy")
    library.ndarray = Borrowed
    library.empty = lambda shape, dtype: Borrowed(DeviceArray(driver, shape, dtype))
    current = SimpleNamespace(ptr=0)
    library.cuda = SimpleNamespace(get_current_stream=lambda: current)
    monkeypatch.setitem(sys.modules, "cupy", library)
    access_of.cache_clear()
    device = differentiate(loss).on("cuda")
    given = [Borrowed(on_device(driver, v)) for v in DATA]
    driver.log.clear()
    for stream in (0, 0, 9, 9):
        current.ptr = stream
        found = device.value_and_grad(*given)
        assert all(type(part) is Borrowed for part in found)
        same(found, *DATA)
    assert general == ["run"]
    streams = [entry[-1] for entry in driver.log if entry.startswith("launch")]
    assert streams == ["0", "0", "9", "9"]
    assert not any("waits" in entry for entry in driver.log), "1 and 0 are one stream"
    access_of.cache_clear()


class Capsules:
    """An array on a device that speaks DLPack only."""

    def __init__(self, array: DeviceArray) -> None:
        held = (np.ctypeslib.ctypes.c_double * array.shape[0]).from_address(array.address)
        self.shape, self.array, self.memory = array.shape, array, np.frombuffer(held)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self) -> object:
        return self.memory.__dlpack__()


def test_arrays_by_dlpack_alone(driver: SimulatedDriver) -> None:
    device = differentiate(target="auto")(loss)
    given = [Capsules(on_device(driver, v)) for v in DATA]
    driver.log.clear()
    same(device.value_and_grad(*given), *DATA)
    same(device.value_and_grad(*given), *DATA)
    assert "to_device" not in driver.log
