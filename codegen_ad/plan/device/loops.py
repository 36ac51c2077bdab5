"""Which loops' trips can be shared out among threads, and what every thread needs for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from codegen_ad.ir.dims import Dim
from codegen_ad.plan.device.whole import LARGEST_OWN, PRODUCT, THREADS, Own, Total, identity
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    CheckRange,
    CopyInto,
    Expr,
    Fill,
    For,
    Grow,
    If,
    Let,
    LibraryCall,
    Load,
    Need,
    Raise,
    Statement,
    Store,
    Var,
    View,
    blocks,
    walk,
)
from codegen_ad.plan.tidying.rename import dims, expressions, names_in, written

SERIAL_TRIPS = 32
"""Loops of at most so many trips, known in advance, are left to single threads."""


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """Why a statement can't be shared out among threads."""

    statement: Statement
    reason: str


@dataclass(frozen=True, slots=True)
class Shared:
    """A loop whose trips are independent, with what its threads add up and keep.

    `atomic` are the arrays to whose elements they add as they come; `number` is the loop's, of
    those that may be parted.
    """

    totals: tuple[Total, ...]
    own: tuple[Own, ...]
    atomic: frozenset[str] = frozenset()
    number: int = -1


def check_possible(statement: Statement) -> None:
    """Refuse what no thread of a device can do.

    Raises
    ------
    Refused
        With the reason.
    """
    match statement:
        case LibraryCall(function=function) if not is_product(statement):
            raise Refused(statement, f"it calls a library ({function}) for whole arrays")
        case Grow():
            raise Refused(statement, "in a fit, a `while` may not record values for the derivative")
        case _:
            pass


def is_product(statement: Statement) -> bool:
    """Whether a statement is a product of whole arrays, which may stand between two launches."""
    match statement:
        case LibraryCall((_,), function, (_, _), into=True, options=(), at=()):
            return function == PRODUCT
        case _:
            return False


def defined(statement: Statement) -> set[str]:
    """The variables and buffers that a statement, or one within it, gives a value."""
    found: set[str] = set()
    for inner in walk([statement]):
        found.update(written(inner))
        if isinstance(inner, Let):
            found.add(inner.name)
        elif isinstance(inner, For):
            found.add(inner.variable)
    return found


def read(statement: Statement) -> set[str]:
    """The variables, sizes and buffers that a statement, or one within it, reads."""
    found: set[str] = set()
    for inner in walk([statement]):
        for expr in expressions(inner):
            found.update(names_in(expr))
        for dim in dims(inner):
            found.update(dim.symbols())
        match inner:
            case Accumulate(target=Load(indices=indices)):
                found.update(s for d in indices for s in d.symbols())
            case CopyInto(source=source) | View(source=source):
                found.add(source)
            case LibraryCall(arguments=arguments):
                found.update(arguments)
            case _:
                pass
    return found


def touches_memory(statement: Statement) -> bool:
    """Whether a statement writes to arrays, or can't be repeated by every thread."""
    for inner in walk([statement]):
        match inner:
            case Store() | Allocate() | Fill() | CopyInto() | View() | LibraryCall():
                return True
            case Accumulate(target=Load()):
                return True
            case _:
                pass
    return False


def is_guard(statement: Statement) -> bool:
    """Whether a statement does nothing but fail or let pass."""
    if isinstance(statement, CheckRange | Raise | Need):
        return True
    sides = [s for side in blocks(statement) for s in side]
    return isinstance(statement, If) and all(
        isinstance(s, Raise | Need | If) and is_guard(s) for s in sides
    )


def is_wide(loop: For) -> bool:
    """Whether a loop has enough trips, independent ones, for many threads."""
    many = not loop.extent.is_constant or loop.extent.value > SERIAL_TRIPS
    return many and not loop.carried


def shared(
    loop: For,
    outside: set[str],
    arrays: dict[str, Allocate],
    parameters: set[str],
    atomic: frozenset[str] = frozenset(),
) -> Shared:
    """What threads add up and keep in a loop that is shared out.

    Parameters
    ----------
    loop : with independent trips.
    outside : the names that are read or given values outside of the loop.
    arrays : the arrays that the kernel allocates outside of the loop.
    parameters : the arrays of the user's.
    atomic : the arrays to which threads may add in any order.

    Raises
    ------
    Refused
        If trips depend on each other.
    """
    inside = set[str]()
    for statement in loop.body:
        inside |= defined(statement)
    totals: dict[str, Total] = {}
    for statement in walk(loop.body):
        match statement:
            case Accumulate(target=Var(name, dtype), how=how) if _is_outer(name, loop, outside):
                if identity(how, dtype) is None:
                    raise Refused(statement, f"threads can't share the reduction `{how}`")
                if totals.setdefault(name, Total(name, how, dtype)).how != how:
                    raise Refused(statement, "every trip of the loop needs the one before")
            case Assign(names=names):
                for name in names:
                    if name in arrays or _is_outer(name, loop, outside):
                        raise Refused(statement, "every trip of the loop needs the one before")
            case LibraryCall():
                raise Refused(statement, "a call of a library stands inside the loop")
            case _:
                pass
    for statement in walk(loop.body):
        reads = [n for e in _values(statement) for n in names_in(e)]
        if any(name in totals for name in reads):
            raise Refused(statement, "every trip of the loop reads the sum so far")
    own: list[Own] = []
    for buffer in dict.fromkeys(b for s in walk(loop.body) for b in _arrays(s)):
        known = buffer in parameters or buffer in atomic or buffer not in arrays
        if known or _is_by_row(loop, buffer):
            continue
        made = arrays[buffer]
        found = list(uses(loop, buffer))
        if not any(kind != "load" for kind, _, _ in found):
            continue
        if all(kind not in ("load", "store") for kind, _, _ in found):
            hows = {kind for kind, _, _ in found}
            _check_small(made, found[0][2])
            if len(hows) > 1 or identity(found[0][0], made.dtype) is None:
                raise Refused(found[0][2], "the loop adds to an array in two ways")
            name = fresh(f"{buffer}_own", {*outside, *inside, *read(loop), *arrays, *parameters})
            totals[buffer] = Total(buffer, hows.pop(), made.dtype, made.shape, name)
            own.append(Own(name, made.shape, made.dtype))
        elif buffer not in outside:
            _check_small(made, found[0][2])
            own.append(Own(buffer, made.shape, made.dtype))
        else:
            place = next(s for kind, _, s in found if kind != "load")
            raise Refused(place, f"trips of the loop write to the same places of `{buffer}`")
    if sum(t.count for t in totals.values()) > THREADS:
        raise Refused(loop, f"the loop adds up more than {THREADS} numbers")
    return Shared(tuple(totals.values()), tuple(own), atomic)


def _is_outer(name: str, loop: For, outside: set[str]) -> bool:
    """Whether a variable that changes lives longer than a trip."""
    return name in outside or not is_set_first(loop.body, name)


def is_set_first(body: list[Statement], name: str) -> bool:
    """Whether a block gives a variable a value wherever it uses one."""
    return _first_use(body, name) is not _First.READ


class _First(Enum):
    """What a block does first with a variable: on every way through it, or on one at least."""

    SET = auto()
    READ = auto()
    NEITHER = auto()


def _first_use(body: list[Statement], name: str) -> _First:
    """SET if every way through a block sets a variable first, READ if one may read it first."""
    for statement in body:
        match statement:
            case For(variable=variable, extent=extent, body=inner):
                found = _First.NEITHER if name == variable else _first_use(inner, name)
                if name in extent.symbols():
                    found = _First.READ
                elif found is _First.SET:
                    found = _First.NEITHER  # there may be no trip
            case If(condition=condition, then=then, otherwise=otherwise):
                sides = {_first_use(then, name), _first_use(otherwise, name)}
                if name in names_in(condition) or _First.READ in sides:
                    found = _First.READ
                else:
                    found = _First.SET if sides == {_First.SET} else _First.NEITHER
            case Let() | Assign() if name in defined(statement):
                return _First.READ if name in read(statement) else _First.SET
            case _:
                is_used = name in defined(statement) | read(statement)
                found = _First.READ if is_used else _First.NEITHER
        if found is not _First.NEITHER:
            return found
    return _First.NEITHER


def _check_small(made: Allocate, where: Statement) -> None:
    size = 1
    for dim in made.shape:
        if not dim.is_constant:
            raise Refused(where, f"every thread would need an array of {dim} elements for itself")
        size *= dim.value
    if size > LARGEST_OWN:
        raise Refused(where, f"every thread would need an array of {size} elements for itself")


def _values(statement: Statement) -> list[Expr]:
    """What a statement reads, its own target not counted."""
    found = expressions(statement)
    return found[1:] if isinstance(statement, Accumulate) else found


def _arrays(statement: Statement) -> Iterator[str]:
    for expr in expressions(statement):
        yield from (e.buffer for e in _loads(expr))
    if isinstance(statement, Store):
        yield statement.buffer


def parts(expr: Expr) -> Iterator[Expr]:
    """An expression and all expressions in it."""
    yield expr
    if isinstance(expr, Apply):
        for arg in expr.args:
            yield from parts(arg)


def _loads(expr: Expr) -> Iterator[Load]:
    return (e for e in parts(expr) if isinstance(e, Load))


def uses(loop: For, buffer: str) -> Iterator[tuple[str, tuple[Dim, ...], Statement]]:
    """How a loop uses an array: ("load", "store" or a reduction; where; the statement)."""
    for statement in walk(loop.body):
        match statement:
            case Store(buffer=name, indices=indices) if name == buffer:
                yield "store", indices, statement
            case Accumulate(target=Load(name, indices), how=how) if name == buffer:
                yield how, indices, statement
            case _:
                pass
        for expr in _values(statement):
            yield from (("load", e.indices, statement) for e in _loads(expr) if e.buffer == buffer)


def is_scattered(loop: For, name: str) -> bool:
    """Whether a loop only adds to an array, at places of which data name one."""
    found = list(uses(loop, name))
    if not found or any(how != "sum" for how, _, _ in found):
        return False
    loops = {loop.variable, *(s.variable for s in walk(loop.body) if isinstance(s, For))}
    data = {n for s in loop.body for n in defined(s)} - loops
    return any(not data.isdisjoint(d.symbols()) for _, at, _ in found for d in at)


def _is_by_row(loop: For, buffer: str) -> bool:
    """Whether every trip keeps to places of the array that no other trip uses."""
    places = [indices for _, indices, _ in uses(loop, buffer)]
    written_to = any(kind != "load" for kind, _, _ in uses(loop, buffer))
    if not written_to or not places:
        return True
    variable = loop.variable
    for axis in range(len(places[0])):
        at = {indices[axis] for indices in places}
        if len(at) == 1:
            (dim,) = at
            rest = dim - Dim.symbol(variable)
            if variable not in set(rest.symbols()):
                inner = {s.variable for s in walk(loop.body) if isinstance(s, For)}
                changing = {n for s in loop.body for n in defined(s)}
                if not (inner | changing) & set(rest.symbols()):
                    return True
    return False
