"""Expressions: one function that knows every kind, and the longer ones beside it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codegen_ad.frontend import special_methods
from codegen_ad.frontend.arrays.access import attribute, subscript
from codegen_ad.frontend.arrays.arithmetic import OPERATORS, operate
from codegen_ad.frontend.calls.ignored import is_told, leave_out
from codegen_ad.frontend.calls.outside import lookup
from codegen_ad.frontend.containers import filling, iterators, sets
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import branches
from codegen_ad.frontend.control.comparisons import comparison
from codegen_ad.frontend.control.comprehensions import generate, listed, outermost, running_sum
from codegen_ad.frontend.refusals import refuse_expression
from codegen_ad.frontend.values import (
    Closure,
    Complex,
    Dict,
    Maybe,
    Outside,
)
from codegen_ad.ir.types import BroadcastError

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
                own = special_methods.operated(m, cast("Any", operator.matmul), pair)
                if own is not special_methods.MISSING:
                    return own
                return m.call(Outside(np.matmul, ()), pair, {})
            return operate(m, OPERATORS[type(op)], [m.evaluate(m, left), m.evaluate(m, right)])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return branches.negated(m, m.perhaps(m, operand))
        case ast.UnaryOp(op=op, operand=operand):
            return operate(m, OPERATORS[type(op)], [m.evaluate(m, operand)])
        case ast.BoolOp(op=op, values=values):
            return branches.connective(m, values, stop=isinstance(op, ast.Or))
        case ast.Compare():
            return comparison(m, node)
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
            return filling.written(m, node, _spread(m, elts))
        case ast.Dict(keys=keys, values=values):
            return _dict(m, keys, values)
        case ast.Lambda(args=args):
            return closure(m, "<lambda>", node, args)
        case ast.NamedExpr(target=target, value=value):
            found = m.evaluate(m, value)
            m.frame.env[target.id] = found
            return found
        case ast.ListComp() | ast.GeneratorExp():
            return _comprehension(m, node, outermost(m, node))
        case ast.Set(elts=elts):
            return sets.new(m, set, _spread(m, elts))
        case ast.SetComp(elt=elt):
            items = [m.evaluate(m, elt) for _ in generate(m, node, outermost(m, node))]
            return sets.new(m, set, items)
        case ast.DictComp(key=key, value=value):
            pairs = [
                (m.static(m.evaluate(m, key), "key"), m.evaluate(m, value))
                for _ in generate(m, node, outermost(m, node))
            ]
            return m.dict_of(dict(pairs))
        case ast.JoinedStr(values=values):
            return "".join(_formatted(m, v) for v in values)
        case _:
            refuse_expression(m, node)


def _comprehension(m: Machine, node: ast.ListComp | ast.GeneratorExp, given: Value) -> Value:
    """A list or an iterator, where `given` is what the first `for` goes through."""
    changed = iterators.watch(m)
    found = listed(m, node, given)
    if found is None:
        items = [m.evaluate(m, node.elt) for _ in generate(m, node, given)]
        found = m.list_of(items) if isinstance(node, ast.ListComp) else tuple(items)
    if isinstance(node, ast.ListComp):
        return found
    return iterators.generated(m, found, node, acts=changed())


def _spread(
    m: Machine,
    elements: Sequence[ast.expr],
    each: Callable[[Machine, ast.expr], Value] = evaluate,
) -> list[Value]:
    found: list[Value] = []
    for element in elements:
        if isinstance(element, ast.Starred):
            given = iterators.drawn(m, m.evaluate(m, element.value), whole=True)
            found.extend(m.items(given, "starred value"))
        else:
            found.append(each(m, element))
    return found


def _dict(m: Machine, keys: Sequence[ast.expr | None], values: Sequence[ast.expr]) -> Value:
    found: dict[Any, Value] = {}
    for key, value in zip(keys, values, strict=True):
        name = None if key is None else m.static(m.evaluate(m, key), "key")
        given = m.evaluate(m, value)
        if key is not None:
            found[name] = given
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


_SUM = Outside(sum, ())


def _call(m: Machine, node: ast.Call) -> Value:
    function = m.evaluate(m, node.func)
    if is_told(function):
        leave_out(m, node)
        return None
    match node.args:
        case [ast.GeneratorExp() | ast.ListComp() as terms] if function == _SUM:
            given = outermost(m, terms)
            total = None if node.keywords else running_sum(m, terms, given)
            if total is not None:
                return total
            args = [_comprehension(m, terms, given)]
        case _:
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
