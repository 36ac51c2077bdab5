"""What rows add to the elements that data name: computed again from what each row leaves.

A term that stands in a row itself is left as a number. Of one that stands in a loop of the row, the
loop is run again for each element, from the numbers that it needs of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.arrays import NOTHING
from codegen_ad.plan.device.loops import Refused, defined, is_set_first, parts, read
from codegen_ad.plan.device.places import Place, decoded
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import (
    Accumulate,
    Assign,
    Expr,
    For,
    If,
    Let,
    Load,
    Note,
    Statement,
    Store,
    Var,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.tidying.rename import names_in, rename_statement, written

Make = Callable[[str, Shape, DType, Note], str]


class Terms:
    """The terms of one loop.

    Parameters
    ----------
    loop : which is given what rows leave, by `insert`.
    constant : the arrays that nobody writes to.
    sizes : the names that sizes are made of.
    make : makes an array.
    outside : the names that are used outside of the loop.
    """

    def __init__(
        self, loop: For, constant: Set[str], sizes: Set[str], make: Make, outside: Set[str]
    ) -> None:
        self.loop = loop
        self.constant = constant
        self.sizes = sizes
        self.outside = outside
        self._make = make
        self._left: list[tuple[Place, Statement]] = []
        self._kept: dict[tuple[str, int], str] = {}
        self._inside = {n for s in loop.body for n in defined(s)}

    def leave(self, place: Place, statement: Statement) -> None:
        """Let each row do something just before it adds to a place."""
        self._left.append((place, statement))

    def insert(self) -> None:
        """Put what rows leave into the loop."""
        for place, statement in self._left:
            body = place.records[-1].body
            position = next(k for k, s in enumerate(body) if s is place.child)
            body.insert(position, statement)

    def of(
        self, team: Sequence[Place], totals: Sequence[str], row: Expr | None, taken: set[str]
    ) -> list[Statement]:
        """What is done for each row of an element: it adds to the totals.

        `row` is its number; left out, it is the variable of the loop that this stands in.
        """
        first = team[0]
        axes = [(f.variable, f.extent) for f in first.records]
        name = axes[0][0] if len(axes) == 1 else fresh("row", taken)
        if first.child is first.statement:
            terms: list[Statement] = []
            for place, total in zip(team, totals, strict=True):
                terms.append(self._term(place, total, name))
        else:
            mine = {id(p.statement): t for p, t in zip(team, totals, strict=True)}
            terms = self._again(team, mine, name, taken)
        places = [] if row is None else [Let(name, row, None, NOTHING)]
        return [*places, *decoded(name, axes, NOTHING), *terms]

    def _term(self, place: Place, total: str, row: str) -> Statement:
        """A term that is a number of the row."""
        statement = place.statement
        known = {f.variable for f in place.records} | self.sizes
        expr = statement.expr
        if not simple(expr, known, self.constant):
            note, dtype = statement.note, place.target.dtype
            shape = (_rows(place),)
            kept = self._make(f"{place.target.buffer}_terms", shape, dtype, note)
            self.leave(place, Store(kept, (place.row,), expr, note))
            expr = Load(kept, (Dim.symbol(row),), dtype)
        return replace(statement, target=Var(total, place.target.dtype), expr=expr)

    def _again(
        self, team: Sequence[Place], mine: Mapping[int, str], row: str, taken: set[str]
    ) -> list[Statement]:
        """The loop of a row in which terms stand, for one element, behind what it needs."""
        place = team[0]
        terms, wanted = self._sliced([place.child], set(), mine, place.items)
        names = {a: b for each in team for a, b in each.like(place).items()}
        for statement in terms:
            rename_statement(statement, lambda n: names.get(n, n))
        wanted = {names.get(n, n) for n in wanted}
        given = {n for n, _ in place.keys} | {f.variable for f in (*place.records, *place.items)}
        _rename_loops(terms, given, taken)
        inner = {n for s in terms for n in defined(s)}
        found: list[Statement] = []
        for name in sorted(wanted - given):
            if name not in self._inside:
                continue
            if self._is_array(name):
                self._check_array(name, place)
            elif name in inner and not is_set_first(terms, name):
                raise Refused(place.statement, "a term needs what other elements leave")
            elif name not in inner:
                found.append(self._needed(name, place, row))
        return [*found, *terms]

    def _needed(self, name: str, place: Place, row: str) -> Statement:
        """A number of the row, read again or kept."""
        known = {f.variable for f in place.records} | self.sizes
        makes = [s for f in place.records for s in f.body if name in defined(s)]
        if (
            len(makes) == 1
            and isinstance(makes[0], Let)
            and simple(makes[0].expr, known, self.constant)
        ):
            return copied(makes[0])
        dtype = _dtype(makes, name, place)
        kept = self._kept.get((name, id(place.child)))
        if kept is None:
            note = place.statement.note
            kept = self._make(f"{name}_rows", (_rows(place),), dtype, note)
            self._kept[name, id(place.child)] = kept
            self.leave(place, Store(kept, (place.row,), Var(name, dtype), note))
        return Let(name, Load(kept, (Dim.symbol(row),), dtype), None, place.statement.note)

    def _is_array(self, name: str) -> bool:
        for statement in walk(self.loop.body):
            match statement:
                case Store(buffer) | Accumulate(target=Load(buffer)) if buffer == name:
                    return True
                case _:
                    pass
        return False

    def _check_array(self, name: str, place: Place) -> None:
        """Refuse an array that changes behind the loop of a row, or that rows share."""
        if name not in self.outside:
            raise Refused(place.statement, f"a term needs an array of the row (`{name}`)")
        inner = [*place.records[1:], place.child]
        for each, child in zip(place.records, inner, strict=True):
            at = next(k for k, s in enumerate(each.body) if s is child)
            if any(name in written(s) for s in walk(each.body[at:])):
                raise Refused(place.statement, f"`{name}` changes while a row is computed")

    def _sliced(
        self,
        body: Sequence[Statement],
        wanted: set[str],
        mine: Mapping[int, str],
        items: Collection[For],
    ) -> tuple[list[Statement], set[str]]:
        """The statements that lead to the terms and to what is wanted; and what these need.

        Loops over elements are left out: what is in them is done for one element.
        """
        kept: list[Statement] = []
        for statement in reversed(body):
            if id(statement) in mine:
                assert isinstance(statement, Accumulate)
                target = Var(mine[id(statement)], statement.target.dtype)
                kept.append(replace(statement, target=target))
                wanted |= read(Let("_", statement.expr, None, statement.note))
            elif isinstance(statement, For):
                inner, needs = self._sliced(statement.body, set(wanted), mine, items)
                while inner and not needs <= wanted:
                    wanted |= needs
                    inner, needs = self._sliced(statement.body, set(wanted), mine, items)
                if any(statement is f for f in items):
                    kept += inner[::-1]
                elif inner:
                    kept.append(replace(statement, body=inner))
                    wanted |= set(statement.extent.symbols())
            elif isinstance(statement, If):
                sides = [self._sliced(b, set(wanted), mine, items) for b in blocks(statement)]
                if any(side for side, _ in sides):
                    then, otherwise = (side for side, _ in sides)
                    kept.append(replace(statement, then=then, otherwise=otherwise))
                    wanted |= {*sides[0][1], *sides[1][1], *names_in(statement.condition)}
            elif defined(statement) & wanted:
                kept.append(copied(statement))
                if isinstance(statement, Let):
                    wanted.discard(statement.name)
                wanted |= read(statement)
        return kept[::-1], wanted


def _rename_loops(terms: Sequence[Statement], given: Set[str], taken: set[str]) -> None:
    """Let no loop count with a name of the element or its row, which another one beside it had."""
    for statement in terms:
        for loop in [s for s in walk([statement]) if isinstance(s, For) and s.variable in given]:
            old, new = loop.variable, fresh(loop.variable, taken)
            for inner in loop.body:
                rename_statement(inner, lambda n, old=old, new=new: new if n == old else n)
            loop.variable = new


def simple(expr: Expr, known: Set[str], constant: Set[str]) -> bool:
    """Whether an expression is computed again rather than kept: it reads at most one element."""
    loads = [e for e in parts(expr) if isinstance(e, Load)]
    return len(loads) <= 1 and set(names_in(expr)) <= known | constant


def _rows(place: Place) -> Dim:
    found = Dim.constant(1)
    for each in place.records:
        found = found * each.extent
    return found


def _dtype(makes: Sequence[Statement], name: str, place: Place) -> DType:
    """The dtype of a number of the row."""
    for statement in walk(list(makes)):
        match statement:
            case Let(name=made, expr=expr) if made == name:
                return expr.dtype
            case Assign(names=names, exprs=exprs) if name in names:
                return exprs[names.index(name)].dtype
            case Accumulate(target=Var(made, dtype)) if made == name:
                return dtype
            case _:
                pass
    raise Refused(place.statement, f"a term needs `{name}`")
