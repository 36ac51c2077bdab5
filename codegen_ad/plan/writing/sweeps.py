"""Updates of shifted parts of one array, as one sweep over the array that gathers their values.

The adjoint of `u[2:] - 2 * u[1:-1] + u[:-2]` adds to three parts of an array. Where all parts meet,
each element is computed at once from what goes into it. Near the edges, each update asks whether
the element is in its part. Near those of the last of several axes no one has to ask: the few
elements are written out one by one, for they are far apart in memory, and cost most. The same is
done for an update that reads, around each place, the array that it writes into: it goes into a
second array, and what it does not write is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.indexing import UPDATE, Update
from codegen_ad.plan.access import Point, is_unrolled, unrolled_points
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import Apply, Expr, If, Index, Store
from codegen_ad.plan.nests import IntoBuffer, IntoSum, Nest, close_loop, open_loop
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.units import is_accumulating
from codegen_ad.plan.writing import edges
from codegen_ad.plan.writing.written import Sweep

WIDEST = 8
"""As many elements may lie outside of a part, at both ends of an axis together."""

WRITTEN_OUT = 4
"""As many of them may be written out one by one; more would make the file long."""

Run = Callable[[Planner, Scope, Sequence[Nest]], None]


def margins(link: Node) -> list[tuple[int, int]] | None:
    """How many elements an update leaves out at the ends of each axis, if only a few."""
    if link.op is not UPDATE:
        return None
    assert isinstance(link.params, Update)
    found: list[tuple[int, int]] = []
    for dim, span in zip(link.array.shape, link.params.spans, strict=True):
        rest = dim - span.start - span.length
        if span.step != 1 or not span.start.is_constant or not rest.is_constant:
            return None
        outside = (span.start.value, rest.value)
        if sum(outside) > (0 if is_unrolled(dim) else WIDEST) or min(outside) < 0:
            return None
        found.append(outside)
    return found


def sweep(target: Node, links: Sequence[Node]) -> Sweep | None:
    """The sweep that does these updates; None if they leave out more than a few elements."""
    known = [margins(link) for link in links]
    if any(m is None for m in known):
        return None
    axes = range(target.array.rank)
    low = tuple(max(m[a][0] for m in known if m is not None) for a in axes)
    high = tuple(max(m[a][1] for m in known if m is not None) for a in axes)
    return Sweep(target, tuple(links), low, high)


def main_nest(found: Sweep, buffer: str) -> Nest:
    """The nest that does all but the edges."""
    sink = IntoSum(buffer, found.start, _terms(found.target, found.links, found.start))
    shape = found.extents
    return Nest(found.links[-1], shape, (None,) * len(shape), sink)


def _terms(target: Node, links: Sequence[Node], first: Point) -> tuple[tuple[Node, Point], ...]:
    """What is added up where the parts of `links` meet, from `first`, an element of the target, on.

    Each node comes with the place of its element there.
    """
    adding = [(target, first)]
    for link in links:
        if not is_accumulating(link):
            adding.clear()
        adding.append((link.args[1], _within(link, first)))
    some = [(n, at) for n, at in adding if make.constant_value(n) != 0]
    return tuple(some or adding[:1])


def _within(link: Node, point: Point) -> Point:
    """The element of an update's values that goes to a point of the array."""
    assert isinstance(link.params, Update)
    return tuple(p - s.start for p, s in zip(point, link.params.spans, strict=True))


def ends(p: Planner, scope: Scope, found: Sweep, buffer: str, run: Run) -> None:
    """Fill what the main nest leaves out: for each axis the elements near its ends.

    On the axes before, only the elements that are near no end are left. Where the elements near the
    ends of the last axis are written out, it must have so many; if it is shorter, all elements
    count as near the ends of the first axis.
    """
    outside = [low + high for low, high in zip(found.low, found.high, strict=True)]
    axes = [axis for axis, count in enumerate(outside) if count]
    if len(axes) < 2 or outside[axes[-1]] > WRITTEN_OUT:
        for axis in axes:
            _edge(p, scope, found, axis, buffer, run)
        return
    first, *middle, last = axes
    least = Index(Dim.constant(outside[last])), Index(found.target.array.shape[last])
    is_long = Apply("less_equal", least, DType.BOOL)
    _edge(p, scope, found, first, buffer, run, is_long)
    if middle:
        inside = Scope(scope, is_region=False, is_guarded=True)
        for axis in middle:
            _edge(p, inside, found, axis, buffer, run)
        note = p.elements.note(found.links[-1])
        scope.statements.append(If(is_long, inside.statements + inside.closing, [], note))
    _written_out(p, scope, found, last, is_long, buffer, run)


def _written_out(
    p: Planner, scope: Scope, found: Sweep, axis: int, is_long: Expr, buffer: str, run: Run
) -> None:
    """The elements near the ends of the last axis that has any, each by itself."""
    shape = found.target.array.shape
    note = p.elements.note(found.links[-1])
    trips: list[Dim | None] = [None] * len(shape)
    opened: list[tuple[Scope, Scope, Dim, Dim]] = []
    inner = scope
    for a in range(axis):
        if not is_unrolled(shape[a]):
            outer, extent = inner, found.extents[a]
            inner, trip = open_loop(p, outer, extent)
            opened.append((outer, inner, trip, extent))
            trips[a] = trip
    trips[axis] = ZERO
    inside = Scope(inner, is_region=False, is_guarded=True)
    for number in (*range(found.low[axis]), *range(-found.high[axis], 0)):
        place = Dim.constant(number) if number >= 0 else shape[axis] + number
        start = (*found.start[:axis], place, *found.start[axis + 1 :])
        links = [link for link in found.links if _reaches(link, axis, number)]
        terms = _terms(found.target, links, start)
        if terms == ((found.target, start),) and _is_in(scope, found.target, start, buffer):
            continue
        sink = IntoSum(buffer, start, terms)
        run(p, inside, [Nest(found.links[-1], found.extents, tuple(trips), sink)])
    if inside.statements:
        inner.statements.append(If(is_long, inside.statements + inside.closing, [], note))
    for outer, body, trip, extent in reversed(opened):
        close_loop(outer, body, trip, extent, note)


def _reaches(link: Node, axis: int, number: int) -> bool:
    """Whether an update writes an element of a long axis; a negative number counts from the end."""
    low, high = (margins(link) or [])[axis]
    return number >= low if number >= 0 else -number > high


def _is_in(scope: Scope, node: Node, point: Point, buffer: str) -> bool:
    """Whether an element stands in a buffer already."""
    place = scope.place(node, point)
    return place is not None and place.buffer == buffer


def _edge(
    p: Planner,
    scope: Scope,
    found: Sweep,
    axis: int,
    buffer: str,
    run: Run,
    is_long: Expr | None = None,
) -> None:
    """The elements near the ends of an axis: all of it, if it is short, or if others are."""
    note = p.elements.note(found.links[-1])
    low, high, size = found.low[axis], found.high[axis], found.target.array.shape[axis]
    count = edges.count(p, scope, size, low + high, note, is_long)
    shape = found.target.array.shape
    inner, point = scope, dict[int, Dim]()
    opened: list[tuple[Scope, Scope, Dim, Dim]] = []
    for a, dim in enumerate(shape):
        if is_unrolled(dim):
            continue
        extent = found.extents[a] if a < axis else count if a == axis else dim
        outer = inner
        inner, trip = open_loop(p, outer, extent)
        opened.append((outer, inner, trip, extent))
        point[a] = trip
        if a < axis:
            point[a] += found.low[a]
        if a == axis:
            point[a] = edges.place(p, inner, (size, low, high), count, trip, note)
    written_out = [a for a in range(len(shape)) if a not in point]
    for places in unrolled_points(tuple(shape[a] for a in written_out)):
        whole = point | dict(zip(written_out, places, strict=True))
        at = tuple(whole[a] for a in range(len(shape)))
        _element(p, inner, found, axis, at, buffer, run)
    for outer, body, trip, extent in reversed(opened):
        close_loop(outer, body, trip, extent, note)


def _element(
    p: Planner, scope: Scope, found: Sweep, axis: int, point: Point, buffer: str, run: Run
) -> None:
    """One element near the end of an axis: what was there, then what each update makes of it."""
    note = p.elements.note(found.target)
    first = found.links[0]
    is_overwritten = not is_accumulating(first) and not _tests(first, axis, point)
    if not is_overwritten and not _is_in(scope, found.target, point, buffer):
        dtype = found.target.array.dtype
        before: Expr = identity("sum", dtype)
        if make.constant_value(found.target) is None:  # memory of zeros may be written over by now
            before = p.elements.value(scope, found.target, point)
        scope.statements.append(Store(buffer, point, before, note))
    names = {name for dim in point for name in dim.symbols()}
    near = (found.low[axis], found.high[axis])
    for link in found.links:
        if (margins(link) or [])[axis] == near:
            continue  # it writes nothing so near to an end
        values = link.args[1]
        # The names of the place count as new, so that nothing is computed where it is not written.
        inside = Scope(scope, is_region=False, symbols=set(names))
        tests = _tests(link, axis, point)
        at = tuple(_within(link, point))
        sink = IntoBuffer(
            buffer, lambda _, __: point, accumulate=is_accumulating(link), itself=False
        )
        run(p, inside, [Nest(values, values.array.shape, at, sink)])
        if not tests:
            scope.statements += inside.statements
            continue
        test = tests[0]
        for other in tests[1:]:
            test = Apply("logical_and", (test, other), DType.BOOL)
        scope.statements.append(If(test, inside.statements, [], p.elements.note(link)))


def _tests(link: Node, axis: int, point: Point) -> list[Expr]:
    """Whether an element is in the part that an update writes."""
    found: list[Expr] = []
    known = margins(link)
    assert known is not None
    for a, (low, high) in enumerate(known):
        if a >= axis and low:
            place = (Index(point[a]), Index(Dim.constant(low)))
            found.append(Apply("greater_equal", place, DType.BOOL))
        if a >= axis and high:
            end = (Index(point[a]), Index(link.array.shape[a] - high))
            found.append(Apply("less", end, DType.BOOL))
    return found
