"""Python's `max` and `min`: of numbers, of sequences, and by a key."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.arrays.arithmetic import compare_sizes
from codegen_ad.frontend.arrays.pointwise import BY_NAME, elementwise
from codegen_ad.frontend.containers import row_types
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches
from codegen_ad.frontend.control.comparisons import compare, is_sequence
from codegen_ad.frontend.values import Array, Outside, Record
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ops import make

Args = Sequence[Value]
Named = Mapping[str, Value]


def _extreme(name: str, keep_first: Callable[..., Any], beats: ast.cmpop) -> Callable[..., Value]:
    def choose(m: Any, args: Args, kwargs: Named) -> Value:
        key = kwargs.get("key")
        items = list(args) if len(args) > 1 else m.try_items(args[0])
        if items is None:
            row_types.refuse_lists(m, args[0], name, "compares them item by item")
            if "default" in kwargs:
                m.refuse(
                    f"`{name}` with `default=` needs items whose number is known.",
                    f"Test the size first: `np.{name}(x) if len(x) > 0 else ...`.",
                )
            if key is not None:
                m.refuse(
                    f"`{name}` with `key=` needs items whose number is known.",
                    f"Find the place first: `items[np.arg{name}(keys)]`.",
                )
            return _of_elements(m, name, args[0])
        if not items and "default" in kwargs:
            return kwargs["default"]
        if not items:
            m.refuse(f"`{name}` of nothing.", "Give at least one number.")
        if key is not None or any(is_sequence(i) or isinstance(i, Record) for i in items):
            return _first_that_none_beats(m, items, key, beats)
        best = items[0]
        for item in items[1:]:
            best = _better(m, name, keep_first, best, item)
        return best

    return choose


def _better(m: Any, name: str, keep_first: Callable[..., Any], best: Value, item: Value) -> Value:
    if not isinstance(best, Array) and not isinstance(item, Array):
        if isinstance(best, Dim) or isinstance(item, Dim):
            one, other = m.dim(best, "argument"), m.dim(item, "argument")
            found = compare_sizes(m, keep_first, one, other)
            if found is not None:
                return best if found else item
        else:
            return best if keep_first(best, item) else item
    for value in (best, item):
        if isinstance(value, Array) and m.type_of(value).rank:
            m.refuse(f"`{name}` of arrays has no meaning in NumPy.", f"Use np.{name}imum(a, b).")
    kinds = [data.dtype_of(m, value) for value in (best, item)]
    floating = any(kind is not None and kind.is_float for kind in kinds)
    spelled = _KEEPS_FIRST[name] if floating else f"{name}imum"
    return elementwise(m, BY_NAME[spelled], [best, item])


def _of_elements(m: Any, name: str, items: Value) -> Value:
    """The extreme element of a vector: NaN where that comes first, and passed over later."""
    asked = np.max if name == "max" else np.min
    held = row_types.rows_of(m, items)
    x = m.node(items) if isinstance(items, Array) or held is not None else None
    if x is not None and x.array.rank > 1:
        m.refuse(
            f"`{name}` of arrays compares them as wholes, which has no meaning in NumPy.",
            f"For the extreme of all elements, use `np.{name}(np.array(items))`.",
        )
    if x is None or not x.array.dtype.is_float:
        return m.call(Outside(asked, ()), [items], {})
    worst = make.constant(m.b, -np.inf if name == "max" else np.inf, x.array.dtype)
    lost = make.apply(m.b, "isnan", x)
    found = m.node(m.call(Outside(asked, ()), [m.fresh(make.where(m.b, lost, worst, x))], {}))
    first = m.node(m.row(m.fresh(x), 0))
    chosen = make.where(m.b, make.apply(m.b, "isnan", first), first, found)
    return m.fresh(chosen, weak=held is not None and held.weak)


def _first_that_none_beats(m: Any, items: Args, key: Value, beats: ast.cmpop) -> Value:
    """What Python does with any items: an item that beats the best one so far takes its place."""
    best, highest = items[0], _key(m, key, items[0])
    for item in items[1:]:
        rank = _key(m, key, item)
        wins = branches.decide(m, compare(m, beats, rank, highest))
        if isinstance(wins, Node):
            best = branches.chosen(m, wins, item, best)
            highest = branches.chosen(m, wins, rank, highest)
        elif wins:
            best, highest = item, rank
    return best


def _key(m: Any, key: Value, item: Value) -> Value:
    return item if key is None else m.call(key, [item], {})


_KEEPS_FIRST = {"max": "larger", "min": "smaller"}
"""What Python's `max` and `min` are called in programs, where numbers may be NaN."""

EXTREMES: dict[Any, Callable[..., Value]] = {
    max: _extreme("max", operator.ge, ast.Gt()),
    min: _extreme("min", operator.le, ast.Lt()),
}
