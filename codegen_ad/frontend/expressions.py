"""Expressions: one function that knows every kind, and the longer ones beside it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_ad.frontend.arrays.access import attribute, subscript
from codegen_ad.frontend.arrays.arithmetic import OPERATORS, operate
from codegen_ad.frontend.arrays.pointwise import truth
from codegen_ad.frontend.calls.ignored import is_told, leave_out
from codegen_ad.frontend.calls.outside import lookup
from codegen_ad.frontend.containers import iterators
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches
from codegen_ad.frontend.control.comprehensions import generate, listed, running_sum
from codegen_ad.frontend.control.maybe import is_none
from codegen_ad.frontend.refusals import refuse_expression
from codegen_ad.frontend.values import (
    Array,
    Closure,
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
from codegen_ad.ir.types import BroadcastError
from codegen_ad.ops import BY_NAME, make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def evaluate(m: Machine, node: ast.expr) -> Value:
    """The value of an expression; errors point at it."""
    value = perhaps(m, node)
    if not isinstance(value, Maybe):
        return value
    with m.spot(node):
        return m.certain(value, f"`{m.text()}`")


def perhaps(m: Machine, node: ast.expr) -> Value:
    """The value of an expression that may be None, where that is told apart."""
    with m.spot(node):
        try:
            return _evaluate(m, node)
        except BroadcastError as error:
            m.equate(error.first, error.second, m.text())
            raise


def _evaluate(m: Machine, node: ast.expr) -> Value:
    match node:
        case ast.Constant(value=value):
            if isinstance(value, bytes):
                m.refuse("codegen_ad does not compute with bytes.", "Use numbers or strings.")
            return Complex(value.real, value.imag) if isinstance(value, complex) else value
        case ast.Name(id=name):
            value = lookup(m, name)
            kept = isinstance(value, Maybe) and not value.none
            return m.certain(value, name) if kept else value
        case ast.BinOp(left=left, op=op, right=right):
            if isinstance(op, ast.MatMult):
                pair = [m.evaluate(m, left), m.evaluate(m, right)]
                return m.call(Outside(np.matmul, ()), pair, {})
            return operate(m, OPERATORS[type(op)], [m.evaluate(m, left), m.evaluate(m, right)])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return branches.negated(m, m.perhaps(m, operand))
        case ast.UnaryOp(op=op, operand=operand):
            return operate(m, OPERATORS[type(op)], [m.evaluate(m, operand)])
        case ast.BoolOp(op=op, values=values):
            return branches.connective(m, values, stop=isinstance(op, ast.Or))
        case ast.Compare():
            return _comparison(m, node)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return branches.conditional(m, test, body, orelse)
        case ast.Call():
            return _call(m, node)
        case ast.Attribute(value=owner, attr=name):
            return attribute(m, m.evaluate(m, owner), name)
        case ast.Subscript(value=owner, slice=index):
            return subscript(m, m.evaluate(m, owner), m.evaluate(m, index))
        case ast.Slice(lower=lower, upper=upper, step=step):
            if isinstance(step, ast.Constant) and isinstance(step.value, complex):
                start, stop = (None if x is None else m.evaluate(m, x) for x in (lower, upper))
                return slice(start, stop, step.value)  # `5j`, in `np.mgrid` and its kin
            bounds = (lower, upper, step)
            return slice(*(None if x is None else m.evaluate(m, x) for x in bounds))
        case ast.Tuple(elts=elts):
            return tuple(_spread(m, elts, perhaps))
        case ast.List(elts=elts):
            return m.list_of(_spread(m, elts))
        case ast.Dict(keys=keys, values=values):
            return _dict(m, keys, values)
        case ast.Lambda(args=args):
            return closure(m, "<lambda>", node, args)
        case ast.NamedExpr(target=target, value=value):
            found = m.evaluate(m, value)
            m.frame.env[target.id] = found
            return found
        case ast.ListComp() | ast.GeneratorExp() if (found := listed(m, node)) is not None:
            return found if isinstance(node, ast.ListComp) else iterators.generated(m, found, node)
        case ast.ListComp(elt=elt, generators=generators):
            return m.list_of([m.evaluate(m, elt) for _ in generate(m, generators)])
        case ast.GeneratorExp(elt=elt, generators=generators):
            items = tuple(m.evaluate(m, elt) for _ in generate(m, generators))
            return iterators.generated(m, items, node)
        case ast.DictComp(key=key, value=value, generators=generators):
            pairs = [
                (m.static(m.evaluate(m, key), "key"), m.evaluate(m, value))
                for _ in generate(m, generators)
            ]
            return m.dict_of(dict(pairs))
        case ast.JoinedStr(values=values):
            return "".join(_formatted(m, v) for v in values)
        case _:
            refuse_expression(m, node)


def _spread(
    m: Machine,
    elements: Sequence[ast.expr],
    each: Callable[[Machine, ast.expr], Value] = evaluate,
) -> list[Value]:
    found: list[Value] = []
    for element in elements:
        if isinstance(element, ast.Starred):
            found.extend(m.items(m.evaluate(m, element.value), "starred value"))
        else:
            found.append(each(m, element))
    return found


def _dict(m: Machine, keys: Sequence[ast.expr | None], values: Sequence[ast.expr]) -> Value:
    found: dict[Any, Value] = {}
    for key, value in zip(keys, values, strict=True):
        given = m.evaluate(m, value)
        if key is not None:
            found[m.static(m.evaluate(m, key), "key")] = given
        elif isinstance(given, Dict):
            found.update(m.store[given.cell])
        else:
            m.refuse(
                f"`**` needs a dict here, not {m.describe(given)}.",
                "Unpack a dict.",
            )
    return m.dict_of(found)


def _formatted(m: Machine, node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    value = m.static(m.evaluate(m, node.value), "value in a formatted string")
    pattern = "" if node.format_spec is None else str(m.evaluate(m, node.format_spec))
    if node.conversion != -1:
        value = {"r": repr, "s": str, "a": ascii}[chr(node.conversion)](value)
    return format(value, pattern)


def _call(m: Machine, node: ast.Call) -> Value:
    function = m.evaluate(m, node.func)
    if is_told(function):
        leave_out(m, node)
        return None
    if function == Outside(sum, ()) and len(node.args) == 1 and not node.keywords:
        total = running_sum(m, node.args[0])
        if total is not None:
            return total
    args = _spread(m, node.args)
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = m.evaluate(m, keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, Dict):
            kwargs.update(m.store[value.cell])
        else:
            m.refuse(
                f"`**` needs a dict here, not {m.describe(value)}.",
                "Pass a dict with the names of arguments as its keys.",
            )
    with m.spot(node):
        return m.call(function, args, kwargs)


def _comparison(m: Machine, node: ast.Compare) -> Value:
    found: Value = None
    may_be_none = [*(isinstance(op, _TELLS) for op in node.ops), False]
    left = (perhaps if may_be_none[0] else evaluate)(m, node.left)
    for place, (op, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
        right = (perhaps if any(may_be_none[place : place + 2]) else evaluate)(m, right_node)
        value = compare(m, op, left, right)
        if place == 0:
            found = value
        elif not isinstance(found, Array) and not found:
            return False
        elif not isinstance(found, Array):
            found = value
        elif isinstance(value, Array) or not value:
            one, other = truth(m, found), truth(m, value)
            m.broadcast(one.array.shape, other.array.shape)
            if one.array.rank or other.array.rank:
                m.refuse(
                    "A chained comparison of arrays has no single truth value in NumPy.",
                    "Write `(a < b) & (b < c)`.",
                )
            found = m.fresh(m.b.node(_AND, (one, other)), weak=True)
        left = right
    return found


_AND = BY_NAME["logical_and"]
_TELLS = (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)


def compare(m: Machine, op: ast.cmpop, left: Value, right: Value) -> Value:
    """One comparison."""
    if isinstance(left, Maybe) or isinstance(right, Maybe):
        return _compare_with_none(m, op, left, right)
    match op:
        case ast.Is() | ast.IsNot():
            same = _identical(left, right)
            return same if isinstance(op, ast.Is) else not same
        case ast.In() | ast.NotIn():
            there = _contains(m, left, right)
            return there if isinstance(op, ast.In) else branches.negated(m, there)
        case _:
            pass
    data = (Array, Range, Dim)
    if isinstance(op, ast.Eq | ast.NotEq) and not (
        isinstance(left, data) or isinstance(right, data)
    ):
        both: list[Any] = [left, right]
        plain = [m.try_items(v) if _is_sequence(v) else None for v in both]
        if plain[0] is not None and plain[1] is not None:
            equal = _equal_items(m, plain[0], plain[1])
            return equal if isinstance(op, ast.Eq) else branches.negated(m, equal)
    unlike = isinstance(left, str) or isinstance(right, str) or left is None or right is None
    if unlike and isinstance(op, ast.Eq | ast.NotEq):
        return (left == right) is isinstance(op, ast.Eq)
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


def _is_sequence(value: object) -> bool:
    return isinstance(value, tuple | List) and not isinstance(value, Complex)


def _identical(left: Value, right: Value) -> bool:
    if isinstance(left, Outside) and isinstance(right, Outside):
        return left.object is right.object
    if isinstance(left, Array | List | Dict | Record):
        return left == right
    return left is right


def _contains(m: Machine, item: Value, container: Value) -> Value:
    """Whether an item is there: known, or a condition on the data that it is compared with."""
    if isinstance(container, str):
        return str(m.static(item, "operand")) in container
    found: Node | None = None
    for other in m.items(container, "right side of `in`"):
        equal = branches.decide(m, compare(m, ast.Eq(), item, other))
        if equal is True:
            return True
        if equal is not False:
            found = equal if found is None else make.apply(m.b, "logical_or", found, equal)
    return False if found is None else m.fresh(found, weak=True)


def closure(
    m: Machine, name: str, node: ast.FunctionDef | ast.Lambda, args: ast.arguments
) -> Closure:
    """A function defined inside, with its defaults as they are now."""
    defaults = tuple(m.evaluate(m, d) for d in args.defaults)
    kw_defaults = {
        a.arg: m.evaluate(m, d)
        for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if d is not None
    }
    return Closure(name, node, m.frame, defaults, kw_defaults)
