"""Steps of a fit that go ahead: the next point is evaluated while the last one is still judged.

What follows the last sums of a step is no work for many threads: value, slopes, whether the point
is the best, whether the fit ends. It is a long chain of short operations, and a warp waits for each
of them. Only the slopes lead to the next point, so only they stand between two evaluations; for the
rest there is the time of an evaluation, whose lanes pause between their exchanges.

That pays where slopes differ in nothing but the sums that they are made of: each lane finds that of
its own parameter from the sum that the exchange leaves there, and nobody is told the others. Where
they must be told, as many registers and shuffles are added as there are pauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from codegen_ad.ir.types import DType
from codegen_ad.plan.device.loops import defined, parts
from codegen_ad.plan.device.steps import Alone, Around, Kept, Share, Step, Uniform, Wait
from codegen_ad.plan.device.team import TeamPlan
from codegen_ad.plan.free import fresh
from codegen_ad.plan.kernel import Apply, Expr, Let, Raise, Statement, Var, While, walk
from codegen_ad.plan.tidying.rename import names_in, rename_expr

LANES = 32

MOST_PARTS = 40
"""Slopes of more operations than this, written out, are computed once for all lanes."""

OWN = "own"
"""The variable of a lane's parameter."""

Lets = Mapping[str, Let]


@dataclass(frozen=True, slots=True)
class Later:
    """A number of an evaluation, under the name by which it is known in the next one.

    Attributes
    ----------
    name : in the next one.
    source : its variable; of a sum the number of the lane that holds it.
    dtype : its type.
    """

    name: str
    source: str | int
    dtype: DType


@dataclass(frozen=True, slots=True)
class Ahead:
    """How a step is divided.

    Attributes
    ----------
    steps : the evaluation, which ends with the last sums: lanes have them as `coming`.
    sums : how many sums there are.
    held, coming : the lanes' sums of the evaluation before, and of the one that goes on: a variable
        for each 32.
    fixed : statements that no parameter changes: they stand before all steps.
    later : what else is used of the evaluation before.
    first : statements on the way to the slopes.
    slope : the derivative in a lane's parameter, made of the lane's sum `held[0]` and of `OWN`.
    rest : statements on the way to the value.
    value : the variable that holds it.
    """

    steps: tuple[Step, ...]
    sums: int
    held: tuple[str, ...]
    coming: tuple[str, ...]
    fixed: tuple[Let, ...]
    later: tuple[Later, ...]
    first: tuple[Let, ...]
    slope: Expr
    rest: tuple[Let, ...]
    value: Var


def ahead(
    plan: TeamPlan, parameters: Sequence[str], slopes: Sequence[Var], value: Var, dtype: DType,
    data: Set[str], taken: set[str],
) -> Ahead | None:  # fmt: skip
    """A step, divided; None where an evaluation can't be made in vain, or slopes differ.

    Parameters
    ----------
    parameters, slopes : the variables of all numbers that are fitted, and the derivatives in them.
    value : the variable that holds the value.
    dtype : in which the fit is computed.
    data : the names of what the caller passes beside them, and of sizes.
    taken : the names that are in use.
    """
    if not all(_is_harmless(s) for step in plan.steps for s in _statements(step)):
        return None
    constant = data - {n for step in plan.steps for s in _statements(step) for n in defined(s)}
    fixed = _fixed(plan.steps, constant)
    constant |= {let.name for let in fixed}
    all_steps = [s for s in plan.steps if not (isinstance(s, Uniform) and s.statement in fixed)]
    sums = [k for k, step in enumerate(all_steps) if isinstance(step, Share | Kept)]
    if not sums:
        return None
    before, last, tail = all_steps[: sums[-1]], all_steps[sums[-1]], all_steps[sums[-1] + 1 :]
    assert isinstance(last, Share | Kept)
    share = last.share if isinstance(last, Kept) else last
    found = [s.statement for s in tail if isinstance(s, Uniform) and isinstance(s.statement, Let)]
    if len(found) < len(tail):
        return None
    if any(t.shape or t.adds or t.how != "sum" or t.dtype is not dtype for t in share.totals):
        return None
    lets = {let.name: let for let in found}
    own = _own_slope(lets, parameters, slopes, {t.name for t in share.totals}, dtype)
    if own is None:
        return None
    slope, of = own
    order = {name: k for k, name in enumerate(of)}
    totals = sorted(share.totals, key=lambda t: order.get(t.name, len(order)))
    endings = ["", *(f"_{k}" for k in range(1, -(-len(totals) // LANES)))]
    held = tuple(fresh(f"held{e}", taken) for e in endings)
    coming = tuple(fresh(f"coming{e}", taken) for e in endings)
    is_first = _closure(lets, [slope])
    is_used = is_first | _closure(lets, [value])
    first = [let for let in found if let.name in is_first]
    rest = [let for let in found if let.name in is_used - is_first]
    places = {t.name: k for k, t in enumerate(totals)}
    later: dict[str, Later] = {}
    exprs = (slope, value, *(let.expr for let in (*first, *rest)))
    for part in (p for e in exprs for p in parts(e)):
        for name in names_in(part) if not isinstance(part, Apply) else ():
            if name in lets or name in constant or name in (OWN, _SUM):
                continue
            if not isinstance(part, Var):
                return None  # an array of the evaluation, or a place in one
            if name not in later:
                source = places.get(name, name)
                later[name] = Later(fresh(f"{name}_before", taken), source, part.dtype)
    names = {n: what.name for n, what in later.items()} | {_SUM: held[0]}

    def renamed(expr: Expr) -> Expr:
        return rename_expr(expr, lambda n: names.get(n, n))

    share = replace(share, totals=tuple(totals), held=coming)
    ending = replace(last, share=share) if isinstance(last, Kept) else share
    return Ahead(
        (*before, ending),
        len(totals),
        held,
        coming,
        tuple(fixed),
        tuple(later.values()),
        tuple(replace(let, expr=renamed(let.expr)) for let in first),
        renamed(slope),
        tuple(replace(let, expr=renamed(let.expr)) for let in rest),
        replace(value, name=names.get(value.name, value.name)),
    )


_SUM = "(sum)"
"""Stands for the lane's sum in a slope; no variable has such a name."""


def _own_slope(
    lets: Lets, parameters: Sequence[str], slopes: Sequence[Var], totals: Set[str], dtype: DType
) -> tuple[Expr, list[str]] | None:
    """The one expression of all slopes, and the sum that each is made of; None if there is none."""
    if len(slopes) == 1 or any(s.dtype is not dtype for s in slopes):
        return None
    shared = _in_all([_closure(lets, [s]) for s in slopes])
    rest = {name: let for name, let in lets.items() if name not in shared}
    exprs = [_written_out(s, rest) for s in slopes]
    if any(sum(1 for _ in parts(e)) > MOST_PARTS for e in exprs):
        return None
    used = [{*names_in(e)} & totals for e in exprs]
    of_all = _in_all(used)
    sums = [name for names in used for name in names - of_all]
    if len(sums) != len(slopes) or len({*sums}) < len(sums) or any(u == of_all for u in used):
        return None
    found: set[Expr] = set()
    for expr, total, parameter in zip(exprs, sums, parameters, strict=True):
        names = {total: _SUM, parameter: OWN}
        found.add(rename_expr(expr, lambda n, names=names: names.get(n, n)))
    return (found.pop(), sums) if len(found) == 1 else None


def _in_all(sets: Sequence[set[str]]) -> set[str]:
    found = set(sets[0])
    for names in sets[1:]:
        found &= names
    return found


def _written_out(expr: Expr, lets: Lets) -> Expr:
    """An expression with statements put in where it names their variables."""
    match expr:
        case Var(name) if name in lets:
            return _written_out(lets[name].expr, lets)
        case Apply(args=args):
            return replace(expr, args=tuple(_written_out(a, lets) for a in args))
        case _:
            return expr


def _closure(lets: Lets, exprs: Iterable[Expr]) -> set[str]:
    """The statements that expressions are made of, directly or not."""
    found: set[str] = set()
    more = [name for e in exprs for name in names_in(e)]
    while more:
        name = more.pop()
        if name in lets and name not in found:
            found.add(name)
            more += names_in(lets[name].expr)
    return found


def _fixed(steps: Sequence[Step], constant: Set[str]) -> list[Let]:
    """The statements about numbers that follow from the data alone."""
    known = set(constant)
    found: list[Let] = []
    for step in steps:
        match step:
            case Uniform(Let(name, expr) as let) if known.issuperset(names_in(expr)):
                known.add(name)
                found.append(let)
            case _:
                pass
    return found


def _statements(step: Step) -> Iterator[Statement]:
    match step:
        case Uniform(statement) | Around(statement):
            yield statement
        case Share(loop) | Kept(Share(loop)):
            yield loop
        case Alone(statements):
            yield from statements
        case Wait():
            pass


def _is_harmless(statement: Statement) -> bool:
    """Whether it ends wherever parameters lead, and no error comes of it."""
    return not any(isinstance(s, While | Raise) for s in walk([statement]))
