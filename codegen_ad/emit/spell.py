"""The text of expressions: the only place where Python source is made of parts.

Operations are spelled as their table entries say; parentheses come from Python's own printer, so
they stand only where needed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable

import numpy as np

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.ops import BY_NAME, ELEMENTWISE
from codegen_ad.plan.kernel import Apply, Expr, Index, Load, Number, Var

VECTORISED = {
    "power": "vector_pow(x, y)",
    "cbrt": "vector_cbrt(x)",
    "hypot": "vector_hypot(x, y)",
    "exp": "vector_exp(x)",
    "exp2": "vector_exp2(x)",
    "expm1": "vector_expm1(x)",
    "log": "vector_log(x)",
    "log2": "vector_log2(x)",
    "log10": "vector_log10(x)",
    "log1p": "vector_log1p(x)",
    "logaddexp": "vector_logaddexp(x, y)",
    "expit": "vector_expit(x)",
    "softplus": "vector_softplus(x)",
    "sin": "vector_sin(x)",
    "cos": "vector_cos(x)",
    "tan": "vector_tan(x)",
    "arcsin": "vector_asin(x)",
    "arccos": "vector_acos(x)",
    "arctan": "vector_atan(x)",
    "arctan2": "vector_atan2(x, y)",
    "sinh": "vector_sinh(x)",
    "cosh": "vector_cosh(x)",
    "tanh": "vector_tanh(x)",
    "arcsinh": "vector_asinh(x)",
    "arccosh": "vector_acosh(x)",
    "arctanh": "vector_atanh(x)",
    "erf": "vector_erf(x)",
    "erfc": "vector_erfc(x)",
    "gammaln": "vector_gammaln(x)",
    "digamma": "vector_digamma(x)",
}
"""How operations are spelled where a loop may use vectors; others as in their entries."""

SINGLE = {"exp": "vector_exp_single(x)"}
"""The same for float32, of those that have a function in single precision."""

OF_INTEGERS = {"maximum": "max(x, y)", "minimum": "min(x, y)"}
"""The same for integers, of which none is NaN."""

CASTS = {
    DType.FLOAT64: "float(x)",
    DType.FLOAT32: "np.float32(x)",
    DType.INT64: "int(x)",
    **{d: f"np.{d.numpy_name}(x)" for d in DType if d.wraps},
    DType.BOOL: "x != 0",
}


def spell(expr: Expr, *, vectorise: bool = False) -> str:
    """The expression as Python source; `vectorise` uses functions that let a loop use vectors.

    Where each result waits for the one before, the C library is as fast or faster.
    """
    return ast.unparse(tree(expr, vectorise=vectorise))


def tree(expr: Expr, *, vectorise: bool = False) -> ast.expr:
    """The expression as a Python syntax tree."""
    match expr:
        case Var(name):
            return ast.Name(name)
        case Number(text, dtype):
            return number(text, dtype)
        case Index(dim):
            return parsed(spell_dim(dim))
        case Load(buffer, indices):
            return _element(buffer, indices)
        case Apply(op, args, dtype):
            if op == "cast" and args[0].dtype is DType.BOOL:
                one, zero = spell_literal(1, dtype), spell_literal(0, dtype)
                return substituted(
                    f"{one} if x else {zero}", {"x": tree(args[0], vectorise=vectorise)}
                )
            inner = [tree(a, vectorise=vectorise) for a in args]
            if op == "cast" and args[0].dtype.wraps and dtype is DType.INT64:
                # `int` keeps an integer unsigned, and numba makes floats of both kinds together.
                return substituted("np.int64(x)", {"x": inner[0]})
            if dtype is DType.INT64 and (found := _of_literals(op, args, inner)) is not None:
                return found
            return _apply(op, inner, dtype, vectorised=vectorise)


def _of_literals(op: str, args: tuple[Expr, ...], inner: list[ast.expr]) -> ast.expr | None:
    """An operation on integers that are literals, which Python would compute with too many bits."""
    entry = ELEMENTWISE.get(BY_NAME[op]) if op in BY_NAME else None
    is_whole = entry is not None and len(entry.arguments) == len(args)
    if not is_whole or not all(a.dtype is DType.INT64 for a in args):
        return None
    numbers: list[np.int64] = []
    for part in inner:
        match part:
            case ast.Constant(int(value)):
                numbers.append(np.int64(value))
            case ast.UnaryOp(ast.USub(), ast.Constant(int(value))):
                numbers.append(np.int64(-value))
            case _:
                return None
    with np.errstate(all="ignore"):
        return number(str(int(ELEMENTWISE[BY_NAME[op]].evaluate(*numbers))), DType.INT64)


def spell_element(buffer: str, indices: tuple[Dim, ...]) -> str:
    """One element of a buffer."""
    return ast.unparse(_element(buffer, indices))


def spell_dim(dim: Dim) -> str:
    """A size or index."""
    return ast.unparse(parsed(str(dim)))


def spell_shape(shape: tuple[Dim, ...], spell_size: Callable[[Dim], str] = spell_dim) -> str:
    """A shape argument: a number for one axis, else a tuple."""
    if len(shape) == 1:
        return spell_size(shape[0])
    return f"({', '.join(map(spell_size, shape))})"


def spell_literal(value: float, dtype: DType) -> str:
    """A literal number of a dtype."""
    if dtype is DType.BOOL:
        return str(bool(value))
    text = repr(float(value)) if dtype.is_float else str(int(value))
    return ast.unparse(number(text, dtype))


def spell_opposite(expr: Expr) -> str:
    """The condition that an expression does not hold."""
    return ast.unparse(ast.UnaryOp(ast.Not(), tree(expr)))


def spell_pattern(pattern: str, parts: dict[str, ast.expr]) -> str:
    """A pattern with its names replaced by expressions, in parentheses where they need them."""
    return ast.unparse(substituted(pattern, parts))


def _element(buffer: str, indices: tuple[Dim, ...]) -> ast.expr:
    items = [parsed(spell_dim(d)) for d in indices]
    index = items[0] if len(items) == 1 else ast.Tuple(items)
    return ast.Subscript(ast.Name(buffer), index)


def number(text: str, dtype: DType) -> ast.expr:
    """A literal of a dtype."""
    if dtype in (DType.BOOL, DType.INT64):
        return parsed(text)
    if dtype.wraps:
        return parsed(f"np.{dtype.numpy_name}({text})")
    value = float(text)
    if math.isnan(value):
        plain = "math.nan"
    elif math.isinf(value):
        plain = "math.inf" if value > 0 else "-math.inf"
    else:
        plain = repr(value)
    return parsed(f"np.float32({plain})" if dtype is DType.FLOAT32 else plain)


def _apply(op: str, args: list[ast.expr], dtype: DType, *, vectorised: bool) -> ast.expr:
    if op == "cast":
        return substituted(CASTS[dtype], {"x": args[0]})
    entry = ELEMENTWISE[BY_NAME[op]]
    brought = vectorised and op in VECTORISED
    single = brought and op in SINGLE and dtype is DType.FLOAT32
    if op in OF_INTEGERS and dtype.is_integer:
        return substituted(OF_INTEGERS[op], dict(zip(entry.arguments, args, strict=True)))
    spelling = parsed(SINGLE[op] if single else VECTORISED[op] if brought else entry.spelling)
    if single or not (brought or entry.carried) or dtype is not DType.FLOAT32:
        return _Substitute(dict(zip(entry.arguments, args, strict=True))).visit(spelling)
    # What files bring along computes in double precision otherwise.
    doubles = [substituted(CASTS[DType.FLOAT64], {"x": a}) for a in args]
    value = _Substitute(dict(zip(entry.arguments, doubles, strict=True))).visit(spelling)
    return substituted(CASTS[dtype], {"x": value})


def substituted(text: str, values: dict[str, ast.expr]) -> ast.expr:
    """A pattern with its names replaced by expressions."""
    return _Substitute(values).visit(parsed(text))


def parsed(text: str) -> ast.expr:
    """An expression as a syntax tree."""
    # A fresh tree each time: substitution changes it.
    return ast.parse(text, mode="eval").body


class _Substitute(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`a and b and c` without parentheses, `low <= x < high` for two comparisons."""
        values: list[ast.expr] = []
        for value in (self.visit(v) for v in node.values):
            same = isinstance(value, ast.BoolOp) and type(value.op) is type(node.op)
            for own in value.values if same else [value]:
                between = _between(values[-1], own) if values else None
                if between is not None and isinstance(node.op, ast.And):
                    values[-1] = between
                else:
                    values.append(own)
        return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)


def _between(first: ast.expr, second: ast.expr) -> ast.expr | None:
    """`low <= x < high`, of `x >= low` and `x < high`."""
    match first, second:
        case ast.Compare(x, [ast.GtE()], [low]), ast.Compare(y, [ast.Lt()], [high]):
            same = isinstance(x, ast.Name) and ast.dump(x) == ast.dump(y)
            return ast.Compare(low, [ast.LtE(), ast.Lt()], [x, high]) if same else None
        case _:
            return None


def spell_text(text: str) -> str:
    """A string literal, in double quotes unless it holds some."""
    found = repr(text)
    return f'"{found[1:-1]}"' if found[0] == "'" and '"' not in text and "'" not in text else found
