"""What users call: the decorator, the functional forms, custom derivatives.

Importing this imports nothing heavy; a call of a compiled function imports NumPy and numba, and a
cold one the stages that build a kernel.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from codegen_ad.errors import InvalidArgument
from codegen_ad.options import Options

if TYPE_CHECKING:
    from codegen_ad.explain import Explanation, SourceText
    from codegen_ad.runtime.dispatch import Built, Kernels, Prepared
    from codegen_ad.signature import Signature

P = ParamSpec("P")
R = TypeVar("R")
Names = str | int | Sequence[str | int]


class Differentiable(Generic[P, R]):
    """A function and its derivatives; calling it calls the function itself.

    Made by `differentiate`. The derivatives are compiled on their first call for each combination of
    dtypes, ranks and layouts, and kept on disk.
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
            return value, lambda g: self._run("vjp", args, kwargs, g)[1]
        return self._run("vjp", args, kwargs, cotangent)

    def jacobian(self, *args: Any, **kwargs: Any) -> Any:
        """The Jacobian: for each differentiated parameter an array of shape `out.shape + in.shape`."""
        return self._run("jacobian", args, kwargs)

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
        return lambda f: differentiate(f, wrt=wrt, taps=taps, static=static)
    if isinstance(function, Differentiable):
        function = function.__wrapped__
    if not callable(function):
        raise InvalidArgument(f"differentiate takes a function, not {function!r}")
    names = _names(function, wrt)
    options = Options(names, _strings(taps), _strings(static))
    return Differentiable(function, options)


def value_and_grad(function: Callable[..., Any], argnums: Names = 0) -> Callable[..., Any]:
    """A function of the same arguments that returns value and gradient, as in JAX and autograd.

    `argnums` is a position or name, or a tuple of them; gradients come back as one or as a tuple.
    """
    return _form(function, argnums, "value_and_grad")


def grad(function: Callable[..., Any], argnums: Names = 0) -> Callable[..., Any]:
    """A function of the same arguments that returns the gradient."""
    return _form(function, argnums, "grad")


def jacobian(function: Callable[..., Any], argnums: Names = 0) -> Callable[..., Any]:
    """A function of the same arguments that returns the Jacobian."""
    return _form(function, argnums, "jacobian")


def vjp(function: Callable[..., Any], *primals: Any, argnums: Names | None = None) -> tuple[Any, Callable[[Any], Any]]:
    """The value at `primals`, and a function from a cotangent to the vector-Jacobian product.

    All arguments are differentiated unless `argnums` says otherwise; the product is a tuple then.
    """
    every = tuple(range(len(primals))) if argnums is None else argnums
    value, pullback = _derivatives(function, every).vjp(*primals)
    if argnums is None and len(primals) == 1:
        return value, lambda g: (pullback(g),)
    return value, pullback


def stop_gradient(value: R) -> R:
    """The value itself, which derivatives treat as a constant."""
    return value


stop_gradient.__codegen_stop_gradient__ = True  # pyright: ignore[reportFunctionMemberAccess]


class custom_derivative(Generic[P, R]):  # noqa: N801 - a decorator
    """A function whose reverse derivative is given.

    The decorated function is the forward pass: it returns the result, or the result and a tuple of
    residuals. `@f.backward` decorates a function of the residuals and the cotangent of the result
    that returns the cotangent of each argument. Without residuals of its own, the arguments are the
    residuals.

    Examples
    --------
    >>> import numpy as np
    >>> @custom_derivative
    ... def relu(x):
    ...     return np.maximum(x, 0), (x,)
    >>> @relu.backward
    ... def _(residuals, g):
    ...     (x,) = residuals
    ...     return np.where(x < 0, 0, g)
    """

    def __init__(self, forward: Callable[P, Any]) -> None:
        functools.update_wrapper(self, forward)
        self.forward = forward
        self._backward: Callable[..., Any] | None = None

    def backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate the backward pass."""
        self._backward = function
        return function

    @property
    def __codegen_custom__(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        if self._backward is None:
            raise InvalidArgument(
                f"{self.forward.__name__} has no backward pass: decorate one with "
                f"@{self.forward.__name__}.backward"
            )
        return self.forward, self._backward

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """The result alone."""
        result = self.forward(*args, **kwargs)
        is_pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], tuple)  # pyright: ignore[reportUnknownArgumentType]
        return result[0] if is_pair else result  # pyright: ignore[reportUnknownVariableType]


def _form(function: Callable[..., Any], argnums: Names, method: str) -> Callable[..., Any]:
    found = _derivatives(function, argnums)
    many = not isinstance(argnums, str | int)

    def call(*args: Any, **kwargs: Any) -> Any:
        result = getattr(found, method)(*args, **kwargs)
        if not many or len(found.wrt) > 1:
            return result
        return (result[0], (result[1],)) if method == "value_and_grad" else (result,)

    functools.update_wrapper(call, found.__wrapped__)
    call.derivatives = found  # pyright: ignore[reportFunctionMemberAccess]
    return call


def _derivatives(function: Callable[..., Any], argnums: Names) -> Differentiable[..., Any]:
    """The function's derivatives for `argnums`, made once for each function."""
    if isinstance(function, Differentiable):
        options = function.options
        names = _names(function.__wrapped__, argnums)
        if names == function.wrt:
            return function
        return Differentiable(
            function.__wrapped__, Options(names, options.taps, options.static)
        )
    return differentiate(function, wrt=argnums)


def _names(function: Callable[..., Any], wrt: Names) -> tuple[str, ...]:
    import inspect

    items = (wrt,) if isinstance(wrt, str | int) else tuple(wrt)
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
        elif -len(parameters) <= item < len(parameters):
            names.append(parameters[item])
        else:
            raise InvalidArgument(
                f"argnums={item}: {getattr(function, '__name__', 'the function')}() takes "
                f"{len(parameters)} arguments"
            )
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

        return stages.build(function, signature, mode, options, binder.wrt)

    return Kernels(
        function,
        binder,
        build,
        options=options.text(),
        templates=lambda: digest("numba_cpu"),
        versions=versions,
    )
