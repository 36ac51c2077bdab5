"""A kernel plan split into passes: what every thread repeats, what is shared out, what is left.

Numbers that do not depend on the rows are computed again in every pass that needs them; sums that a
later pass needs are kept in memory between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.arrays import (
    NOTHING,
    by_element,
    counts_of,
    drop_fill,
    exchanged,
    with_results,
)
from codegen_ad.plan.device.atomics import atomic_sums
from codegen_ad.plan.device.loops import (
    Refused,
    Shared,
    defined,
    is_guard,
    is_wide,
    read,
    shared,
    touches_memory,
)
from codegen_ad.plan.device.parting import parted
from codegen_ad.plan.device.registers import behind, eased
from codegen_ad.plan.device.scatters import Scatters
from codegen_ad.plan.device.thrift import AS_ESTIMATED, NO_THRIFT, Held, Thrift
from codegen_ad.plan.device.whole import (
    Buffer,
    Call,
    DevicePlan,
    Lanes,
    Own,
    Pass,
    Total,
    identity,
)
from codegen_ad.plan.free import fresh, names_of
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    For,
    Kernel,
    Let,
    LibraryCall,
    Load,
    Number,
    Statement,
    Store,
    Var,
    walk,
)


@dataclass(slots=True)
class _Draft:
    """A pass while it is put together; `start` and `end` are numbers of statements."""

    loop: For | None
    totals: tuple[Total, ...] = ()
    own: tuple[Own, ...] = ()
    start: int = 0
    end: int = 1 << 60
    lanes: Lanes | None = None
    call: LibraryCall | None = None
    atomic: frozenset[str] = frozenset()
    number: int = -1


def device_plan(
    kernel: Kernel, *, atomics: bool = False, thrift: Mapping[int, Thrift] = NO_THRIFT
) -> DevicePlan:
    """The passes of a kernel; with `atomics`, sums at places that data name have no order.

    `thrift` says how loops are planned whose estimates are known to be wrong, by `Pass.number`.

    Raises
    ------
    Refused
        If a statement can't be run by many threads.
    """
    taken = names_of(kernel)
    outputs, results = with_results(kernel, taken)
    body = [*by_element(kernel, taken), *results]
    body, loops, lanes, is_long = _with_loops(body, kernel, taken, thrift, atomics=atomics)
    arrays = {s.buffer: s for s in walk(body) if isinstance(s, Allocate)}
    for statement in body:
        if exchanged([statement], arrays):
            raise Refused(statement, "arrays change places")
    drafts: list[_Draft] = []
    for number, statement in enumerate(body):
        if id(statement) in loops:
            found = loops[id(statement)]
            assert isinstance(statement, For)
            shared_out = lanes.get(id(statement))
            draft = _Draft(statement, found.totals, found.own, number, lanes=shared_out)
            drafts.append(replace(draft, atomic=found.atomic, number=found.number))
        elif isinstance(statement, LibraryCall):
            drafts.append(_Draft(None, start=number, call=statement))
        elif any(isinstance(s, LibraryCall) for s in walk([statement])):
            raise Refused(statement, "it calls a library inside of a loop or a branch")
        elif touches_memory(statement) and not isinstance(statement, Allocate):
            if any(isinstance(s, For) and is_wide(s) for s in walk([statement])):
                raise Refused(statement, "loops over data stand inside of another loop or a branch")
            if not drafts or drafts[-1].call is not None:
                drafts.append(_Draft(None, start=number))
    if not drafts or (drafts[-1].call is not None and any(map(is_guard, body))):
        drafts.append(_Draft(None, start=len(body)))
    for draft, following in pairwise(drafts):
        draft.end = following.start
    left: dict[int, dict[str, Total]] = {}
    slices = [_slice(draft, body, drafts, left) for draft in reversed(drafts)][::-1]
    kept = _kept([*(s.earlier for s in slices), *left.values()], taken)
    private = {o.name for d in drafts for o in d.own}
    given = {p.name for p in kernel.parameters if p.rank}
    shown = _Shown(given - {n for s in body for n in defined(s)}, given | arrays.keys() - private)
    held = [thrift.get(draft.number, AS_ESTIMATED).held for draft in drafts]
    passes = tuple(
        _pass(draft, part, body, kept, left, shown, taken, how)
        for draft, part, how in zip(drafts, slices, held, strict=True)
    )
    buffers = [
        Buffer(s.buffer, s.shape, s.dtype, "output" if s.buffer in outputs else "scratch")
        for s in arrays.values()
        if s.buffer not in private
    ]
    buffers += [
        Buffer(name, (Dim.constant(len(group)),), group[0].dtype, "scratch")
        for name, group in kept.arrays.items()
    ]
    counts = counts_of(buffers, kernel)
    made = tuple(buffers)
    return DevicePlan(kernel, passes, kernel.parameters, made, outputs, counts, is_long)


def _with_loops(
    body: Sequence[Statement],
    kernel: Kernel,
    taken: set[str],
    thrift: Mapping[int, Thrift],
    *,
    atomics: bool,
) -> tuple[list[Statement], dict[int, Shared], dict[int, Lanes], bool]:
    """The statements, without zeros that threads begin with anyway, and the loops to share out.

    Some of these are for warps, whose lanes share what the third result says; the last one is
    `DevicePlan.is_long`.
    """
    parameters = {p.name for p in kernel.parameters if p.rank}
    arrays = {s.buffer: s for s in body if isinstance(s, Allocate)}
    sizes = {s.symbol for s in kernel.sizes}
    sizes |= {p.name for p in kernel.parameters if not p.rank and p.dtype.is_integer}
    constant = parameters - {name for s in body for name in defined(s)}
    scatters = Scatters(arrays, sizes, constant, taken)
    kept: list[Statement] = []
    loops: dict[int, Shared] = {}
    lanes: dict[int, Lanes] = {}

    def share(statement: For, outside: set[str], by_row: Set[str] = frozenset()) -> None:
        atomic = atomic_sums(statement, arrays, outside) if atomics else frozenset[str]()
        found = shared(statement, outside, arrays, parameters | by_row, atomic)
        totals = tuple(
            replace(t, adds=bool(t.shape) and not drop_fill(kept, t.name)) for t in found.totals
        )
        number = 1 + max((x.number for x in loops.values()), default=-1)
        wanted = thrift.get(number, AS_ESTIMATED).parts
        parts = parted(statement, replace(found, totals=totals), wanted)
        loops.update((id(part), replace(each, number=number)) for part, each in parts)
        kept.extend(part for part, _ in parts)

    for statement in body:
        if not isinstance(statement, For) or not is_wide(statement):
            kept.append(statement)
            continue
        others = (s for s in body if s is not statement and not isinstance(s, Allocate))
        outside = {name for s in others for name in defined(s) | read(s)}
        try:
            share(statement, outside)
        except Refused:
            atomic = atomic_sums(statement, arrays, outside) if atomics else frozenset[str]()
            apart = scatters.apart(statement, kept, outside, atomic)
            if apart is None:
                raise
            kept += apart.made
            if apart.loop.body:
                # Each row leaves what it leaves at a place of its own.
                share(apart.loop, outside, {s.buffer for s in apart.made})
            loops |= {id(s): Shared((), ()) for s in apart.then if isinstance(s, For)}
            lanes |= apart.lanes
            kept += apart.then
    return kept, loops, lanes, scatters.is_long


# What each pass needs -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Slice:
    """The numbers of the statements that a pass repeats, and the earlier totals that it reads.

    What statements leave that a pass can't repeat, because they write to memory, it reads too:
    `found` says which numbers of which statement.
    """

    numbers: set[int]
    earlier: dict[str, Total]
    found: dict[int, dict[str, Total]] = field(default_factory=dict[int, dict[str, Total]])


def _slice(
    draft: _Draft,
    body: Sequence[Statement],
    drafts: Sequence[_Draft],
    left: dict[int, dict[str, Total]],
) -> _Slice:
    """What the loop of a pass, and what follows up to the next one, need: found backwards.

    `left` says which numbers statements leave for later passes; what this one asks for is added.
    """
    loops = {d.start: d for d in drafts if d.loop is not None}
    chosen: set[int] = set()
    earlier: dict[str, Total] = {}
    found: dict[int, dict[str, Total]] = {}
    wanted: set[str] = set()
    if draft.call is not None:
        return _Slice(chosen, earlier)
    for number in range(min(draft.end, len(body)) - 1, -1, -1):
        statement = body[number]
        if number in loops:
            totals = {t.name: t for t in loops[number].totals}
            if number == draft.start:
                # What a total begins with is wanted too.
                wanted |= read(statement) | set(totals)
            else:
                earlier |= {n: t for n, t in totals.items() if n in wanted and not t.shape}
                wanted -= set(totals)
        elif isinstance(statement, Allocate):
            continue
        elif touches_memory(statement):
            if number >= draft.start:
                chosen.add(number)
                wanted |= read(statement) | left.get(number, {}).keys()
            elif numbers := {n: t for n, t in _changed(statement).items() if n in wanted}:
                found[number] = numbers
                left[number] = left.get(number, {}) | numbers
                wanted -= numbers.keys()
        elif is_guard(statement) or defined(statement) & wanted:
            chosen.add(number)
            if number < draft.start:
                _check_unchanged(statement, body[number + 1 : draft.end])
            if isinstance(statement, Let | Assign):
                wanted -= defined(statement)
            wanted |= read(statement)
    return _Slice(chosen, earlier, found)


def _changed(statement: Statement) -> dict[str, Total]:
    """The variables that a statement, or one within it, changes; none is added up."""
    found: dict[str, Total] = {}
    for inner in walk([statement]):
        match inner:
            case Assign(names, exprs):
                pairs = zip(names, exprs, strict=True)
                found |= {n: Total(n, "sum", e.dtype) for n, e in pairs}
            case Accumulate(target=Var(name, dtype)):
                found[name] = Total(name, "sum", dtype)
            case _:
                pass
    return found


def _check_unchanged(statement: Statement, later: Sequence[Statement]) -> None:
    """A number may be read from memory again only if nothing has been written there since."""
    reads = read(statement)
    for other in later:
        if touches_memory(other) and not isinstance(other, Allocate) and reads & defined(other):
            raise Refused(statement, "it reads an array before the array changes")


@dataclass(frozen=True, slots=True)
class _Shown:
    """The arrays that all threads see: those that no pass changes, and all."""

    constant: Set[str]
    all: Set[str]


@dataclass(slots=True)
class _Kept:
    """Totals that later passes read: in which array, and where."""

    place: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    arrays: dict[str, list[Total]] = field(default_factory=dict[str, list[Total]])

    def element(self, total: Total) -> Load:
        """Where a total is kept."""
        array, place = self.place[total.name]
        return Load(array, (Dim.constant(place),), total.dtype)


def _kept(wanted: Iterable[Mapping[str, Total]], taken: set[str]) -> _Kept:
    kept = _Kept()
    names: dict[DType, str] = {}
    for totals in wanted:
        for name, total in totals.items():
            if name in kept.place:
                continue
            if total.dtype not in names:
                names[total.dtype] = fresh("totals", taken)
            group = kept.arrays.setdefault(names[total.dtype], [])
            kept.place[name] = names[total.dtype], len(group)
            group.append(total)
    return kept


def _pass(
    draft: _Draft,
    part: _Slice,
    body: Sequence[Statement],
    kept: _Kept,
    left: Mapping[int, Mapping[str, Total]],
    shown: _Shown,
    taken: set[str],
    held: Held,
) -> Pass | Call:
    if draft.call is not None:
        return Call(draft.call)
    before: list[Statement] = [
        Let(name, kept.element(total), None, NOTHING) for name, total in part.earlier.items()
    ]
    for number in sorted({n for n in part.numbers if n < draft.start} | part.found.keys()):
        if number in part.found:
            read_again = ((t.name, kept.element(t)) for t in part.found[number].values())
            before += [Assign((name,), (element,), NOTHING) for name, element in read_again]
        else:
            before.append(body[number])
    after: list[Statement] = []
    for total in draft.totals:
        if not total.shape:
            start = _begin(total, before, taken)
            if start is not None:
                after.append(start)
        if total.name in kept.place:
            place = kept.element(total)
            value = Var(total.name, total.dtype)
            after.append(Store(place.buffer, place.indices, value, NOTHING))
    for number in sorted(n for n in part.numbers if n >= draft.start):
        after.append(body[number])
        for total in left.get(number, {}).values():
            place = kept.element(total)
            value = Var(total.name, total.dtype)
            after.append(Store(place.buffer, place.indices, value, NOTHING))
    if draft.loop is None:
        return Pass(before, None, draft.totals, draft.own, after)
    after = behind(before, draft.loop, after)
    if draft.lanes is not None:
        return Pass(before, draft.loop, after=after, lanes=draft.lanes)
    constant = shown.constant
    if held is not Held.ESTIMATED:
        # What passes before this one have left does not change in it, either.
        constant = shown.all - {n for s in (*before, draft.loop, *after) for n in defined(s)}
    loop, again = eased(
        before, draft.loop, after, draft.totals, constant, taken, own=draft.own, held=held
    )
    return Pass(
        before, loop, draft.totals, draft.own, after, again,
        atomic=draft.atomic, number=draft.number,
    )  # fmt: skip


def _begin(total: Total, before: list[Statement], taken: set[str]) -> Statement | None:
    """Let threads begin with nothing; what the total begins with is added in the end."""
    nothing = identity(total.how, total.dtype)
    assert nothing is not None
    match [s for s in before if total.name in defined(s)]:
        case [Assign((_,), (Number(text),))] if float(text) == float(nothing.text):
            return None
        case _:
            value = Var(total.name, total.dtype)
            first = Var(fresh(f"{total.name}_first", set(taken)), total.dtype)
            before.append(Let(first.name, value, None, NOTHING))
            before.append(Assign((total.name,), (nothing,), NOTHING))
            return Accumulate(value, total.how, first, NOTHING)
