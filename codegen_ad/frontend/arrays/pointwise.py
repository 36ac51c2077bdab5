"""Elementwise operations with NumPy's promotion and broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.frontend.arrays import data, wrapping
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import growth, wholes
from codegen_ad.frontend.values import Array, is_number
from codegen_ad.frontend.words import count
from codegen_ad.ir.node import Node, TypeMismatch
from codegen_ad.ir.types import DType
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.entry import Elementwise

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


ENTRIES: dict[Any, Elementwise] = {f: e for e in ELEMENTWISE.values() for f in e.functions}


BY_NAME = {entry.op.name: entry for entry in ELEMENTWISE.values()}


_FLOAT_ONLY = frozenset({"isnan", "isfinite", "isinf"})


_KEEPS_INTEGERS = frozenset({"floor", "ceil", "trunc"})
_SMALL_OF_BOOLEANS = frozenset({"floor_divide", "remainder", "square"})
"""What NumPy computes in int8 for booleans."""

_OF_BOOLEANS = {
    "add": "logical_or",
    "maximum": "logical_or",
    "multiply": "logical_and",
    "minimum": "logical_and",
}


def compute(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Any:
    """The value of a function of what is known now; its failure is reported as the user's."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except Exception as error:
        m.fails(error)


def elementwise(
    m: Machine, entry: Elementwise, args: Sequence[Value], *, strong: bool = False
) -> Value:
    """An elementwise operation on values, with NumPy's promotion and broadcasting.

    Of Python numbers the result is a Python number, unless it is NumPy's function: then `strong`.
    """
    name = entry.op.name
    if len(args) != len(entry.arguments):
        m.refuse(
            f"`{name}` takes {count(len(entry.arguments), 'argument')} here, and gets {len(args)}.",
            "Leave out `out=`, `where=` and other options, or use them on the result.",
        )
    if not any(isinstance(a, Array) for a in args) and all(is_number(a) for a in args):
        found: Any = compute(m, entry.evaluate, args)
        return found if strong else cast("Any", getattr(found, "item", lambda: found))()
    weak = not strong and all(data.is_weak(a) for a in args)
    if name == "where":
        condition = truth(m, args[0])
        return apply(m, entry, [condition, *m.promote(*args[1:])])
    if name.startswith("logical_"):
        return apply(m, entry, [truth(m, a) for a in args], weak=weak)
    common = data.common_dtype(m, args)
    if common.wraps:
        return _of_wrapping(m, entry, args, common)
    nodes = m.promote(*args, floating=_needs_float(entry))
    dtype = nodes[0].array.dtype
    if name in _KEEPS_INTEGERS and not dtype.is_float:
        return m.fresh(nodes[0], weak=weak)
    if name in _FLOAT_ONLY and not dtype.is_float:
        nodes = [make.cast(m.b, n, DType.FLOAT64) for n in nodes]
    if dtype is DType.BOOL and _has_numeric_result(entry):
        if name in _OF_BOOLEANS and not all(data.is_weak(a) for a in args):
            return apply(m, BY_NAME[_OF_BOOLEANS[name]], nodes)
        if name == "absolute" and not weak:
            return m.fresh(nodes[0])
        nodes = _without_booleans(m, name, nodes, weak=weak)
        if not weak and name in _SMALL_OF_BOOLEANS:
            return m.fresh(make.cast(m.b, m.read(apply(m, entry, nodes)), DType.INT8))
    if weak:
        wholes.check_division(m, name, nodes)
    found = apply(m, entry, nodes, weak=weak)
    if weak and growth.is_checked(m, name, nodes):
        growth.check(m, name, nodes, m.read(found))
    return found


def _of_wrapping(m: Machine, entry: Elementwise, args: Sequence[Value], dtype: DType) -> Value:
    """The operation on integers of which arithmetic goes round."""
    name = entry.op.name
    if name in _KEEPS_INTEGERS:
        return m.fresh(m.promote(*args)[0])
    if name == "divide" or name in _FLOAT_ONLY:
        return apply(m, entry, [make.cast(m.b, m.node(a), DType.FLOAT64) for a in args])
    if _needs_float(entry):
        return apply(m, entry, m.promote(*args, floating=True))
    if not _has_numeric_result(entry):
        return apply(m, entry, wrapping.compared(m, args))
    found = apply(m, entry, wrapping.operands(m, name, args, dtype))
    return m.fresh(make.cast(m.b, m.read(found), dtype), ordered=m.type_of(found).rank == 1)


def _needs_float(entry: Elementwise) -> bool:
    return entry.op.name in _FLOATING


def _is_floating(entry: Elementwise) -> bool:
    from codegen_ad.ir.types import ArrayType

    try:
        entry.op.infer([ArrayType(DType.INT64)] * len(entry.arguments), None)
    except TypeMismatch:
        return entry.arguments != "cxy" and not entry.op.name.startswith("logical_")
    return False


_FLOATING = (
    frozenset(e.op.name for e in ELEMENTWISE.values() if _is_floating(e))
    - {"power"}
    - _KEEPS_INTEGERS
)


def _has_numeric_result(entry: Elementwise) -> bool:
    from codegen_ad.ir.types import ArrayType

    found = entry.op.infer([ArrayType(DType.FLOAT64)] * len(entry.arguments), None)
    return isinstance(found, ArrayType) and found.dtype is not DType.BOOL


def _without_booleans(m: Machine, name: str, nodes: list[Node], *, weak: bool) -> list[Node]:
    if name == "sign" and not weak:
        m.refuse("NumPy has no `sign` of booleans.", "Convert them: `x.astype(int)`.")
    if name in ("negative", "subtract"):
        m.refuse(
            f"NumPy has no `{name}` of booleans.", "Use `~x` or `x ^ y`, or convert to numbers."
        )
    return [make.cast(m.b, n, DType.INT64) for n in nodes]


def apply(m: Machine, entry: Elementwise, nodes: Sequence[Node], *, weak: bool = False) -> Array:
    """The operation on nodes of fitting dtypes, sizes equated.

    A new vector has no gaps; how tables lie in memory follows from the operands.
    """
    shape = m.broadcast(*(n.array.shape for n in nodes))
    return m.fresh(m.b.node(entry.op, nodes), weak=weak, ordered=len(shape) == 1)


def truth(m: Machine, value: Value) -> Node:
    """The value as booleans, elementwise."""
    node = m.node(value, "condition")
    if node.array.dtype is DType.BOOL:
        return node
    if node.array.dtype.wraps:
        node = make.cast(m.b, node, DType.INT64)
    zero = make.constant(m.b, 0, node.array.dtype)
    return make.apply(m.b, "not_equal", node, zero)
