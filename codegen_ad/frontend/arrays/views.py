"""Views: ways of looking at a storage, and of writing through to it, on values.

A view is a chain of steps from the storage outwards. Each step says how to read the next array
from the one before, and how to put a changed one back. Nothing here changes anything: values in,
values out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import Shape
from codegen_ad.ops import make
from codegen_ad.ops.movement import Span


@dataclass(frozen=True, slots=True)
class Sliced:
    """Basic slices, one span for each axis."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """Integers for each of `axes`: scalars, and the axes go away, or vectors, whose axis is first.

    Vectors name different places: a diagonal.
    """

    axes: tuple[int, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Transposed:
    """Axis `i` is axis `axes[i]` of the array before."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reshaped:
    """The same elements in C order with another shape.

    `certain` is False where NumPy may have made a copy, which depends on the layout in memory. It
    may be left True for what adds or drops axes of size 1: that is a view always.
    """

    shape: Shape
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Broadcast to a shape; as in NumPy it cannot be written through."""

    shape: Shape


Step = Sliced | Indexed | Transposed | Reshaped | Broadcast


def read(b: Builder, base: Node, steps: Sequence[Step]) -> Node:
    """The array that the steps see."""
    for step in steps:
        base = apply(b, base, step)
    return base


def apply(b: Builder, base: Node, step: Step) -> Node:
    """The array after one step."""
    match step:
        case Sliced(spans):
            return make.slice_(b, base, spans)
        case Indexed(axes, nodes):
            return make.gather(b, make.transpose(b, base, _to_front(axes, base)), *nodes)
        case Transposed(axes):
            return make.transpose(b, base, axes)
        case Reshaped(shape):
            return make.reshape(b, base, shape)
        case Broadcast(shape):
            return make.broadcast_to(b, base, shape)


def write(b: Builder, base: Node, steps: Sequence[Step], value: Node) -> Node:
    """`base` with what the steps see replaced by `value`, which has exactly that type."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if rest:
        value = write(b, apply(b, base, step), rest, value)
    match step:
        case Sliced(spans):
            if all(s == make.whole(d) for s, d in zip(spans, base.array.shape, strict=True)):
                return value
            return make.update(b, base, value, spans)
        case Indexed(axes, nodes):
            order = _to_front(axes, base)
            moved = make.transpose(b, base, order)
            put = make.scatter(b, moved, value, *nodes, accumulate=False)
            return make.transpose(b, put, inverse(order))
        case Transposed(axes):
            return make.transpose(b, value, inverse(axes))
        case Reshaped():
            return make.reshape(b, value, base.array.shape)
        case Broadcast():
            raise AssertionError("a broadcast view is read-only")


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """The order that undoes an order of axes."""
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i]))


def _to_front(axes: Sequence[int], base: Node) -> tuple[int, ...]:
    return (*axes, *(a for a in range(base.array.rank) if a not in axes))
