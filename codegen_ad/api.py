"""What users call: the decorator and the fits.

Importing this imports nothing heavy; a call of a compiled function imports NumPy and numba, and a
cold one the stages that build a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from codegen_ad.differentiable import Differentiable
from codegen_ad.errors import InvalidArgument
from codegen_ad.options import Options, checkpoint_of, math_of, target_of, threads_of
from codegen_ad.paths import Names, names_of

if TYPE_CHECKING:
    from codegen_ad.fit.least_squares_result import LeastSquaresResult
    from codegen_ad.fit.many_result import ManyFitsResult

P = ParamSpec("P")
R = TypeVar("R")


@overload
def differentiate(
    function: Callable[P, R],
    *,
    wrt: Names = (),
    taps: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    has_aux: bool = False,
    checkpoint: str | int | None = None,
    check: bool = False,
    math: str = "vector",
    target: str = "cpu",
    threads: int | None = None,
    fixed_sizes: bool = True,
    atomics: bool = False,
) -> Differentiable[P, R]: ...
@overload
def differentiate(
    function: None = None,
    *,
    wrt: Names = (),
    taps: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    has_aux: bool = False,
    checkpoint: str | int | None = None,
    check: bool = False,
    math: str = "vector",
    target: str = "cpu",
    threads: int | None = None,
    fixed_sizes: bool = True,
    atomics: bool = False,
) -> Callable[[Callable[P, R]], Differentiable[P, R]]: ...


def differentiate(
    function: Callable[..., Any] | None = None,
    *,
    wrt: Names = (),
    taps: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    has_aux: bool = False,
    checkpoint: str | int | None = None,
    check: bool = False,
    math: str = "vector",
    target: str = "cpu",
    threads: int | None = None,
    fixed_sizes: bool = True,
    atomics: bool = False,
) -> Any:
    """Give a NumPy function its derivatives.

    Parameters
    ----------
    function : an ordinary Python function of arrays and numbers; it stays callable as it is.
    wrt : what to differentiate, by name, position or path; the first parameter if left out. A path
        leads into tuples, lists, dicts, dataclasses and NamedTuples: `"params['w']"`,
        `"model.layers[0].w"`, or its steps as a tuple in a list: `[("params", "w")]`.
    taps : intermediate values, by the name they are assigned to, whose gradients `taps()` gives.
    static : integer parameters whose values the kernel is specialised on.
    has_aux : the function returns a pair: the value to differentiate, and anything beside it, which
        `value_and_grad`, `grad`, `vjp` and `jvp` return too. Other derivatives are of the value.
    checkpoint : how loops whose derivative needs values of every step save memory. They keep some
        states and run again from these: "sqrt" keeps √n of n steps and records √n at a time; a
        number keeps so many; an amount of memory, such as "256 MB", as many as fit. Left out, what
        every step needs is recorded, or "sqrt" is chosen where steps are cheaper than records.
    check : compare each new kernel with the plain function at the arguments of its first call, as
        `f.check` does, before it is kept. The verdict stands in the header of its file; a kernel
        that fails is not kept, and the call raises `codegen_ad.errors.CheckFailed`.
    math : "vector" computes `exp`, `sin` and their kin in loops by functions that the file brings
        along, several elements at once and to 2 ulp at most (`erfc` to 4); "libm" by those of the
        C library, one element at a time.
    target : "cpu"; "cuda" for kernels on a GPU, which take arrays of NumPy (copied there and back)
        and arrays that lie there (results are of the same kind); "auto" for a GPU where an argument
        lies on one, and the processor otherwise. `f.on(target)` is the same function for another.
    threads : how many threads may share the rows of a large call, at most; left out, as many as
        `CODEGEN_AD_THREADS` or numba allows (`NUMBA_NUM_THREADS`, `numba.set_num_threads`). Small
        calls stay in their thread. Results have the same bits for any number.
    fixed_sizes : where a loop over steps holds loops over a size of at most 16 that does not count
        rows of data (states, dimensions), its kernel is made for this size, and faster by a tenth
        to a half. Of one function, so many as three such kernels are made in a process; calls with
        other sizes share a general one. With False there is the general one alone. Results for the
        same sizes may differ in the last bits between the two.
    atomics : on a GPU, sums at places that data name (`u[group]`, `np.add.at`, `np.bincount`) are
        added by atomics, in whatever order threads come, which spares sorting the rows by place at
        each call; the last digits of floating-point sums then differ from run to run. Left out,
        rows are sorted, and every run has the same bits. The processor takes no notice.

    Returns
    -------
    Differentiable

    Examples
    --------
    >>> import numpy as np
    >>> @differentiate
    ... def loss(w, x, y):
    ...     return np.mean((x @ w - y) ** 2)
    """
    if function is None:

        def decorate(f: Callable[..., Any]) -> Any:
            return make(
                f, wrt, taps, static, has_aux=has_aux, checkpoint=checkpoint, check=check,
                math=math, target=target, threads=threads, fixed_sizes=fixed_sizes, atomics=atomics,
            )  # fmt: skip

        return decorate
    return make(
        function, wrt, taps, static, has_aux=has_aux, checkpoint=checkpoint, check=check,
        math=math, target=target, threads=threads, fixed_sizes=fixed_sizes, atomics=atomics,
    )  # fmt: skip


def make(
    function: Callable[..., Any],
    wrt: Names,
    taps: str | Sequence[str],
    static: str | Sequence[str],
    *,
    has_aux: bool = False,
    checkpoint: str | int | None = None,
    check: bool = False,
    math: str = "vector",
    target: str = "cpu",
    threads: int | None = None,
    fixed_sizes: bool = True,
    atomics: bool = False,
) -> Differentiable[..., Any]:
    """The function with its derivatives; one that has some already gets others."""
    if isinstance(function, Differentiable):
        function = cast("Differentiable[..., Any]", function).__wrapped__
    if not callable(function):
        raise InvalidArgument(f"differentiate takes a function, not {function!r}")
    names = names_of(function, wrt)
    options = Options(
        names,
        _strings(taps),
        _strings(static),
        has_aux,
        check,
        checkpoint_of(checkpoint),
        math_of(math),
        target_of(target),
        threads=None if threads is None else threads_of(threads),
        fixed_sizes=bool(fixed_sizes),
        atomics=bool(atomics),
    )
    return Differentiable(function, options)


def least_squares(
    function: Callable[..., Any],
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
    callback: Callable[[int, float, float], object] | None = None,
    time_limit: float | None = None,
) -> LeastSquaresResult:
    """Fit by least squares with the Levenberg-Marquardt method, the whole loop as one kernel.

    Residuals and the rows of their Jacobian J are computed together, and their products are added
    up in one pass over the data: up to 16 parameters, J is never stored.

    Parameters
    ----------
    function : returns the residuals: an array, or a tuple of arrays, of any shapes. Weights are the
        function's own business: divide each residual by its standard deviation. The first argument
        (or those that `wrt` names) is varied.
    x0 : the first guess: a number, an array, or a structure of them; a tuple for several arguments.
    args : the other arguments.
    steps : how many steps to try at most.
    ftol : stop when a step lowers the cost by no more than this part of it, and should not.
    xtol : stop when steps are no larger than this part of the parameters, in units of their scales
        (the largest norms of the columns of J so far).
    gtol : stop when the cosine of the angle between the residuals and each column of J is at most
        this. For each tolerance, None is what the dtype allows: 4 ε, √ε and ε^(2/3).
    absolute_sigma : the residuals have standard deviation 1, as with measured errors in the
        weights. Otherwise their variance is estimated by the sum of squares.
    trace : keep the cost before each step.
    progress : show a progress bar; None shows one on long runs in a terminal.
    callback : `callback(step, cost, gradient_norm)`, about ten times a second; True stops the fit.
    time_limit : seconds after which the fit stops.

    Returns
    -------
    LeastSquaresResult
        With `x`, their standard errors `errors`, the `covariance`, and half of the sum of squares
        as `cost`.

    Raises
    ------
    InvalidArgument
        If arguments do not fit together, there are fewer residuals than parameters, or residuals
        are not finite at the start.

    Notes
    -----
    The trust region of MINPACK's lmder (J. J. Moré, 1978), on the normal equations.
    """
    from codegen_ad.fit.least_squares import least_squares as run

    return run(
        differentiable(function),
        x0,
        args,
        steps=steps,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        absolute_sigma=absolute_sigma,
        trace=trace,
        progress=progress,
        callback=callback,
        time_limit=time_limit,
    )


def fit_many(
    function: Callable[..., Any],
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
    """Fit many data sets by least squares, each by itself, all in one compiled kernel.

    Threads share the fits; results have the same bits for any number of them, and are those of
    `least_squares` for each data set.

    Parameters
    ----------
    function : returns the residuals of one fit; see `least_squares`.
    x0 : the first guesses: as for one fit, with an axis more in front of every array, over fits.
    args : the other arguments.
    per_fit : the names of those arguments that have an axis over fits in front of their arrays,
        too. The others are the same for all fits; `()` fits the same data from several starts.
    steps, ftol, xtol, gtol, absolute_sigma : as in `least_squares`, for each fit.
    progress : show a progress bar; None shows one on long runs in a terminal.
    time_limit : seconds after which no more fits are begun, and those that run are stopped.
    target : "cpu", "cuda" or "auto"; left out, what the function is differentiated for. On a GPU a
        thread or a warp runs each fit, and the host looks at all of them about every 50 ms.

    Returns
    -------
    ManyFitsResult
        Arrays over fits. One that fails, or whose data are not finite, says so in `status` and
        stops no other.

    Raises
    ------
    InvalidArgument
        If arguments do not fit together, or there are fewer residuals than parameters.
    """
    from codegen_ad.fit.many import fit_many as run

    return run(
        differentiable(function),
        x0,
        args,
        per_fit=per_fit,
        steps=steps,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        absolute_sigma=absolute_sigma,
        progress=progress,
        time_limit=time_limit,
        target=target,
    )


def differentiable(function: Callable[..., Any]) -> Differentiable[..., Any]:
    """The function with its derivatives, if it is not one that has them."""
    if isinstance(function, Differentiable):
        return cast("Differentiable[..., Any]", function)
    return make(function, (), (), ())


def _strings(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
