"""Minimise one function for many data sets or from many starts, each by itself, all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.fit import checks, on_device
from codegen_ad.fit.fitted import Fitted
from codegen_ad.fit.many_result import ManyMinimaResult
from codegen_ad.fit.methods import Choice, choose
from codegen_ad.fit.minimize import HasKernels
from codegen_ad.fit.monitor import Outcome, Status, watch
from codegen_ad.fit.over_fits import leaves_in_order, own_leaves
from codegen_ad.fit.placing import place
from codegen_ad.runtime.dispatch import Kernels, Prepared

FEW = 8
"""No more fits than that stay in their thread."""


def minimize_many(
    function: HasKernels,
    x0: Any,
    args: Sequence[Any] = (),
    *,
    per_fit: str | Sequence[str],
    method: str = "gd",
    steps: int = 10_000,
    trace: bool = False,
    progress: bool | None = None,
    time_limit: float | None = None,
    target: str | None = None,
    gtol: float | None = None,
    ftol: float | None = None,
    **options: Any,
) -> ManyMinimaResult:
    """See `codegen_ad.minimize_many`."""
    steps = checks.step_count("steps", steps)
    tolerances = [checks.tolerance("gtol", gtol), checks.tolerance("ftol", ftol)]
    limit = checks.time_limit("time_limit", time_limit)
    choice = choose(method, options)
    found = place(function, x0, args, per_fit, target, "minimize_many", on_device.rows_of)
    kernels, own, fits, single = found.kernels, found.own, found.fits, found.single
    mode = ":".join(("fit", choice.method.name, *choice.flags))
    if found.is_on_device:
        numbers = own_leaves(kernels.binder.form(single), own, kernels.binder.wrt)
        mode += f":{on_device.team(found.rows, fits)}:each={','.join(map(str, numbers))}"
    prepared, values = kernels.prepare(mode, single)
    fitted = Fitted(prepared.signature, kernels.binder.wrt, found.first, values)
    every = leaves_in_order(kernels, prepared, found.arguments, own)
    points = [
        np.array(every[k], order="C").reshape(fits, *p.shape)
        for k, p in zip(fitted.places, fitted.points, strict=True)
    ]
    kind = _OnDevice if found.is_on_device else _OnProcessor
    run = kind(kernels, prepared, fitted, every, points, own, choice, tolerances, steps, trace)
    run.compile()
    started = time.perf_counter()
    outcome = watch(
        run,
        run.progress,
        run.stop,
        steps=run.total,
        progress_bar=progress,
        time_limit=limit,
        unit=run.unit,
    )
    seconds = time.perf_counter() - started
    return _result(run, fitted, outcome, tolerances, seconds, method, trace=trace)


def _result(
    run: _OnProcessor | _OnDevice,
    fitted: Fitted,
    outcome: Outcome,
    tolerances: Sequence[float | None],
    seconds: float,
    method: str,
    *,
    trace: bool,
) -> ManyMinimaResult:
    converged = run.status == Status.CONVERGED
    asked = any(t is not None for t in tolerances)
    success = converged if asked else converged | (run.status == Status.STEPS_DONE)
    stopped = f" {outcome.message.partition(';')[0]}." if run.stop[0] else ""
    return ManyMinimaResult(
        x=fitted.structured(run.points),
        fun=run.values,
        jac=fitted.structured(run.gradients),
        # The step that a tolerance stops is not taken.
        nit=run.taken - converged,
        status=run.status,
        success=success,
        message=f"{int(success.sum())} of {success.size} fits did what was asked.{stopped}",
        trace=run.kept() if trace else None,
        seconds=seconds,
        method=method,
    )


class _OnProcessor:
    """The fits one by one, by the kernel of one; threads share them."""

    unit = "fit"

    def __init__(
        self,
        kernels: Kernels,
        prepared: Prepared,
        fitted: Fitted,
        every: Sequence[Any],
        points: list[NDArray[Any]],
        own: Sequence[str],
        choice: Choice,
        tolerances: Sequence[float | None],
        steps: int,
        trace: bool,
    ) -> None:
        fits = len(points[0])
        self.total = fits
        self.points = points
        self.gradients = [np.zeros_like(p) for p in points]
        self.status = np.full(fits, int(Status.STOPPED))
        self.progress = np.array([0.0, np.nan, np.nan, np.nan])
        self.stop = np.zeros(1, dtype=np.int64)
        self._watched = np.tile([0.0, np.nan, np.nan, np.inf], (fits, 1))
        self._trace = np.full((fits, steps if trace else 0), np.nan)
        self._kernels, self._call = kernels, prepared.compiled.call
        self._steps, self._lock = steps, threading.Lock()
        self._states = [np.zeros_like(p) for _ in choice.method.state for p in points]
        numbers = set(own_leaves(prepared.signature, own, kernels.binder.wrt))
        data = [(v, k in numbers) for k, v in enumerate(every) if k not in fitted.places]
        self._data = data
        limits = [-1.0 if t is None else t for t in tolerances]
        self._hyper = np.array([*choice.values, *limits])

    @property
    def values(self) -> NDArray[np.float64]:
        """The best loss of each fit."""
        return self._watched[:, 3].copy()

    @property
    def taken(self) -> NDArray[np.int64]:
        """The steps of each fit."""
        return self._watched[:, 0].astype(np.int64)

    def kept(self) -> NDArray[np.float64]:
        """The losses before each step, and nan where a fit had ended."""
        return self._trace

    def compile(self) -> None:
        """Compile or load the kernel by a call that takes no step, so that timing starts after."""
        self.stop[0] = 1
        self._fit(0, 0, [p[0].copy() for p in self.points], self._watched[0].copy())
        self.stop[0] = 0

    def __call__(self) -> int:
        """Run all fits, or those that are begun before `stop` is set."""
        if self.total <= FEW:
            self._part(0, self.total)
        else:
            self._kernels.team(self._part, self.total)
        return Status.STOPPED if self.stop[0] else Status.CONVERGED

    def _part(self, first: int, last: int) -> None:
        for fit in range(first, last):
            if self.stop[0]:
                return
            points = [p[fit] for p in self.points]
            self.status[fit] = self._fit(fit, self._steps, points, self._watched[fit])
            with self._lock:
                self.progress[0] += 1

    def _fit(
        self, fit: int, steps: int, points: list[NDArray[Any]], watched: NDArray[np.float64]
    ) -> int:
        """Run one fit, which leaves its best point in `points`."""
        return self._call(
            [
                0,
                steps,
                *points,
                *(p.copy() for p in points),
                *(g[fit] for g in self.gradients),
                *(s[fit] for s in self._states),
                *(v[fit] if is_own else v for v, is_own in self._data),
                self._hyper,
                self._trace[fit],
                watched,
                self.stop,
            ]
        )


class _OnDevice:
    """All fits in launches of one kernel."""

    unit = "step"

    def __init__(
        self,
        kernels: Kernels,
        prepared: Prepared,
        fitted: Fitted,
        every: Sequence[Any],
        points: list[NDArray[Any]],
        own: Sequence[str],
        choice: Choice,
        tolerances: Sequence[float | None],
        steps: int,
        trace: bool,
    ) -> None:
        self.total = steps
        self.progress = np.array([0.0, np.nan, np.nan, np.inf])
        self.stop = np.zeros(1, dtype=np.int64)
        self._fitted = fitted
        flat = np.concatenate([p.reshape(len(p), -1) for p in points], axis=1)
        self._launches = on_device.Launches(
            prepared.compiled, every, flat, choice, tolerances, steps, trace=trace
        )

    def compile(self) -> None:
        """Nothing: the kernel is loaded where the data are copied."""

    def __call__(self) -> int:
        """Launch until all fits have ended, or `stop` is set."""
        run = self._launches.run
        while not self.stop[0]:
            goes_on = self._launches.launch()
            self.progress[0] = run.counts[:, 0].max()
            if not goes_on:
                break
        self.points = self._parts(run.array("best"))
        self.gradients = self._parts(run.array("best_gradient"))
        self.values = run.record[:, 2].astype(np.float64)
        self.taken, self.status = run.counts[:, 0].copy(), run.counts[:, 1].copy()
        return Status.STOPPED if self.stop[0] else Status.CONVERGED

    def kept(self) -> NDArray[np.float64]:
        """The losses before each step, and nan where a fit had ended."""
        found = self._launches.run.array("trace").astype(np.float64)
        found[np.arange(found.shape[1]) >= self.taken[:, None]] = np.nan
        return found

    def _parts(self, flat: NDArray[Any]) -> list[NDArray[Any]]:
        parts = zip(self._fitted.parts(flat), self._fitted.points, strict=True)
        return [part.astype(p.dtype) for part, p in parts]
