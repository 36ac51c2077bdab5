"""Tiles of arrays with an axis for the rows, in a copy with rows last.

Where a pass over the rows reads one column, the column's elements should be neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import For, Load, Note, Statement, Store, walk
from codegen_ad.plan.tidying.rename import expressions, names_in
from codegen_ad.plan.tiling.distribute import Around, Group, Item, groups
from codegen_ad.plan.tiling.rows import accesses, assigned
from codegen_ad.plan.tiling.tile_buffers import Buffers, Place, move


def tabulate(
    buffers: Buffers, items: Sequence[Item], body: list[Statement]
) -> tuple[list[Statement], list[Statement]]:
    """Let passes read and write copies of tables; what comes before and after them.

    `body` is that of the loop over rows from which the passes came. A copy has no axis where
    all places have the same index: in a loop over steps only the step's own part is copied.
    """
    rows = buffers.rows
    wanted = dict.fromkeys(
        name for name, at, outer in _flat_places(items) if _is_strided(buffers, name, at, outer)
    )
    before: list[Statement] = []
    after: list[Statement] = []
    for name in wanted:
        table = _table(buffers, name, body)
        is_written = name in rows.written

        def place(
            buffer: str, at: tuple[Dim, ...], name: str = name, table: Table = table
        ) -> Place:
            if buffer != name or not _has_row(buffers, at, table.axis):
                return buffer, at
            return table.tile, (*(at[k] for k in table.free), buffers.row)

        for group in groups(items):
            for statement in group.statements:
                if is_written or not isinstance(statement, For):
                    move(statement, place)
        if not is_written or _is_old(buffers, name, table, body):
            before.append(_copy(buffers, name, table, back=False))
        if is_written:
            after.append(_copy(buffers, name, table, back=True))
    return before, after


@dataclass(frozen=True, slots=True)
class Table:
    """An array and the copy of its part for a tile.

    Attributes
    ----------
    axis : of the array, where its rows are.
    fixed : indices that are the same at all places, by their axes.
    free : the other axes, which the copy has.
    tile : the copy's name.
    """

    axis: int
    fixed: dict[int, Dim]
    free: tuple[int, ...]
    tile: str


def _table(buffers: Buffers, name: str, body: list[Statement]) -> Table:
    array, axis = buffers.rows.arrays[name], buffers.rows.tables[name]
    inside = {n for s in walk(body) for n in assigned(s)}
    inside |= {s.variable for s in walk(body) if isinstance(s, For)}
    places = [at for b, at, _ in accesses(body) if b == name and _has_row(buffers, at, axis)]
    fixed = {
        k: d
        for k, d in enumerate(places[0])
        if k != axis and inside.isdisjoint(d.symbols()) and all(at[k] == d for at in places)
    }
    free = tuple(k for k in range(len(array.shape)) if k != axis and k not in fixed)
    tile = buffers.allocate(name, tuple(array.shape[k] for k in free), array.dtype)
    return Table(axis, fixed, free, tile)


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


def _is_old(buffers: Buffers, name: str, table: Table, body: list[Statement]) -> bool:
    """Whether the part of an array that a tile writes holds anything before, and keeps some."""
    if _is_filled(buffers, name, table, body):
        return False
    around = buffers.rows.around
    made = buffers.rows.arrays[name].made
    if made is None or made.fill is not None or name in around.before:
        return True
    outside = [loop for loop in around.loops if not any(s is made for s in walk([loop]))]
    return not all(_has_own_part(loop, table.fixed.values()) for loop in outside)


def _is_filled(buffers: Buffers, name: str, table: Table, body: list[Statement]) -> bool:
    """Whether rows write all of their part of an array, and read nothing of it."""
    shape = buffers.rows.arrays[name].shape

    def fills(statement: Statement, loops: tuple[For, ...]) -> bool:
        if isinstance(statement, For):
            whole = statement.span is None and statement.window is None
            return whole and any(fills(s, (*loops, statement)) for s in statement.body)
        if not isinstance(statement, Store) or statement.buffer != name:
            return False
        wanted = {(Dim.symbol(loop.variable), loop.extent) for loop in loops}
        found = {(statement.indices[k], shape[k]) for k in table.free}
        return wanted == found and len(loops) == len(table.free)

    reads = any(name in names_in(e) for s in walk(body) for e in expressions(s))
    return not reads and any(fills(s, ()) for s in body)


def _has_own_part(loop: Statement, indices: Iterable[Dim]) -> bool:
    """Whether each trip of a loop comes to another place, by one of these indices."""
    if not isinstance(loop, For):
        return False
    variable = Dim.symbol(loop.variable)
    changing = {n for s in walk(loop.body) for n in assigned(s)} | {loop.variable}
    changing |= {s.variable for s in walk(loop.body) if isinstance(s, For)}
    return any(
        changing.isdisjoint(rest.symbols())
        for index in indices
        for rest in (index - variable, index + variable)
    )


def _copy(buffers: Buffers, name: str, table: Table, *, back: bool) -> Statement:
    """A loop over the rows that copies a tile, or puts it back."""
    array = buffers.rows.arrays[name]
    variables = {k: buffers.names.fresh() for k in table.free}
    places = table.fixed | {k: Dim.symbol(v) for k, v in variables.items()}
    places[table.axis] = Dim.symbol(buffers.rows.variable)
    there = tuple(places[k] for k in range(len(array.shape)))
    here = (*(places[k] for k in table.free), buffers.row)
    if back:
        body: Statement = Store(name, there, Load(table.tile, here, array.dtype), Note())
    else:
        body = Store(table.tile, here, Load(name, there, array.dtype), Note())
    for axis, variable in reversed(variables.items()):
        body = For(variable, array.shape[axis], [body], Note())
    return body
