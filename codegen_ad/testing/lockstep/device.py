"""The module that a kernel knows as `cuda`, with the simulated grid behind it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from codegen_ad.testing.lockstep.arithmetic import fused_multiply_add
from codegen_ad.testing.lockstep.machine import Machine
from codegen_ad.testing.lockstep.memory import Memory, Store, poisoned
from codegen_ad.testing.lockstep.threads import WARP, Place, Wait
from codegen_ad.testing.lockstep.warps import FULL

TURN_AFTER = 64
"""How many atomics a thread does before another may go first, so that one that spins on an element
cannot keep all others from changing it."""


class Device:
    """`numba.cuda` inside a kernel: indices, barriers, exchanges, memory, atomics.

    Between launches it has no machine, and only `jit` can be used.
    """

    warpsize = WARP

    def __init__(self) -> None:
        self._machine: Machine | None = None
        self._dynamic_bytes = 0
        self.shared = _Shared(self)
        self.local = _Local(self)
        self.atomic = _Atomic(self)
        self.cg = _Groups(self)
        self.const = _Constant(self)

    def attach(self, machine: Machine | None, dynamic_bytes: int = 0) -> None:
        """Give the machine of a launch, or take it away."""
        self._machine = machine
        self._dynamic_bytes = dynamic_bytes

    @property
    def machine(self) -> Machine:
        """The running grid."""
        assert self._machine is not None, "a kernel runs in `launch` only"
        return self._machine

    def jit(self, *args: Any, **options: Any) -> Any:
        """As a decorator, with options or without: the function stays as it is."""
        if len(args) == 1 and callable(args[0]) and not options:
            return args[0]
        return _unchanged

    # Where the thread is -----------------------------------------------------------------------

    @property
    def threadIdx(self) -> Place:
        """Index of the thread in its block."""
        return self.machine.current.index

    @property
    def blockIdx(self) -> Place:
        """Index of the block in the grid."""
        return self.machine.current.block.index

    @property
    def blockDim(self) -> Place:
        """Threads of a block."""
        return Place(self.machine.threads, 1, 1)

    @property
    def gridDim(self) -> Place:
        """Blocks of the grid."""
        return Place(self.machine.blocks, 1, 1)

    @property
    def laneid(self) -> int:
        """Index of the thread in its warp."""
        return self.machine.current.lane

    def grid(self, dimensions: int) -> int:
        """Index of the thread in the grid."""
        assert dimensions == 1, "kernels have grids of one dimension"
        return self.machine.current.number

    def gridsize(self, dimensions: int) -> int:
        """Threads of the grid."""
        assert dimensions == 1, "kernels have grids of one dimension"
        return self.machine.blocks * self.machine.threads

    # Meeting others ------------------------------------------------------------------------------

    def syncthreads(self) -> None:
        """Barrier of the block."""
        self._meet("syncthreads")

    def syncthreads_count(self, predicate: Any) -> int:
        """Barrier of the block, which counts."""
        return self._meet("syncthreads_count", predicate)

    def syncthreads_and(self, predicate: Any) -> int:
        """Barrier of the block, which tells whether the predicate holds in every thread."""
        return self._meet("syncthreads_and", predicate)

    def syncthreads_or(self, predicate: Any) -> int:
        """Barrier of the block, which tells whether the predicate holds in any thread."""
        return self._meet("syncthreads_or", predicate)

    def _meet(self, operation: str, value: Any = None) -> Any:
        at, *callers = lines()
        return self.machine.pause(Wait("block", operation, at, value=value, callers=(*callers,)))

    def syncwarp(self, mask: int = FULL) -> None:
        """Barrier of the warp."""
        self.machine.pause(Wait("warp", "syncwarp", line(), int(mask)))

    def __getattr__(self, name: str) -> Any:
        """Shuffles, votes and matches, all of which bring a mask, a value and perhaps a lane."""
        if name.startswith(("shfl_", "match_")) or name in _VOTES:

            def together(mask: int, value: Any, argument: Any = None) -> Any:
                at = line()
                return self.machine.pause(Wait("warp", name, at, int(mask), value, argument))

            return together
        raise AttributeError(f"numba.cuda.{name} is not simulated")

    def threadfence(self) -> None:
        """Order the thread's accesses before and after it, for the whole device."""
        machine = self.machine
        machine.counts.fences += 1
        machine.current.timeline.fence()

    threadfence_block = threadfence_system = threadfence

    def nanosleep(self, nanoseconds: int) -> None:
        """Let others go first."""
        self.machine.pause(Wait("turn", "nanosleep", line()))

    # Arithmetic ----------------------------------------------------------------------------------

    def selp(self, condition: Any, a: Any, b: Any) -> Any:
        """One of two values, both computed."""
        return a if condition else b

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """`a * b + c`, rounded once."""
        return fused_multiply_add(a, b, c)

    def popc(self, x: Any) -> int:
        """Number of bits that are set."""
        return int(x).bit_count()

    def ffs(self, x: Any) -> int:
        """Place of the lowest set bit, counted from 1; 0 if there is none."""
        return (int(x) & -int(x)).bit_length()

    def clz(self, x: Any) -> int:
        """Number of leading zero bits of a 32-bit number."""
        return 32 - int(x).bit_length()

    def cbrt(self, x: Any) -> Any:
        """Cube root."""
        return type(x)(math.cbrt(x))


def _unchanged(function: Any) -> Any:
    return function


_VOTES = ("all_sync", "any_sync", "eq_sync", "ballot_sync")


class _Shared:
    def __init__(self, device: Device) -> None:
        self._device = device

    def array(self, shape: Any, dtype: Any) -> Memory:
        """The block's array that this place of the kernel asks for."""
        device = self._device
        thread = device.machine.current
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        if shape == 0:
            key: Any = np.dtype(dtype)
            shape = device._dynamic_bytes // key.itemsize  # pyright: ignore[reportPrivateUsage]
        else:
            key = (frame.f_code, frame.f_lasti)
        held = thread.block.shared
        if key not in held:
            name = f"the shared array of line {frame.f_lineno}"
            held[key] = poisoned(name, shape, dtype, device_now(device))
        return held[key]


class _Local:
    def __init__(self, device: Device) -> None:
        self._device = device

    def array(self, shape: Any, dtype: Any) -> Memory:
        """The thread's own array."""
        name = f"the local array of line {line()}"
        return poisoned(name, shape, dtype, device_now(self._device), private=True)


class _Constant:
    def __init__(self, device: Device) -> None:
        self._device = device

    def array_like(self, values: Any) -> Memory:
        """Constant memory."""
        flat = np.array(values).reshape(-1)
        flat.flags.writeable = False
        places = np.arange(flat.size).reshape(np.shape(values))
        store = Store(f"the constants of line {line()}", flat, device_now(self._device))
        return Memory(store, places)


class _Atomic:
    """Operations on one element in one step; each returns what was there before."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def add(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: old + value)

    def sub(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: old - value)

    def max(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: max(old, value))

    def min(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: min(old, value))

    def exch(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: value)

    def inc(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: 0 if old >= value else old + 1)

    def dec(self, array: Memory, index: Any, value: Any) -> Any:
        def down(old: Any) -> Any:
            return value if old == 0 or old > value else old - 1

        return self._change(array, index, down)

    def and_(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: old & value)

    def or_(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: old | value)

    def xor(self, array: Memory, index: Any, value: Any) -> Any:
        return self._change(array, index, lambda old: old ^ value)

    def cas(self, array: Memory, index: Any, old: Any, value: Any) -> Any:
        return self._change(array, index, lambda found: value if found == old else found)

    def compare_and_swap(self, array: Memory, old: Any, value: Any) -> Any:
        return self.cas(array, 0, old, value)

    def _change(self, array: Memory, index: Any, update: Callable[[Any], Any]) -> Any:
        machine = self._device.machine
        thread = machine.current
        thread.atomics += 1
        if thread.atomics % TURN_AFTER == 0:
            machine.pause(Wait("turn", "an atomic", line()))
        machine.counts.atomics += 1
        return array.change(index, update)


class _Groups:
    """Cooperative groups: the grid."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def this_grid(self) -> _Groups:
        """The group of all threads."""
        return self

    def sync(self) -> int:
        """Barrier of the grid, which orders memory."""
        self._device.machine.pause(Wait("grid", "grid.sync", line()))
        return 1


def device_now(device: Device) -> Callable[[], Any]:
    """What tells the timeline of the running thread."""
    return lambda: device.machine.current.timeline


def line() -> int:
    """The line of the kernel that calls what calls this."""
    return lines()[0]


def lines() -> list[int]:
    """The same, and the lines of the functions of its file that are being called."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_globals["__name__"] == __name__:
        frame = frame.f_back
    names, found = frame.f_globals, [frame.f_lineno]
    while (frame := frame.f_back) is not None and frame.f_globals is names:
        found.append(frame.f_lineno)
    return found
