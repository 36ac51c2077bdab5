"""Products of matrices and vectors in steps of loops, by functions that take four rows at once.

A step of a recurrence multiplies matrices by vectors (`s += a[i, j] * x[j]`), and its adjoint the
other way round (`y[j] += d * a[i, j]`). As loops around what else is done for each row they take a
row at a time: each sum ends in a horizontal one, `y` goes through memory for each row, and what
follows the sum is computed for one number after the other. Taken out, four rows of the matrix share
what is read of the vectors, and the loop that is left uses vectors itself. 64 by 128 from the
second-level cache take 0.8 of the time, with vectors of 512 bits 0.6.

The passes over a tile of rows of the data are the same, with the tile for a matrix. Logistic
regression on 20 columns takes 0.9 of the time, and rows that come from memory do not wait for it.
Where a nest does both with one matrix, it stays: the matrix is read once. So do loops over rows of
the data that have no tiles: vectors of their length would have to be kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Expr,
    Fill,
    For,
    Kernel,
    Let,
    Load,
    MatrixVector,
    Note,
    Statement,
    Store,
    Tiles,
    Var,
    View,
    While,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import mentioned, names_in
from codegen_ad.plan.tiling.factors import expanded, factors, lets_of, multiplied, renamed_in
from codegen_ad.plan.tiling.pairs import Pair, is_plain, let_instead, pair_of, start_of_sum
from codegen_ad.plan.tiling.rows import accesses, arrays_of, assigned, is_total
from codegen_ad.plan.tiling.tile_products import may_be_matrix


def take_out(
    kernel: Kernel, names: Names, rows: Collection[Dim], small: Collection[str] = ()
) -> None:
    """Take products of matrices and vectors out of loops in steps; `rows` count rows of data.

    Loops over `small` sizes, which are constants, stay.
    """
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    arrays = {name: array.shape for name, array in arrays_of(kernel).items()}
    sizes = {s.symbol for s in kernel.sizes}
    taker = _Taker(names, arrays, sizes.difference(small), rows)
    taker.block(kernel.body, in_steps=False)
    kernel.body[:0] = taker.allocated


@dataclass(frozen=True, slots=True)
class _Product:
    """A matrix, which may stand transposed, and what it is multiplied by."""

    matrix: Load
    turned: bool
    vector: Expr


@dataclass(slots=True)
class _Taker:
    """Takes products out of blocks; `shapes` are those of arrays, `sizes` symbols known before.

    `tile` is the one whose passes are looked at.
    """

    names: Names
    shapes: dict[str, Shape]
    sizes: set[str]
    rows: Collection[Dim]
    allocated: list[Statement] = field(default_factory=list[Statement])
    tile: Tiles | None = None

    def block(self, body: list[Statement], *, in_steps: bool) -> None:
        """Take products out of the loops of a block, and of those in it."""
        found: list[Statement] = []
        for statement in body:
            before: list[Statement] = []
            after: list[Statement] = []
            if in_steps and isinstance(statement, For) and self._may_be_side(statement):
                self._take_all(statement, before, after)
            found += [*before, statement, *after]
            steps = isinstance(statement, While) or (
                isinstance(statement, For | Tiles) and statement.carried
            )
            if self._is_over_rows(statement):
                if isinstance(statement, Tiles):
                    self._in_tile(statement)
                continue
            for inside in blocks(statement):
                self.block(inside, in_steps=in_steps or steps)
        body[:] = found

    def _in_tile(self, tile: Tiles) -> None:
        """Take products out of the passes over the rows of a tile, if it adds to a vector.

        Where rows are read once, for one product, they come from memory faster row by row.
        """
        self.tile, allocated = tile, list(self.allocated)
        found: list[Statement] = []
        for statement in map(copied, tile.body):
            before: list[Statement] = []
            after: list[Statement] = []
            if isinstance(statement, For) and statement.variable == tile.row:
                self._take_all(statement, before, after)
            found += [*before, statement, *after]
        if any(isinstance(s, MatrixVector) and not s.by_rows for s in found):
            tile.body[:] = found
        else:
            self.allocated = allocated
        self.tile = None

    def _take_all(self, outer: For, before: list[Statement], after: list[Statement]) -> None:
        """Take out what the loops in a loop multiply."""
        for inner in [s for s in outer.body if isinstance(s, For)]:
            if self._may_be_side(inner) and may_be_matrix(outer.extent, inner.extent):
                self._take(pair_of(outer, inner), before, after)

    def _is_over_rows(self, statement: Statement) -> bool:
        """Whether a statement is a loop over rows of data, or over tiles of them."""
        if isinstance(statement, Tiles):
            return not statement.carried
        return isinstance(statement, For) and not statement.carried and self._counts_rows(statement)

    def _may_be_side(self, loop: For) -> bool:
        """Whether a loop may be over the rows or the columns of a matrix."""
        known = self.sizes.issuperset(loop.extent.symbols())
        return is_plain(loop) and known and not self._counts_rows(loop)

    def _counts_rows(self, loop: For) -> bool:
        return any(not set(loop.extent.symbols()).isdisjoint(d.symbols()) for d in self.rows)

    def _take(self, pair: Pair, before: list[Statement], after: list[Statement]) -> None:
        """Take a sum, or what is added to a vector, out of a pair of loops."""
        read = [b for b, _, s in accesses(pair.outer.body) if not isinstance(s, Store)]
        for statement in list(pair.inner.body):
            if not isinstance(statement, Accumulate) or statement.how != "sum":
                continue
            if isinstance(statement.target, Var):
                found = self._sum(statement, pair, read, before)
            else:
                found = self._added(statement, pair, read, after)
            if found:
                pair.inner.body = [s for s in pair.inner.body if s is not statement]
        if all(isinstance(s, Let) for s in pair.inner.body):
            pair.outer.body = [s for s in pair.outer.body if s is not pair.inner]

    def _sum(
        self, statement: Accumulate, pair: Pair, read: list[str], before: list[Statement]
    ) -> bool:
        """Whether a sum of the inner loop is an element of the product of a matrix and a vector."""
        target, own = statement.target, pair.inner.variable
        assert isinstance(target, Var)
        start = start_of_sum(pair.outer, target.name)
        found = self._product(statement, pair, read, own)
        if start is None or found is None:
            return False
        vector = found.vector
        if not {*pair.changed, pair.outer.variable}.isdisjoint(names_in(vector)):
            return False
        place = _whole(vector, own, self.shapes)
        if place is None:
            variable = self.names.fresh()
            place = self._vector(vector, pair.inner, statement.note)
            renamed = renamed_in(vector, {own: variable})
            at = (Dim.symbol(variable),)
            filled: list[Statement] = [Store(place.buffer, at, renamed, statement.note)]
            before.append(replace(pair.inner, variable=variable, body=filled))
        result = self._goes_to(target, pair)
        if result is None:
            result = self._vector(target, pair.outer, statement.note)
        before.append(Fill(result.buffer, 0.0, statement.note))
        before.append(self._made(result, found, place, pair, statement.note, not found.turned))
        element = replace(result, indices=(Dim.symbol(pair.outer.variable),))
        let_instead(pair.outer, start, target, element, self.names)
        return True

    def _goes_to(self, target: Var, pair: Pair) -> Load | None:
        """The buffer that the outer loop fills with a sum, if it does nothing else with it."""
        stores = [s for s in pair.outer.body if isinstance(s, Store) and s.expr == target]
        if len(stores) != 1:
            return None
        (store,) = stores
        uses = [s for s in walk(pair.outer.body) if store.buffer in mentioned(s)]
        whole = store.indices == (Dim.symbol(pair.outer.variable),)
        if len(uses) > 1 or not whole or self.shapes.get(store.buffer) != (self._room(pair.outer),):
            return None
        pair.outer.body = [s for s in pair.outer.body if s is not store]
        return Load(store.buffer, (), target.dtype)

    def _added(
        self, statement: Accumulate, pair: Pair, read: list[str], after: list[Statement]
    ) -> bool:
        """Whether a statement adds a row of a matrix, times a number, to a vector."""
        target, own = statement.target, pair.outer.variable
        assert isinstance(target, Load)
        here = Dim.symbol(pair.inner.variable)
        result = _whole(target, pair.inner.variable, self.shapes)
        if target.indices[-1:] != (here,) or result is None:
            return False
        if not _is_fixed(target.indices[:-1], pair) or not is_total([pair.outer], target.buffer):
            return False
        found = self._product(statement, pair, read, own)
        if found is None:
            return False
        within = {n: x for n, x in pair.lets.items() if n in lets_of(pair.inner.body)}
        vector = expanded(found.vector, within)
        late = {n for s in walk(pair.inner.body) for n in assigned(s)}
        if not late.isdisjoint(names_in(vector)):
            return False
        place = self._stored(vector, pair) or self._stored(expanded(vector, pair.lets), pair)
        if place is None:
            place = self._vector(vector, pair.outer, statement.note)
            position = next(k for k, s in enumerate(pair.outer.body) if s is pair.inner)
            store = Store(place.buffer, (Dim.symbol(own),), vector, statement.note)
            pair.outer.body.insert(position, store)
        after.append(self._made(result, found, place, pair, statement.note, found.turned))
        return True

    def _stored(self, vector: Expr, pair: Pair) -> Load | None:
        """Where a vector along the outer loop is kept before the inner one, if it is."""
        whole = _whole(vector, pair.outer.variable, self.shapes)
        if (
            whole is not None
            and _is_fixed(whole.indices, pair)
            and whole.buffer not in pair.changed
        ):
            return whole
        if not isinstance(vector, Var) or vector.name not in pair.lets:
            return None
        position = next(k for k, s in enumerate(pair.outer.body) if s is pair.inner)
        for statement in pair.outer.body[:position]:
            if not isinstance(statement, Store) or statement.expr != vector:
                continue
            place = Load(statement.buffer, statement.indices, vector.dtype)
            whole = _whole(place, pair.outer.variable, self.shapes)
            stores = [s for s in walk(pair.outer.body) if statement.buffer in assigned(s)]
            if whole is not None and len(stores) == 1 and _is_fixed(whole.indices, pair):
                return whole
        return None

    def _made(
        self, result: Load, found: _Product, vector: Load, pair: Pair, note: Note, by_rows: bool
    ) -> MatrixVector:
        terms = pair.outer.extent * pair.inner.extent
        rows = None
        if self.tile is not None:
            rows = Dim.symbol(self.tile.first), Dim.symbol(self.tile.rows)
        return MatrixVector(result, found.matrix, vector, terms, note, by_rows, rows)

    def _vector(self, like: Expr, along: For, note: Note) -> Load:
        """A new buffer for a vector along a loop."""
        name = self.names.part_of(like.name) if isinstance(like, Var) else self.names.fresh()
        if name not in self.names.meaning:
            self.names.wishes[name] = ("vector",)
        dtype: DType = like.dtype
        shape = (self._room(along),)
        self.allocated.append(Allocate(name, shape, dtype, None, Note()))
        self.shapes[name] = shape
        return Load(name, (), dtype)

    def _room(self, along: For) -> Dim:
        """The length of a buffer for a vector along a loop."""
        if self.tile is not None and along.variable == self.tile.row:
            return Dim.constant(self.tile.size)
        return along.extent

    def _product(
        self, statement: Accumulate, pair: Pair, read: list[str], along: str
    ) -> _Product | None:
        """What is added as an element of a matrix, and factors that go `along` one loop."""
        row = Dim.symbol(pair.outer.variable)
        if self.tile is None:
            return _product(statement, pair, read, along, row)
        found = _product(statement, pair, read, along, row + Dim.symbol(self.tile.first))
        return None if found is None or found.turned else found


def _product(
    statement: Accumulate, pair: Pair, read: list[str], along: str, row: Dim
) -> _Product | None:
    """What is added as an element of a matrix, and factors of which some go `along` one loop.

    The outer loop is about the `row` of the matrix.
    """
    outer, inner = pair.outer.variable, pair.inner.variable
    other = inner if along == outer else outer
    expr, dtype = statement.expr, statement.target.dtype
    if not dtype.is_float:
        return None
    matrix: list[Load] = []
    vector: list[Expr] = []
    for factor in factors(expr, pair.lets, {inner}):
        whole = expanded(factor, pair.lets)
        names = set(names_in(whole))
        if {outer, inner} <= names and isinstance(whole, Load):
            matrix.append(whole)
        elif other in names:
            return None
        else:
            vector.append(whole if along == inner else factor)
    if len(matrix) != 1 or not vector or any(f.dtype is not dtype for f in (*matrix, *vector)):
        return None
    (found,) = matrix
    here = row, Dim.symbol(inner)
    if found.indices[-2:] not in (here, here[::-1]) or not _is_fixed(found.indices[:-2], pair):
        return None
    # What a nest reads twice it should read from memory once.
    if found.buffer in pair.changed or read.count(found.buffer) > 1:
        return None
    product = multiplied(vector)
    varying = {inner} if along == inner else {*pair.changed, outer}
    if varying.isdisjoint(names_in(product)):
        return None
    turned = found.indices[-2:] != here
    return _Product(replace(found, indices=found.indices[:-2]), turned, product)


def _is_fixed(indices: tuple[Dim, ...], pair: Pair) -> bool:
    """Whether a place is the same in all trips of both loops."""
    changing = {*pair.changed, pair.outer.variable, pair.inner.variable}
    return changing.isdisjoint(s for d in indices for s in d.symbols())


def _whole(expr: Expr, variable: str, shapes: dict[str, Shape]) -> Load | None:
    """A vector of which an expression is the element at a variable, if it stands in memory so."""
    if not isinstance(expr, Load) or len(shapes.get(expr.buffer, ())) != len(expr.indices):
        return None
    if not expr.indices or expr.indices[-1] != Dim.symbol(variable):
        return None
    leading = expr.indices[:-1]
    if any(variable in d.symbols() for d in leading):
        return None
    return replace(expr, indices=leading)
