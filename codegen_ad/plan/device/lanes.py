"""A kernel for one warp of which every lane knows all results: arrays, too, are each lane's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from codegen_ad.plan.device.team import (
    Alone,
    Around,
    Share,
    Step,
    TeamPlan,
    Uniform,
    Wait,
    repeated_plan,
)
from codegen_ad.plan.kernel import Kernel, copied


def lanes_plan(kernel: Kernel) -> TeamPlan | None:
    """The kernel as steps of a warp; None where its lanes have nothing to share.

    Parameters
    ----------
    kernel : the arrays that it makes, if any, are its results: each lane has its own, and writes
        all of them.

    Raises
    ------
    Refused
        If a statement can't be run on a device.
    """
    plan = repeated_plan(replace(kernel, body=[copied(s) for s in kernel.body]), ())
    steps = tuple(_by_all(plan.steps))
    return replace(plan, steps=steps) if _has_shares(steps) else None


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


def _has_shares(steps: Sequence[Step]) -> bool:
    return any(
        isinstance(s, Share) or (isinstance(s, Around) and any(map(_has_shares, s.blocks)))
        for s in steps
    )
