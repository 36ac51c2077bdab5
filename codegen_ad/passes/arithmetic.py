"""Rules for elementwise operations: neutral elements, signs, powers, selection, literals."""

from __future__ import annotations

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Op
from codegen_ad.ir.types import DType
from codegen_ad.ops import BY_NAME, ELEMENTWISE, make
from codegen_ad.ops.unary import CAST
from codegen_ad.passes.rewrite import Rule

ROUNDING = frozenset({"rounding"})
FINITE = frozenset({"finite", "rounding"})
_SMALLEST = 2.0**-128


def _op(*names: str) -> tuple[Op, ...]:
    return tuple(BY_NAME[name] for name in names)


def is_op(node: Node, name: str) -> bool:
    """Whether the node is this elementwise operation."""
    return node.op is BY_NAME[name]


def like(b: Builder, node: Node, value: Node) -> Node:
    """`value` in the shape of `node`."""
    return make.broadcast_to(b, value, node.array.shape)


def is_moderate(value: float | None) -> bool:
    """Whether a literal factor leaves a sum: not one that keeps its terms from overflowing."""
    return value is not None and _SMALLEST <= abs(value) <= 1 / _SMALLEST


def _fold(b: Builder, node: Node) -> Node | None:
    values = [make.constant_value(a) for a in node.args]
    if None in values:
        return None
    if node.op is CAST:
        value = values[0]
        assert value is not None
        if not node.array.dtype.is_float and not np.isfinite(float(value)):
            return None
    else:
        pairs = zip(values, node.args, strict=True)
        arrays = [np.asarray(value, arg.array.dtype.numpy_name) for value, arg in pairs]
        with np.errstate(all="ignore"):
            value = np.asarray(ELEMENTWISE[node.op].evaluate(*arrays)).item()
    return like(b, node, make.constant(b, value, node.array.dtype))


def _neutral(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    right, left = make.constant_value(y), make.constant_value(x)
    name = node.op.name
    if right == 1 and name in ("multiply", "divide", "power"):
        return like(b, node, x)
    if left == 1 and name == "multiply":
        return like(b, node, y)
    if right == 0 and name == "subtract" and str(right) != "-0.0":
        return like(b, node, x)
    # x + 0.0 is x but for the sign of a zero, which does not matter to a gradient.
    if name == "add" and (node in b.notes.gradients or not node.array.dtype.is_float):
        return like(b, node, x) if right == 0 else like(b, node, y) if left == 0 else None
    if name == "subtract" and left == 0 and node in b.notes.gradients:
        return like(b, node, make.negative(b, y))
    return None


def _minus_one(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    if make.constant_value(y) == -1:
        return like(b, node, make.negative(b, x))
    if make.constant_value(x) == -1 and node.op.name == "multiply":
        return like(b, node, make.negative(b, y))
    return None


def _double_negative(_: Builder, node: Node) -> Node | None:
    (x,) = node.args
    return x.args[0] if is_op(x, "negative") else None


def _sign_outward(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    if not is_op(x, "negative") and not is_op(y, "negative"):
        return None
    minus = is_op(x, "negative") != is_op(y, "negative")
    x, y = (a.args[0] if is_op(a, "negative") else a for a in (x, y))
    positive = make.apply(b, node.op.name, x, y)
    return like(b, node, make.negative(b, positive) if minus else positive)


def _sign_of_literal(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if not is_op(x, "multiply"):
        return None
    for literal, other in (x.args, x.args[::-1]):
        value = make.constant_value(literal)
        if value is not None and not literal.array.shape:
            return make.multiply(b, make.constant(b, -value, x.array.dtype), other)
    return None


def _sign_of_difference(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if is_op(x, "subtract") and node in b.notes.gradients:
        return make.subtract(b, x.args[1], x.args[0])
    return None


def _sum_with_negative(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    if is_op(y, "negative"):
        name = "subtract" if node.op.name == "add" else "add"
        return make.apply(b, name, x, y.args[0])
    if node.op.name == "add" and is_op(x, "negative"):
        return make.subtract(b, y, x.args[0])
    return None


def _twice(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    if x is not y or not x.array.dtype.is_float:
        return None
    return make.multiply(b, make.constant(b, 2, x.array.dtype), x)


def _numbers_together(b: Builder, node: Node) -> Node | None:
    """`c * (s * x)` and `(s * x) * c` where `s` has a smaller rank than `x`: numbers first."""
    for factor, other in (node.args, node.args[::-1]):
        if not is_op(other, "multiply") or other.array.rank <= factor.array.rank:
            continue
        for inner, rest in (other.args, other.args[::-1]):
            if inner.array.rank < rest.array.rank and inner.array.rank <= factor.array.rank:
                return like(b, node, make.multiply(b, make.multiply(b, factor, inner), rest))
    return None


def _number_over_number(b: Builder, node: Node) -> Node | None:
    """`c * (d / x)` with literals `c` and `d`."""
    for literal, other in (node.args, node.args[::-1]):
        c = make.constant_value(literal)
        if c is None or not is_op(other, "divide"):
            continue
        d = make.constant_value(other.args[0])
        if d is not None:
            top = make.constant(b, c * d, node.array.dtype)
            return like(b, node, make.divide(b, top, other.args[1]))
    return None


def _literal_times_literal(b: Builder, node: Node) -> Node | None:
    for literal, other in (node.args, node.args[::-1]):
        c = make.constant_value(literal)
        if c is None or not is_op(other, "multiply"):
            continue
        for inner, rest in (other.args, other.args[::-1]):
            d = make.constant_value(inner)
            if d is not None:
                number = make.constant(b, c * d, node.array.dtype)
                return like(b, node, make.multiply(b, number, rest))
    return None


def _literal_power(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    exponent = make.constant_value(y)
    if exponent == 0:
        return like(b, node, make.constant(b, 1, node.array.dtype))
    return like(b, node, make.apply(b, "square", x)) if exponent == 2 else None


def _small_power(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    exponent = make.constant_value(y)
    square = make.apply(b, "square", x) if x.array.dtype.is_float else x
    match exponent:
        case 0.5:
            made = make.apply(b, "sqrt", x)
        case 3:
            made = make.multiply(b, square, x)
        case 4:
            made = make.apply(b, "square", square)
        case -1:
            made = make.divide(b, make.constant(b, 1, x.array.dtype), x)
        case -2:
            made = make.divide(b, make.constant(b, 1, x.array.dtype), square)
        case _:
            return None
    return like(b, node, made)


def _select(b: Builder, node: Node) -> Node | None:
    condition, x, y = node.args
    known = make.constant_value(condition)
    if known is not None:
        return like(b, node, x if known else y)
    if x is y:
        return like(b, node, x)
    if is_op(condition, "logical_not"):
        return like(b, node, make.where(b, condition.args[0], y, x))
    if is_op(x, "where") and x.args[0] is condition:
        return like(b, node, make.where(b, condition, x.args[1], y))
    if is_op(y, "where") and y.args[0] is condition:
        return like(b, node, make.where(b, condition, x, y.args[2]))
    return None


def _sign_of_chosen(b: Builder, node: Node) -> Node | None:
    """`where(c, -x, 0)` and `where(c, 0, -x)` in gradients."""
    condition, x, y = node.args
    if node not in b.notes.gradients:
        return None
    if is_op(x, "negative") and make.constant_value(y) == 0:
        return like(b, node, make.negative(b, make.where(b, condition, x.args[0], y)))
    if is_op(y, "negative") and make.constant_value(x) == 0:
        return like(b, node, make.negative(b, make.where(b, condition, x, y.args[0])))
    return None


def _logic(b: Builder, node: Node) -> Node | None:
    for literal, other in (node.args, node.args[::-1]):
        known = make.constant_value(literal)
        if known is not None:
            decides = bool(known) == (node.op.name == "logical_or")
            return like(b, node, make.constant(b, known, DType.BOOL) if decides else other)
    return node.args[0] if node.args[0] is node.args[1] else None


def _cast_of_cast(b: Builder, node: Node) -> Node | None:
    (x,) = node.args
    if x.op is not CAST:
        return None
    start, middle, end = x.args[0].array.dtype, x.array.dtype, node.array.dtype
    loses_nothing = start is DType.BOOL or (start is end and middle.size > start.size)
    return make.cast(b, x.args[0], end) if loses_nothing and middle is not DType.BOOL else None


def _softplus(b: Builder, node: Node) -> Node | None:
    for zero, x in (node.args, node.args[::-1]):
        if make.constant_value(zero) == 0 and x.array.dtype is node.array.dtype:
            return like(b, node, make.apply(b, "softplus", x))
    return None


def _same_cancels(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    return make.zeros_like(b, node) if x is y and node in b.notes.gradients else None


def _quotient_cancels(b: Builder, node: Node) -> Node | None:
    if node not in b.notes.gradients:
        return None
    for x, other in (node.args, node.args[::-1]):
        if is_op(other, "divide") and other.args[1] is x:
            return like(b, node, other.args[0])
    return None


def _zero_wins(b: Builder, node: Node) -> Node | None:
    x, y = node.args
    zero = make.constant_value(x) == 0 or (is_op(node, "multiply") and make.constant_value(y) == 0)
    return make.zeros_like(b, node) if zero and node in b.notes.gradients else None


RULES = (
    Rule("compute literals now", (CAST, *ELEMENTWISE), _fold),
    Rule("x*1, x/1, x**1, x-0, x+0 -> x", _op("multiply", "divide", "power", "add", "subtract"),
         _neutral),
    Rule("x * -1, x / -1 -> -x", _op("multiply", "divide"), _minus_one),
    Rule("-(-x) -> x", _op("negative"), _double_negative),
    Rule("(-x) * y, (-x) / y -> -(x * y), -(x / y)", _op("multiply", "divide"), _sign_outward),
    Rule("-(2 * x) -> -2 * x", _op("negative"), _sign_of_literal),
    Rule("-(x - y) -> y - x in gradients", _op("negative"), _sign_of_difference),
    Rule("x + (-y) -> x - y", _op("add", "subtract"), _sum_with_negative),
    Rule("x + x -> 2 * x", _op("add"), _twice),
    Rule("c * (s * x) -> (c * s) * x for a number s", _op("multiply"), _numbers_together, ROUNDING),
    Rule("2 * (3 / x) -> 6 / x", _op("multiply"), _number_over_number, ROUNDING),
    Rule("2 * (3 * x) -> 6 * x", _op("multiply"), _literal_times_literal, ROUNDING),
    Rule("x**0, x**2 -> 1, square(x)", _op("power"), _literal_power),
    Rule("x**0.5, x**3, x**4, 1/x, 1/x**2 without power", _op("power"), _small_power, ROUNDING),
    Rule("logaddexp(0, x) -> softplus(x)", _op("logaddexp"), _softplus),
    Rule("where with a known or negated condition", _op("where"), _select),
    Rule("where(c, -x, 0) -> -where(c, x, 0) in gradients", _op("where"), _sign_of_chosen),
    Rule("and, or with a known side", _op("logical_and", "logical_or"), _logic),
    Rule("cast(cast(x)) -> cast(x)", (CAST,), _cast_of_cast),
    Rule("x - x -> 0 in gradients", _op("subtract"), _same_cancels, FINITE),
    Rule("x * (y / x) -> y in gradients", _op("multiply"), _quotient_cancels, FINITE),
    Rule("0 * x, 0 / x -> 0 in gradients", _op("multiply", "divide"), _zero_wins, FINITE),
)  # fmt: skip
