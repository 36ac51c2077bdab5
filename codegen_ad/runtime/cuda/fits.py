"""Whole fits on a device: a kernel launched for so many steps, and what lies there meanwhile.

What a launch leaves, the next one goes on from, with the same bits as if there had been one only.
Between two launches the host looks at how far fits are, and whether somebody wants them to stop: a
flag that a kernel reads from the host's memory would cost a barrier at each look, and would be seen
at a step that no other run can repeat.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InternalError
from codegen_ad.runtime.cuda.arrays import DeviceArray, View, contiguous
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.loading import FileKernels
from codegen_ad.runtime.cuda.passing import (
    Passing,
    at_home,
    device_of_arguments,
    stream_of_arguments,
)
from codegen_ad.runtime.cuda.table import DeviceFile

RUNNING = 2
"""How a fit has ended that has not: stopped, if nobody launches it again."""

Array = NDArray[Any]


class DeviceFit:
    """The kernel of a fit in one file, for the arguments in the order of its parameters.

    Parameters
    ----------
    path : of the generated file, whose machine code lies in a folder beside it.
    parameters : names of the user's arguments, in order.
    """

    def __init__(self, path: Path, parameters: Sequence[str]) -> None:
        self.kernels = FileKernels(path)
        self.parameters = tuple(parameters)

    def __call__(self, run: DeviceRun, until: int, weights: Array) -> None:
        """Go on with a run; see `DeviceRun.launch`."""
        run.launch(until, weights)

    def start(
        self, leaves: Sequence[Any], points: Array, hyper: Array, steps: int, *, trace: bool
    ) -> DeviceRun:
        """Put fits on the device of their data.

        Parameters
        ----------
        leaves : the user's arguments; those that are fitted are not looked at.
        points : the first guesses, one row for each fit.
        hyper : the method's numbers and the tolerances.
        steps : how many there are at most.
        trace : whether the loss of each step is kept.

        Raises
        ------
        OutOfDeviceMemory
            If the device has no room.
        """
        file = self.kernels.file
        (kernel,) = file.kernels.values()
        given = {
            name: leaf
            for name, leaf in zip(self.parameters, leaves, strict=False)  # then what it keeps
            if name in kernel.names
        }
        driver = self.kernels.driver()
        device = device_of_arguments(driver, given)
        (loaded,) = self.kernels.on(driver, device).values()
        return DeviceRun(file, loaded, device, given, points, hyper, steps, trace=trace)


class DeviceRun:
    """Fits on a device.

    Attributes
    ----------
    counts : for each fit the steps taken, and how it has ended.
    record : for each fit the last loss, the square of the gradient's norm, and the best loss.
    """

    def __init__(
        self,
        file: DeviceFile,
        kernel: LoadedKernel,
        device: int,
        given: Mapping[str, Any],
        points: Array,
        hyper: Array,
        steps: int,
        *,
        trace: bool,
    ) -> None:
        self._file = file
        self._kernel = kernel
        self._driver: Driver = kernel.driver
        self._device = device
        self._stream = stream_of_arguments(self._driver, given)
        self._held: dict[str, DeviceArray] = {}
        self._weights: DeviceArray | None = None
        passing = Passing(self._driver, device)
        types = dict(zip(kernel.kernel.names, kernel.kernel.parameters, strict=True))
        self._values: dict[str, Any] = {
            n: passing.taken(n, v, types[n], self._upload, self._stream) for n, v in given.items()
        }
        fits = len(points)
        dtype = types["point"].dtype
        kept = np.empty((fits, steps if trace else 0), dtype)
        self._values["trace"] = self._flat(self._empty("trace", kept.shape, dtype))
        shapes = {n: tuple(np.shape(v)) for n, v in given.items()} | {"counts": (fits, 2)}
        numbers = {n: given[n] if shapes[n] else self._values[n] for n in given}
        every = file.sizes_of_fits(shapes, numbers, at_home)
        sizes = every[0]  # those of data are the same for all fits
        for size, (least, most) in kernel.kernel.kept:
            if not least <= sizes[size] <= most:
                raise InternalError(f"threads keep {least} to {most} rows: {size} is {sizes[size]}")
        self._blocks = kernel.kernel.grid(sizes)
        if kernel.kernel.cooperative:  # fewer blocks add in another order, and that is all
            self._blocks = min(self._blocks, kernel.together())
        self.counts = np.tile(np.array([0, RUNNING]), (fits, 1))
        self.record = np.tile(np.array([np.inf, 0.0, np.inf], dtype), (fits, 1))
        first = {"point": points.astype(dtype), "best": points.astype(dtype)}
        first |= {"counts": self.counts, "record": self.record}
        for name, what in file.arrays.items():
            shape = file.room(what, every)
            if name in first:
                self._values[name] = self._upload(name, first[name])
            elif what.role == "state":
                self._values[name] = self._upload(name, np.zeros(shape, what.dtype))
            else:
                self._values[name] = self._empty(name, shape, what.dtype)
        self._cleared = [n for n, what in file.arrays.items() if what.role in ("barrier", "status")]
        self._values["hyper"] = self._upload("hyper", hyper.astype(dtype))
        self._values["first"], self._values["total"] = 0, steps
        self._driver.synchronize(self._stream)

    def launch(self, until: int, weights: Array) -> None:
        """Go on until so many evaluations have been made, and wait; `counts` and `record` are new.

        Parameters
        ----------
        until : at most one more than the steps: the point behind the last one is judged too.
        weights : a row of what the method computes once a step, for each evaluation since the last
            launch.

        Raises
        ------
        Exception
            What the function itself raises.
        """
        self._driver.use(self._device)
        for name in self._cleared:
            array = self._held[name]
            self._driver.fill(array.address, 0, array.nbytes, self._stream)
        values = self._values
        if weights.size:
            values["weights"] = self._row_view(weights.astype(self.record.dtype))
        values["until"] = until
        names = self._kernel.kernel.names
        self._kernel.launch([values[n] for n in names], self._stream, self._blocks)
        self.counts = self._held["counts"].to_numpy(self._stream)
        self.record = self._held["record"].to_numpy(self._stream)
        values["first"] = until
        if "status" in self._held:
            number = int(self._held["status"].to_numpy(self._stream)[0])
            if number:
                kind, message = self._file.failures[number - 1]
                raise getattr(builtins, kind)(message)

    def array(self, name: str) -> Array:
        """A copy of an array as the last launch left it."""
        self._driver.use(self._device)
        return self._held[name].to_numpy(self._stream)

    def _row_view(self, rows: Array) -> View:
        """A copy of rows on the device, in memory that is kept for the next ones."""
        held = self._weights
        if held is None or held.nbytes < rows.nbytes:
            self._weights = None  # given back first
            held = self._weights = DeviceArray(self._driver, rows.shape, rows.dtype)
        rows = np.ascontiguousarray(rows)
        self._driver.to_device(held.address, rows.ctypes.data, rows.nbytes, self._stream)
        return View(
            held.address, rows.shape, contiguous(rows.shape, rows.itemsize), rows.dtype, held
        )

    def _flat(self, view: View) -> View:
        """The same numbers in one axis."""
        shape = (math.prod(view.shape),)
        return replace(view, shape=shape, strides=contiguous(shape, view.dtype.itemsize))

    def _upload(self, name: str, values: Any) -> View:
        values = np.ascontiguousarray(values)
        view = self._empty(name, values.shape, values.dtype)
        if values.nbytes:
            to = self._held[name].address
            self._driver.to_device(to, values.ctypes.data, values.nbytes, self._stream)
        return view

    def _empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> View:
        self._held[name] = DeviceArray(self._driver, shape, dtype)
        return self._held[name].view()
