"""The fence: constructs of Python that are not translated, each with its own sentence."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_HELPER = "Write the function without it, or keep that part outside and pass its result in."

_YIELD = "Write `yield value` as a statement of its own, and pass arguments for what is sent."

STATEMENTS: dict[type[ast.stmt], tuple[str, str]] = {
    ast.Try: (
        "`try` is not translated: compiled code ends at the first exception.",
        "Ask before instead: `if x > 0: ...`, or keep the `try` around the call of the function.",
    ),
    ast.TryStar: ("`try` is not translated: compiled code raises no exceptions.", _HELPER),
    ast.With: ("`with` is not translated: a context has effects outside the function.", _HELPER),
    ast.AsyncWith: ("`async with` is not translated.", _HELPER),
    ast.AsyncFor: ("`async for` is not translated.", _HELPER),
    ast.AsyncFunctionDef: ("`async def` is not translated.", _HELPER),
    ast.ClassDef: ("A class cannot be defined inside.", "Define it outside the function."),
    ast.Global: (
        "`global` is not translated: a gradient has no effects outside the function.",
        "Return the value instead.",
    ),
}

EXPRESSIONS: dict[type[ast.expr], tuple[str, str]] = {
    ast.Await: ("`await` is not translated.", _HELPER),
    ast.Yield: ("The value of a `yield` is not translated: nothing is sent here.", _YIELD),
    ast.YieldFrom: ("The value of a `yield from` is not translated.", _YIELD),
    ast.Starred: ("A starred expression is not translated here.", "Write the items out."),
}


def refuse_statement(m: Machine, node: ast.stmt) -> NoReturn:
    """Refuse a statement by name."""
    with m.spot(node):
        message, instead = STATEMENTS.get(
            type(node), (f"`{type(node).__name__}` is not translated.", _HELPER)
        )
        m.refuse(message, instead)


def refuse_expression(m: Machine, node: ast.expr | ast.stmt) -> NoReturn:
    """Refuse an expression by name."""
    with m.spot(node):
        message, instead = (
            EXPRESSIONS.get(type(node), (f"`{type(node).__name__}` is not translated.", _HELPER))
            if isinstance(node, ast.expr)
            else (f"`{type(node).__name__}` is not translated.", _HELPER)
        )
        m.refuse(message, instead)
