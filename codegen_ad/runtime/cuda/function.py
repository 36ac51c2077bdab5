"""What a call of a function for a GPU runs, in place of a compiled function of numba."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codegen_ad.runtime.cuda.ahead import Capability, Image
from codegen_ad.runtime.cuda.cubins import FOLDER, Cubins, Request
from codegen_ad.runtime.cuda.devices import platform
from codegen_ad.runtime.cuda.passing import device_of_arguments
from codegen_ad.runtime.cuda.program import DeviceProgram
from codegen_ad.runtime.cuda.streams import current_stream
from codegen_ad.runtime.cuda.table import Kernel, read


class DeviceFunction:
    """The kernels of one file, as a function of the arguments in the order of its parameters.

    Parameters
    ----------
    path : of the generated file, whose machine code lies in a folder beside it.
    parameters : names of the user's arguments, in order.
    numbers : for each result whether it is a number.
    """

    def __init__(self, path: Path, parameters: Sequence[str], numbers: Sequence[bool]) -> None:
        self.path = path
        self.file = read(path.read_text(encoding="utf-8"))
        self.parameters = tuple(parameters)
        self.numbers = tuple(numbers)
        self._platform = platform()
        self._cubins = Cubins(path.parent / FOLDER, self._platform.versions)
        self._programs: dict[int, DeviceProgram] = {}
        self._lock = threading.Lock()

    def __call__(self, *leaves: Any) -> Any:
        """The results: one, or a tuple of several, as a compiled function returns them."""
        given = dict(zip(self.parameters, leaves, strict=True))
        found = self.program(given).run(given, self.numbers, current_stream())
        return found[0] if len(found) == 1 else tuple(found)

    def repeated(self, leaves: Sequence[Any]) -> Callable[..., Any]:
        """What to call in place of this with leaves like these, which have been passed before."""
        program = self.program(dict(zip(self.parameters, leaves, strict=True)))
        return program.repeat(self.parameters, leaves, self.numbers) or self

    def program(self, given: Mapping[str, Any]) -> DeviceProgram:
        """The kernels, loaded on the device of the arguments."""
        driver = self._platform.driver()
        device = device_of_arguments(driver, given)
        found = self._programs.get(device)
        if found is None:
            with self._lock:
                found = self._programs.get(device)
                if found is None:
                    found = DeviceProgram(self.file, driver, device, self.image)
                    self._programs[device] = found
        return found

    def image(self, kernel: Kernel, capability: Capability) -> Image:
        """A kernel's machine code: kept, or compiled now."""

        def compile(kernel: Kernel, capability: Capability) -> Image:
            return self._platform.compile(self.path, kernel, capability)

        return self._cubins.get(Request(self.file.source, kernel, capability), compile)
