"""The normal equations of one of many fits, as a function of one thread or of a warp's lanes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.exchanges import Warp
from codegen_ad.emit.team_lines import TeamWriter
from codegen_ad.emit.view import About, code_only, head, tuple_of
from codegen_ad.plan.device.lanes import lanes_plan
from codegen_ad.plan.device.loops import Refused
from codegen_ad.plan.device.team import TeamPlan
from codegen_ad.plan.free import names_of
from codegen_ad.plan.kernel import Allocate, Kernel, Statement, walk


@dataclass(frozen=True, slots=True)
class CoreView:
    """A function that puts gradient and curvature into arrays of the thread.

    It returns half of the sum of squares, and how many residuals there are.
    """

    head: tuple[str, ...]
    body: tuple[str, ...]


def shared_plan(kernel: Kernel) -> TeamPlan | None:
    """How a warp's lanes share the rows of a fit; None where they can't.

    Raises
    ------
    Refused
        If each fit needs memory of its own.
    """
    outputs = set(kernel.outputs[2:])
    for statement in walk(kernel.body):
        if isinstance(statement, Allocate) and (
            statement.buffer not in outputs or statement.fill is not None
        ):
            raise Refused(statement, "each fit would need an array of its own for this")
    try:
        return lanes_plan(kernel)
    except Refused:
        return None


def thread_core(kernel: Kernel, about: About, failures: Failures) -> CoreView:
    """The function of a thread that works on a fit by itself."""
    writer = DeviceWriter(about.function, failures)
    statements: list[Statement] = [s for s in kernel.body if not isinstance(s, Allocate)]
    writer.block(statements, 0)
    return _core(kernel, writer, failures)


def lanes_core(kernel: Kernel, plan: TeamPlan, about: About, failures: Failures) -> CoreView:
    """The function that a warp's lanes run together: each ends with the same numbers."""
    writer = DeviceWriter(about.function, failures)
    taken = names_of(kernel) | names_of(plan.kernel)
    team = TeamWriter(writer, (plan,), Warp(everywhere=True), taken, may_leave=False)
    team.start(sums=True)
    for step in plan.steps:
        team.step(step, 0)
    return _core(kernel, writer, failures)


def _core(kernel: Kernel, writer: DeviceWriter, failures: Failures) -> CoreView:
    gradient, curvature = kernel.outputs[2:]
    assert isinstance(gradient, str) and isinstance(curvature, str)
    results = [o if isinstance(o, str) else writer.spell(o) for o in kernel.outputs[:2]]
    used = set(re.findall(r"\w+", "\n".join(code_only([*writer.lines, *results]))))
    sizes = [str(s) for s in kernel.sizes if s.symbol in used]
    body = [re.sub(r"\bstatus\b", "failed", line) for line in writer.lines]
    names = [*(p.name for p in kernel.parameters), gradient, curvature]
    names += ["failed"] if failures.known else []
    return CoreView(head(kernel.name, names), (*sizes, *body, f"return {tuple_of(results)}"))
