"""Many least-squares fits on a device: launched for so many iterations at a time, and looked after.

Where neighbouring threads work on neighbouring fits, arrays are transposed on the device, so that
neighbours read neighbours; whoever calls sees first axes over fits only.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.runtime.cuda.arrays import View
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.loading import FileKernels
from codegen_ad.runtime.cuda.passing import (
    Passing,
    at_home,
    device_of_arguments,
    stream_of_arguments,
)
from codegen_ad.runtime.cuda.table import DeviceFile
from codegen_ad.runtime.cuda.workspace import Workspace

Array = NDArray[Any]


class ManyFits:
    """The kernels of many fits in one file, for arguments in the order of its parameters.

    Parameters
    ----------
    path : of the generated file, whose machine code lies in a folder beside it.
    parameters : names of the user's arguments, in order.
    """

    def __init__(self, path: Path, parameters: Sequence[str]) -> None:
        self.kernels = FileKernels(path)
        self.parameters = tuple(parameters)
        self._workspaces: dict[tuple[int, int], Workspace] = {}

    def __call__(self, run: ManyFitsRun, until: int) -> int:
        """Go on with a run; see `ManyFitsRun.launch`."""
        return run.launch(until)

    def start(
        self, leaves: Sequence[Any], own: Sequence[int], points: Array, limits: Array, steps: int
    ) -> ManyFitsRun:
        """Put fits on the device of their data.

        Parameters
        ----------
        leaves : the user's arguments; those that are fitted are not looked at.
        own : the numbers of those that have an axis over fits in front.
        points : the first guesses, one row for each fit.
        limits : the tolerances.
        steps : how many iterations a fit makes at most.

        Raises
        ------
        OutOfDeviceMemory
            If the device has no room.
        """
        file = self.kernels.file
        names = next(iter(file.kernels.values())).names
        given = {
            name: leaf for name, leaf in zip(self.parameters, leaves, strict=True) if name in names
        }
        mine = {self.parameters[k] for k in own}
        driver = self.kernels.driver()
        device = device_of_arguments(driver, given)
        loaded = self.kernels.on(driver, device)
        stream = stream_of_arguments(driver, given)
        key = device, stream
        if key not in self._workspaces:
            made = Workspace(driver, file.arrays, stream)
            self._workspaces.setdefault(key, made)
        return ManyFitsRun(
            file,
            loaded,
            self._workspaces[key],
            (device, stream),
            given,
            mine,
            points,
            limits,
            steps,
        )


class ManyFitsRun:
    """Fits on a device, from the first launch until their results are fetched.

    Attributes
    ----------
    fits : how many there are.
    steps : how many iterations each makes at most.
    """

    def __init__(
        self,
        file: DeviceFile,
        kernels: Mapping[str, LoadedKernel],
        workspace: Workspace,
        place: tuple[int, int],
        given: Mapping[str, Any],
        own: set[str],
        points: Array,
        limits: Array,
        steps: int,
    ) -> None:
        self.fits, self.steps = len(points), steps
        self._file = file
        self._kernels = kernels
        self._kernel = next(iter(kernels.values()))
        self._driver = self._kernel.driver
        self._workspace = workspace
        self._device, self._stream = place
        self._is_last = file.sizes["fits"] == ("points", 1)
        self._begun = 0
        types = dict(zip(self._kernel.kernel.names, self._kernel.kernel.parameters, strict=True))
        passing = Passing(self._driver, self._device)
        workspace.lock.acquire()
        try:
            dtype = types["points"].dtype
            values: dict[str, Any] = {
                n: passing.taken(n, v, types[n], workspace.upload, self._stream)
                for n, v in given.items()
            }
            values["points"] = workspace.upload("points", points.astype(dtype, copy=False))
            values["limits"] = workspace.upload("limits", limits.astype(dtype))
            if self._is_last:
                for n in ("points", *own):
                    if n in values and len(values[n].shape) > 1:
                        values[n] = self._with_fits_last(n, values[n])
            shapes = {n: tuple(np.shape(v)) for n, v in values.items()}
            numbers = {n: given.get(n, v) if shapes[n] else v for n, v in values.items()}
            every = file.sizes_of_fits(shapes, numbers, at_home)
            self._sizes = every[0]  # kernels are launched by how many fits there are
            for name, what in file.arrays.items():
                values[name] = workspace.room(name, file.room(what, every), what.dtype)
            values["steps"] = steps
        except BaseException:
            workspace.lock.release()
            raise
        self._values = values

    def launch(self, until: int) -> int:
        """Go on until every fit has ended or made so many iterations; how many fits go on.

        Raises
        ------
        Exception
            What the function itself raises.
        """
        driver, workspace, values = self._driver, self._workspace, self._values
        driver.use(self._device)
        for name in ("running", "failed"):
            if name in self._file.arrays:
                array = workspace.held(name)
                driver.fill(array.address, 0, array.nbytes, self._stream)
        values["begun"], values["until"] = self._begun, min(until, self.steps)
        self._run(self._kernel, values, self._sizes)
        running = int(workspace.held("running").to_numpy(self._stream)[0])
        self._begun = values["until"]
        if "failed" in self._file.arrays:
            number = int(workspace.held("failed").to_numpy(self._stream)[0])
            if number:
                kind, message = self._file.failures[number - 1]
                raise getattr(builtins, kind)(message)
        return running

    def again(self) -> None:
        """Let the next launch begin all fits afresh."""
        self._begun = 0

    def results(self) -> dict[str, Array]:
        """The results as the last launch left them, by name, with first axes over fits."""
        self._driver.use(self._device)
        return {name: self._fetched(name) for name in self._file.outputs}

    def close(self) -> None:
        """Let others use the memory of these fits."""
        self._values.clear()
        self._workspace.lock.release()

    def _fetched(self, name: str) -> Array:
        held = self._workspace.held(name)
        if not self._is_last or len(held.shape) == 1:
            return held.to_numpy(self._stream)
        *own, fits = held.shape
        if held.dtype.kind != "f":
            return np.moveaxis(held.to_numpy(self._stream), -1, 0)
        flat = View.of(held.address, (prod(own), fits), held.dtype)
        back = f"{name} by fits"
        self._transpose(flat, self._workspace.room(back, (fits, *own), held.dtype))
        return self._workspace.held(back).to_numpy(self._stream)

    def _with_fits_last(self, name: str, given: View) -> View:
        """A copy of an array whose first axis counts fits, with that axis behind the others."""
        fits, *own = given.shape
        made = self._workspace.room(f"{name} by elements", (*own, fits), given.dtype)
        self._transpose(View.of(given.address, (fits, prod(own)), given.dtype), made)
        return made

    def _transpose(self, source: View, target: View) -> None:
        rows, columns = source.shape
        if not rows * columns:
            return
        flat = View.of(target.address, (columns, rows), target.dtype)
        kernel = self._kernels[f"transposed_{source.dtype.name}"]
        sizes = {"rows": rows, "columns": columns}
        self._run(kernel, {"source": source, "target": flat}, sizes)

    def _run(
        self, kernel: LoadedKernel, values: Mapping[str, Any], sizes: Mapping[str, int]
    ) -> None:
        blocks = kernel.kernel.grid(sizes)
        kernel.launch([values[n] for n in kernel.kernel.names], self._stream, blocks)
