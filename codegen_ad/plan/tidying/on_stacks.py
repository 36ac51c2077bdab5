"""States that are kept in rows of an array: steps read the one row and fill the other, uncopied.

Where a run of steps begins at a row of an array and its last state is kept in another row, as with
the snapshots of a checkpointed loop, the row is copied out, the steps fill two buffers in turn, and
the last one is copied in. Three names do without both copies: the first step reads the row itself,
and the steps fill a buffer and the other row in turn, beginning with the one that makes the last
step fill the row.

This needs at least one step, or else nothing would fill the other row, and two different rows. Both
are read off how the numbers of steps and rows were found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.kernel import (
    Allocate,
    Apply,
    Assign,
    Check,
    Expr,
    For,
    If,
    Index,
    Kernel,
    Let,
    Load,
    Number,
    Statement,
    Store,
    Var,
    View,
    blocks,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.in_place import drop, drop_made, is_only_inside, swaps
from codegen_ad.plan.tidying.rename import (
    is_by_element,
    mentioned,
    names_in,
    rename_statement,
    written,
)
from codegen_ad.plan.tiling.rows import assigned, names_of

_REMARK = "the last trip fills the row that is kept"


def run_on_stacks(kernel: Kernel, names: Names) -> None:
    """Let the steps between kept states read and fill their rows, in all loops of the kernel."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    # All are found before the first one names a row, which is no element of the array any more.
    for block, run in list(_runs(kernel, kernel.body)):
        _rewrite(kernel, block, run, names)


_Place = tuple[str, tuple[Dim, ...]]
"""An array, and the row of it that is meant; without one, all of it."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """Loops that copy arrays; `store` is what copies one, from the first to the second place."""

    loop: For
    store: Store
    places: tuple[_Place, _Place]


@dataclass(frozen=True, slots=True)
class _Run:
    """Steps from a row of an array to another one.

    Attributes
    ----------
    loop : the loop of the steps.
    swap : where its buffers change names.
    old : the buffer that a step reads.
    new : the buffer that it fills.
    dtype : what they hold.
    start, end : what copies the first row out, and the last state in.
    stack : the array of rows.
    first, last : the numbers of the rows.
    """

    loop: For
    swap: Assign
    old: str
    new: str
    dtype: DType
    start: _Copy
    end: _Copy
    stack: str
    first: Dim
    last: Dim


def _runs(kernel: Kernel, block: list[Statement]) -> Iterator[tuple[list[Statement], _Run]]:
    """All runs of steps that need no copies, with the blocks they stand in."""
    for statement in block:
        for inner in blocks(statement):
            yield from _runs(kernel, inner)
        if not isinstance(statement, For) or statement.span or statement.window:
            continue
        for swap in [s for s in statement.body if isinstance(s, Assign)]:
            for new, old in swaps(swap):
                found = _found(kernel, block, statement, swap, new, old)
                if found is not None:
                    yield block, found


def _found(
    kernel: Kernel, block: list[Statement], loop: For, swap: Assign, new: str, old: str
) -> _Run | None:
    """The steps of a loop between two rows, if they need no copies."""
    made = {s.buffer: s for s in walk(kernel.body) if isinstance(s, Allocate)}
    if old not in made or new not in made or not is_only_inside(kernel, loop, new):
        return None
    users = [s for s in block if s is not made[old] and old in names_of(s)]
    if len(users) != 3 or users[1] is not loop or old in kernel.outputs:
        return None
    start, _, end = users
    if sum(old in mentioned(s) for s in walk(kernel.body)) != 1 + sum(
        old in mentioned(s) for s in walk(users)
    ):
        return None  # looked at elsewhere
    taken, given = _copy(start, old, made[old].shape), _copy(end, old, made[old].shape)
    if taken is None or given is None:
        return None
    (from_stack, from_row), (into, _) = taken.places
    (state, _), (to_stack, to_row) = given.places
    if not (into == old == state and from_stack == to_stack and from_row and to_row):
        return None
    if not _is_plain(kernel, from_stack, made) or not _by_elements(loop, swap, new, old):
        return None
    here = [next(k for k, s in enumerate(block) if s is part) for part in (start, loop, end)]
    between = block[here[0] + 1 : here[2]]
    if any(from_stack in names_of(s) for s in between):
        return None
    known = _Definitions(kernel)
    if known.least(Index(loop.extent)) < 1:
        return None
    if not known.differ(block[: here[1]], from_row[0], to_row[0], made[from_stack].shape[0]):
        return None
    dtype = made[old].dtype
    return _Run(loop, swap, old, new, dtype, taken, given, from_stack, from_row[0], to_row[0])


def _copy(statement: Statement, name: str, shape: Shape) -> _Copy | None:
    """How loops copy an array of this shape, if copies are all that they do."""
    extents: dict[str, Dim] = {}
    inner = [statement]
    while len(inner) == 1 and isinstance(inner[0], For):
        if inner[0].span or inner[0].window:
            return None
        extents[inner[0].variable] = inner[0].extent
        inner = inner[0].body
    stores = [s for s in inner if isinstance(s, Store) and isinstance(s.expr, Load)]
    own = [s for s in stores if name in mentioned(s)]
    if not shape or len(stores) != len(inner) or len(own) != 1:
        return None
    (store,) = own
    assert isinstance(store.expr, Load)
    parts = ((store.expr.buffer, store.expr.indices), (store.buffer, store.indices))
    if any(s is not store and not {b for b, _ in parts}.isdisjoint(mentioned(s)) for s in stores):
        return None
    along = parts[0][1][-len(shape) :]
    variables = [d.name for d in along]
    if len(along) != len(shape) or set(variables) != set(extents) or len(extents) != len(shape):
        return None
    if tuple(extents[v] for v in variables if v is not None) != shape:
        return None
    if any(at[-len(shape) :] != along or len(at) > len(shape) + 1 for _, at in parts):
        return None
    rows = [(buffer, at[: -len(shape)]) for buffer, at in parts]
    if any(s in extents for _, row in rows for d in row for s in d.symbols()):
        return None
    assert isinstance(statement, For)
    return _Copy(statement, store, (rows[0], rows[1]))


def _is_plain(kernel: Kernel, stack: str, made: dict[str, Allocate]) -> bool:
    """Whether an array of rows has one name all along, and is looked at element by element."""
    if stack not in made or stack in kernel.outputs:
        return False
    return all(s is made[stack] or is_by_element(s, stack) for s in walk(kernel.body))


def _by_elements(loop: For, swap: Assign, new: str, old: str) -> bool:
    """Whether steps look at elements of their buffers alone, and leave the old one as it is."""
    for statement in walk(loop.body):
        if statement is swap:
            others = (e for n, e in zip(swap.names, swap.exprs, strict=True) if n not in (new, old))
            if not {new, old}.isdisjoint(n for e in others for n in names_in(e)):
                return False
            continue
        if old in written(statement):
            return False
        if not (is_by_element(statement, new) and is_by_element(statement, old)):
            return False
    return True


class _Definitions:
    """What the integers of a kernel are, as far as one statement alone says so."""

    def __init__(self, kernel: Kernel) -> None:
        self.found: dict[str, list[Expr]] = {}
        self.checks: dict[str, list[Check]] = {}
        parameters = {p.name for p in kernel.parameters}
        for statement in walk(kernel.body):
            if isinstance(statement, Check):
                self.checks.setdefault(statement.name, []).append(statement)
                continue
            for name, expr in _given(statement):
                self.found.setdefault(name, []).append(expr)
        for name in parameters:
            self.found.setdefault(name, []).append(Var(name, DType.INT64))

    def once(self, name: str) -> Expr | None:
        """The expression of a name that has one."""
        found = self.found.get(name, [])
        return found[0] if len(found) == 1 else None

    def least(self, expr: Expr, depth: int = 8) -> float:
        """A bound that an integer is never below."""
        match expr:
            case Number(text) if text.lstrip("-").isdigit():
                return int(text)
            case Index(dim) if dim.is_constant:
                return dim.value
            case Index(dim) if dim.name is not None:
                return self._least_of(dim.name, depth)
            case Var(name):
                return self._least_of(name, depth)
            case Apply("where", (Apply("less", (x, y)), chosen, other)):
                if (chosen, other) == (y, x):
                    return max(self.least(x, depth), self.least(y, depth))
                return min(self.least(chosen, depth), self.least(other, depth))
            case Apply("maximum", (x, y)):
                return max(self.least(x, depth), self.least(y, depth))
            case _:
                return float("-inf")

    def _least_of(self, name: str, depth: int) -> float:
        expr = self.once(name)
        if expr is None or name in self.checks or not depth:
            return float("-inf")
        return self.least(expr, depth - 1)

    def differ(self, before: Sequence[Statement], one: Dim, other: Dim, rows: Dim) -> bool:
        """Whether two numbers of rows, checked in the block before, are never equal."""
        first, second = self._place(before, one, rows), self._place(before, other, rows)
        if first is None or second is None:
            return False
        (start, from_line), (end, to_line) = first, second
        apart = end - start
        lines = before[min(from_line, to_line) : max(from_line, to_line)]
        changed = {n for s in walk(list(lines)) for n in assigned(s)}
        if not apart.is_constant or not changed.isdisjoint((*start.symbols(), *end.symbols())):
            return False
        return 0 < abs(apart.value) < self.least(Index(rows))

    def _place(self, before: Sequence[Statement], row: Dim, rows: Dim) -> tuple[Dim, int] | None:
        """What a number of a row was before it was made an index, and where that was found out."""
        name = row.name
        if name is None or len(self.checks.get(name, ())) != 1:
            return None
        check, expr = self.checks[name][0], self.once(name)
        at = [k for k, s in enumerate(before) if any(name == n for n, _ in _given(s))]
        is_here = any(s is check for s in before[at[0] :]) if at else False
        found = None if expr is None else _sum(expr)
        if found is None or len(at) != 1 or not is_here or check.extent != rows:
            return None
        return found, at[0]


def _given(statement: Statement) -> Iterator[tuple[str, Expr]]:
    """The names that a statement gives a value, with expressions."""
    match statement:
        case Let(name=name, expr=expr):
            yield name, expr
        case Assign(names=names, exprs=exprs):
            yield from zip(names, exprs, strict=True)
        case For(variable=variable):
            yield variable, Number("0", DType.INT64)
            yield variable, Number("0", DType.INT64)  # many values
        case Check():
            return
        case _:
            for name in written(statement):
                yield name, Var(name, DType.INT64)  # whatever it is
                yield name, Var(name, DType.INT64)


def _sum(expr: Expr) -> Dim | None:
    """A sum of integers as an index expression."""
    match expr:
        case Var(name, DType.INT64):
            return Dim.symbol(name)
        case Index(dim):
            return dim
        case Number(text) if text.lstrip("-").isdigit():
            return Dim.constant(int(text))
        case Apply("add", (x, y)):
            left, right = _sum(x), _sum(y)
            return None if left is None or right is None else left + right
        case _:
            return None


def _rewrite(kernel: Kernel, block: list[Statement], run: _Run, names: Names) -> None:
    """Let the steps of a run read and fill rows."""
    into, other = names.fresh(), names.fresh()
    names.wishes |= {into: ("into",), other: ("other",)}
    loop, swap, dtype, note = run.loop, run.swap, run.dtype, run.start.store.note
    rest = [
        (name, expr)
        for name, expr in zip(swap.names, swap.exprs, strict=True)
        if name not in (run.old, run.new)
    ]
    for statement in loop.body:
        if statement is not swap:
            rename_statement(statement, lambda n: into if n == run.new else n)
    swap.names, swap.exprs = tuple(n for n, _ in rest), tuple(e for _, e in rest)
    after = tuple(Var(name, dtype) for name in (into, other, into))
    at = next(k for k, s in enumerate(loop.body) if s is swap)
    turn = Assign((run.old, into, other), after, swap.note)
    loop.body[at : at + 1] = [swap, turn] if rest else [turn]
    loop.remark = _REMARK
    drop_made(kernel.body, run.old)
    start, end = (Load(run.stack, (row,), dtype) for row in (run.first, run.last))
    buffer = Var(run.new, dtype)
    halves = Apply("remainder", (Index(loop.extent), Number("2", DType.INT64)), DType.INT64)
    chosen = If(
        Apply("equal", (halves, Number("1", DType.INT64)), DType.BOOL),
        [Assign((into, other), (end, buffer), note)],
        [Assign((into, other), (buffer, end), note)],
        note,
    )
    block.insert(next(k for k, s in enumerate(block) if s is loop), chosen)
    first = Assign((run.old,), (start,), note)
    block.insert(next(k for k, s in enumerate(block) if s is run.start.loop), first)
    for copy in (run.start, run.end):
        drop(block, copy.store)
