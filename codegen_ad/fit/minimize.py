"""Run a whole fit as one compiled kernel, watched from Python, and put the result together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InvalidArgument
from codegen_ad.fit import checks
from codegen_ad.fit.methods import Choice, choose
from codegen_ad.fit.monitor import Callback, Status, watch
from codegen_ad.fit.result import FitResult
from codegen_ad.runtime.arguments import rebuild
from codegen_ad.runtime.dispatch import Kernels
from codegen_ad.signature import ArrayForm, Form, leaves


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
        binder = kernels.binder
        if binder.wrt != binder.names[: len(binder.wrt)]:
            raise InvalidArgument(
                f"minimize varies the first arguments of {binder.name}(), and wrt names "
                f"{', '.join(binder.wrt)}: put them first"
            )
        first = (x0,) if len(binder.wrt) == 1 else tuple(x0)
        if len(first) != len(binder.wrt):
            raise InvalidArgument(
                f"x0 must hold {len(binder.wrt)} values, one for each of {', '.join(binder.wrt)}"
            )
        arguments = binder.bind((*_as_floats(first), *args), {})
        _check_rows(arguments, binder.wrt)
        mode = ":".join(("fit", choice.method.name, *choice.flags))
        prepared, values = kernels.prepare(mode, arguments)
        self.compiled = prepared.compiled
        self.steps = steps
        self._first = first
        forms: Mapping[str, Form] = dict(prepared.signature.parameters)
        self._forms = [forms[n] for n in binder.wrt]
        found = leaves(prepared.signature)
        fitted = [k for k, (path, _) in enumerate(found) if path[0] in binder.wrt]
        self._scalars = [not _shape(found[k][1]) for k in fitted]
        self.points = [np.array(values[k], ndmin=1, order="C") for k in fitted]
        best = [p.copy() for p in self.points]
        self.gradients = [np.zeros_like(p) for p in self.points]
        states = [np.zeros_like(p) for _ in choice.method.state for p in self.points]
        data = [v for k, v in enumerate(values) if k not in fitted]
        limits = [-1.0 if t is None else t for t in tolerances]
        self.trace: NDArray[np.float64] = np.empty(steps if trace else 0)
        self.progress = np.array([0.0, np.nan, np.nan, np.inf])
        self.stop = np.zeros(1, dtype=np.int64)
        self._arguments: list[Any] = [
            *self.points,
            *best,
            *self.gradients,
            *states,
            *data,
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

    def structured(self, arrays: Sequence[NDArray[Any]]) -> Any:
        """Arrays of the parameters in the structure of the first guess."""
        plain = (
            a[0] if is_scalar else a for a, is_scalar in zip(arrays, self._scalars, strict=True)
        )
        found = [rebuild(f, v, plain) for f, v in zip(self._forms, self._first, strict=True)]
        return found[0] if len(found) == 1 else tuple(found)


def _shape(form: object) -> tuple[int | None, ...]:
    return form.shape if isinstance(form, ArrayForm) else ()


def _as_floats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """First guesses are often written as integers; they are numbers to be fitted."""
    return tuple(_as_float(v) for v in values)


def _as_float(value: Any) -> Any:
    kind = cast("Any", type(value))
    if isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
        return array.astype(float) if array.dtype.kind in "iub" else array
    if kind is int:
        return float(value)
    if isinstance(value, tuple):
        items = [_as_float(v) for v in cast("tuple[Any, ...]", value)]
        return kind(*items) if hasattr(kind, "_fields") else tuple(items)
    if kind is list:
        return [_as_float(v) for v in value]
    if kind is dict:
        return {k: _as_float(v) for k, v in value.items()}
    return value


def _check_rows(arguments: Mapping[str, Any], wrt: Sequence[str]) -> None:
    for name, value in arguments.items():
        if isinstance(value, np.ndarray) and value.size == 0 and name not in wrt:  # pyright: ignore[reportUnknownMemberType]
            raise InvalidArgument(f"{name} is empty: there is nothing to fit to")
