"""Where statements go while a kernel is planned: nested scopes, and what is known in each.

A scope is a loop body or the body of a region. It remembers which elements already have a name and
which nodes stand in memory. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Node
from codegen_ad.plan.access import Point
from codegen_ad.plan.kernel import Expr, Statement


@dataclass(frozen=True, slots=True)
class Stored:
    """A node's place in memory. `axes` are the node's axes that the buffer has, in order.

    An owned buffer was made by the kernel, so that it may be written again.
    """

    buffer: str
    axes: tuple[int, ...]
    owned: bool

    def indices(self, point: Point) -> Point:
        """The buffer's indices for a point of the node."""
        return tuple(point[a] for a in self.axes)


Pattern = tuple[Dim | None, ...]
"""A point of a node with None on the axes that a local buffer keeps."""


@dataclass(eq=False, slots=True)
class Scope:
    """One open block of statements.

    If it `is_guarded`, it runs only where a test holds, and what is first asked for inside of it is
    computed there: it may not exist elsewhere.
    """

    parent: Scope | None
    is_region: bool
    statements: list[Statement] = field(default_factory=list[Statement])
    symbols: set[str] = field(default_factory=set[str])
    extents: dict[str, Dim] = field(default_factory=dict[str, Dim])
    sizes: dict[str, Dim] = field(default_factory=dict[str, Dim])
    values: dict[tuple[Node, Point], Expr] = field(default_factory=dict[tuple[Node, Point], Expr])
    stored: dict[Node, Stored] = field(default_factory=dict[Node, Stored])
    local: dict[tuple[Node, Pattern], Stored] = field(
        default_factory=dict[tuple[Node, Pattern], Stored]
    )
    powers: dict[tuple[Node, Point, int], Expr] = field(
        default_factory=dict[tuple[Node, Point, int], Expr]
    )
    checks: dict[tuple[Node, Point, Dim], Dim] = field(
        default_factory=dict[tuple[Node, Point, Dim], Dim]
    )
    closing: list[Statement] = field(default_factory=list[Statement])
    is_guarded: bool = False

    @property
    def depth(self) -> int:
        """How many loops of the current region are open."""
        return 0 if self.is_region or self.parent is None else self.parent.depth + 1

    def chain(self) -> Iterator[Scope]:
        """The scope itself, then the ones around it, up to and including the current region's."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            if scope.is_region:
                return
            scope = scope.parent

    def all_outward(self) -> Iterator[Scope]:
        """The scope itself and all around it, regions included."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def region(self) -> Scope:
        """The scope of the current region."""
        *_, last = self.chain()
        return last

    def value(self, node: Node, point: Point) -> Expr | None:
        """The name that this element already has."""
        for scope in self.chain():
            found = scope.values.get((node, point))
            if found is not None:
                return found
        return None

    def place(self, node: Node, point: Point) -> Stored | None:
        """The memory that holds this element."""
        found = self._find(node, point)
        return None if found is None else found[0]

    def _find(self, node: Node, point: Point) -> tuple[Stored, Scope] | None:
        for scope in self.chain():
            found = scope.stored.get(node)
            if found is not None:
                return found, scope
            for (candidate, pattern), stored in scope.local.items():
                if candidate is node and all(
                    p is None or p == q for p, q in zip(pattern, point, strict=True)
                ):
                    return stored, scope
        return None

    def home_of_stored(self, node: Node, point: Point) -> Scope:
        """The outermost scope in which this element can be read from memory."""
        found = self._find(node, point)
        assert found is not None
        home, holder = self.home(point), found[1]
        return home if home.depth >= holder.depth else holder

    def home(self, point: Point) -> Scope:
        """The outermost scope of the current region in which all symbols of `point` are bound.

        Never one around a test that holds in this one.
        """
        names = {name for dim in point for name in dim.symbols()}
        chain = list(self.chain())
        for scope in chain[:-1]:
            if scope.is_guarded or names & scope.symbols:
                return scope
        return chain[-1]

    def repeats(self, point: Point) -> bool:
        """Whether what is computed at a point is computed again in each trip of an outer loop.

        The point must name places of loops only: those that depend on data may be few.
        """
        names = {name for dim in point for name in dim.symbols()}
        loops = [s.extents.keys() for s in self.chain() if s.extents and not s.is_region]
        if not names <= {name for found in loops for name in found}:
            return False
        while loops and names.isdisjoint(loops[0]):
            del loops[0]
        return any(names.isdisjoint(found) for found in loops)

    def extent(self, symbol: str) -> Dim | None:
        """The trip count of the loop whose variable `symbol` is."""
        for scope in self.all_outward():
            if symbol in scope.extents:
                return scope.extents[symbol]
        return None
