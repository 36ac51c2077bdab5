"""Which ways of writing a case takes: functions by their names, methods, operators, options."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.USub: "-x", ast.UAdd: "+x", ast.Invert: "~",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


@cache
def spellings(text: str) -> frozenset[str]:
    """All that a case writes: `np.sum`, `.sum`, `**`, `np.sum(keepdims)`, `.sum(axis tuple)`."""
    body = ast.parse("def case():\n" + "\n".join(f"    {line}" for line in text.split("\n")))
    return frozenset(found for node in ast.walk(body) for found in _of(node))


def _of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=function, keywords=keywords):
            name = _name(function)
            if not name:
                return
            yield name
            for keyword in keywords:
                yield f"{name}({keyword.arg})"
            axis = [k.value for k in keywords if k.arg == "axis"]
            if axis and isinstance(axis[0], ast.Tuple):
                yield f"{name}(axis tuple)"
        case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.AugAssign(op=op):
            yield _OPERATORS.get(type(op), "")
        case ast.Compare(ops=ops):
            yield from (_OPERATORS.get(type(op), "") for op in ops)
        case ast.Attribute():
            yield _name(node)
        case _:
            return


def _name(function: ast.expr) -> str:
    """`np.linalg.norm` of a function, `sum` of one of Python's, `.sum` of a method."""
    if isinstance(function, ast.Name):
        return function.id
    if not isinstance(function, ast.Attribute):
        return ""
    whole = ast.unparse(function)
    if whole.partition(".")[0] in ("np", "scipy", "math", "cmath"):
        return whole
    return f".{function.attr}"
