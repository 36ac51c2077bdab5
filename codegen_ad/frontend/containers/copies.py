"""Arrays and lists that a list of symbolic length holds: its rows are copies of them.

So it must be known that nobody sees the difference. An item has other names where it was not made
for the list alone; then neither it nor the rows may change while the other one is in use. And where
one object may be several items, the rows may not change at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, Cell

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

REASON = (
    "A list whose length is not known holds this array or list: the item would change with it in "
    "Python, and is a copy here."
)


def hold(
    m: Machine, rows: Array, items: Sequence[Value], outer: Collection[Cell] = frozenset()
) -> None:
    """Let rows be copies of these items; what was there before a trip, `outer`, may come in all."""
    for item in items:
        for cell in _storages(m, item):
            _copy(m, rows.cell, cell, outer)


def hold_rows(m: Machine, rows: Array, of: Sequence[Array]) -> None:
    """Let rows be copies of the rows of other arrays, which are lists, or arrays themselves."""
    if m.type_of(rows).rank < 2:
        return
    for array in of:
        _copy(m, rows.cell, array.cell, {m.repeated_items})


def _copy(m: Machine, rows: Cell, of: Cell, outer: Collection[Cell]) -> None:
    """Rows are copies of something; where it may be one of them already, objects repeat."""
    same = {of, *m.tangled.get(of, ())} - {rows}
    if not same.isdisjoint(outer) or not same.isdisjoint(m.tangled.get(rows, ())):
        m.tangle(rows, m.repeated_items, REASON)
    m.tangle(rows, of, REASON)


def _storages(m: Machine, value: Value) -> Iterator[Cell]:
    """The storages that a value leads to and that may change; one comes as often as it is met."""
    if isinstance(value, Array):
        if m.type_of(value).rank or value.boxed is not False:
            yield value.cell
        return
    cell = getattr(value, "cell", None)
    if isinstance(cell, Cell):
        yield cell
    for part in data.parts_of(m, value):
        yield from _storages(m, part)
