"""What the template of a device's file is handed: finished strings, one view for each pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.device_reduce import Group, Reducer, groups
from codegen_ad.emit.spell import spell_literal, spell_text
from codegen_ad.emit.view import About, code_only, head, types_of
from codegen_ad.ir.types import DType
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device import BLOCKS, THREADS, Buffer, DevicePlan, Own, Pass, identity
from codegen_ad.plan.kernel import Parameter

RESERVED = frozenset(
    (
        "block", "blocks", "counter", "cuda", "lane", "last", "partial", "status", "stride", "sums",
        "thread", "totals", "u64", "warp", "ALL", "KERNELS", "ARRAYS", "SIZES", "OUTPUTS",
        "FAILURES",
    )
)  # fmt: skip
"""Names that kernels of a device need for themselves."""

_TYPES = {
    DType.BOOL: "boolean",
    DType.INT32: "int32",
    DType.INT64: "int64",
    DType.FLOAT32: "float32",
    DType.FLOAT64: "float64",
}


@dataclass(frozen=True, slots=True)
class PassView:
    """One kernel as text, and how it is launched."""

    name: str
    head: tuple[str, ...]
    body: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...]
    rows: str
    blocks: int
    threads: int


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A kernel file of a device as text; the tables' values are source already."""

    source: str
    summary: str
    types: tuple[str, ...]
    cost: tuple[str, ...]
    order: tuple[str, ...]
    uses_math: bool
    passes: tuple[PassView, ...]
    arrays: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, str], ...]
    outputs: str
    failures: str


def device_view(plan: DevicePlan, about: About, cost: Cost) -> DeviceView:
    """The passes as text for the template."""
    failures = Failures()
    partials = _Partials()
    views: list[PassView] = []
    kernel = plan.kernel
    for number, one in enumerate(plan.passes):
        name = kernel.name if len(plan.passes) == 1 else f"{kernel.name}_{number + 1}"
        views.append(_pass(plan, one, name, about, failures, partials))
    used = {name for v in views for name, _ in v.arguments}
    buffers = [*plan.buffers, *partials.buffers(), *_ENDS]
    arrays = tuple((b.name, _array(b)) for b in buffers if b.name in used)
    return DeviceView(
        about.source,
        about.summary,
        types_of(kernel),
        cost.lines(),
        _order(plan),
        any("math." in line for v in views for line in code_only(v.body)),
        tuple(views),
        arrays,
        tuple((s, f'("{p}", {axis})') for s, p, axis in kernel.sizes),
        _tuple([spell_text(o) for o in plan.outputs]),
        _lines([f"({spell_text(e)}, {spell_text(m)})" for e, m in failures.known]),
    )


_ENDS = (
    Buffer("counter", ("1",), DType.INT32, "counter"),
    Buffer("status", ("1",), DType.INT32, "status"),
)


class _Partials:
    """The arrays of partial sums of all passes: passes run one after another and may share them."""

    def __init__(self) -> None:
        self.known: dict[tuple[DType, int], tuple[str, int]] = {}

    def named(self, found: Sequence[Group]) -> tuple[Group, ...]:
        """The groups of a pass with the names of their arrays."""
        counts: dict[DType, int] = {}
        named: list[Group] = []
        for group in found:
            key = group.dtype, counts.get(group.dtype, 0)
            counts[group.dtype] = key[1] + 1
            fresh = f"partial_{len(self.known)}" if self.known else "partial"
            name, columns = self.known.get(key, (fresh, 0))
            self.known[key] = name, max(columns, group.columns)
            named.append(replace(group, partial=name))
        return tuple(named)

    def buffers(self) -> list[Buffer]:
        """The arrays."""
        return [
            Buffer(name, (str(BLOCKS), str(columns)), dtype, "scratch")
            for (dtype, _), (name, columns) in self.known.items()
        ]


def _pass(
    plan: DevicePlan, one: Pass, name: str, about: About, failures: Failures, partials: _Partials
) -> PassView:
    writer = DeviceWriter(about.function, failures)
    found = partials.named(groups(one.totals))
    for own in one.own:
        _own(writer, own, one)
    writer.may_leave = True
    for statement in one.before:
        writer.comment(statement, 0)
        writer.statement(statement, 0)
    writer.may_leave = False
    if one.loop is not None:
        writer.line("stride = u64(cuda.gridsize(1))", 0)
        writer.shared(one.loop, "u64(cuda.grid(1))", "stride")
    if one.loop is None:
        writer.block(one.after, 0)
    elif one.after or found:
        _finish(writer, one, found)
    body = _with_sizes(plan, writer.lines)
    used = set(re.findall(r"\w+", "\n".join(code_only(body))))
    names: list[str] = []
    types: list[str] = []
    for parameter in plan.parameters:
        if parameter.name in used:
            names.append(parameter.name)
            types.append(_parameter_type(parameter))
    for buffer in (*plan.buffers, *partials.buffers(), *_ENDS):
        if buffer.name in used:
            names.append(buffer.name)
            types.append(_type(buffer.dtype, len(buffer.shape)))
    serial = one.loop is None
    return PassView(
        name,
        head(name, names),
        tuple(body),
        tuple(zip(names, types, strict=True)),
        "None" if one.loop is None else spell_text(str(one.loop.extent)),
        1 if serial else BLOCKS,
        1 if serial else THREADS,
    )


def _own(writer: DeviceWriter, own: Own, one: Pass) -> None:
    dims = ", ".join(map(str, own.shape))
    shape = dims if len(own.shape) == 1 else f"({dims})"
    writer.line(f"{own.name} = cuda.local.array({shape}, np.{own.dtype.numpy_name})", 0)
    for total in one.totals:
        if total.own == own.name:
            number = identity(total.how, total.dtype)
            assert number is not None
            axes = "ijklm"[: len(own.shape)]
            for depth, (axis, dim) in enumerate(zip(axes, own.shape, strict=True)):
                writer.line(f"for {axis} in range(u64({dim})):", depth)
            nothing = spell_literal(float(number.text), total.dtype)
            writer.line(f"{own.name}[{', '.join(axes)}] = {nothing}", len(axes))


def _with_sizes(plan: DevicePlan, lines: Sequence[str]) -> list[str]:
    used = set(re.findall(r"\w+", "\n".join(code_only(lines))))
    sizes = [f"{s} = {p}.shape[{axis}]" for s, p, axis in plan.kernel.sizes if s in used]
    return [*sizes, *lines]


def _finish(writer: DeviceWriter, one: Pass, found: Sequence[Group]) -> None:
    """The reduction over all threads, and what the last block does with its results."""
    reducers = [_reducer(writer, g, n) for n, g in enumerate(found)]
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
        _take(writer, group)
    for statement in one.after:
        writer.comment(statement, 2)
        writer.statement(statement, 2)


def _reducer(writer: DeviceWriter, group: Group, number: int) -> Reducer:
    text = "\n".join(writer.lines)
    prefix = f"sum{number or ''}_"
    while re.search(rf"\b{prefix}", text):
        prefix = f"{prefix}_"
    return Reducer(group, THREADS, prefix)


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


def _take(writer: DeviceWriter, group: Group) -> None:
    """The totals out of the first row of the shared array."""
    column = 0
    for total in group.totals:
        if not total.shape:
            writer.line(f"{total.name} = {group.sums}[0, {column}]", 2)
        else:
            axes = "ijklm"[: len(total.shape)]
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
            writer.line(
                f"{total.name}[{', '.join(axes)}] = {group.sums}[0, {where}]", 2 + len(axes)
            )
        column += total.count


def _order(plan: DevicePlan) -> tuple[str, ...]:
    """In which order sums are taken, for the file's docstring."""
    if not any(p.totals for p in plan.passes):
        return ()
    count = THREADS * BLOCKS
    return (
        f"Order of sums: {BLOCKS} blocks of {THREADS} threads; thread t takes rows t, t + {count},",
        f"t + {2 * count}, ...; lanes of a warp in pairs, warps, then blocks in order of number.",
    )


def _lines(items: Sequence[str]) -> str:
    """A tuple with its items one a line."""
    return "\n".join(["(", *(f"    {item}," for item in items), ")"]) if items else "()"


def _type(dtype: DType, rank: int) -> str:
    return f"{_TYPES[dtype]}[{', '.join([*[':'] * (rank - 1), '::1'])}]"


def _parameter_type(parameter: Parameter) -> str:
    return _type(parameter.dtype, parameter.rank) if parameter.rank else _TYPES[parameter.dtype]


def _array(buffer: Buffer) -> str:
    shape = _tuple([spell_text(str(d)) for d in buffer.shape])
    dtype = spell_text(buffer.dtype.numpy_name)
    return f'{{"role": {spell_text(buffer.role)}, "dtype": {dtype}, "shape": {shape}}}'


def _tuple(items: Sequence[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
