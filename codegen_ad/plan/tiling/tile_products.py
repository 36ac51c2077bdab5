"""Contractions in the body of a row loop as products of matrices, which BLAS computes for a tile.

Two nested loops of a row multiply a vector by a matrix (`s += a[j, k] * x[k]`), or add the product
of two vectors to a matrix that all rows share (`total[j, k] += y[j] * x[k]`). For a tile of
rows each is a product of matrices, if the vectors stand in memory. So they are computed beforehand,
in loops of their own, and what is left of the two loops runs behind. With 64 rows a call of BLAS is
as fast as loops for matrices of 4 by 4, 2.5 times as fast for 10 by 10, 6 times for 64 by 64.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Expr,
    For,
    Let,
    Load,
    Note,
    Product,
    Statement,
    Store,
    Var,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import dims, expressions, names_in
from codegen_ad.plan.tidying.uses import loads
from codegen_ad.plan.tiling.factors import (
    Lets,
    expanded,
    factors,
    lets_of,
    multiplied,
    needed,
    renamed_in,
)
from codegen_ad.plan.tiling.pairs import let_instead, start_of_sum
from codegen_ad.plan.tiling.rows import Array, Rows, assigned, names_of

LEAST = 4
"""Matrices of fewer rows or columns are multiplied in loops, where that is known."""


@dataclass(slots=True)
class Products:
    """A row loop with products.

    `before` it the matrices are put in order that BLAS can't read as they stand; `allocated` are
    their buffers, and those of the vectors, which are in `arrays` too.
    """

    loop: For
    before: list[Statement] = field(default_factory=list[Statement])
    allocated: list[Allocate] = field(default_factory=list[Allocate])
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])


def with_products(loop: For, rows: Rows, names: Names) -> Products | None:
    """The loop over `rows` with its contractions as products, or None if it has none."""
    finder = _Finder(rows, names, Products(loop))
    body = finder.block([copied(s) for s in loop.body], ())
    if not any(isinstance(s, Product) for s in walk(body)):
        return None
    finder.made.loop = replace(loop, body=_without_unused(body))
    return finder.made


class _Finder:
    """Looks for products in the blocks of a row; `made` collects what they need around them."""

    def __init__(self, rows: Rows, names: Names, made: Products) -> None:
        self.rows = rows
        self.names = names
        self.made = made
        self.vectors: dict[int, For] = {}
        self.matrices: dict[tuple[Expr, Shape], str] = {}
        self.inside = {n for s in walk(made.loop.body) for n in assigned(s)}
        self.inside |= {s.variable for s in walk(made.loop.body) if isinstance(s, For)}

    def block(self, body: list[Statement], around: tuple[For, ...]) -> list[Statement]:
        """The statements of a block, in the loops `around`, with products in the place of loops."""
        found: list[Statement] = []
        for statement in body:
            if not isinstance(statement, For) or not self._is_plain(statement):
                found.append(statement)
                continue
            pair = _Pair(self, statement, around)
            for inner in [s for s in statement.body if isinstance(s, For)]:
                if self._is_plain(inner) and may_be_matrix(statement.extent, inner.extent):
                    pair.take(inner)
            inside = self.block(statement.body, (*around, statement))
            pair.read_vectors(inside)
            early = [s for s in inside if self._may_leave(s, pair)]
            statement.body = [s for s in inside if not self._may_leave(s, pair)]
            found += [*early, *pair.before, statement, *pair.after]
        return found

    def _may_leave(self, statement: Statement, pair: _Pair) -> bool:
        """Whether a vector is the same in all trips of the loop that it is computed in."""
        return id(statement) in self.vectors and pair.changed.isdisjoint(names_of(statement))

    def _is_plain(self, loop: For) -> bool:
        plain = not loop.carried and loop.span is None and loop.window is None
        return plain and self.is_fixed(loop.extent.symbols())

    def is_fixed(self, names: Iterable[str]) -> bool:
        """Whether nothing in the row loop changes these."""
        return not any(n == self.rows.variable or n in self.inside for n in names)

    def allocate(self, like: str, shape: Shape, dtype: DType) -> str:
        """A buffer for what `like` stands for, or for a matrix of it."""
        name = self.names.part_of(like)
        if name not in self.names.meaning and not like.startswith("@"):
            self.names.wishes[name] = (f"{like}_matrix",)
        made = Allocate(name, shape, dtype, None, Note())
        self.made.allocated.append(made)
        self.made.arrays[name] = Array(shape, dtype, made)
        return name

    def matrix(self, expr: Expr, pair: _Pair, inner: For) -> Load | None:
        """A matrix with the trips of two loops as rows and columns.

        It is read where it stands, if BLAS can, or put in order before the loop over the rows.
        """
        first, second = pair.loop.variable, inner.variable
        loops = {x.variable: x for x in (*pair.around, pair.loop, inner)}
        names = set(names_in(expr))
        if not {first, second} <= names or not self.is_fixed([n for n in names if n not in loops]):
            return None
        if isinstance(expr, Load) and expr.buffer in self.rows.arrays:
            here = tuple(map(Dim.symbol, (first, second)))
            sizes = self.rows.arrays[expr.buffer].shape[-2:]
            before = {s for d in expr.indices[:-2] for s in d.symbols()}
            stands = expr.indices[-2:] == here and before.isdisjoint((first, second))
            if stands and sizes == (pair.loop.extent, inner.extent):
                return replace(expr, indices=expr.indices[:-2])
        outer = [x for x in pair.around if x.variable in names]
        whole = [*outer, pair.loop, inner]
        leading = tuple(Dim.symbol(x.variable) for x in outer)
        known = self.matrices.get(_canonical(expr, whole))
        if known is not None:
            return Load(known, leading, expr.dtype)
        like = next((x.buffer for x in loads(expr)), "")
        name = self.allocate(like, tuple(x.extent for x in whole), expr.dtype)
        self.matrices[_canonical(expr, whole)] = name
        variables = {x.variable: self.names.fresh() for x in whole}
        at = tuple(Dim.symbol(v) for v in variables.values())
        block: list[Statement] = [Store(name, at, renamed_in(expr, variables), Note())]
        for loop in reversed(whole):
            block = [For(variables[loop.variable], loop.extent, block, Note())]
        self.made.before += block
        return Load(name, leading, expr.dtype)


class _Pair:
    """A loop, and what the products of the loops in it leave before and after it."""

    def __init__(self, finder: _Finder, loop: For, around: tuple[For, ...]) -> None:
        self.finder = finder
        self.loop = loop
        self.around = around
        self.before: list[Statement] = []
        self.after: list[Statement] = []
        self.changed = {n for s in walk(loop.body) for n in assigned(s)} | {loop.variable}
        self.vectors: dict[tuple[Expr, Shape], str] = {}
        self.products: dict[tuple[Load, Load], Load] = {}

    def take(self, inner: For) -> None:
        """Take products out of a loop in this one."""
        lets = lets_of(self.loop.body, inner) | lets_of(inner.body)
        several = Counter(n for s in walk(self.loop.body) for n in assigned(s))
        lets = {name: let for name, let in lets.items() if several[name] == 1}
        kept: list[Statement] = []
        for statement in inner.body:
            if isinstance(statement, Accumulate) and statement.how == "sum":
                made = self._sum(statement, inner, lets) or self._outer(statement, inner, lets)
                if made:
                    continue
            kept.append(statement)
        inner.body = kept
        if all(isinstance(s, Let) for s in kept):
            self.loop.body = [s for s in self.loop.body if s is not inner]

    def read_vectors(self, body: list[Statement]) -> None:
        """Read in the loop, whose statements these are now, what vectors before it hold."""
        lets = lets_of(body)
        several = Counter(n for s in walk(body) for n in assigned(s))
        lets = {name: let for name, let in lets.items() if several[name] == 1}
        at = (Dim.symbol(self.loop.variable),)
        for let in [x for x in lets.values() if isinstance(x.expr, Apply)]:
            known = self.vectors.get(_canonical(expanded(let.expr, lets), [self.loop]))
            if known is not None:
                let.expr = Load(known, at, let.expr.dtype)

    def _sum(self, statement: Accumulate, inner: For, lets: Lets) -> bool:
        """Whether a sum of the inner loop is the product of a matrix and a vector."""
        target = statement.target
        if not isinstance(target, Var) or not isinstance(statement.expr, Apply):
            return False
        start = start_of_sum(self.loop, target.name)
        if start is None:
            return False
        both = self._factors(statement.expr, inner, lets)
        if both is None or both[0].dtype is not target.dtype:
            return False
        matrix, vector = both
        found = None
        if self._may_come_before(vector, inner, lets):
            found = self.finder.matrix(expanded(matrix, lets), self, inner)
        if found is None:
            return False
        right = self._before(vector, inner, lets, target.name)
        key = found, right
        if key not in self.products:
            result = self.finder.allocate(target.name, (self.loop.extent,), target.dtype)
            self.products[key] = whole = Load(result, (), target.dtype)
            terms = self.loop.extent * inner.extent
            self.before.append(Product(whole, found, right, terms, statement.note))
        at = (Dim.symbol(self.loop.variable),)
        element = replace(self.products[key], indices=at)
        let_instead(self.loop, start, target, element, self.finder.names)
        return True

    def _factors(self, expr: Expr, inner: For, lets: Lets) -> tuple[Expr, Expr] | None:
        """A product as what depends on this loop, and what else there is."""
        along, across = list[Expr](), list[Expr]()
        variables = {self.loop.variable, inner.variable}
        for factor in factors(expr, lets, variables):
            own = not self.changed.isdisjoint(names_in(expanded(factor, lets)))
            (along if own else across).append(factor)
        if not along or not across:
            return None
        found = multiplied(along), multiplied(across)
        same = all(f.dtype is expr.dtype for f in (*along, *across))
        return found if same and expr.dtype.is_float else None

    def _outer(self, statement: Accumulate, inner: For, lets: Lets) -> bool:
        """Whether a statement adds the product of two vectors to a matrix that all rows share."""
        target = statement.target
        if not isinstance(target, Load) or target.buffer not in self.finder.rows.totals:
            return False
        if not isinstance(statement.expr, Apply) or target.dtype is not DType.FLOAT64:
            return False
        here = tuple(Dim.symbol(x.variable) for x in (self.loop, inner))
        leading, last = target.indices[:-2], target.indices[-2:]
        variables = {self.loop.variable, inner.variable}
        if last not in (here, here[::-1]) or any(variables & set(d.symbols()) for d in leading):
            return False
        if self.finder.rows.varies(s for d in leading for s in d.symbols()):
            return False
        both = self._factors(statement.expr, inner, lets)
        if both is None or not self._may_come_before(both[1], inner, lets):
            return False
        left = self._vector(both[0], inner, lets, target.buffer)
        if left is None:
            return False
        right = self._before(both[1], inner, lets, target.buffer)
        if last != here:
            left, right = right, left
        whole, terms = replace(target, indices=leading), self.loop.extent * inner.extent
        self.after.append(Product(whole, left, right, terms, statement.note, adds=True))
        return True

    def _vector(self, expr: Expr, inner: For, lets: Lets, like: str) -> Load | None:
        """A vector along this loop: computed before it if possible, else kept on the way."""
        names = set(names_in(expanded(expr, lets)))
        if inner.variable in names or not self.finder.rows.varies(names):
            return None
        if self._may_come_before(expr, self.loop, lets):
            return self._before(expr, self.loop, lets, like)
        if not lets_of(inner.body).keys().isdisjoint(names_in(expr)):
            return None
        name = self.finder.allocate(_named(expr, like), (self.loop.extent,), expr.dtype)
        position = next(k for k, s in enumerate(self.loop.body) if s is inner)
        at = (Dim.symbol(self.loop.variable),)
        self.loop.body.insert(position, Store(name, at, expr, inner.note))
        return Load(name, (), expr.dtype)

    def _may_come_before(self, expr: Expr, along: For, lets: Lets) -> bool:
        """Whether a vector, along this loop or the inner one, needs nothing that this one does."""
        names = set(names_in(expanded(expr, lets)))
        if along.variable not in names or not self.finder.rows.varies(names):
            return False
        return self.changed.isdisjoint(names - {along.variable})

    def _before(self, expr: Expr, along: For, lets: Lets, like: str) -> Load:
        """A vector of what an expression is in the trips of a loop, computed before this one."""
        canonical = _canonical(expanded(expr, lets), [along])
        known = self.vectors.get(canonical)
        if known is None:
            known = self.finder.allocate(_named(expr, like), (along.extent,), expr.dtype)
            self.vectors[canonical] = known
            variable = self.finder.names.fresh()
            renamed = {along.variable: variable}
            block: list[Statement] = []
            for let in needed(expr, lets):
                value = renamed_in(let.expr, renamed)
                name = self.finder.names.moved(let.name, along.variable, variable)
                renamed[let.name] = name
                block.append(Let(name, value, let.node, let.note))
            note = block[-1].note if block else along.note
            place = (Dim.symbol(variable),)
            block.append(Store(known, place, renamed_in(expr, renamed), note))
            loop = For(variable, along.extent, block, along.note)
            self.finder.vectors[id(loop)] = loop
            self.before.append(loop)
        return Load(known, (), expr.dtype)


def _canonical(expr: Expr, loops: Sequence[For]) -> tuple[Expr, Shape]:
    """What an expression is in the trips of loops, whatever their variables are called."""
    numbers = {x.variable: str(k) for k, x in enumerate(loops)}
    return renamed_in(expr, numbers), tuple(x.extent for x in loops)


def may_be_matrix(rows: Dim, columns: Dim) -> bool:
    """Whether a matrix is large enough for BLAS, as far as its size is known."""
    return all(not d.is_constant or d.value >= LEAST for d in (rows, columns)) and not (
        rows.is_constant and columns.is_constant and rows.value * columns.value <= LEAST**2
    )


def _named(expr: Expr, otherwise: str) -> str:
    """What a vector is called after."""
    return expr.name if isinstance(expr, Var) else otherwise


def _without_unused(body: list[Statement]) -> list[Statement]:
    """The statements without names that nothing reads any more."""
    while True:
        used = {n for s in walk(body) for n in _read(s)}
        if not _drop(body, used):
            return body


def _read(statement: Statement) -> Iterator[str]:
    """The names that a statement reads itself, or changes unless it only computes one."""
    if not isinstance(statement, Let):
        yield from assigned(statement)
    for expr in expressions(statement):
        yield from names_in(expr)
    for dim in dims(statement):
        yield from dim.symbols()


def _drop(body: list[Statement], used: set[str]) -> bool:
    """Whether any names were dropped that are not among the used ones."""
    kept = [s for s in body if not isinstance(s, Let) or s.name in used]
    dropped = len(kept) < len(body)
    body[:] = kept
    return any([dropped, *(_drop(b, used) for s in body for b in blocks(s))])
