"""What the rows of a loop have to do with each other: which values differ from row to row.

A loop over the rows of the data can run on tiles of rows where each row reads and writes only what
is its own, and adds to what they share. `rows_of` finds that out and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import BY_NAME, ELEMENTWISE
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Check,
    CheckRange,
    Expr,
    Fill,
    For,
    If,
    Kernel,
    Let,
    LibraryCall,
    Load,
    Product,
    Raise,
    Statement,
    Store,
    Var,
    View,
    walk,
)
from codegen_ad.plan.tidying.rename import dims, expressions, names_in, written
from codegen_ad.plan.tiling.placing import Surroundings

UNDERSTOOD = (Let, Assign, Accumulate, Store, Fill, Product, For, If, Check, CheckRange, Raise)


@dataclass(frozen=True, slots=True)
class Array:
    """What is known of an array: its type, and how its memory begins if the kernel made it."""

    shape: Shape
    dtype: DType
    made: Allocate | None = None


@dataclass(slots=True)
class Rows:
    """A loop whose rows only meet in sums.

    Attributes
    ----------
    variable : the loop's.
    arrays : all arrays of the kernel.
    around : what stands around the loop.
    variables : what is assigned in the loop and nowhere else, with its dtype.
    varying : variables and temporaries that differ from row to row.
    temporaries : buffers that each row fills anew.
    tables : arrays that are read along the rows, with the axis for these.
    written : the tables that are written: a row touches its own part alone.
    totals : variables and buffers around the loop that rows add to.
    filled : arrays that rows write at any places and do not read: the order of rows decides.
    """

    variable: str
    arrays: dict[str, Array]
    around: Surroundings
    variables: dict[str, DType] = field(default_factory=dict[str, DType])
    varying: set[str] = field(default_factory=set[str])
    temporaries: set[str] = field(default_factory=set[str])
    tables: dict[str, int] = field(default_factory=dict[str, int])
    written: set[str] = field(default_factory=set[str])
    totals: set[str] = field(default_factory=set[str])
    filled: set[str] = field(default_factory=set[str])

    def varies(self, names: Iterable[str]) -> bool:
        """Whether any of these names differs from row to row."""
        return any(n == self.variable or n in self.varying for n in names)

    @property
    def _own(self) -> tuple[set[str], ...]:
        return self.varying, self.written, self.totals

    def is_per_row(self, statement: Statement) -> bool:
        """Whether a statement has to run for each row."""
        for inner in walk([statement]):
            if isinstance(inner, Fill):
                continue
            if any(n in own for n in assigned(inner) for own in self._own):
                return True
            if isinstance(inner, Raise) and self.varies(names_of(statement)):
                return True
        return False


def arrays_of(kernel: Kernel) -> dict[str, Array]:
    """The arrays of a kernel whose shapes are known, by name; none that has two names."""
    found = {p.name: Array(p.shape, p.dtype) for p in kernel.parameters if p.rank}
    views: set[str] = set()
    for statement in walk(kernel.body):
        if isinstance(statement, Allocate):
            found[statement.buffer] = Array(statement.shape, statement.dtype, statement)
        elif isinstance(statement, LibraryCall):
            for name, made in zip(statement.results, statement.made, strict=False):
                if made is not None:
                    found[name] = Array(*made)
        elif isinstance(statement, View):
            views |= {statement.buffer, statement.source}
    return {name: array for name, array in found.items() if name not in views}


def assigned(statement: Statement) -> Iterator[str]:
    """The variables and buffers that a statement itself changes or names."""
    if isinstance(statement, Let):
        yield statement.name
    yield from written(statement)


def names_of(statement: Statement) -> Iterator[str]:
    """All names that a statement and the statements in it mention, loop variables included."""
    for inner in walk([statement]):
        for expr in expressions(inner):
            yield from names_in(expr)
        for dim in dims(inner):
            yield from dim.symbols()
        yield from assigned(inner)


def accesses(statements: list[Statement]) -> Iterator[tuple[str, tuple[Dim, ...], Statement]]:
    """Every place of an array that is read or written: `(array, indices, statement)`."""
    for statement in walk(statements):
        for expr in expressions(statement):
            yield from ((b, at, statement) for b, at in loads(expr))
        if isinstance(statement, Store):
            yield statement.buffer, statement.indices, statement


def loads(expr: Expr) -> Iterator[tuple[str, tuple[Dim, ...]]]:
    """The elements that an expression reads."""
    match expr:
        case Load(buffer, indices):
            yield buffer, indices
        case Apply(args=args):
            for arg in args:
                yield from loads(arg)
        case _:
            pass


def rows_of(
    loop: For, arrays: dict[str, Array], around: Surroundings, *, ordered: bool = False
) -> Rows | None:
    """What the rows of a loop share, or None if they are not independent but for sums.

    If `ordered`, they may fill arrays, too: all writes to one of these will be made row after row.
    """
    rows = Rows(loop.variable, arrays, around)
    inner = list(walk(loop.body))
    if not all(isinstance(s, UNDERSTOOD) for s in inner):
        return None
    for statement in inner:
        match statement:
            case Let(name, expr) if name not in around.names:
                rows.variables[name] = expr.dtype
            case Assign(names, exprs):
                for name, expr in zip(names, exprs, strict=True):
                    if name in around.names or name in arrays:
                        return None  # also where arrays change their names from step to step
                    rows.variables[name] = expr.dtype
            case Let():
                return None
            case _:
                pass
    if not _sort_buffers(rows, loop, ordered=ordered):
        return None
    _find_varying(rows, loop.body, within=False)
    return rows


def let_vary(rows: Rows, names: set[str], body: list[Statement]) -> None:
    """Compute these for each row, and what depends on them, although they are the same."""
    rows.varying |= names
    _find_varying(rows, body, within=False)


def _sort_buffers(rows: Rows, loop: For, *, ordered: bool) -> bool:
    """Tell temporaries, tables and totals apart; False if some array is none of these."""
    changed = {n for s in walk(loop.body) for n in written(s) if n not in rows.variables}
    row = Dim.symbol(rows.variable)
    found = list(accesses(loop.body))
    for name in sorted(changed):
        if name not in rows.arrays:
            if not is_total(loop.body, name) or any(b == name for b, _, _ in found):
                return False
            rows.totals.add(name)
            continue
        made = rows.arrays[name].made
        places = [(at, s) for buffer, at, s in found if buffer == name]
        if made is not None and made.fill is None and name not in rows.around.names:
            rows.temporaries.add(name)
        elif is_total(loop.body, name):
            rows.totals.add(name)
        else:
            filled = any(isinstance(s, Fill) and s.buffer == name for s in walk(loop.body))
            axis = None if filled else _own_axis([at for at, _ in places], row)
            if axis is None and ordered and all(_only_stores(s, name) for s in walk(loop.body)):
                rows.filled.add(name)
                continue
            if axis is None:
                return False
            rows.tables[name] = axis
            rows.written.add(name)
    for name, at, _ in found:
        if name not in changed and name in rows.arrays and row in at:
            # An array that is read both ways, as in `A + A.T`, counts by the axis along which its
            # rows are no neighbours.
            axis, last = at.index(row), len(at) - 1
            rows.tables[name] = axis if axis < last else rows.tables.get(name, axis)
    return True


def _only_stores(statement: Statement, name: str) -> bool:
    """Whether a statement stores elements of an array, if it does anything with it."""
    if isinstance(statement, Store) and statement.buffer == name:
        return name not in names_in(statement.expr)
    if name in written(statement):
        return False
    return not any(name in names_in(e) for e in expressions(statement))


def _own_axis(places: list[tuple[Dim, ...]], row: Dim) -> int | None:
    """The axis at which all places have the row, if there is one."""
    common = [a for a in range(len(places[0])) if all(at[a] == row for at in places)]
    return common[0] if common else None


def is_total(body: list[Statement], name: str) -> bool:
    """Whether terms are added to a variable or an array, in one way, and nothing else is done."""
    how: set[str] = set()
    for statement in walk(body):
        match statement:
            case Accumulate(target, kind, expr) if target_name(target) == name:
                how.add(kind)
                if name in names_in(expr):
                    return False
                continue
            case Product(result, left, right, adds=True) if result.buffer == name:
                how.add("sum")
                if name in (left.buffer, right.buffer):
                    return False
                continue
            case _:
                pass
        if name in written(statement) or any(name in names_in(e) for e in expressions(statement)):
            return False
        if any(name in dim.symbols() for dim in dims(statement)):
            return False
    return len(how) == 1


def target_name(target: Var | Load) -> str:
    """The variable or array that is added to."""
    return target.name if isinstance(target, Var) else target.buffer


def _find_varying(rows: Rows, body: list[Statement], *, within: bool) -> None:
    """Follow what depends on the row, until nothing new is found."""
    while True:
        before = len(rows.varying)
        _follow(rows, body, within=within)
        if len(rows.varying) == before:
            return


def _follow(rows: Rows, body: list[Statement], *, within: bool) -> None:
    for statement in body:
        names = [n for e in expressions(statement) for n in names_in(e)]
        names += [s for dim in dims(statement) for s in dim.symbols()]
        depends = within or rows.varies(names)
        match statement:
            case For(variable, _, inner):
                if depends:
                    rows.varying.add(variable)
                _follow(rows, inner, within=depends)
            case If(_, then, otherwise):
                _follow(rows, then, within=depends)
                _follow(rows, otherwise, within=depends)
            case _ if depends:
                own = rows.variables.keys() | rows.temporaries
                rows.varying.update(n for n in assigned(statement) if n in own)
            case _:
                pass


def is_scalar(expr: Expr) -> bool:
    """Whether an expression calls what computes one number at a time."""
    if not isinstance(expr, Apply):
        return False
    calls = expr.op != "cast" and ELEMENTWISE[BY_NAME[expr.op]].carried
    return calls or any(map(is_scalar, expr.args))
