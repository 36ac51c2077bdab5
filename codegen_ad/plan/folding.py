"""What needs no instruction: an operation whose literals decide it, when loops are written out.

Positions of loops that are written out are numbers only now, so no pass over programs can do this.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence, Set

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import Apply, Expr, Index, Number

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}


def folded(node: Node, args: Sequence[Expr], numbers: Set[str], *, gradient: bool) -> Expr | None:
    """Comparisons of positions, choices that are made, products with 1; None where there are none.

    In a derivative, a tangent of 0 says that nothing depends on anything here, whatever it is
    multiplied with. Of `numbers`, which may go round, `k + 1` is not always more than `k`, though
    it is never `k`.
    """
    name = node.op.name
    if name in _COMPARISONS:
        used = {s for d in map(_position, args) if d is not None for s in d.symbols()}
        if name not in ("equal", "not_equal") and not numbers.isdisjoint(used):
            return None
        return comparison(name, args[0], args[1])
    if name == "where" and (taken := truth(args[0])) is not None:
        return args[1] if taken else args[2]
    if name == "cast" and (taken := truth(args[0])) is not None:
        return Number(_number(taken, node.array.dtype), node.array.dtype)
    if not node.array.dtype.is_float:
        return None
    if name == "multiply":
        for one, other in (args, args[::-1]):
            if is_literal(one, 1.0):
                return other
    return _without_zeros(node, args) if gradient else None


def _without_zeros(node: Node, args: Sequence[Expr]) -> Expr | None:
    zeros = [is_literal(a, 0.0) for a in args]
    match node.op.name:
        case "multiply" if any(zeros):
            return Number("0.0", node.array.dtype)
        case "divide" | "negative" | "cast" if zeros[0]:
            return Number("0.0", node.array.dtype)
        case "add" if any(zeros):
            return args[1] if zeros[0] else args[0]
        case "subtract" if zeros[1]:
            return args[0]
        case "subtract" if zeros[0]:
            return Apply("negative", (args[1],), node.array.dtype)
        case "where" if zeros[1] and zeros[2]:
            return args[1]
        case _:
            return None


def comparison(name: str, first: Expr, second: Expr) -> Number | None:
    """The answer to a comparison of two positions whose difference is a number."""
    one, other = _position(first), _position(second)
    if one is None or other is None or not (one - other).is_constant:
        return None
    return Number(str(_COMPARISONS[name]((one - other).value, 0)), DType.BOOL)


def truth(condition: Expr) -> bool | None:
    """A condition that is known, else None; numbers are no conditions."""
    if not isinstance(condition, Number) or condition.dtype is not DType.BOOL:
        return None
    return condition.text == "True"


def _number(truth: bool, dtype: DType) -> str:
    if dtype is DType.BOOL:
        return str(truth)
    return str(float(truth)) if dtype.is_float else str(int(truth))


def is_literal(expr: Expr, value: float) -> bool:
    """Whether an expression is this floating point literal."""
    return isinstance(expr, Number) and expr.dtype.is_float and float(expr.text) == value


def _position(expr: Expr) -> Dim | None:
    if isinstance(expr, Index):
        return expr.dim
    if isinstance(expr, Number) and expr.dtype is DType.INT64:
        return Dim.constant(int(expr.text))
    return None
