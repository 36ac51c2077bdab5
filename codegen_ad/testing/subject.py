"""What a check needs of a function that has its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from codegen_ad.runtime.dispatch import Kernels


class Subject(Protocol):
    """The plain function and its compiled value and derivatives."""

    __wrapped__: Callable[..., Any]

    @property
    def kernels(self) -> Kernels:
        """The kernels that compute them."""
        ...

    @property
    def wrt(self) -> tuple[str, ...]:
        """What is differentiated."""
        ...

    def value(self, *args: Any, **kwargs: Any) -> Any:
        """The value."""
        ...

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The value and its gradient."""
        ...

    def vjp(self, *args: Any, cotangent: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """The value and the vector-Jacobian product."""
        ...

    def jvp(self, *args: Any, tangent: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The value and the Jacobian-vector product."""
        ...

    def hvp(self, *args: Any, tangent: Any = None, **kwargs: Any) -> Any:
        """The product of the Hessian and a vector."""
        ...
