"""A call like one before: the same kernels, layouts and grids, so that only addresses are new.

What a first call finds out by asking each array and each size is laid out once, in the memory
that the driver reads; a repeated call writes addresses and numbers into it and launches.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.runtime.cuda.arrays import Kind, Shape, View, stream_number, view_of
from codegen_ad.runtime.cuda.packing import ADDRESS, SLOT, Layout
from codegen_ad.runtime.cuda.streams import current_stream
from codegen_ad.runtime.cuda.workspace import Workspace
from codegen_ad.runtime.foreign import access_of

if TYPE_CHECKING:
    from codegen_ad.runtime.cuda.program import DeviceProgram, Plan


@dataclass(frozen=True, slots=True)
class _Array:
    """A leaf that is an array: how to ask where it lies, and what is told of it."""

    index: int
    name: str
    address: Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class _Number:
    """A leaf that is a number, and how it is laid out."""

    index: int
    name: str
    format: struct.Struct


@dataclass(frozen=True, slots=True)
class _Laid:
    """The parameters of all kernels for one stream.

    Attributes
    ----------
    version : of the workspace whose addresses they hold.
    arrays, outputs : the words that hold the address of each, as layouts and places in them.
    numbers : where each lies, as layouts and bytes from their start.
    launches : what the driver's `launch` takes.
    """

    version: int
    arrays: tuple[tuple[_Array, tuple[tuple[Any, int], ...]], ...]
    numbers: tuple[tuple[_Number, tuple[tuple[Any, int], ...]], ...]
    outputs: tuple[tuple[Shape, Any, tuple[tuple[Any, int], ...]], ...]
    launches: tuple[tuple[Any, ...], ...]
    layouts: tuple[Layout, ...]


class Repeat:
    """Calls whose arrays all lie on one device, each laid out as in the call that this is made of.

    Parameters
    ----------
    program : the kernels.
    names, leaves : the parameters in order, and the arguments of a call.
    plan : what follows from their sizes.
    kind : of the arrays that are returned.
    numbers : for each result whether it is a number.
    """

    def __init__(
        self,
        program: DeviceProgram,
        names: Sequence[str],
        leaves: Sequence[Any],
        plan: Plan,
        kind: Kind,
        numbers: Sequence[bool],
    ) -> None:
        self._program = program
        self._plan = plan
        self._kind = kind
        self._numbers = tuple(numbers)
        self._arrays: list[_Array] = []
        self._scalars: list[_Number] = []
        for index, (name, leaf) in enumerate(zip(names, leaves, strict=True)):
            access = access_of(cast("Any", type(leaf)))
            if access is not None:
                self._arrays.append(_Array(index, name, access.address))
            elif name in program.types:
                form = struct.Struct(f"={program.types[name].format}")
                self._scalars.append(_Number(index, name, form))
        self._laid: dict[int, _Laid] = {}

    def __call__(self, *leaves: Any) -> Any:
        """The results: one, or a tuple of several; see `DeviceProgram.run`."""
        program, kind = self._program, self._kind
        driver = program.driver
        driver.use(program.device)
        chosen = current_stream()
        stream = kind.stream() if chosen is None else stream_number(chosen)
        workspace = program.workspace(stream)
        results: list[Any] = []
        with workspace.lock:
            laid = self._laid.get(stream)
            if laid is None or laid.version != workspace.version:
                laid = self._lay(leaves, stream, workspace)
            for array, places in laid.arrays:
                address = array.address(leaves[array.index])
                for words, place in places:
                    words[place] = address
            for number, places in laid.numbers:
                for words, place in places:
                    number.format.pack_into(words, place, leaves[number.index])
            for shape, dtype, places in laid.outputs:
                made = kind.empty(shape, dtype)
                results.append(made)
                address = kind.address(made)
                for words, place in places:
                    words[place] = address
            for name in program.cleared:
                workspace.own(name, self._plan.shapes[name])
            for launch in laid.launches:
                driver.launch(*launch)
            program.raise_failure(workspace, stream)
        return results[0] if len(results) == 1 else tuple(results)

    def _lay(self, leaves: Sequence[Any], stream: int, workspace: Workspace) -> _Laid:
        """Lay out the parameters of all kernels, with the addresses of this call."""
        program, plan = self._program, self._plan
        values: dict[str, Any] = {a.name: view_of(leaves[a.index], a.name) for a in self._arrays}
        values |= {n.name: leaves[n.index] for n in self._scalars}
        for name in program.own:
            values[name] = workspace.own(name, plan.shapes[name])
        outputs = program.file.outputs
        for name in outputs:
            values[name] = View.of(0, plan.shapes[name], program.file.arrays[name].dtype)
        layouts: list[Layout] = []
        slots: dict[str, list[tuple[Layout, int]]] = {}
        launches: list[tuple[Any, ...]] = []
        for kernel, blocks in zip(program.kernels, plan.blocks, strict=True):
            layout = kernel.lay([values[n] for n in kernel.kernel.names])
            layouts.append(layout)
            for name, slot in zip(kernel.kernel.names, layout.slots, strict=True):
                slots.setdefault(name, []).append((layout, slot))
            launches.append(kernel.arguments(layout.table, stream, blocks))

        def addresses(name: str) -> tuple[tuple[Any, int], ...]:
            return tuple((layout.words, slot + ADDRESS) for layout, slot in slots.get(name, ()))

        def offsets(name: str) -> tuple[tuple[Any, int], ...]:
            return tuple((layout.words, SLOT * slot) for layout, slot in slots.get(name, ()))

        laid = self._laid[stream] = _Laid(
            workspace.version,
            tuple((a, addresses(a.name)) for a in self._arrays),
            tuple((n, offsets(n.name)) for n in self._scalars),
            tuple(
                (
                    () if is_number else plan.shapes[name],
                    program.file.arrays[name].dtype,
                    addresses(name),
                )
                for name, is_number in zip(outputs, self._numbers, strict=True)
            ),
            tuple(launches),
            tuple(layouts),
        )
        return laid
