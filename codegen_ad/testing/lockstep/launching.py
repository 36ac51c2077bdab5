"""Launching a kernel in the simulator, once or in several orders that must agree."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from codegen_ad.testing.lockstep.device import device_now
from codegen_ad.testing.lockstep.errors import OrderMatters
from codegen_ad.testing.lockstep.machine import ORDERS, Counts, Machine, Order
from codegen_ad.testing.lockstep.memory import global_memory, is_array
from codegen_ad.testing.lockstep.sources import KernelFile


def launch(
    kernels: KernelFile,
    name: str,
    blocks: int,
    threads: int,
    arguments: Sequence[Any],
    *,
    order: Order = "forward",
    shared_bytes: int = 0,
) -> Counts:
    """Run a kernel over a whole grid.

    Parameters
    ----------
    kernels, name : the file, and which of its kernels.
    blocks, threads : how many blocks, and how many threads each has.
    arguments : contiguous NumPy arrays, into which the kernel writes, and numbers.
    order : "forward", "reverse", or the seed of a random order.
    shared_bytes : shared memory whose size the launch gives.

    Raises
    ------
    LockstepError
        If the kernel races, reads what is undefined, leaves an array, diverges or hangs. A note
        names thread, block and order.
    """
    kernel = kernels[name]
    machine = Machine(blocks, threads, order)
    now = device_now(kernels.device)
    names = inspect.signature(kernel).parameters
    values = [
        global_memory(n, v, now) if is_array(v) else v
        for n, v in zip(names, arguments, strict=True)
    ]
    kernels.device.attach(machine, shared_bytes)
    try:
        return machine.run(lambda: kernel(*values))
    finally:
        kernels.device.attach(None)


def agree(
    kernels: KernelFile,
    name: str,
    blocks: int,
    threads: int,
    arguments: Sequence[Any],
    *,
    orders: Sequence[Order] = ORDERS,
    check: Callable[[Sequence[Any]], None] | None = None,
) -> list[Any]:
    """Run a kernel in several orders and return the arguments as the first one leaves them.

    `check` sees the arguments after each run. The arrays that were passed stay as they are.

    Raises
    ------
    OrderMatters
        If the bits of any array differ between two orders.
    LockstepError
        As `launch` does.
    """
    first: list[Any] = []
    for order in orders:
        copies: list[Any] = [v.copy() if is_array(v) else v for v in arguments]
        launch(kernels, name, blocks, threads, copies, order=order)
        if check is not None:
            check(copies)
        for k, (a, b) in enumerate(zip(first, copies, strict=False)):
            if is_array(a) and a.tobytes() != b.tobytes():
                parameter = list(inspect.signature(kernels[name]).parameters)[k]
                raise OrderMatters(f"{name}: {parameter} differs in order {order!r}: {a} and {b}")
        first = first or copies
    return first
