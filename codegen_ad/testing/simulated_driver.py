"""A device that is not there: the runtime's driver, with the simulator of kernels behind it.

Memory is the host's, so addresses are real; a launch reads its parameters where the runtime put
them, as a device does, and runs the kernel's source thread by thread.
"""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from codegen_ad.errors import DeviceError, OutOfDeviceMemory
from codegen_ad.runtime.cuda.ahead import Image, Resources
from codegen_ad.runtime.cuda.arrays import View
from codegen_ad.runtime.cuda.devices import Platform
from codegen_ad.runtime.cuda.driver import Properties
from codegen_ad.runtime.cuda.table import Kernel, Parameter, read
from codegen_ad.testing import lockstep

POISON = 0xFF
"""What fresh memory holds: nan as floating point numbers, and no sensible index."""


@dataclass
class SimulatedDriver:
    """A driver whose device runs kernels in the simulator.

    Attributes
    ----------
    orders : in which run orders each launch runs; their results must agree.
    capability, memory, driver_version : what the device claims to be.
    resident : how many blocks it claims to run at once.
    log : the names of what was done that takes time on a device.
    """

    orders: Sequence[lockstep.Order] = ("forward",)
    capability: tuple[int, int] = (9, 0)
    memory: int = 10**9
    driver_version: int = 13000
    resident: int = 4
    log: list[str] = field(default_factory=list[str])
    blocks: dict[int, Any] = field(default_factory=dict[int, Any])
    device: int = 0
    _loaded: list[tuple[str, Kernel]] = field(default_factory=list[tuple[str, Kernel]])

    def platform(self) -> Platform:
        """Where kernels run with this driver."""

        def compile(path: Path, kernel: Kernel, capability: tuple[int, int]) -> Image:
            return image(path.read_text(encoding="utf-8"), kernel)

        return Platform(lambda: self, compile, lambda: {"simulated": "1"})

    def version(self) -> int:
        return self.driver_version

    def count(self) -> int:
        return 1

    def properties(self, device: int) -> Properties:
        return Properties("simulated device", self.capability, 2, self.memory)

    def free_memory(self) -> int:
        return self.memory - sum(len(block) for block in self.blocks.values())

    def use(self, device: int) -> None:
        self.device = device

    def load(self, code: bytes) -> int:
        name, source = json.loads(code)
        self._loaded.append((source, read(source).kernels[name]))
        return len(self._loaded) - 1

    def function(self, module: int, entry: str) -> int:
        if self._loaded[module][1].name != entry:
            raise DeviceError(f"the module has no kernel {entry}")
        return module

    def together(self, function: int, threads: int) -> int:
        return self.resident

    def allocate(self, size: int) -> int:
        if size > self.free_memory():
            raise OutOfDeviceMemory(f"the simulated device has no room for {size} bytes")
        block = ctypes.create_string_buffer(bytes([POISON]) * max(size, 1), max(size, 1))
        address = ctypes.addressof(block)
        self.blocks[address] = block
        return address

    def free(self, address: int) -> None:
        del self.blocks[address]

    def device_of(self, address: int) -> int:
        return 0

    def to_device(self, address: int, host: int, size: int, stream: int) -> None:
        self._inside(address, size)
        self.log.append("to_device")
        ctypes.memmove(address, host, size)

    def to_host(self, host: int, address: int, size: int, stream: int) -> None:
        self._inside(address, size)
        self.log.append("to_host")
        ctypes.memmove(host, address, size)

    def copy(self, address: int, source: int, size: int, stream: int) -> None:
        self._inside(address, size)
        self._inside(source, size)
        ctypes.memmove(address, source, size)

    def pinned(self, size: int) -> int:
        return self.allocate(size)

    def release(self, host: int) -> None:
        self.free(host)

    def fill(self, address: int, byte: int, size: int, stream: int) -> None:
        self._inside(address, size)
        ctypes.memset(address, byte, size)

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
        source, kernel = self._loaded[function]
        self.log.append(f"launch {kernel.name} on stream {stream}")
        values = self._unpacked(kernel.parameters, parameters)
        file = lockstep.load(source)
        found = lockstep.agree(file, kernel.name, blocks, threads, values, orders=self.orders)
        for value, result in zip(values, found, strict=True):
            if isinstance(value, np.ndarray):
                value[...] = result

    def multiply(
        self, result: View, left: View, right: View, transposed: tuple[bool, bool], stream: int
    ) -> None:
        self.log.append(f"multiply on stream {stream}")
        a, b = (
            self._array(v).T if t else self._array(v)
            for v, t in zip((left, right), transposed, strict=True)
        )
        self._array(result)[...] = a @ b

    def _array(self, view: View) -> Any:
        """The elements of an array on the device."""
        self._inside(view.address, view.nbytes)
        memory: Any = (ctypes.c_char * view.nbytes).from_address(view.address)
        return np.frombuffer(memory, view.dtype).reshape(view.shape)

    def wait(self, stream: int, other: int) -> None:
        self.log.append(f"stream {stream} waits for {other}")

    def synchronize(self, stream: int) -> None:
        self.log.append("synchronize")

    def clock(self, stream: int) -> int:
        return 0

    def milliseconds(self, start: int, end: int) -> float:
        return 0.0

    def _unpacked(self, parameters: Sequence[Parameter], table: int) -> list[Any]:
        """The values of a launch's parameters, arrays as views of the device's memory."""
        slot = 0

        def word(text: str) -> Any:
            nonlocal slot
            address = ctypes.c_void_p.from_address(table + 8 * slot).value or 0
            slot += 1
            return struct.unpack(f"={text}", ctypes.string_at(address, 8))[0]

        values: list[Any] = []
        for p in parameters:
            if not p.is_array:
                values.append(p.dtype.type(word(p.format)))
                continue
            _, _, size, itemsize, address, *layout = (word("q") for _ in range(5 + 2 * p.ndim))
            shape = layout[: p.ndim]
            assert itemsize == p.dtype.itemsize and size == np.prod(shape, dtype=np.int64)
            self._inside(address, size * itemsize)
            memory = (ctypes.c_char * (size * itemsize)).from_address(address)
            values.append(np.frombuffer(memory, p.dtype).reshape(shape))
        return values

    def _inside(self, address: int, size: int) -> None:
        for first, block in self.blocks.items():
            if first <= address and address + size <= first + len(block):
                return
        raise DeviceError(f"an illegal address: {size} bytes at {address:#x}")


def image(source: str, kernel: Kernel) -> Image:
    """What stands for machine code: the kernel's name and the text of its file."""
    code = json.dumps([kernel.name, source]).encode()
    return Image(kernel.name, code, Resources(0, 0, 0, 0, 0), {"simulated": "1"})
