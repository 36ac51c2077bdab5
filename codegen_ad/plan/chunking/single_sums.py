"""Sums of single precision: float32 within a tile of rows, float64 over the tiles.

A sum of float32 alone stops growing at 2**24 times its terms, and one of float64 takes half of each
vector. In a tile each lane of a vector adds up some four terms, which loses about a rounding of the
result. Loops that can't use vectors would add up a whole tile; they stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.chunking.fresh import Fresh
from codegen_ad.plan.chunking.row_loops import is_over_rows, scalars_of, total_of
from codegen_ad.plan.element import identity
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    For,
    Kernel,
    Statement,
    Tiles,
    Var,
    copied,
)
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.rename import rename_statement
from codegen_ad.plan.tidying.uses import changed, exposed
from codegen_ad.plan.tiling.columns import is_arithmetic
from codegen_ad.plan.tiling.rows import accesses

ROWS = 128
"""Rows of a tile: the sum of 10**7 times 0.1 is right to 10**-7, with 256 to 1.2 times as much.

With 64 a Gaussian peak takes 1.2 times as long, with 1024 0.85."""

REMARK = "sums in a tile are float32, over tiles float64"


def add_in_tiles(kernel: Kernel, rows: Collection[str]) -> None:
    """Let loops over rows add up float32 in tiles; `rows` are the symbols that count rows.

    All arrays of the kernel are in C order.
    """
    names = Fresh(kernel)
    made: list[Statement] = []
    for statement in kernel.body:
        if isinstance(statement, For) and is_over_rows(statement, rows):
            made += _in_tiles(statement, _sums(statement), names)
        else:
            made.append(statement)
    kernel.body[:] = made


def _sums(loop: For) -> list[str]:
    """The float32 sums of a loop over rows, if it uses vectors."""
    if not _uses_vectors(loop):
        return []
    outside = exposed([loop])
    totals = (total_of(loop, n) for n in scalars_of(loop) if n in outside)
    return [t.name for t in totals if t and t.how == "sum" and t.dtype is DType.FLOAT32]


def _uses_vectors(loop: For) -> bool:
    """Whether a loop is arithmetic alone, and reads neighbours in memory one after another."""
    if not is_arithmetic(loop):
        return False
    own, row = changed(loop.body), Dim.symbol(loop.variable)
    for _, at, _ in accesses(loop.body):
        others = {s for d in (*at[:-1], at[-1] - row) for s in d.symbols()}
        is_fixed = all(loop.variable not in d.symbols() for d in at)
        if not own.isdisjoint(others) or (loop.variable in others and not is_fixed):
            return False
    return True


def _in_tiles(loop: For, sums: Sequence[str], names: Fresh) -> Iterator[Statement]:
    """The loop on tiles, with numbers in double precision for what it adds up around it."""
    if not sums:
        yield loop
        return
    note = loop.note
    first, count, row = names("first"), names("rows"), names("row")
    parts = {name: names(f"{name}_part") for name in sums}
    body = [copied(s) for s in loop.body]
    for statement in body:
        substitute(statement, {loop.variable: Dim.symbol(first) + Dim.symbol(row)})
        rename_statement(statement, lambda n: parts.get(n, n))
    before: list[Statement] = []
    behind: list[Statement] = []
    after: list[Statement] = []
    for name, part in parts.items():
        wide, narrow = (Var(names(f"{name}_wide"), DType.FLOAT64), Var(part, DType.FLOAT32))
        yield Assign((wide.name,), (identity("sum", wide.dtype),), note)
        before.append(Assign((part,), (identity("sum", narrow.dtype),), note))
        behind.append(Accumulate(wide, "sum", narrow, note))
        rounded = Apply("cast", (wide,), DType.FLOAT32)
        after.append(Accumulate(Var(name, DType.FLOAT32), "sum", rounded, note))
    over = For(row, Dim.symbol(count), body, note)
    tile = [*before, over, *behind]
    yield Tiles(first, count, row, loop.extent, ROWS, tile, note, remark=REMARK)
    yield from after
