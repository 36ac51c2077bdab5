"""Values in words for messages, and arguments that name axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes.naming import size_text
from codegen_ad.frontend.values import (
    Array,
    ArrayMethod,
    Bound,
    Closure,
    Complex,
    Derived,
    Dict,
    Endless,
    List,
    Maybe,
    Nested,
    Once,
    Outside,
    Range,
    Record,
    Zipped,
    is_number,
)
from codegen_ad.ir.dims import Dim

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


_STANDS_FOR = {List: "list", Dict: "dict", Array: "numpy.ndarray"}
"""Classes of values, and the names of those whose objects the user's function has there."""


def said(error: Exception) -> str:
    """What an exception says, by the names of the user's classes.

    A `TypeError` names the classes of its operands, which are ours while a function is read.
    """
    text = str(error)
    if isinstance(error, TypeError):
        for own, theirs in _STANDS_FOR.items():
            text = text.replace(repr(own.__name__), repr(theirs))
    return f"{type(error).__name__}: {text}"


def describe(m: Machine, value: Value) -> str:
    """Return the value in words."""
    raw: Any = value
    match value:
        case Array():
            kind = m.type_of(value)
            return f"an array {kind}" if kind.shape else f"a number that depends on data ({kind})"
        case Complex():
            return "a complex number" if not m.node(value.real).array.rank else "a complex array"
        case Dim():
            return f"the size {size_text(m, value)}"
        case None:
            return "None"
        case Maybe(inner):
            return f"{describe(m, inner)}, or nothing"
        case List():
            return "a list"
        case Dict():
            return "a dict"
        case Range():
            return "a range"
        case Record(cls):
            return f"an object of `{cls.__name__}`"
        case Closure() | Bound() | ArrayMethod() | Derived():
            return "a function"
        case Outside(object=found) if callable(found):
            return f"`{getattr(found, '__name__', type(found).__name__)}`"
        case tuple():
            return "a tuple"
        case Once():
            return "an iterator"
        case Nested():
            return "what loops of unknown length give"
        case Endless():
            return "an iterator without an end"
        case Zipped():
            return "`zip` or `enumerate` of something whose length is not known"
        case _ if is_number(value) or isinstance(value, str):
            return repr(raw)
        case _:
            inner = getattr(value, "object", value)
            return f"an object of type {type(inner).__name__}"


def plain(name: str) -> str:
    """What a name is called in the program, without what sets it apart from the user's names."""
    return name.lstrip("%").partition(".")[0]


def count(number: int, noun: str) -> str:
    """`1 axis`, `2 axes`: a number with its noun."""
    plural = {"axis": "axes", "index": "indices"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"


def sentence(text: str) -> str:
    """Return the text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer)


def axes(m: Machine, value: Value, rank: int, what: str) -> tuple[int, ...]:
    """Return a static axis argument (None means all) as sorted, non-negative axes; checked."""
    if value is None:
        return tuple(range(rank))
    raw: Any = m.static(value, what)
    given: list[Any] = [*raw] if isinstance(raw, tuple | list) else [raw]
    axes: set[int] = set()
    for axis in given:
        if not _is_integer(axis) or not -rank <= axis < rank:
            m.refuse(
                f"The {what} is {axis!r}, and the array has {count(rank, 'axis')}.",
                "Name an axis that is there; the last one is -1.",
                error=ShapeMismatch,
            )
        axes.add(int(axis) % rank)
    if len(axes) != len(given):
        m.refuse(f"The {what} names one axis twice.", "Name each axis once.", error=ShapeMismatch)
    return tuple(sorted(axes))
