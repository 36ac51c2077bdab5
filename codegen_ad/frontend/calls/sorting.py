"""Python's `sorted`: of what is known by Python itself, of data by stable sorts of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.comparisons import is_sequence
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.movement import Axis
from codegen_ad.ops.scan import ARGSORT

Args = Sequence[Value]
Named = Mapping[str, Value]


def sorted_(m: Any, args: Args, kwargs: Named) -> Value:
    """A list in order. Tuples are sorted by their last items first, so that the first ones rule."""
    items: list[Value] = m.items(args[0], "argument of sorted")
    key = kwargs.get("key")
    keys = items if key is None else [m.call(key, [v], {}) for v in items]
    backwards = bool(m.static(kwargs.get("reverse", False), "reverse"))
    if all(m.is_static(k) for k in keys):
        known = [m.static(k, "key of sorted") for k in keys]
        try:
            order = sorted(range(len(items)), key=known.__getitem__, reverse=backwards)
            return m.list_of([items[k] for k in order])
        except TypeError as error:
            m.fails(error)
    lines = _lines(m, keys)
    places: Node | None = None
    for line in reversed(lines):
        ranks = make.negative(m.b, line) if backwards else line
        if places is None:
            places = m.b.node(ARGSORT, (ranks,), Axis(0))
        else:
            order = m.b.node(ARGSORT, (make.gather(m.b, ranks, places),), Axis(0))
            places = make.gather(m.b, places, order)
    assert places is not None
    counted = [make.constant(m.b, k, DType.INT64) for k in range(len(items))]
    return m.list_of(_moved(m, items, [make.gather(m.b, places, k) for k in counted]))


def _lines(m: Any, keys: Args) -> list[Node]:
    """The keys as lines of numbers, those first that rule."""
    columns = _columns(m, keys)
    if columns == [keys]:
        return [_line(m, keys, "keys of sorted")]
    return [line for column in columns for line in _lines(m, column)]


def _moved(m: Any, items: Args, places: Sequence[Node]) -> list[Value]:
    """The items at the places; of tuples, each part by itself."""
    columns = _columns(m, items)
    if columns != [items]:
        parts = [_moved(m, column, places) for column in columns]
        return [tuple(row) for row in zip(*parts, strict=True)]
    line = _line(m, items, "list sorted")
    weak = all(data.is_weak(v) for v in items)
    return [m.fresh(make.gather(m.b, line, k), weak=weak) for k in places]


def _columns(m: Any, items: Args) -> list[Args]:
    """The parts of tuples of one length, one list for each; other items are all there is."""
    if not all(is_sequence(v) and isinstance(v, tuple) for v in items):
        return [items]
    rows = cast("Sequence[tuple[Value, ...]]", items)
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        _refuse(m)
    return list(zip(*rows, strict=True))


def _line(m: Any, values: Args, what: str) -> Node:
    line = data.stacked(m, values, what)
    if line.array.rank != 1:
        _refuse(m)
    if line.array.dtype is DType.BOOL:
        return make.cast(m.b, line, DType.INT64) if what.startswith("keys") else line
    return line


def _refuse(m: Any) -> None:
    m.refuse(
        "`sorted` puts numbers and tuples of numbers in order here, by keys that are such.",
        "Sort their places: `np.argsort(keys)`.",
    )
