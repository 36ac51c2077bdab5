"""A kernel's parameters as the driver wants them: the addresses of values, laid out as numba does.

An array is, in numba's calling convention: two pointers that are null on a device, the number of
elements, the size of one, the address of the first, the shape, and the strides in bytes.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Sequence
from typing import Any, cast

from codegen_ad.runtime.cuda.arrays import View
from codegen_ad.runtime.cuda.table import Parameter

SLOT = 8


class Packer:
    """Lays out the values of one kernel's parameters, in memory that it keeps for each thread."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        parts = [f"{5 + 2 * p.ndim}q" if p.is_array else p.format for p in parameters]
        slots = sum(5 + 2 * p.ndim if p.is_array else 1 for p in parameters)
        # Native sizes, but no padding beside what the formats of single numbers bring.
        self._struct = struct.Struct("=" + "".join(parts))
        assert self._struct.size == slots * SLOT
        self._slots = slots
        self._arrays = tuple(p.is_array for p in parameters)
        self._own = threading.local()

    def pack(self, values: Sequence[Any]) -> int:
        """Lay out views of arrays and numbers; returns the address of the parameters' addresses.

        What lies there holds until this thread packs again.
        """
        flat: list[Any] = []
        for value, is_array in zip(values, self._arrays, strict=True):
            if is_array:
                flat.extend(cast("View", value).words)
            else:
                flat.append(value)
        own = self._own
        try:
            buffer, table = own.buffer, own.table
        except AttributeError:
            buffer = own.buffer = ctypes.create_string_buffer(self._slots * SLOT + 1)
            first = ctypes.addressof(buffer)
            addresses = (first + SLOT * k for k in range(self._slots))
            table = own.table = (ctypes.c_void_p * max(self._slots, 1))(*addresses)
        self._struct.pack_into(buffer, 0, *flat)
        return ctypes.addressof(table)
