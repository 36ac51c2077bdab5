"""How the threads of a team tell each other what they have added up, and wait for each other.

A team is one warp, one block, or all blocks of a grid that run at once. In each, the order in which
numbers are added follows from the number of threads alone, and every thread ends with the same
bits. Two buffers take turns, so that one barrier lies between writing sums and the next ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

from codegen_ad.emit.breaking import INDENT
from codegen_ad.emit.device_reduce import WARP, Group, Reducer, above
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.whole import THREADS, Buffer, Total

GRID = 128
"""Blocks of a grid that waits for itself: all must run at once, on devices with fewer
multiprocessors too. Which sums come out follows from it."""

TEAMS = 32
"""At most so many teams of a block's threads add rows of blocks."""


class Exchange(Protocol):
    """What a team's threads do together."""

    @property
    def threads(self) -> int:
        """How many threads a block has."""
        ...

    @property
    def rows(self) -> int:
        """How many rows of the data each thread keeps; 0 for none."""
        ...

    @property
    def team(self) -> str:
        """How many threads work together, as text."""
        ...

    @property
    def thread(self) -> str:
        """A thread's number in the team, as text."""
        ...

    @property
    def leader(self) -> str:
        """The condition that a thread is the one that works alone."""
        ...

    @property
    def first_warp(self) -> str:
        """The condition that a thread is in the warp of the leader; empty for all."""
        ...

    def begin(self, *, sums: bool) -> list[str]:
        """Who a thread is; `sums` says whether anything is added up."""
        ...

    def shared(self, sums: str, columns: int, dtype: DType) -> list[str]:
        """The arrays of a block through which sums go."""
        ...

    def told(self, name: str, count: int, dtype: DType) -> list[str]:
        """The array through which one thread tells all others numbers."""
        ...

    def wait(self) -> list[str]:
        """All threads wait for each other, and see what the others wrote."""
        ...

    def totals(self, reducers: Sequence[Reducer]) -> list[str]:
        """The sums over all threads, under their names."""
        ...

    def buffers(self, partial: str, columns: int, dtype: DType) -> list[Buffer]:
        """The arrays of the device through which sums go."""
        ...

    def telling(self, name: str, count: int, dtype: DType) -> list[Buffer]:
        """The array of the device through which one thread tells all others numbers."""
        ...


def columns_of(group: Group) -> int:
    """How many columns sums take: numbers as many as lanes exchange, then arrays."""
    return _arrays_from(group) + sum(t.count for t in group.totals if t.shape)


def _arrays_from(group: Group) -> int:
    whole, rest = divmod(len(group.numbers), WARP)
    return whole * WARP + (above(rest) if rest else 0)


def _chunks(group: Group) -> Iterable[tuple[int, list[str]]]:
    names = group.numbers
    return ((k, names[k : k + WARP]) for k in range(0, len(names), WARP))


def _taken(reducers: Sequence[Reducer], part: Callable[[Reducer], None]) -> list[str]:
    found: list[str] = []
    for reducer in reducers:
        part(reducer)
        found += reducer.lines
        reducer.lines.clear()
    return found


def _to_names(r: Reducer, start: int, names: Sequence[str]) -> None:
    """Every lane learns the numbers that lanes hold as `own`, or each keeps the one that it has."""
    if r.held:
        r.line(f"{r.held[start // WARP]} = {r.prefix}own")
        return
    for k, name in enumerate(names):
        alone = len(names) == 1
        text = f"{r.prefix}own" if alone else f"cuda.shfl_sync(ALL, {r.prefix}own, {k})"
        r.line(f"{name} = {text}")


def element(name: str, shape: Shape, at: str, start: int = 0) -> str:
    """The element of an array with such a number in C order, from a place on the first axis on."""
    places: list[str] = []
    below = prod(d.value for d in shape)
    for axis, dim in enumerate(shape):
        below //= dim.value
        place = "0" if dim == ONE else f"{at} // {below}" if below > 1 else at
        place = f"{place} % {dim.value}" if axis and dim != ONE else place
        places.append(place if axis or not start else f"{place} + {start}")
    return f"{name}[{', '.join(places)}]"


def _put(r: Reducer, total: Total, element: str, depth: int) -> None:
    value = f"{r.prefix}own"
    value = r.group.combined(element, value) if total.adds else value
    r.line(f"{element} = {value}", depth)


@dataclass(frozen=True, slots=True)
class Warp:
    """One warp: what lanes exchange is the sum over the team, and nothing goes through memory.

    With `everywhere` arrays that are added to are each lane's own, and all lanes write theirs.
    """

    everywhere: bool = False
    threads: int = WARP
    team: str = str(WARP)
    thread: str = "lane"
    leader: str = "lane == 0"
    first_warp: str = ""
    rows: int = 0

    def begin(self, *, sums: bool) -> list[str]:
        """The lane."""
        return ["lane = cuda.threadIdx.x"]

    def shared(self, sums: str, columns: int, dtype: DType) -> list[str]:
        """No arrays: lanes exchange what they hold."""
        return []

    def told(self, name: str, count: int, dtype: DType) -> list[str]:
        """An array of the block."""
        return [f"{name} = cuda.shared.array({count}, np.{dtype.numpy_name})"]

    def wait(self) -> list[str]:
        """The barrier of a warp."""
        return ["cuda.syncwarp()"]

    def totals(self, reducers: Sequence[Reducer]) -> list[str]:
        """What lanes exchange."""
        return _taken(reducers, self._totals)

    def _totals(self, r: Reducer) -> None:
        for start, names in _chunks(r.group):
            r.exchange(names)
            _to_names(r, start, names)
        for total in r.group.totals:
            if total.shape:
                depth, index = r.each(total)
                if total.start:  # the part of the array that this loop adds up
                    index = index.replace("u64(", f"u64({total.start} + ", 1)
                if not self.everywhere:
                    r.line("if lane == 0:", depth)
                    depth += 1
                _put(r, total, f"{total.name}[{index}]", depth)

    def buffers(self, partial: str, columns: int, dtype: DType) -> list[Buffer]:
        """No arrays of the device."""
        return []

    def telling(self, name: str, count: int, dtype: DType) -> list[Buffer]:
        """No array of the device."""
        return []


def _to_rows(r: Reducer, row: str) -> None:
    """Every warp writes its sums into its row."""
    group = r.group
    for start, names in _chunks(group):
        r.exchange(names)
        size = above(len(names))
        where = f"{row}, lane + {start}" if start else f"{row}, lane"
        if size < WARP:
            r.line(f"if lane < {size}:")
            r.line(f"{group.sums}[{where}] = {r.prefix}own", 1)
        else:
            r.line(f"{group.sums}[{where}] = {r.prefix}own")
    column = _arrays_from(group)
    for total in group.totals:
        if total.shape:
            r.line(f"{r.prefix}column = {column}")
            depth, _ = r.each(total)
            r.line("if lane == 0:", depth)
            r.line(f"{group.sums}[{row}, {r.prefix}column] = {r.prefix}own", depth + 1)
            r.line(f"{r.prefix}column += 1", depth)
            column += total.count


def _from_rows(r: Reducer, sums: str, turn: str, rows: int) -> None:
    """Every warp adds the rows, each lane a column, and lanes tell each other."""
    for start, names in _chunks(r.group):
        size = above(len(names))
        column = "lane" if size == WARP else f"lane & {size - 1}"
        column = "0" if size == 1 else column
        column = f"{column} + {start}" if start and size in (1, WARP) else column
        column = f"({column}) + {start}" if start and size not in (1, WARP) else column
        _column(r, sums, turn, column, rows, 0)
        _to_names(r, start, names)


def _column(r: Reducer, sums: str, turn: str, column: str, rows: int, depth: int) -> None:
    p = r.prefix
    r.line(f"{p}own = {sums}[{turn}0, {column}]", depth)
    if rows > 1:
        r.line(f"for {p}row in range(1, {rows}):", depth)
        r.add(f"{p}own", f"{sums}[{turn}{p}row, {column}]", depth + 1)


def _to_arrays(r: Reducer, turn: str, rows: int, threads: str = "thread < {count}") -> None:
    """Threads put the elements of arrays where they belong."""
    column = _arrays_from(r.group)
    for total in r.group.totals:
        if total.shape:
            r.line(f"if {threads.format(count=total.count)}:")
            where = f"thread + {column}" if column else "thread"
            _column(r, r.group.sums, turn, where, rows, 1)
            _put(r, total, element(total.name, total.shape, "thread", total.start), 1)
            column += total.count


@dataclass(frozen=True, slots=True)
class Block:
    """One block: warps write rows into shared memory, and after a barrier every warp adds them."""

    threads: int = THREADS
    team: str = str(THREADS)
    thread: str = "thread"
    leader: str = "thread == 0"
    first_warp: str = "warp == 0"
    rows: int = 0

    def begin(self, *, sums: bool) -> list[str]:
        """The thread, its lane and its warp, and which of two buffers is written."""
        more = ["lane = thread & 31", "warp = thread >> 5", "turn = 0"]
        return ["thread = cuda.threadIdx.x", *(more if sums else [])]

    def shared(self, sums: str, columns: int, dtype: DType) -> list[str]:
        """Two buffers with a row for each warp."""
        shape = f"(2, {self.threads // WARP}, {columns})"
        return [f"{sums} = cuda.shared.array({shape}, np.{dtype.numpy_name})"]

    def told(self, name: str, count: int, dtype: DType) -> list[str]:
        """An array of the block."""
        return [f"{name} = cuda.shared.array({count}, np.{dtype.numpy_name})"]

    def wait(self) -> list[str]:
        """The barrier of a block."""
        return ["cuda.syncthreads()"]

    def totals(self, reducers: Sequence[Reducer]) -> list[str]:
        """Rows of the warps, a barrier, and what every warp finds by adding the rows."""
        found = _taken(reducers, lambda r: _to_rows(r, "turn, warp"))
        found += self.wait()
        found += _taken(reducers, self._add)
        return [*found, "turn = 1 - turn"]

    def _add(self, r: Reducer) -> None:
        rows = self.threads // WARP
        _from_rows(r, r.group.sums, "turn, ", rows)
        _to_arrays(r, "turn, ", rows)

    def buffers(self, partial: str, columns: int, dtype: DType) -> list[Buffer]:
        """No arrays of the device."""
        return []

    def telling(self, name: str, count: int, dtype: DType) -> list[Buffer]:
        """No array of the device."""
        return []


@dataclass(frozen=True, slots=True)
class Grid:
    """All blocks of a grid, which run at once: each writes a row, and all add the rows of all.

    Between the two all blocks wait: they count themselves in the device's memory, and one thread of
    each looks until all have come. A launch that is not cooperative would wait for ever. Where a
    kernel `meets`, this is a function of the file's, which does without where there is one block.
    """

    threads: int = THREADS
    team: str = "cuda.gridsize(1)"
    thread: str = "cuda.grid(1)"
    leader: str = "cuda.grid(1) == 0"
    first_warp: str = f"cuda.grid(1) < {WARP}"
    rows: int = 0
    meets: bool = False

    def begin(self, *, sums: bool) -> list[str]:
        """The thread's place, and how many blocks must have come to the next barrier."""
        return [
            *Block().begin(sums=sums),
            "block = cuda.blockIdx.x",
            "blocks = cuda.gridDim.x",
            "expected = 0",
        ]

    def shared(self, sums: str, columns: int, dtype: DType) -> list[str]:
        """Rows of the block's warps, and rows of what teams of threads add of all blocks."""
        return [f"{sums} = cuda.shared.array((2, {TEAMS}, {columns}), np.{dtype.numpy_name})"]

    def told(self, name: str, count: int, dtype: DType) -> list[str]:
        """No array of the block: it lies in the device's memory."""
        return []

    def wait(self) -> list[str]:
        """The barrier of the grid."""
        if self.meets:
            return ["expected = meet(arrived, expected)"]
        return [
            "cuda.syncthreads()",
            "expected += blocks",
            "if thread == 0:",
            f"{INDENT}cuda.threadfence()",
            f"{INDENT}cuda.atomic.add(arrived, 0, 1)",
            f"{INDENT}while cuda.atomic.add(arrived, 0, 0) < expected:",
            f"{INDENT * 2}pass",
            f"{INDENT}cuda.threadfence()",
            "cuda.syncthreads()",
        ]

    def totals(self, reducers: Sequence[Reducer]) -> list[str]:
        """Rows of the warps, rows of the blocks, the grid's barrier, and all rows added."""
        found = _taken(reducers, lambda r: _to_rows(r, "0, warp"))
        found.append("cuda.syncthreads()")
        found += _taken(reducers, self._row)
        found += self.wait()
        found += _taken(reducers, self._rows)
        found.append("cuda.syncthreads()")
        found += _taken(reducers, self._add)
        return [*found, "turn = 1 - turn"]

    def buffers(self, partial: str, columns: int, dtype: DType) -> list[Buffer]:
        """Two buffers with a row for each block."""
        return [Buffer(partial, ("2", str(GRID), str(columns)), dtype, "scratch")]

    def telling(self, name: str, count: int, dtype: DType) -> list[Buffer]:
        """The array that one thread writes."""
        return [Buffer(name, (str(count),), dtype, "scratch")]

    def _teams(self, columns: int) -> int:
        return min(self.threads // above(columns), TEAMS)

    def _row(self, r: Reducer) -> None:
        r.line(f"if thread < {columns_of(r.group)}:")
        _column(r, r.group.sums, "0, ", "thread", self.threads // WARP, 1)
        r.line(f"{r.group.partial}[turn, block, thread] = {r.prefix}own", 1)

    def _rows(self, r: Reducer) -> None:
        p, columns = r.prefix, columns_of(r.group)
        size = above(columns)
        r.line(f"{p}column = thread & {size - 1}")
        r.line(f"{p}row = thread >> {size.bit_length() - 1}")
        r.line(f"if ({p}column < {columns}) & ({p}row < {self._teams(columns)}):")
        r.line(f"{p}team = {p}row", 1)
        r.line(f"{p}own = {r.group.nothing}", 1)
        r.line(f"while {p}row < blocks:", 1)
        r.add(f"{p}own", f"{r.group.partial}[turn, {p}row, {p}column]", 2)
        r.line(f"{p}row += {self._teams(columns)}", 2)
        r.line(f"{r.group.sums}[1, {p}team, {p}column] = {p}own", 1)

    def _add(self, r: Reducer) -> None:
        rows = self._teams(columns_of(r.group))
        _from_rows(r, r.group.sums, "1, ", rows)
        _to_arrays(r, "1, ", rows, "(block == 0) & (thread < {count})")
