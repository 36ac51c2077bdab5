"""Nodes that stand in memory without being filled element by element.

Updates and scatters write into their argument's memory where nothing reads the old value any more,
reshapes are views, concatenations are filled piece by piece, and whole-array operations are calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import make
from codegen_ad.ops.control import Loop, While
from codegen_ad.ops.indexing import UPDATE, Update
from codegen_ad.ops.movement import BROADCAST_TO, Axis
from codegen_ad.ops.scan import ARGSORT
from codegen_ad.plan import library, nests
from codegen_ad.plan.access import NeedsStorage, Point, access, aligned, is_unrolled
from codegen_ad.plan.element import free_points, identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    CopyInto,
    Load,
    Store,
    Var,
    View,
)
from codegen_ad.plan.nests import IntoBuffer, Nest
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope, Stored
from codegen_ad.plan.units import (
    Buffer,
    Needs,
    Scalar,
    Structured,
    is_accumulating,
    is_pieces,
    is_view,
    is_whole,
    stored_whole,
    written_in_place,
)

if TYPE_CHECKING:
    from codegen_ad.plan.schedule import Item, Work

Run = Callable[[Planner, Scope, Sequence[Nest]], None]


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
    """Whether a small array is what a loop carries, with something added: that is done in place."""
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
        accumulated = node.op.kind in (Kind.REDUCE, Kind.CONTRACT) and p.walker.accumulates(node)
        if accumulated:
            extents = (*node.array.shape, *nests.reduced_extents(node))
            sink: Any = nests.IntoTotals("", "sum")
        else:
            extents = node.array.shape
            sink = IntoBuffer("", lambda _, q: q, accumulate=False, itself=True)
        return nests.needs_of(p, scope, Nest(node, extents, (None,) * len(extents), sink))
    target = written_in_place(node)
    if target is None:
        for arg in node.args:
            if is_pieces(node):
                _elements_of(p, scope, arg, out)
            else:
                p.walker.whole(scope, arg, out)
        return out
    p.walker.whole(scope, target, out)
    out.reads.setdefault(target, set())
    values = Needs()
    for written in node.args[1:]:
        _elements_of(p, scope, written, values)
    if target in values.reads:
        _check_overlap(p, scope, node, target)
    out.add(values)
    return out


def _elements_of(p: Planner, scope: Scope, node: Node, out: Needs) -> None:
    for point in free_points(node.array.shape, p.walker.fresh):
        p.walker.element(scope, node, point, None, out)


def _check_overlap(p: Planner, scope: Scope, node: Node, target: Node) -> None:
    """Values that read what is being overwritten get memory, except element by element."""
    values = node.args[1]
    points = list(free_points(values.array.shape, p.walker.fresh))
    if all(is_unrolled(d) for d in values.array.shape):
        return  # all values are computed before the first is stored
    if values is target:
        return  # the target itself is copied
    for point in points:
        out = Needs()
        p.walker.element(scope, values, point, None, out)
        reads = out.reads.get(target, set())
        written = _update_place(node, point) if isinstance(node.params, Update) else None
        if any(read != written for read in reads):
            raise NeedsStorage(values)


def _update_place(node: Node, point: Point) -> Point:
    assert isinstance(node.params, Update)
    spans = node.params.spans
    return tuple(
        ZERO if d == Dim.constant(1) else s.start + q * s.step
        for d, s, q in zip(node.array.shape, spans, point, strict=True)
    )


def order_writes(p: Planner, scope: Scope, work: Work) -> None:
    """Let everything that reads an old value come before the write over it, or have it copied."""
    region = p.region(scope)
    for item in list(work.needs):
        for target in _overwritten(p, item):
            readers: list[Item] = [
                other
                for other, needs in work.needs.items()
                if other is not item and target in needs.reads
            ]
            maker: Item = (
                Structured(target.args[0]) if target.op.kind is Kind.RESULT else Buffer(target)
            )
            readers = [r for r in readers if r != maker]
            conflict = (
                not _is_owned(p, scope, target, work)
                or target in region.outputs
                or _writes_itself(item, target)
                or any(is_view(user) for user in region.users[target])
            )
            late = [r for r in readers if work.depends(r, item)]
            if conflict or (late and not _read_before(p, scope, work, item, target)):
                work.copies.add((item, target))
            else:
                work.after[item].update(r for r in readers if r not in late)


def _writes_itself(item: Item, target: Node) -> bool:
    """Whether what is written into a value is that value, elsewhere."""
    return isinstance(item, Buffer) and item.node.args[1] is target


def _read_before(p: Planner, scope: Scope, work: Work, item: Item, target: Node) -> bool:
    """Whether little is read of a value, and can be read before `item` writes over it.

    A row or an element that is needed later is kept, in place of the whole array.
    """
    users = [u for u in p.region(scope).users[target] if u is not item.node]
    for user in users:
        if user.regions or user.op.kind is Kind.RESULT or written_in_place(user) is target:
            return False
        if _open_axes(user) >= _open_axes(target):
            return False
    for user in users:
        if user.array.shape and user not in p.marks.full:
            raise NeedsStorage(user)
        unit: Item = Buffer(user) if user.array.shape else Scalar(user)
        if unit not in work.needs:
            needs = Needs()
            p.walker.element(scope, user, (), None, needs)
            if not all(u in work.needs for u in needs.units):
                return False
            work.needs[unit] = needs
            work.after[unit] = {u for u in needs.units if u != unit}
        if work.depends(unit, item):
            return False
        work.after[item].add(unit)
    return True


def _open_axes(node: Node) -> int:
    """How many of a node's axes are not short."""
    return sum(not is_unrolled(d) for d in node.array.shape)


def _overwritten(p: Planner, item: Item) -> list[Node]:
    """The nodes in whose memory an item would write: a target, or what a loop begins with."""
    match item:
        case Buffer(node) if not is_filled(p, node):
            target = written_in_place(node)
            return [] if target is None else [target]
        case Structured(node) if isinstance(node.params, Loop | While):
            first = 1 if isinstance(node.params, Loop) else 0
            init = node.args[first : first + node.params.carried]
            return [a for a in init if a.array.shape and node.args.count(a) == 1]
        case _:
            return []


def _is_owned(p: Planner, scope: Scope, node: Node, work: Work) -> bool:
    place = scope.stored.get(node)
    if place is not None:
        return place.owned
    return node.op.kind is Kind.RESULT or (Buffer(node) in work.needs and not is_view(node))


def emit(p: Planner, scope: Scope, node: Node, *, copy: bool, run: Run) -> None:
    """Give the node its memory and fill it."""
    if written_in_place(node) is not None:
        _write(p, scope, node, copy=copy, run=run)
    elif is_view(node):
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


def _write(p: Planner, scope: Scope, node: Node, *, copy: bool, run: Run) -> None:
    target, values, *indices = node.args
    note = p.elements.note(node)
    buffer = scope.stored[target].buffer
    if copy:
        fresh = p.allocate(scope, node, node.array.shape, node.array.dtype)
        scope.statements.append(CopyInto(fresh, buffer, note))
        buffer = fresh

    def place(inner: Scope, point: Point) -> Point:
        if isinstance(node.params, Update):
            return _update_place(node, point)
        head = len(point) - (target.array.rank - len(indices))
        where = tuple(
            p.elements.checked(inner, i, aligned(i, point[:head]), dim, axis, node)
            for axis, (i, dim) in enumerate(zip(indices, target.array.shape, strict=False))
        )
        return (*where, *point[head:])

    sink = IntoBuffer(buffer, place, accumulate=is_accumulating(node), itself=False)
    shape = values.array.shape
    run(p, scope, [Nest(values, shape, (None,) * len(shape), sink)])
    scope.stored[node] = stored_whole(node, buffer, owned=True)


def _pieces(p: Planner, scope: Scope, node: Node, run: Run) -> None:
    assert isinstance(node.params, Axis)
    axis = node.params.axis
    buffer = p.allocate(scope, node, node.array.shape, node.array.dtype)
    offset = ZERO
    parts: list[Nest] = []
    for part in node.args:

        def place(_: Scope, point: Point, offset: Dim = offset) -> Point:
            return (*point[:axis], point[axis] + offset, *point[axis + 1 :])

        shape = part.array.shape
        sink = IntoBuffer(buffer, place, accumulate=False, itself=False)
        parts.append(Nest(part, shape, (None,) * len(shape), sink))
        offset = offset + shape[axis]
    run(p, scope, parts)
    scope.stored[node] = stored_whole(node, buffer, owned=True)


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


def row_store(p: Planner, node: Node, buffer: str, row: Dim) -> Nest:
    """A nest that puts a node into one row of a stack."""
    shape = node.array.shape
    sink = IntoBuffer(buffer, lambda _, q: (row, *q), accumulate=False, itself=False)
    return Nest(node, shape, (None,) * len(shape), sink)


def allocated(scope: Scope, buffer: str) -> Allocate | None:
    """The allocation of a buffer, if it stands in this scope's statements."""
    for statement in scope.statements:
        if isinstance(statement, Allocate) and statement.buffer == buffer:
            return statement
    return None
