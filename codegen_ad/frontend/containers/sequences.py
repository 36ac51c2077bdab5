"""What can be gone through item by item: containers, ranges, and the rows of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.arrays import views
from codegen_ad.frontend.complex_numbers.access import items as complex_items
from codegen_ad.frontend.containers import iterators, rows, sets
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import iteration
from codegen_ad.frontend.values import (
    Array,
    Complex,
    Dict,
    DictView,
    List,
    Nested,
    Range,
    Repeated,
    Reversed,
    Rows,
    Zipped,
)
from codegen_ad.ir.dims import Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def items(m: Machine, value: Value, what: str) -> list[Value]:
    """The items of a sequence whose length is known now; refused otherwise."""
    value = iterators.drawn(m, value)
    found = m.try_items(value)
    if sets.is_set(value):
        sets.refuse_order(m)
    if found is None and isinstance(value, Array) and not m.type_of(value).rank:
        m.static(value, what)
    if found is None:
        m.refuse(
            f"The {what} must have a length that is known, not {m.describe(value)}.",
            "Use operations on whole arrays, or a `for` loop that writes into `np.zeros(n)`.",
        )
    return found


def try_items(m: Machine, value: Value) -> list[Value] | None:
    """The items of a sequence whose length is known now, else None."""
    raw: Any = value
    match value:
        case Complex():
            return complex_items(m, value)
        case DictView():
            return value.of(m.store[value.cell])
        case tuple() | str():
            return list(raw)
        case List(cell) if isinstance(m.store[cell], Rows):
            return rows.items(m, m.store[cell])
        case List(cell) | Dict(cell):
            return list(m.store[cell])
        case Range(start, length, step) if length.is_constant:
            places = [start + step * i for i in range(length.value)]
            return [d.value if d.is_constant else d for d in places]
        case Array() if (shape := m.type_of(value).shape) and shape[0].is_constant:
            return [m.row(value, i) for i in range(shape[0].value)]
        case Zipped(parts):
            columns = [m.try_items(p) for p in parts]
            known = [len(c) for c in columns if c is not None]
            if known and len(known) < len(columns):
                length = iteration.length_of(m, value)
                if m.is_run_time(length):
                    if all(iteration.is_data(m, p) for p in parts):
                        return None
                    m.refuse(
                        "Items one by one can't be zipped with as many as only the run knows.",
                        "Make an array of them: `zip(np.array([a, b]), x)`.",
                    )
                number = _at_most(m, length, min(known))
                columns = [iteration.first_items(m, p, number) for p in parts]
            elif not known:
                return None
            return list(zip(*(c for c in columns if c is not None), strict=False))
        case Repeated(of, length) if length.is_constant:
            return [of] * length.value
        case Nested(known=known) if known is not None:
            return list(known)
        case Reversed(of):
            found = m.try_items(of)
            return None if found is None else found[::-1]
        case _:
            return None


def _at_most(m: Machine, length: Dim, most: int) -> int:
    """A size that is no larger than `most`; each value that it may have is a case."""
    for number in range(most, 0, -1):
        if m.holds(length, number, m.text()):
            return number
    return 0


def row(m: Machine, array: Array, index: Node | Dim | int) -> Value:
    """`array[index]` on the first axis: a view, or a new scalar."""
    shape = m.type_of(array).shape
    if isinstance(index, Node):
        found = m.view(array, views.Indexed((0,), (index,)))
    else:
        whole = [make.whole(d) for d in shape[1:]]
        span = Span(as_dim(index), 1, as_dim(1))
        found = m.view(array, views.Sliced((span, *whole)))
        found = m.view(found, views.Reshaped(shape[1:]))
    assert isinstance(found, Array)
    return found if len(shape) > 1 else m.fresh(m.read(found))


def iota(m: Machine, start: Dim | int, length: Dim | int, step: int) -> Node:
    """The i8 vector `start, start + step, …`."""
    b = m.b
    numbers = make.iota(b, length)
    if step != 1:
        numbers = make.multiply(b, numbers, make.constant(b, step, DType.INT64))
    if as_dim(start) != as_dim(0):
        numbers = make.add(b, numbers, make.size(b, start))
    return numbers
