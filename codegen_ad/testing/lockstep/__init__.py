"""Run CUDA kernels without a device, thread by thread, and find what a device would punish.

Each thread of the whole grid is a greenlet that gives way at barriers, shuffles and votes. Shared
and local memory begins undefined; indices are checked; unordered accesses of two threads are found
in any run order, by vector clocks; and a kernel must give the same bits in all of several adverse
orders. What it cannot see: a promotion to float64, and what the machine code does with registers
(the static checks of the compiled kernel see those).

>>> kernels = load(path)
>>> outputs = agree(kernels, "loss", 2, 64, [x, y, partial, counter, out])

It needs the package greenlet.
"""

from __future__ import annotations

from codegen_ad.testing.lockstep.errors import (
    Deadlock,
    Divergence,
    LockstepError,
    OrderMatters,
    OutOfBounds,
    RaceFound,
    UnwrittenRead,
)
from codegen_ad.testing.lockstep.launching import agree, launch
from codegen_ad.testing.lockstep.machine import ORDERS, Counts, Order
from codegen_ad.testing.lockstep.memory import poison
from codegen_ad.testing.lockstep.sources import KernelFile, load

__all__ = [
    "ORDERS",
    "Counts",
    "Deadlock",
    "Divergence",
    "KernelFile",
    "LockstepError",
    "Order",
    "OrderMatters",
    "OutOfBounds",
    "RaceFound",
    "UnwrittenRead",
    "agree",
    "launch",
    "load",
    "poison",
]
