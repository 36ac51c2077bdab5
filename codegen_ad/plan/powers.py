"""Powers with integer exponents as products: `x ** 3`, and `x ** k` in a loop over `k`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops.constants import Literal
from codegen_ad.ops.unary import CAST
from codegen_ad.plan.access import NeedsStorage, Point, Pointwise, Same, access
from codegen_ad.plan.kernel import Apply, Assign, Expr, Let, Number, Var
from codegen_ad.plan.scope import Scope

if TYPE_CHECKING:
    from codegen_ad.plan.element import Elements

LARGEST_POWER = 32
"""Powers up to this exponent are products."""


def power(
    e: Elements,
    scope: Scope,
    power: tuple[Node, Point],
    base: tuple[Node, Point],
    exponent: tuple[Node, Point],
) -> Expr | None:
    """Powers with a known or a running integer exponent, as products."""
    dim = exponent_of(e, scope, *exponent)
    if dim is None:
        return None
    if dim.is_constant:
        if 0 <= dim.value <= LARGEST_POWER:
            return fixed_power(e, scope, power, *base, dim.value)
        return None
    return running_power(e, scope, power, *base, dim)


def exponent_of(e: Elements, scope: Scope, node: Node, point: Point) -> Dim | None:
    """The exponent as an index expression, if it is a whole number known now or from a loop."""
    if isinstance(node.params, Literal):
        value = float(node.params.value)
        return Dim.constant(int(value)) if value.is_integer() else None
    if node.op is CAST:
        step = access(node, point)
        assert isinstance(step, Pointwise)
        return e.index(scope, *step.operands[0])
    if node.op.kind is Kind.MOVEMENT:
        try:
            step = access(node, point)
        except NeedsStorage:
            return None  # of several arrays, joined in memory: no index of a loop
        return exponent_of(e, scope, step.node, step.point) if isinstance(step, Same) else None
    return None


def fixed_power(
    e: Elements, scope: Scope, power: tuple[Node, Point], node: Node, point: Point, exponent: int
) -> Expr:
    """A power with a known exponent, from smaller ones that are shared."""
    if exponent == 0:
        return Number("1.0", node.array.dtype)
    if exponent == 1:
        return e.value(scope, node, point)
    home = scope.home(point)
    key = (node, point, exponent)
    if key not in home.powers:
        half = exponent // 2
        low = fixed_power(e, scope, (node, point), node, point, half)
        high = fixed_power(e, scope, (node, point), node, point, exponent - half)
        name = e.names.fresh(*power)
        expr = Apply("multiply", (high, low), node.array.dtype)
        home.statements.append(Let(name, expr, power[0], e.note(power[0])))
        home.symbols.add(name)
        home.powers[key] = Var(name, node.array.dtype)
    return home.powers[key]


def running_power(
    e: Elements, scope: Scope, power: tuple[Node, Point], node: Node, point: Point, exponent: Dim
) -> Expr | None:
    """`base ** k` in a loop over `k` from 0: one product each time around."""
    for inner in scope.chain():
        loops = [s for s in exponent.symbols() if s in inner.extents]
        if inner.is_region or len(loops) != 1 or inner.parent is None:
            continue
        start = exponent - Dim.symbol(loops[0])
        if not start.is_constant or not 0 <= start.value <= LARGEST_POWER:
            return None
        if any(loops[0] in p.symbols() for p in point):
            return None
        key = (node, point, start.value)
        if key not in inner.powers:
            base = e.value(inner.parent, node, point)
            first = fixed_power(e, inner.parent, power, node, point, start.value)
            name = e.names.fresh(*power)
            variable = Var(name, node.array.dtype)
            note = e.note(power[0])
            inner.parent.statements.append(Assign((name,), (first,), note))
            step = Apply("multiply", (variable, base), node.array.dtype)
            inner.closing.append(Assign((name,), (step,), note))
            inner.powers[key] = variable
        return inner.powers[key]
    return None
