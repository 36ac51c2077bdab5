"""The body of a row loop as passes over a tile of rows, innermost, so that they use vectors.

Statements of one row become groups, each of which will be a loop over the rows of the tile; loops
over inner dimensions stand around groups, unless they read along the rows of arrays, where they
use vectors themselves. What needs vectors is kept apart from what can't have them: mathematical
functions from loops (Kennedy and Allen's loop distribution, with scalars expanded where they pass
from one group to another).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ops.costs import COSTLY
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    Check,
    Expr,
    For,
    If,
    Let,
    Load,
    Number,
    Product,
    Raise,
    Statement,
    Store,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, names_in
from codegen_ad.plan.tiling.rows import Rows, accesses, assigned, names_of


@dataclass(slots=True, eq=False)
class Group:
    """Statements that run row by row, in one loop."""

    statements: list[Statement] = field(default_factory=list[Statement])

    def is_flat(self, rows: Rows) -> bool:
        """Whether the loop over the rows can use vectors."""
        return not any(needs_turns(rows, s) for s in self.statements)


@dataclass(slots=True, eq=False)
class Around:
    """A loop or a branch that is the same for all rows, around what runs for each."""

    statement: For | If
    inner: tuple[list[Item], ...]


@dataclass(slots=True, eq=False)
class Once:
    """A statement that runs once for the tile."""

    statement: Statement


Item = Group | Around | Once


def groups(items: Sequence[Item]) -> Iterator[Group]:
    """All groups, in order."""
    for item in items:
        if isinstance(item, Group):
            yield item
        elif isinstance(item, Around):
            for block in item.inner:
                yield from groups(block)


def needs_turns(rows: Rows, statement: Statement) -> bool:
    """Whether rows have to take turns: a loop around this statement can't use vectors.

    It has loops, it may raise, or it writes at a place that the row's data says.
    """
    for inner in walk([statement]):
        if isinstance(inner, For | Check | Raise):
            return True
        place = inner.indices if isinstance(inner, Store) else ()
        if isinstance(inner, Accumulate) and isinstance(inner.target, Load):
            place = inner.target.indices
        if rows.varying.intersection(s for d in place for s in d.symbols()):
            return True
    return False


def is_costly(statement: Statement) -> bool:
    """Whether a statement calls a mathematical function."""
    return any(_calls(e) for s in walk([statement]) for e in expressions(s))


def _calls(expr: Expr) -> bool:
    return isinstance(expr, Apply) and (expr.op in COSTLY or any(map(_calls, expr.args)))


def is_checked(loop: For) -> bool:
    """Whether an innermost loop may raise, so that it uses no vectors anywhere."""
    inner = list(walk(loop.body))
    return any(isinstance(s, Check | Raise) for s in inner) and not any(
        isinstance(s, For) for s in inner
    )


def is_along_rows(rows: Rows, loop: For) -> bool:
    """Whether an innermost loop reads and writes along the last axes of arrays."""
    if loop.carried or any(isinstance(s, For) for s in walk(loop.body)):
        return False
    variable = Dim.symbol(loop.variable)
    for buffer, at, _ in accesses(loop.body):
        if buffer in rows.temporaries and buffer in rows.varying:
            return False
        if any(loop.variable in d.symbols() for d in at[:-1]):
            return False
        if loop.variable in at[-1].symbols() and loop.variable in (at[-1] - variable).symbols():
            return False
    return True


def along_picked(rows: Rows, body: Sequence[Statement]) -> bool:
    """Whether loops in the loops of a row go along rows of arrays that the row's data pick.

    They use vectors themselves. With the rows of a tile innermost every element would come from
    another place, and go there.
    """
    nested = (s for loop in body if isinstance(loop, For) for s in walk(loop.body))
    return any(isinstance(s, For) and _goes_along_picked(rows, s) for s in nested)


def _goes_along_picked(rows: Rows, loop: For) -> bool:
    if loop.extent.is_constant or loop.carried:
        return False
    picking = (rows.varying & rows.variables.keys()) - {loop.variable}
    return any(
        at[-1] == Dim.symbol(loop.variable)
        and not picking.isdisjoint(s for d in at[:-1] for s in d.symbols())
        for _, at, _ in accesses(loop.body)
    )


def distribute(rows: Rows, statements: Sequence[Statement], depth: int = 0) -> list[Item]:
    """The statements of a row as passes over the rows of a tile; `depth` loops stand around."""
    work = _Distribution(rows, depth)
    for statement in statements:
        work.add(statement)
    work.finish()
    return work.items


class _Distribution:
    def __init__(self, rows: Rows, depth: int) -> None:
        self.rows = rows
        self.depth = depth
        self.items: list[Item] = []
        self.waiting: list[Statement] = []  # where sums begin: they go where the first term is

    def add(self, statement: Statement) -> None:
        if isinstance(statement, Product) or not self.rows.is_per_row(statement):
            self._once(statement)
        elif _is_start(statement):
            self.waiting.append(statement)
        elif isinstance(statement, For) and not self._stays(statement):
            self._around(statement, (statement.body,))
        elif isinstance(statement, If) and self._is_same_for_all(statement):
            self._around(statement, (statement.then, statement.otherwise))
        else:
            first = [w for w in self.waiting if self._conflict([w], statement)]
            self.waiting = [w for w in self.waiting if w not in first]
            if needs_turns(self.rows, statement):
                self._looping(first, statement)
            else:
                self._flat(first, statement)

    def finish(self) -> None:
        for statement in self.waiting:
            self._flat([], statement)
        self.waiting = []

    def _stays(self, loop: For) -> bool:
        """Whether a loop stays inside the loop over the rows."""
        if any(isinstance(s, Product) for s in walk(loop.body)):
            return False  # it is one for all rows of a tile
        if self.rows.varies(loop.extent.symbols()) or is_checked(loop):
            return True
        if self.depth or not is_along_rows(self.rows, loop):
            return False
        # What is the same for all rows must not be added up again for each of them.
        return not shared_changes(self.rows, loop)

    def _is_same_for_all(self, branch: If) -> bool:
        names = [n for e in expressions(branch) for n in names_in(e)]
        return not self.rows.varies(names) and any(
            isinstance(s, For) for block in blocks(branch) for s in walk(block)
        )

    def _once(self, statement: Statement) -> None:
        place = len(self.items)
        while place and isinstance(self.items[place - 1], Group):
            if self._conflict(_statements(self.items[place - 1]), statement):
                break
            place -= 1
        self.items.insert(place, Once(statement))

    def _around(self, statement: For | If, inner: tuple[list[Statement], ...]) -> None:
        for start in [w for w in self.waiting if self._conflict([w], statement)]:
            self.waiting.remove(start)
            self._flat([], start)
        depth = self.depth + isinstance(statement, For)
        made = tuple(distribute(self.rows, block, depth) for block in inner)
        self.items.append(Around(statement, made))

    def _looping(self, first: list[Statement], statement: Statement) -> None:
        last = self.items[-1] if self.items else None
        if not isinstance(last, Group) or any(map(is_costly, last.statements)):
            last = Group()
            self.items.append(last)
        last.statements += [*first, statement]

    def _flat(self, first: list[Statement], statement: Statement) -> None:
        target: Group | None = None
        for item in reversed(self.items):
            if isinstance(item, Group) and item.is_flat(self.rows):
                target = item
                break
            both = [*first, statement]
            if any(self._conflict(_statements(item), s) for s in both):
                break
        last = self.items[-1] if self.items else None
        if target is None and isinstance(last, Group) and not is_costly(statement):
            target = last
        if target is None:
            target = Group()
            if isinstance(last, Group):
                # What follows the last loop of a group needs no loop itself.
                while last.statements and not needs_turns(self.rows, last.statements[-1]):
                    target.statements.insert(0, last.statements.pop())
            self.items.append(target)
        target.statements += [*first, statement]

    def _conflict(self, before: Sequence[Statement], statement: Statement) -> bool:
        """Whether a statement has to come after these."""
        made = _changes(self.rows, [statement])
        used = set(names_of(statement)) - _only_added(self.rows, [statement])
        for other in before:
            changed = _changes(self.rows, [other])
            if not changed.isdisjoint(used | made) or not made.isdisjoint(names_of(other)):
                return True
        return False


def _changes(rows: Rows, statements: Sequence[Statement]) -> set[str]:
    """What statements change, but for sums that any order gives."""
    return {n for s in walk(list(statements)) for n in assigned(s) if n not in rows.totals}


def _only_added(rows: Rows, statements: Sequence[Statement]) -> set[str]:
    return {n for s in walk(list(statements)) for n in assigned(s) if n in rows.totals}


def _statements(item: Item) -> list[Statement]:
    return item.statements if isinstance(item, Group) else [item.statement]


def shared_changes(rows: Rows, statement: Statement) -> set[str]:
    """What a statement goes on changing from before it, though it is the same for all rows.

    Run for each row, it would go on from what the row before left.
    """
    inner = list(walk([statement]))
    begun = {n for s in inner if isinstance(s, Assign) and _is_start(s) for n in s.names}
    found: set[str] = set()
    for s in inner:
        read = {n for e in expressions(s) for n in names_in(e)}
        adds = isinstance(s, Accumulate | Assign) or (isinstance(s, Product) and s.adds)
        found |= {n for n in assigned(s) if not isinstance(s, Let) and (adds or n in read)}
    shared = (rows.variables.keys() | rows.temporaries) - rows.varying - rows.totals
    return (found & shared) - begun


def _is_start(statement: Statement) -> bool:
    """Whether a sum begins here."""
    return isinstance(statement, Assign) and all(isinstance(e, Number) for e in statement.exprs)


def pays(rows: Rows, items: Sequence[Item]) -> bool:
    """Whether tiles let something use vectors that would not use them in a loop over rows.

    A function of a row alone is little beside loops along the row that call functions themselves.
    """
    if any(isinstance(item, Around) and _gains(rows, item) for item in items):
        return True
    costly = [i for i in items if isinstance(i, Group) and any(map(is_costly, i.statements))]
    flat = [g for g in costly if g.is_flat(rows)]
    return (
        bool(flat) and len(flat) == len(costly) and not any(_is_wide(rows, items, g) for g in flat)
    )


STREAMS = 8
"""Pairs of arrays, one of them written, that LLVM compares before it uses vectors in a loop."""


def _is_wide(rows: Rows, items: Sequence[Item], group: Group) -> bool:
    """Whether a pass would touch too many arrays to use vectors."""
    own = {n for s in group.statements for n in names_of(s)}
    others = {n for g in groups(items) if g is not group for s in g.statements for n in names_of(s)}
    made = {n for s in walk(group.statements) for n in assigned(s)}
    handed = own & others & rows.varying & rows.variables.keys()
    arrays = {b for b, _, _ in accesses(group.statements) if b in rows.tables or b in rows.varying}
    stored = len(handed & made) + len(arrays & made)
    read = len(handed - made) + len(arrays - made)
    return stored * read + stored * (stored - 1) // 2 > STREAMS


def _gains(rows: Rows, around: Around) -> bool:
    inner = [s for block in blocks(around.statement) for s in walk(block)]
    temporary = (b in rows.temporaries and b in rows.varying for b, _, _ in accesses(inner))
    nested = any(isinstance(s, For) for s in inner)
    # A loop whose trips wait for each other uses no vectors itself.
    waits = isinstance(around.statement, For) and around.statement.carried
    return nested or waits or any(map(is_costly, inner)) or any(temporary)
