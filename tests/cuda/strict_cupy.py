"""What the library asks of CuPy, on the host, and no less strict: what CuPy refuses is refused.

Memory is that of NumPy's arrays, by address. Arrays know their device; a product wants the device
that is current, and is given to the stream that is.
"""

from __future__ import annotations

import ctypes
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


class StrictCupy(ModuleType):
    """A stand-in for the module `cupy`; `products` lists (device, stream) of each product."""

    def __init__(self) -> None:
        super().__init__("cupy")
        self.devices: list[int] = [0]
        self.streams: list[int] = [0]
        self.products: list[tuple[int, int]] = []
        outer = self

        class Memory:
            def __init__(self, ptr: int, size: int, owner: object, device_id: int = -1) -> None:
                assert type(ptr) is int
                assert type(size) is int
                if device_id < 0 and not ptr:
                    raise RuntimeError("a null pointer needs an explicit device")
                self.ptr, self.size, self.owner, self.device = ptr, size, owner, device_id

        class Pointer:
            def __init__(self, mem: Memory, offset: int) -> None:
                assert mem.ptr > 0 or offset == 0
                self.mem, self.offset = mem, offset

        class Current:
            held: list[int]

            def __init__(self, number: int, device_id: int = -1) -> None:
                assert type(number) is int
                self.number = number

            def __enter__(self) -> Any:
                self.held.append(self.number)
                return self

            def __exit__(self, *what: object) -> None:
                self.held.pop()

        class Device(Current):
            held = outer.devices

        class ExternalStream(Current):
            held = outer.streams

        class Array:
            def __init__(
                self, shape: tuple[int, ...], dtype: Any, memptr: Pointer | None = None
            ) -> None:
                self.device = outer.devices[-1]
                if memptr is None:
                    self.values = np.empty(shape, dtype)
                    return
                size = int(np.prod(shape)) * np.dtype(dtype).itemsize
                assert memptr.offset + size <= memptr.mem.size
                assert memptr.mem.device == self.device, "the memory lies on another device"
                kind = ctypes.c_byte * size
                held = kind.from_address(memptr.mem.ptr + memptr.offset)
                self.values = np.frombuffer(held, dtype).reshape(shape)

            @property
            def T(self) -> Array:
                found = Array.__new__(Array)
                found.device, found.values = self.device, self.values.T
                return found

        def matmul(a: Array, b: Array, *, out: Array) -> Array:
            for each in (a, b, out):
                assert isinstance(each, Array), "CuPy takes no other library's arrays"
                assert each.device == outer.devices[-1]
            wanted = np.matmul(a.values, b.values)
            if wanted.shape != out.values.shape:
                raise ValueError("Output array has wrong shape")
            if not np.can_cast(wanted.dtype, out.values.dtype, "same_kind"):
                raise TypeError(f"output of {wanted.dtype} can't be {out.values.dtype}")
            for each in (a, b):
                if np.shares_memory(each.values, out.values):
                    raise ValueError("cuBLAS reads what it writes")
            out.values[...] = wanted
            outer.products.append((outer.devices[-1], outer.streams[-1]))
            return out

        self.ndarray, self.matmul = Array, matmul
        self.empty = lambda shape, dtype: Array(shape, dtype)
        self.cuda = SimpleNamespace(
            UnownedMemory=Memory,
            MemoryPointer=Pointer,
            Device=Device,
            ExternalStream=ExternalStream,
        )
