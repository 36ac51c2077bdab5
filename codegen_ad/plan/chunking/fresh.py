"""Names for what is added to a finished plan."""

from __future__ import annotations

from functools import cached_property

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import For, Kernel, walk
from codegen_ad.plan.names import LOOP_NAMES
from codegen_ad.plan.tidying.uses import mentioned


class Fresh:
    """Names that are free in a kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._taken = mentioned(kernel.body) | {p.name for p in kernel.parameters}
        self._taken |= {s.symbol for s in kernel.sizes} | {kernel.name}
        variables = {s.variable for s in walk(kernel.body) if isinstance(s, For)}
        free = (n for n in (*LOOP_NAMES, *(f"axis_{k}" for k in range(32))))
        self.axes = [n for n in free if n not in self._taken - variables]
        self._taken |= variables
        self._known: dict[tuple[str, Dim, tuple[Dim, ...]], str] = {}

    @cached_property
    def own(self) -> dict[str, str]:
        """Variables of one function, which may be called the same in others."""
        return {n: self(n) for n in ("first", "last", "chunk", "start", "step")}

    def of(self, name: str, extent: Dim, least: tuple[Dim, ...]) -> str:
        """The name of what depends on these sizes alone."""
        key = (name, extent, least)
        if key not in self._known:
            self._known[key] = self(name)
        return self._known[key]

    def __call__(self, name: str) -> str:
        """The name, with a number if it is taken; it is taken from now on."""
        number, found = 1, name
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found
