"""Integers of a program as polynomials of sizes and of what else is known of them."""

from __future__ import annotations

from collections.abc import Mapping

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ops import make
from codegen_ad.ops.constants import SIZE, Size


def affine(node: Node, known: Mapping[Node, Dim]) -> Dim | None:
    """The scalar `node` by sums and differences of what is `known`; None if made otherwise."""
    if node in known:
        return known[node]
    value = make.constant_value(node)
    if value is not None and not node.array.shape and not node.array.dtype.is_float:
        return Dim.constant(int(value))
    if node.op is SIZE and isinstance(node.params, Size):
        return node.params.dim
    if node.op.name not in ("add", "subtract"):
        return None
    x, y = (affine(a, known) for a in node.args)
    if x is None or y is None:
        return None
    return x + y if node.op.name == "add" else x - y
