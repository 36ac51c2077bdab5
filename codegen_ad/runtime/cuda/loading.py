"""The kernels of one generated file, loaded on each device where they are asked for."""

from __future__ import annotations

import threading
from pathlib import Path

from codegen_ad.runtime.cuda.ahead import Capability, Image
from codegen_ad.runtime.cuda.cubins import FOLDER, Cubins, Request
from codegen_ad.runtime.cuda.devices import platform
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.loaded import LoadedKernel
from codegen_ad.runtime.cuda.table import Kernel, read


class FileKernels:
    """All kernels of a file, by device and name.

    Parameters
    ----------
    path : of the generated file, whose machine code lies in a folder beside it.

    Attributes
    ----------
    file : what it says of itself.
    """

    def __init__(self, path: Path) -> None:
        self.file = read(path.read_text(encoding="utf-8"))
        self._path = path
        self._platform = platform()
        self._cubins = Cubins(path.parent / FOLDER, self._platform.versions)
        self._loaded: dict[int, dict[str, LoadedKernel]] = {}
        self._lock = threading.Lock()

    def driver(self) -> Driver:
        """The driver of this machine.

        Raises
        ------
        NoDevice
            If there is none.
        """
        return self._platform.driver()

    def on(self, driver: Driver, device: int) -> dict[str, LoadedKernel]:
        """The kernels on a device, which is then the one in use."""
        driver.use(device)
        with self._lock:
            if device not in self._loaded:
                capability = driver.properties(device).capability
                self._loaded[device] = {
                    name: LoadedKernel(driver, kernel, self._image(kernel, capability))
                    for name, kernel in self.file.kernels.items()
                }
            return self._loaded[device]

    def _image(self, kernel: Kernel, capability: Capability) -> Image:
        def compile(kernel: Kernel, capability: Capability) -> Image:
            return self._platform.compile(self._path, kernel, capability)

        return self._cubins.get(Request(self.file.source, kernel, capability), compile)
