"""A kernel for one team of threads, which run it together: what is not passes over the data.

Every thread runs the whole kernel. Numbers it computes for itself, and all threads get the same. A
loop whose trips are independent is shared out among them, and what it adds up, every thread is
told. What must be done once, one thread does. Between writing to memory and reading there, and
between reading and writing again, all threads wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.types import DType
from codegen_ad.plan.device.arrays import (
    NOTHING,
    by_element,
    copied,
    counts_of,
    drop_fill,
    exchanged,
    with_results,
)
from codegen_ad.plan.device.atomics import atomic_sums
from codegen_ad.plan.device.longest import with_longest
from codegen_ad.plan.device.loops import (
    Refused,
    defined,
    is_wide,
    read,
    shared,
    touches_memory,
)
from codegen_ad.plan.device.outside import Uses, header
from codegen_ad.plan.device.steps import Alone, Around, Kept, Share, Step, Uniform, Wait, every
from codegen_ad.plan.device.whole import Buffer, Total, identity
from codegen_ad.plan.free import fresh, names_of
from codegen_ad.plan.kernel import (
    Accumulate,
    Allocate,
    Assign,
    Expr,
    For,
    If,
    Kernel,
    Let,
    Number,
    Parameter,
    Statement,
    Var,
    While,
    blocks,
    walk,
)


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """A kernel for one team: what the fields say is said of `DevicePlan`."""

    kernel: Kernel
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    outputs: tuple[str, ...]
    counts: tuple[tuple[str, Expr], ...] = ()

    @property
    def has_atomics(self) -> bool:
        """Whether threads add to arrays in any order."""
        return any(isinstance(s, Share) and s.atomic for s in every(self.steps))


def team_plan(kernel: Kernel, *, atomics: bool = False) -> TeamPlan:
    """The kernel as steps of one team; with `atomics`, sums at places of data have no order.

    Raises
    ------
    Refused
        If a statement can't be run on a device.
    """
    taken = names_of(kernel)
    names, results = with_results(kernel, taken)
    body = [*by_element(kernel, taken), *results]
    return _planned(kernel, body, names, taken, set(), atomics=atomics)


def repeated_plan(kernel: Kernel, results: Sequence[Let], *, atomics: bool = False) -> TeamPlan:
    """The same for a kernel that runs over and over, whose numbers all threads know at its end.

    Parameters
    ----------
    kernel : its outputs that are arrays are those of the plan.
    results : the numbers that all threads are to know.

    Raises
    ------
    Refused
        If a statement can't be run on a device.
    """
    taken = names_of(kernel)
    arrays = tuple(o for o in kernel.outputs if isinstance(o, str))
    body = [*by_element(kernel, taken), *results]
    # What one run reads, the next one may write, and its arrays are read between the two.
    again = set(arrays).union(*(read(s) for s in body))
    return _planned(kernel, body, arrays, taken, again, atomics=atomics)


def _planned(
    kernel: Kernel,
    body: list[Statement],
    names: tuple[str, ...],
    taken: set[str],
    again: set[str],
    *,
    atomics: bool,
) -> TeamPlan:
    body, outputs = _not_exchanged(body, names, taken)
    planner = _Team(kernel, body, atomics=atomics)
    steps = planner.block(body)
    private = planner.private
    buffers = tuple(
        Buffer(s.buffer, s.shape, s.dtype, "output" if s.buffer in outputs else "scratch")
        for s in planner.arrays.values()
        if s.buffer not in private
    )
    buffers, most = with_longest(buffers, kernel, taken)
    counts = counts_of(buffers, kernel, most)
    waiting = _Waits(again)
    return TeamPlan(
        kernel, tuple(waiting.block(steps)), kernel.parameters, buffers, outputs, counts
    )


def _not_exchanged(
    body: list[Statement], outputs: tuple[str, ...], taken: set[str]
) -> tuple[list[Statement], tuple[str, ...]]:
    """Results that change places with other arrays are copied to where the caller finds them."""
    made = {s.buffer: s for s in walk(body) if isinstance(s, Allocate)}
    moved = exchanged(body, made)
    names: list[str] = []
    for name in outputs:
        if name not in moved:
            names.append(name)
            continue
        array = made[name]
        out = fresh(f"{name}_out", taken)
        body.append(Allocate(out, array.shape, array.dtype, None, NOTHING))
        body.append(copied(out, name, (array.shape, array.dtype), array.note, taken))
        names.append(out)
    return body, tuple(names)


class _Team:
    """Sorts statements into steps."""

    def __init__(self, kernel: Kernel, body: list[Statement], *, atomics: bool) -> None:
        self.uses = Uses(body)
        self.atomics = atomics
        self.parameters = {p.name for p in kernel.parameters if p.rank}
        self.sizes = {s.symbol for s in kernel.sizes}
        self.arrays = {s.buffer: s for s in walk(body) if isinstance(s, Allocate)}
        self.private: set[str] = set()

    def block(self, body: Sequence[Statement]) -> list[Step]:
        """The steps of a block."""
        kept: list[Statement] = []
        loops: dict[int, Share] = {}
        for statement in body:
            if isinstance(statement, For) and is_wide(statement):
                share = self._share(statement)
                if share is not None:
                    totals = tuple(replace(t, adds=_adds(t, kept)) for t in share.totals)
                    loops[id(statement)] = replace(share, totals=totals)
            kept.append(statement)
        steps: list[Step] = []
        for statement in kept:
            if isinstance(statement, Allocate):
                continue
            if id(statement) in loops:
                steps.append(loops[id(statement)])
            elif _is_together(statement) or not touches_memory(statement):
                steps.append(Uniform(statement))
            elif isinstance(statement, For | While | If) and self._is_for_all(statement):
                inner = tuple(tuple(self.block(b)) for b in blocks(statement))
                steps.append(Around(statement, inner))
            else:
                _with(steps, statement)
        return [replace(s, told=self._told(s)) if isinstance(s, Alone) else s for s in steps]

    def _share(self, loop: For) -> Share | None:
        outside = self.uses.outside(loop)
        atomic = atomic_sums(loop, self.arrays, outside) if self.atomics else frozenset[str]()
        try:
            found = shared(loop, outside, self.arrays, self.parameters, atomic)
        except Refused:
            return None
        self.private |= {o.name for o in found.own}
        return Share(loop, found.totals, found.own, found.atomic)

    def _is_for_all(self, statement: Statement) -> bool:
        """Whether all threads take a loop or branch: for work to share, or to exchange arrays."""
        if exchanged([statement], self.arrays):
            return True
        return any(isinstance(s, For) and is_wide(s) and self._share(s) for s in walk([statement]))

    def _told(self, step: Alone) -> tuple[Var, ...]:
        """The numbers that others need of what one thread computes."""
        outside = self.uses.shared(step.statements)
        found: dict[str, Var] = {}
        for statement in walk(list(step.statements)):
            for name, dtype in _numbers(statement):
                if name in outside and name not in self.arrays:
                    found[name] = Var(name, dtype)
        return tuple(found.values())


def _with(steps: list[Step], statement: Statement) -> None:
    """Add work for one thread to what it did just before."""
    match steps:
        case [*_, Alone(statements)]:
            steps[-1] = Alone((*statements, statement), ())
        case _:
            steps.append(Alone((statement,), ()))


def _adds(total: Total, before: list[Statement]) -> bool:
    """Whether a total is added to something; zeros that an array begins with are removed."""
    if total.shape:
        return not drop_fill(before, total.name)
    nothing = identity(total.how, total.dtype)
    for statement in reversed(before):
        match statement:
            case Assign((name,), (Number(text),)) if name == total.name and nothing is not None:
                return float(text) != float(nothing.text)
            case _ if total.name in defined(statement):
                return True
            case _:
                pass
    return True


def _numbers(statement: Statement) -> Iterable[tuple[str, DType]]:
    match statement:
        case Let(name, expr):
            return [(name, expr.dtype)]
        case Assign(names, exprs):
            return [(n, e.dtype) for n, e in zip(names, exprs, strict=True)]
        case Accumulate(target=Var(name, dtype)):
            return [(name, dtype)]
        case While(count=count):
            return [(count, DType.INT64)]
        case _:
            return []


def _is_together(statement: Statement) -> bool:
    """Whether arrays change places: every thread does that with its own names for them."""
    return isinstance(statement, Assign)


# Where threads wait -------------------------------------------------------------------------------


class _Waits:
    """Sets waits: behind everything that writes, and before it where something has read."""

    def __init__(self, reads: set[str]) -> None:
        self.reads = set(reads)

    def block(self, steps: Sequence[Step]) -> list[Step]:
        """The steps with waits between them."""
        found: list[Step] = []
        for step in steps:
            match step:
                case Uniform(statement):
                    self.reads |= read(statement)
                    if isinstance(statement, Assign) and self.reads & set(statement.names):
                        self.reads |= set(statement.names)
                    found.append(step)
                case Around(statement, blocks_):
                    if isinstance(statement, For | While):
                        # The next trip may write what the one before has read.
                        self.reads |= read(statement)
                    else:
                        self.reads |= header(statement)
                    before = set(self.reads)
                    after: set[str] = set()
                    inner: list[tuple[Step, ...]] = []
                    for block in blocks_:
                        self.reads = set(before)
                        inner.append(tuple(self.block(block)))
                        after |= self.reads
                    self.reads = before | after
                    found.append(Around(statement, tuple(inner)))
                case Share(loop):
                    self._writing(found, step, [loop])
                case Alone(statements):
                    self._writing(found, step, statements)
                case Wait() | Kept():
                    found.append(step)
        return found

    def _writing(self, found: list[Step], step: Step, statements: Sequence[Statement]) -> None:
        writes = {n for s in statements for n in defined(s)}
        reads = {n for s in statements for n in read(s)}
        is_writing = any(touches_memory(s) for s in statements)
        if is_writing and writes & self.reads:
            found.append(Wait())
            self.reads.clear()
        found.append(step)
        if is_writing:
            found.append(Wait())
            self.reads.clear()
        else:
            self.reads |= reads
