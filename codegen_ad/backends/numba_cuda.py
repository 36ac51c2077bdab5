"""The CUDA backend: a kernel plan becomes a file of numba.cuda kernels. It plans nothing itself.

What a generated file holds, for whoever compiles, simulates or launches it:

- Its kernels are functions decorated with `@cuda.jit`, without a signature: importing the file
  compiles nothing and needs no driver. `numba.cuda` stands in the one line
  `from numba import cuda`; beside it files import `numpy` and `math`.
- `KERNELS` lists them in the order in which they are launched, one after another, each with
  `arguments` (names and numba's types, in order; all arrays are C-contiguous), `rows` (how many
  there are, as text over the sizes, or None), `blocks` and `threads`. The signature is `void` of
  the types. With `rows`, a launch may take fewer blocks, `min(blocks, max(1, ceil(rows /
  threads)))`: the bits are the same. With `least`, fewer rows than that take one block: the number
  of rows then decides about the bits. With `kept`, the sizes in it may be no larger than the
  numbers beside them. Compile with `launch_bounds=(threads, 1)`.
- Arguments that are not in `ARRAYS` are the user's parameters, by name: arrays by reference,
  numbers by value. `ARRAYS` describes the others: `dtype`, `shape` (texts over the sizes) and
  `role`. "output" arrays are what the kernels return (a number in one element), "scratch" is
  memory that only the kernels use, of no particular content; "counter" is zero before the first
  launch, and is zero again after each; "status" is zero before a call and holds the number of a
  failure behind it; "state" is what a fit hands from one launch to the next (below), "barrier" and
  "unfinished" are zero before each launch.
- `SIZES` says where each size is read: (parameter, axis), or how it is found from sizes before it
  and from whole numbers that are passed, as text.
- `PRODUCTS`, where it stands, lists products of matrices that a library computes: before which
  kernel (None: behind the last), what is multiplied, and the types.
- `NEEDED`, where it stands, names numbers of rows that there is room for, which kernels take as
  arguments: 0 in the first call. A kernel that needs more leaves the number in the array of role
  "needed", at the place that the name has in the table; these are zero before a call. Then the call
  is made again with so many, and nothing else of the one before counts.
- `OUTPUTS` names the output arrays in the order of the function's results.
- `FAILURES[k - 1]` is the exception and the message that `status[0] == k` stands for.

The kernel of a fit takes rows of "state", one for each fit: `point`, `best` and `best_gradient`
hold all numbers that are fitted, one after another, and so do the method's own arrays, which end in
`_all`; `record` holds the last loss, the square of its gradient's norm and the best loss, `counts`
the steps taken and how the fit ended (`fit.monitor.Status`, with STOPPED while it has not). A
launch evaluates the loss until `until` evaluations have been made; after `total` steps a fit has
ended. `weights` has a row for each step from `first` on: what the method computes once a step.
`trace` takes the losses where it has columns. Parameters that each fit has its own of have one axis
more, the first. A "cooperative" kernel waits for all of its blocks.

The kernel of many least-squares fits takes the first guesses as `points`, all numbers of a fit one
after another. `SIZES` says on which axis of it fits are counted: where that is the last one, all
that each fit has its own of must lie so, results too, and the file has a kernel for each dtype that
transposes. A launch goes on until `until` iterations of `steps` have been made, `begun` of them by
the launches before; it leaves in "unfinished" how many fits go on. `outcome` says how a fit has
ended (`fit.monitor.Status`, STOPPED while it has not), `counts` holds its iterations and residuals.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace

from codegen_ad.backends.brought import helpers
from codegen_ad.backends.device_math import functions_for
from codegen_ad.backends.sparing import Spilled, Written, sparing
from codegen_ad.emit.device_fit_lines import reserved
from codegen_ad.emit.device_fit_view import TEAMS, device_fit_view
from codegen_ad.emit.device_many_view import device_many_view, parameter_names
from codegen_ad.emit.device_view import RESERVED, bringing, device_view
from codegen_ad.emit.fit_view import Once, Recipe
from codegen_ad.emit.render import render
from codegen_ad.emit.view import About
from codegen_ad.errors import UnsupportedOnDevice
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device.counted import Counted, counted
from codegen_ad.plan.device.empty import check_not_empty
from codegen_ad.plan.device.fit import fit_plan, is_for_grid
from codegen_ad.plan.device.loops import Refused, check_possible, is_product
from codegen_ad.plan.device.passes import device_plan
from codegen_ad.plan.device.reshaped import without_views
from codegen_ad.plan.device.team import TeamPlan, team_plan
from codegen_ad.plan.device.thrift import AS_ESTIMATED, NO_THRIFT, Thrift
from codegen_ad.plan.device.whole import DevicePlan
from codegen_ad.plan.kernel import Kernel, walk

NAME = "numba_cuda"
__all__ = [
    "NAME",
    "RESERVED",
    "TEAMS",
    "fit_many_source",
    "fit_source",
    "hardship",
    "parameter_names",
    "reserved",
    "source",
]

STEPPING = (
    "all_finite", "widen", "steepness", "bounded_step", "cost_rounding", "decrease", "judged",
    "inverse_curvature",
)  # fmt: skip
"""The functions of `trust_region.py` that the template of many fits calls."""

_INSTEAD = 'Leave target="cuda" out: it then runs on the processor.'


def source(
    kernel: Kernel,
    about: About,
    cost: Cost,
    *,
    atomics: bool = False,
    spilled: Spilled | None = None,
) -> str:
    """The text of the kernels' file.

    Parameters
    ----------
    atomics : whether sums at places that data name may be taken in any order.
    spilled : the compiler that is asked what kernels spill; without one, estimates stand.

    Raises
    ------
    UnsupportedOnDevice
        If the kernel is not for many threads.
    """

    def write(thrift: Mapping[int, Thrift], notes: tuple[str, ...]) -> Written:
        plan = _planned(ready, atomics=atomics, thrift=thrift)
        k = bringing(device_view(plan, about, cost, notes), functions_for)
        return Written(render(f"{NAME}/kernel.py.jinja", k=k), {v.name: v.loop for v in k.passes})

    with _refusing():
        ready = counted(without_views(kernel))
        return sparing(write, spilled)


def fit_source(
    kernel: Kernel,
    about: About,
    cost: Cost,
    recipe: Recipe,
    targets: Sequence[int],
    name: str,
    once: Once | None = None,
    *,
    team: str,
    per_fit: Set[str] = frozenset(),
    atomics: bool = False,
    spilled: Spilled | None = None,
) -> str:
    """The text of a file whose kernel `name` runs whole fits; `once` runs before their steps.

    Parameters
    ----------
    team : which of `TEAMS` runs one fit; a grid is a block where a step has work that blocks of a
        grid can't share.
    per_fit : the parameters that each fit has its own of; others are of all.
    atomics : whether sums at places that data name may be taken in any order.
    spilled : the compiler that is asked what the kernel spills; without one, estimates stand.

    Raises
    ------
    UnsupportedOnDevice
        If the fit is not for many threads.
    """
    exchange, _ = TEAMS[team]
    kernel, before = without_views(kernel), None if once is None else without_views(once.kernel)
    rows, threads = exchange.rows, exchange.threads

    def write(thrift: Mapping[int, Thrift], notes: tuple[str, ...]) -> Written:
        how = thrift.get(0, AS_ESTIMATED)
        plan = fit_plan(kernel, targets, before, rows, threads, atomics=atomics, thrift=how)
        chosen = "block" if team == "grid" and not is_for_grid(plan) else team
        k, f = device_fit_view(plan, about, cost, recipe, name, chosen, per_fit)
        brought = functions_for("\n".join((*f.start, *f.evaluate)))
        k = replace(k, brought=brought, order=(*k.order, *notes))
        return Written(render(f"{NAME}/fit.py.jinja", k=k, f=f), {name: 0})

    with _refusing():
        return sparing(write, spilled)


def fit_many_source(
    kernel: Kernel,
    about: About,
    cost: Cost,
    targets: Sequence[int],
    each: Collection[int],
    name: str,
    team: str,
) -> str:
    """The text of a file whose kernel `name` runs many least-squares fits.

    Parameters
    ----------
    kernel : computes normal equations.
    each : the numbers of what each fit has its own of.
    team : what works on one fit: "thread", or "warp", which is a thread where the lanes of a warp
        have nothing to share.

    Raises
    ------
    UnsupportedOnDevice
        If a fit needs memory of its own.
    """
    texts = [h.text for h in helpers(" ".join(f"{function}()" for function in STEPPING))]
    kernel = without_views(kernel)
    with _refusing():
        for statement in walk(kernel.body):
            check_possible(statement)
        check_not_empty(kernel)
        k, f = device_many_view(kernel, about, cost, targets, each, name, texts, team)
    k = replace(k, brought=functions_for("\n".join(f.core.body)))
    return render(f"{NAME}/fit_many.py.jinja", k=k, f=f)


@contextmanager
def _refusing() -> Generator[None]:
    """Say in the user's terms what can't be planned."""
    try:
        yield
    except Refused as refused:
        message = f"This can't run on a GPU: {refused.reason}.\n{_INSTEAD}"
        raise UnsupportedOnDevice(message, origin=refused.statement.note.origin) from None


def _planned(
    ready: Counted, *, atomics: bool, thrift: Mapping[int, Thrift] = NO_THRIFT
) -> DevicePlan | TeamPlan:
    """Passes over the data where that is possible, else the work of one team of threads."""
    kernel = ready.kernel
    for statement in walk(kernel.body):
        check_possible(statement)
    try:
        plan = device_plan(kernel, atomics=atomics, thrift=thrift)
    except Refused:
        if any(is_product(s) for s in walk(kernel.body)):
            raise
        plan = team_plan(kernel, atomics=atomics, columns=True)
    return replace(plan, rooms=ready.rooms)


def hardship(kernel: Kernel, *, atomics: bool = False) -> int:
    """How a device takes a kernel's work, for comparing plans: the lower, the better.

    0 is one pass after another by all threads, 1 with sums over all rows for each element of an
    array, 2 one team of threads, 3 not at all.
    """
    try:
        plan = _planned(counted(without_views(kernel)), atomics=atomics)
    except Refused:
        return 3
    return int(plan.is_long) if isinstance(plan, DevicePlan) else 2
