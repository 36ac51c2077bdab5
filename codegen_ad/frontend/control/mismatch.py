"""Names that an iteration of a loop leaves with another type or shape than it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.frontend.control import maybe, states
from codegen_ad.frontend.control.states import Form, Known
from codegen_ad.frontend.sizes.run_time import counts_with, unclipped
from codegen_ad.frontend.values import Unbound
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def mismatch(m: Machine, name: str, have: Form, end: Form, index: Node | None = None) -> Unbound:
    """What the name holds before an iteration and after the loop: nothing that can be read.

    Unless sizes may be the same, the first iteration can be by itself, or all are written out.
    `index` is the position in the loop, where it has one.
    """
    equal = loop = key = None
    instead = "Keep its type and shape the same in every iteration, or use another name."
    if isinstance(have, states.Leaf) and isinstance(end, states.Leaf):
        equal = states.unequal(have.type, end.type, f"{name} in every iteration")
        if have.type.rank == end.type.rank > 0 and have.type.dtype is end.type.dtype:
            instead = (
                f"Write into an array made before the loop, `{name}[:k] = ...`, with another k "
                "in every iteration."
            )
    if equal is not None and _always_differ(m, equal[0], equal[1], index):
        equal = None
    if Known(None) in (have, end) and not maybe.is_kept(m, name):
        key = maybe.key_of(m.frame, name)
    elif equal is None and _is_settled_by_first(have, end):
        loop, _ = m.rolled[-1]
    return Unbound(
        f"`{name}` is {words(m, have)} before an iteration of the loop and {words(m, end)} after "
        "it, and is read here.",
        equal,
        instead,
        loop,
        key,
        m.short_loop() if equal is None else None,
        differs=True,
    )


def words(m: Machine, form: Form) -> str:
    """A form for people."""
    match form:
        case states.Leaf(kind):
            return str(kind)
        case Known(value):
            return m.describe(value)
        case states.Items(_, keys):
            return f"a sequence of {count(len(keys), 'item')}"
        case states.Option(form):
            return f"{words(m, form)} or nothing"


def _always_differ(m: Machine, one: Dim, other: Dim, index: Node | None) -> bool:
    """Whether two sizes are the same for no array but perhaps an empty one.

    A size that counts with the loop agrees in one iteration with one that stays.
    """
    difference = unclipped(m, one) - unclipped(m, other)
    if difference.is_constant:
        return True
    return index is not None and counts_with(m, other, index) and not counts_with(m, one, index)


def _is_settled_by_first(have: Form, end: Form) -> bool:
    """Whether the first iteration may leave what the others keep, where they disagree."""
    match have, end:
        case states.Leaf(one), states.Leaf(other):
            return not one.rank or one.dtype is not other.dtype
        case _:
            return True
