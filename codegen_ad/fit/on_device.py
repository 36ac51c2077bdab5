"""Fits on a GPU: where a fit belongs, and its launches, between which the host looks at it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import DriverTooOld, MissingDependency, NoDevice
from codegen_ad.fit.fitted import Fitted
from codegen_ad.fit.methods import Choice
from codegen_ad.fit.monitor import Status
from codegen_ad.runtime.arguments import Binder, leaves_of
from codegen_ad.runtime.compiled import Compiled

WARP_ROWS = 256
"""One fit of at most so many rows is the work of one warp."""

MANY_WARP_ROWS = 4096
"""So it is up to so many where fits are many: they fill the device without waiting for others."""

MANY = 256
"""From so many fits on, they are many."""

BLOCK_ROWS = 2**16
"""One fit of more rows is worth the barriers of a grid, each of which takes a microsecond or two;
several fits are not."""

WARP, BLOCK = 32, 256
KEPT = range(1, 9)
"""Threads of a warp and of a block, and how many rows each of them may keep."""

WORTH = 2**17
"""With target="auto", fits of fewer rows, those of all fits taken together, run on the processor: a
small one takes as long there, by the model of docs/cuda.md."""

THREAD_POINTS = 256
"""A least-squares fit of at most so many points is the work of one thread, where fits are many: the
points of all fits that run at once then lie in the device's cache, some 50 MB."""

THREAD_FITS = 2**12
"""For fewer fits than that, threads would leave most of a device idle, and a warp works on each."""

FIRST_STEPS = 256
FIRST_ITERATIONS = 16
LAUNCH_SECONDS = 0.05
MOST_STEPS = 2**16
"""Steps of the first launch, or iterations of Levenberg and Marquardt, the time that other launches
are to take, and the most steps of one."""


def team(rows: int, fits: int = 1) -> str:
    """What runs a fit of so many rows, beside so many others: a warp, a block or a grid.

    The number behind it is that of the rows that each thread keeps in registers, where it can keep
    all that it reads.
    """
    kind, threads = "block", BLOCK
    if rows <= (MANY_WARP_ROWS if fits >= MANY else WARP_ROWS):
        kind, threads = "warp", WARP
    elif rows > BLOCK_ROWS and fits == 1:
        return "grid"
    kept = next((k for k in KEPT if rows <= k * threads), "")
    return f"{kind}{kept}"


def least_squares_team(points: int, fits: int) -> str:
    """What runs each of many least-squares fits of so many points: a thread or a warp."""
    return "thread" if points <= THREAD_POINTS and fits >= THREAD_FITS else "warp"


def points_of(binder: Binder, arguments: Mapping[str, Any]) -> int:
    """How many points the data of a fit have: the size of the largest array not fitted."""
    return max((prod(shape) for shape in _shapes(binder, arguments)), default=1)


def rows_of(binder: Binder, arguments: Mapping[str, Any]) -> int:
    """How many rows the data of a fit have: the longest axis of all that is not fitted."""
    return max((max(shape, default=1) for shape in _shapes(binder, arguments)), default=1)


def _shapes(binder: Binder, arguments: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """The shapes of what is not fitted."""
    return [
        tuple(leaf.shape)
        for name, form in binder.form(arguments).parameters
        if name not in binder.wrt
        for leaf in leaves_of(arguments[name], form, name)
        if hasattr(leaf, "shape")
    ]


def is_worth_it(rows: int, fits: int = 1) -> bool:
    """Whether fits of so many rows run on a GPU where nobody said so."""
    if rows * fits < WORTH:
        return False
    from codegen_ad.runtime.cuda.devices import platform

    try:
        platform().driver()
    except (NoDevice, MissingDependency, DriverTooOld):
        return False
    return True


class Pace:
    """How many steps a launch takes, so that nobody waits for long.

    Attributes
    ----------
    steps : of the next launch.
    """

    def __init__(self, first: int) -> None:
        self.steps = first
        self._begin = 0.0

    def begin(self) -> None:
        """Take the time of a launch."""
        self._begin = time.perf_counter()

    def end(self) -> None:
        """Set the steps of the next launch by how long this one took."""
        seconds = max(time.perf_counter() - self._begin, 1e-6)
        count = self.steps * LAUNCH_SECONDS / seconds
        self.steps = max(1, min(int(count), MOST_STEPS, 16 * self.steps))


class Launches:
    """Fits on a device and their launches, each as long as nobody need wait for it.

    Attributes
    ----------
    steps : how many there are at most.
    run : what lies on the device.
    """

    def __init__(
        self,
        compiled: Compiled,
        values: Sequence[Any],
        points: NDArray[Any],
        choice: Choice,
        tolerances: Sequence[float | None],
        steps: int,
        *,
        trace: bool,
    ) -> None:
        self.steps = steps
        self._compiled = compiled
        self._choice = choice
        limits = [-1.0 if t is None else t for t in tolerances]
        hyper = np.array([*choice.values, *limits])
        fit: Any = compiled.function
        self.run = fit.start(values, points, hyper, steps, trace=trace)
        self._done = 0
        self._pace = Pace(FIRST_STEPS)

    def launch(self) -> bool:
        """Launch once; whether any fit goes on."""
        until = min(self._done + self._pace.steps, self.steps + 1)
        self._pace.begin()
        weights = self._choice.weights(self._done, until)
        self._compiled.call([self.run, until, weights])
        self._pace.end()
        self._done = until
        return bool((self.run.counts[:, 1] == Status.STOPPED).any()) and until <= self.steps


class DeviceRun:
    """One fit on a device, as `watch` calls it and `minimize` reads it."""

    def __init__(
        self,
        compiled: Compiled,
        values: Sequence[Any],
        fitted: Fitted,
        choice: Choice,
        tolerances: Sequence[float | None],
        steps: int,
        *,
        trace: bool,
    ) -> None:
        points = np.concatenate([p.ravel() for p in fitted.points])[None]
        self._fitted = fitted
        self._launches = Launches(compiled, values, points, choice, tolerances, steps, trace=trace)
        self.structured = fitted.structured
        self.progress = np.array([0.0, np.nan, np.nan, np.inf])
        self.stop = np.zeros(1, dtype=np.int64)
        self.points: list[NDArray[Any]] = []
        self.gradients: list[NDArray[Any]] = []

    def compile(self) -> None:
        """Nothing: the kernel is loaded where the data are copied."""

    def __call__(self) -> int:
        """Launch until the fit has ended or is stopped; the status."""
        run = self._launches.run
        while not self.stop[0]:
            goes_on = self._launches.launch()
            (previous, norm, best), (step, _) = run.record[0].tolist(), run.counts[0]
            self.progress[:] = step, previous, math.sqrt(norm) if norm >= 0 else norm, best
            if not goes_on:
                break
        self.points = self._leaves(run.array("best")[0])
        self.gradients = self._leaves(run.array("best_gradient")[0])
        return int(run.counts[0, 1])

    def _leaves(self, flat: NDArray[Any]) -> list[NDArray[Any]]:
        """What is fitted, out of all numbers in a row."""
        parts = zip(self._fitted.parts(flat), self._fitted.points, strict=True)
        return [part.astype(p.dtype) for part, p in parts]

    def evaluations(self, taken: int, status: Status) -> int:
        """How often loss and gradient were computed; the best point's are kept with it."""
        return taken + (status in (Status.STEPS_DONE, Status.NOT_FINITE))

    def kept(self, taken: int) -> NDArray[np.float64]:
        """The trace of the steps taken."""
        return self._launches.run.array("trace")[0, :taken].astype(np.float64)
