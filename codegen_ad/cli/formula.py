"""A model written on the command line: checked, and written as the source of a loss.

The text becomes code, so only arithmetic and named functions of NumPy are let through.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

import click

FUNCTIONS = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "abs",
    "maximum", "minimum", "where", "hypot", "sign",
)  # fmt: skip
CONSTANTS = ("pi", "e")
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def model_source(formula: str, parameters: Sequence[str], columns: Sequence[str]) -> str:
    """The source of `model(parameters…, columns…)` that computes the formula."""
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except SyntaxError as error:
        raise _refused(formula, f"is no expression: {error.msg}") from None
    body = _translated(formula, tree, {*parameters, *columns})
    head = ", ".join((*parameters, *columns))
    return f"def model({head}):\n    return {ast.unparse(body)}\n"


def loss_source(call: str, parameters: Sequence[str], columns: Sequence[str], observed: str) -> str:
    """The source of a module whose `loss` sums the squared residuals of the model in `call`."""
    vector = _free("parameters", {*parameters, *columns, observed})
    lines = [
        '"""Least squares, written by `codegen-ad fit`."""',
        "",
        "import numpy as np",
        "",
        "",
        f"def loss({', '.join((vector, *columns, observed))}):",
        *(f"    {name} = {vector}[{k}]" for k, name in enumerate(parameters)),
        f"    residual = {observed} - {call.replace('{parameters}', vector)}",
        "    return np.sum(residual * residual)",
    ]
    return "\n".join(lines) + "\n"


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _translated(formula: str, node: ast.expr, names: set[str]) -> ast.expr:
    """The expression with NumPy's functions; anything else is refused."""

    def inner(child: ast.expr) -> ast.expr:
        return _translated(formula, child, names)

    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return node
        case ast.Name(id=name) if name in names:
            return ast.Name(name)
        case ast.Name(id=name) if name in CONSTANTS:
            return _numpy(name)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
            return ast.BinOp(inner(left), op, inner(right))
        case ast.UnaryOp(op=op, operand=operand) if isinstance(op, OPERATORS):
            return ast.UnaryOp(op, inner(operand))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, COMPARISONS):
            return ast.Compare(inner(left), [op], [inner(right)])
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return ast.Call(_numpy(name), [inner(a) for a in args], [])
        case ast.Name(id=name):
            known = ", ".join(sorted(names))
            raise _refused(formula, f"names {name!r}, which is neither a parameter nor a column "
                           f"({known})")  # fmt: skip
        case ast.Call(func=ast.Name(id=name)) if name not in FUNCTIONS:
            raise _refused(formula, f"calls {name!r}; it may call {', '.join(FUNCTIONS)}")
        case _:
            raise _refused(formula, f"holds {ast.unparse(node)!r}, which is no arithmetic")


def _numpy(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("np"), name)


def _refused(formula: str, why: str) -> click.UsageError:
    return click.UsageError(f"--formula {formula!r} {why}")
