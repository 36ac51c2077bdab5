"""A program for many directions at once: what depends on these gets one more axis, the last one.

What does not is computed once for all directions, and loops over rows stay outermost, with the
directions next to each other in memory. Operations that have no such form make a loop over the
directions necessary instead (`jacobian.looped`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Kind, Node, Params, toposort
from codegen_ad.ops import make
from codegen_ad.ops.indexing import Update
from codegen_ad.ops.movement import (
    BROADCAST_TO,
    CONCATENATE,
    RESHAPE,
    SLICE,
    TRANSPOSE,
    Order,
    Spans,
    ToShape,
)
from codegen_ad.ops.reduction import SUM, Contract


def batched(
    b: Builder, outputs: Sequence[Node], given: Mapping[Node, Node], count: Dim
) -> list[Node] | None:
    """The outputs with `given` in place of some nodes, all on a new last axis of size `count`.

    `given` maps nodes to what has that axis. None if some operation has no such form.
    """
    outputs = b.substitute(outputs, {})  # so that equal nodes are one, whoever made them
    work = _Batch(b, dict(given), count)
    for node in toposort(outputs):
        if node in work.found or not any(a in work.found for a in node.needs):
            continue
        made = work.node(node)
        if made is None:
            return None
        b.notes.copy(node, made)
        work.found[node] = made
    return [work.whole(o) for o in outputs]


class _Batch:
    """The nodes that have the new axis so far."""

    def __init__(self, b: Builder, found: dict[Node, Node], count: Dim) -> None:
        self.b = b
        self.found = found
        self.count = count

    def node(self, node: Node) -> Node | None:
        """The node with the new axis; an argument of it has that."""
        if any(s in self.found for s in node.sizes):
            return None
        match node.op.kind:
            case Kind.ELEMENTWISE if node.op.name == "divide" and node.args[1] not in self.found:
                return self._divided(node)
            case Kind.ELEMENTWISE:
                return self._made(node, [self._beside(a) for a in node.args], node.params)
            case Kind.MOVEMENT:
                return self._moved(node)
            case Kind.REDUCE if node.op is SUM:
                return self._made(node, [self.found[node.args[0]]], node.params)
            case Kind.CONTRACT:
                return self._contracted(node)
            case Kind.GATHER | Kind.SCATTER:
                values = 1 if node.op.kind is Kind.GATHER else 2
                if any(i in self.found for i in node.args[values:]):
                    return None
                args = [*map(self.whole, node.args[:values]), *node.args[values:]]
                return self._made(node, args, node.params)
            case Kind.UPDATE:
                assert isinstance(node.params, Update)
                spans = (*node.params.spans, make.whole(self.count))
                params = Update(spans, node.params.accumulate)
                return self._made(node, [self.whole(a) for a in node.args], params)
            case _:
                return None

    def whole(self, node: Node) -> Node:
        """A node with the new axis, repeated along it where it does not depend on directions."""
        if node in self.found:
            return self.found[node]
        beside = make.reshape(self.b, node, (*node.array.shape, ONE))
        return make.broadcast_to(self.b, beside, (*node.array.shape, self.count))

    def _beside(self, node: Node) -> Node:
        """A node to be broadcast against what has the new axis."""
        if node in self.found:
            return self.found[node]
        shape = node.array.shape
        return make.reshape(self.b, node, (*shape, ONE)) if shape else node

    def _divided(self, node: Node) -> Node:
        """A quotient as a product: what divides all directions is inverted once."""
        x, y = node.args
        origin, b = self.b.notes.origins.get(node), self.b
        with b.at(origin, gradient=True):
            inverse = make.divide(b, make.constant(b, 1, y.array.dtype), y)
            return make.multiply(b, self._beside(x), self._beside(inverse))

    def _moved(self, node: Node) -> Node | None:
        args = [self.whole(a) for a in node.args]
        match node.op, node.params:
            case op, ToShape(shape) if op in (RESHAPE, BROADCAST_TO):
                params: Params | None = ToShape((*shape, self.count))
            case op, Order(axes) if op is TRANSPOSE:
                params = Order((*axes, len(axes)))
            case op, Spans(spans) if op is SLICE:
                params = Spans((*spans, make.whole(self.count)))
            case op, params if op is CONCATENATE:
                pass
            case _:
                return None
        return self._made(node, args, params)

    def _contracted(self, node: Node) -> Node | None:
        params = node.params
        assert isinstance(params, Contract)
        own = [k for k, a in enumerate(node.args) if a in self.found]
        if len(own) != 1:
            return None
        new = 1 + max((label for labels in params.operands for label in labels), default=-1)
        operands = [*params.operands]
        operands[own[0]] = (*operands[own[0]], new)
        args = [self.found.get(a, a) for a in node.args]
        return self._made(node, args, Contract(tuple(operands), (*params.output, new)))

    def _made(self, node: Node, args: Sequence[Node], params: Params | None) -> Node:
        origin = self.b.notes.origins.get(node)
        with self.b.at(origin, gradient=node in self.b.notes.gradients):
            return self.b.node(node.op, args, params, node.sizes or None)
