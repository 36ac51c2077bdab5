"""The value of one element of a node, as a scalar expression: movements gone, shared parts named.

Every operation gets a name of its own here; `tidy` puts single uses back where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.node import Kind, Node, Notes
from codegen_ad.ir.types import DType
from codegen_ad.ops.constants import IOTA, SIZE, Literal, Size
from codegen_ad.ops.indexing import Scatter
from codegen_ad.ops.make import constant_value
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
    is_unrolled,
    unrolled_points,
)
from codegen_ad.plan.bounds import INDEX_RULES, inside
from codegen_ad.plan.folding import comparison, folded, is_literal, truth
from codegen_ad.plan.kernel import (
    Apply,
    Assign,
    Check,
    CheckRange,
    Expr,
    Index,
    Let,
    Load,
    Note,
    Number,
    Var,
)
from codegen_ad.plan.powers import power
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.scope import Scope
from codegen_ad.plan.sizes import bind

_COMBINE = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum",
            "any": "logical_or", "all": "logical_and"}  # fmt: skip

_FAR = 2**62
"""No array is so long."""


@dataclass(slots=True)
class Elements:
    """Makes expressions of elements in a scope. `numbers` may go round, which places never do."""

    notes: Notes
    names: Names
    numbers: set[str] = field(default_factory=set[str])

    def note(self, node: Node) -> Note:
        """Where a statement for `node` comes from."""
        return Note(self.notes.origins.get(node), node in self.notes.gradients)

    def value(self, scope: Scope, node: Node, point: Point) -> Expr:
        """The element of `node` at `point`, with every operation named in its home scope."""
        known = scope.value(node, point)
        if known is not None:
            return known
        place = scope.place(node, point)
        # Memory of one number may have been written over, by what begins with that number.
        if place is not None and constant_value(node) is None:
            home = scope.home_of_stored(node, point)
            return self.let(home, node, point, Load(place.buffer, place.indices(point),
                                                    node.array.dtype))  # fmt: skip
        return self.compute(scope, node, point)

    def compute(self, scope: Scope, node: Node, point: Point) -> Expr:
        """The same, computed even if `node` has a buffer (that is about to be filled)."""
        known = scope.value(node, point)
        if known is not None:
            return known
        if node.op.kind is Kind.CONSTANT:
            return _constant(node, point)
        if node.op.kind is Kind.SIZE:
            return bind(self, scope, node)
        home = scope.home(point)
        match access(node, point):
            case Same(source, there):
                return self.value(scope, source, there)
            case Pointwise(operands):
                if node.op.name == "power":
                    product = power(self, scope, (node, point), operands[0], operands[1])
                    if product is not None:
                        home.values[node, point] = product
                        return product
                index = self.index(scope, node, point)
                if index is not None:
                    return Index(index)
                args = tuple(self.value(scope, a, p) for a, p in operands)
                is_gradient = node in self.notes.gradients
                found = folded(node, args, self.numbers, gradient=is_gradient)
                if isinstance(found, Apply):
                    return self.let(home, node, point, found)
                if found is not None:
                    home.values[node, point] = found
                    return found
                return self.let(home, node, point, Apply(node.op.name, args, node.array.dtype))
            case Added(operands):
                terms = [self.value(scope, a, p) for a, p in operands]
                kept = [t for t in terms if not _is_zero(t)]
                if len(kept) < 2:
                    return kept[0] if kept else terms[0]
                total = "logical_or" if node.array.dtype is DType.BOOL else "add"
                return self.let(home, node, point, Apply(total, tuple(kept), node.array.dtype))
            case Reduction() as reduction:
                assert all(is_unrolled(e) for e in reduction.extents), "reduction not planned"
                total = self.written_out(scope, reduction)
                if isinstance(total, Number):
                    home.values[node, point] = total
                    return total
                return self.let(home, node, point, total)
            case Scattered() as scattered:
                return self._scattered(scope, node, point, scattered)
            case Gathered(source, indices, rest):
                return self._gathered(scope, node, point, source, indices, rest)

    def let(self, home: Scope, node: Node, point: Point, expr: Expr) -> Expr:
        """Name an expression in its home scope."""
        name = self.names.fresh(node, point)
        self.names.shared.add(name)
        home.statements.append(Let(name, expr, node, self.note(node)))
        home.symbols.add(name)
        variable = Var(name, expr.dtype)
        home.values[node, point] = variable
        return variable

    def written_out(self, scope: Scope, reduction: Reduction) -> Expr:
        """A reduction over unrolled axes as one expression."""
        dtype = reduction.node.array.dtype
        terms = [self.product(scope, reduction, p) for p in unrolled_points(reduction.extents)]
        if not terms:
            return identity(reduction.how, dtype)
        if reduction.how == "sum":
            terms = [t for t in terms if not is_literal(t, 0.0)] or terms[:1]
        total = terms[0]
        for number, term in enumerate(terms[1:], 2):
            total = Apply(_COMBINE[reduction.how], (total, term), dtype)
            if reduction.how in ("max", "min") and number < len(terms):
                # Its spelling names each operand several times.
                home = scope.home(reduction.point)
                name = self.names.fresh(reduction.node)
                home.statements.append(Let(name, total, None, self.note(reduction.node)))
                home.symbols.add(name)
                total = Var(name, dtype)
        return total

    def product(self, scope: Scope, reduction: Reduction, reduced: Point) -> Expr:
        """One term of a reduction: the product of its operands at a point of the reduced axes."""
        operands = reduction.operands_at(reduced)
        factors = [self.value(scope, a, p) for a, p in operands]
        if reduction.node in self.notes.gradients and any(is_literal(f, 0.0) for f in factors):
            return Number("0.0", reduction.node.array.dtype)
        kept = [f for f in factors if not is_literal(f, 1.0)]
        if not kept:
            return factors[0]
        result = kept[0]
        for factor in kept[1:]:
            result = Apply("multiply", (result, factor), reduction.node.array.dtype)
        return result

    def index(self, scope: Scope, node: Node, point: Point) -> Dim | None:
        """The integer element as an index expression, if it is one."""
        if node.array.dtype is not DType.INT64:  # what else is an integer may go round
            return None
        if isinstance(node.params, Literal):
            return Dim.constant(int(node.params.value))
        if isinstance(node.params, Size):
            return node.params.dim if node.op is SIZE else point[0]
        known = scope.value(node, point)
        if isinstance(known, Index):
            return known.dim
        if isinstance(known, Var):
            self.numbers.add(known.name)
            return Dim.symbol(known.name)
        if scope.place(node, point) is not None:
            return None
        if node.op.kind is Kind.MOVEMENT:
            try:
                step = access(node, point)
            except NeedsStorage:
                return None
            assert isinstance(step, Same)
            return self.index(scope, step.node, step.point)
        rule = INDEX_RULES.get(node.op.name)
        if rule is None or node.op.kind is not Kind.ELEMENTWISE:
            return None
        step = access(node, point)
        assert isinstance(step, Pointwise)
        parts = [self.index(scope, a, p) for a, p in step.operands]
        known_parts = [p for p in parts if p is not None]
        found = rule(scope, *known_parts) if len(known_parts) == len(parts) else None
        # No place is that far; as numbers of 64 bits they may go round, which places do not.
        is_near = found is not None and all(abs(c) < _FAR for _, c in found.terms)
        return found if is_near else None

    def _gathered(
        self,
        scope: Scope,
        node: Node,
        point: Point,
        source: Node,
        indices: tuple[tuple[Node, Point], ...],
        rest: Point,
    ) -> Expr:
        places = tuple(
            self.checked(scope, i, p, dim, axis, node)
            for axis, ((i, p), dim) in enumerate(zip(indices, source.array.shape, strict=False))
        )
        full = (*places, *rest)
        seen = behind(source, full, lambda n, p: scope.place(n, p) is not None)
        if seen is None and scope.value(source, full) is None:
            chosen = self._chosen(scope, node, source, places, rest)
        else:
            chosen = self.value(scope, source, full)
        scope.home(point).values[node, point] = chosen
        return chosen

    def _chosen(self, scope: Scope, node: Node, source: Node, places: Point, rest: Point) -> Expr:
        """An element at a place that depends on data, chosen from all along a short axis."""
        dtype = node.array.dtype
        # A checked place on an axis of one element is the first, under which that was planned.
        sized = zip(places, source.array.shape, strict=False)
        places = tuple(ZERO if extent == ONE else place for place, extent in sized)
        for axis, (place, extent) in enumerate(zip(places, source.array.shape, strict=False)):
            if place.is_constant or not is_unrolled(extent):
                continue
            if extent == ZERO:  # no place is within it, so no trip comes here
                text = "False" if dtype is DType.BOOL else "0.0" if dtype.is_float else "0"
                return Number(text, dtype)
            options = [
                self.value(scope, source, (*places[:axis], q, *places[axis + 1 :], *rest))
                for (q,) in unrolled_points((extent,))
            ]
            chosen = options[-1]
            for number in reversed(range(len(options) - 1)):
                at = Apply("equal", (Index(place), Number(str(number), DType.INT64)), DType.BOOL)
                chosen = Apply("where", (at, options[number], chosen), dtype)
            name = self.names.fresh(node)
            home = scope.home((*places, *rest))
            home.statements.append(Let(name, chosen, node, self.note(node)))
            home.symbols.add(name)
            return Var(name, dtype)
        return self.value(scope, source, (*places, *rest))

    def _scattered(self, scope: Scope, node: Node, point: Point, scattered: Scattered) -> Expr:
        """A row's own write: the value where its place is met, else what was there."""
        home = scope.home(point)
        dtype = node.array.dtype
        target, value = (self.value(scope, n, q) for n, q in (scattered.target, scattered.value))
        shape = node.array.shape
        written = value
        adds = isinstance(node.params, Scatter) and node.params.accumulate
        if adds and not is_literal(target, 0.0):
            written = Apply("add", (target, value), dtype)
        for axis, ((index, place), position) in enumerate(scattered.places, 1):
            found = self.checked(scope, index, place, shape[axis], axis, node)
            ends = Index(found), Index(position)
            known = comparison("equal", *ends)
            if known is None:
                written = Apply("where", (Apply("equal", ends, DType.BOOL), written, target), dtype)
            elif not truth(known):
                written = target
        if not isinstance(written, Apply):
            home.values[node, point] = written
            return written
        return self.let(home, node, point, written)

    def checked(
        self, scope: Scope, node: Node, point: Point, extent: Dim, axis: int, user: Node
    ) -> Dim:
        """An index into an axis of size `extent`, known or checked at run time to lie inside it.

        Positions that a mask of that size picks do.

        `user` is the node that reads or writes there.
        """
        dim = self.index(scope, node, point)
        if dim is not None and inside(scope, dim, extent):
            return dim
        node, point = self._index_itself(scope, node, point)
        if node.op.kind is Kind.FILTER and node.args[0].array.shape[0] == extent:
            place = self.value(scope, node, point)
            if isinstance(place, Var):
                return Dim.symbol(place.name)
        home = scope.home(point)
        key = (node, point, extent)
        if key in home.checks:
            return home.checks[key]
        if dim is not None and self._checked_before(home, dim, extent, axis, user):
            home.checks[key] = dim
            return dim
        value = Index(dim) if dim is not None else self.value(scope, node, point)
        name = self.names.fresh(node, point)
        home.statements.append(Assign((name,), (value,), self.note(user)))
        home.statements.append(Check(name, extent, axis, self.note(user)))
        home.symbols.add(name)
        home.checks[key] = Dim.symbol(name)
        return home.checks[key]

    def _index_itself(self, scope: Scope, node: Node, point: Point) -> tuple[Node, Point]:
        """The element that an index is, wherever it is broadcast or reshaped to."""

        def is_moved(node: Node, point: Point) -> bool:
            known = scope.value(node, point) or scope.place(node, point)
            return node.op.kind is Kind.MOVEMENT and known is None

        return behind(node, point, lambda n, p: not is_moved(n, p)) or (node, point)

    def _checked_before(self, home: Scope, dim: Dim, extent: Dim, axis: int, user: Node) -> bool:
        """Check all values of a loop's variable before the loop, where every trip uses it."""
        around = home.parent
        if dim.name is None or dim.name not in home.extents or around is None:
            return False
        if not home.symbols.isdisjoint(extent.symbols()):
            return False
        count = home.extents[dim.name]
        around.statements.append(CheckRange(count, extent, axis, self.note(user)))
        return True


def identity(how: str, dtype: DType) -> Number:
    """The result of reducing nothing."""
    if dtype is DType.BOOL:
        return Number(str(how in ("all", "min", "prod")), dtype)
    values = {"sum": 0, "prod": 1, "max": "-inf", "min": "inf"}
    value = values[how]
    if dtype.is_float:
        return Number(repr(float(value)), dtype)
    if how in ("max", "min"):
        bits = 8 * dtype.size - 1
        return Number(str(-(2**bits) if how == "max" else 2**bits - 1), dtype)
    return Number(str(value), dtype)


def _constant(node: Node, point: Point) -> Expr:
    if isinstance(node.params, Literal):
        return Number(node.params.text, node.params.dtype)
    assert isinstance(node.params, Size)
    return Index(point[0] if node.op is IOTA else node.params.dim)


def free_points(extents: tuple[Dim, ...], fresh: Callable[[Dim], Dim]) -> Iterator[Point]:
    """Points over some axes: unrolled axes written out, one fresh symbol for each other axis."""
    symbols = {a: fresh(e) for a, e in enumerate(extents) if not is_unrolled(e)}
    fixed = [a for a in range(len(extents)) if a not in symbols]
    for combination in unrolled_points(tuple(extents[a] for a in fixed)):
        values = dict(zip(fixed, combination, strict=True)) | symbols
        yield tuple(values[a] for a in range(len(extents)))


def _is_zero(expr: Expr) -> bool:
    return isinstance(expr, Number) and expr.text in ("0", "0.0", "False")
