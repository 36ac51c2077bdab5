"""A kernel plan split into passes: what every thread repeats, what is shared out, what is left.

Numbers that do not depend on the rows are computed again in every pass that needs them; sums that a
later pass needs are kept in memory between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from codegen_ad.ir.dims import ONE, ZERO, Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device import Buffer, DevicePlan, Own, Pass, Total, identity
from codegen_ad.plan.device_loops import (
    Refused,
    defined,
    is_guard,
    is_wide,
    read,
    shared,
    touches_memory,
)
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    CopyInto,
    Expr,
    Fill,
    For,
    Kernel,
    Let,
    Load,
    Note,
    Number,
    Statement,
    Store,
    Var,
    walk,
)

_NOTHING = Note()
_Value = Callable[[tuple[Dim, ...]], Expr]


@dataclass(slots=True)
class _Draft:
    """A pass while it is put together; `start` and `end` are numbers of statements."""

    loop: For | None
    totals: tuple[Total, ...] = ()
    own: tuple[Own, ...] = ()
    start: int = 0
    end: int = 1 << 60


def device_plan(kernel: Kernel) -> DevicePlan:
    """The passes of a kernel.

    Raises
    ------
    Refused
        If a statement can't be run by many threads.
    """
    parameters = {p.name for p in kernel.parameters if p.rank}
    taken = _names(kernel)
    outputs, results = _outputs(kernel, taken)
    body = [*_plain(kernel.body, taken), *results]
    arrays = {s.buffer: s for s in body if isinstance(s, Allocate)}
    drafts: list[_Draft] = []
    for number, statement in enumerate(body):
        if isinstance(statement, Allocate):
            continue
        if isinstance(statement, For) and is_wide(statement):
            others = (s for s in body if s is not statement and not isinstance(s, Allocate))
            outside = {name for s in others for name in defined(s) | read(s)}
            found = shared(statement, outside, arrays, parameters)
            drafts.append(_Draft(statement, found.totals, found.own, number))
        elif touches_memory(statement):
            if any(isinstance(s, For) and is_wide(s) for s in walk([statement])):
                raise Refused(statement, "loops over data stand inside of another loop or a branch")
            if not drafts:
                drafts.append(_Draft(None, start=number))
    drafts = drafts or [_Draft(None)]
    for draft, following in pairwise(drafts):
        draft.end = following.start
    slices = [_slice(draft, body, drafts) for draft in drafts]
    kept = _kept([s.earlier for s in slices], taken)
    passes = tuple(
        _pass(draft, part, body, kept) for draft, part in zip(drafts, slices, strict=True)
    )
    private = {o.name for d in drafts for o in d.own}
    buffers = [
        Buffer(s.buffer, s.shape, s.dtype, "output" if s.buffer in outputs else "scratch")
        for s in arrays.values()
        if s.buffer not in private
    ]
    buffers += [
        Buffer(name, (Dim.constant(len(group)),), group[0].dtype, "scratch")
        for name, group in kept.arrays.items()
    ]
    return DevicePlan(kernel, passes, kernel.parameters, tuple(buffers), outputs)


def _names(kernel: Kernel) -> set[str]:
    found = {p.name for p in kernel.parameters} | {s for s, _, _ in kernel.sizes}
    for statement in kernel.body:
        found |= defined(statement) | read(statement)
    return found


def _fresh(wish: str, taken: set[str]) -> str:
    name = wish
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _outputs(kernel: Kernel, taken: set[str]) -> tuple[tuple[str, ...], list[Statement]]:
    """The arrays that hold results, and the statements that write results that are numbers."""
    names: list[str] = []
    statements: list[Statement] = []
    for output, wish, dtype in zip(
        kernel.outputs, kernel.output_names, kernel.output_dtypes, strict=True
    ):
        if isinstance(output, str):
            names.append(output)
            continue
        name = _fresh(f"{wish}_out", taken)
        names.append(name)
        note = next(
            (s.note for s in kernel.body if isinstance(s, Let) and output == Var(s.name, dtype)),
            _NOTHING,
        )
        statements.append(Allocate(name, (ONE,), dtype, None, note))
        statements.append(Store(name, (ZERO,), output, note))
    return tuple(names), statements


# Whole arrays become loops ------------------------------------------------------------------------


def _plain(body: Sequence[Statement], taken: set[str]) -> list[Statement]:
    """Statements about whole arrays as loops over their elements."""
    shapes = {s.buffer: s for s in walk(list(body)) if isinstance(s, Allocate)}
    added = {
        s.target.buffer
        for s in walk(list(body))
        if isinstance(s, Accumulate) and isinstance(s.target, Load)
    }
    found: list[Statement] = []
    for statement in body:
        match statement:
            case Allocate(buffer=buffer, fill=float() | int() as fill):
                found.append(replace(statement, fill=None))
                if buffer not in added or not _is_zero_start(body, buffer):
                    found.append(_filled(statement, fill, statement.note, taken))
            case Fill(buffer, value, note):
                found.append(_filled(shapes[buffer], value, note, taken))
            case CopyInto(target, source, note) if target in shapes:
                found.append(_copied(shapes[target], source, note, taken))
            case For(body=inner):
                found.append(replace(statement, body=_plain(inner, taken)))
            case _:
                found.append(statement)
    return found


def _is_zero_start(body: Sequence[Statement], buffer: str) -> bool:
    """Whether an array of zeros is first of all added to, so that threads may begin with zeros."""
    for statement in body:
        if isinstance(statement, Allocate) or buffer not in defined(statement) | read(statement):
            continue
        return isinstance(statement, For) and all(
            not (isinstance(s, Store) and s.buffer == buffer) for s in walk(statement.body)
        )
    return False


def _filled(made: Allocate, value: float, note: Note, taken: set[str]) -> Statement:
    def number(at: tuple[Dim, ...]) -> Expr:
        return _literal(value, made.dtype)

    return _over(made, number, note, taken)


def _copied(made: Allocate, source: str, note: Note, taken: set[str]) -> Statement:
    def element(at: tuple[Dim, ...]) -> Expr:
        return Load(source, at, made.dtype)

    return _over(made, element, note, taken)


def _literal(value: float, dtype: DType) -> Number:
    return Number(repr(float(value)) if dtype.is_float else str(int(value)), dtype)


def _over(made: Allocate, value: _Value, note: Note, taken: set[str]) -> Statement:
    names = [_fresh(n, taken) for n, _ in zip("ijklmopq", made.shape, strict=False)]
    at = tuple(Dim.symbol(n) for n in names)
    inner: Statement = Store(made.buffer, at, value(at), note)
    for name, extent in reversed(list(zip(names, made.shape, strict=True))):
        inner = For(name, extent, [inner], note)
    return inner


# What each pass needs -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Slice:
    """The numbers of the statements that a pass repeats, and the earlier totals that it reads."""

    numbers: set[int]
    earlier: dict[str, Total]


def _slice(draft: _Draft, body: Sequence[Statement], drafts: Sequence[_Draft]) -> _Slice:
    """What the loop of a pass, and what follows up to the next one, need: found backwards."""
    loops = {d.start: d for d in drafts if d.loop is not None}
    chosen: set[int] = set()
    earlier: dict[str, Total] = {}
    wanted: set[str] = set()
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
                wanted |= read(statement)
        elif is_guard(statement) or defined(statement) & wanted:
            chosen.add(number)
            if number < draft.start:
                _check_unchanged(statement, body[number + 1 : draft.end])
            if isinstance(statement, Let | Assign):
                wanted -= defined(statement)
            wanted |= read(statement)
    return _Slice(chosen, earlier)


def _check_unchanged(statement: Statement, later: Sequence[Statement]) -> None:
    """A number may be read from memory again only if nothing has been written there since."""
    reads = read(statement)
    for other in later:
        if touches_memory(other) and not isinstance(other, Allocate) and reads & defined(other):
            raise Refused(statement, "it reads an array before the array changes")


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
                names[total.dtype] = _fresh("totals", taken)
            group = kept.arrays.setdefault(names[total.dtype], [])
            kept.place[name] = names[total.dtype], len(group)
            group.append(total)
    return kept


def _pass(draft: _Draft, part: _Slice, body: Sequence[Statement], kept: _Kept) -> Pass:
    before: list[Statement] = [
        Let(name, kept.element(total), None, _NOTHING) for name, total in part.earlier.items()
    ]
    before += [body[n] for n in sorted(part.numbers) if n < draft.start]
    after: list[Statement] = []
    for total in draft.totals:
        if not total.shape:
            start = _begin(total, before)
            if start is not None:
                after.append(start)
        if total.name in kept.place:
            place = kept.element(total)
            value = Var(total.name, total.dtype)
            after.append(Store(place.buffer, place.indices, value, _NOTHING))
    after += [body[n] for n in sorted(part.numbers) if n >= draft.start]
    return Pass(before, draft.loop, draft.totals, draft.own, after)


def _begin(total: Total, before: list[Statement]) -> Statement | None:
    """Let threads begin with nothing; what the total begins with is added in the end."""
    nothing = identity(total.how, total.dtype)
    assert nothing is not None
    match [s for s in before if total.name in defined(s)]:
        case [Assign((_,), (Number(text),))] if float(text) == float(nothing.text):
            return None
        case _:
            value = Var(total.name, total.dtype)
            first = Var(f"{total.name}_first", total.dtype)
            before.append(Let(first.name, value, None, _NOTHING))
            before.append(Assign((total.name,), (nothing,), _NOTHING))
            return Accumulate(value, total.how, first, _NOTHING)
