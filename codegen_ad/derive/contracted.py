"""Cotangents of what a contraction reads, where that of its result is zero but at places.

The other elements are no part of `(X @ w)[places]`. The cotangent of `w` is a sum over these places
alone, so that it is finite where `X` is not elsewhere; that of `X` is again zeros with something
added at places. Under a condition, zeros replace what was not chosen. This module knows nothing of
how places and conditions came to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_ad.derive import placed
from codegen_ad.derive.conditions import Labels, along, is_one
from codegen_ad.derive.placed import Part, Placed
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make
from codegen_ad.ops.reduction import Contract


@dataclass(frozen=True, slots=True)
class Spread:
    """The cotangent of an argument: what it is made of, and where that may be other than zero.

    `known` are the places in `whole`. Where there are none, a condition may hold, which broadcasts
    to the cotangent. `kept` are the axes of `whole` that the cotangent has, and `axes` where each
    of its own stands among these.
    """

    result: Node
    whole: Node
    kept: tuple[int, ...]
    axes: tuple[int, ...]
    known: Placed | None
    condition: Node | None


def in_order(b: Builder, x: Node, kept: Sequence[int], axes: Sequence[int]) -> Node:
    """`x` without the axes of size 1 that are not kept, the others in order."""
    return make.transpose(b, make.reshape(b, x, tuple(x.array.shape[a] for a in kept)), axes)


class Contribution:
    """What one part of the cotangent of a contraction gives to the argument at `position`."""

    def __init__(self, b: Builder, node: Node, part: Part, position: int) -> None:
        assert isinstance(node.params, Contract)
        operands, output = node.params.operands, node.params.output
        self._b = b
        self._part = part
        self._values = placed.in_full(b, part, node.array.shape)
        self._picked = output[: len(part.indices)]
        self._cut = dict(zip(output, part.spans, strict=False))
        fresh = 1 + max((label for one in (*operands, output) for label in one), default=0)
        self._head = tuple(range(fresh, fresh + len(part.head)))
        self._labels = (*self._head, *output[len(self._picked) :])
        self._condition: Node | None = None
        self._arg = node.args[position]
        self._own = operands[position]
        self._others = [
            self._there(x, labels)
            for k, (x, labels) in enumerate(zip(node.args, operands, strict=True))
            if k != position
        ]

    def under(self, condition: Node) -> None:
        """Let nothing count where the condition, which broadcasts to the values, does not hold."""
        self._condition = condition
        self._others = [(self._where(*other), other[1]) for other in self._others]

    def spread(self) -> Spread:
        """The sum over all other axes, at its places."""
        b, own = self._b, self._own
        read = {label for _, labels in self._others for label in labels} | set(self._labels)
        first = tuple(label for label in self._picked if label in own)
        order = (*first, *(label for label in own if label not in first))
        dims = dict(zip(own, self._arg.array.shape, strict=True))
        shape = tuple(dims[n] if n in read or n in first else ONE for n in order)
        axes = tuple(order.index(label) for label in own)

        head = self._head if first else ()
        behind = [label for label in order[len(first) :] if label in read]
        operands, labels = zip((self._values, self._labels), *self._others, strict=True)
        inner = make.contract(b, operands, labels, (*head, *behind))
        whether = self._along(())
        if whether is not None:
            inner = _chosen(b, whether, inner)
        kept = tuple(range(len(order)))
        if first:
            names = (*self._picked, *order[len(first) :])
            kept = tuple(names.index(n) for n in order)
            part = self._picks(inner, shape[len(first) :])
            shape = (*(dims.get(n, ONE) for n in self._picked), *shape[len(first) :])
        else:
            part = self._cuts(inner, order, shape)
        known = Placed((part,)) if part.indices or part.spans else None
        whole = part.values if known is None else placed.total(b, known, shape)
        result = make.broadcast_to(b, in_order(b, whole, kept, axes), self._arg.array.shape)
        condition = self._along(own) if known is None else None
        return Spread(result, whole, kept, axes, known, condition)

    def _picks(self, inner: Node, rest: Shape) -> Part:
        """The values where they were picked, with an axis of size 1 for each index not needed."""
        values = make.reshape(self._b, inner, (*self._part.head, *rest))
        return Part(values, self._indices(self._own))

    def _cuts(self, inner: Node, order: Labels, shape: Shape) -> Part:
        """The values where they were cut out."""
        spans = tuple(self._cut.get(n, make.whole(d)) for n, d in zip(order, shape, strict=True))
        values = make.reshape(self._b, inner, tuple(s.length for s in spans))
        is_whole = all(s == make.whole(d) for s, d in zip(spans, shape, strict=True))
        return Part(values, (), () if is_whole else spans)

    def _there(self, x: Node, labels: Labels) -> tuple[Node, Labels]:
        """What stands at the places in another argument, and the names of its axes."""
        b = self._b
        dims = dict(zip(labels, x.array.shape, strict=True))
        if self._cut:
            spans = [self._cut.get(n, make.whole(d)) for n, d in dims.items()]
            return make.slice_(b, x, spans), labels
        first = [label for label in self._picked if label in labels]
        if not first:
            return x, labels
        rest = [label for label in labels if label not in first]
        front = make.transpose(b, x, [labels.index(n) for n in (*first, *rest)])
        shape = (*(dims.get(n, ONE) for n in self._picked), *(dims[n] for n in rest))
        front = make.reshape(b, front, shape)
        return make.gather(b, front, *self._indices(labels)), (*self._head, *rest)

    def _indices(self, labels: Labels) -> tuple[Node, ...]:
        """The indices, 0 for axes that are not there: each keeps the axis that errors tell of."""
        zero = make.constant(self._b, 0, DType.INT64)
        pairs = zip(self._picked, self._part.indices, strict=True)
        there = (index if label in labels else zero for label, index in pairs)
        return tuple(make.broadcast_to(self._b, index, self._part.head) for index in there)

    def _where(self, x: Node, labels: Labels) -> Node:
        """`x`, and zeros where the condition does not hold, as far as it goes along its axes.

        A condition that is the same for all of `x` is one for the sum.
        """
        condition = self._along(labels)
        return x if condition is None or is_one(condition) else _chosen(self._b, condition, x)

    def _along(self, labels: Labels) -> Node | None:
        """Where the condition may hold along such axes; None if that may be anywhere."""
        if self._condition is None:
            return None
        return along(self._b, self._condition, self._labels, labels)


def _chosen(b: Builder, condition: Node, x: Node) -> Node:
    return make.where(b, condition, x, make.constant(b, 0, x.array.dtype))
