"""What users call: the decorator and `minimize`.

Importing this imports nothing heavy; a call of a compiled function imports NumPy and numba, and a
cold one the stages that build a kernel.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from codegen_ad.errors import InvalidArgument
from codegen_ad.options import Options, shown_stages

if TYPE_CHECKING:
    from codegen_ad.explain import Explanation, SourceText
    from codegen_ad.fit.result import FitResult
    from codegen_ad.runtime.dispatch import Built, Kernels, Prepared
    from codegen_ad.signature import Signature
    from codegen_ad.testing import CheckReport

P = ParamSpec("P")
R = TypeVar("R")
Names = str | int | Sequence[str | int]


class Differentiable(Generic[P, R]):
    """A function and its derivatives; calling it calls the function itself.

    Made by `differentiate`. The derivatives are compiled on their first call for each combination
    of dtypes, ranks and layouts, and kept on disk.
    """

    __codegen_function__ = True

    def __init__(self, function: Callable[P, R], options: Options) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.options = options
        self._kernels: Kernels | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the user's own function; nothing is compiled."""
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """A method's derivatives, with `self` bound."""
        if instance is None:
            return self
        return Differentiable(self.__wrapped__.__get__(instance, owner), self.options)

    def __repr__(self) -> str:
        return f"<differentiable {getattr(self, '__name__', 'function')}>"

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The value and its gradient.

        Returns
        -------
        value : float
        gradient : shaped and structured like the differentiated parameter; a tuple of them, in the
            order of `wrt`, where there are several.

        Raises
        ------
        InvalidArgument
            If arguments are missing or do not fit together.
        NotDifferentiable
            If the function does not return one floating point number.
        SourceError
            If the function holds what cannot be translated; the error points at the line.
        """
        if not kwargs and self._kernels is not None:
            call = self._kernels.fast("value_and_grad", args)
            if call is not None:
                return call(*args)
        return self._run("value_and_grad", args, kwargs)

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient alone; see `value_and_grad`."""
        return self.value_and_grad(*args, **kwargs)[1]

    def value(self, *args: Any, **kwargs: Any) -> Any:
        """The value, compiled; structured as the function returns it."""
        if not kwargs and self._kernels is not None:
            call = self._kernels.fast("value", args)
            if call is not None:
                return call(*args)
        return self._run("value", args, kwargs)

    def vjp(self, *args: Any, cotangent: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """The value and the vector-Jacobian product.

        Parameters
        ----------
        cotangent : structured and shaped like the function's result. If it is left out, a function
            of the cotangent is returned in place of the product.
        """
        if cotangent is None:
            value = self.value(*args, **kwargs)

            def pullback(g: Any) -> Any:
                return self._run("vjp", args, kwargs, g)[1]

            return value, pullback
        return self._run("vjp", args, kwargs, cotangent)

    def jacobian(self, *args: Any, **kwargs: Any) -> Any:
        """The Jacobian: of shape `out.shape + in.shape`, one for each differentiated parameter."""
        return self._run("jacobian", args, kwargs)

    def hessian(self, *args: Any, **kwargs: Any) -> Any:
        """The Hessian in the one differentiated parameter, of shape `in.shape + in.shape`."""
        return self._run("hessian", args, kwargs)

    def jvp(self, *args: Any, tangent: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The value and the Jacobian-vector product.

        Parameters
        ----------
        tangent : structured and shaped like the differentiated parameter; a tuple for several.
        """
        return self._run("jvp", args, kwargs, tangent)

    def taps(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The gradients of the value in the intermediate values named by `taps=`, by name."""
        if not self.options.taps:
            raise InvalidArgument(
                'name the intermediate values when decorating: @differentiate(taps=("y", "z"))'
            )
        return self._run("taps", args, kwargs)

    def source(self, *args: Any, mode: str = "value_and_grad", **kwargs: Any) -> SourceText:
        """The text of the generated file, which prints highlighted in a terminal and a notebook.

        With arguments, the file for arguments like these; without, the one that was used last.
        """
        from codegen_ad.explain import source_text

        return source_text(self._prepared(mode, args, kwargs))

    def source_path(self, *args: Any, mode: str = "value_and_grad", **kwargs: Any) -> str:
        """Where the generated file lies."""
        prepared = self._prepared(mode, args, kwargs)
        return os.fspath(prepared.compiled.entry.source_path)

    def explain(self, *args: Any, mode: str = "value_and_grad", **kwargs: Any) -> Explanation:
        """Program, gradient, optimised program, plan and code, each a text, for such arguments."""
        from codegen_ad.explain import explain

        return explain(self, args, kwargs, mode)

    def profile(self, *args: Any, repeat: int = 100, **kwargs: Any) -> Any:
        """Where the time goes: one row for each operation of the user's function.

        See `codegen_ad.profile`.
        """
        from codegen_ad.profile import profile

        return profile(self, args, kwargs, repeat=repeat)

    def check(self, *args: Any, **kwargs: Any) -> CheckReport:
        """Compare the derivatives with the plain function; see `codegen_ad.testing.check_grad`."""
        from codegen_ad.testing import check_grad

        return check_grad(self, *args, **kwargs)

    @property
    def wrt(self) -> tuple[str, ...]:
        """The names of the differentiated parameters."""
        return self.kernels.binder.wrt

    @property
    def kernels(self) -> Kernels:
        """The kernels of this function in this process."""
        if self._kernels is None:
            self._kernels = _kernels_of(self.__wrapped__, self.options)
        return self._kernels

    def _prepared(self, mode: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Prepared:
        if args or kwargs:
            return self.kernels.prepare(mode, self.kernels.binder.bind(args, kwargs))[0]
        latest = self.kernels.latest(mode)
        if latest is None:
            name = self.kernels.binder.name
            raise InvalidArgument(
                f"{name} has not been compiled yet: call {name}.{mode}(...) first, or pass "
                f"arguments like those you will use: {name}.source(...)"
            )
        return latest

    def _run(
        self, mode: str, args: Sequence[Any], kwargs: Mapping[str, Any], cotangent: Any = None
    ) -> Any:
        from codegen_ad.runtime import results

        return results.run(self.kernels, mode, args, kwargs, cotangent)


@overload
def differentiate(function: Callable[P, R]) -> Differentiable[P, R]: ...
@overload
def differentiate(
    function: None = None,
    *,
    wrt: Names = (),
    taps: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
) -> Callable[[Callable[P, R]], Differentiable[P, R]]: ...


def differentiate(
    function: Callable[..., Any] | None = None,
    *,
    wrt: Names = (),
    taps: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
) -> Any:
    """Give a NumPy function its derivatives.

    Parameters
    ----------
    function : an ordinary Python function of arrays and numbers; it stays callable as it is.
    wrt : the parameters to differentiate, by name or position; the first if left out.
    taps : intermediate values, by the name they are assigned to, whose gradients `taps()` gives.
    static : integer parameters whose values the kernel is specialised on.

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
            return make(f, wrt, taps, static)

        return decorate
    return make(function, wrt, taps, static)


def make(
    function: Callable[..., Any], wrt: Names, taps: str | Sequence[str], static: str | Sequence[str]
) -> Differentiable[..., Any]:
    """The function with its derivatives; one that has some already gets others."""
    if isinstance(function, Differentiable):
        function = cast("Differentiable[..., Any]", function).__wrapped__
    if not callable(function):
        raise InvalidArgument(f"differentiate takes a function, not {function!r}")
    names = names_of(function, wrt)
    options = Options(names, _strings(taps), _strings(static))
    return Differentiable(function, options)


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
    gtol : stop when the gradient's norm is no larger.
    ftol : stop when a step changes the loss by no more than this times max(|loss|, 1).
    **options : the method's own: `learning_rate`, `momentum`, `nesterov`, `beta1`, `beta2`,
        `epsilon`.

    Returns
    -------
    FitResult
        With SciPy's fields; `x` is the best point that was met.

    Raises
    ------
    InvalidArgument
        If an option is unknown or out of range, or the arguments do not fit together.
    """
    from codegen_ad.fit.minimize import minimize as run

    found: Differentiable[..., Any] = (
        cast("Differentiable[..., Any]", function)
        if isinstance(function, Differentiable)
        else make(function, (), (), ())
    )
    return run(
        found,
        x0,
        args,
        method=method,
        steps=steps,
        trace=trace,
        progress=progress,
        callback=callback,
        time_limit=time_limit,
        gtol=gtol,
        ftol=ftol,
        **options,
    )


def names_of(function: Callable[..., Any], wrt: Names) -> tuple[str, ...]:
    """The names of parameters given by name or position."""
    import inspect

    items = tuple(wrt) if isinstance(wrt, Sequence) and not isinstance(wrt, str) else (wrt,)
    try:
        parameters = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        from codegen_ad.source import source_of

        source_of(function)
        raise
    names: list[str] = []
    for item in items:
        if isinstance(item, str):
            names.append(item)
        elif not isinstance(item, int) or isinstance(item, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"a parameter is given by name or position, not by {item!r}")
        elif -len(parameters) <= item < len(parameters):
            names.append(parameters[item])
        else:
            raise InvalidArgument(
                f"argnums={item}: {getattr(function, '__name__', 'the function')}() takes "
                f"{len(parameters)} arguments"
            )
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgument(f"{name} is given twice: name each parameter once")
    return tuple(names)


def _strings(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _kernels_of(function: Callable[..., Any], options: Options) -> Kernels:
    from codegen_ad.emit.render import digest
    from codegen_ad.runtime.arguments import Binder
    from codegen_ad.runtime.dispatch import Kernels
    from codegen_ad.runtime.versions import versions

    binder = Binder(function, options.wrt, options.static)

    def build(signature: Signature, mode: str) -> Built:
        from codegen_ad import build as stages

        if not shown_stages():
            return stages.build(function, signature, mode, options, binder.wrt)
        from codegen_ad.explain import show

        return stages.build(function, signature, mode, options, binder.wrt, on_stage=show)

    return Kernels(
        function,
        binder,
        build,
        options=options.text(),
        templates=lambda: digest("numba_cpu"),
        versions=versions,
    )
