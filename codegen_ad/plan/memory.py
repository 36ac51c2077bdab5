"""Nodes that stand in memory without being filled element by element.

Reshapes are views, concatenations are filled piece by piece, and whole-array operations are calls.
Updates and scatters are in `writes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import make
from codegen_ad.ops.indexing import UPDATE
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE, Axis
from codegen_ad.ops.scan import ARGSORT
from codegen_ad.plan import library, nests
from codegen_ad.plan.access import NeedsStorage, Point, access, is_unrolled, joined, merged
from codegen_ad.plan.accumulating import reduced_extents
from codegen_ad.plan.element import free_points, identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    Load,
    Store,
    Var,
    View,
)
from codegen_ad.plan.nests import IntoBuffer, Nest
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope, Stored
from codegen_ad.plan.units import (
    Needs,
    is_accumulating,
    is_pieces,
    is_view,
    is_whole,
    stored_whole,
)

if TYPE_CHECKING:
    pass

Run = Callable[[Planner, Scope, Sequence[Nest]], None]
Moved = Callable[[Point], Point]


def is_filled(p: Planner, node: Node) -> bool:
    """Whether a buffer of the node is filled element by element, in a loop nest."""
    if is_whole(node, p.blas) or node.op is INPUT or _adds_to_carried(p, node):
        return False
    try:
        for point in free_points(node.array.shape, p.walker.fresh):
            access_or_constant(node, point)
    except NeedsStorage as cause:
        if cause.node is not node:
            raise
        return False
    return True


def _adds_to_carried(p: Planner, node: Node) -> bool:
    """Whether an array is what a loop carries, with something added: that is done in place."""
    while node.op is UPDATE and is_accumulating(node):
        (node, _) = node.args
        if node in p.totals:
            return True
    return False


def access_or_constant(node: Node, point: Point) -> None:
    """Raise `NeedsStorage` if an element of the node can't be computed by index arithmetic."""
    if node.op.kind is not Kind.CONSTANT:
        access(node, point)


def constant_buffer(p: Planner, scope: Scope, node: Node) -> Stored | None:
    """Memory for an array filled with one literal."""
    value = make.constant_value(node) if node.op is BROADCAST_TO else None
    if value is None:
        return None
    buffer = p.allocate(scope, node, node.array.shape, node.array.dtype, float(value))
    return stored_whole(node, buffer, owned=True)


def needs_of(p: Planner, scope: Scope, node: Node) -> Needs:
    """What a buffer of the node needs."""
    out = Needs()
    if is_filled(p, node):
        if make.constant_value(node) is not None:
            return out
        if p.walker.accumulates(node):
            extents = (*node.array.shape, *reduced_extents(node))
            sink: Any = nests.IntoTotals("", "sum", ())
        else:
            extents = node.array.shape
            sink = IntoBuffer("", lambda _, q: q, accumulate=False, itself=True)
        return nests.needs_of(p, scope, Nest(node, extents, (None,) * len(extents), sink))
    for arg in node.args:
        if is_pieces(node):
            elements_of(p, scope, (_piece(p, arg)[0],), out)
        else:
            p.walker.whole(scope, arg, out)
    return out


def elements_of(p: Planner, scope: Scope, nodes: Iterable[Node], out: Needs) -> None:
    """Add what all elements of some nodes need; what several of them are made of is met once."""
    places: dict[tuple[int, Dim], Dim] = {}
    for node in nodes:
        axes = iter(
            places.setdefault((axis, extent), p.walker.fresh(extent))
            for axis, extent in enumerate(node.array.shape)
            if not is_unrolled(extent)
        )
        for point in free_points(node.array.shape, lambda _, axes=axes: next(axes)):
            p.walker.element(scope, node, point, None, out)


def emit(p: Planner, scope: Scope, node: Node, *, run: Run) -> None:
    """Give the node its memory and fill it."""
    if is_view(node):
        source = scope.stored[node.args[0]]
        name = p.names.fresh(node)
        note = p.elements.note(node)
        scope.statements.append(View(name, source.buffer, node.array.shape, note))
        scope.stored[node] = stored_whole(node, name, owned=False)
    elif is_pieces(node):
        _pieces(p, scope, node, run)
    elif node.op.kind is Kind.CONTRACT:
        library.product(p, scope, node)
    elif node.op.kind is Kind.SCAN and node.op is not ARGSORT:
        _scan(p, scope, node)
    else:
        library.emit(p, scope, node, {0: node})


def _pieces(p: Planner, scope: Scope, node: Node, run: Run) -> None:
    assert isinstance(node.params, Axis)
    axis = node.params.axis
    buffer = p.allocate(scope, node, node.array.shape, node.array.dtype)
    offset = ZERO
    parts: list[Nest] = []
    for part in node.args:
        source, there = _piece(p, part)

        def place(_: Scope, point: Point, offset: Dim = offset, there: Moved = there) -> Point:
            point = there(point)
            return (*point[:axis], point[axis] + offset, *point[axis + 1 :])

        shape = source.array.shape
        sink = IntoBuffer(buffer, place, accumulate=False, itself=False)
        parts.append(Nest(source, shape, (None,) * len(shape), sink))
        offset = offset + part.array.shape[axis]
    run(p, scope, parts)
    scope.stored[node] = stored_whole(node, buffer, owned=True)


def _piece(p: Planner, part: Node) -> tuple[Node, Moved]:
    """What a piece consists of, and where in the piece each of its elements stands.

    A piece that joins axes, such as `errors.ravel()`, is filled from what it is of.
    """
    if part.op is not RESHAPE or p.marks.holds(part):
        return part, lambda point: point
    (source,) = part.args
    groups = merged(source.array.shape, part.array.shape)
    if groups is None:
        return part, lambda point: point
    shape = source.array.shape

    def there(point: Point) -> Point:
        return tuple(
            joined(tuple(point[a] for a in group), tuple(shape[a] for a in group))
            for group in groups
        )

    return source, there


def _scan(p: Planner, scope: Scope, node: Node) -> None:
    assert isinstance(node.params, Axis)
    axis, dtype = node.params.axis, node.array.dtype
    how = "sum" if node.op.name == "cumsum" else "prod"
    source = scope.stored[node.args[0]].buffer
    buffer = p.allocate(scope, node, node.array.shape, dtype)
    note = p.elements.note(node)
    inner, point = scope, dict[int, Dim]()
    opened: list[tuple[Scope, Scope, Dim, Dim]] = []
    for a in [*(a for a in range(node.array.rank) if a != axis), axis]:
        if a == axis:
            running = Var(p.names.fresh(node), dtype)
            inner.statements.append(Assign((running.name,), (identity(how, dtype),), note))
        extent = node.array.shape[a]
        outer = inner
        inner, point[a] = nests.open_loop(p, outer, extent)
        opened.append((outer, inner, point[a], extent))
    place = tuple(point[a] for a in range(node.array.rank))
    running = Var(running.name, dtype)  # pyright: ignore[reportPossiblyUnboundVariable]
    inner.statements.append(Accumulate(running, how, Load(source, place, dtype), note))
    inner.statements.append(Store(buffer, place, running, note))
    for outer, body, variable, extent in reversed(opened):
        nests.close_loop(outer, body, variable, extent, note)
    scope.stored[node] = stored_whole(node, buffer, owned=True)


def row_store(p: Planner, node: Node, buffer: str, row: Point) -> Nest:
    """A nest that puts a node into one row of a stack."""
    shape = node.array.shape
    sink = IntoBuffer(buffer, lambda _, q: (*row, *q), accumulate=False, itself=False)
    return Nest(node, shape, (None,) * len(shape), sink)


def allocated(scope: Scope, buffer: str) -> Allocate | None:
    """The allocation of a buffer, if it stands in this scope's statements."""
    for statement in scope.statements:
        if isinstance(statement, Allocate) and statement.buffer == buffer:
            return statement
    return None
