"""The CPU backend: a kernel plan becomes a file of numba functions. It plans nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen_ad.backends.brought import helpers
from codegen_ad.emit.cut_view import cut_view
from codegen_ad.emit.fit_view import Once, Recipe, fit_view
from codegen_ad.emit.render import render
from codegen_ad.emit.view import About, types_of, view
from codegen_ad.plan.chunking.chunks import Cut
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.cost import cost as count
from codegen_ad.plan.elements import split
from codegen_ad.plan.kernel import Kernel

NAME = "numba_cpu"


def source(
    kernel: Kernel,
    about: About,
    cost: Cost,
    *,
    vectorise: bool = True,
    parts: Cut | None = None,
) -> str:
    """The text of the kernel's file, in functions if it is cut; `vectorise` as in `view`."""
    if parts is not None:
        k = cut_view(parts, about, cost, helpers, vectorise=vectorise)
        return render(f"{NAME}/chunks.py.jinja", k=k)
    k = view(kernel, about, cost, helpers, vectorise=vectorise)
    return render(f"{NAME}/kernel.py.jinja", k=k)


def fit_source(
    kernel: Kernel,
    about: About,
    cost: Cost,
    recipe: Recipe,
    targets: Sequence[int],
    name: str,
    once: Once | None = None,
    *,
    vectorise: bool = True,
) -> str:
    """The text of a file whose function `name` runs a whole fit; `once` runs before its steps."""
    small, splits = split(kernel, targets)
    core = view(small, about, cost, helpers, outputs_given=True, vectorise=vectorise)
    first = None
    if once is not None:
        first = view(once.kernel, about, count(once.kernel), helpers, vectorise=vectorise)
        core = replace(core, helpers=tuple(dict.fromkeys((*first.helpers, *core.helpers))))
    inputs = () if once is None else once.inputs
    fit = fit_view(kernel, core, recipe, targets, splits, name, first, inputs)
    core = replace(core, types=types_of(kernel))
    return render(f"{NAME}/fit.py.jinja", k=core, f=fit, once=first)
