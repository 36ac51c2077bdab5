"""Functions called for a GPU, from the decorator to the launch, on a simulated device."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

import codegen_ad
from codegen_ad import cuda_stream, differentiate
from codegen_ad.errors import CodegenError, InvalidArgument, UnsupportedOnDevice, WrongDevice
from codegen_ad.runtime.cuda.arrays import DeviceArray
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.runtime.cuda.system_driver import system_driver
from codegen_ad.testing.simulated_driver import SimulatedDriver


def loss(p, x, y):
    return np.mean((p[0] * np.exp(p[1] * x) - y) ** 2)


def penalised(params, x, y, weight=0.5):
    r = params["a"] * np.tanh(x) + params["b"] - y
    return np.sum(r * r) + weight * params["a"] ** 2


RANDOM = np.random.default_rng(3)
DATA = np.array([1.5, -0.3]), RANDOM.normal(size=300), RANDOM.normal(size=300)


@pytest.fixture
def driver() -> Iterator[SimulatedDriver]:
    found = SimulatedDriver()
    with using(found.platform()):
        yield found


def on_device(driver: SimulatedDriver, values) -> DeviceArray:
    values = np.ascontiguousarray(values)
    array = DeviceArray(driver, values.shape, values.dtype)
    driver.to_device(array.address, values.ctypes.data, values.nbytes, 0)
    return array


def test_arrays_of_numpy_go_there_and_back(driver: SimulatedDriver) -> None:
    device = differentiate(target="cuda")(loss)
    value, gradient = device.value_and_grad(*DATA)
    wanted, direction = differentiate(loss).value_and_grad(*DATA)
    assert type(value) is float
    assert isinstance(gradient, np.ndarray)
    assert value == pytest.approx(wanted, rel=1e-13)
    np.testing.assert_allclose(gradient, direction, rtol=1e-12)
    # Called again, other sizes included, in memory that is there already.
    p, x, y = DATA
    for n in (300, 300, 7, 1):
        with np.errstate(all="ignore"):
            wanted = loss(p, x[:n], y[:n])
        found = device.value(p, x[:n], y[:n])
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
    strided = device.value(p, x[::2], y[::-2])
    assert strided == pytest.approx(loss(p, x[::2], y[::-2]), rel=1e-13)


def test_arrays_on_the_device_stay_there(driver: SimulatedDriver) -> None:
    device = differentiate(loss).on("cuda")
    arrays = [on_device(driver, v) for v in DATA]
    driver.log.clear()
    value, gradient = device.value_and_grad(*arrays)
    assert [entry.split()[0] for entry in driver.log] == ["launch"], "nothing is copied"
    assert isinstance(value, DeviceArray)
    assert isinstance(gradient, DeviceArray)
    assert value.shape == ()
    wanted, direction = differentiate(loss).value_and_grad(*DATA)
    assert value.to_numpy() == pytest.approx(wanted, rel=1e-13)
    np.testing.assert_allclose(gradient.to_numpy(), direction, rtol=1e-12)
    again, _ = device.value_and_grad(*arrays)
    assert again.to_numpy() == value.to_numpy()
    assert again.address != value.address, "what was returned stays as it is"
    mixed = device.value(DATA[0], *arrays[1:])
    assert mixed.to_numpy() == pytest.approx(wanted, rel=1e-13)


def test_single_precision_and_structures(driver: SimulatedDriver) -> None:
    f = differentiate(wrt="params")(penalised)
    x, y = (v.astype(np.float32) for v in DATA[1:])
    for params in ({"a": 0.7, "b": -0.2}, {"a": np.float32(0.7), "b": np.float32(-0.2)}):
        value, gradient = f.on("cuda").value_and_grad(params, x, y)
        wanted, direction = f.value_and_grad(params, x, y)
        assert type(value) is type(wanted)
        assert value == pytest.approx(wanted, rel=1e-5)
        for name in params:
            assert type(gradient[name]) is type(direction[name])
            assert gradient[name] == pytest.approx(direction[name], rel=1e-6)


def test_auto_goes_where_the_arguments_lie(driver: SimulatedDriver) -> None:
    f = differentiate(target="auto")(loss)
    assert isinstance(f.value(*DATA), float)
    assert not driver.log
    found = f.value(DATA[0], *(on_device(driver, v) for v in DATA[1:]))
    assert isinstance(found, DeviceArray)
    assert f.on("cuda") is f.on("cuda")


def test_streams_are_respected(driver: SimulatedDriver) -> None:
    device = differentiate(loss).on("cuda")
    with cuda_stream(11):
        device.value_and_grad(*DATA)
    assert "on stream 11" in " ".join(driver.log)

    @dataclass
    class Produced:
        array: DeviceArray

        @property
        def shape(self) -> tuple[int, ...]:
            return self.array.shape

        @property
        def __cuda_array_interface__(self) -> dict:
            return {**self.array.__cuda_array_interface__, "stream": 5}

    driver.log.clear()
    device.value_and_grad(*(Produced(on_device(driver, v)) for v in DATA))
    assert "stream 0 waits for 5" in driver.log


def test_a_device_array_is_not_for_the_processor(driver: SimulatedDriver) -> None:
    with pytest.raises(InvalidArgument, match=r'Call loss\.on\("cuda"\) with it'):
        differentiate(loss).value_and_grad(DATA[0], *(on_device(driver, v) for v in DATA[1:]))


def test_an_array_with_gaps_is_not_taken(driver: SimulatedDriver) -> None:
    arrays = [on_device(driver, v) for v in DATA]

    @dataclass
    class Gaps:
        array: DeviceArray
        shape: tuple[int, ...] = (150,)

        @property
        def __cuda_array_interface__(self) -> dict:
            held = self.array.__cuda_array_interface__
            return {**held, "shape": self.shape, "strides": (16,)}

    with pytest.raises(InvalidArgument, match="x is not contiguous: on a GPU, pass a copy"):
        differentiate(loss).on("cuda").value(arrays[0], Gaps(arrays[1]), Gaps(arrays[2]))


def test_arrays_of_two_devices_do_not_meet(driver: SimulatedDriver) -> None:
    arrays = [on_device(driver, v) for v in DATA]
    places = {a.address: k % 2 for k, a in enumerate(arrays)}
    driver.device_of = lambda address: places.get(address, 0)  # type: ignore[method-assign]
    with pytest.raises(WrongDevice, match="x lies on GPU 1, and other arguments on GPU 0"):
        differentiate(loss).on("cuda").value_and_grad(*arrays)


def test_without_a_device_the_call_says_so() -> None:
    try:
        system_driver()
    except CodegenError as error:
        with pytest.raises(type(error), match="\n"):  # the second line says what to do
            differentiate(loss).on("cuda").value_and_grad(*DATA)


def test_one_least_squares_fit_says_that_it_stays_on_the_processor(driver: SimulatedDriver) -> None:
    residuals = differentiate(target="cuda")(lambda p, x, y: p[0] * np.exp(p[1] * x) - y)
    with pytest.raises(UnsupportedOnDevice, match="which runs many: fit_many") as caught:
        codegen_ad.least_squares(residuals, DATA[0], DATA[1:])
    assert caught.value.where is not None


@pytest.mark.parametrize("mode", ["hvp", "jvp", "hessian"])
def test_other_derivatives(driver: SimulatedDriver, mode: str) -> None:
    cpu = differentiate(loss)
    extra = {} if mode == "hessian" else {"tangent": np.array([0.3, -1.0])}
    found = getattr(cpu.on("cuda"), mode)(*DATA, **extra)
    wanted = getattr(cpu, mode)(*DATA, **extra)
    for ours, theirs in zip(np.atleast_1d(found), np.atleast_1d(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    if extra:
        given = [on_device(driver, v) for v in DATA]
        there = getattr(cpu.on("cuda"), mode)(*given, tangent=on_device(driver, extra["tangent"]))
        there = there if isinstance(there, tuple) else (there,)
        for ours, theirs in zip(there, wanted if mode == "jvp" else (wanted,), strict=True):
            np.testing.assert_allclose(ours.to_numpy(), theirs, rtol=1e-12)
        with pytest.raises(InvalidArgument, match="tangent has shape"):
            getattr(cpu.on("cuda"), mode)(*given, tangent=on_device(driver, np.zeros(3)))


WARM = """
import sys
import numpy as np
from codegen_ad.runtime.cuda.devices import using
from codegen_ad.testing.simulated_driver import SimulatedDriver
from tests.cuda.test_calls import DATA, differentiate, loss

with using(SimulatedDriver().platform()):
    print(differentiate(loss).on("cuda").value_and_grad(*DATA)[0])
print(*{"numba", "llvmlite", "sympy", "jinja2", "numba_cuda", "cuda"} & set(sys.modules))
"""


def test_a_second_process_needs_no_compiler(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    root = Path(__file__).parent.parent.parent
    places = {"CODEGEN_AD_CACHE": str(tmp_path), "PYTHONPATH": str(root)}
    outputs = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", WARM],
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(run.stdout.splitlines())
    assert outputs[0][0] == outputs[1][0]
    assert outputs[0][1]
    assert outputs[1][1] == ""
    assert len(list((tmp_path / "cubins").glob("*.cubin"))) == 1
