"""Kernels through the whole runtime, on a device that the simulator plays."""

import ctypes
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad.errors import (
    CacheWarning,
    DeviceError,
    DriverTooOld,
    InternalError,
    InvalidArgument,
    MissingDependency,
    NoDevice,
    OutOfDeviceMemory,
    UnsafeCacheFolder,
)
from codegen_ad.runtime.cuda.ahead import Image, Resources
from codegen_ad.runtime.cuda.arrays import (
    DeviceArray,
    kind_of,
    stream_number,
    view_of,
)
from codegen_ad.runtime.cuda.cubins import Cubins, Request
from codegen_ad.runtime.cuda.dlpack import imported
from codegen_ad.runtime.cuda.driver import amount, check_version
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.system_driver import SystemDriver, system_driver
from codegen_ad.runtime.cuda.table import parameter, read, value
from codegen_ad.runtime.foreign import is_on_device
from codegen_ad.testing import lockstep
from codegen_ad.testing.simulated_driver import SimulatedDriver, image

FILE = Path(__file__).parent / "hand_kernels.py"
SOURCE = FILE.read_text(encoding="utf-8")
KERNELS = read(SOURCE).kernels
VERSIONS = {"numba-cuda": "1"}


def simulated(**options) -> SimulatedDriver:
    return SimulatedDriver(**options)


def loaded(driver: SimulatedDriver, name: str) -> LoadedKernel:
    kernel = KERNELS[name]
    return LoadedKernel(driver, kernel, image(SOURCE, kernel))


def on_device(driver: SimulatedDriver, values: np.ndarray) -> DeviceArray:
    array = DeviceArray(driver, values.shape, values.dtype)
    driver.to_device(array.address, values.ctypes.data, values.nbytes, 0)
    return array


# The table ----------------------------------------------------------------------------------------


def test_types_in_numbas_spelling() -> None:
    assert (parameter("float32").ndim, parameter("float32[::1]").ndim) == (0, 1)
    assert parameter("int64[:, :, ::1]").ndim == 3
    assert [parameter(t).dtype.name for t in ("boolean", "int32[:, ::1]")] == ["bool", "int32"]
    with pytest.raises(InternalError, match="float16"):
        parameter("float16[::1]")
    with pytest.raises(InternalError, match="no table KERNELS"):
        read("x = 1")


def test_the_table_is_read_without_the_file() -> None:
    file = read(SOURCE)
    kernel = file.kernels["line_value_and_grad"]
    assert (kernel.threads, kernel.blocks, kernel.launch_bounds) == (64, 3, (64, 1))
    assert [kernel.grid({"n": n}) for n in (0, 1, 64, 65, 10**6)] == [1, 1, 1, 2, 3]
    assert file.kernels["fit_grid"].cooperative
    assert file.kernels["fit_grid"].grid({}) == 3
    assert file.sizes_of({"x": (5,)}, {}) == {"n": 5}
    assert file.arrays["counter"].role == "counter"
    assert value("2 * n + 1", {"n": 3}) == 7


# Launches -----------------------------------------------------------------------------------------


def test_a_kernel_runs_on_arrays_of_the_device() -> None:
    driver = simulated(orders=lockstep.ORDERS)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=150), rng.normal(size=150)
    counter = on_device(driver, np.zeros(1, np.int32))
    arrays = [on_device(driver, v) for v in (x, y)]
    partial, out = DeviceArray(driver, (3, 3), "f8"), DeviceArray(driver, (3,), "f8")
    views = [a.view() for a in (*arrays, partial, counter, out)]
    values = [1.5, -0.3, *views]
    kernel = loaded(driver, "line_value_and_grad")
    kernel.check(values)
    for _ in range(2):  # the counter is as it was
        kernel.launch(values, stream=7)
        r = 1.5 * np.exp(-0.3 * x) - y
        np.testing.assert_allclose(out.to_numpy()[0], np.mean(r * r), rtol=1e-13)
    assert driver.log.count("launch line_value_and_grad on stream 7") == 2


@pytest.mark.parametrize("n", [0, 1, 300])
def test_single_precision_scalars_are_laid_out(n: int) -> None:
    driver = simulated()
    x = np.linspace(0, 1, n, dtype=np.float32)
    out = DeviceArray(driver, (n,), "f4")
    loaded(driver, "scale").launch([0.5, on_device(driver, x).view(), out.view()])
    np.testing.assert_array_equal(out.to_numpy(), np.float32(0.5) * np.exp(x))


def test_arrays_that_do_not_fit_are_refused() -> None:
    driver = simulated()
    kernel = loaded(driver, "scale")
    good = DeviceArray(driver, (4,), "f4").view()
    for wrong in (DeviceArray(driver, (4,), "f8"), DeviceArray(driver, (2, 2), "f4")):
        with pytest.raises(InvalidArgument, match=r"argument 1 of scale must be float32\[::1\]"):
            kernel.check([0.5, wrong.view(), good])
    data = {"shape": (2,), "typestr": "<f4", "data": (good.address, False), "strides": (8,)}
    strided = view_of(SimpleNamespace(__cuda_array_interface__=data), "x")
    with pytest.raises(InvalidArgument, match="argument 1 of scale must be contiguous"):
        kernel.check([0.5, strided, good])


def test_memory_is_given_back() -> None:
    driver = simulated(memory=1000)
    kept = DeviceArray(driver, (100,), "f8")
    with pytest.raises(OutOfDeviceMemory, match="no room"):
        DeviceArray(driver, (100,), "f8")
    del kept
    assert DeviceArray(driver, (100,), "f8").nbytes == 800
    assert issubclass(OutOfDeviceMemory, MemoryError)


# Arrays of others ---------------------------------------------------------------------------------


def test_arrays_of_other_libraries_are_taken_as_they_are() -> None:
    driver = simulated()
    array = on_device(driver, np.arange(6.0).reshape(2, 3))
    stranger = SimpleNamespace(__cuda_array_interface__=array.__cuda_array_interface__)
    view = view_of(stranger, "x")
    assert (view.address, view.shape, view.strides) == (array.address, (2, 3), (24, 8))
    assert view.owner is stranger
    assert is_on_device(stranger)
    assert is_on_device(array)
    assert not is_on_device(np.zeros(3))
    assert not is_on_device(3.0)
    made = kind_of(stranger, driver).empty((4,), np.float32)
    assert isinstance(made, DeviceArray)
    assert made.shape == (4,)


def test_a_tensor_that_records_its_gradient_is_refused() -> None:
    class Tensor:
        @property
        def __cuda_array_interface__(self) -> dict:
            raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad.")

    with pytest.raises(InvalidArgument, match=r"pass x\.detach"):
        view_of(Tensor(), "x")


@pytest.mark.parametrize("values", [np.arange(6.0).reshape(2, 3), np.arange(8, dtype="i4")[::2]])
def test_dlpack_capsules_are_read(values: np.ndarray) -> None:
    found = imported(values)
    assert found["data"] == (values.ctypes.data, False)
    assert (found["shape"], found["typestr"]) == (values.shape, values.dtype.str)
    assert found["strides"] in (values.strides, None if values.flags.c_contiguous else ())


def test_streams_of_all_libraries() -> None:
    handle = SimpleNamespace(handle=ctypes.c_void_p(9))
    assert stream_number(None) == 0
    assert stream_number(5) == 5
    assert stream_number(1) == 0, "the legacy default stream has two numbers"
    assert stream_number(SimpleNamespace(cuda_stream=6)) == 6
    assert stream_number(SimpleNamespace(ptr=7)) == 7
    assert stream_number(handle) == 9
    assert stream_number(SimpleNamespace(__cuda_stream__=lambda: (0, 8))) == 8
    with pytest.raises(InvalidArgument, match="is no stream"):
        stream_number("main")


# Machine code on disk -----------------------------------------------------------------------------


def compiled(kernel, capability) -> Image:
    return Image(f"_Z{kernel.name}", b"code", Resources(10, 0, 0, 0, 1), dict(VERSIONS))


def fail(kernel, capability) -> Image:
    raise AssertionError("nothing is compiled again")


def test_machine_code_is_kept(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    request = Request(SOURCE, KERNELS["scale"], (9, 0))
    cubins = Cubins(tmp_path / "cubins", lambda: VERSIONS)
    first = cubins.get(request, compiled)
    assert cubins.get(request, fail) == first
    assert [p.name for p in sorted(cubins.folder.iterdir())] == [
        f"{request.stem()}.cubin",
        f"{request.stem()}.json",
    ]
    notes = json.loads((cubins.folder / f"{request.stem()}.json").read_text())
    assert (notes["architecture"], notes["resources"]["registers"]) == ("sm_90", 10)


def test_kept_machine_code_can_be_removed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    cubins = Cubins(tmp_path, lambda: VERSIONS)
    assert cubins.files() == []
    cubins.get(Request(SOURCE, KERNELS["scale"], (9, 0)), compiled)
    other = tmp_path / "mine_sm_90.txt"
    other.write_text("")
    assert len(cubins.files()) == 1
    cubins.clear()
    assert list(tmp_path.iterdir()) == [other]


def test_what_decides_the_machine_code_is_in_its_key() -> None:
    kernel = KERNELS["scale"]
    changed = SOURCE.replace('"threads": 128', '"threads": 256')
    others = [
        Request(SOURCE + "\n", kernel, (9, 0)),
        Request(SOURCE, kernel, (8, 0)),
        Request(SOURCE, KERNELS["fit_warp"], (9, 0)),
        Request(SOURCE, read(changed).kernels["scale"], (9, 0)),
    ]
    keys = {r.key() for r in (Request(SOURCE, kernel, (9, 0)), *others)}
    assert len(keys) == 5


def test_code_by_another_compiler_is_taken_only_where_there_is_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    request = Request(SOURCE, KERNELS["scale"], (9, 0))
    Cubins(tmp_path, lambda: VERSIONS).get(request, compiled)
    assert Cubins(tmp_path, dict).find(request) is not None
    assert Cubins(tmp_path, lambda: {"numba-cuda": "2"}).find(request) is None


@pytest.mark.parametrize("damage", ["cut", "notes", "text", "foreign"])
def test_damaged_code_is_built_again(tmp_path: Path, damage: str) -> None:
    tmp_path.chmod(0o700)
    request = Request(SOURCE, KERNELS["scale"], (9, 0))
    cubins = Cubins(tmp_path, lambda: VERSIONS)
    cubins.get(request, compiled)
    code, notes = (tmp_path / f"{request.stem()}.{end}" for end in ("cubin", "json"))
    {
        "cut": lambda: code.write_bytes(b"co"),
        "notes": lambda: notes.write_text("{}"),
        "text": lambda: notes.write_text("[1"),
        "foreign": lambda: notes.write_text("[]"),
    }[damage]()
    with pytest.warns(CacheWarning, match="it will be built again"):
        assert cubins.get(request, compiled).code == b"code"
    assert cubins.get(request, fail).code == b"code"


@pytest.mark.skipif(sys.platform == "win32", reason="the platform has no such permissions")
def test_code_that_others_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    request = Request(SOURCE, KERNELS["scale"], (9, 0))
    cubins = Cubins(tmp_path, lambda: VERSIONS)
    cubins.get(request, compiled)
    (tmp_path / f"{request.stem()}.cubin").chmod(0o666)
    with pytest.raises(UnsafeCacheFolder):
        cubins.find(request)


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        blocked = tmp_path / "file"
        blocked.write_text("")
        folder = blocked / "cubins"
    else:
        tmp_path.chmod(0o500)
        folder = tmp_path / "cubins"
    cubins = Cubins(folder, lambda: VERSIONS)
    with pytest.warns(CacheWarning, match="cannot be kept"):
        assert cubins.get(Request(SOURCE, KERNELS["scale"], (9, 0)), compiled).code == b"code"


# Errors of the driver -----------------------------------------------------------------------------


def test_a_driver_that_is_too_old_says_what_to_do() -> None:
    check_version(simulated())
    with pytest.raises(DriverTooOld, match=r"knows CUDA 12\.4, .* for CUDA 13\.0") as caught:
        check_version(simulated(driver_version=12040))
    assert 'target="cpu"' in str(caught.value)


class Api:
    """libcuda that fails."""

    class CUresult:
        """Its status codes."""

        CUDA_SUCCESS = 0
        CUDA_ERROR_OUT_OF_MEMORY = 2
        CUDA_ERROR_INVALID_IMAGE = 200
        CUDA_ERROR_NO_BINARY_FOR_GPU = 209
        CUDA_ERROR_ILLEGAL_ADDRESS = 700

    cuLaunchKernel = cuLaunchCooperativeKernel = staticmethod(lambda *args: (700,))
    cuMemAlloc = staticmethod(lambda size: (2, None))
    cuMemGetInfo = staticmethod(lambda: (0, 3 * 10**9, 8 * 10**10))
    cuModuleLoadData = staticmethod(lambda code: (209, None))
    cuStreamSynchronize = staticmethod(lambda stream: (700,))
    cuGetErrorString = staticmethod(lambda status: (0, b"error %d" % status))


def test_errors_of_the_driver_say_what_to_do() -> None:
    driver = SystemDriver(Api)
    with pytest.raises(OutOfDeviceMemory, match="no room for 8 GB: 3 GB are free") as caught:
        driver.allocate(8 * 10**9)
    assert "use float32" in str(caught.value)
    with pytest.raises(DriverTooOld, match="codegen-ad cache clear"):
        driver.load(b"")
    with pytest.raises(DeviceError, match="error 700"):
        driver.synchronize(0)
    with pytest.raises(DeviceError, match="error 700"):
        driver.launch(1, 1, 1, 0, 0, 0, False)


def test_a_machine_without_a_device_says_so() -> None:
    try:
        assert system_driver().count() > 0
    except (NoDevice, MissingDependency, DriverTooOld) as error:
        text = str(error)
        assert "\n" in text, "the second line says what to do"


def absent(_: int) -> Any:
    raise RuntimeError("Failed to dlopen libcuda.so.1")


@pytest.mark.parametrize(
    ("init", "count", "version", "error", "message"),
    [
        (absent, 1, 13000, NoDevice, "there is no NVIDIA driver .*libcuda"),
        (lambda _: (100,), 1, 13000, NoDevice, "finds no GPU that can be used .*error 100"),
        (lambda _: (0,), 0, 13000, NoDevice, "finds no GPU on this machine"),
        (lambda _: (0,), 1, 12040, DriverTooOld, "knows CUDA 12.4"),
    ],
)
def test_what_a_machine_lacks_is_named(
    init: Any, count: int, version: int, error: type, message: str, monkeypatch: Any
) -> None:
    more = {
        "cuInit": staticmethod(init),
        "cuDeviceGetCount": staticmethod(lambda: (0, count)),
        "cuDriverGetVersion": staticmethod(lambda: (0, version)),
    }
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", type("Api", (Api,), more))
    with pytest.raises(error, match=message) as caught:
        system_driver()
    assert 'target="cpu"' in str(caught.value)


def test_missing_bindings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    with pytest.raises(MissingDependency, match=r"cuda-bindings.*to use a GPU"):
        system_driver()


def test_amounts() -> None:
    assert [amount(n) for n in (12, 3400, 5.6e6, 78e9)] == ["12 bytes", "3.4 kB", "5.6 MB", "78 GB"]
