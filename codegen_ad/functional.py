"""The functional forms that users of autograd and JAX have in their fingers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from codegen_ad.api import make
from codegen_ad.differentiable import Differentiable, inside
from codegen_ad.errors import InvalidArgument
from codegen_ad.paths import Names, names_of


class Form:
    """A function of the same arguments that returns one of the derivatives; made by `grad` etc.

    Attributes
    ----------
    derivatives : the function with all its derivatives.
    method : which of them this one is.
    many : whether the derivatives come as a tuple, though only one thing is differentiated.
    sparse : whether it is a sparse Jacobian.
    """

    __codegen_form__ = True

    def __init__(
        self,
        derivatives: Differentiable[..., Any],
        method: str,
        *,
        many: bool,
        sparse: bool = False,
    ) -> None:
        functools.update_wrapper(self, derivatives.__wrapped__)
        self.derivatives = derivatives
        self.method = method
        self.many = many
        self.sparse = sparse

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The derivative, by a compiled kernel."""
        if self.sparse:
            kwargs["sparse"] = True
        result = getattr(self.derivatives, self.method)(*args, **kwargs)
        if not self.many or len(self.derivatives.wrt) > 1:
            return result
        if self.method == "value_and_grad":
            return result[0], (result[1],)
        if self.method == "grad" and self.derivatives.options.has_aux:
            return (result[0],), result[1]
        return ((result,),) if self.method == "hessian" else (result,)

    def __repr__(self) -> str:
        return f"<{self.method} of {getattr(self, '__name__', 'function')}>"


@inside("form:value_and_grad")
def value_and_grad(
    function: Callable[..., Any], argnums: Names = 0, *, has_aux: bool = False
) -> Form:
    """A function of the same arguments that returns value and gradient, as in JAX and autograd.

    Parameters
    ----------
    function : an ordinary function, or one that has its derivatives already.
    argnums : what is differentiated: a position, name or path, or a tuple or list of them;
        gradients come back as one or as a tuple.
    has_aux : the function returns a pair: the value and anything beside it. The result is
        `((value, aux), gradient)` then.
    """
    return _form(function, argnums, "value_and_grad", has_aux=has_aux)


@inside("form:grad")
def grad(function: Callable[..., Any], argnums: Names = 0, *, has_aux: bool = False) -> Form:
    """A function of the same arguments that returns the gradient; see `value_and_grad`.

    With `has_aux` it returns `(gradient, aux)`.
    """
    return _form(function, argnums, "grad", has_aux=has_aux)


@inside("form:elementwise_grad")
def elementwise_grad(function: Callable[..., Any], argnums: Names = 0) -> Form:
    """A function of the same arguments that returns the gradient of the sum of the result.

    Where each element of the result depends on the element of the argument at its place alone, that
    is the derivative of each.
    """
    return _form(function, argnums, "elementwise_grad")


@inside("form:jacobian")
def jacobian(function: Callable[..., Any], argnums: Names = 0, *, sparse: bool = False) -> Form:
    """A function of the same arguments that returns the Jacobian.

    With `sparse` it is a `scipy.sparse.csr_array`; see `Differentiable.jacobian`.
    """
    return _form(function, argnums, "jacobian", sparse=sparse)


@inside("form:hessian")
def hessian(function: Callable[..., Any], argnums: Names = 0) -> Form:
    """A function of the same arguments that returns the Hessian."""
    return _form(function, argnums, "hessian")


@inside("form:hvp")
def hvp(function: Callable[..., Any], argnums: Names = 0) -> Form:
    """A function of the same arguments, and a vector after them: the Hessian times the vector."""
    return _form(function, argnums, "hvp")


@inside("call:jvp")
def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value at `primals` and the derivative along `tangents`, one for each argument."""
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):  # the rows of an array are no arguments
            raise InvalidArgument(
                f"jvp takes its {what} as a tuple or list, one for each argument: write (x,) for x"
            )
    if len(primals) != len(tangents):
        raise InvalidArgument(
            f"jvp takes a tangent for each argument: there are {len(primals)} primals and "
            f"{len(tangents)} tangents"
        )
    found = _derivatives(function, tuple(range(len(primals))))
    tangent = tangents[0] if len(primals) == 1 else tuple(tangents)
    return found.jvp(*primals, tangent=tangent)


@inside("call:vjp")
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


def _form(
    function: Callable[..., Any],
    argnums: Names,
    method: str,
    *,
    has_aux: bool = False,
    sparse: bool = False,
) -> Form:
    if not isinstance(argnums, str | int) and not argnums:
        raise InvalidArgument("argnums is empty: name at least one argument to differentiate")
    found = _derivatives(function, argnums, has_aux=has_aux)
    return Form(found, method, many=not isinstance(argnums, str | int), sparse=sparse)


def _derivatives(
    function: Callable[..., Any], argnums: Names, *, has_aux: bool = False
) -> Differentiable[..., Any]:
    """The function's derivatives for `argnums`, made once for each function."""
    if not isinstance(function, Differentiable):
        return make(function, argnums, (), (), has_aux=has_aux)
    known = cast("Differentiable[..., Any]", function)
    names = names_of(known.__wrapped__, argnums)
    if names == known.wrt and (known.options.has_aux or not has_aux):
        return known
    aux = has_aux or known.options.has_aux
    return known.with_options(replace(known.options, wrt=names, has_aux=aux))
