"""Carried arrays of which each element replaces itself: written in place, without a second buffer.

The planner gives an array that a loop carries two buffers, which change names at the end of each
trip: a trip may read any old element after it has written new ones. Where no trip does, the new
element goes where the old one was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.kernel import (
    Allocate,
    Assign,
    For,
    Kernel,
    Statement,
    Store,
    Var,
    View,
    While,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import mentioned, rename_statement, written
from codegen_ad.plan.tiling.rows import accesses


def write_in_place(kernel: Kernel) -> None:
    """Write carried arrays in place in all loops of the kernel."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    for statement in walk(kernel.body):
        if isinstance(statement, While) or (isinstance(statement, For) and statement.carried):
            _in_loop(kernel, statement)


def _in_loop(kernel: Kernel, loop: For | While) -> None:
    for statement in list(loop.body):
        for new, old in list(swaps(statement)):
            if is_only_inside(kernel, loop, new) and _can_replace(loop.body, statement, new, old):
                assert isinstance(statement, Assign)
                drop_swap(loop.body, statement, new, old)
                drop_made(kernel.body, new)
                for other in loop.body:
                    rename_statement(other, lambda n, new=new, old=old: old if n == new else n)


def swaps(statement: Statement) -> Iterator[tuple[str, str]]:
    """Pairs of buffers that change names, the one that was filled first."""
    if not isinstance(statement, Assign):
        return
    given = {
        name: expr.name
        for name, expr in zip(statement.names, statement.exprs, strict=True)
        if isinstance(expr, Var)
    }
    seen: set[str] = set()
    for old, new in given.items():
        if old not in seen and old != new and given.get(new) == old:
            seen |= {old, new}
            yield new, old


def drop_swap(body: list[Statement], swap: Assign, new: str, old: str) -> None:
    """Let two buffers of a body keep their names."""
    kept = [(n, e) for n, e in zip(swap.names, swap.exprs, strict=True) if n not in (new, old)]
    swap.names = tuple(n for n, _ in kept)
    swap.exprs = tuple(e for _, e in kept)
    if not kept:
        body[:] = [s for s in body if s is not swap]


def drop(body: list[Statement], statement: Statement) -> None:
    """Remove a statement, and loops that had nothing else to do."""
    for inner in body:
        for block in blocks(inner):
            drop(block, statement)
    body[:] = [s for s in body if s is not statement and not (isinstance(s, For) and not s.body)]


def drop_made(block: list[Statement], buffer: str) -> None:
    """Remove the statement that makes a buffer."""
    block[:] = [s for s in block if not (isinstance(s, Allocate) and s.buffer == buffer)]
    for statement in block:
        for inner in blocks(statement):
            drop_made(inner, buffer)


def is_only_inside(kernel: Kernel, loop: For | While, buffer: str) -> bool:
    """Whether a buffer that the kernel makes is used in one loop's body alone."""
    inside = {id(s) for s in walk(loop.body)}
    outside = [s for s in walk(kernel.body) if id(s) not in inside]
    if buffer in kernel.outputs or any(p.name == buffer for p in kernel.parameters):
        return False
    return all(isinstance(s, Allocate) for s in outside if buffer in mentioned(s))


def _can_replace(body: Sequence[Statement], swap: Statement, new: str, old: str) -> bool:
    """Whether no old element is read once its new one, or another new one, is there."""
    users = [k for k, s in enumerate(body) if s is not swap and _mentions([s], new)]
    if not users or not isinstance(body[users[0]], For):
        return False
    first = body[users[0]]
    assert isinstance(first, For)
    if any(old in written(s) for s in walk(list(body)) if s is not swap):
        return False
    if any(_mentions([s], old) for s in body[users[0] + 1 :] if s is not swap):
        return False
    stores = list(_stores(first, new, ()))
    if len(stores) != 1:
        return False
    place, around = stores[0]
    if len(set(place)) != len(place) or set(place) != {Dim.symbol(v) for v in around}:
        return False
    return _is_read_before(first, new, old, place)


def _mentions(statements: list[Statement], name: str) -> bool:
    return any(name in mentioned(s) for s in walk(statements))


def _stores(
    statement: Statement, buffer: str, around: tuple[str, ...]
) -> Iterator[tuple[tuple[Dim, ...], tuple[str, ...]]]:
    """Where a buffer is written, and the loops around it; `around` is empty if that is no loop."""
    match statement:
        case For(variable=variable, carried=False, span=None, window=None, body=body):
            for inner in body:
                yield from _stores(inner, buffer, (*around, variable))
        case Store(indices=indices):
            if statement.buffer == buffer:
                yield indices, around
        case _:
            if any(buffer in written(s) for s in walk([statement])):
                yield (), ("",)  # somewhere that is not looked at


def _is_read_before(loop: For, new: str, old: str, place: tuple[Dim, ...]) -> bool:
    """Whether in one loop all is at one place, and the old value read before the new is written."""
    is_written = False
    for statement in walk([loop]):
        known = [(b, at) for b, at, s in accesses([statement]) if s is statement]
        if isinstance(statement, Store) and statement.buffer == new:
            if any(b == old for b, _ in known) and any(at != place for b, at in known if b == old):
                return False
            is_written = True
            continue
        names = set(mentioned(statement))
        if names & {new, old}:
            if any(at != place for b, at in known if b in (new, old)):
                return False
            if not any(b in (new, old) for b, _ in known):
                return False  # the whole array
            if is_written and any(b == old for b, _ in known):
                return False
    return True
