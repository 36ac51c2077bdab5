"""A whole fit on a device: what a team of threads does in a step, and who keeps which parameter.

Lane k of every warp keeps parameter k and what the method remembers of it; lanes tell each other
the parameters before a step, and every warp finds the same bits. No parameter goes through memory.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from codegen_ad.ir.types import DType
from codegen_ad.plan.device.ahead import LANES, Ahead, ahead
from codegen_ad.plan.device.arrays import NOTHING
from codegen_ad.plan.device.kept import kept
from codegen_ad.plan.device.loops import Refused, check_possible, defined
from codegen_ad.plan.device.parting import in_parts
from codegen_ad.plan.device.registers import eased, is_short
from codegen_ad.plan.device.steps import Alone, Around, Kept, Share, Step, Uniform
from codegen_ad.plan.device.team import TeamPlan, repeated_plan, team_plan
from codegen_ad.plan.device.thrift import AS_ESTIMATED, Held, Thrift
from codegen_ad.plan.elements import split
from codegen_ad.plan.free import fresh, names_of
from codegen_ad.plan.kernel import Apply, Expr, Index, Kernel, Let, Parameter, Var, copied, walk

MOST = 128
"""Fits of at most so many parameters are run on a device."""

BESIDE, BESIDE_EACH = 24, 14
"""Registers that a fit takes beside its rows, and for each parameter that a lane keeps: numbers of
the method, and the parameter with its slope, what the method remembers and what was best."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A parameter that is fitted.

    Attributes
    ----------
    parameter : as the user's function takes it.
    first : the number of its first element among all that are fitted.
    names : the variables that hold its elements; empty where an array of each thread's does.
    slopes : the variables with the derivatives; empty where an array in memory has them.
    gradient : the name of that array.
    """

    parameter: Parameter
    first: int
    names: tuple[str, ...]
    slopes: tuple[Var, ...]
    gradient: str

    @property
    def count(self) -> int:
        """The number of elements."""
        return _count(self.parameter)


@dataclass(frozen=True, slots=True)
class FitPlan:
    """A fit.

    Attributes
    ----------
    kernel : value and gradient, as planned.
    step : the same for a team; all threads know `value` and the slopes at its end.
    fitted : what is fitted, in order.
    value : the variable that holds the value.
    dtype : in which parameters, method and value are computed.
    once : what is computed before the first step; None if nothing is.
    aliases : parameters of the step, and what `once` computes for them.
    ahead : the step divided, where the next point can be evaluated while one is judged.
    is_short : whether rows take so many registers that the method's numbers are read when used.
    """

    kernel: Kernel
    step: TeamPlan
    fitted: tuple[Fitted, ...]
    value: Var
    dtype: DType
    once: TeamPlan | None = None
    aliases: tuple[tuple[Parameter, str], ...] = ()
    ahead: Ahead | None = None
    is_short: bool = False

    @property
    def count(self) -> int:
        """The number of elements that are fitted."""
        return sum(f.count for f in self.fitted)

    @property
    def sizes_kept(self) -> tuple[str, ...]:
        """The sizes of the data over whose rows threads keep what they read."""
        steps = (s for s in self.step.steps if isinstance(s, Kept))
        return tuple(dict.fromkeys(str(s.share.loop.extent) for s in steps))

    @property
    def rows_full(self) -> int:
        """How many of the rows that a thread keeps must be there."""
        return max((s.full for s in self.step.steps if isinstance(s, Kept)), default=0)

    @property
    def counts(self) -> frozenset[str]:
        """The variables of a step that hold sizes as floating-point numbers."""
        return frozenset(n for s in self.step.steps for n in _count_of(s))

    @property
    def data(self) -> tuple[Parameter, ...]:
        """The parameters that the caller passes beside what is fitted."""
        known = {p.name for p, _ in self.aliases} | {f.parameter.name for f in self.fitted}
        return tuple(p for p in self.kernel.parameters if p.name not in known)


def fit_plan(
    kernel: Kernel,
    targets: Sequence[int],
    once: Kernel | None,
    rows: int = 0,
    threads: int = 1,
    *,
    atomics: bool = False,
    thrift: Thrift = AS_ESTIMATED,
) -> FitPlan:
    """The plan of a fit.

    Parameters
    ----------
    kernel : computes value and gradient.
    targets : the numbers of the parameters that are fitted, in the order of the gradients.
    once : computes the last parameters of `kernel` from others of the same names.
    rows : how many rows of the data a thread has at most, if it is to keep them: as many as it
        takes for the longest axis of the data.
    threads : how many share the rows.
    atomics : whether sums at places that data name may be taken in any order.
    thrift : how sparing loops over rows are with registers, where that is not to be estimated.

    Raises
    ------
    Refused
        If there are too many parameters, or a statement can't be run on a device.
    """
    parameters = [kernel.parameters[t] for t in targets]
    _check_count(parameters)
    for one in (kernel, *([once] if once is not None else [])):
        for statement in walk(one.body):
            check_possible(statement)
    own = replace(kernel, body=[copied(s) for s in kernel.body])
    small, splits = split(own, targets, largest=MOST)
    taken = names_of(small)
    if once is not None:
        taken |= names_of(once)
    outputs = iter(small.outputs)
    results: list[Let] = []

    def known(output: Expr | str, wish: str) -> Var:
        """A number of the results as a variable that all threads know."""
        assert not isinstance(output, str)
        if isinstance(output, Var):
            return output
        results.append(Let(fresh(wish, taken), output, None, NOTHING))
        return Var(results[-1].name, output.dtype)

    value = known(next(outputs), "value")
    fitted: list[Fitted] = []
    first = 0
    for target, parameter in zip(targets, parameters, strict=True):
        names: tuple[str, ...] = () if parameter.rank else (parameter.name,)
        if target in splits:
            names = splits[target].names
        slopes = tuple(known(next(outputs), f"slope_{name}") for name in names)
        gradient = "" if names else next(outputs)
        assert isinstance(gradient, str)
        fitted.append(Fitted(parameter, first, names, slopes, gradient))
        first += fitted[-1].count
    step = in_parts(repeated_plan(small, results, atomics=atomics), thrift.parts)
    if rows:
        step = _with_rows(step, small, {p.name for p in parameters}, rows, taken)
        step = _with_full(step, own, {p.name for p in parameters}, threads)
    step, are_short = _with_room(step, fitted, taken, thrift.held)
    single = {p.dtype for p in parameters} | {value.dtype} == {DType.FLOAT32}
    dtype = DType.FLOAT32 if single else DType.FLOAT64
    numbers = [name for f in fitted for name in f.names]
    slopes = [slope for f in fitted for slope in f.slopes]
    divided = None
    if len(numbers) == first:  # no arrays among them
        data = {p.name for p in own.parameters} - {p.name for p in parameters}
        data |= {s.symbol for s in own.sizes}
        divided = ahead(step, numbers, slopes, value, dtype, data, taken)
    if once is None:
        return FitPlan(kernel, step, tuple(fitted), value, dtype, ahead=divided, is_short=are_short)
    assert {p.name for p in once.parameters} <= {p.name for p in kernel.parameters}
    before = team_plan(once, atomics=atomics)
    kept = kernel.parameters[-len(before.outputs) :]
    aliases = tuple(zip(kept, before.outputs, strict=True))
    return FitPlan(kernel, step, tuple(fitted), value, dtype, before, aliases, divided, are_short)


def _with_rows(
    plan: TeamPlan, kernel: Kernel, fitted: Set[str], rows: int, taken: set[str]
) -> TeamPlan:
    """The plan, whose threads keep the rows of the data that they add up over."""
    data = {p.name for p in kernel.parameters if p.rank} - fitted
    changed: set[str] = set()
    for statement in walk(kernel.body):
        changed |= defined(statement)
    sizes = [s.symbol for s in kernel.sizes if s.array in data]
    steps: list[Step] = []
    for step in plan.steps:
        found = None
        if isinstance(step, Share):
            found = kept(step, rows, sizes, data - changed, taken)
        steps.append(step if found is None else found)
    return replace(plan, steps=tuple(steps))


def _with_full(plan: TeamPlan, kernel: Kernel, fitted: Set[str], threads: int) -> TeamPlan:
    """The plan, which counts on all of a thread's rows but the last where only those can lack.

    Threads keep as many rows as the longest axis of the data takes. Where that must be the one
    whose rows they keep, each has all of them but, maybe, the last: nothing asks for the others.
    """
    sizes = {str(s.share.loop.extent) for s in plan.steps if isinstance(s, Kept)}
    steps: list[Step] = []
    for step in plan.steps:
        if isinstance(step, Kept):
            dims = [d for p in kernel.parameters if p.name not in fitted for d in p.shape]
            before = threads * (step.rows - 1)
            others = (d for d in dims if str(d) not in sizes)
            if len(sizes) == 1 and all(d.is_constant and d.value <= before for d in others):
                step = replace(step, full=step.rows - 1)
        steps.append(step)
    return replace(plan, steps=tuple(steps))


def _with_room(
    plan: TeamPlan, fitted: Sequence[Fitted], taken: Set[str], held: Held
) -> tuple[TeamPlan, bool]:
    """The plan, whose rows read parameters again that lie in memory, if registers are short.

    And whether they are short.
    """
    arrays = {f.parameter.name for f in fitted if not f.names}
    numbers = [f.parameter.dtype for f in fitted for _ in f.names]
    beside = BESIDE + BESIDE_EACH * (-(-sum(f.count for f in fitted) // LANES))
    are_short = False
    steps: list[Step] = []
    for step in plan.steps:
        if isinstance(step, Share):
            more = beside + step.words_of_row
            loop, again = eased(
                [], step.loop, [], step.totals, arrays, taken, beside=more, own=step.own, held=held
            )
            are_short |= bool(again) or is_short(loop, step.totals, numbers, beside=more)
            step = replace(step, loop=loop, again=again)
        steps.append(step)
    return replace(plan, steps=tuple(steps)), are_short


def is_for_grid(plan: FitPlan) -> bool:
    """Whether blocks of a grid can share the work of a step: all that they tell is numbers."""
    plans = (plan.step, *([plan.once] if plan.once is not None else []))
    return all(_is_for_grid(s) for p in plans for s in p.steps)


def _is_for_grid(step: Step) -> bool:
    match step:
        case Alone():
            return False
        case Share(totals=totals):
            return not any(t.shape for t in totals)
        case Around(blocks=inner):
            return all(_is_for_grid(s) for block in inner for s in block)
        case _:
            return True


def _count_of(step: Step) -> tuple[str, ...]:
    match step:
        case Uniform(Let(name, Apply("cast", (Index(),), dtype))) if dtype.is_float:
            return (name,)
        case _:
            return ()


def _check_count(parameters: Sequence[Parameter]) -> None:
    limit = f"up to {MOST} are kept there, one in each lane of a warp"
    total = 0
    for parameter in parameters:
        if not all(d.is_constant for d in parameter.shape):
            raise Refused(_NOWHERE, f"{parameter.name} has too many elements to be fitted: {limit}")
        total += _count(parameter)
    if total > MOST:
        raise Refused(_NOWHERE, f"{total} numbers are too many to be fitted: {limit}")


_NOWHERE = Let("_", Var("_", DType.BOOL), None, NOTHING)


def _count(parameter: Parameter) -> int:
    found = 1
    for dim in parameter.shape:
        found *= dim.value
    return found
