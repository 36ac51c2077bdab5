"""What a call is remembered by: all of its arguments that decides which kernel runs, and how.

Two calls with equal keys differ in the numbers of their arguments alone. It is asked at every call,
so it looks at no more than it must, and at arrays in the order in which that is cheap.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, cast

from numpy import float64, ndarray

from codegen_ad.runtime.foreign import access_of, device_interface

_CONTIGUOUS = 1
"""The flag of arrays in C order, whose strides follow from their shape."""

_LEAST, _LARGEST = -(2**63), 2**63 - 1
"""Integers beyond these are of another type to a kernel."""


def plain_key(mode: str, args: Sequence[Any]) -> tuple[Any, ...] | None:
    """The key of a call with arrays and numbers, on a GPU too; None where others are among them.

    Arrays count by shape, flags (which say how they are laid out, and whether they may be written
    to), dtype, and strides where the flags do not tell them.
    """
    key: tuple[Any, ...] = (mode,)
    for arg in args:
        kind: Any = type(arg)  # pyright: ignore[reportUnknownVariableType]
        if kind is ndarray:
            flags = arg.flags.num
            if flags & _CONTIGUOUS:
                key += (arg.shape, flags, arg.dtype)
            else:
                key += (arg.shape, flags, arg.dtype, arg.strides)
        elif _is_number(kind, arg):
            key += (kind,)
        else:
            access = access_of(kind)
            layout = _layout(arg) if access is None else access.layout(arg)
            if layout is None:
                return None
            key += (layout,)
    return key


def _layout(value: object) -> Hashable:
    """Shape, type and strides of an array on a GPU, by the protocol; None for anything else."""
    found = device_interface(value)
    return None if found is None else (found["shape"], found["typestr"], found.get("strides"))


def nested_key(mode: str, args: Sequence[Any]) -> tuple[tuple[Any, ...], list[Any]] | None:
    """The key of a call with structures of arrays and numbers, and these in order.

    None where anything else is among them. What is known before the call (None, booleans and
    strings) is part of the key.
    """
    key: list[Any] = [mode]
    leaves: list[Any] = []
    for arg in args:
        if not _add(arg, key, leaves):
            return None
    return tuple(key), leaves


def _add(value: Any, key: list[Any], leaves: list[Any]) -> bool:
    """Add a value to a key and its leaves; whether that could be done."""
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is ndarray:
        key += (value.shape, value.flags.num, value.dtype, value.strides)
        leaves.append(value)
        return True
    if _is_number(kind, value):
        key.append(kind)
        leaves.append(value)
        return True
    if value is None or kind is bool or kind is str:
        key += (kind, value)
        return True
    if kind is dict:
        inside = cast("dict[Any, Any]", value)
        key += (kind, tuple(inside))
        return all(_add(item, key, leaves) for item in inside.values())
    if isinstance(value, tuple | list):
        items = cast("Sequence[Any]", value)
        key += (kind, len(items))
        return all(_add(item, key, leaves) for item in items)
    if is_dataclass(kind):
        key.append(kind)
        return all(_add(getattr(value, f.name), key, leaves) for f in fields(kind))
    return False


def _is_number(kind: Any, value: Any) -> bool:
    """Whether a value of this type is a number that a kernel takes as it is."""
    return kind is float or kind is float64 or (kind is int and _LEAST <= value <= _LARGEST)


def left_out(given: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, ...] | None:
    """What a kernel takes behind the arrays and numbers that a call is given.

    These are the defaults of parameters that are left out. None if such a call can't be repeated:
    the kernel takes other things than it is given, or defaults that are no numbers.
    """
    rest = tuple(leaves[len(given) :])
    if len(given) > len(leaves) or not all(type(x) is float or type(x) is int for x in rest):
        return None
    return rest if all(map(_is_taken_as_it_is, given, leaves)) else None


def are_taken_as_they_are(given: Sequence[Any], leaves: Sequence[Any]) -> bool:
    """Whether a kernel takes the arrays and numbers of a direction as they are given."""
    return len(given) == len(leaves) and all(
        _is_taken_as_it_is(x, leaf) or (type(x) is float and type(leaf) is float64)
        for x, leaf in zip(given, leaves, strict=True)
    )


def _is_taken_as_it_is(given: object, leaf: object) -> bool:
    return given is leaf or (type(given) is float64 and type(leaf) is float64)
