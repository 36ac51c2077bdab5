"""What stands behind a function with derivatives: its kernels, and how they come to be.

Stages, cache and dispatch know nothing of each other; here each gets the others as functions. This
imports nothing heavy: a stage is imported when a kernel is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from codegen_ad.options import Options, shown_stages

if TYPE_CHECKING:
    from codegen_ad.explain import SourceText
    from codegen_ad.runtime.dispatch import Built, Inspect, Kernels
    from codegen_ad.signature import Signature
    from codegen_ad.sparsity import jacobian, plans
    from codegen_ad.testing.subject import Subject


def kernels_of(
    function: Callable[..., Any], options: Options, unchecked: Callable[[], Subject]
) -> Kernels:
    """The kernels of a function; `unchecked` gives the same function without `check=`."""
    from codegen_ad.emit.render import digest
    from codegen_ad.runtime.arguments import Binder
    from codegen_ad.runtime.dispatch import Kernels
    from codegen_ad.runtime.versions import versions

    binder = Binder(function, options.wrt, options.static, options.target)

    def build(signature: Signature, mode: str) -> Built:
        from codegen_ad import build as stages

        if not shown_stages():
            return stages.build(function, signature, mode, options, binder.wrt)
        from codegen_ad.explain import show

        return stages.build(function, signature, mode, options, binder.wrt, on_stage=show)

    return Kernels(
        function,
        binder,
        build,
        options=options.text(),
        templates=lambda: digest(f"numba_{options.target}"),
        versions=_planned_for if options.target == "cuda" else versions,
        inspect=_inspector(unchecked()) if options.check else None,
        threads=options.threads,
    )


def _planned_for() -> dict[str, str]:
    """What a kernel for a device depends on: versions, and what it is planned for."""
    from codegen_ad.runtime.cuda.ahead import architecture
    from codegen_ad.runtime.cuda.spills import planned_for
    from codegen_ad.runtime.versions import versions

    return {**versions(), "gpu": architecture(planned_for())}


def device_source(
    function: Callable[..., Any],
    options: Options,
    kernels: Kernels,
    mode: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> SourceText:
    """The file for a device: written, but neither kept nor compiled."""
    from codegen_ad import build as stages
    from codegen_ad.explain import SourceText

    binder = kernels.binder
    signature = binder.form(binder.bind(args, kwargs))
    return SourceText(stages.build(function, signature, mode, options, binder.wrt).source)


def sparse_of(
    function: Callable[..., Any], options: Options, kernels: Kernels
) -> jacobian.SparseJacobians:
    """The sparse Jacobians of a function, by the kernels that it has."""
    from codegen_ad import build as stages
    from codegen_ad.sparsity import jacobian

    def read(signature: Signature) -> plans.Subject:
        return stages.program_of(function, signature, options, kernels.binder.wrt)

    return jacobian.SparseJacobians(kernels, read)


def _inspector(unchecked: Subject) -> Inspect:
    """Compares each new kernel with the plain function, by one that is not compared itself."""

    def inspect(built: Built, mode: str, arguments: Mapping[str, Any]) -> Built:
        from codegen_ad.testing.inspection import inspected

        return inspected(unchecked, built, mode, arguments)

    return inspect
