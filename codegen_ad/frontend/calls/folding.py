"""`map`, `filter` and `functools.reduce`: functions that call a function for each item."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codegen_ad.errors import UnsupportedSyntax
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, counting, iteration
from codegen_ad.frontend.control.comprehensions import filtered, mapped, reduced
from codegen_ad.frontend.values import Nested

Args = Sequence[Value]
Named = Mapping[str, Value]


def _map(m: Any, args: Args, _: Named) -> Value:
    function, *columns = args
    columns = counting.finite(m, columns)
    iterable = columns[0] if len(columns) == 1 else counting.zip_(m, columns, {})
    if m.try_items(iterable) is None and iteration.is_data(m, iterable):
        return mapped(m, function, iterable, starred=len(columns) > 1)
    found = [m.items(c, "argument of map") for c in columns]
    return tuple(m.call(function, list(row), {}) for row in zip(*found, strict=False))


def _filter(m: Any, args: Args, _: Named) -> Value:
    function, iterable = args
    rolled = iteration.is_data(m, iterable) and not isinstance(iterable, Nested)
    if rolled and m.try_items(iterable) is None:
        return filtered(m, function, iterable)
    saved = m.snapshot()
    try:
        return _kept(m, function, m.items(iterable, "argument of filter"))
    except UnsupportedSyntax:
        if not rolled:
            raise
    m.restore(saved)
    return filtered(m, function, iterable)


def _kept(m: Any, function: Value, items: Sequence[Value]) -> Value:
    """The items for which the function holds, as far as that is known now."""
    kept: list[Value] = []
    for item in items:
        told = item if function is None else m.call(function, [item], {})
        if branches.keeps(m, told):
            kept.append(item)
    return tuple(kept)


def _reduce(m: Any, args: Args, _: Named) -> Value:
    function, iterable, *start = args
    items = m.try_items(iterable)
    if items is None and start and iteration.is_data(m, iterable):
        return reduced(m, function, iterable, start[0])
    if items is None:
        m.refuse(
            "`reduce` over something whose length is not known needs a value to start with.",
            "Write `reduce(f, x[1:], x[0])`.",
        )
    assert items is not None
    if not items and not start:
        m.refuse(
            "`reduce` of nothing needs a value to start with.", "Give it as the third argument."
        )
    total, *rest = [*start, *items]
    for item in rest:
        total = m.call(function, [total, item], {})
    return total


FOLDS: dict[Any, Callable[..., Value]] = {
    map: _map,
    filter: _filter,
    functools.reduce: _reduce,
}
