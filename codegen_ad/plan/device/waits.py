"""Where threads of a team wait for each other: between two steps of which one needs the other done.

Two steps need that if one of them writes an element which the other, in another thread, reads or
writes. Which thread touches which element follows from how a loop is shared out: the thread that
takes a trip is the same in each loop whose trips are dealt out alike. A step waits as late as it
can, so one wait serves all that stands before it. Arrays that change places keep their history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.plan.device.loops import Refused, parts
from codegen_ad.plan.device.steps import Alone, Around, Kept, Share, Step, Uniform, Wait
from codegen_ad.plan.kernel import (
    Accumulate,
    Assign,
    Expr,
    For,
    If,
    Load,
    Statement,
    Store,
    Var,
    While,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions

TOLD = "(told)"
"""Stands for the memory through which one thread tells all others numbers."""

_Span = tuple[Dim, Dim]
_Dealt = tuple[object, tuple[frozenset[tuple[int, Dim]], ...]]


@dataclass(frozen=True, slots=True)
class Touch:
    """What threads do with elements of an array.

    `how` is "read", "write" or "add" (in one step, in any order). `dealt` says which thread touches
    an element: how trips are dealt out, and for each variable of them the axes whose index is that
    variable plus so much. None says that it may be any thread. `within` says for each axis from
    where to where indices may be, None where that is not known.
    """

    name: str
    how: str
    dealt: _Dealt | None = None
    within: tuple[_Span | None, ...] = ()

    def needs(self, other: Touch) -> bool:
        """Whether one must be done before the other, and not in the same thread anyway."""
        if self.name != other.name or (self.how == other.how and self.how != "write"):
            return False
        if any(map(_are_apart, self.within, other.within)):
            return False
        if self.dealt is None or other.dealt is None or self.dealt[0] != other.dealt[0]:
            return True
        pairs = zip(self.dealt[1], other.dealt[1], strict=True)
        return any(mine.isdisjoint(theirs) for mine, theirs in pairs)


_LEADER: _Dealt = ("one thread", ())


def _are_apart(one: _Span | None, other: _Span | None) -> bool:
    """Whether indices of one are below all of the other, or above."""
    if one is None or other is None:
        return False
    gaps = (other[0] - one[1], one[0] - other[1])
    return any(gap.is_constant and gap.value > 0 for gap in gaps)


class Waits:
    """Puts waits between steps.

    Parameters
    ----------
    arrays : the names of all arrays that the kernel makes.
    constant : the names of numbers that stay what they are.
    sums_wait : whether all threads wait for each other where they add up what a loop left.
    """

    def __init__(self, arrays: Set[str], constant: Set[str], *, sums_wait: bool) -> None:
        self.arrays = arrays
        self.constant = constant
        self.sums_wait = sums_wait
        self.pending: set[Touch] = set()

    def block(self, steps: Sequence[Step]) -> list[Step]:
        """The steps with waits between them."""
        found: list[Step] = []
        for step in steps:
            match step:
                case Uniform(statement):
                    self._before(found, self._touches([statement], None))
                    found.append(step)
                    self._exchange(statement)
                case Around(statement, inner):
                    found.append(self._around(found, statement, inner))
                case Share():
                    self._share(found, step)
                case Alone(statements, told):
                    telling = [Touch(TOLD, "write", _LEADER)] * bool(told)
                    self._before(found, [*self._touches(statements, _LEADER), *telling])
                    if told:  # all have waited for it
                        self.pending = {Touch(TOLD, "read")}
                    found.append(step)
                case Wait() | Kept():
                    raise AssertionError(step)
        return found

    def repeated(self, steps: Sequence[Step], results: Sequence[str]) -> list[Step]:
        """The steps of what runs again and again, with waits; all read the results in between."""
        while True:
            start = set(self.pending)
            found = self.block(steps)
            self._before(found, [Touch(name, "read") for name in results])
            if self.pending <= start:
                return found
            self.pending |= start

    def _before(self, found: list[Step], touches: Iterable[Touch]) -> None:
        """Wait, if what comes needs it; then it is something that others may need done."""
        coming = set(touches)
        if any(new.needs(old) for old in self.pending for new in coming if new.name == old.name):
            found.append(Wait())
            self.pending.clear()
        self.pending |= coming

    def _share(self, found: list[Step], share: Share) -> None:
        arrays = [Touch(t.name, "write") for t in share.totals if t.shape]
        if share.totals and self.sums_wait:
            self._before(found, self._of_trips(share))
            self.pending = set(arrays)  # which are written behind the wait
        else:
            self._before(found, [*self._of_trips(share), *arrays])
        found.append(share)

    def _around(
        self, found: list[Step], statement: For | While | If, inner: Sequence[Sequence[Step]]
    ) -> Around:
        if isinstance(statement, If):
            self._before(found, self._asked(statement))
            before, after = set(self.pending), set[Touch]()
            sides: list[tuple[Step, ...]] = []
            for block in inner:
                self.pending = set(before)
                sides.append(tuple(self.block(block)))
                after |= self.pending
            self.pending = after
            return Around(statement, tuple(sides))
        while True:
            # The next trip may need what this one does: its end is its beginning, too.
            start = set(self.pending)
            made = self._trip(statement, inner)
            if self.pending <= start:
                self.pending = start
                return Around(statement, made)
            self.pending |= start

    def _trip(
        self, statement: For | While, inner: Sequence[Sequence[Step]]
    ) -> tuple[tuple[Step, ...], ...]:
        if not isinstance(statement, While):
            return tuple(tuple(self.block(block)) for block in inner)
        test, body = inner
        asked = self.block(test)
        self._before(asked, self._asked(statement))
        return tuple(asked), tuple(self.block(body))

    def _exchange(self, statement: Statement) -> None:
        """Arrays that change places take along what happened to them."""
        if not isinstance(statement, Assign):
            return
        names = {
            e.name: n
            for n, e in zip(statement.names, statement.exprs, strict=True)
            if isinstance(e, Var) and e.name in self.arrays
        }
        if names.keys() != self.arrays & set(statement.names):
            raise Refused(statement, "an array gets a second name")
        self.pending = {
            replace(t, name=names[t.name]) if t.name in names else t for t in self.pending
        }

    def _of_trips(self, share: Share) -> Iterator[Touch]:
        """What the threads of a shared loop touch."""
        private = {o.name for o in share.own} | {t.name for t in share.totals}
        loop, columns = share.loop, share.columns
        how = "rows" if columns is None else ("rows and columns", columns.extent)
        variables = [loop.variable, *([] if columns is None else [columns.variable])]
        for touch, at in self._elements([loop]):
            if touch.name in private:
                continue
            adds = touch.how == "write" and touch.name in share.atomic
            places = tuple(frozenset(self._places(at, v)) for v in variables)
            yield replace(touch, how="add" if adds else touch.how, dealt=(how, places))

    def _places(self, at: Sequence[Dim], variable: str) -> Iterator[tuple[int, Dim]]:
        for axis, dim in enumerate(at):
            rest = dim - Dim.symbol(variable)
            if self.constant >= set(rest.symbols()):
                yield axis, rest

    def _touches(self, statements: Sequence[Statement], dealt: _Dealt | None) -> Iterator[Touch]:
        return (replace(touch, dealt=dealt) for touch, _ in self._elements(statements))

    def _asked(self, statement: Statement) -> Iterator[Touch]:
        """What every thread reads to find out whether it goes into a block."""
        return (Touch(e.buffer, "read") for e in _loads(expressions(statement)))

    def _elements(self, statements: Sequence[Statement]) -> Iterator[tuple[Touch, tuple[Dim, ...]]]:
        """The elements that statements and those in them read and write."""
        inside = list(walk(list(statements)))
        extents: dict[str, set[Dim]] = {}
        for loop in (s for s in inside if isinstance(s, For)):
            extents.setdefault(loop.variable, set()).add(loop.extent)
        trips = {
            name: extent
            for name, (extent, *others) in extents.items()
            if not others and self.constant >= set(extent.symbols())
        }
        for statement in inside:
            read = expressions(statement)
            written: list[tuple[str, tuple[Dim, ...]]] = []
            match statement:
                case Store(buffer, indices):
                    written = [(buffer, indices)]
                case Accumulate(target=Load(buffer, indices)):
                    written = [(buffer, indices)]
                    read = read[1:]
                case _:
                    pass
            for buffer, at in written:
                yield Touch(buffer, "write", None, self._within(at, trips)), at
            for e in _loads(read):
                yield Touch(e.buffer, "read", None, self._within(e.indices, trips)), e.indices

    def _within(self, at: Sequence[Dim], trips: Mapping[str, Dim]) -> tuple[_Span | None, ...]:
        """From where to where indices are in loops of so many trips."""
        first = dict.fromkeys(trips, ZERO)
        last = {name: extent - 1 for name, extent in trips.items()}
        return tuple(
            (d.substitute(first), d.substitute(last)) if self._grows(d, trips) else None for d in at
        )

    def _grows(self, dim: Dim, trips: Mapping[str, Dim]) -> bool:
        """Whether an index is made of numbers that stay, and of trips that only make it larger."""
        for names, count in dim.terms:
            if not self.constant >= set(Dim(((names, 1),)).symbols()):
                (name, *more) = names
                if more or name not in trips or count < 0:
                    return False
        return True


def _loads(exprs: Iterable[Expr]) -> Iterator[Load]:
    return (p for e in exprs for p in parts(e) if isinstance(p, Load))


def shares_of(steps: Sequence[Step]) -> Iterator[Share]:
    """The shared loops among steps and those within them."""
    for step in steps:
        if isinstance(step, Share):
            yield step
        elif isinstance(step, Around):
            for block in step.blocks:
                yield from shares_of(block)


def nest_of(loop: For) -> list[For]:
    """A loop, and those that stand alone in it, one in another."""
    found = [loop]
    while True:
        match found[-1].body:
            case [For() as inner]:
                found.append(inner)
            case _:
                return found
