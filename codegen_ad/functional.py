"""The functional forms that users of autograd and JAX have in their fingers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from codegen_ad.api import Differentiable, Names, make, names_of
from codegen_ad.errors import InvalidArgument


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


def hessian(function: Callable[..., Any], argnums: Names = 0) -> Callable[..., Any]:
    """A function of the same arguments that returns the Hessian."""
    return _form(function, argnums, "hessian")


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value at `primals` and the derivative along `tangents`, one for each argument."""
    found = _derivatives(function, tuple(range(len(primals))))
    tangent = tangents[0] if len(primals) == 1 else tuple(tangents)
    return found.jvp(*primals, tangent=tangent)


def vjp(
    function: Callable[..., Any], *primals: Any, argnums: Names | None = None
) -> tuple[Any, Callable[[Any], Any]]:
    """The value at `primals`, and a function from a cotangent to the vector-Jacobian product.

    All arguments are differentiated unless `argnums` says otherwise; the product is a tuple then.
    """
    every = tuple(range(len(primals))) if argnums is None else argnums
    value, pullback = _derivatives(function, every).vjp(*primals)
    if argnums is None and len(primals) == 1:
        return value, lambda g: (pullback(g),)
    return value, pullback


def _form(function: Callable[..., Any], argnums: Names, method: str) -> Callable[..., Any]:
    if not isinstance(argnums, str | int) and not argnums:
        raise InvalidArgument("argnums is empty: name at least one argument to differentiate")
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
    if not isinstance(function, Differentiable):
        return make(function, argnums, (), ())
    known = cast("Differentiable[..., Any]", function)
    names = names_of(known.__wrapped__, argnums)
    if names == known.wrt:
        return known
    return Differentiable(known.__wrapped__, replace(known.options, wrt=names))
