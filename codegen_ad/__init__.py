"""Turn a NumPy function into the source code of its gradient."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen_ad.api import (
        Differentiable,
        custom_derivative,
        differentiate,
        grad,
        jacobian,
        stop_gradient,
        value_and_grad,
        vjp,
    )
    from codegen_ad.errors import CodegenError
    from codegen_ad.fit.minimize import minimize

__version__ = "0.1.0"

__all__ = [
    "CodegenError",
    "Differentiable",
    "__version__",
    "custom_derivative",
    "differentiate",
    "grad",
    "jacobian",
    "minimize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

_HOMES = {
    "CodegenError": "codegen_ad.errors",
    "minimize": "codegen_ad.fit.minimize",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'codegen_ad' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "codegen_ad.api")), name)


def __dir__() -> list[str]:
    return __all__
