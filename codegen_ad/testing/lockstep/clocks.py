"""Who has seen what: vector clocks, by which unordered accesses are found in any run order.

Each thread counts the points at which it hands on what it did. `seen[u]` is the latest such point
of thread `u` that happened before what this thread does now. Barriers join the clocks of those who
meet. Between blocks, what a thread did reaches another only through a fence, an atomic, the atomic
of the other on the same element, and a fence again (the PTX memory model's release and acquire
patterns, PTX ISA, section "Causality order"). Shuffles and votes order no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Clock = npt.NDArray[np.int64]
"""For each thread of the grid, a number of points; never changed in place once it is shared."""


class Timeline:
    """What one thread knows of the others.

    Attributes
    ----------
    number : the thread's place in the grid.
    tick : its own present point.
    seen : what happened before now.
    fenced : what happened before its last fence, or before that of somebody it met since.
    pending : what its atomics have observed, and no fence has made visible yet.
    """

    __slots__ = ("fenced", "number", "pending", "seen", "tick")

    def __init__(self, number: int, nothing: Clock) -> None:
        self.number = number
        self.tick = 1
        self.seen = self.fenced = self.pending = nothing

    def follows(self, number: int, tick: int) -> bool:
        """Whether a point of another thread happened before now."""
        return number == self.number or bool(self.seen[number] >= tick)

    def fence(self) -> None:
        """Make visible what atomics observed, and let later atomics hand on all that is seen."""
        if self.pending is not self.seen:
            self.seen = np.maximum(self.seen, self.pending)
        now = self.seen.copy()
        now[self.number] = self.tick
        self.fenced = now
        self.tick += 1

    def exchange(self, held: Clock | None) -> Clock:
        """Take over what an element holds, and return what it holds after this atomic."""
        if held is None:
            return self.fenced
        self.pending = np.maximum(self.pending, held)
        return np.maximum(held, self.fenced)


def meet(group: Sequence[Timeline]) -> None:
    """Let all that each of the group has done or seen happen before what any of them does next."""
    seen = _joined(t.seen for t in group)
    for t in group:
        seen[t.number] = t.tick
    fenced, pending = _joined(t.fenced for t in group), _joined(t.pending for t in group)
    for t in group:
        t.seen, t.fenced, t.pending = seen, fenced, pending
        t.tick += 1


def _joined(clocks: Iterable[Clock]) -> Clock:
    distinct: dict[int, Any] = {id(clock): clock for clock in clocks}
    found = list(distinct.values())
    return found[0].copy() if len(found) == 1 else np.maximum.reduce(found)
