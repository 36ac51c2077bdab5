"""What the runtime asks of a device: few functions, behind which tests put a simulated one.

Addresses, streams, modules and functions are the driver's own numbers. All copies are ordered by
their stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from codegen_ad.errors import DriverTooOld

if TYPE_CHECKING:
    from codegen_ad.runtime.cuda.arrays import View

NEEDED = 13000
"""The version of CUDA that kernels are compiled for, as the driver counts."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What a device is.

    Attributes
    ----------
    name : as its maker calls it.
    capability : the architecture it runs.
    multiprocessors : how many blocks can be worked on side by side, at least.
    memory : in bytes.
    """

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    memory: int


class Driver(Protocol):
    """The functions of the CUDA driver that are used."""

    def version(self) -> int:
        """The version of CUDA that it speaks, such as 13000."""
        ...

    def count(self) -> int:
        """How many devices there are."""
        ...

    def properties(self, device: int) -> Properties:
        """What a device is."""
        ...

    def free_memory(self) -> int:
        """Bytes that could be allocated on the device in use."""
        ...

    def use(self, device: int) -> None:
        """Make a device's primary context the current one of this thread."""
        ...

    def load(self, code: bytes) -> int:
        """Load machine code and return the module."""
        ...

    def function(self, module: int, entry: str) -> int:
        """A kernel of a module."""
        ...

    def together(self, function: int, threads: int) -> int:
        """How many blocks of so many threads run at once on the device in use."""
        ...

    def allocate(self, size: int) -> int:
        """Memory on the device in use; `OutOfDeviceMemory` if there is not enough."""
        ...

    def free(self, address: int) -> None:
        """Give memory back."""
        ...

    def device_of(self, address: int) -> int:
        """The device that memory lies on."""
        ...

    def to_device(self, address: int, host: int, size: int, stream: int) -> None:
        """Copy from the host."""
        ...

    def to_host(self, host: int, address: int, size: int, stream: int) -> None:
        """Copy to the host; the content is there after `synchronize`."""
        ...

    def copy(self, address: int, source: int, size: int, stream: int) -> None:
        """Copy from one place of the device to another."""
        ...

    def pinned(self, size: int) -> int:
        """Memory of the host that the device reads and writes directly."""
        ...

    def release(self, host: int) -> None:
        """Give back what `pinned` gave."""
        ...

    def fill(self, address: int, byte: int, size: int, stream: int) -> None:
        """Set bytes on the device."""
        ...

    def launch(
        self,
        function: int,
        blocks: int,
        threads: int,
        shared: int,
        stream: int,
        parameters: int,
        cooperative: bool,
    ) -> None:
        """Start a kernel; `parameters` is the address of the addresses of its parameters."""
        ...

    def multiply(
        self, result: View, left: View, right: View, transposed: tuple[bool, bool], stream: int
    ) -> None:
        """Multiply matrices and vectors on the device in use; see `products.multiply`."""
        ...

    def wait(self, stream: int, other: int) -> None:
        """Let a stream wait for what another has been given up to now."""
        ...

    def synchronize(self, stream: int) -> None:
        """Wait until a stream is done."""
        ...

    def clock(self, stream: int) -> int:
        """Mark a point in a stream's time."""
        ...

    def milliseconds(self, start: int, end: int) -> float:
        """Time between two points, both of which have been reached; they are given back."""
        ...


def check_version(driver: Driver) -> None:
    """Raise unless the driver speaks the version of CUDA that kernels are compiled for.

    Raises
    ------
    DriverTooOld
        With both versions and what to do.
    """
    found = driver.version()
    if found < NEEDED:
        raise DriverTooOld(
            f"the driver knows CUDA {_text(found)}, and kernels are compiled for CUDA "
            f"{_text(NEEDED)}.\n"
            'Update the driver of the GPU (580 or newer), or compute on the CPU: target="cpu".'
        )


def _text(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def amount(size: float) -> str:
    """A number of bytes as people read it."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.3g} {unit}"
    return f"{size:.0f} bytes"
