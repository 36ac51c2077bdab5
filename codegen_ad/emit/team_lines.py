"""The steps of a team of threads as lines of Python, and the view of their one kernel."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.device_reduce import Group, Reducer, free_prefix, groups
from codegen_ad.emit.exchanges import Exchange, columns_of
from codegen_ad.emit.spell import spell_literal
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.steps import (
    Alone,
    Around,
    Kept,
    KeptColumn,
    Share,
    Step,
    Uniform,
    Wait,
    every,
)
from codegen_ad.plan.device.team import TeamPlan
from codegen_ad.plan.device.waits import nest_of
from codegen_ad.plan.device.whole import Buffer, Own
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import For, If, Statement, Var, While, walk


@dataclass(frozen=True, slots=True)
class Side:
    """The variables that say where a thread stands among columns and rows.

    Attributes
    ----------
    bits, across : how many threads stand side by side, as a power of 2 and as a number.
    column, row : where a thread begins.
    rows : how many of them do, one below the other.
    """

    bits: str
    across: str
    column: str
    row: str
    rows: str


class TeamWriter:
    """Writes steps with a device's writer, for the team that an exchange is about.

    `taken` are the names that the plans use; `may_leave` says whether all threads leave the kernel
    where one statement of all fails.
    """

    def __init__(
        self,
        writer: DeviceWriter,
        plans: Sequence[TeamPlan],
        exchange: Exchange,
        taken: Set[str],
        *,
        may_leave: bool = True,
    ) -> None:
        self.may_leave = may_leave
        self.writer = writer
        self.exchange = exchange
        self.taken = taken
        self.side_names = set(taken)
        self.prefix = free_prefix("sum_", taken)
        self.sums: dict[tuple[DType, int], tuple[str, str, int]] = {}
        self.told: dict[DType, tuple[str, int]] = {}
        self.sizes = {s.symbol for plan in plans for s in plan.kernel.sizes}
        self.sides: dict[Dim, Side] = {}
        self._own: dict[str, None] = {}
        for step in (s for plan in plans for s in every(plan.steps)):
            share = step.share if isinstance(step, Kept) else step
            if isinstance(share, Share):
                self._named(groups(share.totals))
                self._own |= {local_array(o): None for o in share.own}
                if share.columns is not None:
                    self._beside(share.columns.extent)
            if isinstance(step, Kept):
                self._own |= {local_array(_kept(step, c)): None for c in step.columns}
            if isinstance(step, Alone):
                self._room(step.told)

    def _named(self, found: Sequence[Group]) -> tuple[Group, ...]:
        """Groups with the shared arrays that they use: one for each dtype, or for each of it."""
        counts: dict[DType, int] = {}
        named: list[Group] = []
        for group in found:
            key = group.dtype, counts.get(group.dtype, 0)
            counts[group.dtype] = key[1] + 1
            ending = f"_{len(self.sums)}" if self.sums else ""
            wished = (fresh(f"{n}{ending}", set(self.taken)) for n in ("sums", "partial"))
            sums, partial, columns = self.sums.get(key, (*wished, 0))
            self.sums[key] = sums, partial, max(columns, columns_of(group))
            named.append(replace(group, sums=sums, partial=partial))
        return tuple(named)

    def _room(self, told: Sequence[Var]) -> None:
        for dtype in dict.fromkeys(v.dtype for v in told):
            wish = f"told_{len(self.told)}" if self.told else "told"
            name, count = self.told.get(dtype, (fresh(wish, set(self.taken)), 0))
            self.told[dtype] = name, max(count, sum(v.dtype is dtype for v in told))

    def start(self, *, sums: bool = False) -> None:
        """Who a thread is, with `sums` as if it added any; arrays of the team and of threads."""
        w, exchange = self.writer, self.exchange
        lines = exchange.begin(sums=sums or bool(self.sums))
        for (dtype, _), (name, _, columns) in self.sums.items():
            lines += exchange.shared(name, columns, dtype)
        for dtype, (name, count) in self.told.items():
            lines += exchange.told(name, count, dtype)
        for line in (*lines, *self._own):
            w.line(line, 0)
        for extent in self.sides:
            if self.sizes.issuperset(extent.symbols()):
                self._side(extent, 0)

    def buffers(self) -> list[Buffer]:
        """The arrays of the device through which sums go."""
        found: list[Buffer] = []
        for (dtype, _), (_, partial, columns) in self.sums.items():
            found += self.exchange.buffers(partial, columns, dtype)
        for dtype, (name, count) in self.told.items():
            found += self.exchange.telling(name, count, dtype)
        return found

    def block(self, steps: Sequence[Step], depth: int) -> None:
        """Write steps, indented."""
        if not steps:
            self.writer.line("pass", depth)
        for step in steps:
            self.step(step, depth)

    def step(self, step: Step, depth: int) -> None:
        """Write one step."""
        w = self.writer
        match step:
            case Uniform(statement):
                w.may_leave = self.may_leave
                self._statement(statement, depth)
                w.may_leave = False
            case Wait():
                self.wait(depth)
            case Share() | Kept():
                self._share(step, depth)
            case Alone(statements, told):
                if any(w.ends(s) for s in walk(list(statements))):
                    for value in told:  # the thread may leave before it has them
                        w.line(f"{value.name} = {spell_literal(0, value.dtype)}", depth)
                w.line(f"if {self.exchange.leader}:", depth)
                w.block(list(statements), depth + 1)
                self._tell(told, depth)
            case Around(For(variable, extent), (body,)):
                w.line(f"for {variable} in range({w.bound(extent)}):", depth)
                w.unsigned.add(variable)
                self.block(body, depth + 1)
                w.unsigned.discard(variable)
            case Around(While(condition=condition), (test, body)):
                w.line("while True:", depth)
                for inner in test:
                    self.step(inner, depth + 1)
                w.line(f"if {w.spelling.opposite(condition)}:", depth + 1)
                w.line("break", depth + 2)
                self.block(body, depth + 1)
            case Around(If(condition), (then, otherwise)):
                w.line(f"if {w.spell(condition)}:", depth)
                self.block(then, depth + 1)
                if otherwise:
                    w.line("else:", depth)
                    self.block(otherwise, depth + 1)
            case Around():
                raise AssertionError(step)

    def _statement(self, statement: Statement, depth: int) -> None:
        self.writer.comment(statement, depth)
        self.writer.statement(statement, depth)

    def _share(self, step: Share | Kept, depth: int) -> None:
        w = self.writer
        share = step.share if isinstance(step, Kept) else step
        found = self._named(groups(share.totals))
        first: list[str] = []
        for group in found:
            for total in group.totals:
                if total.shape:
                    self._begin_array(total.own, total.shape, group, depth)
                elif total.adds:
                    before = f"{self.prefix}{total.name}_first"
                    w.line(f"{before} = {total.name}", depth)
                    w.line(f"{total.name} = {group.nothing}", depth)
                    first.append(f"{total.name} = {group.combined(before, total.name)}")
        w.own, w.atomic = {t.name: t.own for t in share.totals if t.own}, share.atomic
        w.unsigned.add(share.loop.variable)
        if isinstance(step, Kept):
            self._rows(step, depth)
        else:
            self._loop(step, depth)
        w.unsigned.discard(share.loop.variable)
        w.own, w.atomic = {}, frozenset()
        if not found:
            return
        reducers = [Reducer(g, self.exchange.threads, self.prefix, share.held) for g in found]
        for line in (*self.exchange.totals(reducers), *first):
            w.line(line, depth)

    def _beside(self, extent: Dim) -> None:
        """Names for how threads stand side by side in loops of so many columns."""
        if extent not in self.sides:
            ending = f"_{len(self.sides)}" if self.sides else ""
            wishes = ("bits", "across", "column", "row", "rows")
            self.sides[extent] = Side(*(fresh(f"{w}{ending}", self.side_names) for w in wishes))

    def _side(self, extent: Dim, depth: int) -> None:
        """Write where a thread stands: a power of 2 side by side, as many as there are columns."""
        w, side = self.writer, self.sides[extent]
        bits, most = side.bits, self.exchange.threads.bit_length() - 1
        w.line("# Threads side by side take columns, others the next rows.", depth)
        w.line(f"{bits} = 0", depth)
        w.line(f"while ({bits} < {most}) & (1 << {bits} < {extent}):", depth)
        w.line(f"{bits} += 1", depth + 1)
        w.line(f"{side.across} = u64(1 << {bits})", depth)
        thread, team = f"u64({self.exchange.thread})", f"u64({self.exchange.team})"
        w.line(f"{side.column} = {thread} & ({side.across} - u64(1))", depth)
        w.line(f"{side.row} = {thread} >> u64({bits})", depth)
        w.line(f"{side.rows} = {team} >> u64({bits})", depth)

    def _cells(self, loop: For, columns: For, depth: int) -> None:
        """Write a nest whose outermost and innermost loop are shared out."""
        w = self.writer
        if not self.sizes.issuperset(columns.extent.symbols()):
            self._side(columns.extent, depth)
        side = self.sides[columns.extent]
        *outer, _ = nest = nest_of(loop)
        for number, one in enumerate(outer):
            if number:
                w.line(f"for {one.variable} in range({w.bound(one.extent)}):", depth + number)
            else:
                w.line(f"{one.variable} = {side.row}", depth)
                w.line(f"while {one.variable} < {w.bound(one.extent)}:", depth)
            w.unsigned.add(one.variable)
        w.shared(columns, side.column, side.across, depth=depth + len(outer))
        w.line(f"{loop.variable} += {side.rows}", depth + 1)
        w.unsigned -= {one.variable for one in nest}

    def _loop(self, step: Share, depth: int) -> None:
        if step.columns is not None:
            self._cells(step.loop, step.columns, depth)
            return
        start, stride = f"u64({self.exchange.thread})", f"u64({self.exchange.team})"
        self.writer.shared(step.loop, start, stride, step.again, depth)

    def _rows(self, step: Kept, depth: int) -> None:
        """The loop over the rows that a thread keeps; all is computed before what asks for them."""
        w, loop = self.writer, step.share.loop
        self._each_row(step, depth)
        w.unsigned.add(step.row)
        w.block(list(step.always), depth + 1) if step.always else None
        there = f"{loop.variable} < {w.bound(loop.extent)}"
        if step.full:  # the compiler writes the rows out, and knows which condition holds
            there = f"({step.row} < u64({step.full})) | ({there})"
        w.line(f"if {there}:", depth + 1)
        w.block(list(step.inside), depth + 2)
        w.unsigned.discard(step.row)

    def _each_row(self, step: Kept, depth: int) -> None:
        w, exchange = self.writer, self.exchange
        w.line(f"for {step.row} in range(u64({step.rows})):", depth)
        place = f"u64({exchange.thread}) + u64({exchange.team}) * {step.row}"
        w.line(f"{step.share.loop.variable} = {place}", depth + 1)

    def keep(self, steps: Sequence[Step], depth: int) -> None:
        """Read the rows that the thread keeps."""
        w = self.writer
        for step in steps:
            if not isinstance(step, Kept):
                continue
            loop = step.share.loop
            w.unsigned.add(loop.variable)
            self._each_row(step, depth)
            w.line(f"if {loop.variable} < {w.bound(loop.extent)}:", depth + 1)
            for column in step.columns:
                w.line(f"{column.name}[{step.row}] = {w.spell(column.load)}", depth + 2)
            w.line("else:", depth + 1)
            for column in step.columns:
                nothing = spell_literal(0, column.load.dtype)
                w.line(f"{column.name}[{step.row}] = {nothing}", depth + 2)
            w.unsigned.discard(loop.variable)

    def wait(self, depth: int) -> None:
        """Let all threads wait for each other."""
        for line in self.exchange.wait():
            self.writer.line(line, depth)

    def _begin_array(self, own: str, shape: Sequence[object], group: Group, depth: int) -> None:
        axes = "ijklm"[: len(shape)]
        for level, (axis, dim) in enumerate(zip(axes, shape, strict=True)):
            self.writer.line(f"for {self.prefix}{axis} in range(u64({dim})):", depth + level)
        index = ", ".join(f"{self.prefix}{axis}" for axis in axes)
        self.writer.line(f"{own}[{index}] = {group.nothing}", depth + len(axes))

    def _tell(self, told: Sequence[Var], depth: int) -> None:
        """Hand numbers of the one thread to all."""
        if not told:
            return
        places: list[tuple[Var, str]] = []
        counts: dict[DType, int] = {}
        for value in told:
            at = counts.get(value.dtype, 0)
            counts[value.dtype] = at + 1
            places.append((value, f"{self.told[value.dtype][0]}[{at}]"))
        for value, place in places:
            self.writer.line(f"{place} = {value.name}", depth + 1)
        self.wait(depth)
        for value, place in places:
            self.writer.line(f"{value.name} = {place}", depth)


def team_lines(
    plan: TeamPlan, function: str, failures: Failures, exchange: Exchange, taken: Set[str]
) -> tuple[list[str], list[Buffer]]:
    """The body of the one kernel, and the arrays through which its threads exchange numbers."""
    writer = DeviceWriter(function, failures)
    team = TeamWriter(writer, (plan,), exchange, taken)
    team.start()
    for step in plan.steps:
        team.step(step, 0)
    return writer.lines, team.buffers()


def local_array(own: Own | Buffer) -> str:
    """The line that gives every thread an array; one without elements has room for one."""
    dims = ", ".join("1" if str(d) == "0" else str(d) for d in own.shape)
    shape = dims if len(own.shape) == 1 else f"({dims})"
    return f"{own.name} = cuda.local.array({shape}, np.{own.dtype.numpy_name})"


def _kept(step: Kept, column: KeptColumn) -> Own:
    """The array in which a thread keeps a column."""
    return Own(column.name, (Dim.constant(step.rows),), column.load.dtype)
