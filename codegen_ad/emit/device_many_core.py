"""The normal equations of one of many fits, as a function of one thread or of a warp's lanes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.exchanges import Warp
from codegen_ad.emit.team_lines import TeamWriter, local_array
from codegen_ad.emit.view import About, code_only, head, tuple_of
from codegen_ad.plan.device.lanes import lanes_plan
from codegen_ad.plan.device.loops import Refused
from codegen_ad.plan.device.team import TeamPlan
from codegen_ad.plan.device.thread import ThreadPlan
from codegen_ad.plan.free import names_of
from codegen_ad.plan.kernel import Kernel


@dataclass(frozen=True, slots=True)
class CoreView:
    """A function that puts gradient and curvature into arrays of the thread.

    It returns half of the sum of squares, and how many residuals there are.
    """

    head: tuple[str, ...]
    body: tuple[str, ...]


def shared_plan(kernel: Kernel) -> TeamPlan | None:
    """How a warp's lanes share the rows of a fit; None where they can't."""
    try:
        return lanes_plan(kernel)
    except Refused:
        return None


def thread_core(kernel: Kernel, plan: ThreadPlan, about: About, failures: Failures) -> CoreView:
    """The function of a thread that works on a fit by itself; arrays in memory are taken last."""
    writer = DeviceWriter(about.function, failures)
    for own in plan.own:
        writer.line(local_array(own), 0)
    writer.block(list(plan.body), 0)
    return _core(kernel, writer, failures, [b.name for b in plan.scratch])


def lanes_core(kernel: Kernel, plan: TeamPlan, about: About, failures: Failures) -> CoreView:
    """The function that a warp's lanes run together: each ends with the same numbers."""
    writer = DeviceWriter(about.function, failures)
    taken = names_of(kernel) | names_of(plan.kernel)
    team = TeamWriter(writer, (plan,), Warp(everywhere=True), taken, may_leave=False)
    team.start(sums=True)
    for buffer in plan.buffers:
        if buffer.name not in kernel.outputs:
            writer.line(local_array(buffer), 0)
    for step in plan.steps:
        team.step(step, 0)
    return _core(kernel, writer, failures, [])


def _core(
    kernel: Kernel, writer: DeviceWriter, failures: Failures, scratch: Sequence[str]
) -> CoreView:
    gradient, curvature = kernel.outputs[2:]
    assert isinstance(gradient, str) and isinstance(curvature, str)
    results = [o if isinstance(o, str) else writer.spell(o) for o in kernel.outputs[:2]]
    used = set(re.findall(r"\w+", "\n".join(code_only([*writer.lines, *results]))))
    sizes = [str(s) for s in kernel.sizes if s.symbol in used]
    body = [re.sub(r"\bstatus\b", "failed", line) for line in writer.lines]
    names = [*(p.name for p in kernel.parameters), gradient, curvature]
    names += [*(["failed"] if failures.known else []), *scratch]
    return CoreView(head(kernel.name, names), (*sizes, *body, f"return {tuple_of(results)}"))
