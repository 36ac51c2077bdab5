"""Operators on the bits of integers, where arithmetic says the same: shifts and masks of low bits.

Other operators on bits are refused; those on booleans are logic (`arithmetic.py`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.arrays.pointwise import BY_NAME, elementwise
from codegen_ad.frontend.arrays.powers import power
from codegen_ad.frontend.context import Value
from codegen_ad.ir.types import DType

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_LARGEST_SHIFT = 62
_AS: dict[Any, str] = {operator.lshift: "multiply", operator.rshift: "floor_divide"}


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
