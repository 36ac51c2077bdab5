"""Powers: squares, whole powers of integers as products, all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays import data, wrapping
from codegen_ad.frontend.arrays.pointwise import BY_NAME, apply
from codegen_ad.frontend.context import Value
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


LARGEST_PRODUCT = 64


def power(m: Machine, base: Value, exponent: Value) -> Value:
    """`base ** exponent`: squares and whole powers of integers as products."""
    weak = data.is_weak(base) and data.is_weak(exponent)
    if isinstance(exponent, int | float) and not isinstance(exponent, bool):
        node = m.node(base)
        dtype = data.common_dtype(m, [base, exponent])
        if exponent == 2 and not weak and node.array.dtype is DType.BOOL:
            dtype = DType.INT8  # it is `np.square` then
        if dtype.wraps:
            (node,) = wrapping.operands(m, "multiply", [base], dtype)
            whole = _whole_power(m, node, int(exponent))
            return m.fresh(make.cast(m.b, whole, dtype))
        node = make.cast(m.b, node, dtype)
        if exponent == 2:
            return m.fresh(make.apply(m.b, "square", node), weak=weak)
        if exponent == 1:
            return m.fresh(node, weak=weak)
        if not dtype.is_float:
            return m.fresh(_whole_power(m, node, int(exponent)), weak=weak)
        return apply(m, BY_NAME["power"], [node, make.constant(m.b, exponent, dtype)], weak=weak)
    nodes = m.promote(base, exponent)
    if not nodes[0].array.dtype.is_float:
        m.refuse(
            f"`{m.text()}` raises integers to a power that is not a number in the text, and NumPy "
            "fails where it is negative.",
            "Make the base a float: `x.astype(float) ** k`.",
        )
    return apply(m, BY_NAME["power"], nodes, weak=weak)


def _whole_power(m: Machine, node: Node, exponent: int) -> Node:
    if not 0 <= exponent <= LARGEST_PRODUCT:
        m.refuse(
            f"NumPy does not raise integers to the power {exponent}."
            if exponent < 0
            else f"An integer to the power {exponent} does not fit into 64 bits.",
            "Make the base a float: `x.astype(float)`.",
        )
    if exponent == 0:
        return make.full(m.b, node.array.shape, 1, node.array.dtype)
    result: Node | None = None
    square = node
    while exponent:
        if exponent & 1:
            result = square if result is None else make.multiply(m.b, result, square)
        exponent >>= 1
        if exponent:
            square = make.multiply(m.b, square, square)
    assert result is not None
    return result
