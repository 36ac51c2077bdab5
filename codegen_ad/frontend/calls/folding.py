"""`map`, `filter` and `functools.reduce`: functions that call a function for each item."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, counting, iteration
from codegen_ad.frontend.control.comprehensions import mapped, reduced

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
    kept: list[Value] = []
    for item in m.items(iterable, "argument of filter"):
        told = item if function is None else m.call(function, [item], {})
        if branches.known(m, told, "condition"):
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
