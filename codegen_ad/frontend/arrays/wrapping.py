"""Arithmetic of integers that wrap around: computed in int64, and converted to what NumPy gives.

Programs hold such integers and move them, and never compute with them: an operation that would is
refused with WrappingIntegers when its node is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.context import Context, Value
from codegen_ad.frontend.control import checks
from codegen_ad.frontend.values import Array
from codegen_ad.ir.node import Node, WrappingIntegers
from codegen_ad.ir.types import DType
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_ROUND = frozenset({"add", "subtract", "multiply", "square", "negative", "where"})
"""What goes round in 64 bits without a sign as it does in int64."""


def refuse(m: Machine, error: WrappingIntegers) -> NoReturn:
    """Refuse what has no translation for such integers."""
    m.refuse(
        f"`{m.text()}` computes with {error}, whose arithmetic goes round in NumPy; that is not "
        "translated here.",
        "Convert first: `x.astype(int)` or `x.astype(float)`.",
    )


def operands(m: Machine, name: str, args: Sequence[Value], dtype: DType) -> list[Node]:
    """The arguments in int64, for arithmetic whose result is `dtype`.

    As in NumPy, a Python integer that `dtype` cannot hold is an error.
    """
    if dtype is DType.UINT64 and name not in _ROUND:
        m.refuse(
            f"`{m.text()}` computes with integers of 64 bits without a sign.",
            "Convert them: `n.astype(int)` or `float(n)`.",
        )
    for arg in args:
        if data.is_weak(arg):
            _check_range(m, arg, dtype)
    return [make.cast(m.b, data.node_of(m, a), DType.INT64) for a in args]


def compared(m: Machine, args: Sequence[Value]) -> list[Node]:
    """The arguments of a comparison, in a dtype that tells them apart whatever their signs."""
    own = {data.dtype_of(m, a) for a in args}
    wide = DType.FLOAT64 if DType.UINT64 in own else DType.INT64
    return [make.cast(m.b, data.node_of(m, a), wide) for a in args]


def signed(m: Context, x: Node) -> Node:
    """An integer in int64: one that is too large for that ends the run, as no result is right."""
    number = make.cast(m.b, x, DType.INT64)
    if x.array.dtype is DType.UINT64:
        zero = make.constant(m.b, 0, DType.INT64)
        large = "an integer of 64 bits without a sign is too large for one with a sign"
        m.refuse_when(make.apply(m.b, "less", number, zero), "OverflowError", large)
    return number


def _check_range(m: Machine, value: Value, dtype: DType) -> None:
    limits = np.iinfo(dtype.numpy_name)
    if isinstance(value, int):
        if not limits.min <= value <= limits.max:
            m.fails(OverflowError(f"Python integer {value} out of bounds for {dtype.numpy_name}"))
    elif isinstance(value, Array) and m.type_of(value).dtype is DType.INT64:
        node = m.node(value)
        low = make.constant(m.b, int(limits.min), DType.INT64)
        below = make.apply(m.b, "less", node, low)
        if dtype is not DType.UINT64:
            high = make.constant(m.b, int(limits.max), DType.INT64)
            above = make.apply(m.b, "greater", node, high)
            below = make.apply(m.b, "logical_or", below, above)
        message = f"a Python integer is out of bounds for {dtype.numpy_name}"
        checks.refuse_when(m, below, "OverflowError", message)
