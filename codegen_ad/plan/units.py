"""The units of work of one scope, and what each needs: the discovery before anything is emitted.

A unit fills one buffer, computes one reduction, or runs one operation as a whole. `Walker` follows
a unit's elements through everything that is computed in passing and lists what must be there
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import make
from codegen_ad.ops.costs import COSTLY
from codegen_ad.ops.indexing import SCATTER, UPDATE, Scatter, Update
from codegen_ad.ops.movement import CONCATENATE, RESHAPE
from codegen_ad.plan.access import (
    Added,
    Gathered,
    NeedsStorage,
    Point,
    Pointwise,
    Reduction,
    Same,
    Scattered,
    access,
    behind,
    is_by_rows,
    is_unrolled,
    unrolled_points,
)
from codegen_ad.plan.accumulating import accumulates, reduced_extents, shares_work
from codegen_ad.plan.bounds import inside
from codegen_ad.plan.element import Elements, free_points
from codegen_ad.plan.products import is_product
from codegen_ad.plan.repeated import is_worth_keeping
from codegen_ad.plan.scope import Pattern, Scope, Stored

STRUCTURED = (Kind.LOOP, Kind.WHILE, Kind.BRANCH, Kind.CALL)
WHOLE = (Kind.SCAN, Kind.LINALG, Kind.FILTER)


@dataclass(frozen=True, slots=True)
class Buffer:
    """Fill a buffer with a whole node."""

    node: Node


@dataclass(frozen=True, slots=True)
class Local:
    """Fill a buffer with a part of a node, inside a loop."""

    node: Node
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Total:
    """One element of a reduction."""

    node: Node
    point: Point


@dataclass(frozen=True, slots=True)
class Structured:
    """A loop, a while or a branch, with all its results."""

    node: Node


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar that must be computed at a certain place, because memory changes later."""

    node: Node


Unit = Buffer | Local | Total | Structured | Scalar


@dataclass(slots=True)
class Marks:
    """What planning has learnt so far: nodes that stand in memory, whole or within loops.

    `asked` are the nodes of which it was asked whether they stand there as a whole.
    """

    full: set[Node] = field(default_factory=set[Node])
    local: dict[Node, int] = field(default_factory=dict[Node, int])
    asked: set[Node] = field(default_factory=set[Node])

    def holds(self, node: Node) -> bool:
        """Whether a node stands in memory as a whole, as far as is known."""
        self.asked.add(node)
        return node in self.full


class Keep(Exception):
    """A node that is wanted in several loops is worth keeping; planning starts again."""

    def __init__(self, node: Node, depth: int | None) -> None:
        super().__init__(node.op.name)
        self.node = node
        self.depth = depth


@dataclass(slots=True)
class Needs:
    """What a unit needs: other units, memory it reads, and nodes it computes in passing.

    A unit of several loop nests lists the sizes of each, and what that one computes in passing.
    """

    units: dict[Unit, None] = field(default_factory=dict[Unit, None])
    reads: dict[Node, set[Point]] = field(default_factory=dict[Node, set[Point]])
    passing: dict[Node, set[Node | None]] = field(default_factory=dict[Node, set[Node | None]])
    seen: set[tuple[Node, Point]] = field(default_factory=set[tuple[Node, Point]])
    nests: list[tuple[list[Dim], dict[Node, set[Node | None]]]] = field(
        default_factory=list[tuple[list[Dim], dict[Node, set[Node | None]]]]
    )

    def add(self, other: Needs) -> None:
        """Need all that `other` needs, too."""
        self.units.update(other.units)
        for node, points in other.reads.items():
            self.reads.setdefault(node, set()).update(points)
        for node, users in other.passing.items():
            self.passing.setdefault(node, set()).update(users)
        self.seen |= other.seen


def is_free(point: Point) -> bool:
    """Whether a point runs over an axis that no open loop runs over."""
    return any(name.startswith("?") for dim in point for name in dim.symbols())


def is_whole(node: Node, large: bool) -> bool:
    """Whether a node is computed by one library call or one piece of code, never by element."""
    if node.op.kind is Kind.SCATTER:
        return not is_by_rows(node)
    return node.op.kind in WHOLE or (large and node.op.kind is Kind.CONTRACT and is_product(node))


@dataclass(slots=True, eq=False)
class Walker:
    """Follows elements of nodes and collects what they need in one scope.

    `awaited` are the scalars of the run-time sizes that inputs have, such as cotangents.
    """

    elements: Elements
    marks: Marks
    ranks: dict[Dim, int]
    rows: frozenset[str]
    blas: bool
    awaited: dict[Node, list[Node]] = field(default_factory=dict[Node, list[Node]])
    _fresh: int = 0

    def fresh(self, extent: Dim) -> Dim:
        """A symbol for an axis that no loop runs over yet."""
        self._fresh += 1
        return Dim.symbol(f"?{self._fresh}")

    def rank(self, extent: Dim) -> int:
        """How far out a loop over this size belongs: 0 is outermost."""
        if extent in self.ranks:
            return self.ranks[extent]
        inside = [self.ranks.get(Dim.symbol(s), len(self.ranks)) for s in extent.symbols()]
        return min(inside, default=len(self.ranks))

    def needs_buffer(self, node: Node) -> bool:
        """Whether a node stands in memory as a whole."""
        return self.marks.holds(node) or is_whole(node, self.blas)

    def element(
        self, scope: Scope, node: Node, point: Point, user: Node | None, out: Needs
    ) -> None:
        """Add what the element of `node` at `point` needs."""
        if (node, point) in out.seen:
            if is_free(point) and node in out.passing:
                out.passing[node].add(user)
            return
        out.seen.add((node, point))
        if scope.value(node, point) is not None:
            return
        self.sizes(scope, node, out)
        if node.op.kind is Kind.SIZE:
            out.units[Scalar(node)] = None
            return
        if scope.place(node, point) is not None:
            out.reads.setdefault(node, set()).add(point)
            return
        kind = node.op.kind
        if kind is Kind.CONSTANT:
            return
        if kind is Kind.RESULT:
            out.units[Structured(node.args[0])] = None
            out.reads.setdefault(node, set()).add(point)
            return
        if self.needs_buffer(node):
            if not scope.is_region and make.constant_value(node) is not None:
                return  # it stands in the memory of a region inside; here it is a literal
            assert scope.is_region, f"{node.op.name} should stand in memory by now"
            out.units[Buffer(node)] = None
            out.reads.setdefault(node, set()).add(point)
            return
        if kind is INPUT.kind:
            raise AssertionError(f"input {node.params} has no place")
        depth = self.marks.local.get(node)
        if depth is not None and scope.depth == depth and is_free(point):
            pattern = tuple(None if is_free((p,)) else p for p in point)
            if depth and all(p is None or p.is_constant for p in pattern):
                raise Keep(node, None)  # the same in every trip, so it is filled before the loop
            out.units[Local(node, pattern)] = None
            return
        if is_free(point):
            out.passing.setdefault(node, set()).add(user)
        elif is_worth_keeping(scope, node, point, self.rows, self.needs_buffer):
            raise Keep(node, None)
        self.inside(scope, node, point, out)

    def sizes(self, scope: Scope, node: Node, out: Needs) -> None:
        """Add the run-time sizes that the node's parameters speak of, or an input's shape."""
        for size in (*node.sizes, *self.awaited.get(node, ())):
            if scope.value(size, ()) is None:
                out.units[Scalar(size)] = None

    def inside(self, scope: Scope, node: Node, point: Point, out: Needs) -> None:
        """Add what computing the element needs, even if `node` itself has a buffer."""
        if node.op.kind is Kind.CONSTANT:
            return
        match access(node, point):
            case Same(source, there):
                self.element(scope, source, there, node, out)
            case Pointwise(operands) | Added(operands):
                for arg, there in operands:
                    self.element(scope, arg, there, node, out)
            case Reduction() as reduction:
                self.reduction(scope, reduction, out)
            case Scattered(target, value, places):
                for arg, there in (target, value, *(i for i, _ in places)):
                    self.element(scope, arg, there, node, out)
            case Gathered(source, indices, rest):
                self.gathered(scope, node, source, indices, rest, out)

    def gathered(
        self,
        scope: Scope,
        node: Node,
        source: Node,
        indices: tuple[tuple[Node, Point], ...],
        rest: Point,
        out: Needs,
    ) -> None:
        """Add what reading at places that depend on data needs.

        The source, or what it is a view of, stands in memory, whole or (where only a place within
        the row is not known) for one row; or it is computed at each place of a short axis and one
        result chosen.
        """
        places: list[Dim | None] = []
        for (arg, there), extent in zip(indices, source.array.shape, strict=False):
            self.element(scope, arg, there, node, out)
            place = self.elements.index(scope, arg, there)
            sure = place is not None and (is_free((place,)) or inside(scope, place, extent))
            places.append(place if sure else None)
        unknown = [axis for axis, place in enumerate(places) if place is None]
        somewhere = tuple(self.fresh(ONE) if p is None else p for p in places)
        seen = behind(source, (*somewhere, *rest), lambda n, _: self.can_stand(scope, n))
        choices: list[tuple[Dim, ...]] = [()]
        for axis, place in enumerate(places):
            found: tuple[Dim, ...] = (place,) if place is not None else ()
            if place is None:
                choosing = len(unknown) == 1 and is_unrolled(source.array.shape[axis])
                if choosing and seen is None:
                    found = tuple(q for (q,) in unrolled_points((source.array.shape[axis],)))
                elif seen is not None or source in self.marks.local:
                    found = (self.fresh(ONE),)
                elif any(p is not None and not p.is_constant for p in places):
                    raise Keep(source, 1)
                else:
                    raise NeedsStorage(source)
            choices = [(*c, p) for c in choices for p in found]
        for head in choices:
            self.element(scope, source, (*head, *rest), node, out)

    def can_stand(self, scope: Scope, node: Node) -> bool:
        """Whether a node is, or will be, in memory as a whole."""
        stored = scope.place(node, (ONE,) * node.array.rank)
        return (
            (stored is not None and len(stored.axes) == node.array.rank)
            or node.op.kind is Kind.RESULT
            or self.needs_buffer(node)
        )

    def reduction(self, scope: Scope, reduction: Reduction, out: Needs) -> None:
        """Add what a reduction at one point needs."""
        node, point = reduction.node, reduction.point
        loops = [e for e in reduction.extents if not is_unrolled(e)]
        if loops and not is_free(point):
            if scope.repeats(point):
                raise Keep(node, None)
            out.units[Total(node, point)] = None
            return
        if loops and scope.is_region and self.accumulates(node):
            raise NeedsStorage(node)
        if loops and not scope.is_region and self._added_up(scope, reduction):
            raise Keep(node, scope.depth)
        for reduced in free_points(reduction.extents, self.fresh):
            for arg, there in reduction.operands_at(reduced):
                self.element(scope, arg, there, node, out)

    def _added_up(self, scope: Scope, reduction: Reduction) -> bool:
        """Whether the part of a reduction that a loop's trip needs is better added up in memory."""
        node, point = reduction.node, reduction.point
        kept = [d for d, p in zip(node.array.shape, point, strict=True) if is_free((p,))]
        if node in self.marks.local or not self.accumulates(node, kept):
            return False
        free = frozenset(name for p in point if is_free((p,)) for name in p.symbols())

        def stands(node: Node, point: Point) -> bool:
            return scope.place(node, point) is not None or self.marks.holds(node)

        return shares_work(reduction, free, self.fresh, stands)

    def accumulates(self, node: Node, kept: Iterable[Dim] | None = None) -> bool:
        """Whether a reduction is added up in memory, if these of its axes need a loop, or all."""
        return accumulates(node, self.rank, kept)

    def region_inputs(self, scope: Scope, node: Node, out: Needs) -> None:
        """Add what a structured node needs: its arguments, arrays as buffers."""
        for arg in node.args:
            self.whole(scope, arg, out)

    def whole(self, scope: Scope, node: Node, out: Needs) -> None:
        """Add what it takes to have all of a node: in memory, or as a scalar."""
        if not node.array.shape:
            self.element(scope, node, (), None, out)
            return
        if not self.can_stand(scope, node):
            if node.op.kind is Kind.CONSTANT:
                out.units[Buffer(node)] = None
                return
            raise NeedsStorage(node)
        self.element(scope, node, tuple(self.fresh(d) for d in node.array.shape), None, out)


def is_expensive(node: Node, scope: Scope, marks: Marks, *, inner: bool) -> bool:
    """Whether computing an element again costs more than keeping it.

    A reduction with a loop always does; inside a loop, where a buffer is small, so does a
    transcendental function.
    """
    stack, seen = [node], {node}
    while stack:
        current = stack.pop()
        if current is not node and (current in marks.full or current in scope.region().stored):
            continue
        if current.op.kind in (Kind.REDUCE, Kind.CONTRACT) and not all(
            is_unrolled(e) for e in reduced_extents(current)
        ):
            return True
        if inner and current.op.name in COSTLY:
            return True
        for arg in current.args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return False


def written_in_place(node: Node) -> Node | None:
    """The argument that an update or a scatter writes into."""
    return node.args[0] if node.op in (UPDATE, SCATTER) else None


def is_accumulating(node: Node) -> bool:
    """Whether an update or scatter adds to what is there."""
    return isinstance(node.params, Update | Scatter) and node.params.accumulate


def is_view(node: Node) -> bool:
    """Whether a node in memory is another view of its argument's memory."""
    return node.op is RESHAPE


def is_pieces(node: Node) -> bool:
    """Whether a node in memory is filled piece by piece."""
    return node.op is CONCATENATE


def stored_whole(node: Node, buffer: str, *, owned: bool) -> Stored:
    """The place of a node that a buffer holds entirely."""
    return Stored(buffer, tuple(range(node.array.rank)), owned)
