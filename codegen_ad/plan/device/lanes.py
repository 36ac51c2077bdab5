"""A kernel for one warp of which every lane knows all results: arrays, too, are each lane's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from codegen_ad.plan.device.steps import Alone, Around, Share, Step, Uniform, Wait
from codegen_ad.plan.device.team import TeamPlan, repeated_plan
from codegen_ad.plan.device.thread import is_small
from codegen_ad.plan.device.waits import shares_of
from codegen_ad.plan.kernel import Accumulate, Allocate, Kernel, Load, Store, copied, walk


def lanes_plan(kernel: Kernel) -> TeamPlan | None:
    """The kernel as steps of a warp; None where its lanes have nothing to share.

    Each lane has its own of all arrays that the kernel makes, and writes all of them; so it is None
    where that takes too much memory, or lanes would write parts of an array.

    Raises
    ------
    Refused
        If a statement can't be run on a device.
    """
    made = [s for s in walk(kernel.body) if isinstance(s, Allocate)]
    if not all(s.buffer in kernel.outputs or is_small(s) for s in made):
        return None
    plan = repeated_plan(replace(kernel, body=[copied(s) for s in kernel.body]), ())
    steps = tuple(_by_all(plan.steps))
    shares = list(shares_of(steps))
    if not shares or any(_writes_parts(share) for share in shares):
        return None
    return replace(plan, steps=steps)


def _by_all(steps: Iterable[Step]) -> Iterator[Step]:
    """What one thread would do for all, every lane does for itself; so nobody waits."""
    for step in steps:
        match step:
            case Wait():
                continue
            case Alone(statements):
                yield from map(Uniform, statements)
            case Around(statement, blocks):
                yield Around(statement, tuple(tuple(_by_all(b)) for b in blocks))
            case _:
                yield step


def _writes_parts(share: Share) -> bool:
    """Whether the trips of a loop write to an array that is there behind the loop, each a part."""
    own = {o.name for o in share.own} | {t.name for t in share.totals}
    for statement in walk(share.loop.body):
        match statement:
            case Store(buffer) | Accumulate(Load(buffer)) if buffer not in own:
                return True
            case _:
                pass
    return False
