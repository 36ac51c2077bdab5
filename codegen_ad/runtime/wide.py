"""Vectors of 512 bits, where a processor has them and a kernel gains by them.

LLVM prefers 256 bits on most processors with AVX-512, and numba has no option for a function. So
the functions of such a kernel are lowered with LLVM's attribute `prefer-vector-width`: nothing in
the file says so, and run by itself it has vectors of 256 bits. Sums may differ in their last bits
between the two, as they do between processors; in one process, and for any number of threads, they
are the same. This module alone knows how numba lowers a function; where numba has changed, kernels
are compiled as numba would.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, cast

_FEATURE = "avx512bitalg"
"""Processors that have it (Intel's since Ice Lake, AMD's since Zen 4) run at their full clock with
vectors of 512 bits; those before did not."""

_ATTRIBUTE = '"prefer-vector-width"="512"'


def widen(module: ModuleType) -> None:
    """Let the functions of a kernel's module use wide vectors, once they are compiled."""
    if not _has_wide_vectors():
        return
    for function in vars(module).values():
        compiler: Any = getattr(function, "_compiler", None)
        base: Any = getattr(compiler, "pipeline_class", None)
        if base is not None and not hasattr(base, "is_wide"):
            compiler.pipeline_class = _pipeline(base)


@cache
def _has_wide_vectors() -> bool:
    """Whether it pays on this processor, unless numba is told to compile for another one."""
    from llvmlite import binding
    from numba import config

    told: Any = config
    if told.CPU_NAME is not None or told.CPU_FEATURES is not None:
        return False
    features: Any = binding.get_host_cpu_features()
    return bool(features.get(_FEATURE, False))


@cache
def _pipeline(base: Any) -> Any:
    """A way through numba with a lowering that sets the attribute; as it is where numba changed."""
    try:
        register: Any = import_module("numba.core.compiler_machinery").register_pass
        lower: Any = import_module("numba.core.lowering").Lower
        lowering: Any = import_module("numba.core.typed_passes").NativeLowering
    except (ImportError, AttributeError):
        return base

    class WideLower(lower):
        def lower_normal_function(self, fndesc: Any) -> None:
            lower.lower_normal_function(self, fndesc)
            attributes = self.function.attributes
            if isinstance(attributes, set):  # its own `add` takes those that have no value
                set.add(cast("set[str]", attributes), _ATTRIBUTE)

    @register(mutates_CFG=True, analysis_only=False)
    class WideLowering(lowering):
        _name = "wide_lowering"

        @property
        def lowering_class(self) -> Any:
            return WideLower

    class WideCompiler(base):
        is_wide = True

        def define_pipelines(self) -> Any:
            pipelines: Any = base.define_pipelines(self)
            for pipeline in pipelines:
                steps: Any = pipeline.passes
                pipeline.passes = [(WideLowering if s is lowering else s, why) for s, why in steps]
                pipeline.finalize()
            return pipelines

    return WideCompiler
