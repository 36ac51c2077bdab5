"""Fit residuals by the Levenberg-Marquardt method, the whole loop as one compiled kernel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InvalidArgument
from codegen_ad.fit import checks
from codegen_ad.fit.fitted import Fitted, arguments_of
from codegen_ad.fit.least_squares_result import LeastSquaresResult
from codegen_ad.fit.monitor import Callback, Status, watch
from codegen_ad.runtime.dispatch import Kernels, Prepared

LONG = 1e7
"""Runs of fewer residuals, all steps together, are over before a thread could watch them."""


class HasKernels(Protocol):
    """A differentiable function."""

    @property
    def kernels(self) -> Kernels:
        """The kernels of the function."""
        ...


def least_squares(
    function: HasKernels,
    x0: Any,
    args: Sequence[Any] = (),
    *,
    steps: int = 1000,
    ftol: float | None = None,
    xtol: float | None = None,
    gtol: float | None = None,
    absolute_sigma: bool = False,
    trace: bool = False,
    progress: bool | None = None,
    callback: Callback | None = None,
    time_limit: float | None = None,
) -> LeastSquaresResult:
    """See `codegen_ad.least_squares`."""
    steps = checks.step_count("steps", steps)
    limit = checks.time_limit("time_limit", time_limit)
    checks.callback(callback)
    is_absolute = checks.flag("absolute_sigma", absolute_sigma)
    kernels = function.kernels
    first, arguments = arguments_of(kernels.binder, x0, args, "least_squares")
    prepared, values = kernels.prepare("least_squares", arguments)
    fitted = Fitted(prepared.signature, kernels.binder.wrt, first, values)
    count = sum(p.size for p in fitted.points)
    gradient, covariance = np.zeros(count), np.empty((count, count))
    counts = np.zeros(3, dtype=np.int64)
    kept = np.empty(steps if trace else 0)
    watched, stop = np.array([0.0, np.nan, np.nan, np.inf]), np.zeros(1, dtype=np.int64)
    limits = tolerances(prepared, ftol, xtol, gtol)
    rest = (*fitted.data, limits, gradient, covariance, counts, kept, watched, stop)
    # Compiled or loaded by a call that takes no step, so that timing starts after.
    prepared.compiled.call([0, *(p.copy() for p in fitted.points), *rest])
    rows = max((np.size(v) for v in fitted.data), default=1)
    started = time.perf_counter()
    outcome = watch(
        lambda: int(prepared.compiled.call([steps, *fitted.points, *rest])),
        watched,
        stop,
        steps=steps,
        progress_bar=progress,
        callback=callback,
        time_limit=limit,
        short=int(LONG / max(rows * count, 1)),
    )
    seconds = time.perf_counter() - started
    name = kernels.binder.name
    if outcome.status is Status.TOO_FEW:
        raise too_few(name, int(counts[2]), count)
    if outcome.status is Status.NOT_FINITE and not counts[0]:
        wrt = kernels.binder.wrt
        raise InvalidArgument(f"the residuals of {name}() {_blamed(arguments, wrt)}")
    iterations, evaluations, residuals = counts.tolist()
    cost = float(watched[3])
    scaled = scaled_covariance(covariance, cost, residuals, count, is_absolute=is_absolute)
    errors = np.sqrt(np.diagonal(scaled))
    return LeastSquaresResult(
        x=fitted.structured(fitted.points),
        errors=fitted.structured(fitted.parts(errors)),
        covariance=scaled,
        cost=cost,
        jac=fitted.structured(fitted.parts(gradient)),
        residuals=residuals,
        nit=iterations,
        nfev=evaluations,
        status=int(outcome.status),
        message=outcome.message,
        success=outcome.is_success(tolerances=True),
        trace=kept[:iterations].copy() if trace else None,
        seconds=seconds,
    )


def tolerances(
    prepared: Prepared, ftol: float | None, xtol: float | None, gtol: float | None
) -> NDArray[np.float64]:
    """The limits of a kernel: three tolerances, and the rounding error that they are not below.

    What is not given is what the kernel's dtype allows.
    """
    single = any(g["dtype"] == "f4" for g in prepared.compiled.metadata["gradients"])
    rounding = float(np.finfo(np.float32 if single else np.float64).eps)
    default = (4 * rounding, sqrt(rounding), rounding ** (2 / 3))
    given = [
        checks.tolerance(name, value)
        for name, value in (("ftol", ftol), ("xtol", xtol), ("gtol", gtol))
    ]
    found = [d if t is None else max(t, rounding) for t, d in zip(given, default, strict=True)]
    return np.array([*found, 4 * rounding])


def too_few(name: str, residuals: int, count: int) -> InvalidArgument:
    """The error where residuals can't determine the parameters."""
    if residuals == 1:
        return InvalidArgument(
            f"{name}() returns one number, and there are {count} parameters to fit.\n"
            "Return the residuals, one for each observation, not the sum of their squares;\n"
            "`minimize` is for functions that return one number."
        )
    return InvalidArgument(
        f"{name}() returns {residuals} residuals, and there are {count} parameters to fit.\n"
        "Pass more data, or fix some of the parameters."
    )


def scaled_covariance(
    inverse: NDArray[np.float64], cost: Any, residuals: Any, count: int, *, is_absolute: bool
) -> NDArray[np.float64]:
    """(J^T J)^-1 times the variance of the residuals, which is 1 if the user says so.

    Infinite where there are as many parameters as residuals.
    """
    if is_absolute:
        return inverse
    freedom = np.asarray(residuals) - count
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(freedom > 0, 2 * np.asarray(cost) / freedom, np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        found = inverse * variance[..., None, None]
        # A sum is quicker than a look at each: what is not finite shows in it.
        if np.isfinite(found.sum()):
            return found
    return np.where(np.isfinite(found), found, np.inf)


def _blamed(arguments: Mapping[str, Any], wrt: Sequence[str]) -> str:
    """What is wrong with residuals that are not finite at the start."""
    for name, value in arguments.items():
        array = cast("NDArray[Any]", value)
        if not isinstance(value, np.ndarray) or array.dtype.kind != "f":
            continue
        bad = array.size - int(np.isfinite(array).sum())
        if bad and name in wrt:
            return f"are not finite: x0 holds {bad} values that are nan or infinite."
        if bad:
            return (
                f"are not finite: of the {array.size} values of {name}, {bad} are nan or "
                "infinite.\nLeave them out, with all that belongs to them."
            )
    return "or their derivatives are not finite at x0.\nStart where the model is defined."
