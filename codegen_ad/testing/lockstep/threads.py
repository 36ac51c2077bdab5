"""A thread of the simulated grid, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from greenlet import greenlet

from codegen_ad.testing.lockstep.clocks import Timeline
from codegen_ad.testing.lockstep.memory import Memory

WARP = 32


@dataclass(frozen=True, slots=True)
class Place:
    """An index or a size in three dimensions, as `threadIdx` and its kin are."""

    x: int
    y: int = 0
    z: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """What a thread cannot pass alone.

    Attributes
    ----------
    kind : "block", "grid", "warp" or "turn"; the last lets others go first and waits for nobody.
    operation : which barrier, exchange or vote it is.
    line : of the kernel's source.
    callers : the lines that called the function in which it stands, the nearest first.
    mask : the lanes that take part, of a warp's operation.
    value, argument : what the thread brings.
    """

    kind: str
    operation: str
    line: int
    mask: int = 0
    value: Any = None
    argument: Any = None
    callers: tuple[int, ...] = ()

    def __str__(self) -> str:
        called = "".join(f", called in line {line}" for line in self.callers)
        return f"{self.operation} in line {self.line}{called}"


@dataclass(slots=True, eq=False)
class Thread:
    """A thread: where it is in the grid and in its program."""

    number: int
    index: Place
    block: Block
    fiber: greenlet
    timeline: Timeline
    wait: Wait | None = None
    answer: Any = None
    atomics: int = 0

    @property
    def lane(self) -> int:
        """Number of the thread in its warp."""
        return self.index.x % WARP

    @property
    def done(self) -> bool:
        """Whether the thread has returned."""
        return self.fiber.dead

    @property
    def ready(self) -> bool:
        """Whether it can go on."""
        return self.wait is None and not self.fiber.dead


@dataclass(slots=True, eq=False)
class Block:
    """A block: its threads and its shared memory, by the place that asks for it."""

    index: Place
    threads: list[Thread] = field(default_factory=list[Thread])
    shared: dict[Any, Memory] = field(default_factory=dict[Any, Memory])

    def warps(self) -> list[list[Thread]]:
        """The threads by warp."""
        return [self.threads[k : k + WARP] for k in range(0, len(self.threads), WARP)]


def described(threads: Sequence[Thread]) -> str:
    """Where some threads are, in a line of text."""
    found: dict[str, list[int]] = {}
    for thread in threads:
        where = "returned" if thread.done else str(thread.wait)
        found.setdefault(where, []).append(thread.number)
    return "; ".join(f"{_numbers(found[where])}: {where}" for where in sorted(found))


def _numbers(numbers: Sequence[int]) -> str:
    word = "thread" if len(numbers) == 1 else "threads"
    shown = ", ".join(map(str, numbers[:4]))
    return f"{word} {shown}" + (f" and {len(numbers) - 4} more" if len(numbers) > 4 else "")
