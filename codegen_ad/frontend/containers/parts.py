"""The numbers in a value: replaced one by one, found by a path, matched with another structure.

A number is an array, or a Python or NumPy number known now; `None`, booleans and strings are what
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control.states import assemble, parts_of
from codegen_ad.frontend.values import Array, is_number
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

Key = str | int


def is_leaf(value: Value) -> bool:
    """Whether the value is a number or an array."""
    return isinstance(value, Array | Dim) or (is_number(value) and not isinstance(value, bool))


def mapped(m: Machine, value: Value, leaf: Callable[[Value], Value]) -> Value:
    """A new structure, with what `leaf` makes of each number."""
    if is_leaf(value):
        return leaf(value)
    found = parts_of(value, m.store)
    if found is None:
        return value
    kind, keys, items = found
    return assemble(m, kind, keys, [mapped(m, item, leaf) for item in items])


def numbers(m: Machine, value: Value) -> Iterator[Value]:
    """The numbers of a structure, in order."""
    if is_leaf(value):
        yield value
        return
    found = parts_of(value, m.store)
    for item in found[2] if found is not None else ():
        yield from numbers(m, item)


def copied(m: Machine, value: Value) -> Value:
    """A structure that shares memory with nothing."""

    def copy(leaf: Value) -> Value:
        return m.fresh(m.read(leaf), weak=leaf.weak) if isinstance(leaf, Array) else leaf

    return mapped(m, value, copy)


def at(m: Machine, value: Value, keys: Sequence[Key], what: str) -> Value:
    """The part that a path leads to; refused where it leads nowhere."""
    for key in keys:
        kind, places, items = _container(m, value, what)
        value = items[_place(m, kind, places, key, what)]
    return value


def put(m: Machine, value: Value, keys: Sequence[Key], new: Value, what: str) -> Value:
    """The structure with another value where the path leads."""
    if not keys:
        return new
    kind, places, items = _container(m, value, what)
    place = _place(m, kind, places, keys[0], what)
    items = [*items[:place], put(m, items[place], keys[1:], new, what), *items[place + 1 :]]
    return assemble(m, kind, places, items)


def _container(m: Machine, value: Value, what: str) -> tuple[Any, tuple[Any, ...], list[Value]]:
    found = parts_of(value, m.store)
    if found is None:
        m.refuse(
            f"`{what}` leads into {m.describe(value)}, which has no parts.",
            "Name it as a whole.",
        )
    return found


def _place(m: Machine, kind: Any, places: tuple[Any, ...], key: Key, what: str) -> int:
    names = getattr(kind, "_fields", places)
    for known in (names, places):
        if key in known:
            return known.index(key)
    if isinstance(key, int) and -len(places) <= key < 0:
        return key + len(places)
    m.refuse(
        f"`{what}` leads nowhere: there is no {key!r} among {', '.join(map(repr, names))}.",
        "Name a part that is there.",
    )


def floating(m: Machine, value: Value, what: str) -> Node:
    """A number as a floating point node; whole numbers are refused."""
    node = m.node(value)
    if not node.array.dtype.is_float:
        instead = "`.astype(float)`" if node.array.rank else "a decimal point, or float(...)"
        m.refuse(
            f"`{what}` is {m.describe(value)}, and whole numbers have no derivative.",
            f"Write it with {instead}.",
        )
    return node


def matched(
    m: Machine, like: Value, kinds: Sequence[ArrayType | None], given: Value, what: str
) -> list[Node | None]:
    """The node for each number of `like`, from a structure like it; None in it stands for zeros.

    `kinds` are the types wanted, in order; None where there is to be nothing, whatever is given.
    """
    wanted = iter(kinds)
    return list(_matched(m, like, wanted, given, what))


def _matched(
    m: Machine, like: Value, kinds: Iterator[ArrayType | None], given: Value, what: str
) -> Iterator[Node | None]:
    if is_leaf(like):
        kind = next(kinds)
        yield None if kind is None else _fitted(m, kind, given, what)
        return
    wanted = parts_of(like, m.store)
    if wanted is None:
        return
    if given is None:
        for part in wanted[2]:
            yield from _matched(m, part, kinds, None, what)
        return
    found = parts_of(given, m.store)
    if found is None or not _alike(wanted, found):
        m.refuse(
            f"The {what} has another structure than what it belongs to: {m.describe(given)} stands "
            f"where there are {len(wanted[2])} parts.",
            "Give it the same structure; None stands for zeros.",
            ShapeMismatch,
        )
    for key, part in zip(wanted[1], wanted[2], strict=True):
        yield from _matched(m, part, kinds, found[2][found[1].index(key)], what)


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return set(one[1]) == set(other[1])


def _fitted(m: Machine, kind: ArrayType, given: Value, what: str) -> Node:
    """A node of exactly this type."""
    if given is None:
        return make.full(m.b, kind.shape, 0, kind.dtype)
    node = m.node(given, what)
    if node.array.dtype is DType.BOOL:
        m.refuse(f"The {what} is a truth value.", "Use numbers.")
    if node.array.rank != kind.rank:
        m.refuse(
            f"The {what} is {node.array} where {kind} is needed.",
            "Give it the shape of what it belongs to.",
            ShapeMismatch,
        )
    for want, have in zip(kind.shape, node.array.shape, strict=True):
        m.equate(want, have, what)
    return make.cast(m.b, node, kind.dtype)
