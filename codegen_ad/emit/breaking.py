"""Long statements in several lines, as formatters break them: one operand a line at the worst.

Works on finished text, one statement at a time; what it can't break it leaves as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

WIDTH = 100
INDENT = "    "

_SUMS = (ast.Add, ast.Sub)
_PRODUCTS = (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_SIGNS = ("+ ", "- ", "* ", "// ", "/ ", "% ", "and ", "or ")


def broken(line: str, room: int = WIDTH) -> list[str]:
    """The lines of an assignment that fit into `room` columns, the first one not indented."""
    if len(line) <= room:
        return [line]
    (statement,) = ast.parse(line).body
    match statement:
        case ast.Assign(targets=[target], value=value):
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            head = f"{', '.join(map(ast.unparse, names))} ="
        case ast.AugAssign(target=target, op=op, value=value):
            sign = ast.unparse(ast.BinOp(ast.Name("a"), op, ast.Name("b")))[2:-2]
            head = f"{ast.unparse(target)} {sign}="
        case _:
            return [line]
    if isinstance(value, ast.Tuple):
        # Every item on a line of its own, as a formatter leaves it once it is broken.
        items = [f"{INDENT}{ast.unparse(item)}," for item in value.elts]
        return [f"{head} (", *items, ")"]
    if isinstance(value, ast.Call):
        arguments = [ast.unparse(a) for a in (*value.args, *value.keywords)]
        name = ast.unparse(value.func)
        lines = called(f"{head} {name}", arguments, room)
        if len(lines[0]) <= room or not isinstance(value.func, ast.Name):
            return lines
        # More names than a line has room for, or just as many.
        alone = called(name, arguments, room - len(INDENT))
        if len(head) + len(" (") <= room:
            return [f"{head} (", *(INDENT + line for line in alone), ")"]
        names = head.removesuffix(" =").split(", ")
        first, *rest = called(f") = {name}", arguments, room)
        return ["(", *(f"{INDENT}{n}," for n in names), first, *rest]
    parts = _operands(value)
    if len(parts) == 1:
        return [line]
    return _wrapped(f"{head} (", ast.unparse(value), parts, room)


def called(start: str, arguments: Sequence[str], room: int = WIDTH) -> list[str]:
    """A call with its arguments behind it, or on a line of their own, or on one line each."""
    together = ", ".join(arguments)
    if len(start) + len(together) + len("()") <= room:
        return [f"{start}({together})"]
    if len(INDENT + together) <= room:
        return [f"{start}(", INDENT + together, ")"]
    each = [_part(a, room - len(INDENT + ",")) for a in arguments]
    return [f"{start}(", *(INDENT + line for a in each for line in (*a[:-1], f"{a[-1]},")), ")"]


def _wrapped(head: str, whole: str, parts: Sequence[str], room: int) -> list[str]:
    """What stands between parentheses: on one line, or its operands on lines of their own."""
    if len(INDENT + whole) <= room:
        return [head, INDENT + whole, ")"]
    inside = room - len(INDENT)
    return [head, *(INDENT + line for part in parts for line in _part(part, inside)), ")"]


def _part(part: str, room: int) -> list[str]:
    """The lines of an operand with the operator in front of it, if it has one."""
    sign = next((s for s in _SIGNS if part.startswith(s)), "")
    text = part.removeprefix(sign)
    if len(part) <= room or part.startswith(("if ", "else ")):
        return [part]
    node = ast.parse(text, mode="eval").body
    whole, parts = ast.unparse(node), _operands(node)
    if text == f"({whole})" and len(parts) > 1:
        return _wrapped(f"{sign}(", whole, parts, room)
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.BinOp() as inner) if text.startswith("-("):
            return _wrapped(f"{sign}-(", ast.unparse(inner), _operands(inner), room)
        case ast.Call(func=ast.Name() | ast.Attribute() as function, args=[_, *_], keywords=[]):
            arguments = [ast.unparse(a) for a in node.args]
            return called(sign + ast.unparse(function), arguments, room)
        case _:
            pass
    if text != whole or len(parts) == 1 or isinstance(node, ast.IfExp):
        return [part]
    return [line for one in (sign + parts[0], *parts[1:]) for line in _part(one, room)]


def _operands(node: ast.expr) -> list[str]:
    """The operands of the outermost operator, each with the operator in front but the first."""
    match node:
        case ast.IfExp(test=test, body=body, orelse=orelse):
            # The printer sets the parentheses that body and test need there.
            bare = ast.unparse(ast.IfExp(test, ast.Name("_"), ast.Name("_")))
            condition = bare.removeprefix("_ if ").removesuffix(" else _")
            whole = ast.unparse(ast.IfExp(test, body, ast.Name("_")))
            head = whole.removesuffix(f" if {condition} else _")
            rest = _operands(orelse) if isinstance(orelse, ast.IfExp) else [ast.unparse(orelse)]
            return [head, f"if {condition}", f"else {rest[0]}", *rest[1:]]
        case ast.BoolOp(op=op, values=[first, *rest]):
            word = "and" if isinstance(op, ast.And) else "or"
            return [_operand(first, op), *(f"{word} {_operand(v, op)}" for v in rest)]
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return _chain(node, _SUMS)
        case ast.BinOp(op=ast.Mult() | ast.Div()):
            return _chain(node, _PRODUCTS)
        case _:
            return [ast.unparse(node)]


def _operand(node: ast.expr, op: ast.boolop) -> str:
    """An operand of `and` or `or`, with the parentheses that it needs there."""
    inside = isinstance(node, ast.IfExp) or (
        isinstance(node, ast.BoolOp) and type(node.op) is not type(op)
    )
    return f"({ast.unparse(node)})" if inside else ast.unparse(node)


def _chain(node: ast.expr, family: tuple[type[ast.operator], ...]) -> list[str]:
    parts: list[str] = []
    last: ast.operator = family[0]()
    while isinstance(node, ast.BinOp) and isinstance(node.op, family):
        # The printer sets the parentheses that the operand needs behind its sign.
        term = ast.unparse(ast.BinOp(ast.Name("_"), node.op, node.right))
        parts.append(term.removeprefix("_ "))
        node, last = node.left, node.op
    sign = ast.unparse(ast.BinOp(ast.Name("a"), last, ast.Name("b")))[2:-2]
    first = ast.unparse(ast.BinOp(node, last, ast.Name("_"))).removesuffix(f" {sign} _")
    return [first, *reversed(parts)]
