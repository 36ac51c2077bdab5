"""The text of expressions for a device of many threads, from the same table as for the CPU.

Three things differ. No literal is of double precision in single precision code, since one would
take the whole expression with it. A choice between two values is `cuda.selp`, which evaluates both
and needs no branch; `and` and `or` become `&` and `|`, which need none either. Indices are
unsigned: numba then knows that they do not count from the end.
"""

from __future__ import annotations

import ast

from codegen_ad.emit.spell import CASTS, number, parsed, spell_literal, substituted
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.ops import BY_NAME, ELEMENTWISE
from codegen_ad.plan.kernel import Apply, Expr, Index, Load, Number, Var

# From 2**52 (2**23 in single precision) on every number is whole; NaN passes as it is.
_WHOLE = {DType.FLOAT64: "4503599627370496.0", DType.FLOAT32: "8388608.0"}

DEVICE = {
    "exp2": "math.exp2(x)",
    "cbrt": "cuda.cbrt(x)",
    "sign": "1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)",
    "floor": "x // 1.0 if abs(x) < WHOLE else x",
    "ceil": "-(-x // 1.0) if abs(x) < WHOLE else x",
    "trunc": "math.copysign(abs(x) // 1.0, x) if abs(x) < WHOLE else x",
    "rint": "math.copysign((abs(x) + WHOLE) - WHOLE, x) if abs(x) < WHOLE else x",
}
"""How operations are spelled whose entries name a function that a device does not have."""

_BITWISE: dict[type[ast.boolop], ast.operator] = {ast.And: ast.BitAnd(), ast.Or: ast.BitOr()}


def typed(line: str, dtype: DType) -> str:
    """An assignment, given as text, with literals of a dtype."""
    (statement,) = ast.parse(line).body
    assert isinstance(statement, ast.Assign | ast.AugAssign)
    statement.value = _Device(dtype).visit(statement.value)
    return ast.unparse(statement)


class DeviceSpelling:
    """Spells expressions; `unsigned` are the variables that hold unsigned integers."""

    def __init__(self, unsigned: set[str]) -> None:
        self.unsigned = unsigned

    def expression(self, expr: Expr) -> str:
        """An expression as Python source."""
        return ast.unparse(self._tree(expr))

    def opposite(self, expr: Expr) -> str:
        """The condition that an expression does not hold."""
        return ast.unparse(ast.UnaryOp(ast.Not(), self._tree(expr)))

    def element(self, buffer: str, indices: tuple[Dim, ...]) -> str:
        """One element of a buffer."""
        return ast.unparse(self._element(buffer, indices))

    def place(self, indices: tuple[Dim, ...]) -> str:
        """Where an element stands, as an argument."""
        return ast.unparse(self._place(indices))

    def index(self, dim: Dim) -> str:
        """An index: a number, or unsigned."""
        return ast.unparse(self._unsigned(dim))

    def _tree(self, expr: Expr) -> ast.expr:
        match expr:
            case Var(name):
                return ast.Name(name)
            case Number(text, dtype):
                return number(text, dtype)
            case Index(dim):
                return self._signed(dim)
            case Load(buffer, indices):
                return self._element(buffer, indices)
            case Apply(op, args, dtype):
                return _apply(op, [self._tree(a) for a in args], args[0].dtype, dtype)

    def _element(self, buffer: str, indices: tuple[Dim, ...]) -> ast.expr:
        return ast.Subscript(ast.Name(buffer), self._place(indices))

    def _place(self, indices: tuple[Dim, ...]) -> ast.expr:
        items = [self._unsigned(d) for d in indices]
        return items[0] if len(items) == 1 else ast.Tuple(items)

    def _unsigned(self, dim: Dim) -> ast.expr:
        if dim.is_constant or dim.name in self.unsigned:
            return parsed(str(dim))
        if self.unsigned.isdisjoint(dim.symbols()):
            return parsed(f"u64({dim})")
        return _Unsigned(self.unsigned).visit(parsed(str(dim)))

    def _signed(self, dim: Dim) -> ast.expr:
        """An index as a value: a signed integer, as the table's operations take it."""
        tree = parsed(str(dim))
        return (
            tree if self.unsigned.isdisjoint(dim.symbols()) else _Signed(self.unsigned).visit(tree)
        )


class _Unsigned(ast.NodeTransformer):
    """Makes all of an index expression unsigned: numba would take a mixed one for a float."""

    def __init__(self, unsigned: set[str]) -> None:
        self.unsigned = unsigned

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node if node.id in self.unsigned else parsed(f"u64({node.id})")

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return parsed(f"u64({node.value})")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        inner = self.visit(node.operand)
        return ast.BinOp(parsed("u64(0)"), ast.Sub(), inner)


class _Signed(ast.NodeTransformer):
    """Makes the unsigned variables of an index expression signed."""

    def __init__(self, unsigned: set[str]) -> None:
        self.unsigned = unsigned

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return parsed(f"np.int64({node.id})") if node.id in self.unsigned else node


def _apply(op: str, args: list[ast.expr], given: DType, dtype: DType) -> ast.expr:
    if op == "cast":
        return _cast(args[0], given, dtype)
    if op == "where" and dtype is DType.BOOL:
        return substituted("x if c else y", dict(zip("cxy", args, strict=True)))
    entry = ELEMENTWISE[BY_NAME[op]]
    named = dict(zip(entry.arguments, args, strict=True))
    if entry.carried and dtype is DType.FLOAT32:
        # What files bring along computes in double precision.
        doubles = {k: substituted(CASTS[DType.FLOAT64], {"x": a}) for k, a in named.items()}
        return substituted(CASTS[dtype], {"x": substituted(entry.spelling, doubles)})
    # Comparisons are about values of the dtype they are given.
    own = given if dtype is DType.BOOL else dtype
    text = DEVICE.get(op, entry.spelling) if own.is_float or op == "sign" else entry.spelling
    pattern = _Device(own).visit(parsed(text.replace("WHOLE", _WHOLE.get(own, "0"))))
    return substituted(ast.unparse(pattern), named)


def _cast(value: ast.expr, given: DType, dtype: DType) -> ast.expr:
    if given is DType.BOOL:
        one, zero = spell_literal(1, dtype), spell_literal(0, dtype)
        return substituted(f"cuda.selp(x, {one}, {zero})", {"x": value})
    if dtype is DType.BOOL:
        return substituted(f"x != {spell_literal(0, given)}", {"x": value})
    # NumPy's numbers divide by zero, in the simulator too.
    text = "np.float64(x)" if dtype is DType.FLOAT64 else CASTS[dtype]
    if given.wraps and dtype is DType.INT64:
        text = "np.int64(x)"
    return substituted(text, {"x": value})


class _Device(ast.NodeTransformer):
    """A table's spelling for a device: literals of the dtype, selections, no short circuits."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, bool) or self.dtype is DType.BOOL:
            return node
        return number(repr(node.value), self.dtype)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if ast.unparse(node) == "math.inf":
            return number("inf", self.dtype)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        parts = [self.visit(n) for n in (node.test, node.body, node.orelse)]
        return ast.Call(parsed("cuda.selp"), parts, [])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        first, *rest = (self.visit(v) for v in node.values)
        for value in rest:
            first = ast.BinOp(first, _BITWISE[type(node.op)], value)
        return first
