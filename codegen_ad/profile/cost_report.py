"""What a gradient costs beside the value: as the plan predicts it, and as it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codegen_ad.errors import InvalidArgument
from codegen_ad.explain.stages import HasKernels

if TYPE_CHECKING:
    from codegen_ad.plan.cost import Cost


@dataclass(frozen=True, slots=True)
class CostReport:
    """Predicted and measured cost of value and gradient; it prints as a small table.

    Attributes
    ----------
    name : the function's name.
    operations : operations of a call, and of the value alone, as counted on the plans; a division
        counts as four, a transcendental function as fifteen. What the run alone knows (how often a
        `while` turns, the size of `x[mask]`) and library calls are not in it.
    moved : bytes that the loops read and write, in the same way: what they ask for, from whichever
        cache it comes.
    predicted : the ratio of gradient to value in the header of the file; None if it says none.
    seconds : the shortest time of a call, and of the value alone.
    """

    name: str
    operations: tuple[int, int]
    moved: tuple[int, int]
    predicted: float | None
    seconds: tuple[float, float]

    @property
    def measured(self) -> float:
        """The time of value and gradient over that of the value alone."""
        return self.seconds[0] / self.seconds[1]

    def __str__(self) -> str:
        predicted = "" if self.predicted is None else f"{self.predicted:.2f}"
        rows = (
            ("", "value and gradient", "value", "ratio"),
            ("operations", *(f"{n:,}" for n in self.operations), predicted),
            ("bytes", *(f"{n:,}" for n in self.moved), ""),
            ("microseconds", *(f"{1e6 * s:,.1f}" for s in self.seconds), f"{self.measured:.2f}"),
        )
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = [f"Cost of {self.name}: predicted operations and bytes, measured time"]
        for name, *cells in rows:
            padded = (c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))
            lines.append("  ".join((name.ljust(widths[0]), *padded)).rstrip())
        return "\n".join(lines)


def measure_cost(
    differentiable: HasKernels, args: Sequence[Any], kwargs: Mapping[str, Any], *, repeat: int = 100
) -> CostReport:
    """Predict and measure what value and gradient cost for these arguments.

    Parameters
    ----------
    repeat : how often each of both is run, one after the other in turns.

    Raises
    ------
    InvalidArgument
        If `repeat` is not positive.
    """
    from codegen_ad import build
    from codegen_ad.profile.trip_counts import known_integers

    if repeat < 1:
        raise InvalidArgument(f"repeat={repeat}: at least one run is needed")
    kernels = differentiable.kernels
    calls: list[Callable[[], object]] = []
    counted: list[tuple[int, int]] = []
    predicted: float | None = None
    for mode in ("value", "value_and_grad"):
        prepared, leaves = kernels.prepare(mode, kernels.binder.bind(args, kwargs))
        stages = build.run(
            differentiable.__wrapped__, prepared.signature, mode, differentiable.options,
            kernels.binder.wrt,
        )  # fmt: skip
        sizes = known_integers(stages.kernel, leaves, prepared.compiled.sizes_of(leaves))
        counted.append(_counted(stages.cost, sizes))
        predicted = stages.cost.ratio
        calls.append(lambda c=prepared.compiled, x=leaves: c.call(x))
    value, both = _shortest(calls, repeat)
    operations, moved = zip(counted[1], counted[0], strict=True)
    return CostReport(kernels.binder.name, operations, moved, predicted, (both, value))


def _counted(cost: Cost, sizes: Mapping[str, int]) -> tuple[int, int]:
    """Weighted operations and bytes in all loops whose lengths the arguments tell."""
    known = [w for w in cost.loops if set(w.extent.symbols()).issubset(sizes)]
    times = [w.extent.evaluate(sizes) for w in known]
    return (
        sum(w.weight * n for w, n in zip(known, times, strict=True)),
        sum((w.read + w.written) * n for w, n in zip(known, times, strict=True)),
    )


def _shortest(calls: Sequence[Callable[[], object]], repeat: int) -> list[float]:
    """The shortest time of each call, taken in turns so that a busy machine is fair to all."""
    for call in calls:
        call()  # compiles it
    best = [float("inf")] * len(calls)
    for _ in range(repeat):
        for number, call in enumerate(calls):
            began = time.perf_counter()
            call()
            best[number] = min(best[number], time.perf_counter() - began)
    return best
