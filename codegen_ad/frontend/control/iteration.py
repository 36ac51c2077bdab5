"""What a loop runs over: how often, and the item of one iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.arrays.arithmetic import simplest
from codegen_ad.frontend.containers import rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.counting import length_of, trip_of
from codegen_ad.frontend.sizes.run_time import is_certain, least, polynomial
from codegen_ad.frontend.values import (
    Array,
    Complex,
    DynamicRange,
    List,
    Nested,
    Picked,
    Range,
    Repeated,
    Reversed,
    Zipped,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

__all__ = ["first_of", "is_data", "item_of", "last_of", "length_of", "trip_of"]


def is_data(m: Machine, value: Value) -> bool:
    """Whether the loop over it becomes a loop of the program, not one copy for each item."""
    match value:
        case Array() | Range() | DynamicRange() | Repeated() | Nested() | Picked():
            return True
        case Complex(real):
            return isinstance(real, Array)
        case List():
            return rows.rows_of(m, value) is not None
        case Reversed(of):
            return is_data(m, of)
        case Zipped(parts):
            return all(is_data(m, p) for p in parts)
        case _:
            return False


def last_of(m: Machine, iterable: Value) -> Dim | None:
    """The number of the last iteration over a range whose bounds depend on data, if known."""
    if not isinstance(iterable, DynamicRange) or iterable.step not in (1, -1):
        return None
    bounds = (iterable.start, iterable.stop)
    start, stop = (polynomial(m, data.index_node(m, v)) for v in bounds)
    if start is None or stop is None:
        return None
    return (stop - start if iterable.step == 1 else start - stop) - 1


def most_of(m: Machine, iterable: DynamicRange) -> Dim | None:
    """How many iterations there are at most, whatever the loops around it are at, if known."""
    last = last_of(m, iterable)
    if last is None:
        return None
    most = -least(m, -last) + 1
    return most if is_certain(m, most) else most + 1 if is_certain(m, most + 1) else None


def item_of(m: Machine, iterable: Value, index: Node) -> Value:
    """The item of iteration number `index`."""
    b = m.b
    match iterable:
        case Array():
            return m.row(iterable, index)
        case Complex(real, imag):
            return Complex(item_of(m, real, index), item_of(m, imag, index))
        case List() if (held := rows.rows_of(m, iterable)) is not None:
            return rows.item_at(m, held, index)
        case Range(start, _, step):
            return m.fresh(_position(m, index, make.size(b, start), step), weak=True)
        case DynamicRange(start, _, step):
            step = data.index_node(m, step) if isinstance(step, Array) else step
            return m.fresh(_position(m, index, data.index_node(m, start), step), weak=True)
        case Repeated(of):
            return of
        case Picked(of, places):
            return item_of(m, of, make.gather(b, m.read(places), index))
        case Zipped(parts):
            return tuple(item_of(m, p, index) for p in parts)
        case Reversed(of):
            last = make.size(b, length_of(m, of) - 1)
            return item_of(m, of, make.subtract(b, last, index))
        case _:
            raise AssertionError(m.describe(iterable))


def first_of(m: Machine, iterable: Value) -> Value:
    """The item of the first iteration, which there is."""
    match iterable:
        case Range(start):
            return simplest(start)
        case Zipped(parts):
            return tuple(first_of(m, p) for p in parts)
        case _:
            return item_of(m, iterable, make.constant(m.b, 0, DType.INT64))


def first_items(m: Machine, iterable: Value, number: int) -> list[Value]:
    """The items of so many iterations, which there are."""
    items = m.try_items(iterable)
    if items is not None:
        return items[:number]
    match iterable:
        case Array():
            return [m.row(iterable, place) for place in range(number)]
        case Range(start, _, step):
            return [simplest(start + step * place) for place in range(number)]
        case _:
            places = (make.constant(m.b, place, DType.INT64) for place in range(number))
            return [item_of(m, iterable, place) for place in places]


def _position(m: Machine, index: Node, start: Node, step: Node | int) -> Node:
    b = m.b
    if step != 1:
        by = make.constant(b, step, DType.INT64) if isinstance(step, int) else step
        index = make.multiply(b, index, by)
    if make.constant_value(start) == 0:
        return index
    return make.add(b, index, start)
