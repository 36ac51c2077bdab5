"""A generated CUDA file run as a whole in the simulator: all its kernels, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.runtime.cuda.table import product, value
from codegen_ad.testing.lockstep import ORDERS, KernelFile, Order, agree, load, poison

Arrays = dict[str, Any]
ROUNDS = 4
"""So many calls find how much room loops need, each inside of another one."""


def arrays_of(file: KernelFile, sizes: Mapping[str, int]) -> Arrays:
    """The arrays beside the user's: undefined, but for what is promised to be zero."""
    found: Arrays = {}
    for name, what in file.names["ARRAYS"].items():
        shape = tuple(value(text, sizes) for text in what["shape"])
        found[name] = poison(shape, np.dtype(what["dtype"]))
        if what["role"] in ("counter", "status", "barrier", "needed"):
            found[name][...] = 0
    return found


def sizes_of(file: KernelFile, given: Mapping[str, Any]) -> dict[str, int]:
    """The value of each size."""
    found: dict[str, int] = {}
    for name, where in file.names["SIZES"].items():
        if isinstance(where, str):
            found[name] = value(where, {**given, **found})
        else:
            array, axis, *divisor = where
            found[name] = given[array].shape[axis] // (*divisor, 1)[0]
    return found


def run(
    text: str, given: Mapping[str, Any], *, orders: Sequence[Order] = ORDERS, blocks: int = 3
) -> list[Any]:
    """The outputs of a file's kernels for arguments by name, the same in several orders.

    At most `blocks` blocks are launched, so that a thread has several rows where there are many; so
    many are, where blocks wait for each other.

    Raises
    ------
    Failed
        If a kernel reports a failure.
    """
    file = load(text)
    rooms = dict.fromkeys(file.names.get("NEEDED", ()), 0)
    for _ in range(ROUNDS):
        known = launched(file, {**given, **rooms}, orders, blocks)
        needed = dict(zip(rooms, map(int, known.get("needed", ())), strict=True))
        if not any(needed.values()):
            break
        assert all(needed[name] > rooms[name] for name in needed if needed[name])
        rooms = {name: max(needed[name], rooms[name]) for name in rooms}
    else:
        raise AssertionError("more is needed each time")
    for name, was in given.items():
        np.testing.assert_array_equal(known[name], was)
    if "counter" in known:
        assert known["counter"][0] == 0
    if "status" in known and known["status"][0]:
        raise Failed(*file.names["FAILURES"][known["status"][0] - 1])
    return [known[name] for name in file.names["OUTPUTS"]]


def launched(
    file: KernelFile, given: Mapping[str, Any], orders: Sequence[Order], blocks: int
) -> Arrays:
    """All arrays behind the kernels of one call."""
    sizes = sizes_of(file, given)
    rooms = {name: given[name] for name in file.names.get("NEEDED", ())}
    known = {**given, **arrays_of(file, {**sizes, **rooms})}
    products = [product(entry) for entry in file.names.get("PRODUCTS", ())]

    def multiply(before: str | None) -> None:
        for each in products:
            if each.before == before:
                a, b = (
                    known[n].T if over else known[n]
                    for n, over in zip(each.names[1:], each.transposed, strict=True)
                )
                known[each.names[0]] = a @ b

    for name, kernel in file.names["KERNELS"].items():
        multiply(name)
        grid = kernel["blocks"]
        if "least" in kernel:
            grid = blocks
        elif kernel["rows"] is not None:
            rows = value(kernel["rows"], sizes)
            grid = min(grid, blocks, max(1, -(-rows // kernel["threads"])))
        values = [known[a] for a in kernel["arguments"]]
        after = agree(file, name, grid, kernel["threads"], values, orders=orders)
        known.update(zip(kernel["arguments"], after, strict=True))
    multiply(None)
    return known


class Failed(Exception):
    """What a kernel reports in `status`: an exception's name, and its message."""
