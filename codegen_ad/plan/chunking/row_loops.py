"""Loops over rows whose chunks may be run apart: what each row may change, and in what way.

A loop is taken if its rows only add to numbers and arrays, fill rows of arrays that are theirs, and
use memory that no other row reads. Whatever else it does leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    Check,
    For,
    Let,
    Load,
    MatrixVector,
    Product,
    Statement,
    Store,
    Tiles,
    Var,
    View,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, names_in
from codegen_ad.plan.tidying.uses import changed, exposed, loads, read

SUMMED = ("sum", "prod", "max", "min")


@dataclass(frozen=True, slots=True)
class Total:
    """A number that all rows add to (or take the greatest of, and so on, as `how` says)."""

    name: str
    how: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Totals:
    """An array that all rows add to, and where it is made."""

    made: Allocate


@dataclass(frozen=True, slots=True)
class RowLoop:
    """A loop over rows with what its rows add up, and the memory that each chunk needs."""

    loop: For | Tiles
    totals: tuple[Total, ...]
    arrays: tuple[Totals, ...]
    scratch: tuple[Allocate, ...]

    @property
    def results(self) -> set[str]:
        """The names of all that is added up."""
        return {t.name for t in self.totals} | {a.made.buffer for a in self.arrays}


@dataclass(slots=True)
class Before:
    """What the statements before a loop make, name twice, and mention."""

    made: dict[str, Allocate] = field(default_factory=dict[str, Allocate])
    shared: set[str] = field(default_factory=set[str])
    mentioned: set[str] = field(default_factory=set[str])

    def add(self, statement: Statement) -> None:
        """One more statement of the kernel's outermost block."""
        if isinstance(statement, Allocate):
            self.made[statement.buffer] = statement
            return
        if isinstance(statement, View):
            self.shared |= {statement.buffer, statement.source}
        self.mentioned.update(_mentioned(statement))


def is_over_rows(statement: Statement, rows: Collection[str]) -> bool:
    """Whether a statement is a loop whose trips are counted by `rows` alone."""
    if not isinstance(statement, For | Tiles) or statement.carried:
        return False
    if isinstance(statement, For) and statement.span is not None:
        return False
    symbols = set(statement.extent.symbols())
    return bool(symbols) and symbols.issubset(rows)


def row_loop(statement: For | Tiles, before: Before, after: Collection[str]) -> RowLoop | None:
    """The statement as a loop over rows whose chunks can be run apart, if it is one.

    Parameters
    ----------
    statement : a statement of a kernel's outermost block, which is over rows.
    before : what is known of those that stand before it.
    after : the names that are read behind it.
    """
    outside = exposed([statement])
    variables = [n for n in scalars_of(statement) if n in outside]
    totals = {name: total_of(statement, name) for name in variables}
    if None in totals.values():
        return None
    own = changed([statement]) - outside
    if not own.isdisjoint(after):
        return None
    arrays: list[Totals] = []
    scratch: list[Allocate] = []
    views = (s for s in walk([statement]) if isinstance(s, View))
    shared = before.shared.union(*((s.buffer, s.source) for s in views))
    for buffer in sorted(changed([statement]) & outside - set(totals)):
        allocation = before.made.get(buffer)
        if allocation is None or buffer in shared:
            return None
        if _are_own_rows(statement, buffer):
            continue
        elsewhere = buffer in before.mentioned or buffer in after
        if _is_added_to(statement, buffer):
            arrays.append(Totals(allocation))
        elif not elsewhere and allocation.fill is None:
            scratch.append(allocation)
        else:
            return None
    found = tuple(t for t in totals.values() if t is not None)
    return RowLoop(statement, found, tuple(arrays), tuple(scratch))


def _mentioned(statement: Statement) -> Iterator[str]:
    for inner in walk([statement]):
        yield from read(inner)
        yield from changed([inner])


def scalars_of(loop: For | Tiles) -> list[str]:
    """The scalar variables that the loop's body changes, in order."""
    found: list[str] = []
    for statement in walk([loop]):
        target = statement.target if isinstance(statement, Accumulate) else None
        if isinstance(target, Var) or isinstance(statement, Let | Assign | Check):
            found += sorted(changed([statement]))
    return list(dict.fromkeys(found))


def total_of(loop: For | Tiles, name: str) -> Total | None:
    """A variable as a total, if every mention of it in the loop is one more term, of one kind."""
    kinds: set[tuple[str, DType]] = set()
    for statement in walk([loop]):
        if isinstance(statement, Accumulate) and statement.target == _var_of(statement, name):
            kinds.add((statement.how, statement.target.dtype))
            if name in names_in(statement.expr):
                return None
        elif name in read(statement) or name in _changed_itself(statement):
            return None
    if len(kinds) != 1:
        return None
    how, dtype = kinds.pop()
    return Total(name, how, dtype) if how in SUMMED and dtype is not DType.BOOL else None


def _changed_itself(statement: Statement) -> set[str]:
    """What a statement changes without its blocks."""
    return changed([statement]) - {n for block in blocks(statement) for n in changed(block)}


def _var_of(statement: Accumulate, name: str) -> Var | None:
    target = statement.target
    return target if isinstance(target, Var) and target.name == name else None


def _places(loop: For | Tiles, buffer: str) -> Iterator[tuple[Statement, tuple[Dim, ...] | None]]:
    """Every mention of a buffer in a loop, with the place, or None where it is more than one."""
    for statement in walk([loop]):
        known = 0
        for expr in expressions(statement):
            for load in loads(expr):
                if load.buffer == buffer:
                    known += 1
                    yield statement, load.indices
        if isinstance(statement, Store) and statement.buffer == buffer:
            known += 1
            yield statement, statement.indices
        if not known and (buffer in read(statement) or buffer in _changed_itself(statement)):
            yield statement, None


def _are_own_rows(loop: For | Tiles, buffer: str) -> bool:
    """Whether every trip reads and writes one row of a buffer alone, each another one."""
    firsts = {place[0] if place else None for _, place in _places(loop, buffer)}
    if len(firsts) != 1:
        return False
    (first,) = firsts
    return first is not None and (first - row_of(loop)).is_constant


def row_of(loop: For | Tiles) -> Dim:
    """The number of a row."""
    if isinstance(loop, Tiles):
        return Dim.symbol(loop.first) + Dim.symbol(loop.row)
    return Dim.symbol(loop.variable)


def _is_added_to(loop: For | Tiles, buffer: str) -> bool:
    """Whether terms are added to places of a buffer, which is not read otherwise."""
    for statement, place in _places(loop, buffer):
        if isinstance(statement, Product):
            read = statement.left.buffer, statement.right.buffer
            if not statement.adds or buffer in (statement.part, *read):
                return False
            continue
        if isinstance(statement, MatrixVector):
            if buffer in (statement.matrix.buffer, statement.vector.buffer):
                return False
            continue
        if place is None or not isinstance(statement, Accumulate) or statement.how != "sum":
            return False
        target = statement.target
        if not isinstance(target, Load) or target.buffer != buffer:
            return False
        if target.dtype is DType.BOOL or buffer in names_in(statement.expr):
            return False
        if any(buffer in d.symbols() for d in target.indices):
            return False
    return True


def is_long(loop: For | Tiles) -> bool:
    """Whether a row is more than a line of operations: it has loops of its own."""
    body: list[Statement] = []
    for statement in loop.body:
        if (
            isinstance(loop, Tiles)
            and isinstance(statement, For)
            and statement.variable == loop.row
        ):
            body += statement.body
        else:
            body.append(statement)
    return any(isinstance(s, For | While | Product | MatrixVector) for s in walk(body))


def elements(arrays: Sequence[Totals]) -> Dim:
    """How many numbers the arrays hold together."""
    total = Dim.constant(0)
    for array in arrays:
        size = ONE
        for dim in array.made.shape:
            size = size * dim
        total = total + size
    return total
