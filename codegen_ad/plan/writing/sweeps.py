"""Updates of shifted parts of one array, as one sweep over the array that gathers their values.

The adjoint of `u[2:] - 2 * u[1:-1] + u[:-2]` adds to three parts of an array. Where all parts meet,
each element is computed at once from what goes into it. Near the edges, each update asks whether
the element is in its part. The same is done for an update that reads, around each place, the
array that it writes into: it goes into a second array, and what it does not write is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.indexing import UPDATE, Update
from codegen_ad.plan.access import Point, is_unrolled, unrolled_points
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import Apply, Expr, For, If, Index, Store
from codegen_ad.plan.nests import IntoBuffer, IntoSum, Nest
from codegen_ad.plan.planner import Planner
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.units import is_accumulating
from codegen_ad.plan.writing import edges
from codegen_ad.plan.writing.written import Sweep

WIDEST = 8
"""As many elements may lie outside of a part, at both ends of an axis together."""

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


def terms(found: Sweep) -> list[tuple[Node, Point]]:
    """What is added up where all parts meet, with the place of the first element of each."""
    first = found.start
    adding = [(found.target, first)]
    for link in found.links:
        if not is_accumulating(link):
            adding.clear()
        adding.append((link.args[1], _within(link, first)))
    some = [(n, at) for n, at in adding if make.constant_value(n) != 0]
    return some or adding[:1]


def _within(link: Node, point: Point) -> Point:
    """The element of an update's values that goes to a point of the array."""
    assert isinstance(link.params, Update)
    return tuple(p - s.start for p, s in zip(point, link.params.spans, strict=True))


def main_nest(found: Sweep, buffer: str) -> Nest:
    """The nest that does all but the edges."""
    sink = IntoSum(buffer, found.start, tuple(terms(found)))
    shape = found.extents
    return Nest(found.links[-1], shape, (None,) * len(shape), sink)


def ends(p: Planner, scope: Scope, found: Sweep, buffer: str, run: Run) -> None:
    """Fill what the main nest leaves out: for each axis the elements near its ends.

    On the axes before, only the elements that are near no end are left.
    """
    for axis, (low, high) in enumerate(zip(found.low, found.high, strict=True)):
        if low + high:
            _edge(p, scope, found, axis, buffer, run)


def _edge(p: Planner, scope: Scope, found: Sweep, axis: int, buffer: str, run: Run) -> None:
    note = p.elements.note(found.links[-1])
    low, high, size = found.low[axis], found.high[axis], found.target.array.shape[axis]
    count = edges.count(p, scope, size, low + high, note)
    shape = found.target.array.shape
    inner, point = scope, dict[int, Dim]()
    opened: list[tuple[Scope, Scope, str, Dim]] = []
    for a, dim in enumerate(shape):
        if is_unrolled(dim):
            continue
        extent = found.extents[a] if a < axis else count if a == axis else dim
        outer, name = inner, p.names.fresh()
        inner = Scope(outer, is_region=False, symbols={name}, extents={name: extent})
        opened.append((outer, inner, name, extent))
        variable = Dim.symbol(name)
        if a < axis:
            variable += found.low[a]
        if a == axis:
            variable = edges.place(p, inner, (size, low, high), count, variable, note)
        point[a] = variable
    written_out = [a for a in range(len(shape)) if a not in point]
    for places in unrolled_points(tuple(shape[a] for a in written_out)):
        whole = point | dict(zip(written_out, places, strict=True))
        at = tuple(whole[a] for a in range(len(shape)))
        _element(p, inner, found, axis, at, buffer, run)
    for outer, body, name, extent in reversed(opened):
        outer.statements.append(For(name, extent, body.statements + body.closing, note))


def _element(
    p: Planner, scope: Scope, found: Sweep, axis: int, point: Point, buffer: str, run: Run
) -> None:
    """One element near the end of an axis: what was there, then what each update makes of it."""
    note = p.elements.note(found.target)
    place = scope.place(found.target, point)
    first = found.links[0]
    is_overwritten = not is_accumulating(first) and not _tests(first, axis, point)
    if not is_overwritten and (place is None or place.buffer != buffer):
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
