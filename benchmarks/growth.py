"""How time and memory grow with the number of points, of columns, and of steps.

Time per point (per element of a matrix, per step) should not grow; what is larger than a cache is
slower than what fits into it, once.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks import memory
from benchmarks.report import Row, Section
from benchmarks.timing import interleaved
from benchmarks.workloads import curves, dynamics, regression
from codegen_ad import differentiate

MOST = 3.0
"""How much more a unit may cost than in any smaller size, from `SETTLED` units on."""

SETTLED = 10_000
ELEMENTS = 1_000_000


def series(
    *, quick: bool
) -> Iterator[tuple[str, str, Any, Callable[[int], tuple], list[int], int]]:
    """Curves: title, unit, function, its data, sizes, and how many units each step of a size is."""
    peak, logistic = map(differentiate, (curves.peak, regression.logistic))
    leapfrog = differentiate(dynamics.leapfrog, wrt=("q", "p"))
    top = 6 if quick else 8
    rows = ELEMENTS // (10 if quick else 1)
    yield "points", "point", peak, curves.peak_data, [10**k for k in range(2, top + 1)], 1
    yield (
        "columns", "element", logistic, lambda p: regression.logistic_data(rows // p, p),
        [1, 10, 100, 1000], 0,
    )  # fmt: skip
    yield "steps", "step", leapfrog, dynamics.leapfrog_data, [10**k for k in range(1, top - 1)], 1


def measure(*, quick: bool) -> Section:
    rows: list[Row] = []
    for title, unit, function, data, sizes, counted in series(quick=quick):
        found: list[tuple[int, int, float, int | None]] = []
        for size in sizes:
            arguments = data(size)
            units = size if counted else arguments[1].size
            run = partial(function.value_and_grad, *arguments)
            used = memory.of_call(run)
            seconds = interleaved({"": run}, rounds=3, budget=3)[""]
            found.append((size, units, 1e9 * seconds / units, used))
            del arguments, run
        least = float("inf")
        for size, units, time, used in found:
            least = min(least, time)
            target, reached = "", None
            if units >= SETTLED:
                target = f"at most {MOST:g} times that of any smaller size"
                reached = time <= MOST * least
            name = f"{size:,} {title}, each {unit}"
            rows.append(Row(name, time, "ns", time / least, "", target, reached, used))
    title = "Growth: Gaussian peak, logistic regression of as many elements, leapfrog"
    return Section(title, tuple(rows))
