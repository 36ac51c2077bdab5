"""A loop that adds up more than a thread has registers for, as several that add up a part each.

Every part computes again what its sums need: the values of a row, and the derivatives of its own
parameters alone. Numbers are dealt out in the order in which they are added up. Arrays that an
inner loop adds to, element by element, are cut into ranges, and so is that loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import Shape
from codegen_ad.plan.device.loops import Shared, defined, is_scattered, read
from codegen_ad.plan.device.registers import live
from codegen_ad.plan.device.steps import Share, Step
from codegen_ad.plan.device.team import TeamPlan
from codegen_ad.plan.device.thrift import PARTS
from codegen_ad.plan.device.whole import Total
from codegen_ad.plan.kernel import (
    Accumulate,
    Apply,
    Assign,
    Expr,
    For,
    If,
    Index,
    Let,
    Load,
    Statement,
    Store,
    Var,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.tidying.rename import replace_expressions
from codegen_ad.plan.tidying.tidy import drop_unused

MOST_WORDS = 72
"""Sums of one pass may take so many of a thread's 255 registers, of 32 bits each."""

MOST_IN_ALL = 120
"""So many with what a row computes on the way to them; numbers of all rows take others."""


def parted(loop: For, found: Shared, parts_wanted: int = 0) -> list[tuple[For, Shared]]:
    """The loops that together do what a shared loop does, each with few sums.

    There are as many as by estimate leave registers for a row, or so many as are wanted; fewer
    where there is no more to part.
    """
    private = {t.name for t in found.totals} | {o.name for o in found.own}
    parts = [(loop, found)]
    if _writes(loop, private):
        return parts
    if parts_wanted:
        return _cut(loop, found, parts_wanted) if parts_wanted > 1 else parts
    for count in PARTS:
        if all(_is_light(part, shared) for part, shared in parts):
            break
        parts = _cut(loop, found, count)
    return parts


def in_parts(plan: TeamPlan, count: int) -> TeamPlan:
    """A team's plan whose shared loops are so many, one after another; with 0 or 1 as they are.

    What threads add to in several of them is one array, as large as the largest part.
    """
    steps: list[Step] = []
    for step in plan.steps:
        if count < 2 or not isinstance(step, Share) or step.columns is not None:
            steps.append(step)
            continue
        made = parted(step.loop, Shared(step.totals, step.own, step.atomic), count)
        shapes: dict[str, Shape] = {}
        for own in (o for _, found in made for o in found.own):
            known = shapes.setdefault(own.name, own.shape)
            if [d.value for d in known] < [d.value for d in own.shape]:
                shapes[own.name] = own.shape
        for loop, found in made:
            whole = tuple(replace(o, shape=shapes[o.name]) for o in found.own)
            steps.append(replace(step, loop=loop, totals=found.totals, own=whole))
    return replace(plan, steps=tuple(steps))


def _is_light(loop: For, found: Shared) -> bool:
    """Whether there are registers for sums, and for values of a row on the way to them."""
    # An array whose places data name lies in memory: registers have no numbers.
    sums = sum(t.words for t in found.totals if not is_scattered(loop, t.name))
    return sums <= MOST_WORDS and sums + live(loop.body) <= MOST_IN_ALL


def _cut(loop: For, found: Shared, count: int) -> list[tuple[For, Shared]]:
    """So many loops."""
    whole, cut = _sorted(loop, found.totals, count)
    dealt = _dealt(whole, count)
    parts: list[tuple[For, Shared]] = []
    for k, mine in enumerate(dealt):
        if not mine and not cut:
            continue
        ranges = {t.name: (t.shape[0].value * k // count, t) for t in cut}
        ends = {t.name: t.shape[0].value * (k + 1) // count for t in cut}
        body = _body(loop, {t.name for t in mine}, found.totals, ranges, ends)
        totals = [t for t in found.totals if t in mine]
        for name, (low, total) in ranges.items():
            shape = (Dim.constant(ends[name] - low), *total.shape[1:])
            totals.append(replace(total, shape=shape, start=low))
        shapes = {t.own: t.shape for t in totals if t.shape}
        gone = {t.own for t in found.totals} - shapes.keys()
        own = tuple(
            replace(o, shape=shapes.get(o.name, o.shape)) for o in found.own if o.name not in gone
        )
        parts.append((replace(loop, body=body), Shared(tuple(totals), own)))
    return parts


def _writes(loop: For, private: Set[str]) -> bool:
    """Whether a loop writes to memory that is not the thread's: that is to be done once."""
    for statement in walk(loop.body):
        match statement:
            case Store(buffer=buffer) | Accumulate(target=Load(buffer)) if buffer not in private:
                return True
            case _:
                pass
    return False


def _sorted(loop: For, totals: Sequence[Total], count: int) -> tuple[list[Total], list[Total]]:
    """Totals that stay whole, and arrays that can be cut into so many ranges."""
    cut = [t for t in totals if t.shape and t.shape[0].value >= count and _is_cut(loop, t)]
    return [t for t in totals if t not in cut], cut


def _dealt(totals: Sequence[Total], count: int) -> list[list[Total]]:
    """Totals by part, in order, of about the same weight each."""
    found: list[list[Total]] = [[] for _ in range(count)]
    every = sum(t.words for t in totals)
    before = 0
    for total in totals:
        found[before * count // every].append(total)
        before += total.words
    return found


def _is_cut(loop: For, total: Total) -> bool:
    """Whether only loops over all of an array's first axis add to it, a trip to its own place."""
    for statement in loop.body:
        adds = [s for s in walk([statement]) if _adds_to(s, {total.name})]
        if adds and not (
            isinstance(statement, For)
            and statement.extent == total.shape[0]
            and _has_movable_trips(statement)
            and all(_first(s) == Dim.symbol(statement.variable) for s in adds)
        ):
            return False
    return True


def _first(statement: Statement) -> Dim | None:
    match statement:
        case Accumulate(target=Load(indices=indices)):
            return indices[0]
        case _:
            return None


def _adds_to(statement: Statement, names: Set[str]) -> bool:
    match statement:
        case Accumulate(target=Var(name) | Load(name)):
            return name in names
        case _:
            return False


def _changed(loop: For) -> set[str]:
    """The numbers that outlive a trip of a loop and change in it."""
    inside = {n for s in loop.body if isinstance(s, Assign) for n in s.names}
    found: set[str] = set()
    for statement in walk(loop.body):
        match statement:
            case Accumulate(target=Var(name)):
                found.add(name)
            case Assign(names=names):
                found.update(names)
            case _:
                pass
    return found - inside


def _has_movable_trips(loop: For) -> bool:
    """Whether trips are easily moved: none needs another, or those before are run, too."""
    if loop.span is not None or loop.window is not None:
        return False
    inner = list(walk(loop.body))
    if not all(isinstance(s, Let | Assign | Accumulate | If | For) for s in inner):
        return False
    if any(loop.variable in s.extent.symbols() for s in inner if isinstance(s, For)):
        return False
    reads = {n for s in inner for n in _reads(s)}
    return loop.carried or reads.isdisjoint(_changed(loop))


def _reads(statement: Statement) -> Iterable[str]:
    """What a statement reads itself, its own target not counted."""
    match statement:
        case Accumulate(expr=expr, note=note):
            return read(Let("_", expr, None, note))
        case For():
            return read(replace(statement, body=[]))
        case If():
            return read(replace(statement, then=[], otherwise=[]))
        case _:
            return read(statement)


def _body(
    loop: For,
    mine: Set[str],
    totals: Sequence[Total],
    ranges: dict[str, tuple[int, Total]],
    ends: dict[str, int],
) -> list[Statement]:
    """What one part does in a trip."""
    others = {t.name for t in totals} - mine
    body: list[Statement] = []
    for statement in loop.body:
        here = {n for n in ranges if any(_adds_to(s, {n}) for s in walk([statement]))}
        low, end = (ranges[min(here)][0], ends[min(here)]) if here else (0, 0)
        if here and isinstance(statement, For) and statement.carried:
            body += _in_turn(statement, here, others, low, end)
            continue
        rest = [copied(statement)]
        _remove(rest, lambda s: _adds_to(s, others))
        body += rest
        if here:
            assert isinstance(statement, For)
            body.append(_ranged(statement, here, low, end))
    wanted = mine | ranges.keys()
    body = _needed(body, wanted)
    drop_unused(body, wanted)
    return body


def _needed(body: list[Statement], wanted: Set[str]) -> list[Statement]:
    """The statements that lead to what is wanted; what inner blocks do beside stays."""
    needed = set(wanted)
    kept: list[Statement] = []
    for statement in reversed(body):
        inside = _of_trips(statement)
        if (defined(statement) - inside) & needed:
            kept.append(statement)
            if isinstance(statement, Let):
                needed.discard(statement.name)
            needed |= read(statement) - inside
    return kept[::-1]


def _of_trips(statement: Statement) -> set[str]:
    """The names that only mean something in a trip of an inner loop: others may have them, too."""
    if not isinstance(statement, For):
        return set()
    inner = list(walk([statement]))
    found = {s.variable for s in inner if isinstance(s, For)}
    return found | {s.name for s in inner if isinstance(s, Let)}


def _ranged(loop: For, arrays: Set[str], low: int, end: int) -> For:
    """The trips of a loop in a range, for what they add to arrays alone."""
    part = copied(loop)
    assert isinstance(part, For)
    changed = _changed(loop)
    _remove(
        part.body,
        lambda s: (
            not _adds_to(s, arrays)
            and (
                (
                    isinstance(s, Accumulate)
                    and (isinstance(s.target, Load) or s.target.name in changed)
                )
                or (isinstance(s, Assign) and not changed.isdisjoint(s.names))
            )
        ),
    )
    _move(part, low, end, arrays)
    return part


def _in_turn(loop: For, arrays: Set[str], others: Set[str], low: int, end: int) -> list[Statement]:
    """The trips of a loop before a range, in it, and after it; in the range it adds to the arrays.

    Each trip depends on those before, so none can be left out.
    """
    found: list[Statement] = []
    for first, last in ((0, low), (low, end), (end, loop.extent.value)):
        if first == last:
            continue
        part = copied(loop)
        assert isinstance(part, For)
        gone = others - arrays if first == low else others
        _remove(part.body, lambda s, gone=gone: _adds_to(s, gone))
        _move(part, first, last, arrays)
        found.append(part)
    return found


def _move(part: For, low: int, end: int, ranges: Set[str]) -> None:
    """Give a loop the trips of a range; arrays that are ranges themselves begin at its start."""
    part.extent = Dim.constant(end - low)
    if low:
        moved = {part.variable: Dim.symbol(part.variable) + Dim.constant(low)}
        for statement in walk(part.body):
            replace_expressions(statement, lambda e: _moved(e, moved))
            if isinstance(statement, Accumulate) and not _adds_to(statement, ranges):
                target = _moved(statement.target, moved)
                assert isinstance(target, Var | Load)
                statement.target = target


def _moved(expr: Expr, to: dict[str, Dim]) -> Expr:
    match expr:
        case Index(dim):
            return Index(dim.substitute(to))
        case Load(indices=indices):
            return replace(expr, indices=tuple(d.substitute(to) for d in indices))
        case Apply(args=args):
            return replace(expr, args=tuple(_moved(a, to) for a in args))
        case _:
            return expr


def _remove(body: list[Statement], gone: Callable[[Statement], bool]) -> None:
    """Remove statements from a block and the blocks in it."""
    body[:] = [s for s in body if not gone(s)]
    for statement in body:
        for block in blocks(statement):
            _remove(block, gone)
