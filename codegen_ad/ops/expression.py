"""A formula in text, written into a program: the derivatives of the tables, and densities.

The text is a Python expression over letters, numbers and the names of elementwise operations. What
its numbers decide is decided here, so that the derivative of `x ** 2` is `2 * x` from the start.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import BY_NAME, ELEMENTWISE, make

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.USub: "negative",
}


COMPARISONS: dict[type[ast.AST], str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}

LOGICAL: dict[type[ast.AST], str] = {ast.And: "logical_and", ast.Or: "logical_or"}

NUMBERS = {"inf": math.inf, "nan": math.nan, "pi": math.pi}

Functions = Mapping[str, tuple[tuple[str, ...], str]]
"""Further functions that a text may call: their arguments' letters, and their text."""


def build(
    b: Builder, text: str, bindings: Mapping[str, Node], functions: Functions | None = None
) -> Node:
    """The value of `text`; its numbers get the floating dtype of the bound values."""
    floats = [n.array.dtype for n in bindings.values() if n.array.dtype.is_float]
    literals = {letter: _literal(b, node) for letter, node in bindings.items()}
    dtype = floats[0] if floats else DType.FLOAT64
    return _Writer(b, dtype, functions or {}).write(_parse(text), literals)


@cache
def _parse(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@dataclass(frozen=True, slots=True)
class _Writer:
    b: Builder
    dtype: DType
    functions: Functions

    def write(self, tree: ast.expr, bindings: Mapping[str, Node]) -> Node:
        """The node of a syntax tree."""

        def parts(*trees: ast.expr) -> list[Node]:
            return [self.write(t, bindings) for t in trees]

        match tree:
            case ast.Name(id=letter) if letter in bindings:
                return bindings[letter]
            case ast.Name(id=name):
                return make.constant(self.b, NUMBERS[name], self.dtype)
            case ast.Constant(value=int() | float() as number):
                return make.constant(self.b, number, self.dtype)
            case ast.BinOp(left=left, op=operator, right=right):
                return apply(self.b, OPERATORS[type(operator)], *parts(left, right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return apply(self.b, "negative", *parts(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return apply(self.b, "logical_not", *parts(operand))
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return apply(self.b, COMPARISONS[type(operator)], *parts(left, right))
            case ast.BoolOp(op=operator, values=values):
                first, *rest = parts(*values)
                for value in rest:
                    first = apply(self.b, LOGICAL[type(operator)], first, value)
                return first
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return apply(self.b, "where", *parts(test, body, orelse))
            case ast.Call(func=ast.Name(id=name), args=args) if name in self.functions:
                letters, text = self.functions[name]
                return self.write(_parse(text), dict(zip(letters, parts(*args), strict=True)))
            case ast.Call(func=ast.Name(id=name), args=args):
                return apply(self.b, name, *parts(*args))
            case _:
                raise AssertionError(f"no meaning for {ast.unparse(tree)}")


def apply(b: Builder, name: str, *args: Node) -> Node:
    """The elementwise operation, computed now where literals decide it.

    The result may have a smaller shape than broadcasting would give: it broadcasts to that shape.
    """
    values = [make.constant_value(a) for a in args]
    if None not in values:
        return _fold(b, name, args)
    match name, args, values:
        case "where", (_, x, y), (True | False as chosen, *_):
            return x if chosen else y
        case "logical_and", (x, y), _ if False in values:
            return x if values[0] is False else y
        case "logical_and", (x, y), _ if True in values:
            return y if values[0] is True else x
        case "logical_or", (x, y), _ if True in values:
            return x if values[0] is True else y
        case "logical_or", (x, y), _ if False in values:
            return y if values[0] is False else x
        case "multiply", (_, y), (1, _):
            return y
        case (("multiply" | "divide" | "power"), (x, _), (_, 1)):
            return x
        case "multiply", (x, _), (_, -1):
            return apply(b, "negative", x)
        case "multiply", (_, y), (-1, _):
            return apply(b, "negative", y)
        case "power", (x, _), (_, 2):
            return make.apply(b, "square", x)
        case "negative", (x,), _ if x.op is BY_NAME["negative"]:
            return x.args[0]
        case _:
            return make.apply(b, name, *args)


def _fold(b: Builder, name: str, args: tuple[Node, ...]) -> Node:
    arrays = [np.asarray(make.constant_value(a), a.array.dtype.numpy_name) for a in args]
    with np.errstate(all="ignore"):
        value = ELEMENTWISE[BY_NAME[name]].evaluate(*arrays)
    dtype = make.apply(b, name, *args).array.dtype
    return make.constant(b, np.asarray(value).item(), dtype)


def _literal(b: Builder, node: Node) -> Node:
    """The literal itself in place of a broadcast one."""
    value = make.constant_value(node)
    return node if value is None else make.constant(b, value, node.array.dtype)
