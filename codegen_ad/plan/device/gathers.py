"""Sweeps that add to shifted places of an array, as one sweep in which each place takes its terms.

`d[i + 1] += a; d[i] += b; d[i + 2] += c` for all `i` are three sweeps, of which each must wait for
the one before: another thread added to the same place. In one sweep over `d` every place belongs
to one thread, which looks at each of the three whether it has a term for the place. The terms keep
their order, so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import groupby

from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.loops import defined, is_wide, read
from codegen_ad.plan.device.waits import nest_of
from codegen_ad.plan.free import fresh, letters
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    If,
    Index,
    Let,
    Load,
    Statement,
    Store,
    Var,
    While,
    copied,
    walk,
)
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.rename import names_in, rename_statement, written

MOST_TERMS = 16
"""One sweep has at most so many terms for a place."""


MOST_OUTSIDE = 16
"""An axis has at most so many places outside of a sweep: others would be looked at in vain."""


@dataclass(slots=True)
class _Term:
    """What a sweep does to an array, at `first + variable` along each axis for `count` trips.

    `body` ends with the statement that writes.
    """

    loops: tuple[For, ...]
    first: tuple[Dim, ...]
    body: list[Statement]

    def reads(self) -> set[str]:
        """The names that it reads; neither its own, nor the array to which it adds."""
        own = {v.variable for v in self.loops} | {s.name for s in self.body if isinstance(s, Let)}
        found = {n for v in self.loops for n in v.extent.symbols()}
        for statement in self.body:
            match statement:
                case Accumulate(target=Load(indices=indices), expr=expr):
                    found |= {*names_in(expr), *(n for d in indices for n in d.symbols())}
                case _:
                    found |= read(statement)
        return found - own


@dataclass(slots=True)
class _Run:
    """Sweeps that follow each other.

    Attributes
    ----------
    statements : as they stood.
    before : statements about numbers, and sweeps that add up numbers: they may go first.
    terms : what sweeps do to each array.
    reads : the names that terms read.
    """

    statements: list[Statement] = field(default_factory=list[Statement])
    before: list[Statement] = field(default_factory=list[Statement])
    terms: dict[str, list[_Term]] = field(default_factory=dict[str, list[_Term]])
    reads: set[str] = field(default_factory=set[str])


class Gathers:
    """Makes such sweeps one.

    Parameters
    ----------
    body : of the kernel.
    sizes : the names of numbers that stay what they are.
    taken : the names that are in use.
    """

    def __init__(self, body: list[Statement], sizes: Set[str], taken: set[str]) -> None:
        self.sizes = sizes
        self.taken = taken
        self.arrays: dict[str, Allocate] = {}
        for made in (s for s in walk(body) if isinstance(s, Allocate)):
            self.arrays[made.buffer] = made

    def block(self, body: Sequence[Statement]) -> list[Statement]:
        """The statements of a block, and of the blocks in it."""
        found: list[Statement] = []
        run = _Run()
        for statement in body:
            if self._joins(run, statement):
                continue
            found += self._closed(run)
            run = _Run()
            if not self._joins(run, statement):
                found.append(self._within(statement))
        return [*found, *self._closed(run)]

    def _within(self, statement: Statement) -> Statement:
        match statement:
            case For(body=body):
                return replace(statement, body=self.block(body))
            case While(test=test, body=body):
                return replace(statement, test=self.block(test), body=self.block(body))
            case If(then=then, otherwise=otherwise):
                sides = self.block(then), self.block(otherwise)
                return replace(statement, then=sides[0], otherwise=sides[1])
            case _:
                return statement

    def _joins(self, run: _Run, statement: Statement) -> bool:
        """Take a statement into a run, if what goes first may go first."""
        terms: list[tuple[str, _Term]] = []
        sums: list[Statement] = []
        if isinstance(statement, For):
            found = self._parts(statement)
            if found is None:
                return False
            terms, sums = found
        elif isinstance(statement, Allocate) or (
            isinstance(statement, Let | Assign) and not defined(statement) & self.arrays.keys()
        ):
            sums = [statement]
        else:
            return False
        writes = run.terms.keys() | {name for name, _ in terms}
        reads = run.reads.union(*(t.reads() for _, t in terms))
        asked = {n for s in sums for n in read(s)}
        given = {n for s in sums for n in _given(s)}
        if writes & (reads | asked) or given & reads:
            return False
        for name, term in terms:
            run.terms.setdefault(name, []).append(term)
        run.before += sums
        run.reads = reads
        run.statements.append(statement)
        return True

    def _parts(self, loop: For) -> tuple[list[tuple[str, _Term]], list[Statement]] | None:
        """What a sweep does to each array, and the sweep that adds up its sums, if any."""
        nest = nest_of(loop)
        body = nest[-1].body
        if not is_wide(loop) or any(n.carried for n in nest):
            return None
        terms: list[tuple[str, _Term]] = []
        sums: list[Statement] = []
        for statement in body:
            match statement:
                case Let():
                    continue
                case Store(buffer, indices) | Accumulate(Load(buffer, indices)):
                    first = self._first(nest, buffer, indices)
                    if first is None:
                        return None
                    made = [copied(s) for s in _needed(body, [statement])]
                    terms.append((buffer, _Term(tuple(nest), first, made)))
                case Accumulate():
                    sums.append(statement)
                case _:
                    return None
        return terms, [_around(nest, _needed(body, sums))] if sums else []

    def _first(
        self, nest: Sequence[For], buffer: str, indices: Sequence[Dim]
    ) -> tuple[Dim, ...] | None:
        """Where trips begin along each axis of an array, if they go over nearly all of it."""
        made = self.arrays.get(buffer)
        if made is None or len(indices) != len(nest):
            return None
        found: list[Dim] = []
        for loop, index, size in zip(nest, indices, made.shape, strict=True):
            first, outside = index - Dim.symbol(loop.variable), size - loop.extent
            if not self.sizes >= {*first.symbols(), *size.symbols(), *loop.extent.symbols()}:
                return None
            if not outside.is_constant or not 0 <= outside.value <= MOST_OUTSIDE:
                return None
            found.append(first)
        return tuple(found)

    def _closed(self, run: _Run) -> list[Statement]:
        """The statements of a run: what goes first, then one sweep for each array."""
        if not any(1 < len(terms) <= MOST_TERMS for terms in run.terms.values()):
            return run.statements
        found = list(run.before)
        for name, terms in run.terms.items():
            if 1 < len(terms) <= MOST_TERMS:
                found.append(self._sweep(self.arrays[name], terms))
            else:
                found += [_around(t.loops, t.body) for t in terms]
        return found

    def _sweep(self, array: Allocate, terms: Sequence[_Term]) -> Statement:
        """One sweep over an array, in which each place takes its terms in order.

        What the place will hold stands in a variable, which is stored once.
        """
        names = letters(len(array.shape), self.taken)
        places = tuple(Dim.symbol(name) for name in names)
        held = Var(fresh(f"{array.buffer}_here", self.taken), array.dtype)
        found: list[tuple[tuple[Expr, ...], list[Statement]]] = []
        given: set[str] = set()
        for term in terms:
            inner: list[Statement] = term.body
            for let in inner[:-1]:
                assert isinstance(let, Let)
                if let.name in given:
                    other = fresh(let.name, self.taken)
                    _rename(inner, let.name, other)
                given.add(let.name)
            values = {
                v.variable: place - first
                for v, place, first in zip(term.loops, places, term.first, strict=True)
            }
            for statement in inner:
                substitute(statement, values)
            inner[-1] = _taken_into(held, inner[-1])
            found.append((_conditions(places, term, array), inner))
        if found[0][0] or not isinstance(found[0][1][-1], Assign):
            begun = Load(array.buffer, places, array.dtype)
            found.insert(0, ((), [Assign((held.name,), (begun,), found[0][1][-1].note)]))
        body = _guarded(found)
        body.append(Store(array.buffer, places, held, terms[-1].body[-1].note))
        made = zip(terms[0].loops, names, array.shape, strict=True)
        return _around([replace(v, variable=n, extent=e) for v, n, e in made], body)


def _taken_into(held: Var, statement: Statement) -> Statement:
    """What writes to a place of an array, writing to a variable."""
    match statement:
        case Store(expr=expr, note=note):
            return Assign((held.name,), (expr,), note)
        case Accumulate(how=how, expr=expr, note=note):
            return Accumulate(held, how, expr, note)
        case _:
            raise AssertionError(statement)


def _guarded(
    found: Sequence[tuple[tuple[Expr, ...], list[Statement]]], depth: int = 0
) -> list[Statement]:
    """Statements under conditions; those that follow each other ask for one in common once."""
    made: list[Statement] = []
    for condition, group in groupby(found, lambda pair: pair[0][depth : depth + 1]):
        if condition:
            inner = _guarded(list(group), depth + 1)
            made.append(If(condition[0], inner, [], inner[-1].note))
        else:
            made += [s for _, body in group for s in body]
    return made


def _conditions(places: Sequence[Dim], term: _Term, array: Allocate) -> tuple[Expr, ...]:
    """Whether a term has something for a place, for each axis where it may have nothing."""
    found: list[Expr] = []
    for place, first, loop, size in zip(places, term.first, term.loops, array.shape, strict=True):
        end = first + loop.extent
        tests: list[Expr] = []
        if first != ZERO:
            tests.append(Apply("greater_equal", (Index(place), Index(first)), DType.BOOL))
        if end != size:
            tests.append(Apply("less", (Index(place), Index(end)), DType.BOOL))
        found += [Apply("logical_and", tuple(tests), DType.BOOL)] if len(tests) == 2 else tests
    return tuple(found)


def _rename(body: Sequence[Statement], name: str, other: str) -> None:
    for statement in body:
        rename_statement(statement, lambda n: other if n == name else n)


def _around(loops: Sequence[For], body: list[Statement]) -> For:
    """A nest of such loops around statements."""
    *outer, inner = loops
    found = replace(inner, body=body)
    for loop in reversed(outer):
        found = replace(loop, body=[found])
    return found


def _needed(body: Sequence[Statement], wanted: Sequence[Statement]) -> list[Statement]:
    """Some statements of a body, and what they need of it."""
    kept: list[Statement] = []
    names: set[str] = set()
    for statement in reversed(body):
        if any(statement is w for w in wanted) or (
            isinstance(statement, Let) and statement.name in names
        ):
            kept.append(statement)
            names |= read(statement)
    return kept[::-1]


def _given(statement: Statement) -> set[str]:
    """The names that a statement gives values which others may read."""
    match statement:
        case For():
            sums = (s for s in walk([statement]) if isinstance(s, Accumulate))
            return {n for s in sums for n in written(s)}
        case Allocate():
            return set()
        case _:
            return defined(statement)
