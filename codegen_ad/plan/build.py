"""A program becomes a kernel plan: planning is tried until every node that needs memory has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from codegen_ad.errors import InternalError
from codegen_ad.ir.builder import Input
from codegen_ad.ir.dims import ONE, AxisSize, Dim
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.text import program_text
from codegen_ad.ops.constants import RunSize
from codegen_ad.ops.control import Loop, While
from codegen_ad.plan import checks, names
from codegen_ad.plan.access import NeedsStorage
from codegen_ad.plan.chunking import single_sums
from codegen_ad.plan.kernel import CopyInto, Expr, Kernel, Parameter, Var
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.schedule import plan_region
from codegen_ad.plan.scope import Scope, Stored
from codegen_ad.plan.sizes import spell_out
from codegen_ad.plan.tidying import (
    copies,
    fuse,
    in_place,
    in_records,
    interchange,
    on_stacks,
    promote,
    reuse,
    rooms,
    scalars,
    tidy,
)
from codegen_ad.plan.tiling import columns, matrix_vectors, step_products, tiles
from codegen_ad.plan.units import Keep, Marks, stored_whole

ATTEMPTS = 400


def plan(
    program: Program,
    *,
    name: str,
    sizes: Sequence[AxisSize[int]],
    outer: Sequence[Dim] = (),
    rows: Sequence[Dim] = (),
    tiled: bool = True,
    blas: bool = True,
    swept: bool = True,
    single: bool = False,
    reserved: frozenset[str] = frozenset(),
    small: Collection[str] = (),
    orders: Mapping[str, str] = MappingProxyType({}),
    least: Mapping[str, int] = MappingProxyType({}),
) -> Kernel:
    """Plan a program as one kernel.

    Parameters
    ----------
    program : simplified, with custom calls inlined.
    name : the kernel's name.
    sizes : where each size symbol is read.
    outer : sizes in the order in which loops over them should nest, the rows of the data first.
    rows : sizes that count rows of data; loops over steps may go inside of loops over them.
    tiled : whether loops over rows may run on tiles.
    blas : whether large matrix products may be library calls.
    swept : whether updates of shifted parts of an array are one sweep over it.
    single : whether plain loops over rows use vectors, so that they may add up float32 in tiles.
    reserved : names that the file needs for itself.
    small : symbols of sizes that are constants of the file, so that loops over them are best.
    orders : the orders in which arrays lie, by the names of inputs: C, F, or A for any.
    least : the least that sizes are, by their symbols; of others it is 0.
    """
    marks = Marks()
    ranks = {d: i for i, d in enumerate(dict.fromkeys(d for d in outer if d != ONE))}
    for _ in range(ATTEMPTS):
        try:
            return _attempt(
                program,
                name,
                sizes,
                marks,
                ranks,
                rows,
                tiled,
                blas,
                swept,
                single,
                reserved,
                small,
                orders,
                least,
            )
        except NeedsStorage as cause:
            if cause.node in marks.full:
                break
            marks.full.add(cause.node)
        except Keep as cause:
            if cause.depth is None:
                marks.full.add(cause.node)
            elif cause.node not in marks.local:
                marks.local[cause.node] = cause.depth
            elif cause.node not in marks.full:
                marks.full.add(cause.node)  # wanted at loops of two depths: before both of them
            else:
                break
    raise InternalError("planning does not come to an end", program_text(program))


def _scalars_of(program: Program, dim: Dim) -> list[Node]:
    """The scalars that hold the run-time sizes in a dimension."""
    wanted = set(dim.symbols())
    return [n for n in program.nodes() if n.op.kind is Kind.SIZE and n.array.size in wanted]


def _attempt(
    program: Program,
    name: str,
    sizes: Sequence[AxisSize[int]],
    marks: Marks,
    ranks: dict[Dim, int],
    rows: Sequence[Dim],
    tiled: bool,
    blas: bool,
    swept: bool,
    single: bool,
    reserved: frozenset[str],
    small: Collection[str],
    orders: Mapping[str, str],
    least: Mapping[str, int],
) -> Kernel:
    root = Scope(None, is_region=True)
    known = frozenset(s.symbol for s in sizes)
    here = Marks(set(marks.full), dict(marks.local))
    counting = frozenset(symbol for d in rows for symbol in d.symbols())
    p = Planner(program.notes, here, ranks, counting, blas, root, known, marks.full, swept)
    p.names.known = known
    p.names.reserved |= reserved
    sizes = list(sizes)
    parameters: list[Parameter] = []
    lying: dict[str, str] = {}
    counts = set(_counts(program.outputs)) | reserved
    for number, node in enumerate(program.inputs):
        assert isinstance(node.params, Input)
        type = node.array
        own = names.usable(node.params.name, counts)
        parameters.append(Parameter(own, type.dtype, type.shape, type.rank))
        lying[own] = orders.get(node.params.name, "C")
        for axis, dim in enumerate(type.shape):
            if not known.issuperset(dim.symbols()):
                sizes.append(AxisSize(f"{own}_{axis}", number, axis))
                p.names.awaited[f"{own}_{axis}"] = dim
                p.walker.awaited.setdefault(node, []).extend(_scalars_of(program, dim))
        if type.shape:
            root.stored[node] = stored_whole(node, own, owned=False)
        else:
            root.values[node, ()] = Var(own, type.dtype)
    results = plan_region(p, root, (*program.checked, *program.outputs))
    checked, results = results[: len(program.checked)], results[len(program.checked) :]
    if program.checks is not None:
        checks.insert(root.statements, checks.statements(program.checks, checked))
    outputs: list[Expr | str] = []
    for node, result in zip(program.outputs, results, strict=True):
        if not isinstance(result, Stored):
            outputs.append(result)
            continue
        buffer = result.buffer
        if node in program.inputs or buffer in outputs or not result.owned:
            buffer = _copy_of(p, root, node, buffer)
        outputs.append(buffer)
    kernel = Kernel(
        names.usable(name),
        tuple(parameters),
        tuple(AxisSize(s.symbol, parameters[s.array].name, s.axis, s.divisor) for s in sizes),
        p.prologue + root.statements,
        tuple(outputs),
        program.output_names,
        tuple(o.array.shape for o in program.outputs),
        tuple(o.array.dtype for o in program.outputs),
    )
    spell_out(kernel.body, p.names.sizes)
    tidy.remove_unused(kernel)
    in_place.write_in_place(kernel)
    interchange.interchange(kernel, p.names, rows)
    fuse.fuse(kernel, p.names)
    tidy.remove_unused(kernel)
    reuse.reuse(kernel, p.names, program.notes)
    if tiled:
        tiles.tile(kernel, p.names, rows, blas)
        columns.copy_columns(kernel, p.names, counting, lying)
    if tiled and blas:
        step_products.collect_steps(kernel, p.names)
    if tiled:
        matrix_vectors.take_out(kernel, p.names, rows, small)
        scalars.take_apart(kernel, p.names, program.notes)
        promote.promote(kernel, p.names, least)
    tidy.tidy(kernel)
    if tiled:
        copies.make_in_place(kernel)
        in_records.write_into_records(kernel, p.names)
        rooms.keep_rooms(kernel, p.names)
        on_stacks.run_on_stacks(kernel, p.names)
        tidy.remove_unused(kernel)
    names.assign(kernel, p.names, program.notes, program)
    if single:
        single_sums.add_in_tiles(kernel, {s for d in rows for s in d.symbols()})
    return kernel


def _counts(outputs: Sequence[Node]) -> Iterator[str]:
    """The names of trip counts and of run-time sizes, which are variables of the kernel."""
    for node in toposort(outputs):
        if isinstance(node.params, Loop | While) and node.params.length.name is not None:
            yield node.params.length.name
        elif isinstance(node.params, RunSize):
            yield node.params.symbol
        for region in node.regions:
            yield from _counts(region.outputs)


def _copy_of(p: Planner, root: Scope, node: Node, buffer: str) -> str:
    fresh = p.allocate(root, node, node.array.shape, node.array.dtype)
    root.statements.append(CopyInto(fresh, buffer, p.elements.note(node), node.array.shape))
    return fresh
