"""What a user calls an operation of the program: the profiler's rows.

The program knows the statement that a node came from, not the expression in it. A forward node that
the statement does not name itself belongs to the one call there that is made of several operations,
such as `mean`; where that is not plain, and in derivatives, a node has its operation's own name.
"""

from __future__ import annotations

import ast
from functools import cache

from codegen_ad.ir.node import Kind, Node, Notes
from codegen_ad.ops import BY_NAME

SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.Pow: "power", ast.MatMult: "matmul", ast.USub: "negative", ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder", ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater",
    ast.GtE: "greater_equal", ast.Eq: "equal", ast.NotEq: "not_equal", ast.Subscript: "index",
}  # fmt: skip
CONTRACTIONS = ("matmul", "dot", "einsum", "outer", "inner", "tensordot", "vdot", "kron")
SPELLINGS = {"abs": "absolute", "fabs": "absolute", "asin": "arcsin", "acos": "arccos",
             "atan": "arctan", "pow": "power"}  # fmt: skip
REGIONS = {"loop": "for", "while": "while", "branch": "if", "custom": "custom"}
NO_ARITHMETIC = ("range", "len", "float", "int", "arange", "zeros", "ones", "asarray", "array")


def operation_name(node: Node, notes: Notes) -> tuple[str, int, str]:
    """The user's name of an operation, the line and the statement; 0 and "" where unknown."""
    own = _own_name(node)
    origin = notes.origins.get(node)
    if origin is None:
        return own, 0, ""
    spelled = _spelled(origin.text)
    name = own
    if node.op.kind is Kind.CONTRACT:
        found = [n for n in CONTRACTIONS if n in spelled]
        name = found[0] if len(found) == 1 else "contract"
    elif own == "square" and own not in spelled and "power" in spelled:
        name = "power"
    elif own not in spelled and node not in notes.gradients and not node.regions:
        composite = [n for n in spelled if n not in BY_NAME and n not in CONTRACTIONS]
        composite = [n for n in composite if n not in SYMBOLS.values() and n not in NO_ARITHMETIC]
        name = composite[0] if len(composite) == 1 else own
    return name, origin.line, origin.text


def is_composite(name: str) -> bool:
    """Whether the user's operation is made of several of the program's."""
    return name not in BY_NAME and name not in (
        *CONTRACTIONS,
        "contract",
        "index",
        *REGIONS.values(),
    )


def is_literal(node: Node) -> bool:
    """Whether a node computes nothing: a number, or the size of an array."""
    return node.op.kind is Kind.CONSTANT and not node.array.shape


def _own_name(node: Node) -> str:
    if node.op.kind in (Kind.GATHER, Kind.UPDATE) or node.op.name == "slice":
        return "index"
    return REGIONS.get(node.op.name, node.op.name)


@cache
def _spelled(statement: str) -> tuple[str, ...]:
    """The operations that a statement names, each once; nothing if it goes over several lines."""
    tree = _parsed(statement)
    found: dict[str, None] = {}
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                found[SPELLINGS.get(name, name)] = None
            case ast.Attribute(attr="T"):
                found["transpose"] = None
            case _ if type(node) in SYMBOLS:
                found[SYMBOLS[type(node)]] = None
            case _:
                pass
    return tuple(found)


def _parsed(statement: str) -> ast.AST | None:
    for text in (statement, f"{statement}\n    pass", f"if 1: pass\n{statement}\n    pass"):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return None
