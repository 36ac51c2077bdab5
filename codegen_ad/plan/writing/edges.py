"""The few elements near the ends of an axis, those at its beginning and at its end in one loop."""

from __future__ import annotations

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import Apply, Assign, Expr, Index, Note
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope


def count(
    p: Planner, scope: Scope, size: Dim, most: int, note: Note, wanted: Expr | None = None
) -> Dim:
    """How many elements there are near the ends: `most`, or all where the axis is shorter.

    All, too, unless what is `wanted` holds.
    """
    name = p.names.fresh()
    p.names.wishes[name] = ("edge",)
    both = Index(Dim.constant(most))
    is_long = Apply("less", (both, Index(size)), DType.BOOL)
    if wanted is not None:
        is_long = Apply("logical_and", (is_long, wanted), DType.BOOL)
    shortest = Apply("where", (is_long, both, Index(size)), DType.INT64)
    scope.statements.append(Assign((name,), (shortest,), note))
    return Dim.symbol(name)


def place(
    p: Planner, scope: Scope, axis: tuple[Dim, int, int], edge: Dim, number: Dim, note: Note
) -> Dim:
    """Where element `number` of the `edge` ones near the ends stands.

    `axis` is the size, and how many elements are near its beginning, and near its end.
    """
    size, low, high = axis
    if not high:
        return number
    name = p.names.fresh()
    p.names.wishes[name] = ("place",)
    from_end = Index(size - edge + number)
    near = Apply("less", (Index(number), Index(Dim.constant(low))), DType.BOOL)
    where = Apply("where", (near, Index(number), from_end), DType.INT64)
    scope.statements.append(Assign((name,), (where if low else from_end,), note))
    scope.symbols.add(name)
    return Dim.symbol(name)
