"""Loop nests: one nest fills one buffer or computes one reduction; nests over the same size fuse.

A nest has axes; an axis is bound when a loop over it is open. When all axes that need loops are
bound, what is left is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan import common_factors, shifted
from codegen_ad.plan.access import Point, Reduction, access, is_unrolled, unrolled_points
from codegen_ad.plan.accumulating import reduced_extents
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    Expr,
    For,
    Load,
    Note,
    Store,
    Var,
)
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope, Stored
from codegen_ad.plan.units import Keep, Local, Needs, Total

Place = Callable[[Scope, Point], Point]
Asked = Callable[[Point], Iterable[tuple[Node, Point]]]


@dataclass(frozen=True, slots=True)
class IntoBuffer:
    """Elements of a node go into a buffer, at `place(scope, point)`.

    `itself` says that the buffer is the node's own, so that its elements are computed, not read.
    `asked` gives the elements of indices that `place` asks for.
    """

    buffer: str
    place: Place
    accumulate: bool
    itself: bool
    asked: Asked = lambda _: ()


@dataclass(frozen=True, slots=True)
class IntoTotal:
    """Terms of a reduction go into a variable."""

    variable: Var
    how: str


@dataclass(frozen=True, slots=True)
class IntoTotals:
    """Terms of a reduction go into the elements of a buffer, which has these axes of the node."""

    buffer: str
    how: str
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IntoSum:
    """Sums of elements of several nodes go into a buffer, from the place `start` on.

    `terms` are the nodes, each with the place of its first element.
    """

    buffer: str
    start: Point
    terms: tuple[tuple[Node, Point], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Nest:
    """Axes to run over, with what is bound so far, and where the elements go.

    The axes are the node's own, followed by the reduced ones where the sink is a total.
    """

    node: Node
    extents: Shape
    values: tuple[Dim | None, ...]
    sink: IntoBuffer | IntoTotal | IntoTotals | IntoSum

    def open_axes(self) -> list[Dim]:
        """The sizes that still need a loop, in order."""
        return [
            e
            for e, v in zip(self.extents, self.values, strict=True)
            if v is None and not is_unrolled(e)
        ]

    def bind(self, extent: Dim, variable: Dim) -> Nest:
        """The nest inside a loop over its first open axis of this size."""
        values = list(self.values)
        for axis, (e, v) in enumerate(zip(self.extents, self.values, strict=True)):
            if v is None and e == extent:
                values[axis] = variable
                break
        return replace(self, values=tuple(values))

    def points(self, fresh: Callable[[Dim], Dim] | None = None) -> Iterator[Point]:
        """All points that are left; open axes get a fresh symbol each."""
        symbols = [
            fresh(e) if v is None and not is_unrolled(e) and fresh is not None else v
            for e, v in zip(self.extents, self.values, strict=True)
        ]
        missing = [a for a, v in enumerate(symbols) if v is None]
        for combination in unrolled_points(tuple(self.extents[a] for a in missing)):
            full = dict(zip(missing, combination, strict=True))
            yield tuple(full[a] if v is None else v for a, v in enumerate(symbols))

    def reduction_at(self, point: Point) -> tuple[Reduction, Point]:
        """For a total: the reduction and the point of its reduced axes."""
        rank = self.node.array.rank
        step = access(self.node, point[:rank])
        assert isinstance(step, Reduction)
        return step, point[rank:]


def needs_of(p: Planner, scope: Scope, nest: Nest, *, is_sweep: bool = False) -> Needs:
    """What the nest needs in this scope.

    Raises
    ------
    Keep
        If it asks for something at shifted places that is better kept. A sweep's other loops, along
        the edges, ask for it too, so it keeps more.
    """
    out = asked_by(p, scope, nest)
    node = _best_kept(p, scope, nest, out, is_sweep)
    if node is not None:
        raise Keep(node, None if scope.is_region else scope.depth)
    return out


def _best_kept(p: Planner, scope: Scope, nest: Nest, asked: Needs, is_sweep: bool) -> Node | None:
    """What of that which the nest asks for at shifted places is best kept here, if anything is.

    What is shifted along inner loops alone is left to the scopes inside, so that the outermost
    loop keeps its own part only; a sweep has several such loops.
    """
    if not nest.open_axes() or not shifted.may_be(asked.seen):
        return None
    first, variables = first_axis(p, nest), dict[Dim, str]()

    def fresh(extent: Dim) -> Dim:
        variable = p.walker.fresh(extent)
        variables.setdefault(extent, str(variable.name))
        return variable

    roots: list[tuple[Node, Point]] = []
    for point in nest.points(fresh):
        match nest.sink:
            case IntoBuffer():
                roots.append((nest.node, point))
            case IntoSum(terms=terms):
                roots += [(n, _moved(at, point)) for n, at in terms]
            case _:
                reduction, reduced = nest.reduction_at(point)
                roots += reduction.operands_at(reduced)
    itself = nest.node if isinstance(nest.sink, IntoBuffer) and nest.sink.itself else None

    def stands(node: Node, point: Point) -> bool:
        return node is not itself and (
            scope.value(node, point) is not None
            or scope.place(node, point) is not None
            or node in p.marks.local
            or p.walker.needs_buffer(node)
        )

    graph = shifted.Graph(stands, p.walker.fresh)
    along = None if is_sweep else variables[first]
    return graph.worth_keeping(roots, along, 2 if is_sweep else shifted.LEAST)


def asked_by(p: Planner, scope: Scope, nest: Nest) -> Needs:
    """What the nest asks for in this scope, whatever that costs."""
    out = Needs()
    for point in nest.points(p.walker.fresh):
        match nest.sink:
            case IntoBuffer(itself=True):
                p.walker.inside(scope, nest.node, point, out)
            case IntoBuffer(asked=asked):
                p.walker.element(scope, nest.node, point, None, out)
                for index, there in asked(point):
                    p.walker.element(scope, index, there, None, out)
            case IntoSum(terms=terms):
                for node, first in terms:
                    p.walker.element(scope, node, _moved(first, point), None, out)
            case _:
                reduction, reduced = nest.reduction_at(point)
                for arg, there in reduction.operands_at(reduced):
                    p.walker.element(scope, arg, there, None, out)
    return out


def fill(p: Planner, scope: Scope, node: Node) -> Nest:
    """A nest that fills a new buffer with `node`: element by element, or adding up row by row."""
    shape = node.array.shape
    if p.walker.accumulates(node):
        buffer = p.allocate(scope, node, shape, node.array.dtype, _start(node))
        extents = (*shape, *reduced_extents(node))
        sink = IntoTotals(buffer, how_combined(node), tuple(range(len(shape))))
        return Nest(node, extents, (None,) * len(extents), sink)
    buffer = p.allocate(scope, node, shape, node.array.dtype)
    sink = IntoBuffer(buffer, lambda _, point: point, accumulate=False, itself=True)
    return Nest(node, shape, (None,) * len(shape), sink)


def fill_local(p: Planner, scope: Scope, unit: Local) -> tuple[Nest, Stored]:
    """A nest that fills a buffer with the part of a node that a loop body uses repeatedly."""
    node = unit.node
    axes = tuple(a for a, v in enumerate(unit.pattern) if v is None)
    shape = tuple(node.array.shape[a] for a in axes)
    start = _start(node) if p.walker.accumulates(node, shape) else None
    buffer = p.allocate(scope, node, shape, node.array.dtype, start)
    return of_local(p, unit, buffer, axes), Stored(buffer, axes, owned=True)


def of_local(p: Planner, unit: Local, buffer: str, axes: tuple[int, ...]) -> Nest:
    """A nest that puts the part of a node that a loop body uses into a buffer of these axes."""
    node, pattern = unit.node, unit.pattern
    shape = node.array.shape
    kept = [d for d, v in zip(shape, pattern, strict=True) if v is None]
    if p.walker.accumulates(node, kept):
        gone = reduced_extents(node)
        totals = IntoTotals(buffer, how_combined(node), axes)
        return Nest(node, (*shape, *gone), (*pattern, *(None for _ in gone)), totals)
    sink = IntoBuffer(buffer, lambda _, q: tuple(q[a] for a in axes), accumulate=False, itself=True)
    return Nest(node, shape, pattern, sink)


def how_combined(node: Node) -> str:
    """How the terms of a reduction or a contraction are put together."""
    return "sum" if node.op.kind is Kind.CONTRACT else node.op.name


def _start(node: Node) -> float:
    """What a reduction starts from; of integers exactly, 2**63 - 1 is no float."""
    start = identity(how_combined(node), node.array.dtype)
    if start.dtype is DType.BOOL:
        return start.text == "True"
    return int(start.text) if start.dtype.is_integer else float(start.text)


def total(p: Planner, scope: Scope, unit: Total) -> Nest:
    """A nest that computes one element of a reduction; its variable starts at the identity."""
    node = unit.node
    how = how_combined(node)
    variable = Var(p.names.fresh(node, unit.point), node.array.dtype)
    start = identity(how, node.array.dtype)
    scope.statements.append(Assign((variable.name,), (start,), p.elements.note(node)))
    extents = (*node.array.shape, *reduced_extents(node))
    gone = (None,) * (len(extents) - len(unit.point))
    return Nest(node, extents, (*unit.point, *gone), IntoTotal(variable, how))


def partition(p: Planner, nests: list[Nest]) -> list[tuple[Dim | None, list[Nest]]]:
    """Nests that run in one loop, with the loop's size; None for nests that need no loop here."""
    groups: list[tuple[Dim | None, list[Nest]]] = []
    rest = list(nests)
    while rest:
        if not rest[0].open_axes():
            groups.append((None, [rest.pop(0)]))
            continue
        extent = first_axis(p, rest[0])
        members = [n for n in rest if extent in n.open_axes()]
        groups.append((extent, members))
        rest = [n for n in rest if n not in members]
    return groups


def first_axis(p: Planner, nest: Nest) -> Dim:
    """The size of the axis whose loop is opened first."""
    axes = nest.open_axes()
    if isinstance(nest.sink, IntoTotals):
        return min(axes, key=lambda e: (p.walker.rank(e), axes.index(e)))
    return axes[0]


def open_loop(p: Planner, scope: Scope, extent: Dim) -> tuple[Scope, Dim]:
    """The scope of a loop over `extent`, and its variable."""
    name = p.names.fresh()
    inner = Scope(scope, is_region=False, symbols={name}, extents={name: extent})
    return inner, Dim.symbol(name)


def close_loop(scope: Scope, inner: Scope, variable: Dim, extent: Dim, note: Note) -> None:
    """Put the finished loop into the scope around it."""
    assert variable.name is not None
    scope.statements.append(For(variable.name, extent, inner.statements + inner.closing, note))


def write_out(p: Planner, scope: Scope, nest: Nest) -> None:
    """The statements of a nest whose loops are all open."""
    note = p.elements.note(nest.node)
    match nest.sink:
        case IntoBuffer(buffer, place, accumulate, itself):
            # All elements before the first store: they may read what is written.
            ready: list[tuple[Point, Expr]] = []
            for point in nest.points():
                get = p.elements.compute if itself else p.elements.value
                expr = get(scope, nest.node, point)
                ready.append((place(scope, point), expr))
            for indices, expr in ready:
                if accumulate:
                    target = Load(buffer, indices, nest.node.array.dtype)
                    scope.statements.append(Accumulate(target, "sum", expr, note))
                else:
                    scope.statements.append(Store(buffer, indices, expr, note))
        case IntoTotal(variable, how):
            terms = [_term(p, scope, nest, q) for q in nest.points()]
            if how == "sum" and terms:
                whole = terms[0]
                for term in terms[1:]:
                    whole = Apply("add", (whole, term), variable.dtype)
                terms = [whole]
            scope.statements.extend(Accumulate(variable, how, term, note) for term in terms)
        case IntoSum(buffer, start, terms):
            sums: list[tuple[Point, Expr]] = []
            for point in nest.points():
                whole = common_factors.total(p, scope, [(n, _moved(at, point)) for n, at in terms])
                sums.append((_moved(start, point), whole))
            scope.statements.extend(Store(buffer, at, expr, note) for at, expr in sums)
        case IntoTotals(buffer, how, axes):
            for point in nest.points():
                target = Load(buffer, tuple(point[a] for a in axes), nest.node.array.dtype)
                term = _term(p, scope, nest, point)
                scope.statements.append(Accumulate(target, how, term, note))


def _moved(point: Point, by: Point) -> Point:
    return tuple(x + y for x, y in zip(point, by, strict=True))


def _term(p: Planner, scope: Scope, nest: Nest, point: Point) -> Expr:
    reduction, reduced = nest.reduction_at(point)
    return p.elements.product(scope, reduction, reduced)
