"""Carried arrays that stand in their records: each trip of a loop writes the next row.

A loop that records an array that it carries copies it, and has two buffers for it, which change
names: one that a trip reads, one that it fills. Where the trip only looks at elements, it can read
row `i` of the record and fill row `i + 1`: no copy, no second buffer. The record has one row more,
which is the array behind the loop. Where nobody reads that, as where the steps of a segment are run
again for their records alone, the last trip is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import Shape
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    If,
    Kernel,
    Let,
    Load,
    Statement,
    Store,
    Var,
    View,
    blocks,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.in_place import drop, drop_made, drop_swap, is_only_inside, swaps
from codegen_ad.plan.tidying.overwritten import Around, needed_behind, overwrites
from codegen_ad.plan.tidying.rename import (
    is_by_element,
    mentioned,
    names_in,
    replace_expressions,
    written,
)
from codegen_ad.plan.tiling.rows import assigned


def write_into_records(kernel: Kernel, names: Names) -> None:
    """Let carried arrays stand in their records in all loops of the kernel."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    _in_block(kernel, kernel.body, (), names)


@dataclass(frozen=True, slots=True)
class _Carried:
    """An array that a loop carries and records.

    Attributes
    ----------
    loop : the loop.
    old : the buffer that a trip reads.
    new : the buffer that it fills.
    record : the array of rows.
    copies : the statements that copy elements into the record.
    """

    loop: For
    old: str
    new: str
    record: Allocate
    copies: Sequence[Store]

    @property
    def shape(self) -> Shape:
        """The array's shape."""
        return self.record.shape[1:]

    def row(self, expr: Expr) -> Expr:
        """The expression with elements of the array read from the record."""
        match expr:
            case Load(buffer, indices) if buffer in (self.old, self.new):
                return replace(expr, buffer=self.record.buffer, indices=self.place(buffer, indices))
            case Apply(args=args):
                return replace(expr, args=tuple(map(self.row, args)))
            case _:
                return expr

    def place(self, buffer: str, indices: Sequence[Dim]) -> tuple[Dim, ...]:
        """Where an element of one of the buffers stands in the record."""
        trip = Dim.symbol(self.loop.variable)
        return (trip if buffer == self.old else trip + 1, *indices)


def _in_block(kernel: Kernel, block: list[Statement], around: Around, names: Names) -> None:
    for statement in list(block):
        for inner in blocks(statement):
            _in_block(kernel, inner, (*around, (block, statement)), names)
        if not isinstance(statement, For) or statement.span or statement.window:
            continue
        for swap in [s for s in statement.body if isinstance(s, Assign)]:
            for new, old in list(swaps(swap)):
                found = _found(kernel, block, statement, new, old)
                if found is not None:
                    _move(kernel, (*around, (block, statement)), found, swap, names)


def _found(
    kernel: Kernel, block: Sequence[Statement], loop: For, new: str, old: str
) -> _Carried | None:
    """The array that a loop carries in two buffers, if its trips may look at a record instead."""
    made = {s.buffer: s for s in block if isinstance(s, Allocate) and s.fill is None}
    shapes = {s.buffer: s.shape for s in walk(kernel.body) if isinstance(s, Allocate)}
    if old not in shapes or not is_only_inside(kernel, loop, new):
        return None
    copies = list(_copies(loop.body, old, {}))
    records = {
        s.buffer
        for s in copies
        if s.buffer in made
        and s.buffer not in kernel.outputs
        and s.indices[0] == Dim.symbol(loop.variable)
        and made[s.buffer].shape == (loop.extent, *shapes[old])
    }
    if not records or not all(_is_plain(s, new, old) for s in walk(loop.body)):
        return None
    for name in sorted(records):
        own = [s for s in copies if s.buffer == name]
        known = {id(made[name]), *map(id, own)}
        users = [s for s in walk(kernel.body) if id(s) not in known]
        # All that is ever read of the record is what these statements copied.
        if all(is_by_element(s, name) and name not in written(s) for s in users):
            return _Carried(loop, old, new, made[name], own)
    return None


def _copies(body: Sequence[Statement], old: str, lets: dict[str, Load]) -> Iterator[Store]:
    """Statements that store an element of a buffer at its place in a row of an array."""
    own = dict(lets)
    for statement in body:
        match statement:
            case Let(name, Load(buffer=buffer) as load) if buffer == old:
                own[name] = load
            case Store(expr=expr, indices=indices):
                load = own.get(expr.name) if isinstance(expr, Var) else expr
                if isinstance(load, Load) and load.buffer == old and load.indices == indices[1:]:
                    yield statement
            case _:
                for inner in blocks(statement):
                    yield from _copies(inner, old, own)


def _is_plain(statement: Statement, new: str, old: str) -> bool:
    """Whether a statement looks at elements alone of two buffers, and does not change the old."""
    if isinstance(statement, Assign) and {new, old} <= set(statement.names):
        return True
    if old in written(statement):
        return False
    return is_by_element(statement, new) and is_by_element(statement, old)


def _move(kernel: Kernel, around: Around, found: _Carried, swap: Assign, names: Names) -> None:
    """Let the trips of a loop read and write rows of the record."""
    loop, record = found.loop, found.record
    block = around[-1][0]
    for copy in found.copies:
        drop(loop.body, copy)
    drop_swap(loop.body, swap, found.new, found.old)
    drop_made(kernel.body, found.new)
    for statement in walk(loop.body):
        replace_expressions(statement, found.row)
        match statement:
            case Store(buffer=buffer) if buffer in (found.old, found.new):
                statement.indices = found.place(buffer, statement.indices)
                statement.buffer = record.buffer
            case Accumulate(target=Load() as target):
                moved = found.row(target)
                assert isinstance(moved, Load)
                statement.target = moved
            case _:
                pass
    record.shape = (record.shape[0] + 1, *record.shape[1:])
    is_needed = needed_behind(found.old, found.shape, around) or found.old in kernel.outputs
    before = None if is_needed else _taken(block, found)
    if not is_needed and _only_records(kernel, found):
        loop.extent -= 1
    position = next(k for k, s in enumerate(block) if s is loop)
    if is_needed:
        block.insert(position + 1, _copied(found, names, loop.extent))
    block.insert(position, before or _copied(found, names, None))
    if not any(found.old in mentioned(s) for s in walk(kernel.body) if not _makes(s, found.old)):
        drop_made(kernel.body, found.old)


def _only_records(kernel: Kernel, found: _Carried) -> bool:
    """Whether all that a trip does is to fill the next row of the record, and nothing may raise."""
    inside = list(walk(found.loop.body))
    for statement in inside:
        match statement:
            case For() | If() | Let() | Assign():
                pass
            case Store(buffer=buffer) if buffer == found.record.buffer:
                pass
            case _:
                return False
    own = {n for s in inside if isinstance(s, Let | Assign) for n in assigned(s)}
    here = {id(found.loop), *map(id, inside)}
    others = [s for s in walk(kernel.body) if id(s) not in here]
    outside = {n for s in others for n in (*mentioned(s), *assigned(s))}
    outside |= {n for o in kernel.outputs for n in ([o] if isinstance(o, str) else names_in(o))}
    return own.isdisjoint(outside)


def _makes(statement: Statement, buffer: str) -> bool:
    return isinstance(statement, Allocate) and statement.buffer == buffer


def _taken(block: list[Statement], found: _Carried) -> For | None:
    """The loops that give the array its first value, taken out, and into the record's first row."""
    before = block[: next(k for k, s in enumerate(block) if s is found.loop)]
    users = [k for k, s in enumerate(before) if any(found.old in mentioned(x) for x in walk([s]))]
    users = [k for k in users if not _makes(before[k], found.old)]
    if not users:
        return None
    first, between = before[users[-1]], before[users[-1] + 1 :]
    if not isinstance(first, For) or not overwrites(first, found.old, found.shape):
        return None
    stores = [s for s in walk([first]) if isinstance(s, Store)]
    others = [s for s in walk([first]) if not isinstance(s, For | Let | Store)]
    touched = {n for s in walk([first]) for n in mentioned(s)}
    changed = {n for s in walk(between) for n in assigned(s)}
    if len(stores) != 1 or others or not touched.isdisjoint(changed):
        return None
    (store,) = stores
    store.buffer, store.indices = found.record.buffer, (Dim.constant(0), *store.indices)
    block[:] = [s for s in block if s is not first]
    return first


def _copied(found: _Carried, names: Names, row: Dim | None) -> For:
    """The array copied out of a row of the record, or into the first."""
    variables = [names.fresh() for _ in found.shape]
    here = tuple(map(Dim.symbol, variables))
    dtype, note, record = found.record.dtype, found.copies[0].note, found.record.buffer
    if row is not None:
        made: Statement = Store(found.old, here, Load(record, (row, *here), dtype), note)
    else:
        own = Load(found.old, here, dtype)
        made = Store(record, (Dim.constant(0), *here), own, note)
    for variable, extent in zip(reversed(variables), reversed(found.shape), strict=True):
        made = For(variable, extent, [made], note)
    assert isinstance(made, For)
    return made
