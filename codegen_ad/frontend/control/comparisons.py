"""Comparisons: of sizes, data, None, and of sequences item by item, as Python compares them."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays.arithmetic import OPERATORS, operate
from codegen_ad.frontend.containers import sets
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches
from codegen_ad.frontend.control.maybe import is_none
from codegen_ad.frontend.values import (
    Array,
    Complex,
    Dict,
    List,
    Maybe,
    Outside,
    Range,
    Record,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ops import BY_NAME, make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_DOES = (ast.Call, ast.NamedExpr, ast.ListComp, ast.GeneratorExp)
"""What may change something where it is computed; all else in a chain is computed in any case."""
_AND = BY_NAME["logical_and"]
_METHODS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("__eq__", "__eq__"),
    ast.NotEq: ("__ne__", "__ne__"),
    ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"),
    ast.Gt: ("__gt__", "__lt__"),
    ast.GtE: ("__ge__", "__le__"),
}
_TELLS = (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def comparison(m: Machine, node: ast.Compare) -> Value:
    """A chain of comparisons: `a < b`, `a < b <= c`, which ends with the first that fails."""
    return _links(m, _first(m, node), node.ops, node.comparators)


def operands(m: Machine, node: ast.Compare) -> tuple[Value, Value]:
    """Both sides of a single comparison."""
    (op,), (right,) = node.ops, node.comparators
    return _first(m, node), _next(m, (op,), right)


def _first(m: Machine, node: ast.Compare) -> Value:
    return (m.perhaps if isinstance(node.ops[0], _TELLS) else m.evaluate)(m, node.left)


def _next(m: Machine, ops: Sequence[ast.cmpop], node: ast.expr) -> Value:
    """The operand between the first two of these operators, or behind the only one."""
    if isinstance(ops[0], ast.In | ast.NotIn) and isinstance(node, ast.Set):
        # Only what is among them counts, not in which order.
        node = ast.copy_location(ast.Tuple(node.elts, ast.Load()), node)
    tells = any(isinstance(op, _TELLS) for op in ops[:2])
    return (m.perhaps if tells else m.evaluate)(m, node)


def _links(m: Machine, left: Value, ops: Sequence[ast.cmpop], nodes: Sequence[ast.expr]) -> Value:
    """The rest of a chain, behind an operand that is there already."""
    right = _next(m, ops, nodes[0])
    found = compare(m, ops[0], left, right)
    if len(ops) == 1:
        return found
    if isinstance(found, Array) and m.type_of(found).shape:
        m.refuse(
            "A chained comparison of arrays has no single truth value in NumPy.",
            "Write `(a < b) & (b < c)`.",
        )
    holds = branches.decide(m, found)
    if not isinstance(holds, Node):
        return _links(m, right, ops[1:], nodes[1:]) if holds else found

    def rest() -> bool | Node:
        return branches.decide(m, _links(m, right, ops[1:], nodes[1:]))

    if any(isinstance(part, _DOES) for part in ast.walk(nodes[1])):
        return m.fresh(branches.guarded(m, holds, rest), weak=True)
    other = rest()
    if not isinstance(other, Node):
        return found if other else False
    return m.fresh(m.b.node(_AND, (holds, other)), weak=True)


def compare(m: Machine, op: ast.cmpop, left: Value, right: Value) -> Value:
    """One comparison."""
    if isinstance(left, Maybe) or isinstance(right, Maybe):
        return _compare_with_none(m, op, left, right)
    match op:
        case ast.Is() | ast.IsNot():
            same = _identical(m, left, right)
            return same if isinstance(op, ast.Is) else not same
        case ast.In() | ast.NotIn():
            there = _contains(m, left, right)
            return there if isinstance(op, ast.In) else branches.negated(m, there)
        case _:
            pass
    if isinstance(left, Record) or isinstance(right, Record):
        return _compare_objects(m, op, left, right)
    if isinstance(left, Range) and isinstance(right, Range) and isinstance(op, ast.Eq | ast.NotEq):
        left, right = tuple(m.items(left, "operand")), tuple(m.items(right, "operand"))
    data = (Array, Range, Dim)
    if not (isinstance(left, data) or isinstance(right, data)):
        both: list[Any] = [left, right]
        one, other = (m.try_items(v) if is_sequence(v) else None for v in both)
        if one is not None and other is not None:
            if isinstance(left, List) is not isinstance(right, List):
                return _unlike(m, op)
            if isinstance(op, _ORDERS):
                return _ordered_items(m, op, one, other)
            equal = _equal_items(m, one, other)
            return equal if isinstance(op, ast.Eq) else branches.negated(m, equal)
    unlike = isinstance(left, str) or isinstance(right, str) or left is None or right is None
    if unlike and isinstance(op, ast.Eq | ast.NotEq):
        one, other = (getattr(v, "object", v) for v in (left, right))
        return bool(one == other) is isinstance(op, ast.Eq)
    return operate(m, OPERATORS[type(op)], [left, right])


def _unlike(m: Machine, op: ast.cmpop) -> bool:
    """A list compared with a tuple: they are never equal, and have no order."""
    if isinstance(op, _ORDERS):
        m.fails(TypeError("a list and a tuple have no order"))
    return isinstance(op, ast.NotEq)


def _compare_objects(m: Machine, op: ast.cmpop, left: Value, right: Value) -> Value:
    """A comparison of objects: by the methods of their classes, else by which objects they are."""
    name, reflected = _METHODS[type(op)]
    for owner, method, other in ((left, name, right), (right, reflected, left)):
        written = special_methods.own(owner, method)
        if written is None:
            continue
        if special_methods.is_generated(written):
            if not isinstance(owner, Record) or not isinstance(other, Record):
                continue
            if owner.cls is not other.cls:
                continue
            held = [f.name for f in dataclasses.fields(owner.cls) if f.compare]
            mine, others = (tuple(m.store[v.cell][n] for n in held) for v in (owner, other))
            pair = (mine, others) if owner is left else (others, mine)
            return compare(m, op, *pair)
        found = special_methods.called(m, owner, method, other)
        if not (isinstance(found, Outside) and found.object is NotImplemented):
            return found
    if isinstance(op, ast.NotEq):
        return branches.negated(m, compare(m, ast.Eq(), left, right))
    if isinstance(op, ast.Eq):
        return _identical(m, left, right)
    return operate(m, OPERATORS[type(op)], [left, right])


def _compare_with_none(m: Machine, op: ast.cmpop, left: Value, right: Value) -> Value:
    """A comparison where an operand may be None; only whether it is None is told."""
    one, other = (left, right) if isinstance(left, Maybe) else (right, left)
    assert isinstance(one, Maybe)
    if other is None and isinstance(op, _TELLS):
        none = is_none(m, one)
        return none if isinstance(op, ast.Is | ast.Eq) else branches.negated(m, none)
    text = f"An operand of `{m.text()}`"
    return compare(m, op, m.certain(left, text), m.certain(right, text))


def _equal_items(m: Machine, one: Sequence[Value], other: Sequence[Value]) -> Value:
    """Whether two sequences are equal: known, or a condition on the sizes and data in them."""
    if len(one) != len(other):
        return False
    found: Value = True
    for a, b in zip(one, other, strict=True):
        value = compare(m, ast.Eq(), a, b)
        truth_ = branches.decide(m, value)
        if truth_ is False:
            return False
        if truth_ is not True:
            found = (
                value
                if found is True
                else m.fresh(m.b.node(_AND, (m.node(found), truth_)), weak=True)
            )
    return found


def _ordered_items(
    m: Machine, op: ast.cmpop, one: Sequence[Value], other: Sequence[Value]
) -> Value:
    """The order of the first items that differ, else that of the lengths."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        equal = branches.decide(m, compare(m, ast.Eq(), a, b))
        if equal is True:
            continue
        here = compare(m, op, a, b)
        if equal is False:
            return here
        rest = _ordered_items(m, op, one[place + 1 :], other[place + 1 :])
        return m.fresh(make.where(m.b, equal, m.node(rest), m.node(here)), weak=True)
    return operate(m, OPERATORS[type(op)], [len(one), len(other)])


def is_sequence(value: object) -> bool:
    """Whether Python compares the value item by item."""
    return isinstance(value, tuple | List) and not isinstance(value, Complex)


def _identical(m: Machine, left: Value, right: Value) -> bool:
    if isinstance(left, Array) and isinstance(right, Array) and left is not right:
        one, other = left.cell, right.cell
        if one is other or other in m.tangled.get(one, ()):
            m.refuse(
                "Whether these are one array or two views of one is not known when the function "
                "is read.",
                "Compare what you mean: a flag that is set where the name is bound.",
            )
        return False
    if isinstance(left, Outside) and isinstance(right, Outside):
        return left.object is right.object
    if isinstance(left, Array | List | Dict | Record):
        return left == right
    return left is right


def _contains(m: Machine, item: Value, container: Value) -> Value:
    """Whether an item is there: known, or a condition on the data that it is compared with."""
    own = special_methods.called(m, container, "__contains__", item)
    if own is not special_methods.MISSING:
        return branches.truth_value(m, own)
    if isinstance(container, str):
        return str(m.static(item, "operand")) in container
    if sets.is_set(container):
        container = tuple(sets.members(m, container))
    found: Node | None = None
    for other in m.items(container, "right side of `in`"):
        equal = branches.decide(m, compare(m, ast.Eq(), item, other))
        if equal is True:
            return True
        if equal is not False:
            found = equal if found is None else make.apply(m.b, "logical_or", found, equal)
    return False if found is None else m.fresh(found, weak=True)
