"""Turn a NumPy function into the source code of its gradient."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen_ad.api import (
        differentiate,
        fit_many,
        least_squares,
    )
    from codegen_ad.custom import custom_derivative, stop_gradient
    from codegen_ad.differentiable import Differentiable
    from codegen_ad.errors import CodegenError
    from codegen_ad.functional import (
        elementwise_grad,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        value_and_grad,
        vjp,
    )
    from codegen_ad.minimizing import minimize, minimize_many
    from codegen_ad.runtime.cuda.streams import cuda_stream

__version__ = "0.1.0"

__all__ = [
    "CodegenError",
    "Differentiable",
    "__version__",
    "cuda_stream",
    "custom_derivative",
    "differentiate",
    "elementwise_grad",
    "fit_many",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "least_squares",
    "minimize",
    "minimize_many",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

_HOMES = {
    "CodegenError": "codegen_ad.errors",
    "Differentiable": "codegen_ad.differentiable",
    "cuda_stream": "codegen_ad.runtime.cuda.streams",
    "custom_derivative": "codegen_ad.custom",
    "stop_gradient": "codegen_ad.custom",
    "elementwise_grad": "codegen_ad.functional",
    "grad": "codegen_ad.functional",
    "hessian": "codegen_ad.functional",
    "hvp": "codegen_ad.functional",
    "jacobian": "codegen_ad.functional",
    "jvp": "codegen_ad.functional",
    "value_and_grad": "codegen_ad.functional",
    "vjp": "codegen_ad.functional",
    "minimize": "codegen_ad.minimizing",
    "minimize_many": "codegen_ad.minimizing",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'codegen_ad' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "codegen_ad.api")), name)


def __dir__() -> list[str]:
    return __all__
