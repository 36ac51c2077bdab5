"""Lists that only some paths make longer: an array with room for all items, and how many there are.

Such a list is kept in this way from where it is written, `[]`. That is found out when a path has
appended to it and another one has not; then reading starts again. How much room it needs is what
all calls of `append` could add, which the end of a reading knows.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from codegen_ad.frontend.arrays import data, views
from codegen_ad.frontend.containers import copies
from codegen_ad.frontend.containers.row_types import ONE_SHAPE, check_kinds, type_in
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.sizes.run_time import is_run_time
from codegen_ad.frontend.sizes.symbolic import Restart, smallest
from codegen_ad.frontend.values import Array, Cell, Growth, List, Rows
from codegen_ad.ir.dims import ZERO, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


@dataclass(frozen=True, slots=True)
class Filling:
    """What is known of a list from earlier attempts: its items, and how many are added at most."""

    item: ArrayType
    weak: bool
    lists: tuple[type, ...]
    mixed: bool
    most: Dim


@dataclass(slots=True)
class Added:
    """How many items a list gets in this attempt, in loops behind the `depth` first ones."""

    key: object
    growth: Growth
    depth: int
    most: Dim = ZERO


def written(m: Machine, node: ast.expr, items: Sequence[Value]) -> List:
    """A list that stands in the text: `[]`, `[a, b]`."""
    key = (*(id(f.tree) for f in m.frames), node.lineno, node.col_offset)
    found = m.facts.filled.get(key)
    if found is None:
        made = m.list_of(items)
        m.written[made.cell] = key
        return made
    return _filled(m, key, cast("Filling", found), tuple(items))


def _filled(m: Machine, key: object, known: Filling, items: tuple[Value, ...]) -> List:
    check_kinds(m, items, known.lists)
    start = as_dim(len(items))
    number = Cell("count")
    growth = Growth(known.item, known.weak, known.lists, known.mixed, start)
    growth.found, growth.filled = known.item.dtype, number
    for item in items:
        growth.weak = growth.weak and data.is_weak(item)
    array = m.fresh(room(m, items, growth, known.most), label="items")
    copies.hold(m, array, items)
    m.store[number] = make.constant(m.b, len(items), DType.INT64)
    m.fillings[number] = Added(key, growth, len(m.trips))
    made = m.list_of_rows(Rows(array, known.weak, known.lists, known.mixed, growth))
    growth.outer = frozenset(m.store)
    return made


def room(m: Machine, before: tuple[Value, ...] | Rows, growth: Growth, more: Dim) -> Node:
    """The array of a list that gets longer: the first items, and room for the others."""
    b, item = m.b, growth.item
    if isinstance(before, tuple) and not before:
        return make.full(b, (more, *item.shape), 0, item.dtype)
    if isinstance(before, Rows):
        first = data.rows_node(m, before)
    else:
        first = data.stacked(m, before, "items of the list")
    if first.array.rank != 1 + len(item.shape):
        m.refuse(*ONE_SHAPE)
    for have, want in zip(first.array.shape[1:], item.shape, strict=True):
        if have != want:
            m.equate(want, have, m.text())
    count, *rest = first.array.shape
    whole = make.full(b, (count + more, *item.shape), 0, item.dtype)
    spans = (Span(ZERO, 1, count), *map(make.whole, rest))
    return make.update(b, whole, make.cast(b, first, item.dtype), spans)


def begin(m: Machine, cell: Cell, before: object, after: object, side: Side) -> None:
    """Start reading again with a list kept as an array, if it is one that was written in the text.

    Of what it held `before`, `after` is longer or shorter.
    """
    if isinstance(after, Rows) and after.growth is None:
        found = type_in(m, after.array, side)
        if found is not None:
            item, weak = found[0].with_shape(found[0].shape[1:]), after.weak
            begin_with(m, cell, item, weak, after.lists, mixed=after.mixed)
        return
    if not isinstance(before, tuple) or not isinstance(after, tuple):
        return
    start, end = cast("tuple[Value, ...]", before), cast("tuple[Value, ...]", after)
    if len(end) == len(start) or any(a is not b for a, b in zip(start, end, strict=False)):
        return
    found = type_in(m, max(start, end, key=len)[-1], side)
    if found is not None:
        begin_with(m, cell, *found, mixed=False)


def begin_on_one_side(
    m: Machine, cell: Cell, one: tuple[object, Side], other: tuple[object, Side]
) -> None:
    """The same for what a list holds on the two sides of a branch."""
    number = [len(cast("Any", held)) for held, _ in (one, other) if isinstance(held, tuple)]
    if len(number) == 2:
        (before, _), (after, side) = (other, one) if number[0] > number[1] else (one, other)
        begin(m, cell, before, after, side)


def begin_with(
    m: Machine, cell: Cell, item: ArrayType, weak: bool, lists: tuple[type, ...], *, mixed: bool
) -> None:
    """Start reading again with a list of items of this type kept as an array."""
    key = m.written.get(cell)
    if key is None or key in m.facts.filled or any(is_run_time(m, d) for d in item.shape):
        return
    m.facts.filled[key] = Filling(item, weak, lists, mixed, ZERO)
    raise Restart


def refuse_length(m: Machine) -> NoReturn:
    """Refuse a list whose greatest length is not known either."""
    m.unroll()
    m.refuse(
        "How long a list gets in this loop depends on data.",
        "Write into an array that is made before the loop, `np.zeros(most)`, and count.",
    )


def count(m: Machine, growth: Growth) -> Node:
    """How many items there are."""
    assert growth.filled is not None
    return cast("Node", m.store[growth.filled])


def add(m: Machine, growth: Growth, change: int) -> None:
    """Count an item that is appended, or taken away again."""
    assert growth.filled is not None
    if change > 0:
        added = m.fillings[growth.filled]
        times = as_dim(1)
        for trip in m.trips[added.depth :]:
            if trip is None:
                refuse_length(m)
            times = times * trip
        if is_run_time(m, times):
            refuse_length(m)
        m.fillings[growth.filled] = replace(added, most=added.most + times)
    step = make.constant(m.b, change, DType.INT64)
    m.store[growth.filled] = make.add(m.b, count(m, growth), step)


def clear(m: Machine, rows: Rows) -> None:
    """Take all items away."""
    assert rows.growth is not None
    assert rows.growth.filled is not None
    m.store[rows.growth.filled] = make.constant(m.b, 0, DType.INT64)


def settled(m: Machine, rows: Rows) -> Rows:
    """The list as it is now: of a size that only the run knows."""
    if rows.growth is None or rows.growth.filled is None:
        return rows
    number = count(m, rows.growth)
    known = make.constant_value(number)
    size = as_dim(int(known)) if known is not None else m.length(number)
    kind = m.type_of(rows.array)
    spans = (Span(ZERO, 1, size), *map(make.whole, kind.shape[1:]))
    view = m.view(rows.array, views.Sliced(spans))
    array = m.fresh(m.read(cast("Array", view)))
    copies.hold_rows(m, array, [rows.array])
    return replace(rows, array=array, growth=None, added=0)


def settle(m: Machine) -> None:
    """Start again where lists need other items or more room than was known."""
    news = False
    for added in m.fillings.values():
        known, growth = cast("Filling", m.facts.filled[added.key]), added.growth
        lacks = smallest(known.most - added.most, 0)
        most = known.most
        if lacks is None or lacks < 0:
            more = smallest(added.most - known.most, 0)
            most = added.most if more is not None and more >= 0 else known.most + added.most
        item = growth.item.with_dtype(growth.found)
        made = Filling(item, growth.weak, known.lists, growth.mixed, most)
        news = news or made != known
        m.facts.filled[added.key] = made
    if news:
        raise Restart
