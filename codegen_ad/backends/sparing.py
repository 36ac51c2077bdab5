"""Kernels that keep within a thread's registers: planned by estimate, compiled, planned again.

Estimates know neither what a compiler keeps nor when. So what it spills decides, where it can be
asked: the loop of a kernel that spills is planned more sparingly, and compiled again, until nothing
is spilled or several steps in a row have helped no more. The least that was found is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from codegen_ad.plan.device.thrift import AS_ESTIMATED, Held, Thrift, others

PATIENCE = 4
"""So many steps in a row may be in vain."""


class Spilled(Protocol):
    """A compiler that is asked what kernels spill."""

    @property
    def architecture(self) -> str:
        """Such as sm_90."""
        ...

    def __call__(self, text: str, kernels: Collection[str]) -> int:
        """The bytes that these kernels of a file spill together."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """A file, and of which loop of the plan each kernel is a part, by the numbers of loops."""

    text: str
    loops: Mapping[str, int]

    def parts(self, loop: int) -> tuple[str, ...]:
        """The kernels that do the work of a loop."""
        return tuple(name for name, number in self.loops.items() if number == loop)


Write = Callable[[Mapping[int, Thrift], tuple[str, ...]], Written]
"""Writes the file whose loops are planned so, with lines of its docstring."""


def sparing(write: Write, spilled: Spilled | None) -> str:
    """The text of a file, planned so that the compiler spills the least that was found.

    Without a compiler the estimates stand.
    """
    first = write({}, ())
    loops = sorted({n for n in first.loops.values() if n >= 0})
    notes = {n: _estimated(len(first.parts(n))) for n in loops}
    if any(notes.values()):
        first = write({}, _lines(notes))
    if spilled is None:
        return first.text
    chosen: dict[int, Thrift] = {}
    for loop in loops:
        names = first.parts(loop)
        before = spilled(first.text, names)
        if before:
            search = _Search(write, spilled, loop, len(names), before)
            search.run()
            chosen[loop], notes[loop] = search.best, search.notes()
    return write(chosen, _lines(notes)).text if chosen else first.text


def _lines(notes: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    return tuple(line for lines in notes.values() for line in lines)


def _estimated(parts: int) -> list[str]:
    if parts == 1:
        return []
    return [f"Registers: {parts} kernels take a part of the sums each, by estimate."]


@dataclass(slots=True)
class _Search:
    """For the way to plan a loop that spills the least.

    Attributes
    ----------
    estimated : how many kernels the loop is by estimate.
    before : the bytes that these spill.
    best, least, parts : the best way so far, what it spills, and how many kernels it takes.
    """

    write: Write
    spilled: Spilled
    loop: int
    estimated: int
    before: int
    best: Thrift = AS_ESTIMATED
    least: int = 0
    parts: int = 0

    def run(self) -> None:
        """Try one way after another."""
        self.least, self.parts, vain = self.before, self.estimated, 0
        seen = {self.write({}, ()).text}
        for thrift in others(self.estimated):
            made = self.write({self.loop: thrift}, ())
            if made.text in seen:
                continue
            seen.add(made.text)
            names = made.parts(self.loop)
            found = self.spilled(made.text, names)
            vain += 1
            if found < self.least:
                self.best, self.least, self.parts, vain = thrift, found, len(names), 0
            if not found or vain == PATIENCE:
                break

    def notes(self) -> list[str]:
        """What the file says of it."""
        kernels = "one kernel" if self.estimated == 1 else f"{self.estimated} kernels"
        where = f"on {self.spilled.architecture}"
        lines = [f"Registers: {kernels}, as estimated, spilled {self.before} bytes {where}."]
        if self.parts != self.estimated:
            lines.append(f"{self.parts} kernels take a part of the sums each.")
        elif self.best.parts > self.estimated:
            lines.append(f"The sums are taken in up to {self.best.parts} loops over the rows.")
        if self.best.held is not Held.ESTIMATED:
            lines.append("Numbers that all rows share are read when they are used.")
        if self.best.held is Held.NUMBERS:
            lines.append("Arrays of a row lie in memory.")
        if self.best == AS_ESTIMATED:
            lines.append("No other way that was tried spills less.")
        elif self.least:
            lines.append(f"{self.least} bytes are still spilled.")
        return lines
