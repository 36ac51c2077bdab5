"""What a loop nest asks for at several shifted places, and which of it is best kept.

In `t = np.tanh(x)` and `t[2:] - 2 * t[1:-1] + t[:-2]` each trip of the loop asks for three elements
of `t`, and each element is asked for in three trips. Where computing it again costs more than
storing and loading it, it is computed once, in a loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import gcd, prod

from codegen_ad.ir.builder import INPUT
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ops import make
from codegen_ad.ops.costs import COSTS_MORE, is_costly, typical
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
)
from codegen_ad.plan.element import free_points

Element = tuple[Node, Point]
Elements = tuple[Element, ...]

LEAST = 3
"""What is asked for at fewer places is computed again."""

CALL = 12
"""A costly function takes as long as so many products."""

LOAD = 1

STORE = 4
"""What it costs to write an element, in a loop of its own, in products."""

WORTH = 8
"""So many products in each trip have to be saved, because memory may be far."""


def may_be(asked: Iterable[Element]) -> bool:
    """Whether any node is asked for at places that differ by a shift, as far as is easy to say."""
    points: dict[Node, list[Point]] = {}
    for node, point in asked:
        if point and node.op.kind not in (Kind.CONSTANT, Kind.SIZE, INPUT.kind):
            points.setdefault(node, []).append(point)
    several = (found for found in points.values() if len(found) > 1)
    return any(len(group) > 1 for found in several for group in _by_shift(found))


def _by_shift(points: Iterable[Point]) -> list[list[Point]]:
    """Points in groups that meet each other's places in other trips."""
    groups: dict[tuple[tuple[Dim, int], ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple(map(_line, point)), []).append(point)
    return list(groups.values())


def _line(place: Dim) -> tuple[Dim, int]:
    """What two places along an axis have in common where one is the other, some trips later."""
    offset, steps = 0, list[int]()
    for monomial, coefficient in place.terms:
        if not monomial:
            offset = coefficient
        elif any(isinstance(atom, str) and atom.startswith("?") for atom in monomial):
            steps.append(coefficient)
    return (place - offset, offset % gcd(*steps)) if steps else (place, 0)


def _along(places: Sequence[Element]) -> set[str]:
    """The variables of the axes along which places differ."""
    (_, first), *others = places
    return {
        name
        for _, point in others
        for here, there in zip(first, point, strict=True)
        if here != there
        for name in here.symbols()
    }


@dataclass(slots=True)
class Graph:
    """The elements that a trip computes, what each is made of, and what each costs by itself.

    `stands` says what is in memory, or has a name; reading it costs a load.
    """

    stands: Callable[[Node, Point], bool]
    fresh: Callable[[Dim], Dim]
    parts: dict[Element, Elements] = field(default_factory=dict[Element, Elements])
    own: dict[Element, int] = field(default_factory=dict[Element, int])

    def worth_keeping(self, roots: Sequence[Element], along: str | None, least: int) -> Node | None:
        """The node that saves most if it is kept, of those asked for at `least` shifted places.

        None if none saves enough. `roots` are what a trip computes. Places count that differ
        `along` this variable, if one is given.
        """
        self._add(roots)
        best, most = None, WORTH - 1
        total = self._cost(roots)
        for places in self._shifted(least):
            if along is None or along in _along(places):
                kept = self._cost(roots, frozenset(places)) + self._cost(places[:1]) + STORE
                if total - kept > most:
                    best, most = places[0][0], total - kept
        return best

    def _add(self, roots: Iterable[Element]) -> None:
        """Add elements with all that they are made of."""
        pending = list(roots)
        while pending:
            element = pending.pop()
            if element not in self.parts:
                self.parts[element], self.own[element] = self._step(*element)
                pending.extend(self.parts[element])

    def _step(self, node: Node, point: Point) -> tuple[Elements, int]:
        """What an element is made of, and what that step costs."""
        if node.op.kind in (Kind.CONSTANT, Kind.SIZE) or make.constant_value(node) is not None:
            return (), 0
        if self.stands(node, point):
            return (), LOAD
        try:
            step = access(node, point)
        except NeedsStorage:
            return (), LOAD
        match step:
            case Same(source, there):
                return ((source, there),), 0
            case Pointwise(operands):
                return operands, CALL if is_costly(node) else COSTS_MORE.get(node.op.name, 1)
            case Added(operands):
                return operands, len(operands) - 1
            case Reduction(extents=extents):
                points = free_points(extents, self.fresh)
                terms = tuple(term for q in points for term in step.operands_at(q))
                return terms, max(len(terms), prod(map(typical, extents)))
            case Gathered(_, indices, _):
                return indices, LOAD
            case Scattered(target, value, places):
                return (target, value, *(index for index, _ in places)), 1 + len(places)

    def _cost(self, roots: Iterable[Element], kept: frozenset[Element] = frozenset()) -> int:
        """What a trip costs that computes the roots, if the `kept` elements are read."""
        total, seen = 0, set(roots)
        pending = list(seen)
        while pending:
            element = pending.pop()
            total += LOAD if element in kept else self.own[element]
            for part in self.parts[element] if element not in kept else ():
                if part not in seen:
                    seen.add(part)
                    pending.append(part)
        return total

    def _shifted(self, least: int) -> Iterator[list[Element]]:
        """The elements of each node that is asked for at more shifted places than its users.

        Where each of its users asks for one element, keeping what the users make is no less work.
        """
        users: dict[Node, set[Node]] = {}
        points: dict[Node, list[Point]] = {}
        for (node, point), parts in self.parts.items():
            points.setdefault(node, []).append(point)
            for part, _ in parts:
                users.setdefault(part, set()).add(node)
        groups = {n: _by_shift(found) for n, found in points.items() if len(found) > 1}
        for node, found in groups.items():
            if node.op.kind is Kind.MOVEMENT:
                continue  # what it moves is kept
            around = [len(g) for u in _computing(node, users) for g in groups.get(u, ())]
            for group in found:
                places = [(node, point) for point in group]
                if len(group) >= max(least, 1 + max(around, default=0)) and self.parts[places[0]]:
                    yield places


def _computing(node: Node, users: dict[Node, set[Node]]) -> Iterator[Node]:
    """The users of a node, those of what is moved of it in place of the movements."""
    for user in users.get(node, ()):
        if user.op.kind is Kind.MOVEMENT:
            yield from _computing(user, users)
        else:
            yield user
