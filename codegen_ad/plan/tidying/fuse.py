"""Loops over the same sizes that touch the same arrays run as one, and keep what they hand on.

The planner fuses what it emits together. What a library call or a later level kept apart, such as
the two halves of `np.maximum(x @ W + b, 0)`, meets here: one pass over memory in place of two, and
no buffer for what only the second loop reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.access import is_unrolled
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    Fill,
    For,
    If,
    Kernel,
    Let,
    Load,
    Number,
    Statement,
    Store,
    Var,
    View,
    blocks,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.sizes import substitute
from codegen_ad.plan.tidying.facts import Facts, Known, depends, facts
from codegen_ad.plan.tidying.rename import (
    mentioned,
    names_in,
    rename_statement,
    replace_expressions,
    written,
)
from codegen_ad.plan.tiling.distribute import STREAMS
from codegen_ad.plan.tiling.rows import accesses, arrays_of, assigned, target_name
from codegen_ad.plan.tiling.tile_buffers import move


def fuse(kernel: Kernel, names: Names) -> None:
    """Fuse loops of the kernel's body and forward what they store; drop buffers nobody reads."""
    if any(isinstance(s, View) for s in walk(kernel.body)):
        return  # two names for one memory
    if fuse_block(kernel.body, names):
        _drop_unread(kernel)
        _contract(kernel)


def fuse_block(block: list[Statement], names: Names) -> bool:
    """Fuse the loops of a block, then those in the loops that were fused."""
    changed = False
    position = 0
    known = Known()
    while position < len(block):
        first = block[position]
        fused = _with_later(block, position, names, known) if isinstance(first, For) else None
        if fused is None:
            position += 1
        else:
            changed = True
            position = fused
    return changed


def _with_later(block: list[Statement], position: int, names: Names, known: Known) -> int | None:
    """Fuse a loop with the next one that it can be fused with; where to go on, or None."""
    first = block[position]
    assert isinstance(first, For)
    if first.carried or is_unrolled(first.extent) or not known.of(first).is_plain:
        return None
    along = known.of(first).along
    for place in range(position + 1, len(block)):
        second = block[place]
        if not isinstance(second, For) or second.carried or second.extent != first.extent:
            continue
        if along.isdisjoint(known.of(second).along) or not known.of(second).is_plain:
            continue
        if not _may_fuse(known.of(first), known.of(second), first, second):
            continue
        between = block[position + 1 : place]
        # Memory is made before, but where its size is found out in between.
        found = {n for s in between if not isinstance(s, Allocate) for n in known.of(s).changed}
        free = [isinstance(s, Allocate) and found.isdisjoint(_symbols(s.shape)) for s in between]
        made = [s for s, is_free in zip(between, free, strict=True) if is_free]
        others = [s for s, is_free in zip(between, free, strict=True) if not is_free]
        if not any(_conflict(known.of(s), known.of(second)) for s in others):
            block[position : place + 1] = [*made, _fused(first, second, names), *others]
            return position + len(made)
        if not any(_conflict(known.of(first), known.of(s)) for s in others):
            block[position : place + 1] = [*between, _fused(first, second, names)]
            return position
        early, late = _parted(first, others, known)
        if not any(_conflict(known.of(s), known.of(second)) for s in late):
            before = [*made, *early]
            block[position : place + 1] = [*before, _fused(first, second, names), *late]
            return position + len(before)
    return None


def _parted(
    first: For, between: Sequence[Statement], known: Known
) -> tuple[list[Statement], list[Statement]]:
    """The statements behind a loop that may as well stand before it, and the others."""
    early: list[Statement] = []
    late: list[Statement] = [first]
    for statement in between:
        facts = known.of(statement)
        stays = any(_conflict(known.of(s), facts) for s in late)
        (late if stays else early).append(statement)
    return early, late[1:]


def _fused(first: For, second: For, names: Names) -> For:
    """Both loops as one; the loops in them, too, and what is stored and read again is forwarded."""
    for statement in second.body:
        substitute(statement, {second.variable: Dim.symbol(first.variable)})
    names.same_loop(second.variable, first.variable)
    loop = replace(first, body=[*first.body, *second.body])
    fuse_block(loop.body, names)
    _forward(loop.body)
    return loop


def _may_fuse(one: Facts, other: Facts, first: For, second: For) -> bool:
    """Whether each trip of the second loop needs nothing but the same trip of the first one."""
    if one.may_raise != other.may_raise:
        return False
    if _innermost(first) and _innermost(second) and _too_many(first, second):
        return False
    for name in (one.changed & other.names) | (one.names & other.changed):
        if _only_added(name, first) and _only_added(name, second):
            continue
        if not _same_trip(name, first, second):
            return False
    return True


def _innermost(loop: For) -> bool:
    return not any(isinstance(s, For) for s in loop.body)


def _too_many(first: For, second: For) -> bool:
    """Whether both loops together would touch too many arrays to use vectors."""
    read: set[str] = set()
    stored: set[str] = set()
    for loop in (first, second):
        for name, at, statement in accesses(loop.body):
            if depends(at, loop.variable):
                read.add(name)
                if name in written(statement):
                    stored.add(name)
    pairs = len(stored) * (len(read) - len(stored)) + len(stored) * (len(stored) - 1) // 2
    return pairs > STREAMS


def _only_added(name: str, loop: For) -> bool:
    """Whether a loop only adds to a variable or an array, in one way."""
    for statement in walk(loop.body):
        if isinstance(statement, Accumulate) and target_name(statement.target) == name:
            if statement.how != "sum" or name in _term_names(statement):
                return False
        elif name in set(mentioned(statement)) or name in assigned(statement):
            return False
    return True


def _term_names(statement: Accumulate) -> set[str]:
    """The names that the term of a sum mentions."""
    return set(names_in(statement.expr))


def _same_trip(name: str, first: For, second: For) -> bool:
    """Whether all places of an array are at the loops' variables along one axis."""
    common: set[int] | None = None
    for loop in (first, second):
        places = [at for b, at, _ in accesses(loop.body) if b == name]
        touched = [s for s in walk(loop.body) if name in mentioned(s)]
        if not places or any(_is_whole(s, name) for s in touched):
            return False
        own = Dim.symbol(loop.variable)
        for at in places:
            axes = {a for a, d in enumerate(at) if d == own}
            common = axes if common is None else common & axes
    return bool(common)


def _is_whole(statement: Statement, name: str) -> bool:
    """Whether a statement mentions an array other than at one place."""
    return not any(b == name for b, _, s in accesses([statement]) if s is statement)


def _conflict(before: Facts, after: Facts) -> bool:
    """Whether two statements can't change places."""
    return not (before.changed.isdisjoint(after.names) and after.changed.isdisjoint(before.names))


def _forward(body: list[Statement]) -> None:
    """Read what was just stored from its name, not from memory."""
    known: dict[tuple[str, tuple[Dim, ...]], Var] = {}
    other: dict[str, str] = {}
    kept: list[Statement] = []
    for position, statement in enumerate(body):
        if other:
            rename_statement(statement, lambda n: other.get(n, n))
        if known and not isinstance(statement, For | If):
            replace_expressions(statement, partial(_known, known=known))
        match statement:
            case Let(name, Var(same)) if not _changes_later(body, position, same):
                other[name] = same
                continue
            case _:
                pass
        kept.append(statement)
        changed = {n for s in walk([statement]) for n in assigned(s)}
        known = {
            place: variable
            for place, variable in known.items()
            if changed.isdisjoint((place[0], variable.name, *_symbols(place[1])))
        }
        if isinstance(statement, Store) and isinstance(statement.expr, Var):
            known[statement.buffer, statement.indices] = statement.expr
    body[:] = kept


def _changes_later(body: list[Statement], position: int, name: str) -> bool:
    return any(name in assigned(s) for s in walk(body[position + 1 :]))


def _known(expr: Expr, *, known: Mapping[tuple[str, tuple[Dim, ...]], Var]) -> Expr:
    match expr:
        case Load(buffer, indices, dtype):
            found = known.get((buffer, indices))
            return found if found is not None and found.dtype is dtype else expr
        case Apply(args=args):
            return replace(expr, args=tuple(_known(a, known=known) for a in args))
        case _:
            return expr


def _symbols(at: Sequence[Dim]) -> Iterator[str]:
    return (s for d in at for s in d.symbols())


def _drop_unread(kernel: Kernel) -> None:
    """Remove buffers that are only written."""
    while True:
        read = {o for o in kernel.outputs if isinstance(o, str)}
        made: set[str] = set()
        for statement in walk(kernel.body):
            if isinstance(statement, Allocate):
                made.add(statement.buffer)
            elif isinstance(statement, Fill):
                continue
            elif isinstance(statement, Store | Accumulate):
                read |= set(names_in(statement.expr))
            else:
                read |= set(mentioned(statement))
        gone = made - read
        if not gone:
            return
        _remove(kernel.body, gone)


def _remove(block: list[Statement], gone: set[str]) -> None:
    kept: list[Statement] = []
    for statement in block:
        for inner in blocks(statement):
            _remove(inner, gone)
        match statement:
            case Allocate(buffer=name) | Fill(buffer=name) | Store(buffer=name) if name in gone:
                continue
            case Accumulate(target=Load(buffer=name)) if name in gone:
                continue
            case _:
                kept.append(statement)
    block[:] = kept


def _contract(kernel: Kernel) -> None:
    """Let buffers that one loop fills and reads hold the part of one trip."""
    arrays = arrays_of(kernel)
    names = {id(s): facts(s).names for s in kernel.body if not isinstance(s, Allocate)}
    users = Counter(n for found in names.values() for n in found)
    users.update(n for o in kernel.outputs for n in ([o] if isinstance(o, str) else names_in(o)))
    for statement in kernel.body:
        if not isinstance(statement, For):
            continue
        for name in sorted(names[id(statement)] & arrays.keys()):
            made = arrays[name].made
            if made is None or users[name] > 1:
                continue
            axis = own_axis(statement, name)
            if axis is None:
                continue
            if len(made.shape) == 1 and (made.fill is None or made.dtype.is_float):
                _as_variable(statement, name)
                if made.fill is not None:
                    start = Number(repr(made.fill), made.dtype)
                    statement.body.insert(0, Assign((name,), (start,), made.note))
                _remove(kernel.body, {name})
                continue
            if made.fill is not None or len(made.shape) < 2:
                continue
            made.shape = _without(made.shape, axis)

            def place(
                buffer: str, at: tuple[Dim, ...], name: str = name, axis: int = axis
            ) -> tuple[str, tuple[Dim, ...]]:
                return buffer, _without(at, axis) if buffer == name else at

            for inner in statement.body:
                move(inner, place)


def _as_variable(loop: For, name: str) -> None:
    """Let a variable hold the one element of an array that a trip uses."""

    def named(expr: Expr) -> Expr:
        match expr:
            case Load(buffer=buffer, dtype=dtype) if buffer == name:
                return Var(name, dtype)
            case Apply(args=args):
                return replace(expr, args=tuple(map(named, args)))
            case _:
                return expr

    def changed(block: list[Statement]) -> None:
        for k, statement in enumerate(block):
            replace_expressions(statement, named)
            for inner in blocks(statement):
                changed(inner)
            match statement:
                case Store(buffer=buffer, expr=expr, note=note) if buffer == name:
                    block[k] = Assign((name,), (expr,), note)
                case Accumulate(target=Load()):
                    statement.target = cast("Var | Load", named(statement.target))
                case _:
                    pass

    changed(loop.body)


def own_axis(loop: For, name: str) -> int | None:
    """The axis along which all places of an array in a loop are at the loop's variable."""
    if not _same_trip(name, loop, loop):
        return None
    own = Dim.symbol(loop.variable)
    places = [at for b, at, _ in accesses(loop.body) if b == name]
    return next(a for a in range(len(places[0])) if all(at[a] == own for at in places))


def _without(items: tuple[Dim, ...], axis: int) -> tuple[Dim, ...]:
    return (*items[:axis], *items[axis + 1 :])
