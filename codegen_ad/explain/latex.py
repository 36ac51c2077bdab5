"""A simple model and its derivatives as LaTeX: elementwise arithmetic and sums over all.

SymPy prints what the table's formulas say. What is larger than a line of mathematics is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codegen_ad.ir.builder import Input
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ops import ELEMENTWISE, make

LARGEST = 24
"""A program of more operations than this is not shown as one formula."""

FREE = {"cast", "reshape", "broadcast", "transpose"}
PLAIN = {
    "divide": "x / y", "power": "x ** y", "sqrt": "sqrt(x)", "absolute": "Abs(x)",
    "maximum": "Max(x, y)", "minimum": "Min(x, y)", "arcsin": "asin(x)", "arccos": "acos(x)",
    "arctan": "atan(x)", "log": "log(x)", "expit": "1 / (1 + exp(-x))",
}  # fmt: skip


class _NotSimple(Exception):
    """The program is no formula that a person would read."""


def latex_of(program: Program, wrt: Sequence[str]) -> str:
    """One line for the value and one for each derivative; empty if the program is not simple."""
    work = [n for n in program.nodes() if n.op.kind is not Kind.CONSTANT]
    if len(program.outputs) != 1 or len(work) > LARGEST:
        return ""
    try:
        value = _formula(program.outputs[0])
    except _NotSimple:
        return ""
    import sympy as library

    sympy: Any = library
    found = [rf"\mathrm{{{program.name}}} = {sympy.latex(value)}"]
    for node in program.inputs:
        name = _name(node)
        if name in wrt and not node.array.shape:
            derivative = sympy.diff(value, _symbol(node))
            found.append(
                rf"\frac{{\partial\,\mathrm{{{program.name}}}}}{{\partial {name}}} = "
                f"{sympy.latex(derivative)}"
            )
    return "\n".join(found)


def _name(node: Node) -> str:
    return node.params.name if isinstance(node.params, Input) else ""


def _symbol(node: Node) -> Any:
    """The input as a symbol: one element of an array has an index."""
    import sympy as library

    sympy: Any = library
    name = _name(node)
    return sympy.Symbol(f"{name}_i" if node.array.shape else name, real=True)


def _formula(output: Node) -> Any:
    """The value as a SymPy expression."""
    import sympy as library

    sympy: Any = library
    values: dict[Node, Any] = {}
    for node in toposort((output,)):
        literal = make.constant_value(node)
        if literal is not None:
            whole = float(literal).is_integer()
            values[node] = sympy.Integer(literal) if whole else sympy.Float(repr(literal))
        elif isinstance(node.params, Input):
            if node.array.rank > 1:
                raise _NotSimple
            values[node] = _symbol(node)
        elif node.op.name == "size":
            values[node] = sympy.Symbol("n", positive=True, integer=True)
        elif node.op.name in FREE:
            values[node] = values[node.args[0]]
        elif node.op.name == "sum" and not node.array.shape:
            index = sympy.Symbol("i", integer=True)
            last = sympy.Symbol("n", positive=True, integer=True)
            values[node] = sympy.Sum(values[node.args[0]], (index, 1, last))
        else:
            values[node] = _applied(node, values)
    return values[output]


def _applied(node: Node, values: Mapping[Node, Any]) -> Any:
    import sympy as library

    sympy: Any = library
    entry = ELEMENTWISE.get(node.op)
    formula = entry and (PLAIN.get(node.op.name) or entry.formula)
    if entry is None or formula is None:
        raise _NotSimple
    letters: dict[str, Any] = {a: sympy.Symbol(a, real=True) for a in entry.arguments}
    given = {letters[a]: values[n] for a, n in zip(entry.arguments, node.args, strict=True)}
    return sympy.sympify(formula, locals=letters).subs(given, simultaneous=True)
