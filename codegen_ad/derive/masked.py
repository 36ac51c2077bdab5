"""Products of cotangents and partial derivatives, where neither may spoil what was not chosen.

The cotangent of `x` in `where(c, x, y)` is `where(c, g, 0)`. Times a partial derivative that is
infinite where `c` does not hold, the 0 would become nan. So the product goes inside:
`where(c, g * partial, 0)`. Cotangents here may have a smaller shape that broadcasts to the full
one.
"""

from __future__ import annotations

from collections.abc import Collection

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import Shape
from codegen_ad.ops import BY_NAME, STRUCTURAL, make
from codegen_ad.ops.expression import apply
from codegen_ad.ops.movement import BROADCAST_TO
from codegen_ad.ops.reduction import SUM
from codegen_ad.ops.unary import CAST, TAP


class Masks:
    """The cotangents known to be `where(condition, value, 0)`, as `(condition, value)`."""

    def __init__(self, b: Builder) -> None:
        self._b = b
        self._known: dict[Node, tuple[Node, Node]] = {}

    def times(self, g: Node, partial: Node, own: Collection[Node] = ()) -> Node | None:
        """`g * partial`; None where that is zero whatever `g` is.

        `own` are the values that the partial derivative speaks of: they are computed anyway.
        """
        if make.constant_value(partial) == 0:
            return None
        if partial.op is BY_NAME["where"]:
            condition, x, y = partial.args
            return self._choose(condition, self.times(g, x, own), self.times(g, y, own))
        if g in self._known:
            condition, value = self._known[g]
            return self._mask(condition, product(self._b, value, partial, own))
        return product(self._b, g, partial, own)

    def add(self, x: Node, y: Node) -> Node:
        """`x + y`; it is zero where both are masked."""
        b = self._b
        total = make.add(b, x, y)
        if x in self._known and y in self._known:
            (c, v), (d, w) = self._known[x], self._known[y]
            if c is d:
                return self._mask(c, make.add(b, v, w))
            self._known[total] = (make.apply(b, "logical_or", c, d), total)
        return total

    def through(self, node: Node, g: Node) -> None:
        """Let the mask of `g` go with it through the pullback of `node`, where that only moves."""
        moves = node.op.kind is Kind.MOVEMENT and node.op is not BROADCAST_TO
        if g not in self._known or not (moves or node.op in (SUM, CAST, TAP)):
            return
        b, entry = self._b, STRUCTURAL[node.op]
        assert entry.pullback is not None
        condition, value = self._known[g]
        condition = make.broadcast_to(b, condition, node.array.shape)
        value = make.broadcast_to(b, value, node.array.shape)
        conditions = entry.pullback(b, node, condition) if node.op is not CAST else (condition,)
        moved = zip(
            entry.pullback(b, node, g), conditions, entry.pullback(b, node, value), strict=True
        )
        for result, c, v in moved:
            if result is not None and c is not None and v is not None:
                self._known[result] = (c, v)

    def reshaped(self, g: Node, result: Node) -> None:
        """Let `result`, which is `g` broadcast or stripped of broadcasting, be masked as `g` is."""
        if g in self._known and result not in self._known:
            condition, value = (_within(n, result.array.shape) for n in self._known[g])
            if condition is not None and value is not None:
                self._known[result] = (condition, value)

    def _mask(self, condition: Node, value: Node) -> Node:
        b = self._b
        result = make.where(b, condition, value, make.constant(b, 0, value.array.dtype))
        if value in self._known:
            inner, value = self._known[value]
            condition = make.apply(b, "logical_and", condition, inner)
        self._known[result] = (condition, value)
        return result

    def _choose(self, condition: Node, x: Node | None, y: Node | None) -> Node | None:
        b = self._b
        if x is None and y is None:
            return None
        if y is None:
            assert x is not None
            return self._mask(condition, x)
        if x is None:
            return self._mask(make.apply(b, "logical_not", condition), y)
        result = make.where(b, condition, x, y)
        if x in self._known or y in self._known:
            (c, v), (d, w) = (self._known.get(z, (None, z)) for z in (x, y))
            true = make.constant(b, True, make.DType.BOOL)
            either = make.where(b, condition, c or true, d or true)
            if c is None:
                either = make.apply(b, "logical_or", condition, d or true)
            self._known[result] = (either, make.where(b, condition, v, w))
        return result


def _within(node: Node, shape: Shape) -> Node | None:
    """`node` without broadcasting that makes it larger than `shape`; None if it stays larger."""
    while node.op is BROADCAST_TO and node.array.shape != shape:
        (node,) = node.args
    own = node.array.shape
    pairs = zip(reversed(own), reversed(shape), strict=False)
    fits = len(own) <= len(shape) and all(d in (ONE, s) for d, s in pairs)
    return node if fits else None


def product(b: Builder, g: Node, partial: Node, own: Collection[Node] = ()) -> Node:
    """`g * partial`, with divisions and signs outside and numbers gathered in `g`.

    A quotient among `own` is a factor like any other: it is there, and a product costs less than
    a second division.
    """
    name, args = partial.op.name, partial.args
    if partial in own:
        return apply(b, "multiply", g, partial)
    if name == "divide" and partial.array.rank >= g.array.rank:
        return apply(b, "divide", product(b, g, args[0], own), args[1])
    if name == "negative":
        return apply(b, "negative", product(b, g, args[0], own))
    if name == "multiply" and _comes_first(args[0], own):
        return product(b, product(b, g, args[0], own), args[1], own)
    return apply(b, "multiply", g, partial)


def _comes_first(factor: Node, own: Collection[Node]) -> bool:
    """Whether `g` is multiplied by this first: it is a number, or a quotient to divide `g` by."""
    is_quotient = factor.op.name == "divide" and factor not in own
    return is_quotient or make.constant_value(factor) is not None
