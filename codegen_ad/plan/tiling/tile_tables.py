"""Tiles of arrays with an axis for the rows, in a copy with rows last.

Where a pass over the rows reads one column, the column's elements should be neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import For, Load, Note, Statement, Store, walk
from codegen_ad.plan.tiling.distribute import Around, Group, Item, groups
from codegen_ad.plan.tiling.rows import accesses
from codegen_ad.plan.tiling.tile_buffers import Buffers, Place, move


def tabulate(buffers: Buffers, items: Sequence[Item]) -> tuple[list[Statement], list[Statement]]:
    """Let passes read and write copies of tables; what comes before and after them."""
    rows = buffers.rows
    wanted = dict.fromkeys(
        name for name, at, outer in _flat_places(items) if _is_strided(buffers, name, at, outer)
    )
    before: list[Statement] = []
    after: list[Statement] = []
    for name in wanted:
        array, axis = rows.arrays[name], rows.tables[name]
        inner = (*array.shape[:axis], *array.shape[axis + 1 :])
        tile = buffers.allocate(name, inner, array.dtype)
        is_written = name in rows.written

        def place(buffer: str, at: tuple[Dim, ...], name: str = name, axis: int = axis,
                  tile: str = tile) -> Place:  # fmt: skip
            if buffer != name or not _has_row(buffers, at, axis):
                return buffer, at
            return tile, (*at[:axis], *at[axis + 1 :], buffers.row)

        for group in groups(items):
            for statement in group.statements:
                if is_written or not isinstance(statement, For):
                    move(statement, place)
        there = Load(name, (), array.dtype), Load(tile, (), array.dtype)
        if not is_written or _is_old(buffers, name):
            before.append(_copy(buffers, inner, axis, *there, back=False))
        if is_written:
            after.append(_copy(buffers, inner, axis, *there, back=True))
    return before, after


def _flat_places(
    items: Sequence[Item], outer: frozenset[str] = frozenset()
) -> Iterator[tuple[str, tuple[Dim, ...], frozenset[str]]]:
    """The places that passes over the rows touch, with the variables of the loops around."""
    for item in items:
        if isinstance(item, Group):
            flat = [s for s in item.statements if not any(isinstance(i, For) for i in walk([s]))]
            yield from ((name, at, outer) for name, at, _ in accesses(flat))
        elif isinstance(item, Around):
            loop = item.statement
            inside = outer | {loop.variable} if isinstance(loop, For) else outer
            for block in item.inner:
                yield from _flat_places(block, inside)


def _is_strided(buffers: Buffers, name: str, at: tuple[Dim, ...], outer: frozenset[str]) -> bool:
    axis = buffers.rows.tables.get(name)
    if axis is None or axis == len(at) - 1 or not _has_row(buffers, at, axis):
        return False
    return any(s in outer for k, d in enumerate(at) if k != axis for s in d.symbols())


def _has_row(buffers: Buffers, at: tuple[Dim, ...], axis: int) -> bool:
    """Whether a place is the row's own along an axis, and along no other."""
    row = Dim.symbol(buffers.rows.variable)
    others = (d for k, d in enumerate(at) if k != axis)
    return at[axis] == row and not any(buffers.rows.variable in d.symbols() for d in others)


def _is_old(buffers: Buffers, name: str) -> bool:
    """Whether an array that is written holds anything before."""
    made = buffers.rows.arrays[name].made
    return made is None or made.fill is not None or name in buffers.rows.used_before


def _copy(
    buffers: Buffers, inner: tuple[Dim, ...], axis: int, whole: Load, tile: Load, *, back: bool
) -> Statement:
    """A loop over the rows that copies a tile, or puts it back."""
    variables = [buffers.names.fresh() for _ in inner]
    rest = tuple(map(Dim.symbol, variables))
    row = Dim.symbol(buffers.rows.variable)
    there = (*rest[:axis], row, *rest[axis:])
    here = (*rest, buffers.row)
    if back:
        body: Statement = Store(whole.buffer, there, Load(tile.buffer, here, tile.dtype), Note())
    else:
        body = Store(tile.buffer, here, Load(whole.buffer, there, whole.dtype), Note())
    for variable, extent in reversed(list(zip(variables, inner, strict=True))):
        body = For(variable, extent, [body], Note())
    return body
