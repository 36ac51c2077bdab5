"""Arrays in another shape: threads copy the elements, each by its number in C order.

Arrays on a device lie in memory that was made for their own shape, so there is nothing to look at
in another one. Nothing writes to an array while a view of it is used, so a copy is as good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.places import combined, decoded
from codegen_ad.plan.free import fresh, letters, names_of
from codegen_ad.plan.kernel import (
    Allocate,
    For,
    If,
    Index,
    Kernel,
    Let,
    Load,
    Statement,
    Store,
    View,
    While,
    walk,
)

Arrays = Mapping[str, tuple[Shape, DType]]


def without_views(kernel: Kernel) -> Kernel:
    """The kernel with copies where it looks at arrays in other shapes."""
    every = list(walk(kernel.body))
    if not any(isinstance(s, View) for s in every):
        return kernel
    arrays = {p.name: (p.shape, p.dtype) for p in kernel.parameters}
    for statement in every:
        match statement:
            case Allocate(buffer=buffer, shape=shape, dtype=dtype):
                arrays[buffer] = shape, dtype
            case View(buffer, source, shape):
                arrays[buffer] = shape, arrays[source][1]
            case _:
                pass
    return replace(kernel, body=_block(kernel.body, arrays, names_of(kernel)))


def _block(body: Sequence[Statement], arrays: Arrays, taken: set[str]) -> list[Statement]:
    found: list[Statement] = []
    for statement in body:
        match statement:
            case View():
                found += _copy(statement, arrays, taken)
            case For(body=inner):
                found.append(replace(statement, body=_block(inner, arrays, taken)))
            case While(test=test, body=inner):
                changed = _block(test, arrays, taken), _block(inner, arrays, taken)
                found.append(replace(statement, test=changed[0], body=changed[1]))
            case If(then=then, otherwise=other):
                sides = _block(then, arrays, taken), _block(other, arrays, taken)
                found.append(replace(statement, then=sides[0], otherwise=sides[1]))
            case _:
                found.append(statement)
    return found


def _copy(view: View, arrays: Arrays, taken: set[str]) -> list[Statement]:
    """A new array, and the loops that fill it."""
    shape, dtype = arrays[view.source]
    names = letters(len(view.shape), taken)
    at = tuple(Dim.symbol(name) for name in names)
    number = combined(tuple(zip(at, view.shape, strict=True)))
    inner: list[Statement] = []
    place: tuple[Dim, ...] = (number,)
    if len(shape) != 1:
        name = number.name
        if name is None:
            name = fresh("place", taken)
            inner.append(Let(name, Index(number), None, view.note))
        along = [fresh(wish, taken) for wish in letters(len(shape), taken | set(names))]
        inner += decoded(name, list(zip(along, shape, strict=True)), view.note)
        place = tuple(Dim.symbol(n) for n in along)
    inner.append(Store(view.buffer, at, Load(view.source, place, dtype), view.note))
    for name, extent in reversed(list(zip(names, view.shape, strict=True))):
        inner = [For(name, extent, inner, view.note)]
    return [Allocate(view.buffer, view.shape, dtype, None, view.note), *inner]
