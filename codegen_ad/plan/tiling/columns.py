"""Columns of data in loops over rows: copied tile by tile, so that the loops use vectors.

Where a loop reads `X[i, 0]` and only a call tells how far apart these elements are, LLVM makes
vectors for neighbours alone and goes element by element for all else. Copies cost a load and a
store for each element, whatever the distance, so they pay where a row computes much. Loops with
loops in them are not looked at here: see `tiles`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.chunking.row_loops import is_over_rows
from codegen_ad.plan.cost import weights
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    Kernel,
    Let,
    Load,
    Note,
    Statement,
    Store,
    Tiles,
    blocks,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.rename import expressions
from codegen_ad.plan.tidying.uses import changed
from codegen_ad.plan.tiling.placing import put
from codegen_ad.plan.tiling.rows import Array, accesses, arrays_of, is_scalar
from codegen_ad.plan.tiling.tile_buffers import move

TILE = 64
"""Rows of a tile."""

EACH = 6
"""Operations of a row for each column from which copies pay.

A sum of squares of one column takes 0.4 of the time, of two 0.8, of three as long; with a division
in each row 0.4 to 0.7, with a logarithm 0.2 to 0.4.
"""

REMARK = "columns are copied first, so that loops use vectors"

Place = tuple[str, tuple[Dim, ...]]


def copy_columns(
    kernel: Kernel, names: Names, rows: Collection[str], orders: Mapping[str, str]
) -> None:
    """Let loops over sizes of `rows`, the symbols that count rows of data, read copies of columns.

    `orders` says in which order the elements of parameters lie: C, F or A for any; C if not there.
    """
    for top in list(kernel.body):
        _copy_in(kernel, names, rows, orders, kernel.body, top)


def _copy_in(
    kernel: Kernel,
    names: Names,
    rows: Collection[str],
    orders: Mapping[str, str],
    block: list[Statement],
    top: Statement,
) -> None:
    candidates = [s for s in block if s is top] if block is kernel.body else list(block)
    for statement in candidates:
        if isinstance(statement, For) and is_over_rows(statement, rows):
            columns = _columns(statement, arrays_of(kernel), orders)
            if columns:
                put(kernel, block, statement, top, _on_tiles(statement, columns, names))
        for inner in blocks(statement):
            _copy_in(kernel, names, rows, orders, inner, top)


@dataclass(frozen=True, slots=True)
class _Column:
    """What a loop reads of an array, one element in each row."""

    place: Place
    dtype: DType


def _columns(
    loop: For, arrays: Mapping[str, Array], orders: Mapping[str, str]
) -> tuple[_Column, ...]:
    """The columns that a loop should read from copies; none where that does not pay."""
    if loop.window is not None or not is_arithmetic(loop):
        return ()
    own, row = changed(loop.body), Dim.symbol(loop.variable)
    certain = {place: dtype for e in _always(loop) for place, dtype in _loads(e)}
    found: dict[Place, _Column] = {}
    for buffer, at, _ in accesses(loop.body):
        axes = [a for a, d in enumerate(at) if loop.variable in d.symbols()]
        if not axes:
            continue
        if len(axes) > 1 or loop.variable in (at[axes[0]] - row).symbols():
            return ()
        if any(not own.isdisjoint(d.symbols()) for d in at) or buffer not in arrays:
            return ()
        shape = arrays[buffer].shape
        order = orders.get(buffer, "C")
        between = shape[axes[0] + 1 :] if order == "C" else shape[: axes[0]]
        if order != "A" and all(d.is_constant for d in between):
            continue
        if buffer in own or (buffer, at) not in certain:
            return ()
        found[buffer, at] = _Column((buffer, at), certain[buffer, at])
    work = max((weight for extent, weight in weights([loop]) if extent == loop.extent), default=0)
    return tuple(found.values()) if work > EACH * len(found) else ()


def is_arithmetic(loop: For) -> bool:
    """Whether a loop computes numbers by what vectors can do, and nothing else."""
    if not all(isinstance(s, Let | Assign | Accumulate | Store) for s in loop.body):
        return False
    return not any(is_scalar(e) for s in loop.body for e in expressions(s))


def _always(loop: For) -> Iterator[Expr]:
    for statement in loop.body:
        yield from expressions(statement)


def _loads(expr: Expr) -> Iterator[tuple[Place, DType]]:
    """The elements that an expression reads in any case, not only where a choice falls so."""
    match expr:
        case Load(buffer, indices, dtype):
            yield (buffer, indices), dtype
        case Apply("where" | "logical_and" | "logical_or", args):
            yield from _loads(args[0])
        case Apply(args=args):
            for arg in args:
                yield from _loads(arg)
        case _:
            pass


def _on_tiles(loop: For, columns: Sequence[_Column], names: Names) -> list[Statement]:
    """The buffers, and the loop on tiles that copy columns first."""
    first, count, row = names.tile_loop(loop.variable)
    made: list[Statement] = []
    copies: list[Statement] = []
    tiles: dict[Place, str] = {}
    here = (Dim.symbol(row),)
    for column in columns:
        buffer, at = column.place
        tile = tiles[column.place] = names.tile_of(buffer)
        if tile in names.wishes:
            known = [str(d.value) for d in at if d.is_constant]
            names.wishes[tile] = ("_".join([buffer, *known, "tile"]), *names.wishes[tile])
        made.append(Allocate(tile, (Dim.constant(TILE),), column.dtype, None, Note()))
        copies.append(Store(tile, here, Load(buffer, at, column.dtype), Note()))

    def place(buffer: str, at: tuple[Dim, ...]) -> Place:
        tile = tiles.get((buffer, at))
        return (buffer, at) if tile is None else (tile, here)

    for statement in loop.body:
        move(statement, place)
    over = For(row, Dim.symbol(count), copies, Note())
    body: list[Statement] = [over, replace(loop, variable=row, extent=over.extent)]
    for statement in body:
        substitute(statement, {loop.variable: Dim.symbol(first) + Dim.symbol(row)})
    tiled = Tiles(first, count, row, loop.extent, TILE, body, loop.note, remark=REMARK)
    return [*made, tiled]
