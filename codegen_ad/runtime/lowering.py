"""How kernels are lowered to LLVM where numba's own way is not right, or not fast enough.

Integers of NumPy go round; numba tells LLVM that sums, differences and products of its own never
do, and LLVM concludes that `k + 1 > k` and that `k * 8 // 8` is `k`. Here they are lowered without
that promise.

LLVM prefers vectors of 256 bits on most processors with AVX-512, and numba has no option for a
function. So the functions of a kernel that gains by wider ones are lowered with LLVM's attribute
`prefer-vector-width`. Sums may differ in their last bits between the two, as they do between
processors; in one process, and for any number of threads, they are the same.

Nothing in a kernel's file says so: run by itself it is as numba makes it. This module and
`disjoint` alone know how numba lowers a function; where numba has changed, kernels are compiled as
numba would. Kernels for GPUs are lowered in the same way by classes of numba-cuda's own.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, cast

from codegen_ad.runtime.places import Form, form_of_numba, may_not_fit, places

_FEATURE = "avx512bitalg"
"""Processors that have it (Intel's since Ice Lake, AMD's since Zen 4) run at their full clock with
vectors of 512 bits; those before did not."""

_ATTRIBUTE = '"prefer-vector-width"="512"'


def lower_as_numpy(module: ModuleType, wide: bool) -> None:
    """Give the functions of a kernel's module this way of lowering, once they are compiled."""
    wide = wide and _has_wide_vectors()
    for function in vars(module).values():
        compiler: Any = getattr(function, "_compiler", None)
        base: Any = getattr(compiler, "pipeline_class", None)
        if base is not None and not hasattr(base, "is_as_numpy"):
            compiler.pipeline_class = _pipeline(base, wide)


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
def _pipeline(base: Any, wide: bool) -> Any:
    """A way through numba with a lowering of ours; as it is where numba changed."""
    try:
        register: Any = import_module("numba.core.compiler_machinery").register_pass
        lower: Any = import_module("numba.core.lowering").Lower
        lowering: Any = import_module("numba.core.typed_passes").NativeLowering
        integer: Any = import_module("numba.core.types").Integer
    except (ImportError, AttributeError):
        return base

    numpys: Any = lowers_as_numpy(lower, integer, form_of_numba())

    class WideLower(numpys):
        def lower_normal_function(self, fndesc: Any) -> None:
            numpys.lower_normal_function(self, fndesc)
            attributes = self.function.attributes
            if wide and isinstance(attributes, set):  # its own `add` takes only those without value
                set.add(cast("set[str]", attributes), _ATTRIBUTE)

    @register(mutates_CFG=True, analysis_only=False)
    class NumpyLowering(lowering):
        _name = "wide_lowering" if wide else "numpy_lowering"

        @property
        def lowering_class(self) -> Any:
            return WideLower

    class NumpyCompiler(base):
        is_as_numpy = True

        def define_pipelines(self) -> Any:
            pipelines: Any = base.define_pipelines(self)
            for pipeline in pipelines:
                steps: Any = pipeline.passes
                pipeline.passes = [(NumpyLowering if s is lowering else s, why) for s, why in steps]
                pipeline.finalize()
            return pipelines

    return NumpyCompiler


def lowers_as_numpy(lower: Any, integer: Any, form: Form) -> Any:
    """A class of numba's that lowers functions, whose integers of data go round.

    Parameters
    ----------
    lower : the class as it is.
    integer : its type of integers.
    form : of the functions that it is given.
    """

    class NumpyLower(lower):
        def lower_normal_function(self, fndesc: Any) -> None:
            self.places = places(self.blocks, fndesc.typemap, form)
            lower.lower_normal_function(self, fndesc)

        def lower_assign(self, ty: Any, inst: Any) -> Any:
            self.assigned = inst.target.name
            return lower.lower_assign(self, ty, inst)

        def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
            name = may_not_fit(expr)
            result: Any = self.fndesc.calltypes[expr].return_type
            if name is None or self.assigned in self.places or not isinstance(result, integer):
                return lower.lower_binop(self, resty, expr, op)
            sides = (
                self.context.cast(self.builder, self.loadvar(s.name), self.typeof(s.name), result)
                for s in (expr.lhs, expr.rhs)
            )
            made = getattr(self.builder, name)(*sides)
            return self.context.cast(self.builder, made, result, resty)

    return NumpyLower
