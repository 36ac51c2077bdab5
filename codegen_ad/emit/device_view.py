"""What the template of a device's file is handed: finished strings, one view for each pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from codegen_ad.emit.breaking import WIDTH
from codegen_ad.emit.device_lines import Failures
from codegen_ad.emit.device_reduce import WARP
from codegen_ad.emit.exchanges import GRID, Block, Grid
from codegen_ad.emit.pass_lines import Partials, pass_lines
from codegen_ad.emit.spell import spell, spell_text
from codegen_ad.emit.team_lines import team_lines
from codegen_ad.emit.view import About, code_only, head, types_of
from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.types import DType
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device.empty import measured
from codegen_ad.plan.device.team import TeamPlan, is_for_blocks, trips_of
from codegen_ad.plan.device.waits import shares_of
from codegen_ad.plan.device.whole import (
    BLOCKS,
    LEAST,
    PRODUCT,
    SORT,
    SORT_BLOCKS,
    THREADS,
    Buffer,
    Call,
    DevicePlan,
    Pass,
)
from codegen_ad.plan.free import names_of
from codegen_ad.plan.kernel import Parameter

RESERVED = frozenset(
    (
        "arrived", "block", "blocks", "counter", "cuda", "expected", "lane", "last", "meet",
        "partial", "status", "stride", "sums", "thread", "told", "totals", "turn", "u64", "warp",
        "ALL", "needed", "KERNELS", "ARRAYS", "SIZES", "NEEDED", "OUTPUTS", "FAILURES",
    )
)  # fmt: skip
"""Names that kernels of a device need for themselves."""

_TYPES = {
    DType.BOOL: "boolean",
    **{d: d.numpy_name for d in DType if d.is_integer},
    DType.FLOAT32: "float32",
    DType.FLOAT64: "float64",
}


@dataclass(frozen=True, slots=True)
class PassView:
    """One kernel as text, and how it is launched; it may be one before it, on other arrays.

    `loop` is the number of the plan's loop that it is a part of, or -1.
    """

    name: str
    head: tuple[str, ...]
    body: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...]
    rows: str
    blocks: int
    threads: int
    cooperative: bool = False
    least: int = 0
    kept: str = ""
    template: str = ""
    like: str = ""
    loop: int = -1


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product of a library's, between two kernels."""

    before: str
    text: str
    arguments: tuple[tuple[str, str], ...]


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
    barrier: tuple[str, ...] = ()
    products: tuple[ProductView, ...] = ()
    brought: tuple[str, ...] = ()
    meets: bool = False
    needed: str = ""


def bringing(k: DeviceView, functions_for: Callable[[str], tuple[str, ...]]) -> DeviceView:
    """The same file with the functions that its kernels call."""
    brought = functions_for("\n".join(line for v in k.passes for line in v.body))
    uses_math = k.uses_math or any("math." in function for function in brought)
    return replace(k, brought=brought, uses_math=uses_math)


def device_view(
    plan: DevicePlan | TeamPlan, about: About, cost: Cost, notes: Sequence[str] = ()
) -> DeviceView:
    """The kernels as text for the template; `notes` end the file's docstring."""
    kernel = plan.kernel
    failures = Failures(measured(kernel.sizes))
    taken = names_of(kernel) | {b.name for b in plan.buffers}
    partials = Partials(taken)
    views: list[PassView] = []
    products: list[ProductView] = []
    exchanged: list[Buffer] = []
    if isinstance(plan, TeamPlan):
        several = is_for_blocks(plan)
        exchange = Grid(meets=True) if several else Block()
        lines, exchanged = team_lines(plan, about.function, failures, exchange, taken)
        grid = (_trips(plan), GRID, THREADS) if several else ("None", 1, THREADS)
        view = _kernel(plan, kernel.name, lines, exchanged, grid)
        views.append(replace(view, cooperative=several, least=LEAST if several else 0))
    else:
        kernels = [p for p in plan.passes if not _is_product(p)]
        for one in plan.passes:
            name = kernel.name if len(kernels) == 1 else f"{kernel.name}_{len(views) + 1}"
            if isinstance(one, Call):
                if _is_product(one):
                    is_last = len(views) == len(kernels)
                    products.append(_product(plan, "None" if is_last else spell_text(name), one))
                else:
                    view = _sort(plan, name, one)
                    same = (v.name for v in views if v.template == view.template)
                    views.append(replace(view, like=next(same, "")))
                continue
            lines = pass_lines(one, about.function, failures, partials)
            view = _kernel(plan, name, lines, partials.buffers(), _grid(plan, one))
            views.append(replace(view, loop=one.number))
    used = {name for v in (*views, *products) for name, _ in v.arguments}
    buffers = [*plan.buffers, *partials.buffers(), *exchanged, *_ends(plan)]
    buffers = [b for b in buffers if b.name in used]
    arrays = tuple((b.name, array_text(b)) for b in buffers)
    return DeviceView(
        about.source,
        about.summary,
        types_of(replace(kernel, parameters=_passed(plan))),
        replace(cost, stored=_stored(buffers)).lines(),
        (*_order(plan), *notes),
        any("math." in line for v in views for line in code_only(v.body)),
        tuple(views),
        arrays,
        _sizes(plan),
        tuple_text([spell_text(o) for o in plan.outputs]),
        failures_text(failures),
        tuple(line.replace("arrived", "counter") for line in Grid().wait()),
        tuple(products),
        meets=any("arrived" in dict(v.arguments) for v in views),
        needed=tuple_text([spell_text(r) for r in plan.rooms]) if plan.rooms else "",
    )


def _stored(buffers: Sequence[Buffer]) -> tuple[str, ...]:
    """What the device keeps from pass to pass or from trip to trip, whose length a call decides."""
    shapes = ((b.name, [str(d) for d in b.shape]) for b in buffers if b.role == "scratch")
    known = ((name, shape) for name, shape in shapes if not all(d.isdigit() for d in shape))
    return tuple(f"{name}[{', '.join(shape)}]" for name, shape in known)


_UNORDERED = (
    "Atomics add at places that data name, in the order in which threads come: last digits of",
    "floating-point sums differ from run to run.",
)

_ENDS = (
    Buffer("counter", ("1",), DType.INT32, "counter"),
    Buffer("arrived", ("1",), DType.INT64, "barrier"),  # there may be many steps
    Buffer("status", ("1",), DType.INT32, "status"),
)


def _ends(plan: DevicePlan | TeamPlan) -> tuple[Buffer, ...]:
    """The arrays that are no part of the plan."""
    needed = Buffer("needed", (str(len(plan.rooms)),), DType.INT64, "needed")
    return (*_ENDS, needed) if plan.rooms else _ENDS


def _passed(plan: DevicePlan | TeamPlan) -> tuple[Parameter, ...]:
    """The parameters that the user passes."""
    return tuple(p for p in plan.kernel.parameters if p.name not in plan.rooms)


def _trips(plan: TeamPlan) -> str:
    """How many trips the largest of the shared loops has, as the table has it."""
    known = {s.symbol for s in plan.kernel.sizes} | {name for name, _ in plan.counts}
    found = [t for t in map(trips_of, shares_of(plan.steps)) if known.issuperset(t.symbols())]
    texts = list(dict.fromkeys(map(str, found)))
    text = f"max({', '.join(texts)})" if len(texts) > 1 else "".join(texts)
    return spell_text(text) if text else "None"


def _grid(plan: DevicePlan, one: Pass) -> tuple[str, int, int]:
    """Rows, blocks and threads of a launch."""
    if one.loop is None:
        return "None", 1, 1
    known = {s.symbol for s in plan.kernel.sizes} | {name for name, _ in plan.counts}
    is_known = known.issuperset(one.loop.extent.symbols())
    threads = one.loop.extent * (1 if one.lanes is None else WARP)
    return spell_text(str(threads)) if is_known else "None", BLOCKS, THREADS


def _is_product(one: Pass | Call) -> bool:
    return isinstance(one, Call) and one.statement.function == PRODUCT


def _product(plan: DevicePlan, before: str, call: Call) -> ProductView:
    """What the table says of a product."""
    statement = call.statement
    types = {p.name: parameter_type(p) for p in plan.parameters}
    types |= {b.name: type_text(b.dtype, len(b.shape)) for b in plan.buffers}
    left, right = (
        f"{name}.T" if over else name
        for name, over in zip(statement.arguments, statement.transposed, strict=True)
    )
    names = (*statement.results, *statement.arguments)
    text = spell_text(f"{statement.results[0]} = {left} @ {right}")
    return ProductView(before, text, tuple((n, types[n]) for n in names))


def _sort(plan: DevicePlan, name: str, call: Call) -> PassView:
    """The kernel that sorts rows by key."""
    statement = call.statement
    known = {b.name: b for b in (*plan.buffers, *_ENDS)}
    used = [known[n] for n in (*statement.arguments, *statement.results, "counter")]
    arguments = tuple((b.name, type_text(b.dtype, len(b.shape))) for b in used)
    rows = spell_text(str(used[0].shape[0]))
    template = f"{statement.function}.py.jinja"
    return PassView(
        name, (), (), arguments, rows, SORT_BLOCKS, THREADS, cooperative=True, template=template
    )


def _kernel(
    plan: DevicePlan | TeamPlan,
    name: str,
    lines: Sequence[str],
    partials: Sequence[Buffer],
    grid: tuple[str, int, int],
) -> PassView:
    """A kernel with the parameters that its lines use."""
    body = _with_sizes(plan, lines)
    used = set(re.findall(r"\w+", "\n".join(code_only(body))))
    found: list[tuple[str, str]] = []
    for parameter in plan.parameters:
        if parameter.name in used:
            found.append((parameter.name, parameter_type(parameter)))
    for buffer in (*plan.buffers, *partials, *_ends(plan)):
        if buffer.name in used:
            found.append((buffer.name, type_text(buffer.dtype, len(buffer.shape))))
    return PassView(name, head(name, [n for n, _ in found]), tuple(body), tuple(found), *grid)


def _with_sizes(plan: DevicePlan | TeamPlan, lines: Sequence[str]) -> list[str]:
    used = set(re.findall(r"\w+", "\n".join(code_only(lines))))
    sizes = [str(s) for s in plan.kernel.sizes if s.symbol in used]
    return [*sizes, *lines]


def _order(plan: DevicePlan | TeamPlan) -> tuple[str, ...]:
    """In which order sums are taken, for the file's docstring."""
    if isinstance(plan, TeamPlan):
        found = (f"One block of {THREADS} threads runs all of it, and waits where it must.",)
        if is_for_blocks(plan):
            found = (
                f"Up to {GRID} blocks of {THREADS} threads run all of it, one where loops have",
                f"fewer than {LEAST} trips, and wait for each other where they must.",
            )
            if any(s.totals for s in shares_of(plan.steps)):
                order = "Order of sums: each thread its trips; then lanes in pairs, warps, blocks."
                found = (*found, order)
        return (*found, *(_UNORDERED if plan.has_atomics else ()))
    passes = [p for p in plan.passes if isinstance(p, Pass)]
    sorted_rows = (
        "Rows that add to places which data name are sorted by place; a warp adds up those of",
        "one, lane t rows t, t + 32, ... of them, then lanes in pairs.",
    )
    calls = {p.statement.function for p in plan.passes if isinstance(p, Call)}
    found = sorted_rows if SORT in calls else ()
    if any(p.atomic for p in passes):
        found = (*found, *_UNORDERED)
    if PRODUCT in calls:
        found = (*found, "Products of matrices between kernels are a library's: see PRODUCTS.")
    if not any(p.totals for p in passes):
        return found
    count = THREADS * BLOCKS
    return (
        f"Order of sums: {BLOCKS} blocks of {THREADS} threads; thread t takes rows t, t + {count},",
        f"t + {2 * count}, ...; lanes of a warp in pairs, warps, then blocks in order of number.",
        *found,
    )


def failures_text(failures: Failures) -> str:
    """The failures that the kernels may report, one a line."""
    items = [f"({spell_text(e)}, {spell_text(m)})" for e, m in failures.known]
    if items and len(f"FAILURES = {tuple_text(items)}") <= WIDTH:
        return tuple_text(items)
    return "\n".join(["(", *(f"    {item}," for item in items), ")"]) if items else "()"


def type_text(dtype: DType, rank: int) -> str:
    """An array's type as numba spells it."""
    return f"{_TYPES[dtype]}[{', '.join([*[':'] * (rank - 1), '::1'])}]"


def parameter_type(parameter: Parameter) -> str:
    """A parameter's type as numba spells it."""
    return type_text(parameter.dtype, parameter.rank) if parameter.rank else _TYPES[parameter.dtype]


def array_text(buffer: Buffer) -> str:
    """What the table says of an array."""
    shape = tuple_text([spell_text(str(d)) for d in buffer.shape])
    dtype = spell_text(buffer.dtype.numpy_name)
    return f'{{"role": {spell_text(buffer.role)}, "dtype": {dtype}, "shape": {shape}}}'


def _sizes(plan: DevicePlan | TeamPlan) -> tuple[tuple[str, str], ...]:
    """Where sizes are read, and how others are found from these."""
    read = [(s.symbol, size_text(s)) for s in plan.kernel.sizes]
    return (*read, *((name, spell_text(spell(expr))) for name, expr in plan.counts))


def size_text(size: AxisSize[str]) -> str:
    """Where a size is read, for the table: parameter, axis, and a divisor if there is one."""
    divisor = [str(size.divisor)] if size.divisor > 1 else []
    return tuple_text([spell_text(size.array), str(size.axis), *divisor])


def tuple_text(items: Sequence[str]) -> str:
    """A tuple of texts that are source."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
