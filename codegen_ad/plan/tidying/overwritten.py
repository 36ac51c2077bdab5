"""Whether what an array holds is still needed: not where it is given new values as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import Shape
from codegen_ad.plan.kernel import (
    Allocate,
    CopyInto,
    For,
    If,
    Statement,
    Store,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, mentioned, names_in

Around = tuple[tuple[list[Statement], Statement], ...]
"""The way to a statement: the blocks around it from the kernel's on, and the statement in each."""


def needed_behind(name: str, shape: Shape, around: Around) -> bool:
    """Whether behind the last statement of the way an array's elements are looked at.

    That statement looks at them itself.
    """
    for depth in range(len(around) - 1, -1, -1):
        block, here = around[depth]
        position = next(k for k, s in enumerate(block) if s is here)
        found = _first_use(name, shape, block[position + 1 :])
        if found is not None:
            return found
        parent = around[depth - 1][1] if depth else None
        if parent is None or isinstance(parent, If):
            continue
        if not isinstance(parent, For) or _first_use(name, shape, block[:position]) in (None, True):
            return True  # the next trip looks at them
    return False


def _first_use(name: str, shape: Shape, statements: Sequence[Statement]) -> bool | None:
    """Whether the first statement that has to do with an array needs what it holds."""
    for statement in statements:
        if isinstance(statement, Allocate) and statement.buffer == name:
            return False
        if any(name in mentioned(s) for s in walk([statement])):
            return not overwrites(statement, name, shape)
    return None


def overwrites(statement: Statement, name: str, shape: Shape) -> bool:
    """Whether a statement gives all elements of an array new values, and looks at none before."""
    if isinstance(statement, CopyInto):
        return statement.target == name and statement.source != name
    for inner in walk([statement]):
        if any(name in names_in(e) for e in expressions(inner)):
            return False
        if name in mentioned(inner) and not isinstance(inner, Store):
            return False
    return any(
        place == tuple(Dim.symbol(f.variable) for f in loops)
        and tuple(f.extent for f in loops) == shape
        for place, loops in _stores(statement, (), name)
    )


def _stores(
    statement: Statement, loops: tuple[For, ...], name: str
) -> Iterator[tuple[tuple[Dim, ...], tuple[For, ...]]]:
    """Where an array is written in every trip of the loops around, and these."""
    match statement:
        case Store(buffer=buffer, indices=indices) if buffer == name:
            yield indices, loops
        case For(span=None, window=None):
            for inner in blocks(statement):
                for s in inner:
                    yield from _stores(s, (*loops, statement), name)
        case _:
            pass
