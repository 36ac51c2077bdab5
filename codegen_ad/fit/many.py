"""Fit many data sets with one function: every fit by itself, all of them by one compiled kernel.

Threads share the fits; what comes out does not depend on how many there are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.fit import checks, on_device
from codegen_ad.fit.fitted import Fitted
from codegen_ad.fit.least_squares import scaled_covariance, tolerances, too_few
from codegen_ad.fit.many_result import ManyFitsResult
from codegen_ad.fit.minimize import HasKernels
from codegen_ad.fit.monitor import Status, watch
from codegen_ad.fit.over_fits import brought_home, leaves_in_order, own_leaves
from codegen_ad.fit.placing import place
from codegen_ad.runtime.dispatch import Kernels, Prepared

BLOCK = 256
"""So many fits are one call of the kernel: it takes microseconds to call, and counts progress."""

FEW = 64
"""No more fits than that stay in their thread."""

CONVERGED = (Status.CONVERGED, Status.SMALL_STEP, Status.SMALL_CHANGE)


def fit_many(
    function: HasKernels,
    x0: Any,
    args: Sequence[Any] = (),
    *,
    per_fit: str | Sequence[str],
    steps: int = 1000,
    ftol: float | None = None,
    xtol: float | None = None,
    gtol: float | None = None,
    absolute_sigma: bool = False,
    progress: bool | None = None,
    time_limit: float | None = None,
    target: str | None = None,
) -> ManyFitsResult:
    """See `codegen_ad.fit_many`."""
    steps = checks.step_count("steps", steps)
    limit = checks.time_limit("time_limit", time_limit)
    is_absolute = checks.flag("absolute_sigma", absolute_sigma)
    found = place(function, x0, args, per_fit, target, "fit_many", on_device.points_of)
    kernels, own, fits, single = found.kernels, found.own, found.fits, found.single
    binder = kernels.binder
    mode = f"fit_many:{','.join(n for n in own if n not in binder.wrt)}"
    if found.is_on_device:
        mode += f":{on_device.least_squares_team(found.rows, fits)}"
    prepared, values = kernels.prepare(mode, single)
    fitted = Fitted(prepared.signature, binder.wrt, found.first, values)
    limits = tolerances(prepared, ftol, xtol, gtol)
    kind = _OnDevice if found.is_on_device else _OnProcessor
    run = kind(kernels, prepared, fitted, found.arguments, own, fits, steps, limits)
    run.prepare()
    started = time.perf_counter()
    outcome = watch(
        run,
        run.progress,
        run.stop,
        steps=fits,
        progress_bar=progress,
        time_limit=limit,
        short=0 if fits > FEW or found.is_on_device else fits,
        unit="fit",
    )
    seconds = time.perf_counter() - started
    count = sum(p.size for p in fitted.points)
    if Status.TOO_FEW in run.status:
        raise too_few(binder.name, int(run.counts[:, 2].max()), count)
    cost = run.watched[:, 3].copy()
    covariance = scaled_covariance(
        run.covariance, cost, run.counts[:, 2], count, is_absolute=is_absolute
    )
    errors = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    return ManyFitsResult(
        x=fitted.structured(run.points),
        errors=fitted.structured(fitted.parts(errors)),
        covariance=covariance,
        cost=cost,
        nit=run.counts[:, 0].copy(),
        nfev=run.counts[:, 1].copy(),
        status=run.status,
        success=np.isin(run.status, CONVERGED),
        message=_message(run.status, outcome.message if run.stop[0] else None),
        seconds=seconds,
    )


class _OnProcessor:
    """A kernel, its arrays, and the call of it for all fits."""

    def __init__(
        self,
        kernels: Kernels,
        prepared: Prepared,
        fitted: Fitted,
        arguments: Mapping[str, Any],
        own: Sequence[str],
        fits: int,
        steps: int,
        limits: NDArray[np.float64],
    ) -> None:
        self._kernels = kernels
        self._call = prepared.compiled.call
        self._fits = fits
        self._lock = threading.Lock()
        leaves = _leaves(kernels, prepared, fitted, arguments, own, fits)
        self.points = [leaves[k] for k in fitted.places]
        data = [v for k, v in enumerate(leaves) if k not in fitted.places]
        count = sum(p.size for p in fitted.points)
        self.gradient = np.full((fits, count), np.nan)
        self.covariance = np.full((fits, count, count), np.inf)
        self.counts = np.zeros((fits, 3), dtype=np.int64)
        self.watched = np.full((fits, 4), np.nan)
        self.status = np.full(fits, Status.STOPPED, dtype=np.int64)
        self.stop = np.zeros(1, dtype=np.int64)
        self.progress = np.array([0.0, np.nan, np.nan, np.nan])
        self._arguments = [
            steps, *self.points, *data, limits, self.gradient, self.covariance, self.counts,
            np.empty(0), self.watched, self.stop, self.status,
        ]  # fmt: skip

    def prepare(self) -> None:
        """Compile or load the kernel, before the time is taken."""
        self.block(0, 0)

    def block(self, first: int, last: int) -> None:
        """Run the fits from `first` up to `last`."""
        self._call([first, last, *self._arguments])

    def __call__(self) -> int:
        """Run all fits, or those that are done before `stop` is set."""
        if self._fits <= FEW:
            self._part(0, self._fits)
        else:
            self._kernels.team(self._part, self._fits)
        return Status.STOPPED if self.stop[0] else Status.CONVERGED

    def _part(self, first: int, last: int) -> None:
        for start in range(first, last, BLOCK):
            if self.stop[0]:
                return
            end = min(start + BLOCK, last)
            self.block(start, end)
            with self._lock:
                self.progress[0] += end - start


class _OnDevice:
    """All fits on a GPU, in launches between which the host looks at them."""

    def __init__(
        self,
        kernels: Kernels,
        prepared: Prepared,
        fitted: Fitted,
        arguments: Mapping[str, Any],
        own: Sequence[str],
        fits: int,
        steps: int,
        limits: NDArray[np.float64],
    ) -> None:
        self._compiled = prepared.compiled
        self._fitted, self._steps, self._limits = fitted, steps, limits
        self._leaves = leaves_in_order(kernels, prepared, arguments, own)
        self._own = own_leaves(prepared.signature, own, kernels.binder.wrt)
        self._first = np.concatenate(
            [
                np.asarray(brought_home(self._leaves[k], "x0")).reshape(fits, p.size)
                for k, p in zip(fitted.places, fitted.points, strict=True)
            ],
            axis=1,
        )
        count = self._first.shape[1]
        self.points: list[NDArray[Any]] = []
        self.covariance = np.empty((0, count, count))
        self.counts = np.zeros((fits, 3), dtype=np.int64)
        self.watched = np.full((fits, 4), np.nan)
        self.status = np.full(fits, Status.STOPPED, dtype=np.int64)
        self.stop = np.zeros(1, dtype=np.int64)
        self.progress = np.array([0.0, np.nan, np.nan, np.nan])

    def prepare(self) -> None:
        """Nothing: kernels are loaded where the data are copied."""

    def __call__(self) -> int:
        """Launch until all fits have ended or `stop` is set, and fetch the results."""
        function: Any = self._compiled.function
        run = function.start(self._leaves, self._own, self._first, self._limits, self._steps)
        try:
            pace = on_device.Pace(on_device.FIRST_ITERATIONS)
            until = pace.steps
            while True:
                pace.begin()
                running = self._compiled.call([run, until])
                pace.end()
                self.progress[0] = run.fits - running
                if self.stop[0] or not running:
                    break
                until += pace.steps
            found = run.results()
        finally:
            run.close()
        parts = zip(self._fitted.parts(found["best"]), self._fitted.points, strict=True)
        self.points = [part.astype(p.dtype) for part, p in parts]
        iterations, self.counts[:, 2] = found["counts"].T
        self.counts[:, 0], self.counts[:, 1] = iterations, iterations + 1
        self.covariance = found["covariance"].astype(np.float64, copy=False)
        self.watched[:, 3] = found["cost"]
        self.status[:] = found["outcome"]
        return Status.STOPPED if self.stop[0] and running else Status.CONVERGED


def _leaves(
    kernels: Kernels,
    prepared: Prepared,
    fitted: Fitted,
    arguments: Mapping[str, Any],
    own: Sequence[str],
    fits: int,
) -> list[Any]:
    """What a kernel of many fits takes: arrays over fits are contiguous, the fitted ones copies."""
    leaves = leaves_in_order(kernels, prepared, arguments, own)
    for k, p in zip(fitted.places, fitted.points, strict=True):
        leaves[k] = np.array(leaves[k], order="C").reshape(fits, *p.shape)
    return leaves


def _message(status: NDArray[np.int64], stopped: str | None) -> str:
    """How many fits converged, and what became of the others."""
    done = int(np.isin(status, CONVERGED).sum())
    others = [
        f"{int((status == s).sum())} {said}"
        for s, said in (
            (Status.STEPS_DONE, "took all steps"),
            (Status.STOPPED, "were stopped"),
            (Status.NOT_FINITE, "met values that are not finite"),
            (Status.STALLED, "found no lower sum of squares"),
        )
        if (status == s).any()
    ]
    text = "; ".join([f"{done} of {status.size} fits converged", *others])
    return f"{text}." if stopped is None else f"{text}. {stopped.partition(';')[0]}."
