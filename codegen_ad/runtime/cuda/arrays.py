"""Arrays on a device, whoever made them: where they lie, and new ones of the same kind.

Arrays of other libraries are taken by `__cuda_array_interface__` (CuPy, torch, numba, JAX), or by
DLPack where they have only that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

import numpy as np

from codegen_ad.errors import InvalidArgument
from codegen_ad.runtime.cuda.dlpack import LEGACY
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.foreign import device_interface

Shape = tuple[int, ...]

DEFAULT = 0
"""The default stream, which the driver also knows as `LEGACY`."""


@dataclass(frozen=True, slots=True)
class View:
    """An array on a device.

    Attributes
    ----------
    address : of its first element.
    shape, strides : the latter in bytes.
    dtype : of an element.
    owner : what keeps the memory alive.
    stream : of what is still being written there; None if that is known to be done.
    words : the array as a kernel takes it.
    """

    address: int
    shape: Shape
    strides: Shape
    dtype: np.dtype[Any]
    owner: object
    stream: int | None = None
    words: Shape = field(init=False, compare=False)

    @classmethod
    def of(cls, address: int, shape: Shape, dtype: np.dtype[Any]) -> View:
        """Memory in C order, which someone else keeps."""
        return cls(address, shape, contiguous(shape, dtype.itemsize), dtype, None)

    def __post_init__(self) -> None:
        shape, dtype = self.shape, self.dtype
        words = (0, 0, prod(shape), dtype.itemsize, self.address, *shape, *self.strides)
        object.__setattr__(self, "words", words)

    @property
    def nbytes(self) -> int:
        """Size of all elements."""
        return self.words[2] * self.dtype.itemsize

    @property
    def is_contiguous(self) -> bool:
        """Whether its elements lie in C order, one after the other."""
        return not self.words[2] or self.strides == contiguous(self.shape, self.dtype.itemsize)


class DeviceArray:
    """Memory of the device, as an array: what calls return where no other library's kind is known.

    It can be handed to any library that takes `__cuda_array_interface__`, and copied to NumPy.
    """

    __codegen_device_array__ = True

    def __init__(
        self, driver: Driver, shape: Shape, dtype: Any, base: DeviceArray | None = None
    ) -> None:
        self._driver = driver
        self._base = base
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.nbytes = prod(shape) * self.dtype.itemsize
        self.address = driver.allocate(self.nbytes) if base is None else base.address

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The array for others; the stream that writes it is the one of the call it came from."""
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "strides": None,
            "version": 3,
            "stream": None,
        }

    def view(self) -> View:
        """The array as kernels take it."""
        strides = contiguous(self.shape, self.dtype.itemsize)
        return View(self.address, self.shape, strides, self.dtype, self)

    def reshape(self, shape: Shape) -> DeviceArray:
        """The same elements in another shape."""
        made = DeviceArray(self._driver, shape, self.dtype, self)
        assert made.nbytes == self.nbytes
        return made

    def to_numpy(self, stream: int = 0) -> np.ndarray[Any, Any]:
        """A copy on the host, after what the stream was given."""
        found = np.empty(self.shape, self.dtype)
        if found.size:
            self._driver.to_host(found.ctypes.data, self.address, self.nbytes, stream)
        self._driver.synchronize(stream)
        return found

    def __repr__(self) -> str:
        return f"<array of shape {self.shape} and dtype {self.dtype} on the GPU>"

    def __del__(self) -> None:
        address = getattr(self, "address", None)
        if address is not None and self._base is None and not sys.is_finalizing():
            self._driver.free(address)


@dataclass(frozen=True, slots=True)
class Kind:
    """A library's arrays: how it makes one, and which stream it works on now.

    Attributes
    ----------
    name : of the library's top module, or "codegen_ad".
    empty : makes an array of such a shape and dtype.
    stream : the stream that the library gives its work to.
    address : where an array of it lies.
    """

    name: str
    empty: Callable[[Shape, Any], Any]
    stream: Callable[[], int]
    address: Callable[[Any], int]


def view_of(value: Any, name: str) -> View:
    """Where an array of another library lies.

    Raises
    ------
    InvalidArgument
        If it is a tensor that records its own gradient, or does not lie on a GPU.
    """
    if isinstance(value, DeviceArray):
        return value.view()
    found = device_interface(value, name)
    if found is None:
        raise InvalidArgument(f"{name} is no array on a GPU: {type(value).__name__}")
    dtype = np.dtype(found["typestr"])
    shape = tuple(int(n) for n in found["shape"])
    strides = found.get("strides")
    strides = contiguous(shape, dtype.itemsize) if strides is None else tuple(strides)
    stream = found.get("stream")
    stream = DEFAULT if stream == LEGACY else stream
    owner = found.get("owner", value)
    return View(int(found["data"][0]), shape, strides, dtype, owner, stream)


def kind_of(value: object, driver: Driver) -> Kind:
    """The kind of an array on a device, by the library that made it."""
    root = type(value).__module__.partition(".")[0]
    module = sys.modules.get(root)
    match root:
        case "torch":
            torch: Any = module
            device = cast("Any", value).device

            def empty(shape: Shape, dtype: Any) -> Any:
                return torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name), device=device)

            current = torch.cuda.current_stream
            return Kind(
                root, empty, lambda: int(current(device).cuda_stream), torch.Tensor.data_ptr
            )
        case "cupy":
            cupy: Any = module
            current = cupy.cuda.get_current_stream
            return Kind(root, cupy.empty, lambda: int(current().ptr), lambda a: a.data.ptr)
        case "numba" | "numba_cuda":
            cuda: Any = sys.modules["numba.cuda"]
            return Kind(root, cuda.device_array, lambda: DEFAULT, _address)
        case _:
            return own_kind(driver)


def own_kind(driver: Driver) -> Kind:
    """Arrays of this library."""

    def empty(shape: Shape, dtype: Any) -> DeviceArray:
        return DeviceArray(driver, shape, dtype)

    return Kind("codegen_ad", empty, lambda: DEFAULT, lambda array: array.address)


def _address(array: Any) -> int:
    return int(array.__cuda_array_interface__["data"][0])


def stream_number(stream: object) -> int:
    """The driver's number of a stream: of torch, CuPy, numba or `cuda.core`, or a number itself.

    Raises
    ------
    InvalidArgument
        If it is none of them.
    """
    if stream is None:
        return 0
    if isinstance(stream, int):
        return DEFAULT if stream == LEGACY else stream
    protocol = getattr(stream, "__cuda_stream__", None)
    if protocol is not None:
        return int(protocol()[1])
    for name in ("cuda_stream", "ptr", "handle"):
        found: Any = getattr(stream, name, None)
        if found is not None:
            return int(getattr(found, "value", found) or 0)
    raise InvalidArgument(
        f"stream={stream!r} is no stream: pass one of torch, CuPy or numba, or its address"
    )


def contiguous(shape: Sequence[int], itemsize: int) -> Shape:
    """Strides in bytes of an array in C order."""
    strides: list[int] = []
    step = itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))
