"""Loops over rows that read or add at places that data name, as three passes over tiles of rows.

A loop that checks an index, or adds at a place from data, uses vectors for nothing in it. So a tile
of rows is gone through three times: the first pass checks indices and picks what they point at, the
second one is arithmetic alone and uses vectors, the third one writes at the places, row after row.
What a row hands on from pass to pass is a column of one array: where there are many arrays, LLVM
would have to compare each two of them before it uses vectors, and gives up.

The first check that fails is that of the first row, as in one loop: all checks of a row are in one
pass, in their order. Sums at places are added up in the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.cost import weights
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Check,
    CheckRange,
    Expr,
    For,
    If,
    Let,
    Load,
    Note,
    Number,
    Statement,
    Store,
    Tiles,
    Var,
    copied,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.rename import expressions, rename_statement, written
from codegen_ad.plan.tiling.distribute import STREAMS
from codegen_ad.plan.tiling.rows import Rows, accesses, assigned, is_scalar, names_of

FLAT = (Let, Assign, Accumulate, Store, If, Check, CheckRange)

LEAST, FOR_EACH = 20, 6
"""Weighted operations in vectors that a row has at least, and for each number that it hands on.

Measured on 10**5 rows: time in passes over that of one loop, and, in brackets, operations for each
number handed on. Linear models 1.35 and 1.7 (2.5), pairs of bodies 1.15 (2.4), 1.17 (3.5), 1.3
(5.5) and 0.57 (7.6), a cubic model 0.71 (8.7), logistic ones, with functions, 0.33 (6.2) and 0.25
(13)."""

REMARK = "each in passes, so that arithmetic uses vectors"
FIRST = "Indices are checked, and what they point at is picked."
SECOND = "Arithmetic."
THIRD = "What rows write at places of their own, row after row."


def in_passes(rows: Rows, loop: For, names: Names, size: int) -> list[Statement] | None:
    """The buffers and the tiles that a loop becomes, or None where it stays as it is.

    `rows` is what is known of the loop, which has no loop in it; a tile has `size` rows.
    """
    if rows.temporaries or not _takes_turns(rows, loop.body):
        return None
    parts = _parted(rows, loop.body, names, alone=False)
    if parts is not None and parts.streams() > STREAMS:
        parts = _parted(rows, loop.body, names, alone=True)
    if parts is None or any(map(_is_branch_or_scalar, walk(parts.second))):
        return None
    handed = parts.handed()
    arithmetic = sum(weight for _, weight in weights(parts.second))
    if arithmetic < max(LEAST, FOR_EACH * len(handed)):
        return None
    return _lowered(loop, parts, handed, names, size)


def may_take_turns(body: Sequence[Statement]) -> bool:
    """Whether a row may check an index, or add at a place that data name: a first look."""
    return any(
        isinstance(s, Check) or (isinstance(s, Accumulate) and isinstance(s.target, Load))
        for s in body
    )


def _is_branch_or_scalar(statement: Statement) -> bool:
    """Whether a statement is a branch, or calls what computes one number at a time."""
    return isinstance(statement, If) or any(map(is_scalar, expressions(statement)))


def _takes_turns(rows: Rows, body: Sequence[Statement]) -> bool:
    """Whether a row checks indices, or adds at places that data name, and does so in any case."""
    turns = [s for s in walk(list(body)) if _is_check(s) or _adds_elsewhere(rows, s)]
    return bool(turns) and all(any(s is t for t in body) for s in turns)


def _adds_elsewhere(rows: Rows, statement: Statement) -> bool:
    target = statement.target if isinstance(statement, Accumulate) else None
    return isinstance(target, Load) and _is_picked(rows, target.indices)


def _is_picked(rows: Rows, at: Sequence[Dim]) -> bool:
    """Whether a place is computed in the loop, other than from the number of the row alone."""
    return not rows.variables.keys().isdisjoint(s for d in at for s in d.symbols())


@dataclass(slots=True)
class _Parts:
    """Copies of the statements of a row, by the passes that run them.

    `changed` are the buffers and totals that the loop changes. If `alone`, the second pass reads
    and writes no other array than what passes hand on. `makers` are the statements that give
    variables their values.
    """

    rows: Rows
    changed: set[str]
    alone: bool
    first: list[Statement] = field(default_factory=list[Statement])
    second: list[Statement] = field(default_factory=list[Statement])
    third: list[Statement] = field(default_factory=list[Statement])
    makers: dict[str, list[Statement]] = field(default_factory=dict[str, list[Statement]])

    @property
    def all(self) -> tuple[list[Statement], ...]:
        """The passes, in order."""
        return self.first, self.second, self.third

    def find_makers(self) -> None:
        """Note what makes variables, once all statements have their pass."""
        for own in self.all:
            for statement in walk(own):
                for name in assigned(statement):
                    self.makers.setdefault(name, []).append(statement)

    def handed(self) -> list[str]:
        """The variables that a pass computes and a later one reads from the array."""
        found: dict[str, None] = {}
        for number, own in enumerate(self.all[:-1]):
            made = dict.fromkeys(n for s in walk(own) for n in assigned(s))
            later = {n for other in self.all[number + 1 :] for s in other for n in names_of(s)}
            mine = (n for n in made if n in self.rows.variables and n in later)
            found |= dict.fromkeys(n for n in mine if self.again(n) is None)
        return list(found)

    def again(self, name: str) -> Let | None:
        """How a variable is computed, if a later pass may just as well read it where it is from."""
        let, *others = self.makers[name]
        if others or self.alone or not isinstance(let, Let) or not isinstance(let.expr, Load):
            return None
        picked = _is_picked(self.rows, let.expr.indices)
        return None if picked or let.expr.buffer in self.changed else let

    def streams(self) -> int:
        """How many pairs of arrays, one of them written, LLVM compares for the second pass."""
        arrays = {b for b, _, _ in accesses(self.second)}
        stored = {n for s in walk(self.second) for n in written(s) if n in arrays}
        used = {n for s in self.second for n in names_of(s)}
        made = {n for s in walk(self.second) for n in assigned(s)}
        handed = [n for n in self.handed() if n in used]
        # There is an array for each dtype.
        written_too = {self.rows.variables[n] for n in handed if n in made}
        read_alone = {self.rows.variables[n] for n in handed} - written_too
        count = len(stored) + len(written_too)
        others = len(arrays - stored) + len(read_alone)
        return count * others + count * (count - 1) // 2


def _parted(rows: Rows, body: Sequence[Statement], names: Names, *, alone: bool) -> _Parts | None:
    """The statements of a row by passes, or None where these would not do the same."""
    if not all(isinstance(s, FLAT) for s in walk(list(body))):
        return None
    changed = {n for s in walk(list(body)) for n in written(s)} - rows.variables.keys()

    def is_read(statement: Statement) -> bool:
        if not isinstance(statement, Let) or not isinstance(statement.expr, Load):
            return False
        picked = alone or _is_picked(rows, statement.expr.indices)
        return picked and statement.expr.buffer not in changed

    early = _needed(body, [k for k, s in enumerate(body) if is_read(s) or _is_check(s)])
    late = {n for s in body if _adds_elsewhere(rows, s) or alone for n in _arrays_of(s)}
    late |= rows.filled
    parts = _Parts(rows, changed, alone)
    for position, statement in enumerate(body):
        made = copied(statement)
        if position in early:
            parts.first.append(made)
        elif late.isdisjoint(_arrays_of(made)):
            parts.second.append(made)
        elif isinstance(made, Accumulate | Store):
            parts.second += _computed(made, rows, names)
            parts.third.append(made)
        else:
            return None
    parts.find_makers()
    return parts if _is_same(parts, body, early, late) else None


def _is_check(statement: Statement) -> bool:
    return isinstance(statement, Check | CheckRange)


def _arrays_of(statement: Statement) -> Iterator[str]:
    """The arrays that a statement itself writes elements of."""
    if isinstance(statement, Store) or (
        isinstance(statement, Accumulate) and isinstance(statement.target, Load)
    ):
        yield from written(statement)


def _needed(body: Sequence[Statement], wanted: list[int]) -> set[int]:
    """The positions of the wanted statements, and of all that they are computed from."""
    makers: dict[str, list[int]] = {}
    for position, statement in enumerate(body):
        for inner in walk([statement]):
            for name in assigned(inner):
                makers.setdefault(name, []).append(position)
    found: set[int] = set()
    while wanted:
        position = wanted.pop()
        if position not in found:
            found.add(position)
            wanted += [k for n in names_of(body[position]) for k in makers.get(n, ())]
    return found


def _computed(statement: Accumulate | Store, rows: Rows, names: Names) -> Iterator[Let]:
    """Compute what a statement of the third pass writes before it, if that is arithmetic."""
    expr = statement.expr
    inner = expr.args[0] if isinstance(expr, Apply) and expr.op == "negative" else expr
    if not isinstance(inner, Var | Number):
        (array,) = _arrays_of(statement)
        name = names.part_of(array)
        statement.expr = Var(name, expr.dtype)
        rows.variables[name] = expr.dtype
        yield Let(name, expr, None, statement.note)


def _is_same(parts: _Parts, body: Sequence[Statement], early: set[int], late: set[str]) -> bool:
    """Whether passes find what one loop finds: complete values, and arrays in the same state."""
    first = {n for s in parts.first for n in names_of(s)}
    if not parts.changed.isdisjoint(first):
        return False
    for statement in walk(parts.second):
        if not late.isdisjoint(names_of(statement)):
            return False
        if any(_is_picked(parts.rows, at) for _, at, _ in accesses([statement])):
            return False  # in a branch it may be a place on this side alone
    made = {n for s in walk(parts.first) for n in assigned(s)} & parts.rows.variables.keys()
    if not made.isdisjoint(n for s in walk(parts.second) for n in assigned(s)):
        return False
    last = {n: k for k in sorted(early) for i in walk([body[k]]) for n in assigned(i)}
    return not any(
        n in made and last[n] > k for k, s in enumerate(body) if k not in early for n in names_of(s)
    )


def _lowered(
    loop: For, parts: _Parts, handed: Sequence[str], names: Names, size: int
) -> list[Statement]:
    """The arrays that pass on what is handed, and the tiles with the passes."""
    first, count, row = names.tile_loop(loop.variable)
    slots = _slots(parts, handed, names)
    allocated: list[Statement] = []
    for dtype, buffer in dict.fromkeys((parts.rows.variables[n], slots[n].buffer) for n in handed):
        shape = (
            Dim.constant(sum(parts.rows.variables[n] is dtype for n in handed)),
            Dim.constant(size),
        )
        allocated.append(Allocate(buffer, shape, dtype, None, Note()))
    places = {
        n: replace(slot, indices=(*slot.indices, Dim.symbol(row))) for n, slot in slots.items()
    }
    made: list[Statement] = []
    for number, (own, remark) in enumerate(zip(parts.all, (FIRST, SECOND, THIRD), strict=True)):
        ends: list[Statement] = []
        mine = {n for s in walk(own) for n in assigned(s)}
        for name in handed:
            if name in mine:
                note = parts.makers[name][-1].note
                place = places[name]
                value = Var(name, place.dtype)
                ends.append(Store(place.buffer, place.indices, value, note))
        starts: list[Statement] = []
        if number:
            starts = _read_again(parts, own, mine, places, names)
        if own:
            body = [*starts, *own, *ends]
            made.append(For(row, Dim.symbol(count), body, Note(), remark=remark))
    for statement in made:
        substitute(statement, {loop.variable: Dim.symbol(first) + Dim.symbol(row)})
    tiles = Tiles(first, count, row, loop.extent, size, made, Note(), remark=REMARK)
    return [*allocated, tiles]


def _slots(parts: _Parts, handed: Sequence[str], names: Names) -> dict[str, Load]:
    """Which row of which array holds a variable."""
    buffers: dict[DType, str] = {}
    counts: dict[DType, int] = {}
    found: dict[str, Load] = {}
    for name in handed:
        dtype = parts.rows.variables[name]
        if dtype not in buffers:
            buffers[dtype] = names.fresh()
            wish = "handed" if dtype.is_float else "places"
            names.wishes[buffers[dtype]] = (wish, f"{wish}_on")
        number = counts.setdefault(dtype, 0)
        counts[dtype] += 1
        found[name] = Load(buffers[dtype], (Dim.constant(number),), dtype)
    return found


def _read_again(
    parts: _Parts,
    own: list[Statement],
    mine: set[str],
    places: dict[str, Load],
    names: Names,
) -> list[Statement]:
    """Statements that give a pass what earlier ones computed, under names of its own."""
    used = dict.fromkeys(n for s in own for n in names_of(s))
    found: list[Statement] = []
    for name in used:
        if name in mine or name not in parts.rows.variables:
            continue
        let = parts.again(name)
        source: Expr = places[name] if let is None else let.expr
        fresh = names.copy_of(name)
        for statement in own:
            rename_statement(statement, lambda n, old=name, new=fresh: new if n == old else n)
        note = parts.makers[name][-1].note
        node = let.node if let is not None else None
        found.append(Let(fresh, source, node, note))
    return found
