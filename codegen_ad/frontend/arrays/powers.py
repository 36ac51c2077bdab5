"""Powers: squares, whole powers of integers as products, all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.frontend.arrays import data, wrapping
from codegen_ad.frontend.arrays.pointwise import BY_NAME, apply
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks, growth
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.reduction import ANY, Reduce

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
        if weak and dtype is DType.INT64 and exponent < 0:
            node = make.cast(m.b, node, DType.FLOAT64)
            dtype = DType.FLOAT64
        if weak and dtype is DType.INT64 and 2 <= exponent <= LARGEST_PRODUCT:
            growth.check_power(m, node, int(exponent))
        if exponent == 2:
            return m.fresh(make.apply(m.b, "square", node), weak=weak)
        if exponent == 1:
            return m.fresh(node, weak=weak)
        if not dtype.is_float:
            return m.fresh(_whole_power(m, node, int(exponent)), weak=weak)
        return apply(m, BY_NAME["power"], [node, make.constant(m.b, exponent, dtype)], weak=weak)
    nodes = m.promote(base, exponent)
    dtype = nodes[0].array.dtype
    if dtype is DType.INT64:
        return _checked_power(m, *nodes, weak=weak)
    if not dtype.is_float:
        m.refuse(
            f"`{m.text()}` raises integers to a power that is not a number in the text.",
            "Make the base a float: `x.astype(float) ** k`.",
        )
    return apply(m, BY_NAME["power"], nodes, weak=weak)


def _checked_power(m: Machine, base: Node, exponent: Node, *, weak: bool) -> Value:
    """An integer to a power that only the run knows: exact, or an error."""
    b = m.b
    _refuse_where(
        m,
        make.apply(b, "less", exponent, make.constant(b, 0, DType.INT64)),
        "ValueError",
        "an integer is raised to a negative power: make it a float",
    )
    real = [make.cast(b, n, DType.FLOAT64) for n in (base, exponent)]
    m.broadcast(base.array.shape, exponent.array.shape)
    power_ = make.apply(b, "rint", make.apply(b, "power", *real))
    _refuse_where(
        m,
        make.apply(
            b, "greater", make.apply(b, "absolute", power_), make.constant(b, _EXACT, DType.FLOAT64)
        ),
        "OverflowError",
        "a power of integers is larger than 2**50: make the base a float",
    )
    return m.fresh(make.cast(b, power_, DType.INT64), weak=weak)


_EXACT = 2.0**50
"""Up to here a power in float64 is the right integer when it is rounded."""


def _refuse_where(m: Machine, condition: Node, exception: str, message: str) -> None:
    axes = tuple(range(condition.array.rank))
    some = m.b.node(ANY, (condition,), Reduce(axes)) if axes else condition
    checks.refuse_when(m, some, exception, message)


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
