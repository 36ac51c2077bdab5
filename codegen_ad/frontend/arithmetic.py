"""Elementwise operations, operators and comparisons, on data, on sizes and on what is known now."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.errors import CodegenError
from codegen_ad.frontend import data
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.sizes import sign, smallest
from codegen_ad.frontend.values import Array, Range, is_number
from codegen_ad.ir.dims import Dim, as_dim
from codegen_ad.ir.node import Node, TypeMismatch
from codegen_ad.ir.types import DType
from codegen_ad.ops import ELEMENTWISE, make
from codegen_ad.ops.entry import Elementwise

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

ENTRIES: dict[Any, Elementwise] = {f: e for e in ELEMENTWISE.values() for f in e.functions}
BY_NAME = {entry.op.name: entry for entry in ELEMENTWISE.values()}

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Invert: operator.invert,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}

_LOGICAL = {operator.and_: "logical_and", operator.or_: "logical_or", operator.xor: "not_equal",
            operator.invert: "logical_not"}  # fmt: skip
_FLOAT_ONLY = frozenset({"isnan", "isfinite", "isinf"})
_KEEPS_INTEGERS = frozenset({"floor", "ceil", "trunc", "rint"})
_LARGEST_PRODUCT = 64


def operate(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """A Python operator on values."""
    if not any(isinstance(a, Array | Range) for a in args):
        if any(isinstance(a, Dim) for a in args):
            found = _on_sizes(m, function, args)
            if found is not None:
                return found
        else:
            return _now(m, function, args)
    if function is operator.pos:
        return m.fresh(m.node(args[0]), weak=data.is_weak(args[0]))
    if function in _LOGICAL:
        return _bitwise(m, function, args)
    if function is operator.pow:
        return power(m, args[0], args[1])
    if function not in ENTRIES:
        m.refuse(f"codegen_ad does not know the operator in `{m.text()}` on arrays.")
    return elementwise(m, ENTRIES[function], args)


def _now(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    """The operator on Python values: numbers, strings, tuples, lists."""
    plain = [m.static(a, "operand") if m.is_static(a) else a for a in args]
    if function in (operator.add, operator.mul):
        sequences = [m.try_items(a) for a in args]
        lists = [not isinstance(a, str | tuple) and s is not None for a, s in zip(args, sequences, strict=True)]
        if function is operator.add and all(s is not None for s in sequences) and not any(
            isinstance(a, str) for a in args
        ):
            joined = [*(sequences[0] or ()), *(sequences[1] or ())]
            return m.list_of(joined) if any(lists) else tuple(joined)
        if function is operator.mul and any(s is not None for s in sequences):
            (number,) = [p for p, s in zip(plain, sequences, strict=True) if s is None] or [None]
            (items,) = [s for s in sequences if s is not None][:1]
            if isinstance(number, int) and not any(isinstance(a, str) for a in args):
                return m.list_of(items * number) if any(lists) else tuple(items * number)
    try:
        with np.errstate(all="ignore"):
            return function(*plain)
    except CodegenError:
        raise
    except Exception as error:
        m.refuse(f"`{m.text()}` fails when the function runs: {type(error).__name__}: {error}.")


def _on_sizes(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value | None:
    """The operator on symbolic sizes, where the result is one or is known; else None."""
    sizes: list[Dim] = []
    for arg in args:
        if isinstance(arg, Dim):
            sizes.append(arg)
        elif isinstance(arg, int | np.integer):
            sizes.append(as_dim(int(arg)))
        else:
            return None
    if function is operator.neg:
        return simplest(-sizes[0])
    if len(sizes) != 2:
        return None
    one, other = sizes
    if function in (operator.add, operator.sub, operator.mul):
        return simplest(function(one, other))
    if function in (operator.floordiv, operator.mod):
        if not other.is_constant or other.value <= 0:
            return None
        quotient = one // other.value
        return simplest(quotient if function is operator.floordiv else one - quotient * other)
    if function is operator.pow:
        if not other.is_constant or not 0 <= other.value <= _LARGEST_PRODUCT:
            return None
        total = as_dim(1)
        for _ in range(other.value):
            total = total * one
        return simplest(total)
    return compare_sizes(m, function, one, other)


def simplest(dim: Dim) -> Value:
    """A Python int where the size is known."""
    return dim.value if dim.is_constant else dim


def compare_sizes(
    m: Machine, function: Callable[..., Any], one: Dim, other: Dim
) -> bool | None:
    """Whether the comparison holds for all arrays that are not empty; None where that depends."""
    difference = one - other
    if function not in (operator.eq, operator.ne, *_ORDER):
        return None
    found = sign(difference)
    if found is not None:
        _need_data(m, difference)
        return bool(function(found, 0))
    low, high = smallest(difference), smallest(-difference)
    if function in (operator.ge, operator.lt) and low is not None and low >= 0:
        _need_data(m, difference)
        return function is operator.ge
    if function in (operator.le, operator.gt) and high is not None and high >= 0:
        _need_data(m, difference)
        return function is operator.le
    return None


_ORDER = (operator.lt, operator.le, operator.gt, operator.ge)


def _need_data(m: Machine, difference: Dim) -> None:
    """What was decided holds for arrays that are not empty: check that when called."""
    for name in dict.fromkeys(difference.symbols()):
        m.require(Dim.symbol(name), 1, m.text())


def elementwise(
    m: Machine, entry: Elementwise, args: Sequence[Value], *, strong: bool = False
) -> Value:
    """An elementwise operation on values, with NumPy's promotion and broadcasting.

    Of Python numbers the result is a Python number, unless it is NumPy's function: then `strong`.
    """
    name = entry.op.name
    if len(args) != len(entry.arguments):
        m.refuse(
            f"`{name}` takes {len(entry.arguments)} arguments here, and gets {len(args)}.",
            "Leave out `out=`, `where=` and other options, or use them on the result.",
        )
    if not any(isinstance(a, Array) for a in args) and all(
        is_number(a) for a in args
    ):
        found = _now(m, entry.evaluate, args)
        return found if strong or not isinstance(found, np.generic) else found.item()
    weak = not strong and all(data.is_weak(a) for a in args)
    if name == "where":
        condition = truth(m, args[0])
        return apply(m, entry, [condition, *m.promote(*args[1:])])
    if name.startswith("logical_"):
        return apply(m, entry, [truth(m, a) for a in args], weak=weak)
    nodes = m.promote(*args, floating=_needs_float(entry))
    dtype = nodes[0].array.dtype
    if name in _KEEPS_INTEGERS and not dtype.is_float:
        return m.fresh(nodes[0], weak=weak)
    if name in _FLOAT_ONLY and not dtype.is_float:
        nodes = [make.cast(m.b, n, DType.FLOAT64) for n in nodes]
    if dtype is DType.BOOL and _has_numeric_result(entry):
        nodes = _without_booleans(m, name, nodes)
    return apply(m, entry, nodes, weak=weak)


def _needs_float(entry: Elementwise) -> bool:
    return entry.op.name in _FLOATING


def _is_floating(entry: Elementwise) -> bool:
    from codegen_ad.ir.types import ArrayType

    try:
        entry.op.infer([ArrayType(DType.INT64)] * len(entry.arguments), None)
    except TypeMismatch:
        return entry.arguments != "cxy" and not entry.op.name.startswith("logical_")
    return False


_FLOATING = frozenset(e.op.name for e in ELEMENTWISE.values() if _is_floating(e)) - {"power"} - _KEEPS_INTEGERS


def _has_numeric_result(entry: Elementwise) -> bool:
    from codegen_ad.ir.types import ArrayType

    found = entry.op.infer([ArrayType(DType.FLOAT64)] * len(entry.arguments), None)
    return isinstance(found, ArrayType) and found.dtype is not DType.BOOL


def _without_booleans(m: Machine, name: str, nodes: list[Node]) -> list[Node]:
    if name in ("negative", "subtract"):
        m.refuse(
            f"NumPy has no `{name}` of booleans.", "Use `~x` or `x ^ y`, or convert to numbers."
        )
    return [make.cast(m.b, n, DType.INT64) for n in nodes]


def apply(m: Machine, entry: Elementwise, nodes: Sequence[Node], *, weak: bool = False) -> Array:
    """The operation on nodes of fitting dtypes, sizes equated."""
    m.broadcast(*(n.array.shape for n in nodes))
    return m.fresh(m.b.node(entry.op, nodes), weak=weak)


def power(m: Machine, base: Value, exponent: Value) -> Value:
    """`base ** exponent`: squares and whole powers of integers as products."""
    weak = data.is_weak(base) and data.is_weak(exponent)
    if isinstance(exponent, int | float) and not isinstance(exponent, bool):
        node = m.node(base)
        dtype = data.common_dtype(m, [base, exponent])
        if dtype is DType.BOOL:
            dtype = DType.INT64
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
            "A power of integers by an exponent that is not a number in the text.",
            "Make the base a float: `x.astype(float) ** k`.",
        )
    return apply(m, BY_NAME["power"], nodes, weak=weak)


def _whole_power(m: Machine, node: Node, exponent: int) -> Node:
    if not 0 <= exponent <= _LARGEST_PRODUCT:
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


def _bitwise(m: Machine, function: Callable[..., Any], args: Sequence[Value]) -> Value:
    if any(data.dtype_of(m, a) is not DType.BOOL for a in args):
        m.refuse(
            f"`{m.text()}` works on the bits of integers, which codegen_ad does not compile.",
            "Use it on booleans, or compute it outside the function.",
        )
    return apply(m, BY_NAME[_LOGICAL[function]], [m.node(a) for a in args])


def truth(m: Machine, value: Value) -> Node:
    """The value as booleans, elementwise."""
    node = m.node(value, "condition")
    if node.array.dtype is DType.BOOL:
        return node
    zero = make.constant(m.b, 0, node.array.dtype)
    return make.apply(m.b, "not_equal", node, zero)


