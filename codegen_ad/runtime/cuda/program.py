"""A generated CUDA file on a device: arguments in, its kernels launched in order, results out."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.errors import WrongDevice
from codegen_ad.runtime.cuda.ahead import Image
from codegen_ad.runtime.cuda.arrays import (
    Kind,
    View,
    kind_of,
    stream_number,
    view_of,
)
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.table import DeviceFile, Kernel, value
from codegen_ad.runtime.cuda.workspace import Workspace
from codegen_ad.runtime.foreign import is_on_device

ImageOf = Callable[[Kernel, tuple[int, int]], Image]


class DeviceProgram:
    """All kernels of one file, on one device.

    Parameters
    ----------
    file : what the file says of itself.
    driver, device : where it runs.
    image_of : gives a kernel's machine code for an architecture.
    """

    def __init__(self, file: DeviceFile, driver: Driver, device: int, image_of: ImageOf) -> None:
        self.file = file
        self.driver = driver
        self.device = device
        driver.use(device)
        capability = driver.properties(device).capability
        self.kernels = [
            LoadedKernel(driver, k, image_of(k, capability)) for k in file.kernels.values()
        ]
        self._types = {
            n: p for k in file.kernels.values() for n, p in zip(k.names, k.parameters, strict=True)
        }
        self._workspaces: dict[int, Workspace] = {}

    def run(
        self,
        given: Mapping[str, Any],
        numbers: Sequence[bool],
        stream: object = None,
    ) -> list[Any]:
        """The results, in order.

        Parameters
        ----------
        given : the user's arguments by the names of the kernels' parameters: numbers, arrays of
            NumPy, and arrays on the device.
        numbers : for each result whether it is a number, which kernels leave in one element.
        stream : what the kernels are given to; left out, what the library whose arrays are passed
            works on now.

        Returns
        -------
        list
            Arrays of the kind of the first array that lies on the device, whose content is there
            once the stream is done; without one, arrays and numbers of NumPy, which are there.

        Raises
        ------
        WrongDevice
            If an array lies on another device.
        InvalidArgument
            If an array on the device has another dtype or rank than the kernels', or has gaps.
        OutOfDeviceMemory
            If the device has no room.
        Exception
            What the function itself raises.
        """
        driver = self.driver
        driver.use(self.device)
        first = next((v for v in given.values() if is_on_device(v)), None)
        kind = None if first is None else kind_of(first, driver)
        if stream is not None:
            number = stream_number(stream)
        else:
            number = 0 if kind is None else kind.stream()
        workspace = self._workspace(number)
        with workspace.lock:
            values = {
                n: self._taken(n, v, workspace, number)
                for n, v in given.items()
                if n in self._types
            }
            shapes = {n: tuple(np.shape(v)) for n, v in given.items()}
            sizes = self.file.sizes_of(shapes, given)
            results = self._results(values, sizes, workspace, kind, numbers)
            for name, what in self.file.arrays.items():
                if what.role != "output":
                    values[name] = workspace.own(name, sizes)
            for kernel in self.kernels:
                arguments = [values[n] for n in kernel.kernel.names]
                kernel.check(arguments)
                kernel.launch(arguments, number, kernel.kernel.grid(sizes))
            self._raise_failure(workspace, number)
            if kind is not None:
                return results
            found = [array.to_numpy(number) for array in results]
        return [v.item() if is_number else v for v, is_number in zip(found, numbers, strict=True)]

    def _workspace(self, stream: int) -> Workspace:
        found = self._workspaces.get(stream)
        if found is None:
            made = Workspace(self.driver, self.file.arrays, stream)
            found = self._workspaces.setdefault(stream, made)
        return found

    def _taken(self, name: str, given: Any, workspace: Workspace, stream: int) -> Any:
        """An argument as the kernels take it."""
        if is_on_device(given):
            view = view_of(given, name)
            self._check_device(name, view)
            if view.stream is not None and view.stream != stream:
                self.driver.wait(stream, view.stream)
            return view if self._types[name].is_array else self._number(view, stream)
        return workspace.upload(name, given) if self._types[name].is_array else given

    def _number(self, view: View, stream: int) -> Any:
        """A number that lies on the device: kernels take numbers by value, so this waits."""
        found = np.empty((), view.dtype)
        self.driver.to_host(found.ctypes.data, view.address, found.nbytes, stream)
        self.driver.synchronize(stream)
        return found[()]

    def _check_device(self, name: str, view: View) -> None:
        if not view.words[2]:
            return  # without elements there is no address to ask about
        device = self.driver.device_of(view.address)
        if device != self.device:
            raise WrongDevice(
                f"{name} lies on GPU {device}, and other arguments on GPU {self.device}.\n"
                "Copy all arguments to the same one."
            )

    def _results(
        self,
        values: dict[str, Any],
        sizes: Mapping[str, int],
        workspace: Workspace,
        kind: Kind | None,
        numbers: Sequence[bool],
    ) -> list[Any]:
        """New arrays for the results, which the kernels find by their names."""
        results: list[Any] = []
        for name, is_number in zip(self.file.outputs, numbers, strict=True):
            what = self.file.arrays[name]
            shape = tuple(value(text, sizes) for text in what.shape)
            if kind is None:
                made: Any = workspace.output(name, shape, what.dtype)
                values[name] = made.view()
            else:
                made = kind.empty(shape, what.dtype)
                values[name] = view_of(made, name)
                if is_number:
                    made = made.reshape(())
            results.append(made)
        return results

    def _raise_failure(self, workspace: Workspace, stream: int) -> None:
        """Raise what a kernel found wrong; this waits for it."""
        name = next((n for n, a in self.file.arrays.items() if a.role == "status"), None)
        if name is None:
            return
        number = int(workspace.held(name).to_numpy(stream)[0])
        if number:
            kind, message = self.file.failures[number - 1]
            raise getattr(builtins, kind)(message)


def device_of_arguments(driver: Driver, given: Mapping[str, Any]) -> int:
    """The device that the first array lies on that lies on one; 0 without any."""
    for name, v in given.items():
        if is_on_device(v):
            view = view_of(v, name)
            if view.words[2]:
                return driver.device_of(view.address)
    return 0
