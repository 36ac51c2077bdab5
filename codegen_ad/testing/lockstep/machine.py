"""Runs a whole grid, one thread after another, in an order that finds what a device may do.

Threads of a warp run up to their next common operation, a warp up to its next barrier: so a barrier
that is missing shows in one of two opposite orders, and in the clocks of `clocks.py` in any.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greenlet import getcurrent, greenlet

from codegen_ad.testing.lockstep import warps
from codegen_ad.testing.lockstep.clocks import Timeline, meet
from codegen_ad.testing.lockstep.errors import Deadlock, Divergence
from codegen_ad.testing.lockstep.threads import Block, Place, Thread, Wait, described

Order = str | int
"""`"forward"`, `"reverse"`, or the seed of a random order."""

ORDERS: tuple[Order, ...] = ("forward", "reverse", 1, 2)
PATIENCE = 200
"""How often threads may take turns, none of them getting any further, before they are stuck."""


@dataclass(slots=True)
class Counts:
    """What a launch did.

    Attributes
    ----------
    barriers, grid_barriers, fences, atomics : how often, over all blocks or threads.
    exchanges : shuffles, votes and barriers of a warp, over all warps.
    shared_bytes : shared memory of a block.
    """

    barriers: int = 0
    grid_barriers: int = 0
    exchanges: int = 0
    fences: int = 0
    atomics: int = 0
    shared_bytes: int = 0


@dataclass(slots=True, eq=False)
class Machine:
    """A grid of threads and whose turn it is.

    Parameters
    ----------
    blocks, threads : the size of the grid and of a block.
    order : in which order warps, and threads within them, take their turns.
    """

    blocks: int
    threads: int
    order: Order
    current: Thread = field(init=False)
    counts: Counts = field(default_factory=Counts)
    _main: greenlet = field(init=False)
    _grid: list[Block] = field(default_factory=list[Block])

    def run(self, program: Callable[[], None]) -> Counts:
        """Run a program in every thread of the grid, to the end."""
        self._main = getcurrent()
        self._grid = list(self._populate(program))
        chance = random.Random(self.order) if isinstance(self.order, int) else None
        self._run(chance)
        for block in self._grid:
            used = sum(m.size * m.dtype.itemsize for m in block.shared.values())
            self.counts.shared_bytes = max(self.counts.shared_bytes, used)
        return self.counts

    def pause(self, wait: Wait) -> Any:
        """Suspend the running thread until what it waits for has happened; returns the answer."""
        thread = self.current
        thread.wait = wait
        thread.answer = None
        self._main.switch()
        return thread.answer

    def _populate(self, program: Callable[[], None]) -> Iterator[Block]:
        nothing = np.zeros(self.blocks * self.threads, np.int64)

        @np.errstate(all="ignore")  # a device raises nothing; each fiber has a context of its own
        def quiet() -> None:
            program()

        for b in range(self.blocks):
            block = Block(Place(b))
            for t in range(self.threads):
                number = b * self.threads + t
                fiber = greenlet(quiet, self._main)
                thread = Thread(number, Place(t), block, fiber, Timeline(number, nothing))
                block.threads.append(thread)
            yield block

    def _run(self, chance: random.Random | None) -> None:
        warps_of_grid = [warp for block in self._grid for warp in block.warps()]
        idle, tried = 0, False
        while True:
            runnable = [w for w in warps_of_grid if any(t.ready for t in w)]
            while runnable:
                warp = self._chosen(runnable, chance)
                self._advance(warp, chance)
                if not any(t.ready for t in warp):
                    runnable.remove(warp)
            threads = [t for block in self._grid for t in block.threads]
            if all(t.done for t in threads):
                return
            turns = [t for t in threads if t.wait is not None and t.wait.kind == "turn"]
            if turns and not tried:
                # Who spins looks again before others go on: later it would see what they did next,
                # as if it had waited for that, too, and a barrier that is missing would not show.
                tried = True
                for thread in turns:
                    thread.wait = None
                continue
            tried = False
            if self._release():
                idle = 0
                continue
            if not turns or idle > PATIENCE:
                raise Deadlock(f"no thread can go on: {described(threads)}")
            idle += 1

    def _chosen(self, runnable: Sequence[list[Thread]], chance: random.Random | None) -> Any:
        if chance is not None:
            return chance.choice(runnable)
        return runnable[0] if self.order == "forward" else runnable[-1]

    def _advance(self, warp: Sequence[Thread], chance: random.Random | None) -> None:
        """Run the lanes that can, up to what they wait for, and let those go on that have met."""
        lanes = [t for t in warp if t.ready]
        if chance is not None:
            chance.shuffle(lanes)
        elif self.order == "reverse":
            lanes.reverse()
        for thread in lanes:
            self.current = thread
            try:
                thread.fiber.switch()
            except Exception as error:
                place = f"thread {thread.index.x} of block {thread.block.index.x}"
                error.add_note(f"in {place}, in order {self.order!r}")
                raise
        if warps.resolve(warp):
            self.counts.exchanges += 1

    def _release(self) -> bool:
        """Let threads pass the barriers that all who must have reached; whether any do."""
        released = False
        for block in self._grid:
            if self._meet(block.threads, "block"):
                self.counts.barriers += 1
                released = True
        if released:
            return True
        threads = [t for block in self._grid for t in block.threads]
        if self._meet(threads, "grid"):
            self.counts.grid_barriers += 1
            return True
        return False

    def _meet(self, threads: Sequence[Thread], kind: str) -> bool:
        waiting = [t for t in threads if t.wait is not None and t.wait.kind == kind]
        if not waiting:
            return False
        places = {(w.operation, w.line, w.callers) for t in waiting if (w := t.wait) is not None}
        if len(waiting) != len(threads) or len(places) > 1:
            if any(t.wait is not None and t.wait.kind == "turn" for t in threads):
                return False  # these may yet come
            raise Divergence(
                f"a barrier of the {kind} is not reached by all its threads alike: "
                f"{described(threads)}"
            )
        values = [t.wait.value for t in waiting if t.wait is not None]
        operation = next(iter(places))[0]
        meet([t.timeline for t in threads])
        for thread in threads:
            thread.answer = _combined(operation, values)
            thread.wait = None
        return True


def _combined(operation: str, values: Sequence[Any]) -> Any:
    match operation:
        case "syncthreads_count":
            return sum(bool(v) for v in values)
        case "syncthreads_and":
            return int(all(values))
        case "syncthreads_or":
            return int(any(values))
        case _:
            return None
