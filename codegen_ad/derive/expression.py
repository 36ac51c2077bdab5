"""The text of a derivative, written into a program.

The text is a Python expression over letters, numbers and the names of elementwise operations. What
its numbers decide is decided here, so that the derivative of `x ** 2` is `2 * x` from the start.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
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


def build(b: Builder, text: str, bindings: Mapping[str, Node]) -> Node:
    """The value of `text`; its numbers get the floating dtype of the bound values."""
    floats = [n.array.dtype for n in bindings.values() if n.array.dtype.is_float]
    literals = {letter: _literal(b, node) for letter, node in bindings.items()}
    return _build(b, _parse(text), literals, floats[0] if floats else DType.FLOAT64)


@cache
def _parse(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _build(b: Builder, tree: ast.expr, bindings: Mapping[str, Node], dtype: DType) -> Node:
    match tree:
        case ast.Name(id=letter):
            return bindings[letter]
        case ast.Constant(value=int() | float() as number):
            return make.constant(b, number, dtype)
        case ast.BinOp(left=left, op=operator, right=right):
            x, y = _build(b, left, bindings, dtype), _build(b, right, bindings, dtype)
            return apply(b, OPERATORS[type(operator)], x, y)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return apply(b, "negative", _build(b, operand, bindings, dtype))
        case ast.Call(func=ast.Name(id=name), args=args):
            return apply(b, name, *(_build(b, a, bindings, dtype) for a in args))
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
