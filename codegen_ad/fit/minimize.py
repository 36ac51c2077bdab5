"""Run a whole fit as one compiled kernel, watched from Python, and put the result together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from codegen_ad.fit import checks, on_device
from codegen_ad.fit.fitted import Fitted, arguments_of
from codegen_ad.fit.methods import Choice, choose
from codegen_ad.fit.monitor import Callback, Status, watch
from codegen_ad.fit.over_fits import brought_home
from codegen_ad.fit.result import FitResult
from codegen_ad.options import Options, target_of
from codegen_ad.runtime.compiled import Compiled
from codegen_ad.runtime.dispatch import Kernels


class HasKernels(Protocol):
    """A differentiable function."""

    options: Options

    @property
    def kernels(self) -> Kernels:
        """The kernels of the function."""
        ...

    def on(self, target: str) -> HasKernels:
        """The same function for another target."""
        ...


class Run(Protocol):
    """A fit that can be run once.

    Attributes
    ----------
    progress, stop : as `watch` takes them.
    points, gradients : behind the run, the best point and the gradient there.
    structured : puts either together like the first guess.
    """

    progress: NDArray[np.float64]
    stop: NDArray[np.int64]
    points: list[NDArray[Any]]
    gradients: list[NDArray[Any]]
    structured: Callable[[Sequence[NDArray[Any]]], Any]

    def compile(self) -> None:
        """Compile or load the kernel, so that timing starts after."""
        ...

    def __call__(self) -> int:
        """Run, and return the status."""
        ...

    def evaluations(self, taken: int, status: Status) -> int:
        """How often loss and gradient were computed."""
        ...

    def kept(self, taken: int) -> NDArray[np.float64]:
        """The trace of the steps taken."""
        ...


def minimize(
    function: HasKernels,
    x0: Any,
    args: Sequence[Any] = (),
    *,
    method: str = "gd",
    steps: int = 10_000,
    trace: bool = False,
    progress: bool | None = None,
    callback: Callback | None = None,
    time_limit: float | None = None,
    target: str | None = None,
    gtol: float | None = None,
    ftol: float | None = None,
    **options: Any,
) -> FitResult:
    """See `codegen_ad.minimize`."""
    steps = checks.step_count("steps", steps)
    tolerances = [checks.tolerance("gtol", gtol), checks.tolerance("ftol", ftol)]
    limit = checks.time_limit("time_limit", time_limit)
    checks.callback(callback)
    choice = choose(method, options)
    run = _run(function, x0, args, target, choice, tolerances, steps, trace=bool(trace))
    run.compile()
    started = time.perf_counter()
    outcome = watch(
        run,
        run.progress,
        run.stop,
        steps=steps,
        progress_bar=progress,
        callback=callback,
        time_limit=limit,
    )
    seconds = time.perf_counter() - started
    taken = int(run.progress[0])
    return FitResult(
        x=run.structured(run.points),
        fun=float(run.progress[3]),
        jac=run.structured(run.gradients),
        nit=taken - 1 if outcome.status is Status.CONVERGED else taken,
        nfev=run.evaluations(taken, outcome.status),
        status=int(outcome.status),
        message=outcome.message,
        success=outcome.is_success(tolerances=any(t is not None for t in tolerances)),
        trace=run.kept(taken) if trace else None,
        seconds=seconds,
        method=method,
    )


def _run(
    function: HasKernels,
    x0: Any,
    args: Sequence[Any],
    target: str | None,
    choice: Choice,
    tolerances: Sequence[float | None],
    steps: int,
    *,
    trace: bool,
) -> Run:
    """The fit on the processor, or on a GPU."""
    target = function.options.target if target is None else target_of(target)
    kernels = function.on("cpu" if target == "cpu" else "cuda").kernels
    first, arguments = arguments_of(kernels.binder, x0, args, "minimize")
    mode = ":".join(("fit", choice.method.name, *choice.flags))
    is_on_device = target != "cpu"
    if is_on_device:
        rows = on_device.rows_of(kernels.binder, arguments)
        if target == "auto" and not on_device.is_worth_it(rows):
            kernels, is_on_device = function.on("cpu").kernels, False
            arguments = {n: brought_home(v, n) for n, v in arguments.items()}
        else:
            mode = f"{mode}:{on_device.team(rows)}"
    prepared, values = kernels.prepare(mode, arguments)
    fitted = Fitted(prepared.signature, kernels.binder.wrt, first, values)
    if is_on_device:
        return on_device.DeviceRun(
            prepared.compiled, values, fitted, choice, tolerances, steps, trace=trace
        )
    return _Run(prepared.compiled, fitted, choice, tolerances, steps, trace=trace)


class _Run:
    """A kernel of the processor, its arrays, and the call of it."""

    def __init__(
        self,
        compiled: Compiled,
        fitted: Fitted,
        choice: Choice,
        tolerances: Sequence[float | None],
        steps: int,
        *,
        trace: bool,
    ) -> None:
        self.compiled = compiled
        self.steps = steps
        self.structured = fitted.structured
        self.points = fitted.points
        best = [p.copy() for p in self.points]
        self.gradients = [np.zeros_like(p) for p in self.points]
        states = [np.zeros_like(p) for _ in choice.method.state for p in self.points]
        limits = [-1.0 if t is None else t for t in tolerances]
        self.trace: NDArray[np.float64] = np.empty(steps if trace else 0)
        self.progress = np.array([0.0, np.nan, np.nan, np.inf])
        self.stop = np.zeros(1, dtype=np.int64)
        self._arguments: list[Any] = [
            *self.points,
            *best,
            *self.gradients,
            *states,
            *fitted.data,
            np.array([*choice.values, *limits]),
            self.trace,
            self.progress,
            self.stop,
        ]

    def compile(self) -> None:
        """Compile or load the kernel by a call that takes no step, so that timing starts after."""
        points = [p.copy() for p in self.points]
        self.stop[0] = 1
        self.compiled.call([0, 0, *self._arguments])
        self.stop[0] = 0
        self.progress[:] = [0.0, np.nan, np.nan, np.inf]
        for point, before in zip(self.points, points, strict=True):
            point[:] = before

    def __call__(self) -> int:
        return int(self.compiled.call([0, self.steps, *self._arguments]))

    def kept(self, taken: int) -> NDArray[np.float64]:
        """The trace of the steps taken, without the memory of those that were not."""
        return self.trace if taken == self.steps else self.trace[:taken].copy()

    def evaluations(self, taken: int, status: Status) -> int:
        """How often loss and gradient were computed."""
        # Beyond the steps: the point not stepped from, and the best point, whose gradient is kept.
        return taken + (2 if status in (Status.STEPS_DONE, Status.NOT_FINITE) else 1)
