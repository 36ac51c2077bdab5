"""Sums over steps of outer products, as one product of matrices for each block of steps.

The adjoint of a recurrent layer adds `outer(delta, state)` to the gradient of its weights in every
step, which reads and writes the whole matrix each time. Where a step does nothing else with the
matrix, the two vectors of each step are rows of two arrays that hold a block of steps, and behind
the block their product is added at once: arithmetic of a loop nest over three sizes, which BLAS
does from cache, in place of a matrix from memory in each step. The arrays hold `BLOCK` steps,
however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import Shape
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Expr,
    For,
    Kernel,
    Let,
    Load,
    Note,
    Product,
    Statement,
    Store,
    Tiles,
    Var,
    View,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.rename import mentioned, names_in
from codegen_ad.plan.tiling.factors import (
    expanded,
    factors,
    lets_of,
    multiplied,
    renamed_in,
)
from codegen_ad.plan.tiling.pairs import Pair, is_plain, pair_of
from codegen_ad.plan.tiling.placing import put, surroundings_of
from codegen_ad.plan.tiling.rows import Array, accesses, arrays_of, assigned, is_total
from codegen_ad.plan.tiling.tile_buffers import move
from codegen_ad.plan.tiling.tile_products import may_be_matrix

BLOCK = 64
"""Steps of a block. Products of 64 steps for matrices of 64 by 128 run at 75 GFlop/s, a third more
than with 32, and OpenBLAS takes the same way for 128."""

FEWEST = 8
"""Loops of fewer steps stay as they are, where that is known."""


def collect_steps(kernel: Kernel, names: Names) -> None:
    """Let loops over steps run in blocks where that makes products of matrices of their sums."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    for top in list(kernel.body):
        _in_block(kernel, names, kernel.body, top)


def _in_block(kernel: Kernel, names: Names, block: list[Statement], top: Statement) -> None:
    candidates = [s for s in block if s is top] if block is kernel.body else list(block)
    for statement in candidates:
        if isinstance(statement, For) and _may_be_steps(statement):
            made = _blocked(kernel, names, statement)
            if made is not None:
                put(kernel, block, statement, top, made)
                continue
        for inner in blocks(statement):
            _in_block(kernel, names, inner, top)


def _may_be_steps(loop: For) -> bool:
    few = loop.extent.is_constant and loop.extent.value < FEWEST
    if not loop.carried or loop.span is not None or loop.window is not None or few:
        return False
    inner = (s for s in walk(loop.body) if isinstance(s, For))  # an outer product is a loop in one
    return any(isinstance(t, For) for s in inner for t in s.body)


def _blocked(kernel: Kernel, names: Names, loop: For) -> list[Statement] | None:
    """The buffers and the blocks of steps that a loop becomes, or None where it stays."""
    step = names.fresh()
    finder = _Finder(loop, step, names, arrays_of(kernel), surroundings_of(kernel, loop).names)
    body = finder.body()
    if not finder.products:
        return None
    first, count = names.block_loop(loop.variable, step)
    for name in sorted(finder.wide):
        made = finder.arrays[name].made
        assert made is not None
        made.shape = (Dim.constant(BLOCK), *made.shape)
        names.blocks.add(name)
    row = Dim.symbol(step)
    for statement in body:
        move(statement, lambda b, at: (b, (row, *at) if b in finder.wide else at))
        substitute(statement, {loop.variable: Dim.symbol(first) + row})
    rows = Dim.symbol(count)
    steps = replace(loop, variable=step, extent=rows, body=body)
    products = [replace(p, rows=rows) for p in finder.products]
    blocked = Tiles(
        first, count, step, loop.extent, BLOCK, [steps, *products], Note(), carried=True
    )
    return [*finder.allocated, blocked]


@dataclass(slots=True)
class _Finder:
    """Looks for sums of outer products in the steps of a loop; collects what comes of them.

    Attributes
    ----------
    step : the number of a step in its block.
    arrays : the arrays of the kernel.
    outside : the names that the kernel mentions outside of the loop.
    products : what is added behind a block.
    allocated : the arrays for a block of steps, and room for products.
    wide : buffers of a step that hold vectors, and get an axis for the steps.
    kept : where vectors are kept, and at which statement of a step.
    position : the number of the statement that is looked at.
    """

    loop: For
    step: str
    names: Names
    arrays: dict[str, Array]
    outside: set[str]
    products: list[Product] = field(default_factory=list[Product])
    allocated: list[Allocate] = field(default_factory=list[Allocate])
    wide: set[str] = field(default_factory=set[str])
    kept: dict[tuple[Expr, Shape], tuple[str, int]] = field(
        default_factory=dict[tuple[Expr, Shape], tuple[str, int]]
    )
    changed: set[str] = field(default_factory=set[str])
    position: int = 0

    def body(self) -> list[Statement]:
        """A step without the sums that became products."""
        inside = list(walk(self.loop.body))
        self.changed = {n for s in inside for n in assigned(s)} | {self.loop.variable}
        self.changed |= {s.variable for s in inside if isinstance(s, For)}
        found: list[Statement] = []
        for position, statement in enumerate([copied(s) for s in self.loop.body]):
            before: list[Statement] = []
            self.position = position
            if isinstance(statement, For) and self._is_plain(statement):
                for inner in [s for s in statement.body if isinstance(s, For)]:
                    if self._is_plain(inner) and may_be_matrix(statement.extent, inner.extent):
                        self._take(pair_of(statement, inner), before)
            found += [*before, statement]
        return found

    def _is_plain(self, loop: For) -> bool:
        return is_plain(loop) and self.changed.isdisjoint(loop.extent.symbols())

    def _take(self, pair: Pair, before: list[Statement]) -> None:
        """Take outer products out of a pair of loops; what they need `before` it is added there."""
        kept: list[Statement] = []
        for statement in pair.inner.body:
            if isinstance(statement, Accumulate) and self._is_sum(statement, pair):
                made = self._product(statement, pair, before)
                if made is not None:
                    self.products.append(made)
                    continue
            kept.append(statement)
        pair.inner.body = kept
        if all(isinstance(s, Let) for s in kept):
            pair.outer.body = [s for s in pair.outer.body if s is not pair.inner]

    def _is_sum(self, statement: Accumulate, pair: Pair) -> bool:
        """Whether a statement adds to a matrix of which a step looks at no element."""
        target = statement.target
        if not isinstance(target, Load) or statement.how != "sum" or not target.dtype.is_float:
            return False
        here = tuple(Dim.symbol(x.variable) for x in (pair.outer, pair.inner))
        leading = {s for d in target.indices[:-2] for s in d.symbols()}
        if target.indices[-2:] not in (here, here[::-1]) or not self.changed.isdisjoint(leading):
            return False
        return target.buffer in self.arrays and is_total(self.loop.body, target.buffer)

    def _product(
        self, statement: Accumulate, pair: Pair, before: list[Statement]
    ) -> Product | None:
        """What a sum of outer products becomes; its vectors are kept from here on."""
        target = statement.target
        assert isinstance(target, Load)
        both = _vectors(statement.expr, pair)
        if both is None or any(self.changed.isdisjoint(names_in(e)) for e in both):
            return None
        column, row = both
        if any(e.dtype is not target.dtype for e in both):
            return None
        left = self._buffer(column, pair.outer, pair)
        if left is None:
            left = self._kept_on_the_way(column, pair, target.buffer, statement.note)
        right = self._buffer(row, pair.inner, pair)
        if right is None:
            right = self._kept_before(row, pair, target.buffer, statement.note, before)
            self._read_again(right, row, pair)
        if target.indices[-1] == Dim.symbol(pair.outer.variable):
            left, right = right, left
        part = self.names.fresh()
        self.names.wishes[part] = ("product",)
        sizes = self.arrays[target.buffer].shape[-2:]
        self.allocated.append(Allocate(part, sizes, target.dtype, None, Note()))
        return Product(
            replace(target, indices=target.indices[:-2]),
            Load(left, (), target.dtype),
            Load(right, (), target.dtype),
            pair.outer.extent * pair.inner.extent,
            statement.note,
            adds=True,
            part=part,
            by_steps=True,
        )

    def _buffer(self, expr: Expr, own: For, pair: Pair) -> str | None:
        """A buffer that is a vector as it stands when the step ends, or keeps it already."""
        if not isinstance(expr, Load):
            return None
        name, at = expr.buffer, (Dim.symbol(own.variable),)
        if expr.indices == (Dim.symbol(self.step), *at):
            return name
        if expr.indices != at:
            return None
        made = self.arrays[name].made if name in self.arrays else None
        if made is None or made.fill is not None or made.shape != (own.extent,):
            return None
        inside = [s for s in walk(self.loop.body) if name in mentioned(s)]
        places = {id(s) for b, _, s in accesses(self.loop.body) if b == name}
        first = next(iter(inside), None)
        if name in self.outside or not isinstance(first, Store):
            return None
        if not all(id(s) in places for s in inside):
            return None
        behind = self.loop.body[self.position + 1 :]
        if name in pair.changed or any(name in assigned(s) for s in walk(behind)):
            return None
        self.wide.add(name)
        return name

    def _kept_on_the_way(self, column: Expr, pair: Pair, like: str, note: Note) -> str:
        """An array for a vector along the outer loop, which is computed in it."""
        key = column, (pair.outer.extent,)
        if isinstance(column, Var) and column.name in pair.lets and key in self.kept:
            return self.kept[key][0]
        name = self._allocate(column, pair.outer, like)
        self.kept[key] = name, self.position
        place = next(k for k, s in enumerate(pair.outer.body) if s is pair.inner)
        at = (Dim.symbol(self.step), Dim.symbol(pair.outer.variable))
        pair.outer.body.insert(place, Store(name, at, column, note))
        return name

    def _kept_before(
        self, row: Expr, pair: Pair, like: str, note: Note, before: list[Statement]
    ) -> str:
        """An array for a vector along the inner loop, which is filled before the outer one."""
        variable = self.names.fresh()
        key = renamed_in(row, {pair.inner.variable: ""}), (pair.inner.extent,)
        if key in self.kept:
            name, position = self.kept[key]
            since = walk(self.loop.body[position : self.position])
            if not {n for s in since for n in assigned(s)} & set(names_in(row)):
                return name
        name = self._allocate(row, pair.inner, like)
        self.kept[key] = name, self.position
        at = (Dim.symbol(self.step), Dim.symbol(variable))
        value = renamed_in(row, {pair.inner.variable: variable})
        filled: list[Statement] = [Store(name, at, value, note)]
        before.append(replace(pair.inner, variable=variable, body=filled))
        return name

    def _read_again(self, name: str, row: Expr, pair: Pair) -> None:
        """Read a vector that is kept where the inner loop would compute it anew in each trip."""
        at = (Dim.symbol(self.step), Dim.symbol(pair.inner.variable))
        for statement in pair.inner.body:
            if isinstance(statement, Let) and expanded(statement.expr, pair.lets) == row:
                statement.expr = Load(name, at, row.dtype)

    def _allocate(self, expr: Expr, own: For, like: str) -> str:
        """An array with a vector for each step of a block."""
        name = self.names.block_of(expr.name if isinstance(expr, Var) else like)
        shape = (Dim.constant(BLOCK), own.extent)
        self.allocated.append(Allocate(name, shape, expr.dtype, None, Note()))
        return name


def _vectors(expr: Expr, pair: Pair) -> tuple[Expr, Expr] | None:
    """The factor along the outer loop and the one along the inner loop of an outer product.

    The first can be computed behind the statements of the outer loop that stand before the inner
    one, the second before both.
    """
    outer, inner = pair.outer.variable, pair.inner.variable
    column, row = list[Expr](), list[Expr]()
    within = lets_of(pair.inner.body)
    for factor in factors(expr, pair.lets, {inner}):
        whole = expanded(factor, pair.lets)
        if inner in names_in(whole):
            row.append(whole)
        else:
            column.append(expanded(factor, {n: x for n, x in pair.lets.items() if n in within}))
    if not column or not row or any(f.dtype is not expr.dtype for f in (*column, *row)):
        return None
    first, second = multiplied(column), multiplied(row)
    late = {n for s in walk(pair.inner.body) for n in assigned(s)}
    varying = {*pair.changed, outer}
    if not late.isdisjoint(names_in(first)) or varying.isdisjoint(names_in(first)):
        return None
    if not varying.isdisjoint(names_in(second)):
        return None
    return first, second
