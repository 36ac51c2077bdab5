"""A kernel for one team of threads, which run it together: what is not passes over the data.

Every thread runs the whole kernel. Numbers it computes for itself, and all threads get the same. A
loop whose trips are independent is shared out among them, and what it adds up, every thread is
told. What must be done once, one thread does. Between writing to memory and reading there, and
between reading and writing again, all threads wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import ONE, Dim
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
from codegen_ad.plan.device.gathers import Gathers
from codegen_ad.plan.device.longest import with_longest
from codegen_ad.plan.device.loops import (
    Refused,
    Shared,
    defined,
    is_wide,
    shared,
    touches_memory,
)
from codegen_ad.plan.device.outside import Uses
from codegen_ad.plan.device.steps import Alone, Around, Share, Step, Uniform, every
from codegen_ad.plan.device.waits import Waits, nest_of, shares_of
from codegen_ad.plan.device.whole import LEAST, Buffer, Total, identity
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
    rooms: tuple[str, ...] = ()

    @property
    def has_atomics(self) -> bool:
        """Whether threads add to arrays in any order."""
        return any(isinstance(s, Share) and s.atomic for s in every(self.steps))


def team_plan(kernel: Kernel, *, atomics: bool = False, columns: bool = False) -> TeamPlan:
    """The kernel as steps of one team.

    Parameters
    ----------
    atomics : whether sums at places of data have no order.
    columns : whether loops that stand in shared loops may be shared out, too. Such a team is one
        whose threads wait for each other where they add up sums.

    Raises
    ------
    Refused
        If a statement can't be run on a device.
    """
    taken = names_of(kernel)
    names, results = with_results(kernel, taken)
    body = [*by_element(kernel, taken), *results]
    if columns:
        body = Gathers(body, {s.symbol for s in kernel.sizes}, taken).block(body)
    return _planned(kernel, body, names, taken, atomics=atomics, columns=columns)


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
    return _planned(kernel, body, arrays, taken, atomics=atomics, again=True)


def _planned(
    kernel: Kernel,
    body: list[Statement],
    names: tuple[str, ...],
    taken: set[str],
    *,
    atomics: bool,
    columns: bool = False,
    again: bool = False,
) -> TeamPlan:
    body, outputs = _not_exchanged(body, names, taken)
    planner = _Team(kernel, body, atomics=atomics, columns=columns)
    steps = planner.block(body)
    private = planner.private
    buffers = tuple(
        Buffer(s.buffer, s.shape, s.dtype, "output" if s.buffer in outputs else "scratch")
        for s in planner.arrays.values()
        if s.buffer not in private
    )
    buffers, most = with_longest(buffers, kernel, taken)
    counts = counts_of(buffers, kernel, most)
    waits = Waits(planner.arrays.keys(), planner.sizes, sums_wait=columns)
    made = waits.repeated(steps, outputs) if again else waits.block(steps)
    return TeamPlan(kernel, tuple(made), kernel.parameters, buffers, outputs, counts)


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

    def __init__(
        self, kernel: Kernel, body: list[Statement], *, atomics: bool, columns: bool
    ) -> None:
        self.uses = Uses(body)
        self.atomics = atomics
        self.columns = columns
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
        found = self._shared(loop, self.uses.outside(loop))
        if found is None:
            return None
        self.private |= {o.name for o in found.own}
        columns = self._columns(loop, found)
        return Share(loop, found.totals, found.own, found.atomic, columns=columns)

    def _shared(self, loop: For, outside: set[str]) -> Shared | None:
        """What threads that share out a loop add up and keep; None where they can't."""
        atomic = atomic_sums(loop, self.arrays, outside) if self.atomics else frozenset[str]()
        try:
            return shared(loop, outside, self.arrays, self.parameters, atomic)
        except Refused:
            return None

    def _columns(self, loop: For, found: Shared) -> For | None:
        """The innermost loop of a nest, if its trips may be shared out together with the others."""
        *middle, inner = nest_of(loop)[1:] or [loop]
        if not self.columns or inner is loop or not is_wide(inner):
            return None
        around = {loop.variable, *(m.variable for m in middle)}
        if not around.isdisjoint(inner.extent.symbols()):
            return None
        # Trips of both loops may go side by side if those of each may, whatever the others are.
        outside = self.uses.outside(inner) - {m.variable for m in middle}
        body = inner.body
        for m in reversed(middle):
            body = [replace(m, body=body)]
        return inner if self._shared(replace(inner, body=body), outside) == found else None

    def _is_for_all(self, statement: Statement) -> bool:
        """Whether all threads take a loop or branch: for work to share, or to exchange arrays."""
        if exchanged([statement], self.arrays):
            return True
        return any(isinstance(s, For) and is_wide(s) and self._share(s) for s in walk([statement]))

    def _told(self, step: Alone) -> tuple[Var, ...]:
        """The numbers that others need of what one thread computes."""
        outside = self.uses.leaving(step.statements)
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


def trips_of(share: Share) -> Dim:
    """How many threads a shared loop has work for."""
    return share.loop.extent * (ONE if share.columns is None else share.columns.extent)


def is_for_blocks(plan: TeamPlan) -> bool:
    """Whether several blocks may share the work: a loop has, or may have, as many trips."""
    trips = map(trips_of, shares_of(plan.steps))
    return any(not t.is_constant or t.value >= LEAST for t in trips)
