"""Tiles of rows: loops over the rows of the data whose bodies have inner dimensions.

Such a loop runs on tiles of `TILE` rows, so that the innermost loops are over the rows of a tile
and use vectors, whatever the inner structure is. What a row keeps from one pass to the next stands
in a buffer for the tile, rows last, made once outside of the loop over the tiles. Rows of a last,
shorter tile are computed in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    For,
    Kernel,
    Load,
    Note,
    Product,
    Statement,
    Tiles,
    Var,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.rename import expressions
from codegen_ad.plan.tiling.distribute import (
    Group,
    Item,
    Once,
    along_picked,
    distribute,
    groups,
    pays,
    shared_changes,
)
from codegen_ad.plan.tiling.passes import in_passes, may_take_turns
from codegen_ad.plan.tiling.placing import put, surroundings_of
from codegen_ad.plan.tiling.rows import arrays_of, let_vary, rows_of
from codegen_ad.plan.tiling.tile_buffers import Buffers
from codegen_ad.plan.tiling.tile_products import with_products
from codegen_ad.plan.tiling.tile_tables import tabulate

TILE = 64
"""Rows of a tile: with 16 the mixture of the benchmarks takes twice as long, 128 gains little."""


def tile(kernel: Kernel, names: Names, extents: Sequence[Dim], blas: bool) -> None:
    """Run the loops over `extents`, the sizes that count rows of data, on tiles where that pays.

    With `blas`, products of matrices are calls of it.
    """
    for top in list(kernel.body):
        _tile_in(kernel, names, extents, blas, kernel.body, top)


def _tile_in(
    kernel: Kernel,
    names: Names,
    extents: Sequence[Dim],
    blas: bool,
    block: list[Statement],
    top: Statement,
) -> None:
    candidates = [s for s in block if s is top] if block is kernel.body else list(block)
    for statement in candidates:
        if isinstance(statement, For) and statement.extent in extents and not statement.carried:
            made = _tiled(kernel, names, statement, blas)
            if made is not None:
                put(kernel, block, statement, top, made)
                continue
        for inner in blocks(statement):
            _tile_in(kernel, names, extents, blas, inner, top)


def _tiled(kernel: Kernel, names: Names, loop: For, blas: bool) -> list[Statement] | None:
    """The buffers and the tiles that a loop becomes, or None where it stays as it is."""
    inside = list(walk(loop.body))
    is_flat = not any(isinstance(s, For) for s in inside)
    if not any(map(_computes, inside)) or (is_flat and not may_take_turns(inside)):
        return None
    around = surroundings_of(kernel, loop)
    arrays = arrays_of(kernel)
    rows = rows_of(loop, arrays, around, ordered=is_flat)
    if rows is None:
        return None
    if is_flat:
        return in_passes(rows, loop, names, TILE)
    if along_picked(rows, loop.body):
        return None
    found = with_products(loop, rows, names) if blas else None
    if found is not None:
        loop = found.loop
        rows = rows_of(loop, arrays | found.arrays, around)
        assert rows is not None
    items = distribute(rows, loop.body)
    while shared := {
        n for g in groups(items) for s in g.statements for n in shared_changes(rows, s)
    }:
        let_vary(rows, shared, loop.body)
        items = distribute(rows, loop.body)
    if found is None and not pays(rows, items):
        return None
    first, count, row = names.tile_loop(rows.variable)
    for group in groups(items):
        group.statements = [copied(s) for s in group.statements]
    buffers = Buffers(rows, names, row, TILE)
    buffers.expand(items)
    taken, put_back = tabulate(buffers, items, loop.body)
    lower = _Lowering(buffers, count, row)
    body = [
        *(lower.over_rows([s]) for s in taken),
        *lower.items(items),
        *(lower.over_rows([s]) for s in put_back),
    ]
    for statement in body:
        substitute(statement, {rows.variable: Dim.symbol(first) + Dim.symbol(row)})
    matrices = [*found.allocated, *found.before] if found is not None else []
    return [
        *matrices,
        *buffers.allocated,
        Tiles(first, count, row, loop.extent, TILE, body, Note()),
    ]


def _computes(statement: Statement) -> bool:
    """Whether a statement does more than copy."""
    if isinstance(statement, Accumulate | Product):
        return True
    return any(isinstance(expr, Apply) for expr in expressions(statement))


class _Lowering:
    """Items become statements, groups loops over the rows of a tile."""

    def __init__(self, buffers: Buffers, rows: str, row: str) -> None:
        self.buffers = buffers
        self.rows = rows
        self.loop = For(row, Dim.symbol(rows), [], Note())

    def over_rows(self, statements: list[Statement]) -> For:
        """A loop over the rows of the tile."""
        return replace(self.loop, body=statements)

    def items(self, items: Sequence[Item]) -> list[Statement]:
        """The statements of items, in order."""
        made: list[Statement] = []
        for item in items:
            if isinstance(item, Group):
                made += self._group(item)
            elif isinstance(item, Once):
                made.append(self._once(item.statement))
            elif isinstance(item.statement, For):
                made.append(replace(item.statement, body=self.items(item.inner[0])))
            else:
                then, otherwise = map(self.items, item.inner)
                made.append(replace(item.statement, then=then, otherwise=otherwise))
        return made

    def _once(self, statement: Statement) -> Statement:
        if not isinstance(statement, Product):
            return statement
        rows, part = Dim.symbol(self.rows), None
        if statement.adds:
            made = [
                self.buffers.rows.arrays[x.buffer].made for x in (statement.left, statement.right)
            ]
            part = self.buffers.room(tuple(m.shape[0] for m in made if m is not None))
        return replace(statement, rows=rows, part=part)

    def _group(self, group: Group) -> list[Statement]:
        """The loop of a group; what goes into one element of an array is added up before."""
        before: list[Statement] = []
        after: list[Statement] = []
        for statement in group.statements:
            if not isinstance(statement, Accumulate) or not isinstance(statement.target, Load):
                continue
            place = statement.target
            symbols = [s for d in place.indices for s in d.symbols()]
            totals = self.buffers.rows.totals
            if place.buffer not in totals or self.buffers.rows.varies(symbols):
                continue
            name = self.buffers.names.part_of(place.buffer)
            start = identity(statement.how, place.dtype)
            before.append(Assign((name,), (start,), statement.note))
            statement.target = Var(name, place.dtype)
            whole = Accumulate(place, statement.how, statement.target, statement.note)
            after.append(whole)
        return [*before, self.over_rows(group.statements), *after] if group.statements else []
