"""Loops that add to places which data name, as sums over the rows of each place.

`d_u[group[i]] += term` lets many threads add to one element, in an order that nobody knows. So
each row leaves its place, as a key, and what its term needs of it. Rows are sorted by key, those of
one key in their order, and a warp adds up the terms of one place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field

from codegen_ad.ir.dims import ONE, Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.arrays import NOTHING, drop_fill
from codegen_ad.plan.device.loops import defined
from codegen_ad.plan.device.places import Place, combined, decoded, places_of, product
from codegen_ad.plan.device.row_arrays import moved
from codegen_ad.plan.device.terms import Terms
from codegen_ad.plan.device.whole import SORT, SORT_BLOCKS, SORT_DIGITS, Lanes, Total, identity
from codegen_ad.plan.free import fresh
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
    LibraryCall,
    Load,
    Note,
    Number,
    Statement,
    Store,
    Var,
    blocks,
    copied,
)
from codegen_ad.plan.tidying.rename import rename_expr
from codegen_ad.plan.tidying.tidy import drop_unused


@dataclass(slots=True)
class Apart:
    """A loop taken apart.

    Attributes
    ----------
    loop : what is left of it, which writes keys and terms.
    made : arrays for these, and for the order of rows.
    then : what follows: rows are sorted, and the terms of each place added up.
    lanes : for each loop in `then` over places, by its id, what the lanes of a warp share.
    """

    loop: For
    made: list[Allocate] = field(default_factory=list[Allocate])
    then: list[Statement] = field(default_factory=list[Statement])
    lanes: dict[int, Lanes] = field(default_factory=dict[int, Lanes])


@dataclass(slots=True)
class Scatters:
    """Takes loops of one kernel apart.

    Attributes
    ----------
    arrays : what the kernel allocates.
    sizes : the names that sizes are made of.
    constant : the arrays that nobody writes to.
    taken : the names that are in use.
    orders : the orders of rows that are known already, by what they follow from.
    is_long : whether there are sums over all rows for each element of an array.
    """

    arrays: dict[str, Allocate]
    sizes: Set[str]
    constant: Set[str]
    taken: set[str]
    orders: dict[object, tuple[str, str]] = field(default_factory=dict[object, tuple[str, str]])
    is_long: bool = False

    def apart(
        self, loop: For, before: list[Statement], outside: Set[str], atomic: Set[str]
    ) -> Apart | None:
        """The loop without its additions to places that data name, and without large arrays.

        None if it has neither.

        Parameters
        ----------
        before : the statements before it, without zeros afterwards that sums need not begin with.
        outside : the names that are used outside of the loop.
        atomic : the arrays whose additions stay, since they need no order.

        Raises
        ------
        Refused
            If places or terms are not understood.
        """
        new = copied(loop)
        assert isinstance(new, For)
        arrays = {n: a for n, a in self.arrays.items() if n in outside - atomic}
        places = places_of(new, arrays, self.sizes)
        one = _Loop(self, new, before, outside)
        inner = [p.child for p in places if p.child is not p.statement]
        if moved(new, inner, self.arrays, outside, self.sizes, one.made):
            places = places_of(new, arrays, self.sizes)
        return one.apart(places) if places or one.found.made else None


class _Loop:
    """Takes one loop apart, which may be changed."""

    def __init__(
        self, scatters: Scatters, loop: For, before: list[Statement], outside: Set[str]
    ) -> None:
        self.known = scatters
        self.taken = scatters.taken
        self.before = before
        self.outside = outside
        self.found = Apart(loop)
        self.terms = Terms(loop, scatters.constant, scatters.sizes, self.made, outside)

    def apart(self, places: Sequence[Place]) -> Apart:
        """Keys, orders, and sums over the rows of each place."""
        loop, found = self.found.loop, self.found
        groups: dict[object, list[Place]] = {}
        for place in places:
            groups.setdefault(self._signature(place), []).append(place)
        for signature, group in groups.items():
            named = self._order(signature, group[0]) if group[0].keys else None
            self.known.is_long |= named is None
            teams: dict[object, list[Place]] = {}
            for place in group:
                child = () if place.child is place.statement else (id(place.child),)
                teams.setdefault((*child, *(id(f) for f in place.items)), []).append(place)
            for team in teams.values():
                self._sums(team, named)
        self.terms.insert()
        _remove(loop.body, {id(p.statement) for p in places})
        drop_unused(loop.body, set(self.outside))
        _drop_empty(loop.body)
        return found

    def _signature(self, place: Place) -> object:
        """What the order of rows follows from; equal ones have equal orders."""
        known = {f.variable: Dim.symbol(f"@{k}") for k, f in enumerate(place.records)}
        sources: list[object] = []
        for name, size in place.keys:
            lets = [s for f in place.records for s in f.body if name in defined(s)]
            source: object = (name, id(place.path[0]))
            if name in known:
                source = known[name]
            elif lets and (load := _loaded(lets[0])) is not None:
                at = tuple(d.substitute(known) for d in load.indices)
                free = {s for d in at for s in d.symbols() if not s.startswith("@")}
                if free <= self.known.sizes and load.buffer in self.known.constant:
                    source = load.buffer, at
            sources.append((source, size))
        return (tuple(f.extent for f in place.records), *sources)

    def _order(self, signature: object, place: Place) -> tuple[str, str]:
        """The arrays with rows in the order of their keys, and with where each key begins."""
        if signature in self.known.orders:
            return self.known.orders[signature]
        note = place.statement.note
        key = combined([(Dim.symbol(n), s) for n, s in place.keys])
        shape = (product(f.extent for f in place.records),)
        keys = self.made("keys", shape, DType.INT64, note)
        self.terms.leave(place, Store(keys, (place.row,), Index(key), note))
        order, spare = (self.made(n, shape, DType.INT64, note) for n in ("order", "spare"))
        count = product(s for _, s in place.keys)
        begins = self.made("begins", (count + ONE,), DType.INT64, note)
        tallies = (Dim.constant(SORT_BLOCKS), Dim.constant(SORT_DIGITS))
        room = self.made("tallies", tallies, DType.INT64, note)
        results = (order, spare, begins, room)
        self.found.then.append(LibraryCall(results, SORT, (keys,), (False,), note))
        self.known.orders[signature] = order, begins
        return order, begins

    def made(self, wish: str, shape: Shape, dtype: DType, note: Note) -> str:
        """A new array, by its name."""
        name = fresh(wish, self.taken)
        made = self.known.arrays[name] = Allocate(name, shape, dtype, None, note)
        self.found.made.append(made)
        return name

    def _sums(self, team: Sequence[Place], named: tuple[str, str] | None) -> None:
        """The loop over places in which the terms of each are added up.

        With `named` data name them, and these are the arrays of `_order`; all rows add to others.
        """
        first = team[0]
        note = first.statement.note
        axes = [*first.keys, *((f.variable, f.extent) for f in first.items)]
        item = axes[0][0] if len(axes) == 1 else fresh("item", self.taken)
        body = decoded(item, axes, note)
        turn, extent, place = first.records[0].variable, first.records[0].extent, None
        if named is not None:
            start, count, turn = (fresh(n, self.taken) for n in ("start", "count", "turn"))
            place = Load(named[0], (Dim.symbol(start) + Dim.symbol(turn),), DType.INT64)
            extent = Dim.symbol(count)
            key = combined([(Dim.symbol(n), s) for n, s in first.keys])
            end = Load(named[1], (key + ONE,), DType.INT64)
            size = Apply("subtract", (end, Var(start, DType.INT64)), DType.INT64)
            body.append(Let(start, Load(named[1], (key,), DType.INT64), None, NOTHING))
            body.append(Let(count, size, None, NOTHING))
        there = self._there(team)
        if there is not None:
            rows = fresh("rows", self.taken)
            none = Number("0", DType.INT64)
            number = Apply("where", (there, Index(extent), none), DType.INT64)
            body.append(Let(rows, number, None, NOTHING))
            extent = Dim.symbol(rows)
        totals: list[Total] = []
        for each in team:
            how, dtype = each.statement.how, each.target.dtype
            name = fresh(f"{each.target.buffer}_sum", self.taken)
            totals.append(Total(name, how, dtype))
            nothing = identity(how, dtype)
            assert nothing is not None
            body.append(Assign((name,), (nothing,), NOTHING))
        terms = self.terms.of(team, [t.name for t in totals], place, self.taken)
        share = For(turn, extent, terms, note)
        body.append(share)
        put: list[Statement] = [self._put(p, first, t) for p, t in zip(team, totals, strict=True)]
        body += put if there is None else [If(there, put, [], note)]
        loop = For(item, product(s for _, s in axes), body, note)
        self.found.lanes[id(loop)] = Lanes(share, tuple(totals))
        self.found.then.append(loop)

    def _there(self, team: Sequence[Place]) -> Expr | None:
        """Whether loops over elements have come to one that is there; None if all are.

        Rows that go too far say so, and that is an error: but nothing is read or written there.
        """
        first = team[0]
        found: Expr | None = None
        for place in team:
            sizes = self.known.arrays[place.target.buffer].shape
            for dim, size in zip(place.target.indices, sizes, strict=True):
                loops = [f for f in place.items if f.variable == dim.name]
                if not loops or loops[0].extent == size:
                    continue
                at = Dim.symbol(place.like(first).get(loops[0].variable, loops[0].variable))
                test = Apply("less", (Index(at), Index(size)), DType.BOOL)
                if found is None:
                    found = test
                elif found != test:
                    found = Apply("logical_and", (found, test), DType.BOOL)
        return found

    def _put(self, place: Place, first: Place, total: Total) -> Statement:
        """What one lane does with the sum of a place."""
        names = place.like(first)
        target = rename_expr(place.target, lambda n: names.get(n, n))
        assert isinstance(target, Load)
        value, note = Var(total.name, total.dtype), place.statement.note
        is_whole = place.is_whole(self.known.arrays[target.buffer].shape)
        if is_whole and place.statement.how == "sum" and drop_fill(self.before, target.buffer):
            return Store(target.buffer, target.indices, value, note)
        return Accumulate(target, place.statement.how, value, note)


def _loaded(statement: Statement) -> Load | None:
    """The element that a statement gives a name."""
    match statement:
        case Let(expr=Load() as load) | Assign(exprs=(Load() as load,)):
            return load
        case _:
            return None


def _remove(body: list[Statement], gone: Collection[int]) -> None:
    """Remove statements from a block and the blocks in it."""
    body[:] = [s for s in body if id(s) not in gone]
    for statement in body:
        for block in blocks(statement):
            _remove(block, gone)


def _drop_empty(body: list[Statement]) -> None:
    """Remove loops and branches that do nothing."""
    for statement in body:
        for block in blocks(statement):
            _drop_empty(block)
    body[:] = [s for s in body if not isinstance(s, For | If) or any(blocks(s))]
