"""Run a whole fit as one compiled kernel, watched from Python, and put the result together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from codegen_ad.fit import checks
from codegen_ad.fit.fitted import Fitted, arguments_of
from codegen_ad.fit.methods import Choice, choose
from codegen_ad.fit.monitor import Callback, Status, watch
from codegen_ad.fit.result import FitResult
from codegen_ad.runtime.dispatch import Kernels


class HasKernels(Protocol):
    """A differentiable function."""

    @property
    def kernels(self) -> Kernels:
        """The kernels of the function."""
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
    gtol: float | None = None,
    ftol: float | None = None,
    **options: Any,
) -> FitResult:
    """See `codegen_ad.minimize`."""
    steps = checks.step_count("steps", steps)
    tolerances = [checks.tolerance("gtol", gtol), checks.tolerance("ftol", ftol)]
    limit = checks.time_limit("time_limit", time_limit)
    choice = choose(method, options)
    kernels = function.kernels
    run = _Run(kernels, x0, tuple(args), choice, tolerances, steps, trace=bool(trace))
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
    # Beyond the steps: the point not stepped from, and the best point, whose gradient is returned.
    extra = 2 if outcome.status in (Status.STEPS_DONE, Status.NOT_FINITE) else 1
    return FitResult(
        x=run.structured(run.points),
        fun=float(run.progress[3]),
        jac=run.structured(run.gradients),
        nit=taken - 1 if outcome.status is Status.CONVERGED else taken,
        nfev=taken + extra,
        status=int(outcome.status),
        message=outcome.message,
        success=outcome.is_success(tolerances=any(t is not None for t in tolerances)),
        trace=run.kept(taken) if trace else None,
        seconds=seconds,
        method=method,
    )


class _Run:
    """A kernel, its arrays, and the call of it."""

    def __init__(
        self,
        kernels: Kernels,
        x0: Any,
        args: tuple[Any, ...],
        choice: Choice,
        tolerances: Sequence[float | None],
        steps: int,
        *,
        trace: bool,
    ) -> None:
        first, arguments = arguments_of(kernels.binder, x0, args, "minimize")
        mode = ":".join(("fit", choice.method.name, *choice.flags))
        prepared, values = kernels.prepare(mode, arguments)
        self.compiled = prepared.compiled
        self.steps = steps
        fitted = Fitted(prepared.signature, kernels.binder.wrt, first, values)
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
