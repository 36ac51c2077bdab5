"""Derivatives that the user gives, and values that derivatives pass by.

What stands here is recognised by the frontend by its attributes and never imports a stage.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from codegen_ad.errors import InvalidArgument

P = ParamSpec("P")
R = TypeVar("R")
Rule = Callable[..., Any]


def stop_gradient(value: R) -> R:
    """The value itself, which derivatives treat as a constant."""
    return value


stop_gradient.__codegen_stop_gradient__ = True  # pyright: ignore[reportFunctionMemberAccess]


class custom_derivative(Generic[P, R]):
    """A function whose derivatives are given.

    A backward pass serves reverse mode, a rule of tangents forward mode; a mode without one is
    refused. All are ordinary NumPy functions, end up in generated code, and are differentiated for
    second derivatives. Arguments and results may be tuples, lists, dicts and dataclasses of arrays.

    Parameters
    ----------
    function : computes the result. Where it has a backward pass and returns a pair whose second
        part is a tuple, that part are the residuals, and the first part is the result.
    forward : computes `(result, residuals)`, for reverse mode; residuals are whatever `backward`
        needs. Without it, and without residuals that `function` returns, they are the tuple of the
        arguments.
    backward : from the residuals and the cotangent, which is structured like the result, to the
        cotangent of each argument, in a tuple; None where there is no derivative. Of one argument,
        the cotangent itself will do.
    jvp : from the tuple of arguments and the tuple of their tangents to the tangent of the result.
        Tangents of what is not floating point are None.

    `@f.forward`, `@f.backward` and `@f.jvp` decorate the same.

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
    >>> @relu.jvp
    ... def _(primals, tangents):
    ...     return np.where(primals[0] < 0, 0, tangents[0])
    """

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        forward: Rule | None = None,
        backward: Rule | None = None,
        jvp: Rule | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._forward = forward
        self._backward = backward
        self._jvp = jvp

    def forward(self, function: Rule) -> Rule:
        """Decorate the forward pass: it returns the pair of result and residuals."""
        self._forward = function
        return function

    def backward(self, function: Rule) -> Rule:
        """Decorate the backward pass: residuals and cotangent to the arguments' cotangents."""
        self._backward = function
        return function

    def jvp(self, function: Rule) -> Rule:
        """Decorate the rule for forward mode: arguments and their tangents to the tangent."""
        self._jvp = function
        return function

    @property
    def __codegen_custom__(self) -> tuple[Rule, Rule | None, Rule | None, bool | None]:
        """Forward pass, backward pass, rule of tangents, and whether the first saves residuals.

        That is None where its result tells.
        """
        name = self._function.__name__
        if self._backward is None and self._jvp is None:
            raise InvalidArgument(
                f"{name} has no derivative: decorate a backward pass with @{name}.backward, or a "
                f"rule for forward mode with @{name}.jvp"
            )
        if self._backward is None:
            return self._function, None, self._jvp, False
        if self._forward is not None:
            return self._forward, self._backward, self._jvp, True
        return self._function, self._backward, self._jvp, None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """The result alone."""
        result = self._function(*args, **kwargs)
        if self._backward is None or self._forward is not None:
            return result
        is_pair = isinstance(result, tuple) and len(result) == 2 and type(result[1]) is tuple  # pyright: ignore[reportUnknownArgumentType]
        return result[0] if is_pair else result  # pyright: ignore[reportUnknownVariableType]
