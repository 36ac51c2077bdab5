"""Arguments of a call as kernels take them: checked, and copied to the device if need be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.errors import InvalidArgument, WrongDevice
from codegen_ad.runtime.cuda.arrays import DEFAULT, View, kind_of, stream_number, view_of
from codegen_ad.runtime.cuda.devices import platform
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.streams import current_stream
from codegen_ad.runtime.cuda.table import Parameter
from codegen_ad.runtime.foreign import is_on_device

Upload = Callable[[str, Any], View]
"""Copies an array of the host to the device, for the parameter of a name."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Takes arguments for kernels on one device."""

    driver: Driver
    device: int

    def taken(self, name: str, given: Any, wanted: Parameter, upload: Upload, stream: int) -> Any:
        """An argument as the kernels take it.

        Raises
        ------
        WrongDevice
            If it lies on another device.
        InvalidArgument
            If it lies on the device and is not what the kernels were compiled for.
        """
        if not is_on_device(given):
            return upload(name, given) if wanted.is_array else given
        view = view_of(given, name)
        self._check_device(name, view)
        if view.stream is not None and view.stream != stream:
            self.driver.wait(stream, view.stream)
        if not wanted.is_array:
            return self.to_host(view, stream)[()]
        _check_layout(name, view, wanted)
        return view

    def to_host(self, view: View, stream: int) -> np.ndarray[Any, Any]:
        """A copy of a contiguous array, once the stream is done."""
        found = np.empty(view.shape, view.dtype)
        if found.size:
            self.driver.to_host(found.ctypes.data, view.address, found.nbytes, stream)
        self.driver.synchronize(stream)
        return found

    def _check_device(self, name: str, view: View) -> None:
        if not view.words[2]:
            return  # without elements there is no address to ask about
        device = self.driver.device_of(view.address)
        if device != self.device:
            raise WrongDevice(
                f"{name} lies on GPU {device}, and other arguments on GPU {self.device}.\n"
                "Copy all arguments to the same one."
            )


class Row:
    """The first row of an array on a device, where an array of one axis less is looked at."""

    def __init__(self, whole: Any) -> None:
        view = view_of(whole, "an argument")
        self.shape = view.shape[1:]
        self.__cuda_array_interface__ = {
            "shape": self.shape,
            "typestr": view.dtype.str,
            "data": (view.address, False),
            "strides": None if view.is_contiguous else view.strides[1:],
            "version": 3,
        }


def on_host(value: Any, name: str) -> np.ndarray[Any, Any]:
    """A copy of an array that lies on a device.

    Raises
    ------
    InvalidArgument
        If it has gaps.
    """
    driver = platform().driver()
    view = view_of(value, name)
    device = driver.device_of(view.address) if view.words[2] else 0
    driver.use(device)
    _check_contiguous(name, view)
    return Passing(driver, device).to_host(view, view.stream or 0)


def at_home(value: Any, name: str) -> np.ndarray[Any, Any]:
    """An array of the host: a copy of one that lies on a device."""
    return on_host(value, name) if is_on_device(value) else np.asarray(value)


def _check_layout(name: str, view: View, wanted: Parameter) -> None:
    """Raise unless an array on the device is what the kernels were compiled for."""
    if view.dtype != wanted.dtype or len(view.shape) != wanted.ndim:
        raise InvalidArgument(
            f"{name} has {len(view.shape)} axes and dtype {view.dtype} on the GPU, where "
            f"{wanted.ndim} and {wanted.dtype} are needed"
        )
    _check_contiguous(name, view)


def _check_contiguous(name: str, view: View) -> None:
    if not view.is_contiguous:
        raise InvalidArgument(
            f"{name} is not contiguous: on a GPU, pass a copy of it in C order "
            "(cupy.ascontiguousarray, tensor.contiguous())"
        )


def device_of_arguments(driver: Driver, given: Mapping[str, Any]) -> int:
    """The device that the first array lies on that lies on one; 0 without any."""
    for name, v in given.items():
        if is_on_device(v):
            view = view_of(v, name)
            if view.words[2]:
                return driver.device_of(view.address)
    return 0


def stream_of_arguments(driver: Driver, given: Mapping[str, Any]) -> int:
    """What was chosen, or what the library of the first array on a device works on now."""
    chosen = current_stream()
    if chosen is not None:
        return stream_number(chosen)
    first = next((v for v in given.values() if is_on_device(v)), None)
    return DEFAULT if first is None else kind_of(first, driver).stream()
