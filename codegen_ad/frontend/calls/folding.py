"""`map`, `filter`, `functools.reduce` and their kin, which call a function for each item.

Those of `itertools` that leave items out do so by what is known now.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codegen_ad.errors import UnknownFunction, UnsupportedSyntax
from codegen_ad.frontend.arrays.access import subscript
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches, counting, iteration
from codegen_ad.frontend.control.comprehensions import filtered, mapped, reduced
from codegen_ad.frontend.values import Array, Nested, Range

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
    if items is None and not start and isinstance(iterable, Array | Range):
        m.require(m.type_of(m.fresh(m.node(iterable))).shape[0], 1, m.text())
        if isinstance(iterable, Range):
            begin, length, step = iterable.start, iterable.length, iterable.step
            begun = begin.value if begin.is_constant else begin
            return reduced(m, function, Range(begin + step, length - 1, step), begun)
        first, rest = subscript(m, iterable, 0), subscript(m, iterable, slice(1, None))
        return reduced(m, function, rest, first)
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


_WAYS = {
    "takewhile": "Write the loop, with `if not ...: break` at its start.",
    "dropwhile": "Write the loop, with `if ...: continue` until it has not held once.",
    "filterfalse": "Write `x[~mask]`, or `[v for v in x if not f(v)]`.",
    "compress": "Write `x[mask]`.",
    "groupby": "Add up groups by their numbers: `np.bincount(groups, weights=x)`.",
}


def _by_what_is_known(name: str, kept: Callable[..., Value]) -> Callable[..., Value]:
    """The handler of a tool, of items that are known one by one and told apart by what is known."""

    def unknown(m: Any) -> Any:
        message = f"How many items `itertools.{name}` gives depends on data."
        m.refuse(message, _WAYS[name], UnknownFunction)

    def handler(m: Any, args: Args, kwargs: Named) -> Value:
        place = 0 if name in ("compress", "groupby") else 1
        items = m.try_items(args[place]) if len(args) > place else None
        if items is None:
            unknown(m)
        return kept(m, items, args, kwargs, lambda: unknown(m))

    return handler


def _told(m: Any, told: Value, unknown: Callable[[], Any]) -> bool:
    """Whether a value is true, which must be known now."""
    found = branches.decide(m, told)
    return found if isinstance(found, bool) else unknown()


def _tested(m: Any, test: Value, item: Value, unknown: Callable[[], Any]) -> bool:
    return _told(m, item if test is None else m.call(test, [item], {}), unknown)


def _takewhile(m: Any, items: Args, args: Args, _: Named, unknown: Callable[[], Any]) -> Value:
    return tuple(itertools.takewhile(lambda v: _tested(m, args[0], v, unknown), items))


def _dropwhile(m: Any, items: Args, args: Args, _: Named, unknown: Callable[[], Any]) -> Value:
    return tuple(itertools.dropwhile(lambda v: _tested(m, args[0], v, unknown), items))


def _filterfalse(m: Any, items: Args, args: Args, _: Named, unknown: Callable[[], Any]) -> Value:
    return tuple(v for v in items if not _tested(m, args[0], v, unknown))


def _compress(m: Any, items: Args, args: Args, kwargs: Named, unknown: Callable[[], Any]) -> Value:
    told_by = m.try_items(args[1] if len(args) > 1 else kwargs["selectors"])
    chosen: list[Value] = unknown() if told_by is None else told_by
    pairs = zip(items, chosen, strict=False)
    return tuple(v for v, told in pairs if _told(m, told, unknown))


def _groupby(m: Any, items: Args, args: Args, kwargs: Named, unknown: Callable[[], Any]) -> Value:
    key = args[1] if len(args) > 1 else kwargs.get("key")
    keys = items if key is None else [m.call(key, [v], {}) for v in items]
    if not all(m.is_static(k) for k in keys):
        unknown()
    known = [m.static(k, "key of a group") for k in keys]
    groups = itertools.groupby(range(len(items)), known.__getitem__)
    return tuple((keys[(rows := list(g))[0]], tuple(items[k] for k in rows)) for _, g in groups)


FOLDS: dict[Any, Callable[..., Value]] = {
    map: _map,
    filter: _filter,
    functools.reduce: _reduce,
    itertools.takewhile: _by_what_is_known("takewhile", _takewhile),
    itertools.dropwhile: _by_what_is_known("dropwhile", _dropwhile),
    itertools.filterfalse: _by_what_is_known("filterfalse", _filterfalse),
    itertools.compress: _by_what_is_known("compress", _compress),
    itertools.groupby: _by_what_is_known("groupby", _groupby),
}
