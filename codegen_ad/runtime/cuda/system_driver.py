"""The CUDA driver of the system, through NVIDIA's own bindings (the package cuda-bindings)."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Any

from codegen_ad.errors import DeviceError, DriverTooOld, MissingDependency, NoDevice
from codegen_ad.errors import OutOfDeviceMemory as OutOfMemory
from codegen_ad.runtime.cuda.driver import Properties, amount, check_version
from codegen_ad.runtime.cuda.products import multiply

if TYPE_CHECKING:
    from codegen_ad.runtime.cuda.arrays import View

ON_CPU = 'Compute on the CPU there: target="cpu", or target="auto", which looks first.'


@functools.cache
def system_driver() -> SystemDriver:
    """The driver, initialised, with at least one device.

    Raises
    ------
    MissingDependency
        If cuda-bindings is not installed.
    NoDevice
        If there is no driver, or it finds no device.
    DriverTooOld
        If it does not know the version of CUDA that kernels are compiled for.
    """
    try:
        api: Any = import_module("cuda.bindings.driver")
    except ImportError:
        raise MissingDependency("cuda-bindings", "cuda", "to use a GPU") from None
    try:
        (status,) = api.cuInit(0)
    except (RuntimeError, OSError, ImportError) as error:
        # The bindings look for libcuda on their first call, and each version fails in its own way.
        raise NoDevice(
            f"there is no NVIDIA driver on this machine ({_first(error)}).\n{ON_CPU}"
        ) from error
    if status != api.CUresult.CUDA_SUCCESS:
        why = _description(api, status)
        raise NoDevice(f"the NVIDIA driver finds no GPU that can be used ({why}).\n{ON_CPU}")
    driver = SystemDriver(api)
    if driver.count() == 0:
        raise NoDevice(f"the NVIDIA driver finds no GPU on this machine.\n{ON_CPU}")
    check_version(driver)
    return driver


class SystemDriver:
    """`driver.Driver`, by libcuda; see there for what the functions do."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self._ok = api.CUresult.CUDA_SUCCESS
        self._contexts: dict[int, Any] = {}
        self._launch = api.cuLaunchKernel
        self._launch_together = api.cuLaunchCooperativeKernel

    def version(self) -> int:
        return int(self._do("cuDriverGetVersion"))

    def count(self) -> int:
        return int(self._do("cuDeviceGetCount"))

    def properties(self, device: int) -> Properties:
        handle = self._do("cuDeviceGet", device)
        name: bytes = self._do("cuDeviceGetName", 256, handle)
        kinds = self.api.CUdevice_attribute
        major, minor, count = (
            int(self._do("cuDeviceGetAttribute", kind, handle))
            for kind in (
                kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                kinds.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
            )
        )
        memory = int(self._do("cuDeviceTotalMem", handle))
        return Properties(name.split(b"\0")[0].decode(), (major, minor), count, memory)

    def free_memory(self) -> int:
        return int(self._do("cuMemGetInfo")[0])

    def use(self, device: int) -> None:
        context = self._contexts.get(device)
        if context is None:
            handle = self._do("cuDeviceGet", device)
            context = self._contexts[device] = self._do("cuDevicePrimaryCtxRetain", handle)
        self._do("cuCtxSetCurrent", context)

    def load(self, code: bytes) -> int:
        status, module = self.api.cuModuleLoadData(code)
        if status == self._ok:
            return int(module)
        kinds = self.api.CUresult
        if status in (kinds.CUDA_ERROR_NO_BINARY_FOR_GPU, kinds.CUDA_ERROR_INVALID_IMAGE):
            raise DriverTooOld(
                f"the driver does not take the machine code ({_description(self.api, status)}): "
                "it was compiled for another GPU or by a newer compiler.\n"
                "Update the driver, or clear the kernels kept on disk: codegen-ad cache clear"
            )
        self._raise("cuModuleLoadData", status)
        raise AssertionError

    def function(self, module: int, entry: str) -> int:
        return int(self._do("cuModuleGetFunction", self.api.CUmodule(module), entry.encode()))

    def together(self, function: int, threads: int) -> int:
        kind = self.api.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
        count = int(self._do("cuDeviceGetAttribute", kind, self._do("cuCtxGetDevice")))
        kernel = self.api.CUfunction(function)
        each = self._do("cuOccupancyMaxActiveBlocksPerMultiprocessor", kernel, threads, 0)
        return count * int(each)

    def allocate(self, size: int) -> int:
        status, address = self.api.cuMemAlloc(max(size, 1))
        if status == self.api.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            raise OutOfMemory(
                f"the GPU has no room for {amount(size)}: {amount(self.free_memory())} are free.\n"
                "Free what other programs or libraries hold there (CuPy and torch keep pools), "
                "pass the data in parts, or use float32."
            )
        self._check("cuMemAlloc", status)
        return int(address)

    def free(self, address: int) -> None:
        self._do("cuMemFree", address)

    def device_of(self, address: int) -> int:
        kind = self.api.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
        return int(self._do("cuPointerGetAttribute", kind, address))

    def to_device(self, address: int, host: int, size: int, stream: int) -> None:
        self._do("cuMemcpyHtoDAsync", address, host, size, stream)

    def to_host(self, host: int, address: int, size: int, stream: int) -> None:
        self._do("cuMemcpyDtoHAsync", host, address, size, stream)

    def copy(self, address: int, source: int, size: int, stream: int) -> None:
        self._do("cuMemcpyDtoDAsync", address, source, size, stream)

    def pinned(self, size: int) -> int:
        return int(self._do("cuMemHostAlloc", size, 0))

    def release(self, host: int) -> None:
        self._do("cuMemFreeHost", host)

    def fill(self, address: int, byte: int, size: int, stream: int) -> None:
        self._do("cuMemsetD8Async", address, byte, size, stream)

    def launch(
        self,
        function: int,
        blocks: int,
        threads: int,
        shared: int,
        stream: int,
        parameters: int,
        cooperative: bool,
    ) -> None:
        if cooperative:
            (status,) = self._launch_together(
                function, blocks, 1, 1, threads, 1, 1, shared, stream, parameters
            )
        else:
            (status,) = self._launch(
                function, blocks, 1, 1, threads, 1, 1, shared, stream, parameters, 0
            )
        if status != self._ok:
            self._raise("cuLaunchKernel", status)

    def multiply(
        self, result: View, left: View, right: View, transposed: tuple[bool, bool], stream: int
    ) -> None:
        device = int(self._do("cuCtxGetDevice"))
        multiply(result, left, right, transposed, device, stream)

    def wait(self, stream: int, other: int) -> None:
        event = self._do("cuEventCreate", 2)  # CU_EVENT_DISABLE_TIMING
        self._do("cuEventRecord", event, other)
        self._do("cuStreamWaitEvent", stream, event, 0)
        self._do("cuEventDestroy", event)

    def synchronize(self, stream: int) -> None:
        self._do("cuStreamSynchronize", stream)

    def clock(self, stream: int) -> int:
        event = self._do("cuEventCreate", 0)
        self._do("cuEventRecord", event, stream)
        return int(event)

    def milliseconds(self, start: int, end: int) -> float:
        first, last = self.api.CUevent(start), self.api.CUevent(end)
        self._do("cuEventSynchronize", last)
        found = float(self._do("cuEventElapsedTime", first, last))
        self._do("cuEventDestroy", first)
        self._do("cuEventDestroy", last)
        return found

    def _do(self, name: str, *args: Any) -> Any:
        """Call a function of the driver; what it returns beside its status, or the error."""
        status, *results = getattr(self.api, name)(*args)
        self._check(name, status)
        return results[0] if len(results) == 1 else tuple(results)

    def _check(self, name: str, status: Any) -> None:
        if status != self._ok:
            self._raise(name, status)

    def _raise(self, name: str, status: Any) -> None:
        raise DeviceError(
            f"the GPU reports an error: {_description(self.api, status)} ({name}).\n"
            "If it says that an address is illegal, arrays were freed too early, or this is a "
            "mistake in codegen_ad; after such an error the process must be started anew."
        )


def _description(api: Any, status: Any) -> str:
    found: bytes | None = api.cuGetErrorString(status)[1]
    return found.decode() if found else str(status)


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
