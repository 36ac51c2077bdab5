"""The text of a reduction over all threads of a fixed grid, in one launch and in one order.

Lanes of a warp exchange: with 2k values, lanes whose number has a bit set keep the upper half and
pass on the lower one, the others the other way round, so that k sums remain; after as many steps as
the number of values has bits, each lane holds one sum. 32 values take 31 shuffles in place of 160.
The warps of a block add through shared memory, and each block writes one row of partial sums. The
block that comes last, as an atomic counter tells, adds the rows in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.spell import spell_literal
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.whole import Total, identity

WARP = 32
SHUFFLE = "cuda.shfl_xor_sync(ALL, {value}, {distance})"
COMBINE = {
    "sum": "{a} + {b}",
    "prod": "{a} * {b}",
    "max": "cuda.selp(({a} >= {b}) | ({a} != {a}), {a}, {b})",
    "min": "cuda.selp(({a} <= {b}) | ({a} != {a}), {a}, {b})",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Totals of one kind, and the arrays through which threads add them."""

    how: str
    dtype: DType
    totals: tuple[Total, ...]
    sums: str
    partial: str

    @property
    def columns(self) -> int:
        """How many numbers there are."""
        return sum(t.count for t in self.totals)

    @property
    def numbers(self) -> list[str]:
        """The names of those that are no arrays."""
        return [t.name for t in self.totals if not t.shape]

    @property
    def padded(self) -> int:
        """The power of 2 that is not below their number."""
        return above(self.columns)

    def rows(self, threads: int) -> int:
        """Rows of the shared array: one for each warp, and one for each team that adds blocks."""
        return max(threads // WARP, threads // self.padded, 1)

    @property
    def nothing(self) -> str:
        """What the reduction begins with, as text."""
        number = identity(self.how, self.dtype)
        assert number is not None
        return spell_literal((float if self.dtype.is_float else int)(number.text), self.dtype)

    def combined(self, a: str, b: str) -> str:
        """Two values as one."""
        return COMBINE[self.how].format(a=a, b=b)


def above(count: int) -> int:
    """The power of 2 that is not below a number."""
    return 1 << max(count - 1, 0).bit_length()


def groups(totals: Sequence[Total]) -> tuple[Group, ...]:
    """The totals by kind, in the order of their first."""
    kinds = dict.fromkeys((t.how, t.dtype) for t in totals)
    found: list[Group] = []
    for number, (how, dtype) in enumerate(kinds):
        ending = f"_{number}" if number else ""
        mine = tuple(t for t in totals if (t.how, t.dtype) == (how, dtype))
        # Numbers stand before arrays: lanes exchange them.
        ordered = (*(t for t in mine if not t.shape), *(t for t in mine if t.shape))
        found.append(Group(how, dtype, ordered, f"sums{ending}", f"partial{ending}"))
    return tuple(found)


def free_prefix(wish: str, taken: Set[str]) -> str:
    """What no name begins with, like the prefix wished for."""
    while any(name.startswith(wish) for name in taken):
        wish += "_"
    return wish


class Reducer:
    """Writes the lines of one group's reduction; `prefix` begins the names of its own variables.

    `held` are the variables in which lanes keep the sums of numbers, where nobody is told them.
    """

    def __init__(self, group: Group, threads: int, prefix: str, held: Sequence[str] = ()) -> None:
        self.held = tuple(held)
        self.group = group
        self.threads = threads
        self.prefix = prefix
        self.lines: list[str] = []

    def line(self, text: str, depth: int = 0) -> None:
        """Write a line, broken where it is an assignment that is long."""
        room = WIDTH - len(INDENT) * (depth + 1)
        parts = broken(text, room) if " = " in text else [text]
        self.lines += [INDENT * depth + part for part in parts]

    def in_warps(self) -> None:
        """Each warp writes its sums into its row of the shared array."""
        group = self.group
        names = group.numbers
        for start in range(0, len(names), WARP):
            chunk = names[start : start + WARP]
            self.exchange(chunk)
            where = f"lane + {start}" if start else "lane"
            self.line(f"if lane < {len(chunk)}:")
            self.line(f"{group.sums}[warp, {where}] = {self.prefix}own", 1)
        column = len(names)
        for total in group.totals:
            if total.shape:
                self._array(total, column)
                column += total.count

    def exchange(self, names: Sequence[str]) -> None:
        """Lanes exchange up to 32 numbers: the variable `own` is then the sum of one of them.

        Lane k has that of number k, and so has each lane a multiple of the power of 2 above.
        """
        group, p = self.group, self.prefix
        size = above(len(names))
        values = [*names, *(group.nothing for _ in range(size - len(names)))]
        step = size // 2
        while step:
            self.line(f"{p}upper = (lane & {step}) != 0")
            found: list[str] = []
            for k in range(step):
                low, high = values[k], values[k + step]
                name = f"{p}{step}_{k}"
                kept = f"cuda.selp({p}upper, {high}, {low})"
                given = SHUFFLE.format(value=f"cuda.selp({p}upper, {low}, {high})", distance=step)
                self._both(name, kept, given)
                found.append(name)
            values = found
            step //= 2
        own = f"{p}own"
        self.line(f"{own} = {values[0]}")
        step = size
        while step < WARP:
            self._both(own, own, SHUFFLE.format(value=own, distance=step))
            step *= 2

    def _both(self, name: str, kept: str, given: str) -> None:
        """Combine what a lane kept with what it was given."""
        p = self.prefix
        self.line(f"{p}given = {given}")
        if self.group.how not in ("sum", "prod"):
            self.line(f"{p}kept = {kept}")
            kept = f"{p}kept"
        self.line(f"{name} = {self.group.combined(kept, f'{p}given')}")

    def _array(self, total: Total, column: int) -> None:
        group, p = self.group, self.prefix
        self.line(f"{p}column = {column}")
        depth, _ = self.each(total)
        self.line("if lane == 0:", depth)
        self.line(f"{group.sums}[warp, {p}column] = {p}own", depth + 1)
        self.line(f"{p}column += 1", depth)

    def each(self, total: Total) -> tuple[int, str]:
        """Loops over an array's elements, each added up by the lanes as the variable `own`.

        Returns how deep the innermost loop's body stands, and the element's index.
        """
        group, p = self.group, self.prefix
        axes = [f"{p}{n}" for n in "ijklm"[: len(total.shape)]]
        for depth, (axis, dim) in enumerate(zip(axes, total.shape, strict=True)):
            self.line(f"for {axis} in range({dim}):", depth)
        depth = len(axes)
        index = ", ".join(f"u64({a})" for a in axes)
        self.line(f"{p}own = {total.own}[{index}]", depth)
        for step in (16, 8, 4, 2, 1):
            given = SHUFFLE.format(value=f"{p}own", distance=step)
            self.line(f"{p}given = {given}", depth)
            self.line(f"{p}own = {group.combined(f'{p}own', f'{p}given')}", depth)
        return depth, index

    def add(self, name: str, term: str, depth: int = 0) -> None:
        """Write that a variable takes a term in."""
        if self.group.how == "sum":
            self.line(f"{name} += {term}", depth)
        else:
            self.line(f"{name} = {self.group.combined(name, term)}", depth)

    def in_blocks(self) -> None:
        """One row of partial sums for each block, its warps in order."""
        self._columns("warp", self.threads // WARP, f"{self.group.partial}[block, thread]")

    def _columns(self, what: str, count: int, target: str) -> None:
        group, p = self.group, self.prefix
        self.line(f"if thread < {group.columns}:")
        self.line(f"{p}total = {group.sums}[0, thread]", 1)
        if count > 1:
            self.line(f"for {p}row in range(1, {count}):", 1)
            self.add(f"{p}total", f"{group.sums}[{p}row, thread]", 2)
        self.line(f"{target} = {p}total", 1)

    def of_blocks(self) -> None:
        """In the last block: teams add every so many rows, in order."""
        group, p = self.group, self.prefix
        size = group.padded
        teams = max(self.threads // size, 1)
        self.line(f"{p}column = thread & {size - 1}")
        self.line(f"{p}row = thread >> {size.bit_length() - 1}")
        self.line(f"{p}total = {group.nothing}")
        self.line(f"if {p}column < {group.columns}:")
        self.line(f"while {p}row < blocks:", 1)
        self.add(f"{p}total", f"{group.partial}[{p}row, {p}column]", 2)
        self.line(f"{p}row += {teams}", 2)
        self.line(f"{group.sums}[thread >> {size.bit_length() - 1}, {p}column] = {p}total")

    def of_teams(self) -> None:
        """In the last block: the teams' sums in order."""
        teams = max(self.threads // self.group.padded, 1)
        self._columns("team", teams, f"{self.group.sums}[0, thread]")
