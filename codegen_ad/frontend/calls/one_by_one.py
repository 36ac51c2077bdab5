"""`iter` and `next`: the items of what is gone through, taken one at a time.

How many have been taken is known before the run. Where that depends on data, or an iteration of a
loop would take another one than the next, the iterator counts as gone through, and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays.access import subscript
from codegen_ad.frontend.containers import iterators
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Array, List, Once, Range

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def iter_(m: Machine, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """A new iterator; one that is there already is its own."""
    if len(args) != 1 or kwargs:
        m.refuse(
            f"`{m.text()}` calls something until it gives a mark.",
            "Write `while True`, with the call and an `if ...: break` inside.",
        )
    (value,) = args
    if isinstance(value, Once):
        return value
    of: Value = value
    if not isinstance(value, Array | List | Range | tuple | str):
        of = tuple(m.items(value, "value that is gone through"))
    return iterators.made(m, of, args)


def next_(m: Machine, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """The next item, or what stands for it where there is none left."""
    once = args[0] if 1 <= len(args) <= 2 and not kwargs else None
    if not isinstance(once, Once):
        m.refuse(
            f"`{m.text()}` is not of an iterator.",
            "Make one where it is used: `items = iter(values)`, then `next(items)`.",
        )
    default = args[1:]
    if len(m.rolled) > once.depth:
        m.unroll()  # the number of items taken may be known for each iteration
    place = iterators.taken(m, once)
    items = m.try_items(once.of)
    if items is None:
        return _of_run_time(m, once, place, default)
    if place < len(items):
        m.store[once.cell] = place + 1
        return items[place]
    if not default:
        m.refuse(
            f"`{m.text()}` finds nothing left: Python raises StopIteration.",
            "Give it what stands for an item then: `next(items, 0.0)`.",
        )
    return default[0]


def _of_run_time(m: Machine, once: Once, place: int, default: Sequence[Value]) -> Value:
    """The next row of an array, of which only a call knows how many there are."""
    if default or not isinstance(once.of, Array | Range):
        m.refuse(
            f"Whether `{m.text()}` finds an item depends on data.",
            "For the first that fits, write a loop with `break`.",
        )
    value = subscript(m, once.of, place)
    m.store[once.cell] = place + 1
    return value
