"""Arrays of which nobody knows beforehand that they have elements.

A place that is out of bounds is noted, and taken for place 0: the thread goes on, since others wait
for it, and what it finds is thrown away. An array without elements has no place 0, so there the
thread leaves what it is doing.
"""

from __future__ import annotations

from collections.abc import Set

from codegen_ad.ir.dims import AxisSize, Dim
from codegen_ad.plan.device.loops import Refused
from codegen_ad.plan.kernel import Allocate, Check, Kernel, walk
from codegen_ad.plan.tiling.rows import accesses

_LEAST = 2
"""Kernels are made for axes of no or one element with these sizes as constants."""


def measured(sizes: tuple[AxisSize[str], ...]) -> frozenset[str]:
    """The symbols that are whole axes of arguments."""
    return frozenset(s.symbol for s in sizes if s.divisor == 1)


def may_be_empty(extent: Dim, axes: Set[str]) -> bool:
    """Whether an axis of this size may have no element, by the symbols that are axes."""
    symbols = dict.fromkeys(extent.symbols())
    if not axes >= set(symbols):
        return True
    above = extent.substitute({s: Dim.symbol(s) + _LEAST for s in symbols})
    whole = all(isinstance(atom, str) for monomial, _ in above.terms for atom in monomial)
    signs = [coefficient > 0 for _, coefficient in above.terms]
    least = above.substitute({s: Dim.constant(0) for s in symbols}) if whole else Dim(())
    return not (all(signs) and least.is_constant and least.value >= 1)


def check_not_empty(kernel: Kernel) -> None:
    """Refuse a place of data in what may be empty, where a thread may not leave.

    The kernel's own arrays have room for one element at least, which such a place then names.

    Raises
    ------
    Refused
        With the reason.
    """
    own = {s.buffer for s in walk(kernel.body) if isinstance(s, Allocate)}
    axes = measured(kernel.sizes)
    for statement in walk(kernel.body):
        if (
            isinstance(statement, Check)
            and may_be_empty(statement.extent, axes)
            and not _is_place_in(own, statement.name, kernel)
        ):
            text = "in many fits, data name a place in an array that may be empty"
            raise Refused(statement, text)


def _is_place_in(arrays: Set[str], name: str, kernel: Kernel) -> bool:
    """Whether a number is an index in these arrays wherever one is made of it."""
    return all(
        buffer in arrays and all(d == Dim.symbol(name) or name not in d.symbols() for d in at)
        for buffer, at, _ in accesses(kernel.body)
        if any(name in d.symbols() for d in at)
    )
