"""What users call to minimise: one fit, or many at once, each a whole loop of one kernel.

Importing this imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.api import differentiable

if TYPE_CHECKING:
    from codegen_ad.fit.many_result import ManyMinimaResult
    from codegen_ad.fit.result import FitResult


def minimize(
    function: Callable[..., Any],
    x0: Any,
    args: Sequence[Any] = (),
    *,
    method: str = "gd",
    steps: int = 10_000,
    trace: bool = False,
    progress: bool | None = None,
    callback: Callable[[int, float, float], object] | None = None,
    time_limit: float | None = None,
    target: str | None = None,
    gtol: float | None = None,
    ftol: float | None = None,
    **options: Any,
) -> FitResult:
    """Minimise a function by a first-order method, the whole loop as one compiled kernel.

    Parameters
    ----------
    function : returns one number; its first argument (or those that `wrt` names) is varied.
    x0 : the first guess: a number, an array, or a structure of them; a tuple for several arguments.
    args : the other arguments.
    method : "gd", "momentum" or "adam".
    steps : how many steps to take at most.
    trace : keep the loss before each step.
    progress : show a progress bar; None shows one on long runs in a terminal.
    callback : `callback(step, loss, gradient_norm)`, about ten times a second; True stops the fit.
    time_limit : seconds after which the fit stops.
    target : "cpu"; "cuda" for a GPU, which takes data of NumPy and data that lie there; "auto" for
        a GPU where the fit is large enough and there is one. Left out, the function's own.
    gtol : stop when the gradient's norm is no larger.
    ftol : stop when a step changes the loss by no more than this times max(|loss|, 1).
    **options : the method's own: `learning_rate`, `momentum`, `nesterov`, `beta1`, `beta2`,
        `epsilon`.

    Returns
    -------
    FitResult
        With SciPy's fields; `x` is the best point that was met, in NumPy.

    Raises
    ------
    InvalidArgument
        If an option is unknown or out of range, or the arguments do not fit together.
    UnsupportedOnDevice
        If such a fit can't run on a GPU.
    NoDevice, DriverTooOld, OutOfDeviceMemory
        If there is no GPU, its driver is too old, or it has no room for the data.
    """
    from codegen_ad.fit.minimize import minimize as run

    return run(
        differentiable(function),
        x0,
        args,
        method=method,
        steps=steps,
        trace=trace,
        progress=progress,
        callback=callback,
        time_limit=time_limit,
        target=target,
        gtol=gtol,
        ftol=ftol,
        **options,
    )


def minimize_many(
    function: Callable[..., Any],
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
    """Minimise a function for many data sets, or from many starts, each by itself, all at once.

    Threads share the fits, or a GPU runs them side by side, one warp or block for each; results
    are those of `minimize` for each, with the same bits in every run.

    Parameters
    ----------
    function : returns one number; see `minimize`.
    x0 : the first guesses: as for one fit, with an axis more in front of every array, over fits.
    args : the other arguments.
    per_fit : the names of those arguments that have an axis over fits in front of their arrays,
        too. The others are the same for all fits; `()` fits the same data from several starts.
    method, steps, trace, gtol, ftol, **options : as in `minimize`, for each fit.
    progress : show a progress bar; None shows one on long runs in a terminal.
    time_limit : seconds after which no more fits are begun, and those that run are stopped.
    target : "cpu", "cuda" or "auto", as in `minimize`: a GPU is for thousands of fits.

    Returns
    -------
    ManyMinimaResult
        Arrays over fits. One that fails says so in `status` and stops no other.

    Raises
    ------
    InvalidArgument, UnsupportedOnDevice, NoDevice, DriverTooOld, OutOfDeviceMemory
        As `minimize` does.
    """
    from codegen_ad.fit.minimize_many import minimize_many as run

    return run(
        differentiable(function), x0, args, per_fit=per_fit, method=method, steps=steps,
        trace=trace, progress=progress, time_limit=time_limit, target=target, gtol=gtol, ftol=ftol,
        **options,
    )  # fmt: skip
