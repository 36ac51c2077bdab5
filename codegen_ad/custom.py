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


def stop_gradient(value: R) -> R:
    """The value itself, which derivatives treat as a constant."""
    return value


stop_gradient.__codegen_stop_gradient__ = True  # pyright: ignore[reportFunctionMemberAccess]


class custom_derivative(Generic[P, R]):
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
