"""Additions to elements that several rows share: where they stand, and what numbers an element.

A record is a trip of the loops in which the element becomes known: often a row, sometimes a row and
one of its columns. Loops inside of a record may go through elements of their own, as in
`d_theta[k[i], j] += ...` for each `j`. Where data name none, each row adds to all: `d_w[j] += ...`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.loops import Refused, defined, parts
from codegen_ad.plan.device.whole import identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    For,
    If,
    Index,
    Let,
    Load,
    Note,
    Statement,
    Store,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions


@dataclass(frozen=True, slots=True)
class Place:
    """A statement that adds to an element which other rows add to as well.

    Attributes
    ----------
    statement : the addition.
    path : the loops and branches around it, outermost first.
    depth : how many of them, loops, go through the records.
    keys : for each axis that a record names: the variable, and the size of the axis.
    items : the loops inside of a record that go through elements, outermost first.
    """

    statement: Accumulate
    path: tuple[For | If, ...]
    depth: int
    keys: tuple[tuple[str, Dim], ...]
    items: tuple[For, ...]

    @property
    def target(self) -> Load:
        """The element that is added to."""
        assert isinstance(self.statement.target, Load)
        return self.statement.target

    @property
    def records(self) -> tuple[For, ...]:
        """The loops that go through the records."""
        return tuple(_loops(self.path[: self.depth]))

    @property
    def row(self) -> Dim:
        """The number of a record."""
        return combined([(Dim.symbol(f.variable), f.extent) for f in self.records])

    @property
    def child(self) -> Statement:
        """The statement of a record in which the addition stands."""
        return self.path[self.depth] if self.depth < len(self.path) else self.statement

    def like(self, other: Place) -> Mapping[str, str]:
        """The variables of another addition, whose keys are the same, for those of this one."""
        return {a: b for (a, _), (b, _) in zip(self.keys, other.keys, strict=True)}

    def is_whole(self, shape: Shape) -> bool:
        """Whether every element of the array is the place of something."""
        sizes: dict[str, Dim] = {f.variable: f.extent for f in self.items} | dict(self.keys)
        return all(
            sizes.get(dim.name or "") == size
            for dim, size in zip(self.target.indices, shape, strict=True)
        )


def places_of(loop: For, arrays: Mapping[str, Allocate], sizes: Set[str]) -> list[Place]:
    """The additions of a loop to elements that its rows share.

    Parameters
    ----------
    arrays : the arrays that may be added to.
    sizes : the names that sizes are made of.

    Raises
    ------
    Refused
        If one of them is not understood.
    """
    inside = {n for s in loop.body for n in defined(s)}
    found: list[Place] = []

    def visit(path: tuple[For | If, ...], body: Sequence[Statement]) -> None:
        for statement in body:
            if isinstance(statement, If) or (isinstance(statement, For) and not statement.carried):
                for block in blocks(statement):
                    visit((*path, statement), block)
                continue
            for inner in walk([statement]):
                if _is_shared(inner, loop, list(_loops(path)), inside, arrays):
                    if inner is not statement:
                        raise Refused(inner, "steps of a row add to places that rows share")
                    assert isinstance(inner, Accumulate)
                    found.append(_place(inner, path, inside, arrays))

    visit((loop,), loop.body)
    for place in found:
        _check(place, loop, sizes)
    return found


def _is_shared(
    statement: Statement,
    loop: For,
    around: Sequence[For],
    inside: Set[str],
    arrays: Collection[str],
) -> bool:
    match statement:
        case Accumulate(target=Load(buffer, indices)) if buffer in arrays:
            loops = {f.variable for f in around}
            symbols = {s for d in indices for s in d.symbols()}
            # An array of the rows is written by them, and one whose elements are numbered by an
            # inner loop gets something from every row.
            is_inner = bool(symbols & loops) and loop.variable not in symbols
            return is_inner or not symbols.isdisjoint(inside - loops)
        case _:
            return False


def _place(
    statement: Accumulate,
    path: tuple[For | If, ...],
    inside: Set[str],
    arrays: Mapping[str, Allocate],
) -> Place:
    target = statement.target
    assert isinstance(target, Load)
    loops = {f.variable: level for level, f in enumerate(path) if isinstance(f, For)}
    level_of = {
        name: level
        for level, each in enumerate(path)
        if isinstance(each, For)
        for other in each.body
        if not isinstance(other, For)
        for name in defined(other)
    }
    data = {s for d in target.indices for s in d.symbols()} & inside - loops.keys()
    if data and len(loops) < len(path):
        # What is no place where the branch is not taken must not be sorted.
        raise Refused(statement, "it adds, in a branch, to places that rows share")
    if not data <= level_of.keys():
        raise Refused(statement, "it adds to places that an inner loop finds")
    depth = 1 + max((level_of[name] for name in data), default=0)
    keys: list[tuple[str, Dim]] = []
    items: list[For] = []
    for dim, size in zip(target.indices, arrays[target.buffer].shape, strict=True):
        if (loops.keys() | inside).isdisjoint(dim.symbols()):
            continue
        name = dim.name
        level = loops.get(name or "", 0)
        counted = path[level]
        if name is None or name in {n for n, _ in keys} or counted in items:
            raise Refused(statement, f"it adds to the place {dim} of an array")
        if level >= depth and isinstance(counted, For):
            items.append(counted)
        else:
            keys.append((name, size))
    ordered = tuple(f for f in _loops(path) if any(f is i for i in items))
    return Place(statement, path, depth, tuple(keys), ordered)


def _check(place: Place, loop: For, sizes: Set[str]) -> None:
    """Refuse what could not be computed place by place."""
    statement, name = place.statement, place.target.buffer
    if identity(statement.how, place.target.dtype) is None:
        raise Refused(statement, f"threads can't share the reduction `{statement.how}`")
    extents = [f.extent for f in (*place.records, *place.items)]
    extents += [size for _, size in place.keys]
    if any(f.span or f.window for f in _loops(place.path)) or any(
        not sizes >= set(d.symbols()) for d in extents
    ):
        raise Refused(statement, "nobody knows beforehand how many rows or places there are")
    for other in walk(loop.body):
        values = expressions(other)[isinstance(other, Accumulate) :]
        reads = {e.buffer for x in values for e in parts(x) if isinstance(e, Load)}
        if name in reads or (isinstance(other, Store) and other.buffer == name):
            raise Refused(other, f"rows use `{name}` while others add to it")
        match other:
            case Accumulate(target=Load(buffer), how=how) if buffer == name:
                if how != statement.how:
                    raise Refused(other, "the loop adds to an array in two ways")
            case _:
                pass


def _loops(path: Iterable[For | If]) -> Iterator[For]:
    return (each for each in path if isinstance(each, For))


def product(sizes: Iterable[Dim]) -> Dim:
    """The product of sizes."""
    found = ONE
    for size in sizes:
        found = found * size
    return found


def combined(axes: Sequence[tuple[Dim, Dim]]) -> Dim:
    """The number of an element in C order, from its index along each axis and the axis' size."""
    found = ZERO
    for index, size in axes:
        found = found * size + index
    return found


def decoded(number: str, axes: Sequence[tuple[str, Dim]], note: Note) -> list[Statement]:
    """The index along each axis from the number of an element; none where that is the index."""
    found: list[Statement] = []
    rest = Dim.symbol(number)
    for k, (name, _) in enumerate(axes):
        if name == number:
            continue
        below = product(size for _, size in axes[k + 1 :])
        value = Index(rest)
        if below != ONE:
            value = Apply("floor_divide", (Index(rest), Index(below)), DType.INT64)
        found.append(Let(name, value, None, note))
        rest = rest - Dim.symbol(name) * below
    return found
