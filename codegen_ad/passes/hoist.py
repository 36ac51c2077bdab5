"""Numbers that are a factor of every term leave the sums over rows.

The cotangent of `sqrt(mean(r ** 2))` is known after a pass over the rows, and every row of the
gradient would wait for it. It is a factor of every term, so it is applied to the sum instead, and
value and gradient need one pass. A cotangent known before the rows, such as `2 / n`, costs a
product in every row, and one for each sum outside; it leaves sums over sizes that only the run
knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Program
from codegen_ad.ops import BY_NAME, make
from codegen_ad.ops.indexing import SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.reduction import CONTRACT, SUM
from codegen_ad.passes.arithmetic import ROUNDING, is_moderate
from codegen_ad.passes.rewrite import Rule, rewrite

CHEAP = (Kind.CONSTANT, Kind.INPUT, Kind.ELEMENTWISE)

IsFactor = Callable[[Node], bool]

Split = tuple[Node | None, Node | None]
"""A late number and what is left, which multiply to the node; None stands for 1."""


@dataclass(frozen=True, slots=True)
class Search:
    """Which numbers are factors, and what is known: values are used twice at every level."""

    takes: IsFactor
    known: dict[Node, Split] = field(default_factory=dict[Node, Split])


def hoist_scalars(
    program: Program,
    *,
    granted: frozenset[str] = ROUNDING,
    fired: Counter[str] | None = None,
) -> Program:
    """The program with late numbers outside of the sums whose terms they are factors of."""
    return rewrite(program, HOIST, granted=granted, fired=fired)


def _hoist(b: Builder, node: Node, inherited: Search | None = None) -> Node | None:
    search = inherited or Search(_is_number if _is_long(node) else _is_late)
    parts = [_split(b, a, search) for a in node.args]
    late = [factor for factor, _ in parts if factor is not None]
    if not late:
        return None
    args = [_rest(b, a, rest) for a, (_, rest) in zip(node.args, parts, strict=True)]
    total = b.node(node.op, args, node.params)
    for factor in late:
        total = make.multiply(b, total, factor)
    return total


def _rest(b: Builder, node: Node, rest: Node | None) -> Node:
    """What is left of a node, in the node's shape."""
    if rest is None:
        rest = make.constant(b, 1, node.array.dtype)
    return make.broadcast_to(b, rest, node.array.shape)


def _is_long(node: Node) -> bool:
    """Whether a sum runs over a size that only the run knows."""
    gone = {d for a in node.args for d in a.array.shape} - set(node.array.shape)
    return any(not d.is_constant for d in gone)


def _is_number(node: Node) -> bool:
    """Whether a number is worth a product outside; 1 is not, nor what is there to scale terms."""
    value = make.constant_value(node)
    return value is None or (value != 1 and is_moderate(value))


def _is_late(node: Node) -> bool:
    """Whether a number follows from a sum, a loop or the like."""
    stack, seen = [node], {node}
    while stack:
        current = stack.pop()
        if current.op.kind not in CHEAP:
            return True
        fresh = [a for a in current.args if a not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return False


def _split(b: Builder, x: Node, search: Search) -> Split:
    found = search.known.get(x)
    if found is None:
        found = search.known[x] = _found(b, x, search)
    return found


def _found(b: Builder, x: Node, search: Search) -> Split:
    if not x.array.rank:
        return (x, None) if x.array.dtype.is_float and search.takes(x) else (None, x)
    match x.op.name, x.args:
        case "multiply", (left, right):
            return _split_product(b, x, left, right, search)
        case "divide", (left, right):
            return _split_quotient(b, x, left, right, search)
        case ("add" | "subtract") as name, (left, right):
            return _split_sum(b, x, name, left, right, search)
        case "negative", (inner,):
            return _moved(b, x, inner, search)
        case "where", (condition, chosen, other) if make.constant_value(other) == 0:
            factor, rest = _split(b, chosen, search)
            if factor is None:
                return None, x
            return factor, make.where(b, condition, _rest(b, chosen, rest), other)
        case _ if x.op.kind is Kind.MOVEMENT and len(x.args) == 1:
            return _moved(b, x, x.args[0], search)
        case _ if x.op in (SUM, CONTRACT):
            hoisted = _hoist(b, x, search)
            if hoisted is None or hoisted.op is not BY_NAME["multiply"]:
                return None, x
            return hoisted.args[1], hoisted.args[0]
        case _ if _adds_to_zeros(x):
            factor, rest = _split(b, x.args[1], search)
            if factor is None:
                return None, x
            values = _rest(b, x.args[1], rest)
            return factor, b.node(x.op, (x.args[0], values, *x.args[2:]), x.params)
        case _:
            return None, x


def _adds_to_zeros(x: Node) -> bool:
    return (
        x.op in (SCATTER, UPDATE)
        and isinstance(x.params, Scatter | Update)
        and x.params.accumulate
        and make.constant_value(x.args[0]) == 0
    )


def _moved(b: Builder, x: Node, inner: Node, search: Search) -> Split:
    factor, rest = _split(b, inner, search)
    if factor is None:
        return None, x
    if rest is None and x.op is not BY_NAME["negative"]:
        return factor, None
    return factor, b.node(x.op, (_rest(b, inner, rest),), x.params)


def _split_product(b: Builder, x: Node, left: Node, right: Node, search: Search) -> Split:
    (f, p), (g, q) = _split(b, left, search), _split(b, right, search)
    if f is None and g is None:
        return None, x
    factor = f if g is None else g if f is None else make.multiply(b, f, g)
    if p is None or q is None:
        rest = q if p is None else p
        return factor, None if rest is None else make.broadcast_to(b, rest, x.array.shape)
    return factor, make.broadcast_to(b, make.multiply(b, p, q), x.array.shape)


def _split_quotient(b: Builder, x: Node, left: Node, right: Node, search: Search) -> Split:
    f, p = _split(b, left, search)
    if not right.array.rank and search.takes(right):
        one = make.constant(b, 1, x.array.dtype)
        return make.divide(b, f or one, right), None if p is None else _rest(b, x, p)
    if f is None:
        return None, x
    rest = make.constant(b, 1, x.array.dtype) if p is None else p
    return f, make.broadcast_to(b, make.divide(b, rest, right), x.array.shape)


def _split_sum(b: Builder, x: Node, name: str, left: Node, right: Node, search: Search) -> Split:
    (f, p), (g, q) = _split(b, left, search), _split(b, right, search)
    if f is None or f is not g:
        return None, x
    total = make.apply(b, name, _rest(b, left, p), _rest(b, right, q))
    return f, make.broadcast_to(b, total, x.array.shape)


HOIST = (Rule("sum(s * x) -> s * sum(x) for a number s", (SUM, CONTRACT), _hoist, ROUNDING),)
