"""States of `while` loops: a first launch counts them, the next one has room for so many.

Nobody knows how many trips such a loop takes before it runs, and no memory is made while a kernel
runs. So the loop stores what there is room for, counts on, and tells how many rows it needed. The
caller makes so much room and launches the same kernels again. The first launch of all has room for
nothing, so it only counts. Rows beyond the room share one row behind the others, and what runs
backwards over the rows runs over those that there are: whatever is counted, nothing is written or
read elsewhere. Results count only when no loop has needed more.

What such a launch computes backwards is of no use then, and a loop whose end depends on it might
have none: that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.device.loops import Refused, defined, is_set_first, parts
from codegen_ad.plan.free import fresh, names_of
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Apply,
    Assign,
    Expr,
    For,
    Grow,
    If,
    Index,
    Kernel,
    Let,
    Load,
    Need,
    Parameter,
    Statement,
    Store,
    Var,
    While,
    blocks,
    copied,
    walk,
)
from codegen_ad.plan.tidying.rename import (
    dims,
    expressions,
    mentioned,
    replace_expressions,
    written,
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A kernel in which no array grows.

    Attributes
    ----------
    kernel : the kernel, whose last parameters are the numbers of rows that there is room for.
    rooms : the names of these parameters.
    """

    kernel: Kernel
    rooms: tuple[str, ...] = ()


def counted(kernel: Kernel) -> Counted:
    """The kernel with room for so many states as it is told; itself where no array grows.

    Raises
    ------
    Refused
        If states are used in another way than row by row, or the end of a loop depends on what is
        computed backwards over those of another one.
    """
    if not any(isinstance(s, Grow) for s in walk(kernel.body)):
        return Counted(kernel)
    rooms = _Rooms(names_of(kernel))
    body = rooms.block([copied(s) for s in kernel.body])
    for statement in walk(body):
        if isinstance(statement, Allocate):
            statement.shape = rooms.shape(statement)
    rooms.check_reads(body)
    _check_ends(body, set(rooms.counts), rooms.places)
    told = tuple(Parameter(name, DType.INT64, (), 0) for name in rooms.names)
    made = replace(kernel, body=body, parameters=(*kernel.parameters, *told))
    return Counted(made, tuple(rooms.names))


@dataclass(slots=True)
class _Rooms:
    """Gives the loops of a kernel their room.

    Attributes
    ----------
    taken : the names that are in use.
    names : of the numbers of rows, in order.
    of : for each array with a row for each trip, which of the names is its number of rows.
    counts : the names of the numbers of trips, and of the room that each has.
    places : the same, and the names of the rows that trips use.
    """

    taken: set[str]
    names: list[str] = field(default_factory=list[str])
    of: dict[str, str] = field(default_factory=dict[str, str])
    counts: dict[str, str] = field(default_factory=dict[str, str])
    places: set[str] = field(default_factory=set[str])

    def block(self, body: Sequence[Statement]) -> list[Statement]:
        """A block in which no array grows."""
        found: list[Statement] = []
        for statement in body:
            for inner in blocks(statement):
                inner[:] = self.block(inner)
            found.append(statement)
            if isinstance(statement, While):
                grows = next((s for s in statement.body if isinstance(s, Grow)), None)
                found += [] if grows is None else self._counting(statement, grows)
        return found

    def _counting(self, loop: While, grows: Grow) -> list[Statement]:
        """Let a loop store what there is room for; what follows tells how much it needed."""
        held = {self.of.get(b) for b in grows.buffers}
        if len(held) > 1:
            raise Refused(loop, "`while` loops record values in the same arrays")
        name = held.pop()
        if name is None:
            name = fresh(f"{loop.count}_room", self.taken)
            self.names.append(name)
            self.of |= dict.fromkeys(grows.buffers, name)
        if self.counts.setdefault(loop.count, name) != name:
            raise Refused(loop, "`while` loops that record values count with the same name")
        trips, room = Var(loop.count, DType.INT64), Var(name, DType.INT64)
        lacks = Apply("greater", (trips, room), DType.BOOL)
        least = Apply("where", (lacks, room, trips), DType.INT64)
        row = fresh(f"{loop.count}_row", self.taken)
        self.places |= {loop.count, row}
        at = loop.body.index(grows)
        loop.body[at] = Let(row, least, None, grows.note)
        _use_row(loop, set(grows.buffers), Dim.symbol(row))
        need = Need(self.names.index(name), trips, loop.note)
        cut = Assign((loop.count,), (room,), loop.note)
        return [If(lacks, [need, cut], [], loop.note)]

    def shape(self, array: Allocate) -> Shape:
        """The shape of an array that has room for all rows, or for a number for each trip."""
        if array.buffer in self.of:
            return (Dim.symbol(self.of[array.buffer]) + 1, *array.shape[1:])
        most = {count: Dim.symbol(room) for count, room in self.counts.items()}
        return tuple(d.substitute(most) if d.name in most else d for d in array.shape)

    def check_reads(
        self,
        body: Sequence[Statement],
        around: tuple[For, ...] = (),
        own: frozenset[str] = frozenset(),
    ) -> None:
        """Refuse what might read rows that there is no room for, but of arrays in `own`."""
        for statement in body:
            inner = around, own
            if isinstance(statement, For):
                inner = (*around, statement), own
            elif isinstance(statement, While) and statement.count in self.counts:
                inner = around, own | {n for s in walk(statement.body) for n in written(s)}
            for block in blocks(statement):
                self.check_reads(block, *inner)
            if isinstance(statement, Allocate):
                continue
            grown = self.of.keys() - own
            loads = [e for e in _loads(statement) if e.buffer in grown]
            if not all(self._is_there(e, around) for e in loads):
                raise Refused(statement, "what a `while` recorded is read at other places")
            if set(mentioned(statement)) - {e.buffer for e in loads} & grown:
                raise Refused(statement, "what a `while` recorded is used as a whole")

    def _is_there(self, load: Load, around: Sequence[For]) -> bool:
        """Whether a loop over all rows reads an element of a row that is there."""
        for loop in around:
            if loop.extent.name not in self.counts or loop.span is not None:
                continue
            first = load.indices[0]
            rest = set(first.symbols()) - {loop.variable, loop.extent.name}
            ends = [first.substitute({loop.variable: at}) for at in (ZERO, loop.extent - 1)]
            if not rest and all(_is_row(end, loop.extent) for end in ends):
                return True
        return False


def _is_row(at: Dim, count: Dim) -> bool:
    """Whether a place is one of so many rows, or the one behind them, where there are rows."""
    from_end = at - count
    return (at.is_constant and at.value in (0, 1)) or (
        from_end.is_constant and from_end.value in (-1, 0)
    )


def _use_row(loop: While, buffers: set[str], row: Dim) -> None:
    """Let a loop use row `row` of its arrays, where it used that of its trip."""
    count = Dim.symbol(loop.count)

    def there(buffer: str, indices: tuple[Dim, ...]) -> tuple[Dim, ...]:
        if buffer not in buffers:
            return indices
        if indices[0] != count:
            raise Refused(loop, "a `while` uses what it recorded in another trip")
        return (row, *indices[1:])

    def change(expr: Expr) -> Expr:
        match expr:
            case Load(buffer, indices):
                return replace(expr, indices=there(buffer, indices))
            case Apply(args=args):
                return replace(expr, args=tuple(change(a) for a in args))
            case _:
                return expr

    for statement in walk([*loop.test, *loop.body]):
        replace_expressions(statement, change)
        match statement:
            case Store(buffer, indices):
                statement.indices = there(buffer, indices)
            case Accumulate(target=Load(buffer, indices) as target):
                statement.target = replace(target, indices=there(buffer, indices))
            case _ if buffers & set(mentioned(statement)) - {e.buffer for e in _loads(statement)}:
                raise Refused(loop, "a `while` records whole arrays at once")
            case _:
                pass


def _loads(statement: Statement) -> Iterator[Load]:
    return (e for x in expressions(statement) for e in parts(x) if isinstance(e, Load))


# Loops that might not end -------------------------------------------------------------------------


def _check_ends(body: Sequence[Statement], counts: set[str], places: set[str]) -> None:
    """Refuse loops whose end depends on a derivative over states that may be missing."""
    useless = _carried(body, counts) | counts
    before = -1
    while len(useless) != before:
        before = len(useless)
        _spread(body, places, useless)
    for loop in walk(list(body)):
        if isinstance(loop, While) and not useless.isdisjoint(_values(loop, places)):
            raise Refused(
                loop, "the end of a `while` depends on what goes back over states of another"
            )


def _carried(body: Sequence[Statement], counts: set[str]) -> set[str]:
    """What loops over states hand from trip to trip, and all that they write to memory."""
    found: set[str] = set()
    for loop in walk(list(body)):
        if not isinstance(loop, For) or counts.isdisjoint(loop.extent.symbols()):
            continue
        for statement in walk(loop.body):
            if isinstance(statement, Let | Allocate):
                continue
            numbers = isinstance(statement, Assign | Accumulate)
            names = set(written(statement))
            found |= {n for n in names if not numbers or not is_set_first(loop.body, n)}
    return found


def _spread(
    body: Sequence[Statement], places: set[str], useless: set[str], *, within: bool = False
) -> None:
    """Add what statements make of such values, or do only where such values say so."""
    for statement in body:
        is_useless = within or not useless.isdisjoint(_values(statement, places))
        if inner := list(blocks(statement)):
            for block in inner:
                _spread(block, places, useless, within=is_useless)
        elif is_useless:
            useless |= defined(statement) - places


def _values(statement: Statement, places: set[str]) -> set[str]:
    """What a statement itself makes use of; that of a number of trips, which may be cut off, too.

    How often loops run and which rows they look at are no such uses: these rows are there.
    """
    found: set[str] = set()
    for expr in expressions(statement):
        for part in parts(expr):
            match part:
                case Var(name):
                    found.add(name)
                case Index(dim):
                    found.update(dim.symbols())
                case Load(buffer, indices):
                    found.add(buffer)
                    found.update(s for d in indices for s in d.symbols() if s not in places)
                case _:
                    pass
    found.update(s for d in dims(statement) for s in d.symbols() if s not in places)
    return found
