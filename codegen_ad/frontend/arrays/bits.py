"""Operators on the bits of integers, and on booleans, of which they are logic.

Where arithmetic says the same, it is that: shifts are products and quotients, masks of low bits
remainders, of which more is known than of bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.arrays import data, wrapping
from codegen_ad.frontend.arrays.pointwise import BY_NAME, apply, elementwise
from codegen_ad.frontend.arrays.powers import power
from codegen_ad.frontend.context import Value
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_LARGEST_SHIFT = 62
_AS: dict[Any, str] = {operator.lshift: "multiply", operator.rshift: "floor_divide"}
LOGICAL: dict[Callable[..., Any], str] = {
    operator.and_: "logical_and",
    operator.or_: "logical_or",
    operator.xor: "not_equal",
    operator.invert: "logical_not",
}
_BITWISE: dict[Any, str] = {
    operator.and_: "bitwise_and",
    operator.or_: "bitwise_or",
    operator.xor: "bitwise_xor",
}


def operate(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """One of the operators of `LOGICAL`: bit by bit, or of booleans."""
    weak = all(data.is_weak(a) for a in args)
    dtype = data.common_dtype(m, args)
    if dtype is DType.BOOL and weak and function is operator.invert:
        m.refuse(
            f"`{m.text()}` is -1 or -2: in Python, a truth value has the bits of a number.",
            "Write `not x`, or `np.logical_not(x)`.",
        )
    if dtype is DType.BOOL:
        return apply(m, BY_NAME[LOGICAL[function]], [m.node(a) for a in args], weak=weak)
    if dtype.is_float:
        m.refuse(
            f"`{m.text()}` works on bits, and is given {dtype.numpy_name}: NumPy refuses that.",
            "Use it on integers or booleans; comparisons need parentheses: `(x > 0) & (y > 0)`.",
        )
    found = as_arithmetic(m, function, args)
    if found is not None:
        return found
    # What is computed in 64 bits has the bits that narrower integers would have.
    wide = "subtract" if function is operator.invert else "add"
    nodes = wrapping.operands(m, wide, args, dtype) if dtype.wraps else m.promote(*args)
    if function is operator.invert:
        ones = make.constant(m.b, -1, DType.INT64)
        (x,) = (make.cast(m.b, n, DType.INT64) for n in nodes)
        result = make.apply(m.b, "subtract", ones, x)
    else:
        m.broadcast(*(n.array.shape for n in nodes))
        result = make.apply(m.b, _BITWISE[function], *nodes)
    if dtype.wraps:
        result = make.cast(m.b, result, dtype)
    return m.fresh(result, weak=weak)


def as_arithmetic(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value | None:
    """The operator as a product, quotient or remainder; None where it is none of these."""
    if any(data.dtype_of(m, a) is not DType.INT64 for a in args):
        return None
    if function in _AS:
        value, count = args
        if isinstance(count, int) and not 0 <= count <= _LARGEST_SHIFT:
            return None
        return elementwise(m, BY_NAME[_AS[function]], [value, power(m, 2, count)])
    if function is operator.and_:
        for value, mask in (args, args[::-1]):
            if isinstance(mask, int) and mask > 0 and not mask & (mask + 1):
                return elementwise(m, BY_NAME["remainder"], [value, mask + 1])
    return None
