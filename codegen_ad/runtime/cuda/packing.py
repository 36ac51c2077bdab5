"""A kernel's parameters as the driver wants them: the addresses of values, laid out as numba does.

An array is, in numba's calling convention: two pointers that are null on a device, the number of
elements, the size of one, the address of the first, the shape, and the strides in bytes.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, cast

from codegen_ad.runtime.cuda.arrays import View
from codegen_ad.runtime.cuda.table import Parameter

SLOT = 8
ADDRESS = 4
"""Which of an array's words is the address of its first element."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The values of one kernel's parameters, where they stay.

    Attributes
    ----------
    words : the values, in words of eight bytes.
    table : the address of the words' addresses, as the driver takes it.
    slots : the first word of each parameter.
    held : what keeps the table alive.
    """

    words: Any
    table: int
    slots: tuple[int, ...]
    held: object


class Packer:
    """Lays out the values of one kernel's parameters, in memory that it keeps for each thread."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        parts = [f"{5 + 2 * p.ndim}q" if p.is_array else p.format for p in parameters]
        sizes = [5 + 2 * p.ndim if p.is_array else 1 for p in parameters]
        slots = sum(sizes)
        self._first = tuple(accumulate(sizes, initial=0))[:-1]
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
        own = self._own
        try:
            layout = own.layout
        except AttributeError:
            layout = own.layout = self._room()
        self._fill(layout, values)
        return layout.table

    def lay(self, values: Sequence[Any]) -> Layout:
        """Lay out views of arrays and numbers in memory of their own."""
        layout = self._room()
        self._fill(layout, values)
        return layout

    def _room(self) -> Layout:
        words = (ctypes.c_int64 * (self._slots + 1))()
        first = ctypes.addressof(words)
        addresses = (first + SLOT * k for k in range(self._slots))
        table = (ctypes.c_void_p * max(self._slots, 1))(*addresses)
        return Layout(words, ctypes.addressof(table), self._first, table)

    def _fill(self, layout: Layout, values: Sequence[Any]) -> None:
        flat: list[Any] = []
        for value, is_array in zip(values, self._arrays, strict=True):
            if is_array:
                flat.extend(cast("View", value).words)
            else:
                flat.append(value)
        self._struct.pack_into(layout.words, 0, *flat)
