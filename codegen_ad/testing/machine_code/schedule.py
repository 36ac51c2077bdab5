"""A model of the cycles that one warp takes for a step of a loop, from the compiler's schedule.

Operations of fixed latency carry it as their stall count. Others set a scoreboard that a later one
waits for; how long that takes is a table of latencies below. One warp alone, no contention, caches
that hit: a lower bound on a device, and a number that shows when a kernel got worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.testing.machine_code.disassembly import NONE, Instruction, Listing

# Cycles until a result is there: leads from microbenchmarks of Volta to Hopper, to be measured.
LATENCIES: Mapping[str, int] = {
    "SHFL": 24, "LDS": 29, "STS": 20, "MUFU": 24, "LDG": 60, "LDC": 30, "BAR": 30,
    "DADD": 16, "DMUL": 16, "DFMA": 16, "DSETP": 16,
}  # fmt: skip
OTHER = 20
READ = 12
"""Cycles until an operation has read its operands."""

APART = "COLLECTIVE"
"""In the names of operations of warps whose lanes have come apart."""

WARM_UP = 10
STEPS = 20


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop of a kernel.

    Attributes
    ----------
    first, last : its instructions.
    cycles : of a step, by the model; branches inside are not taken.
    """

    first: int
    last: int
    cycles: float

    @property
    def length(self) -> int:
        """How many instructions it has."""
        return self.last - self.first + 1


def loops(listing: Listing) -> list[Loop]:
    """The loops of a kernel, each from the label that a later instruction branches back to.

    Behind the kernel lies, for each exchange of lanes, what warps do whose lanes have come apart.
    Branches back from there close no loop of a warp that is together.
    """
    found: list[Loop] = []
    for last, instruction in enumerate(listing.instructions):
        first = listing.labels.get(instruction.target or "")
        # Every kernel ends in a branch to itself, which is never reached.
        if first is not None and first < last:
            body = listing.instructions[first : last + 1]
            if any(APART in i.operation for i in body):
                continue
            found.append(Loop(first, last, cycles(body)))
    return found


def cycles(body: Sequence[Instruction]) -> float:
    """Cycles of a step, once the loop runs steadily."""
    ready = [0] * 6
    now = 0
    marks: list[int] = []
    for _ in range(WARM_UP + STEPS):
        for instruction in body:
            for board in range(6):
                if instruction.waits >> board & 1:
                    now = max(now, ready[board])
            latency = LATENCIES.get(instruction.operation.split(".")[0], OTHER)
            _set(ready, instruction.sets_when_written, now + latency)
            _set(ready, instruction.sets_when_read, now + READ)
            now += max(1, instruction.stall)
        marks.append(now)
    return (marks[-1] - marks[WARM_UP - 1]) / STEPS


def repeated(listing: Listing, trips: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    """Cycles of a whole kernel, and how often each of its instructions runs.

    `trips` says how often each of its loops goes round, in their order, outer before inner. What
    is called only where a fast way fails, behind the kernel, does not run.

    Raises
    ------
    ValueError
        If there are more or fewer loops.
    """
    known = sorted(loops(listing), key=lambda x: (x.first, -x.last))
    if len(known) != len(trips):
        raise ValueError(f"{len(known)} loops, not {len(trips)}")
    end = max(k for k, i in enumerate(listing.instructions) if i.operation == "EXIT")
    whole = Loop(0, end, cycles(listing.instructions[: end + 1]))
    times = [1.0] * (end + 1)
    found = whole.cycles
    for loop, count in zip(known, trips, strict=True):
        # The trip that the loops around have counted already is one of them.
        found += times[loop.first] * (count - 1) * loop.cycles
        for k in range(loop.first, loop.last + 1):
            times[k] *= count
    return found, tuple(times)


def _set(ready: list[int], board: int, when: int) -> None:
    if board != NONE:
        ready[board] = max(ready[board], when)
