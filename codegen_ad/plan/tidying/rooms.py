"""Arrays of a size that each trip of a loop knows anew keep their memory from trip to trip.

The records of a segment have as many rows as the segment has steps, so they are made in the loop
over segments. Memory that is made in each trip costs more than the loop that fills it, where the
system hands out its pages anew. So the array is made before the loop, without rows, and again only
in a trip that needs more rows than there is room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import (
    Allocate,
    Apply,
    Assign,
    For,
    If,
    Index,
    Kernel,
    Let,
    Statement,
    Tiles,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import is_by_element, mentioned, written


def keep_rooms(kernel: Kernel, names: Names) -> None:
    """Let arrays that loops make keep their memory, in all loops whose trips run in order."""
    _in_block(kernel, kernel.body, names)


def _in_block(kernel: Kernel, block: list[Statement], names: Names) -> None:
    for statement in list(block):
        for inner in blocks(statement):
            _in_block(kernel, inner, names)
        if isinstance(statement, For) and statement.carried and statement.window is None:
            found: dict[Dim, list[Allocate]] = {}
            for made in _made(kernel, statement):
                found.setdefault(made.shape[0], []).append(made)
            before = [s for rows in found.values() for s in _keep(statement, rows, names)]
            at = next(k for k, s in enumerate(block) if s is statement)
            block[at:at] = before


def _made(kernel: Kernel, loop: For) -> Iterator[Allocate]:
    """The arrays made in each trip of which only the number of rows changes."""
    inside = [s for s in walk(loop.body) if s is not loop]
    own = {loop.variable} | {name for s in inside for name in _given(s)}
    for made in [s for s in loop.body if isinstance(s, Allocate)]:
        rows, *rest = made.shape or (ZERO,)
        if (
            made.fill is None
            and not own.isdisjoint(rows.symbols())
            and all(own.isdisjoint(dim.symbols()) for dim in rest)
            and _is_by_elements(kernel, inside, made)
        ):
            yield made


def _given(statement: Statement) -> Iterator[str]:
    """The names that a statement gives a value."""
    yield from written(statement)
    match statement:
        case Let(name=name) | For(variable=name) | While(count=name):
            yield name
        case Tiles(first=first, rows=rows, row=row):
            yield from (first, rows, row)
        case _:
            pass


def _is_by_elements(kernel: Kernel, inside: Sequence[Statement], made: Allocate) -> bool:
    """Whether an array is looked at element by element, and only in the loop that makes it."""
    name, here = made.buffer, {id(s) for s in inside}
    if name in kernel.outputs:
        return False
    for statement in walk(kernel.body):
        if statement is made or name not in mentioned(statement):
            continue
        if id(statement) not in here or not is_by_element(statement, name):
            return False
    return True


def _keep(loop: For, made: Sequence[Allocate], names: Names) -> list[Statement]:
    """Make arrays of equally many rows only where there is no room; what stands before the loop."""
    room = names.fresh()
    names.wishes[room] = ("room",)
    need, has = Index(made[0].shape[0]), Index(Dim.symbol(room))
    test = Apply("less", (has, need), DType.BOOL)
    more: list[Statement] = [Assign((room,), (need,), loop.note)]
    more += [replace(m, shape=(has.dim, *m.shape[1:])) for m in made]
    at = next(k for k, s in enumerate(loop.body) if s is made[0])
    loop.body[at] = If(test, more, [], loop.note)
    others = {id(m) for m in made}
    loop.body[:] = [s for s in loop.body if id(s) not in others]
    empty = [replace(m, shape=(ZERO, *m.shape[1:])) for m in made]
    return [*empty, Assign((room,), (Index(ZERO),), loop.note)]
