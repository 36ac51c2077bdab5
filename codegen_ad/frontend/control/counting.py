"""Ranges, lengths, and going through several things at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.arrays.arithmetic import simplest
from codegen_ad.frontend.containers import rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.sizes import requirements, run_time
from codegen_ad.frontend.values import (
    Array,
    Complex,
    DictView,
    DynamicRange,
    Endless,
    List,
    Nested,
    Picked,
    Range,
    Repeated,
    Reversed,
    Zipped,
)
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

Args = Sequence[Value]
Named = Mapping[str, Value]


def range_(m: Any, args: Args, _: Named) -> Value:
    """`range(...)`."""
    given: list[Any] = [
        a if isinstance(a, Array) else m.static(a, "argument of range") for a in args
    ]
    if not 1 <= len(given) <= 3:
        m.refuse(
            f"`range` takes one to three arguments, and gets {len(given)}.",
            "Write `range(stop)`, `range(start, stop)` or `range(start, stop, step)`.",
        )
    start, stop = (0, given[0]) if len(given) == 1 else given[:2]
    step = given[2] if len(given) == 3 else 1
    if isinstance(step, Array | Dim):
        return DynamicRange(start, stop, _step_of_data(m, step))
    if not isinstance(step, int) or step == 0:
        m.refuse(
            "The step of a range must be an integer other than 0.",
            "Write the step as a whole number.",
        )
    if isinstance(start, Array) or isinstance(stop, Array):
        return DynamicRange(start, stop, step)
    low, high = m.dim(start, "start of the range"), m.dim(stop, "end of the range")
    reach = high - low if step > 0 else low - high
    if reach.is_constant:
        reach = as_dim(max(0, reach.value))
    elif run_time.is_run_time(m, reach):
        reach = run_time.positive(m, reach)
    else:
        reach = reach if m.holds(reach, 0, m.text()) else as_dim(0)
    return Range(low, (reach + (abs(step) - 1)) // abs(step), step)


def _step_of_data(m: Any, step: Array | Dim) -> Array:
    """The step that only the run knows, which is not 0 there."""
    dtype = data.dtype_of(m, step)
    if dtype is None or not dtype.is_integer:
        m.refuse(
            "The step of a range must be an integer.", "Write `range(start, stop, int(step))`."
        )
    node = data.index_node(m, step)
    none = make.apply(m.b, "equal", node, make.constant(m.b, 0, DType.INT64))
    checks.refuse_when(m, none, "ValueError", "range() arg 3 must not be zero")
    return m.fresh(node)


def len_(m: Any, args: Args, _: Named) -> Value:
    """`len(...)`."""
    (value,) = args
    match value:
        case Array():
            shape = m.type_of(value).shape
            if not shape:
                m.refuse(
                    "A single number has no length.",
                    "Take the length of an array or of a sequence.",
                )
            return simplest(shape[0])
        case Range() | DynamicRange():
            return simplest(length_of(m, value))
        case Complex(real):
            return len_(m, [real], {})
        case List() if (held := rows.rows_of(m, value)) is not None:
            return rows.length(m, held)
        case _:
            return len(m.items(value, "argument of len"))


def enumerate_(m: Any, args: Args, kwargs: Named) -> Value:
    """`enumerate(...)`."""
    start = m.static(args[1] if len(args) > 1 else kwargs.get("start", 0), "start of enumerate")
    live = isinstance(args[0], Array | List | DictView | Zipped | Reversed | DynamicRange)
    items = None if live else m.try_items(args[0])
    if items is not None:
        return tuple((start + i, item) for i, item in enumerate(items))
    length = length_of(m, args[0])
    return Zipped((Range(as_dim(start), length), args[0]))


def zip_(m: Any, args: Args, kwargs: Named) -> Value:
    """`zip(...)`."""
    strict = bool(m.static(kwargs.get("strict", False), "argument `strict` of zip"))
    args = finite(m, args, strict=strict)
    if any(_is_long(m, a) for a in args):
        for other in args[1:] if strict else ():
            m.equate(length_of(m, args[0]), length_of(m, other), m.text())
        return Zipped(tuple(args))
    columns = [m.items(a, "argument of zip") for a in args]
    try:
        items = tuple(zip(*columns, strict=strict))
        return Zipped(tuple(args)) if any(isinstance(a, List | DictView) for a in args) else items
    except ValueError as error:
        m.fails(error)


def _is_long(m: Any, value: Value) -> bool:
    known = Array | Range | DynamicRange | Zipped | Reversed | Repeated | Picked
    return isinstance(value, known) or rows.rows_of(m, value) is not None


def finite(m: Any, columns: Args, *, strict: bool = False) -> Args:
    """Columns of a table, of which those without an end are made as long as the others are."""
    others = [c for c in columns if not isinstance(c, Endless)]
    if len(others) == len(columns):
        return columns
    if not others or strict:
        m.refuse("Nothing ends these iterators.", "Give one of them a length, without `strict`.")
    length = _shortest(m, [length_of(m, c) for c in others])
    return [first_of_endless(m, c, length) if isinstance(c, Endless) else c for c in columns]


def first_of_endless(m: Any, endless: Endless, length: Dim) -> Value:
    """So many items of an iterator without an end."""
    start: Any = endless.start
    step: Any = endless.step
    if endless.cycle:
        if not length.is_constant:
            m.refuse(
                "`itertools.cycle` is gone through here only as often as is known.",
                "Pick the item by its position: `items[i % len(items)]`.",
            )
        return tuple(endless.cycle[k % len(endless.cycle)] for k in range(length.value))
    if isinstance(step, int) and step == 0:
        return Repeated(start, length)
    if not isinstance(start, int | Dim) or not isinstance(step, int):
        m.refuse(
            "`itertools.count` counts by whole numbers that are known here.",
            "Count by 1, and compute `start + step * i`.",
        )
    return Range(as_dim(start), length, step)


def length_of(m: Any, value: Value) -> Dim:
    """The number of items, which may be symbolic."""
    if isinstance(value, Nested):
        m.refuse(
            "How many items these loops have is known only when they have run.",
            "Go through them in a `for` loop or a comprehension, and count there.",
        )
    match value:
        case Array():
            shape = m.type_of(value).shape
            if not shape:
                m.refuse(
                    "A single number cannot be iterated over.",
                    "Write `range(int(n))` to count up to it.",
                )
            return shape[0]
        case Range(length=length) | Repeated(length=length):
            return length
        case DynamicRange():
            return m.length(trip_of(m, value))
        case Reversed(of):
            return length_of(m, of)
        case Picked(places=places):
            return length_of(m, places)
        case List() if (held := rows.rows_of(m, value)) is not None:
            return rows.length_dim(m, held)
        case Zipped(parts):
            return _shortest(m, [length_of(m, p) for p in parts])
        case _:
            return as_dim(len(m.items(value, "value iterated over")))


def trip_of(m: Any, iterable: Value) -> Node:
    """How often a loop over a range whose bounds depend on data runs."""
    assert isinstance(iterable, DynamicRange)
    b: Builder = m.b
    start, stop = data.index_node(m, iterable.start), data.index_node(m, iterable.stop)
    dtype = data.dtype_of(m, iterable.stop)
    if dtype is None or not dtype.is_integer:
        m.refuse("The end of a range must be an integer.", "Write `range(int(n))`.")
    step = iterable.step
    zero = make.constant(b, 0, DType.INT64)
    if isinstance(step, Array):
        by = data.index_node(m, step)
        one = make.constant(b, 1, DType.INT64)
        by = make.where(b, make.apply(b, "equal", by, zero), one, by)  # 0 has been refused
        back = make.apply(b, "floor_divide", make.subtract(b, start, stop), by)
        return make.apply(b, "maximum", make.apply(b, "negative", back), zero)
    reach = make.subtract(b, stop, start) if step > 0 else make.subtract(b, start, stop)
    if abs(step) != 1:
        reach = make.add(b, reach, make.constant(b, abs(step) - 1, DType.INT64))
        reach = make.apply(b, "floor_divide", reach, make.constant(b, abs(step), DType.INT64))
    return make.apply(b, "maximum", reach, zero)


def _shortest(m: Any, lengths: Sequence[Dim]) -> Dim:
    """The least of some sizes."""
    least = lengths[0]
    for other in lengths[1:]:
        least = requirements.smaller(m, least, other, m.text())
    return least


def reversed_(m: Any, args: Args, _: Named) -> Value:
    """`reversed(...)`."""
    if _is_long(m, args[0]) or isinstance(args[0], List | DictView):
        return Reversed(args[0])
    return tuple(m.items(args[0], "argument of reversed"))[::-1]
