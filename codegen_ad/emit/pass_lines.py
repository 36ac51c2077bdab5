"""The lines of one pass over the data: a shared loop, its sums, and what one thread does then."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.device_reduce import Group, Reducer, free_prefix, groups
from codegen_ad.emit.exchanges import Warp
from codegen_ad.emit.spell import spell_literal
from codegen_ad.emit.team_lines import TeamWriter, local_array
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.loops import touches_memory
from codegen_ad.plan.device.steps import Share
from codegen_ad.plan.device.whole import BLOCKS, THREADS, Buffer, Lanes, Own, Pass, identity
from codegen_ad.plan.free import fresh, letters
from codegen_ad.plan.kernel import For, Statement


class Partials:
    """The arrays of partial sums of all passes: passes run one after another and may share them.

    `taken` are the names that a plan uses already.
    """

    def __init__(self, taken: Set[str]) -> None:
        self.taken = taken
        self.known: dict[tuple[DType, int], tuple[str, int]] = {}

    def named(self, found: Sequence[Group]) -> tuple[Group, ...]:
        """The groups of a pass with the names of their arrays."""
        counts: dict[DType, int] = {}
        named: list[Group] = []
        for group in found:
            key = group.dtype, counts.get(group.dtype, 0)
            counts[group.dtype] = key[1] + 1
            wish = f"partial_{len(self.known)}" if self.known else "partial"
            name, columns = self.known.get(key, (fresh(wish, set(self.taken)), 0))
            self.known[key] = name, max(columns, group.columns)
            sums = fresh(group.sums, set(self.taken))
            named.append(replace(group, partial=name, sums=sums))
        return tuple(named)

    def buffers(self) -> list[Buffer]:
        """The arrays."""
        return [
            Buffer(name, (str(BLOCKS), str(columns)), dtype, "scratch")
            for (dtype, _), (name, columns) in self.known.items()
        ]


def pass_lines(one: Pass, function: str, failures: Failures, partials: Partials) -> list[str]:
    """The body of a kernel."""
    writer = DeviceWriter(function, failures)
    found = partials.named(groups(one.totals))
    for own in one.own:
        _own(writer, own, one, partials.taken)
    writer.may_leave = True
    for statement in one.before:
        writer.comment(statement, 0)
        writer.statement(statement, 0)
    writer.may_leave = False
    if one.loop is not None and one.lanes is not None:
        _by_warps(writer, one.loop, one.lanes, partials.taken)
    elif one.loop is not None:
        writer.line("stride = u64(cuda.gridsize(1))", 0)
        writer.own, writer.atomic = {t.name: t.own for t in one.totals if t.own}, one.atomic
        writer.shared(one.loop, "u64(cuda.grid(1))", "stride", one.again)
        writer.own, writer.atomic = {}, frozenset()
    if one.loop is None:
        writer.block(one.after, 0)
    elif one.after or found:
        _finish(writer, one, found, partials.taken)
    return writer.lines


def _by_warps(writer: DeviceWriter, loop: For, lanes: Lanes, taken: Set[str]) -> None:
    """A loop of which warps take the trips; the lanes share a loop in it, and one lane writes."""
    variable = loop.variable
    writer.line("lane = cuda.threadIdx.x & 31", 0)
    writer.line("stride = u64(cuda.gridsize(1) >> 5)", 0)
    writer.line(f"{variable} = u64(cuda.grid(1) >> 5)", 0)
    writer.unsigned.add(variable)
    writer.line(f"while {variable} < {writer.bound(loop.extent)}:", 0)
    team = TeamWriter(writer, (), Warp(), taken, may_leave=False)
    alone: list[Statement] = []
    for statement in loop.body:
        if statement is lanes.loop:
            team.step(Share(lanes.loop, lanes.totals, ()), 1)
        elif touches_memory(statement):
            alone.append(statement)
        else:
            writer.trip([statement], 1)
    writer.line("if lane == 0:", 1)
    writer.block(alone, 2)
    writer.line(f"{variable} += stride", 1)
    writer.unsigned.discard(variable)


def _own(writer: DeviceWriter, own: Own, one: Pass, taken: Set[str]) -> None:
    writer.line(local_array(own), 0)
    for total in one.totals:
        if total.own == own.name:
            number = identity(total.how, total.dtype)
            assert number is not None
            axes = letters(len(own.shape), taken)
            for depth, (axis, dim) in enumerate(zip(axes, own.shape, strict=True)):
                writer.line(f"for {axis} in range(u64({dim})):", depth)
            value = (float if total.dtype.is_float else int)(number.text)
            nothing = spell_literal(value, total.dtype)
            writer.line(f"{own.name}[{', '.join(axes)}] = {nothing}", len(axes))


def _finish(writer: DeviceWriter, one: Pass, found: Sequence[Group], taken: Set[str]) -> None:
    """The reduction over all threads, and what the last block does with its results."""
    reducers = [_reducer(g, n, taken) for n, g in enumerate(found)]
    writer.line("# Sums: lanes of a warp, warps of a block, blocks of the grid.", 0)
    writer.line("thread = cuda.threadIdx.x", 0)
    if found:
        writer.line("lane = thread & 31", 0)
        writer.line("warp = thread >> 5", 0)
        writer.line("block = cuda.blockIdx.x", 0)
    writer.line("blocks = cuda.gridDim.x", 0)
    for group in found:
        shape = f"({group.rows(THREADS)}, {group.padded})"
        text = f"{group.sums} = cuda.shared.array({shape}, np.{group.dtype.numpy_name})"
        writer.line(text, 0)
    writer.line("last = cuda.shared.array(1, np.int32)", 0)
    _write(writer, reducers, Reducer.in_warps, 0)
    if found:
        writer.line("cuda.syncthreads()", 0)
    _write(writer, reducers, Reducer.in_blocks, 0)
    writer.line("cuda.threadfence()", 0)
    writer.line("cuda.syncthreads()", 0)
    writer.line("if thread == 0:", 0)
    writer.line("last[0] = cuda.atomic.add(counter, 0, 1)", 1)
    writer.line("cuda.syncthreads()", 0)
    writer.line("if last[0] == blocks - 1:", 0)
    writer.line("cuda.threadfence()", 1)
    _write(writer, reducers, Reducer.of_blocks, 1)
    if found:
        writer.line("cuda.syncthreads()", 1)
    _write(writer, reducers, Reducer.of_teams, 1)
    if found:
        writer.line("cuda.syncthreads()", 1)
    writer.line("if thread == 0:", 1)
    writer.line("counter[0] = 0", 2)
    for group in found:
        _take(writer, group, taken)
    writer.block(one.after, 2) if one.after else None


def _reducer(group: Group, number: int, taken: Set[str]) -> Reducer:
    return Reducer(group, THREADS, free_prefix(f"sum{number or ''}_", taken))


def _write(
    writer: DeviceWriter,
    reducers: Sequence[Reducer],
    part: Callable[[Reducer], None],
    depth: int,
) -> None:
    for reducer in reducers:
        reducer.lines.clear()
        part(reducer)
        for line in reducer.lines:
            writer.line(line, depth)


def _take(writer: DeviceWriter, group: Group, taken: Set[str]) -> None:
    """The totals out of the first row of the shared array."""
    column = 0
    for total in group.totals:
        if not total.shape:
            writer.line(f"{total.name} = {group.sums}[0, {column}]", 2)
        else:
            axes = letters(len(total.shape), taken)
            place = ""
            for axis, dim in zip(axes, total.shape, strict=True):
                place = (
                    f"({place}) * {dim} + {axis}"
                    if " " in place
                    else (f"{place} * {dim} + {axis}" if place else axis)
                )
            for depth, (axis, dim) in enumerate(zip(axes, total.shape, strict=True)):
                writer.line(f"for {axis} in range({dim}):", 2 + depth)
            where = f"{column} + {place}" if column else place
            first = f"{axes[0]} + {total.start}" if total.start else axes[0]
            element = f"{total.name}[{', '.join((first, *axes[1:]))}]"
            value = f"{group.sums}[0, {where}]"
            value = group.combined(element, value) if total.adds else value
            writer.line(f"{element} = {value}", 2 + len(axes))
        column += total.count
