"""Registers of a pass: what need not be held while its loop runs is read when it is used.

Numbers that only follow the sums are computed behind the loop. Where sums and numbers that all rows
share would leave too few registers for a row, those numbers are read again in every trip: from the
cache, at an index that the compiler can't know to be the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.loops import defined, parts, read
from codegen_ad.plan.device.thrift import Held
from codegen_ad.plan.device.whole import Own, Total, words
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import Apply, Expr, For, Let, Load, Statement, copied, walk
from codegen_ad.plan.tidying.rename import expressions, names_in, replace_expressions

MOST_WORDS = 136
"""Sums and shared numbers may take so many of a thread's 255 registers, of 32 bits each."""

MOST_IN_ALL = 180
"""So many with the values of a row."""

LONG = 16
"""Loops of more trips need not be written out."""

_CHEAP = ("add", "subtract", "multiply", "negative")


def behind(before: list[Statement], loop: For, after: Sequence[Statement]) -> list[Statement]:
    """Take what the loop does not need out of the statements before it.

    Returns what is to be done after the loop, with each number computed just before it is used.
    """
    needed = read(loop)
    changed = defined(loop)
    moved: list[Let] = []
    for statement in reversed(list(before)):
        is_free = defined(statement).isdisjoint(needed) and changed.isdisjoint(read(statement))
        if isinstance(statement, Let) and is_free:
            moved.append(statement)
        else:
            needed |= read(statement) | defined(statement)
    lets = {s.name: s for s in moved[::-1]}
    before[:] = [s for s in before if not (isinstance(s, Let) and s.name in lets)]
    return _with(after, lets.keys(), lets)


def eased(
    before: list[Statement],
    loop: For,
    after: list[Statement],
    totals: Sequence[Total],
    constant: Collection[str],
    taken: Set[str],
    *,
    beside: int = 0,
    own: Sequence[Own] = (),
    held: Held = Held.ESTIMATED,
) -> tuple[For, str]:
    """The loop, which reads again what it can where registers are short.

    Parameters
    ----------
    before, after : the statements around it, which are changed.
    constant : the arrays that nobody writes to.
    beside : how many registers other numbers take while the loop runs.
    own : the arrays that each thread has for itself.
    held : what may stay in registers, where that is not to be estimated.

    Returns
    -------
    The loop, and the name of the index, 0, at which it reads; empty where all numbers are held.
    """
    shared = _loads(loop, constant)
    lets = {s.name: s for s in before if isinstance(s, Let)}
    used = read(loop) & lets.keys()
    taking = beside + sum(t.words for t in totals) + sum(words(lets[n].expr.dtype) for n in used)
    taking += sum(_count(e, loop) * words(e.dtype) for e in shared)
    is_roomy = taking <= MOST_WORDS and taking + live(loop.body) <= MOST_IN_ALL
    if held is Held.ESTIMATED and is_roomy:
        return loop, ""
    again = fresh("again", set(taken))
    inside = _sinking(used, lets, constant)
    body = [copied(s) for s in loop.body]
    if inside:
        body = _with(body, inside, lets)
        still = {
            n for s in before if not (isinstance(s, Let) and s.name in inside) for n in read(s)
        }
        stay = _closed(still & inside, lets, inside)
        before[:] = [s for s in before if not (isinstance(s, Let) and s.name in inside - stay)]
        after[:] = _with(after, inside - stay, lets)
    index = Dim.symbol(again)

    def moved(expr: Expr) -> Expr:
        match expr:
            case Load(indices=(first, *rest)) if expr in places:
                return replace(expr, indices=(index + first, *rest))
            case Apply(args=args):
                return replace(expr, args=tuple(moved(a) for a in args))
            case _:
                return expr

    found = replace(loop, body=body)
    places = _loads(found, constant)
    long: list[For] = []
    if held is Held.NUMBERS:
        # A compiler can't keep an array in registers that is read at places it does not know.
        places |= _loads(found, {o.name for o in own} - {t.own for t in totals})
        long = _long(body, totals)
    for statement in walk(body):
        replace_expressions(statement, moved)
    for inner in long:
        inner.extent += index
    return found, again if places or long else ""


def _long(body: Sequence[Statement], totals: Sequence[Total]) -> list[For]:
    """Inner loops that are not to be written out: nothing that they add up is in registers.

    A compiler that writes them out reads what many trips need before the first of them.
    """
    sums = {t.name for t in totals if t.shape}
    return [
        s
        for s in body
        if isinstance(s, For) and s.span is None and s.window is None
        if s.extent.is_constant and s.extent.value > LONG and sums.isdisjoint(defined(s))
    ]


def is_short(
    loop: For, totals: Sequence[Total], shared: Sequence[DType], *, beside: int = 0
) -> bool:
    """Whether a loop takes so many registers, with numbers that all rows share, that few are left.

    `beside` is how many others are taken while it runs.
    """
    held = beside + sum(t.words for t in totals) + sum(words(dtype) for dtype in shared)
    return held + live(loop.body) > MOST_IN_ALL


def live(body: Sequence[Statement]) -> int:
    """The most registers of 32 bits that values of a trip take at a time."""
    last = {name: k for k, s in enumerate(body) for name in read(s)}
    now = most = 0
    ends = [0] * len(body)
    for k, statement in enumerate(body):
        if isinstance(statement, Let) and last.get(statement.name, k) > k:
            size = words(statement.expr.dtype)
            ends[last[statement.name]] += size
            now += size
        most = max(most, now)
        now -= ends[k]
    return most


def _loads(loop: For, constant: Collection[str]) -> set[Load]:
    """What a loop reads at places that are the same for each of its trips."""
    varying = {n for s in loop.body for n in defined(s)} | {loop.variable}
    varying -= {s.variable for s in walk(loop.body) if isinstance(s, For)}
    found: set[Load] = set()
    for statement in walk(loop.body):
        for load in (e for x in expressions(statement) for e in parts(x) if isinstance(e, Load)):
            symbols = {s for d in load.indices for s in d.symbols()}
            if load.buffer in constant and load.indices and symbols.isdisjoint(varying):
                found.add(load)
    return found


def _count(load: Load, loop: For) -> int:
    """How many numbers a load in inner loops stands for, as far as it is known."""
    symbols = {s for d in load.indices for s in d.symbols()}
    found = 1
    for inner in walk(loop.body):
        if isinstance(inner, For) and inner.variable in symbols:
            symbols.discard(inner.variable)
            found *= inner.extent.value if inner.extent.is_constant else 1
    return found


def _sinking(held: Set[str], lets: dict[str, Let], constant: Collection[str]) -> set[str]:
    """The numbers that each trip may compute: read, or made of such by little arithmetic."""
    found: set[str] = set()
    for name, let in lets.items():
        match let.expr:
            case Load(buffer, indices):
                if buffer in constant and all(d.is_constant for d in indices):
                    found.add(name)
            case Apply(op, args) if op in _CHEAP:
                if all(isinstance(a, Load) or found.issuperset(names_in(a)) for a in args):
                    found.add(name)
            case _:
                pass
    return _closed(held & found, lets, found)


def _closed(names: Set[str], lets: dict[str, Let], among: Set[str]) -> set[str]:
    """Numbers with those that they are made of."""
    found = set(names)
    for name in reversed(list(lets)):
        if name in found:
            found |= set(names_in(lets[name].expr)) & among
    return found


def _with(body: Sequence[Statement], inside: Set[str], lets: dict[str, Let]) -> list[Statement]:
    """The body with numbers computed just before they are first used."""
    found: list[Statement] = []
    known: set[str] = set()
    for statement in body:
        wanted = _closed(read(statement) & inside, lets, inside) - known
        found += [copied(lets[n]) for n in lets if n in wanted]
        known |= wanted
        found.append(statement)
    return found
