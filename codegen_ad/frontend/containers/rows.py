"""Lists whose length only the run knows: their items are the rows of an array.

Such a list comes from a comprehension, or from a loop that appends one item in every iteration.
While a loop makes it longer, the array has its final length already, and the list ends before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.arrays import data, indexing, views
from codegen_ad.frontend.arrays.arithmetic import simplest
from codegen_ad.frontend.containers import copies, filling
from codegen_ad.frontend.containers.row_types import (
    ONE_SHAPE,
    check_kinds,
    mixes,
    refuse_mixed,
    refuse_unlike,
    rows_of,
    type_in,
)
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.values import Array, Cell, Growth, List, Range, Rows
from codegen_ad.ir.builder import Scope
from codegen_ad.ir.dims import Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def new(m: Machine, array: Array, like: Rows) -> List:
    """A list of the rows of an array."""
    return m.list_of_rows(replace(like, array=array, growth=None, added=0, before=None))


def is_filled(held: object) -> bool:
    """Whether this is what a list holds that only some paths make longer."""
    return isinstance(held, Rows) and held.growth is not None and held.growth.filled is not None


# Reading ------------------------------------------------------------------------------------------


def length(m: Machine, rows: Rows) -> Value:
    """`len(...)`, which is data while a loop makes the list longer."""
    if rows.growth is None:
        return simplest(m.type_of(rows.array).shape[0])
    return m.fresh(_count(m, rows), weak=True)


def length_dim(m: Machine, rows: Rows) -> Dim:
    """How many items there are."""
    return data.rows_node(m, rows).array.shape[0]


def item_at(m: Machine, rows: Rows, index: Node | int) -> Value:
    """One item."""
    return _item(m, rows, cast("Array", m.row(rows.array, index)))


def items(m: Machine, rows: Rows) -> list[Value] | None:
    """The items, where their number is known after all."""
    if rows.growth is not None:
        return None
    size = m.type_of(rows.array).shape[0]
    return [item_at(m, rows, i) for i in range(size.value)] if size.is_constant else None


def get(m: Machine, rows: Rows, index: Value) -> Value:
    """`list[index]`."""
    whole: bool = isinstance(index, slice)
    rows = filling.settled(m, rows) if whole else rows
    if rows.growth is not None:
        return _get_growing(m, rows, index)
    found = cast("Array", indexing.get(m, rows.array, index))
    if not isinstance(index, slice):
        return _item(m, rows, found)
    copy = m.fresh(m.read(found))
    copies.hold_rows(m, copy, [rows.array])
    return new(m, copy, rows)


def put(m: Machine, rows: Rows, index: Value, value: Value) -> None:
    """`list[index] = value`, for a number in place of a number of that kind."""
    array, is_place = rows.array, not isinstance(index, slice | tuple | List)
    kind = m.type_of(array)
    if isinstance(index, Array):
        is_place = not m.type_of(index).rank and m.type_of(index).dtype.is_integer
    if rows.growth is not None or rows.lists or kind.rank != 1 or not is_place:
        m.refuse(
            "This sets an item of a list whose length is not known.",
            "Make it an array first: `items = np.array(items)`.",
        )
    node = m.node(value, "item of the list")
    fits = node.array.dtype is kind.dtype or (kind.dtype is DType.FLOAT64 and data.is_weak(value))
    if node.array.rank or not fits or (rows.weak and not data.is_weak(value)):
        m.refuse(
            f"This puts {node.array.dtype.numpy_name} into a list of {kind.dtype.numpy_name} whose "
            "length is not known; its items may be of any kind in Python, and are of one here.",
            "Fill the list with such numbers before, `[0.0] * n`, or make an array: `np.zeros(n)`.",
        )
    indexing.put(m, array, index, value)


def between(m: Machine, array: Array, start: int, stop: Dim) -> List:
    """A list of the rows of an array from `start` to `stop`."""
    kind = m.type_of(array)
    spans = (Span(as_dim(start), 1, stop - start), *map(make.whole, kind.shape[1:]))
    copy = m.fresh(m.read(cast("Array", m.view(array, views.Sliced(spans)))))
    copies.hold_rows(m, copy, [array])
    return m.list_of_rows(Rows(copy, weak=False, lists=()))


def picked(m: Machine, items: Sequence[Value], index: Array) -> Value | None:
    """The item at a position that depends on data, of numbers or arrays of one shape; else None."""
    if (
        m.type_of(index).rank
        or not items
        or not all(isinstance(v, Array | int | float) for v in items)
    ):
        return None
    if len({m.type_of(v).shape if isinstance(v, Array) else () for v in items}) > 1:
        return None
    found = cast("Array", indexing.get(m, m.fresh(data.stacked(m, items, "items")), index))
    for item in items:
        if isinstance(item, Array) and m.type_of(found).rank:
            m.tangle(found.cell, item.cell, copies.REASON)
    return replace(found, weak=all(data.is_weak(v) for v in items))


def _item(m: Machine, rows: Rows, row: Array) -> Value:
    refuse_mixed(m, rows)
    if not rows.lists:
        return replace(row, weak=rows.weak, boxed=False)
    inner = replace(rows, lists=rows.lists[1:])
    if rows.lists[0] is list:
        return new(m, row, inner)
    count = m.type_of(row).shape[0].value
    return tuple(_item(m, inner, cast("Array", m.row(row, i))) for i in range(count))


def _get_growing(m: Machine, rows: Rows, index: Value) -> Value:
    """An item of a list that a loop is making longer: one that is there already."""
    growth, b = rows.growth, m.b
    assert growth is not None
    if isinstance(index, slice):
        data.rows_node(m, rows)
        raise AssertionError("a growing list has no slices")
    at = index if isinstance(index, Array) else m.fresh(m.node(index, "position in a list"))
    if m.type_of(at).rank or m.type_of(at).dtype is DType.FLOAT64:
        m.refuse("A position in a list must be an integer.", "Convert it: `int(i)`.")
    place = data.index_node(m, at)
    count = _count(m, rows)
    if isinstance(index, int) and index < 0:
        place = make.add(b, count, place)
    offset = _offset(place, growth.counter) if growth.filled is None else None
    if offset is None or offset < 0 or not _is_below(offset, growth.start + rows.added):
        zero = make.constant(b, 0, DType.INT64)
        negative = make.apply(b, "less", place, zero)
        place = make.where(b, negative, make.add(b, place, count), place)
        low = make.apply(b, "less", place, zero)
        high = make.apply(b, "greater_equal", place, count)
        out = make.apply(b, "logical_or", low, high)
        checks.refuse_when(m, out, "IndexError", "list index out of range")
        place = make.where(b, out, zero, place)
    view = cast("Array", m.view(rows.array, views.Indexed((0,), (place,))))
    copy = m.fresh(m.read(view))
    if m.type_of(copy).rank:
        m.tangle(copy.cell, rows.array.cell, copies.REASON)
    return _item(m, rows, copy)


def _is_below(offset: int, size: Dim) -> bool:
    return size.is_constant and offset < size.value


def _count(m: Machine, rows: Rows) -> Node:
    """How many items a growing list has."""
    growth = rows.growth
    assert growth is not None
    if growth.filled is not None:
        return filling.count(m, growth)
    more = growth.start + rows.added
    if more == as_dim(0):
        return growth.counter
    return make.add(m.b, growth.counter, make.size(m.b, more))


def _offset(place: Node, counter: Node) -> int | None:
    """What is added to the counter of the loop to make this place, if that is a number."""
    if place is counter:
        return 0
    if place.op.name not in ("add", "subtract"):
        return None
    first, second = place.args
    known = make.constant_value(second)
    inner = _offset(first, counter)
    if inner is None and place.op.name == "add":
        known, inner = make.constant_value(first), _offset(second, counter)
    if inner is None or known is None:
        return None
    return inner + int(known) if place.op.name == "add" else inner - int(known)


# Making longer ------------------------------------------------------------------------------------


def append(m: Machine, cell: Cell, rows: Rows, value: Value) -> None:
    """`list.append(value)`."""
    node = m.node(value, "item of the list")
    check_kinds(m, [value], rows.lists)
    growth = rows.growth
    if growth is None:
        whole = m.read(rows.array)
        longer = joined(m, [rows], [whole, make.expand_dims(m.b, node, 0)])
        copies.hold(m, longer.array, [value])
        copies.hold_rows(m, longer.array, [rows.array])
        weak = longer.weak and data.is_weak(value)
        m.store[cell] = replace(longer, weak=weak, before=rows, last=value)
        return
    if node.array.rank != len(growth.item.shape):
        m.refuse(*ONE_SHAPE)
    for have, want in zip(node.array.shape, growth.item.shape, strict=True):
        if have != want:
            m.equate(want, have, m.text())
    growth.mixed = growth.mixed or mixes((growth.found, node.array.dtype))
    growth.found = data.promoted(growth.found, node.array.dtype)
    growth.weak = growth.weak and data.is_weak(value)
    place = _count(m, rows)
    node = make.cast(m.b, node, growth.item.dtype)
    base = m.store[rows.array.cell]
    m.store[rows.array.cell] = views.write(m.b, base, (views.Indexed((0,), (place,)),), node)
    copies.hold(m, rows.array, [value], growth.outer)
    if growth.filled is not None:
        filling.add(m, growth, 1)
    else:
        m.store[cell] = replace(rows, added=rows.added + 1)


def can_pop(m: Machine, cell: Cell, rows: Rows) -> bool:
    """Whether the last item can be taken away; reading starts again with a list where it could."""
    growth = rows.growth
    if growth is not None and growth.filled is None:
        filling.begin_with(m, cell, growth.item, growth.weak, growth.lists, mixed=growth.mixed)
    return is_filled(rows)


def pop(m: Machine, rows: Rows) -> Value:
    """`list.pop()`: the last item, which is taken away."""
    growth = rows.growth
    assert growth is not None
    empty = make.apply(m.b, "equal", _count(m, rows), make.constant(m.b, 0, DType.INT64))
    checks.refuse_when(m, empty, "IndexError", "pop from empty list")
    found = get(m, rows, -1)
    filling.add(m, growth, -1)
    return found


def extend(m: Machine, cell: Cell, rows: Rows, value: Value) -> None:
    """`list.extend(value)`, `list += value`."""
    more = m.try_items(value)
    if more is not None:
        for item in more:
            append(m, cell, cast("Rows", m.store[cell]), item)
        return
    data.rows_node(m, rows)
    if rows.growth is not None:
        data.refuse_whole(m)
    inner = rows_of(m, value)
    if inner is not None or rows.lists:
        check_kinds(m, [value], (list, *rows.lists))
    alike = [rows] if inner is None else [rows, inner]
    longer = joined(m, alike, [m.read(rows.array), m.node(value)])
    if inner is None and not isinstance(value, Range):
        longer = replace(longer, weak=False)
    others = [inner.array] if inner is not None else [value] if isinstance(value, Array) else []
    copies.hold_rows(m, longer.array, [rows.array, *others])
    m.store[cell] = longer


def joined(m: Machine, lists: Sequence[Rows], nodes: Sequence[Node]) -> Rows:
    """The rows of several arrays, one after the other: those of lists, and others like them."""
    dtypes = [n.array.dtype for n in nodes]
    parts = m.promote(*(m.fresh(n) for n in nodes))
    for part in parts[1:]:
        if part.array.rank != parts[0].array.rank:
            m.refuse(*ONE_SHAPE)
    array = m.fresh(make.concatenate(m.b, parts, 0))
    mixed = mixes(dtypes) or any(r.mixed for r in lists)
    weak = all(r.weak for r in lists)
    return Rows(array, weak, lists[0].lists, mixed)


# In loops -----------------------------------------------------------------------------------------


def growth_of(m: Machine, before: Any, after: Any, side: Side) -> Growth | None:
    """How a list grows in one iteration, if it is by one item at its end."""
    if isinstance(after, Rows) and after.before is before:
        value = after.last
    elif isinstance(after, tuple) and isinstance(before, tuple):
        start, end = cast("tuple[Value, ...]", before), cast("tuple[Value, ...]", after)
        if len(end) != len(start) + 1 or any(a is not b for a, b in zip(start, end, strict=False)):
            return None
        value = end[-1]
    else:
        return None
    found = type_in(m, value, side)
    if found is None:
        m.refuse(*ONE_SHAPE)
    item, weak, lists = found
    mixed = False
    if isinstance(before, Rows):
        weak = weak and before.weak
        dtypes = [m.type_of(before.array).dtype]
        mixed = before.mixed
        if before.lists != lists:
            refuse_unlike(m)
    else:
        first = cast("tuple[Value, ...]", before)
        dtypes = [d for v in first if (d := data.dtype_of(m, v)) is not None]
        weak = weak and all(data.is_weak(v) for v in first)
        check_kinds(m, first, lists)
    mixed = mixed or mixes([item.dtype, *dtypes])
    for dtype in dtypes:
        item = item.with_dtype(data.promoted(item.dtype, dtype))
    return Growth(item, weak, lists, mixed)


def install(m: Machine, scope: Scope, cell: Cell, growth: Growth, trip: Dim, counter: Node) -> Node:
    """Bind a growing list to an input of a loop's body, at the start of an iteration."""
    before = m.store[cell]
    start = length_dim(m, before) if isinstance(before, Rows) else as_dim(len(before))
    growth.start, growth.counter = start, counter
    growth.found = growth.item.dtype
    label = m.label(cell) or "items"
    node = scope.input(label, growth.item.with_shape((start + trip, *growth.item.shape)))
    array = m.fresh(node, label=label)
    copies.hold(m, array, () if isinstance(before, Rows) else before)
    m.store[cell] = Rows(array, growth.weak, growth.lists, growth.mixed, growth)
    return node


def initial(m: Machine, before: Any, growth: Growth, trip: Dim) -> Node:
    """The array of a growing list before the loop."""
    return filling.room(m, before, growth, trip)


def ended(m: Machine, cell: Cell, growth: Growth, held: Any) -> bool:
    """Check what an iteration did to a growing list; True if its items need another dtype."""
    if not isinstance(held, Rows) or held.growth is not growth or held.added != 1:
        filling.begin_with(m, cell, growth.item, growth.weak, growth.lists, mixed=growth.mixed)
        m.refuse(
            "This list does not grow by one item in every iteration.",
            "Write into an array that is made before the loop: `np.zeros(n)`.",
        )
    if growth.found is growth.item.dtype:
        return False
    growth.item = growth.item.with_dtype(growth.found)
    return True


def output(side: Side, cell: Cell) -> Node:
    """The array of a growing list at the end of an iteration."""
    rows: Rows = side.store[cell]
    return side.store[rows.array.cell]


def finished(m: Machine, node: Node, growth: Growth) -> Rows:
    """The list after the loop."""
    return Rows(m.fresh(node), growth.weak, growth.lists, growth.mixed)
