"""The steps of a team of threads as lines of Python, and the view of their one kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.device_reduce import WARP, Group, Reducer, free_prefix, groups
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.team import Alone, Around, Share, Step, TeamPlan, Uniform, Wait
from codegen_ad.plan.device.whole import fresh
from codegen_ad.plan.kernel import For, If, Statement, Var, While


class TeamWriter:
    """Writes steps with a device's writer; `threads` is the size of the team.

    `taken` are the names that the plan uses.
    """

    def __init__(self, writer: DeviceWriter, plan: TeamPlan, threads: int, taken: Set[str]) -> None:
        self.writer = writer
        self.threads = threads
        self.taken = taken
        self.prefix = free_prefix("sum_", taken)
        self.sums: dict[tuple[DType, int], tuple[str, int]] = {}
        self.told: dict[DType, tuple[str, int]] = {}
        for step in _all(plan.steps):
            if isinstance(step, Share):
                self._named(groups(step.totals))
            elif isinstance(step, Alone):
                self._room(step.told)

    def _named(self, found: Sequence[Group]) -> tuple[Group, ...]:
        """Groups with the shared arrays that they use: one for each dtype, or for each of it."""
        counts: dict[DType, int] = {}
        named: list[Group] = []
        for group in found:
            key = group.dtype, counts.get(group.dtype, 0)
            counts[group.dtype] = key[1] + 1
            wish = f"sums_{len(self.sums)}" if self.sums else "sums"
            name, columns = self.sums.get(key, (fresh(wish, set(self.taken)), 0))
            self.sums[key] = name, max(columns, group.columns)
            named.append(replace(group, sums=name))
        return tuple(named)

    def _room(self, told: Sequence[Var]) -> None:
        for dtype in dict.fromkeys(v.dtype for v in told):
            wish = f"told_{len(self.told)}" if self.told else "told"
            name, count = self.told.get(dtype, (fresh(wish, set(self.taken)), 0))
            self.told[dtype] = name, max(count, sum(v.dtype is dtype for v in told))

    def start(self) -> None:
        """Who a thread is, and the shared arrays."""
        w = self.writer
        w.line("thread = cuda.threadIdx.x", 0)
        if self.sums:
            w.line(f"lane = thread & {WARP - 1}", 0)
            w.line(f"warp = thread >> {WARP.bit_length() - 1}", 0)
        for (dtype, _), (name, columns) in self.sums.items():
            shape = f"({self.threads // WARP}, {columns})"
            w.line(f"{name} = cuda.shared.array({shape}, np.{dtype.numpy_name})", 0)
        for dtype, (name, count) in self.told.items():
            w.line(f"{name} = cuda.shared.array({count}, np.{dtype.numpy_name})", 0)

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
                w.may_leave = True
                self._statement(statement, depth)
                w.may_leave = False
            case Wait():
                w.line("cuda.syncthreads()", depth)
            case Share():
                self._share(step, depth)
            case Alone(statements, told):
                w.line("if thread == 0:", depth)
                for statement in statements:
                    self._statement(statement, depth + 1)
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

    def _share(self, step: Share, depth: int) -> None:
        w, loop = self.writer, step.loop
        found = self._named(groups(step.totals))
        first: dict[str, str] = {}
        for group in found:
            for total in group.totals:
                if not total.shape:
                    first[total.name] = f"{self.prefix}{total.name}_first"
                    w.line(f"{first[total.name]} = {total.name}", depth)
                    w.line(f"{total.name} = {group.nothing}", depth)
                else:
                    self._begin_array(total.own, total.shape, group, depth)
        variable = loop.variable
        w.line(f"{variable} = u64(thread)", depth)
        w.unsigned.add(variable)
        w.line(f"while {variable} < {w.bound(loop.extent)}:", depth)
        w.own = {t.name: t.own for t in step.totals if t.own}
        w.block(loop.body, depth + 1)
        w.own = {}
        w.line(f"{variable} += u64({self.threads})", depth + 1)
        w.unsigned.discard(variable)
        if not found:
            return
        reducers = [Reducer(g, self.threads, self.prefix) for g in found]
        for reducer in reducers:
            reducer.in_warps()
            self._take(reducer, depth)
        w.line("cuda.syncthreads()", depth)
        for reducer in reducers:
            reducer.for_all(first)
            self._take(reducer, depth)
        w.line("cuda.syncthreads()", depth)

    def _take(self, reducer: Reducer, depth: int) -> None:
        for line in reducer.lines:
            self.writer.line(line, depth)
        reducer.lines.clear()

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
        self.writer.line("cuda.syncthreads()", depth)
        for value, place in places:
            self.writer.line(f"{value.name} = {place}", depth)


def team_lines(
    plan: TeamPlan, function: str, failures: Failures, threads: int, taken: Set[str]
) -> list[str]:
    """The body of the one kernel."""
    writer = DeviceWriter(function, failures)
    team = TeamWriter(writer, plan, threads, taken)
    team.start()
    made: dict[str, None] = {}
    for step in _all(plan.steps):
        if isinstance(step, Share):
            for own in step.own:
                dims = ", ".join(map(str, own.shape))
                shape = dims if len(own.shape) == 1 else f"({dims})"
                text = f"{own.name} = cuda.local.array({shape}, np.{own.dtype.numpy_name})"
                if text not in made:
                    made[text] = None
                    writer.line(text, 0)
    for step in plan.steps:
        team.step(step, 0)
    return writer.lines


def _all(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if isinstance(step, Around):
            for block in step.blocks:
                yield from _all(block)
