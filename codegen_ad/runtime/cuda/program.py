"""A generated CUDA file on a device: arguments in, its kernels launched in order, results out."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from codegen_ad.errors import OutOfDeviceMemory
from codegen_ad.runtime.cuda.ahead import Image
from codegen_ad.runtime.cuda.arrays import (
    Kind,
    Shape,
    kind_of,
    stream_number,
    view_of,
)
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.passing import Passing
from codegen_ad.runtime.cuda.repeat import Repeat
from codegen_ad.runtime.cuda.table import DeviceFile, Kernel, value
from codegen_ad.runtime.cuda.workspace import CLEARED, Workspace
from codegen_ad.runtime.foreign import access_of, is_on_device

ImageOf = Callable[[Kernel, tuple[int, int]], Image]


PLANS = 256
"""For how many combinations of sizes a program remembers shapes and grids."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from the sizes: shapes of the arrays by name, and blocks of each kernel."""

    shapes: Mapping[str, Shape]
    blocks: tuple[int, ...]


class DeviceProgram:
    """All kernels of one file, on one device.

    Parameters
    ----------
    file : what the file says of itself.
    driver, device : where it runs.
    image_of : gives a kernel's machine code for an architecture.

    Attributes
    ----------
    types : of the kernels' parameters, by name.
    own : names of the arrays that a workspace keeps.
    cleared : names of those that are zero before each call.
    status : name of the array in which kernels leave what they find wrong; None without one.
    needed : the same for how many rows they need room for.
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
        self.types = {
            n: p
            for k in (*file.kernels.values(), *file.products)
            for n, p in zip(k.names, k.parameters, strict=True)
        }
        roles = {name: what.role for name, what in file.arrays.items()}
        self.own = tuple(name for name, role in roles.items() if role != "output")
        self.cleared = tuple(name for name, role in roles.items() if role in CLEARED)
        self.status = next((name for name, role in roles.items() if role == "status"), None)
        self.needed = next((name for name, role in roles.items() if role == "needed"), None)
        self._passing = Passing(driver, device)
        self._plans: dict[tuple[int, ...], Plan] = {}
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
        workspace = self.workspace(number)
        with workspace.lock:
            values = {
                n: self._passing.taken(n, v, self.types[n], workspace.upload, number)
                for n, v in given.items()
                if n in self.types
            }
            shapes = {n: tuple(np.shape(v)) for n, v in given.items()}
            sizes = self.file.sizes_of(shapes, given)
            launch = partial(self._launched, values, sizes, workspace, kind, numbers, number)
            results = self._with_room(launch, workspace, number)
            self.raise_failure(workspace, number)
            if kind is not None:
                return results
            found = [workspace.held(name).to_numpy(number) for name in self.file.outputs]
        return [v.item() if is_number else v for v, is_number in zip(found, numbers, strict=True)]

    def repeat(
        self, names: Sequence[str], leaves: Sequence[Any], numbers: Sequence[bool]
    ) -> Repeat | None:
        """The shortest way for calls with such arguments; None if some are copied or asked for.

        There is none with products either, which a library is called for, and none where kernels
        count what they need room for.

        It holds for arrays of the same libraries, shapes, strides, dtypes and device as these,
        which have been passed to `run` before, and numbers of the same types.
        """
        if self.file.products or self.file.rooms:
            return None
        given = dict(zip(names, leaves, strict=True))
        for name, leaf in given.items():
            wanted = self.types.get(name)
            access = access_of(cast("Any", type(leaf)))
            is_array = access is not None and access.layout(leaf) is not None
            if wanted is not None and wanted.is_array != is_array:
                return None
        first = next((v for v in leaves if access_of(cast("Any", type(v))) is not None), None)
        if first is None:
            return None
        shapes = {n: tuple(np.shape(v)) for n, v in given.items()}
        plan = self._plan(self.file.sizes_of(shapes, given))
        return Repeat(self, names, leaves, plan, kind_of(first, self.driver), numbers)

    def _launched(
        self,
        values: dict[str, Any],
        sizes: Mapping[str, int],
        workspace: Workspace,
        kind: Kind | None,
        numbers: Sequence[bool],
        stream: int,
    ) -> list[Any]:
        """Give all kernels to the stream, with the room that is known; see `_results`."""
        rooms = {name: workspace.rooms.get(name, 0) for name in self.file.rooms}
        plan = self._plan({**sizes, **rooms})
        values.update(rooms)
        results = self._results(values, plan, workspace, kind, numbers)
        for name in self.own:
            values[name] = workspace.own(name, plan.shapes[name])
        for kernel, blocks in zip(self.kernels, plan.blocks, strict=True):
            self._multiply(kernel.kernel.name, values, stream)
            kernel.launch([values[n] for n in kernel.kernel.names], stream, blocks)
        self._multiply(None, values, stream)
        return results

    def _with_room(
        self, launch: Callable[[], list[Any]], workspace: Workspace, stream: int
    ) -> list[Any]:
        """What kernels give that are launched until there is room for what they need."""
        try:
            results = launch()
        except OutOfDeviceMemory:
            if not workspace.rooms:
                raise
            workspace.rooms.clear()  # an earlier call may have needed more than this one
            results = launch()
        try:
            while self._needs_room(workspace, stream):
                results = launch()
        except OutOfDeviceMemory:
            workspace.rooms.clear()
            raise
        return results

    def _needs_room(self, workspace: Workspace, stream: int) -> bool:
        """Whether kernels needed more rows than there is room for; then it is known how many.

        This waits for them, where the file counts any.
        """
        if self.needed is None:
            return False
        needed = workspace.held(self.needed).to_numpy(stream).tolist()
        found = dict(zip(self.file.rooms, needed, strict=True))
        workspace.rooms |= {name: rows for name, rows in found.items() if rows}
        return any(needed)

    def _multiply(self, kernel: str | None, values: Mapping[str, Any], stream: int) -> None:
        """The products that stand before a kernel; behind the last one for None."""
        for each in self.file.products:
            if each.before == kernel:
                result, left, right = (values[n] for n in each.names)
                self.driver.multiply(result, left, right, each.transposed, stream)

    def _plan(self, sizes: Mapping[str, int]) -> Plan:
        """Shapes and grids for such sizes, found once."""
        key = tuple(sizes.values())
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            shapes = {
                name: tuple(value(text, sizes) for text in what.shape)
                for name, what in self.file.arrays.items()
            }
            found = Plan(shapes, tuple(k.blocks(sizes) for k in self.kernels))
            self._plans[key] = found
        return found

    def workspace(self, stream: int) -> Workspace:
        """What is kept for a stream between calls."""
        found = self._workspaces.get(stream)
        if found is None:
            made = Workspace(self.driver, self.file.arrays, stream)
            found = self._workspaces.setdefault(stream, made)
        return found

    def _results(
        self,
        values: dict[str, Any],
        plan: Plan,
        workspace: Workspace,
        kind: Kind | None,
        numbers: Sequence[bool],
    ) -> list[Any]:
        """New arrays of a kind for the results, which the kernels find by their names.

        Without a kind they are the workspace's, and nothing is returned.
        """
        results: list[Any] = []
        for name, is_number in zip(self.file.outputs, numbers, strict=True):
            shape = plan.shapes[name]
            if kind is None:
                values[name] = workspace.output(name, shape)
                continue
            made = kind.empty(shape, self.file.arrays[name].dtype)
            values[name] = view_of(made, name)
            results.append(made.reshape(()) if is_number else made)
        return results

    def raise_failure(self, workspace: Workspace, stream: int) -> None:
        """Raise what a kernel found wrong; this waits for it."""
        name = self.status
        if name is None:
            return
        number = int(workspace.held(name).to_numpy(stream)[0])
        if number:
            kind, message = self.file.failures[number - 1]
            raise getattr(builtins, kind)(message)
