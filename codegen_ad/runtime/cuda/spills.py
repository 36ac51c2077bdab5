"""What the compiler spills: asked while a file is planned, for the device that is there.

The machine code is kept, so that a call which follows compiles nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

from codegen_ad.errors import DeviceError, MissingDependency
from codegen_ad.runtime.cuda.ahead import Capability, Image, architecture
from codegen_ad.runtime.cuda.cubins import FOLDER, Cubins, Request
from codegen_ad.runtime.cuda.devices import Platform, platform
from codegen_ad.runtime.cuda.table import Kernel, read
from codegen_ad.runtime.folder import open_folder

UNKNOWN: Capability = (9, 0)
"""For which files are planned where there is no device."""


def planned_for() -> Capability:
    """The architecture for which files are planned now: that of the first device, if any."""
    now = platform()
    if now.planned_for is not None:
        return now.planned_for
    try:
        return now.driver().properties(0).capability
    except (DeviceError, MissingDependency):
        return UNKNOWN


def spills() -> Spills | None:
    """The compiler, for the architecture for which files are planned; None without one."""
    now = platform()
    return Spills(now, planned_for()) if now.versions() else None


class Spills:
    """What kernels spill on an architecture.

    Parameters
    ----------
    where : who compiles.
    capability : of the architecture.
    """

    def __init__(self, where: Platform, capability: Capability) -> None:
        self._where = where
        self._capability = capability
        self._cubins = Cubins(open_folder() / FOLDER, where.versions)

    @property
    def architecture(self) -> str:
        """Such as sm_90."""
        return architecture(self._capability)

    def __call__(self, text: str, kernels: Collection[str]) -> int:
        """The bytes that these kernels of a file spill together."""
        table = read(text).kernels
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "planned.py"
            path.write_text(text, encoding="utf-8")

            def compile(kernel: Kernel, capability: Capability) -> Image:
                return self._where.compile(path, kernel, capability)

            requests = [Request(text, table[name], self._capability) for name in kernels]
            try:
                images = [self._cubins.get(request, compile) for request in requests]
            except (DeviceError, MissingDependency):
                return 0  # half a compiler: a call will say what is wrong with it
        return sum(image.resources.spill_bytes for image in images)
