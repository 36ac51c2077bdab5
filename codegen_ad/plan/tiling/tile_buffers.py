"""What rows keep between the passes over a tile: scalars and temporaries with an axis for rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    Let,
    Load,
    Note,
    Statement,
    Store,
    Var,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import (
    expressions,
    names_in,
    rename_statement,
    replace_expressions,
)
from codegen_ad.plan.tiling.distribute import Around, Group, Item, groups
from codegen_ad.plan.tiling.rows import Rows, assigned, names_of, target_name

Place = tuple[str, tuple[Dim, ...]]


class Buffers:
    """Makes buffers for the groups of one row loop; `allocated` are the new ones."""

    def __init__(self, rows: Rows, names: Names, row: str, size: int) -> None:
        self.rows = rows
        self.names = names
        self.row = Dim.symbol(row)
        self.size = Dim.constant(size)
        self.allocated: list[Statement] = []
        self.again: set[str] = set()
        """The names under which groups read what another group computes."""

    def allocate(self, like: str, shape: Shape, dtype: DType) -> str:
        """A new buffer for a tile of what `like` holds for one row."""
        name = self.names.tile_of(like)
        self.allocated.append(Allocate(name, (*shape, self.size), dtype, None, Note()))
        return name

    def room(self, shape: Shape) -> str:
        """A new buffer for a product that is added to a matrix."""
        name = self.names.fresh()
        self.names.wishes[name] = ("product",)
        self.allocated.append(Allocate(name, shape, DType.FLOAT64, None, Note()))
        return name

    def expand(self, items: Sequence[Item]) -> None:
        """Give an axis for rows to everything that passes from one group to another."""
        found = list(groups(items))
        users: dict[str, list[Group]] = {}
        for group in found:
            for name in dict.fromkeys(n for s in group.statements for n in names_of(s)):
                users.setdefault(name, []).append(group)
        outside = {n for s in _outside(items) for n in names_of(s)}
        for name, dtype in self.rows.variables.items():
            if name in self.rows.varying and len(users.get(name, ())) > 1:
                self._expand_variable(name, dtype, users[name])
        wide = {
            name
            for name in self.rows.temporaries & self.rows.varying
            if len(users.get(name, ())) > 1 or name in outside
        }
        for name in sorted(wide):
            made = self.rows.arrays[name].made
            assert made is not None
            made.shape = (*made.shape, self.size)
            self.names.tiles.add(name)
        for group in found:
            for statement in group.statements:
                move(statement, lambda b, at: (b, (*at, self.row) if b in wide else at))

    def _expand_variable(self, name: str, dtype: DType, users: list[Group]) -> None:
        lets = [
            (g, s) for g in users for s in g.statements if isinstance(s, Let) and s.name == name
        ]
        changes = [s for g in users for s in walk(g.statements) if name in assigned(s)]
        if len(lets) == len(changes) == 1:
            ((home, let),) = lets
            if self._can_repeat(let.expr):
                source = let.expr
                if not any(name in names_of(s) for s in home.statements if s is not let):
                    home.statements = [s for s in home.statements if s is not let]
            else:
                source = Load(self.allocate(name, (), dtype), (self.row,), dtype)
                _keep(home, let, source)
            for group in users:
                if group is not home:
                    self._reads(group, name, source, let)
            return
        place = Load(self.allocate(name, (), dtype), (self.row,), dtype)
        for group in users:
            if not any(name in assigned(s) for s in walk(group.statements)):
                self._reads(group, name, place, None)
            else:
                _changes_of(group, Var(name, dtype), place)

    def _can_repeat(self, expr: Expr) -> bool:
        """Whether an expression is an element of an array that no row changes."""
        if not isinstance(expr, Load):
            return False
        changed = self.rows.written | self.rows.temporaries | self.rows.totals
        own = self.rows.variables.keys() | self.again  # such a place is known in one group alone
        plain = all(s not in own for d in expr.indices for s in d.symbols())
        return plain and expr.buffer not in changed

    def _reads(self, group: Group, name: str, source: Load | Expr, let: Let | None) -> None:
        fresh = self.names.again(name)
        self.rows.varying.add(fresh)
        self.again.add(fresh)
        for statement in group.statements:
            rename_statement(statement, lambda n: fresh if n == name else n)
        node = let.node if let is not None else None
        note = let.note if let is not None else group.statements[0].note
        group.statements.insert(0, Let(fresh, source, node, note))


def _keep(group: Group, let: Let, place: Load) -> None:
    """Store what is computed once, in place of its name where only others read it."""
    position = next(k for k, s in enumerate(group.statements) if s is let)
    if any(let.name in names_of(s) for s in group.statements if s is not let):
        kept: Expr = Var(let.name, place.dtype)
        group.statements.insert(position + 1, Store(place.buffer, place.indices, kept, let.note))
    else:
        store = Store(place.buffer, place.indices, let.expr, let.note)
        group.statements[position] = store


def _changes_of(group: Group, variable: Var, place: Load) -> None:
    """Let a group that changes a variable read it before and store it afterwards, or in place."""
    uses = [s for s in group.statements if variable.name in names_of(s)]
    if all(_adds(s, variable.name) for s in uses):
        for statement in uses:
            assert isinstance(statement, Accumulate)
            statement.target = place
        return
    first = uses[0]
    starts = isinstance(first, Assign | Let) and variable.name not in _read(first)
    note = first.note
    if starts and len(uses) == 1 and isinstance(first, Assign) and len(first.names) == 1:
        position = next(k for k, s in enumerate(group.statements) if s is first)
        group.statements[position] = Store(place.buffer, place.indices, first.exprs[0], note)
        return
    if not starts:
        group.statements.insert(0, Assign((variable.name,), (place,), note))
    last = max(k for k, s in enumerate(group.statements) if variable.name in names_of(s))
    group.statements.insert(last + 1, Store(place.buffer, place.indices, variable, note))


def _adds(statement: Statement, name: str) -> bool:
    """Whether a statement adds to a variable and does not read it."""
    if not isinstance(statement, Accumulate) or target_name(statement.target) != name:
        return False
    return isinstance(statement.target, Var) and name not in _read(statement)


def _read(statement: Statement) -> set[str]:
    exprs = [statement.expr] if isinstance(statement, Accumulate) else expressions(statement)
    return {n for e in exprs for n in names_in(e)}


def _outside(items: Sequence[Item]) -> list[Statement]:
    """The statements that run once for a tile."""
    found: list[Statement] = []
    for item in items:
        if isinstance(item, Around):
            found += [s for block in item.inner for s in _outside(block)]
        elif not isinstance(item, Group):
            found.append(item.statement)
    return found


def move(statement: Statement, place: Callable[[str, tuple[Dim, ...]], Place]) -> None:
    """Change the places of arrays that a statement and the statements in it read and write."""

    def moved(expr: Expr) -> Expr:
        match expr:
            case Load(buffer, indices):
                name, at = place(buffer, indices)
                return replace(expr, buffer=name, indices=at)
            case Apply(args=args):
                return replace(expr, args=tuple(moved(a) for a in args))
            case _:
                return expr

    for inner in walk([statement]):
        replace_expressions(inner, moved)
        if isinstance(inner, Store):
            inner.buffer, inner.indices = place(inner.buffer, inner.indices)
        elif isinstance(inner, Accumulate) and isinstance(inner.target, Load):
            name, at = place(inner.target.buffer, inner.target.indices)
            inner.target = replace(inner.target, buffer=name, indices=at)
