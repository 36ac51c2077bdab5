"""The CPU backend: a kernel plan becomes a file of numba functions. It plans nothing itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from codegen_ad.backends.brought import helpers
from codegen_ad.emit.cut_view import cut_view
from codegen_ad.emit.fit_view import Once, Recipe, fit_view
from codegen_ad.emit.least_squares_view import CALLED, least_squares_view
from codegen_ad.emit.render import render
from codegen_ad.emit.view import About, KernelView, types_of, view
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
    fixed: Mapping[str, int] | None = None,
) -> str:
    """The text of the kernel's file, in functions if it is cut; the others as in `view`."""
    if parts is not None:
        k = cut_view(parts, about, cost, helpers, vectorise=vectorise)
        return render(f"{NAME}/chunks.py.jinja", k=k)
    k = view(kernel, about, cost, helpers, vectorise=vectorise, fixed=fixed)
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
    core, first = _core(small, about, cost, once, vectorise=vectorise)
    inputs = () if once is None else once.inputs
    fit = fit_view(kernel, core, recipe, targets, splits, name, first, inputs)
    core = replace(core, types=types_of(kernel))
    return render(f"{NAME}/fit.py.jinja", k=core, f=fit, once=first)


def least_squares_source(
    kernel: Kernel,
    about: About,
    cost: Cost,
    each: Collection[int] | None,
    targets: Sequence[int],
    name: str,
    once: Once | None = None,
    *,
    vectorise: bool = True,
) -> str:
    """The text of a file whose function `name` fits by the Levenberg-Marquardt method.

    The kernel computes normal equations. With `each`, the function `name_many` runs many such fits,
    with own values of the parameters of these numbers.
    """
    core, first = _core(kernel, about, cost, once, vectorise=vectorise)
    inputs = () if once is None else once.inputs
    fit = least_squares_view(kernel, core, targets, each, name, first, inputs)
    stepping = helpers(" ".join(f"{function}()" for function in CALLED))
    core = replace(core, helpers=tuple(dict.fromkeys((*core.helpers, *stepping))))
    template = "least_squares" if each is None else "fit_many"
    return render(f"{NAME}/{template}.py.jinja", k=core, f=fit, once=first)


def _core(
    kernel: Kernel, about: About, cost: Cost, once: Once | None, *, vectorise: bool
) -> tuple[KernelView, KernelView | None]:
    """The kernel in the loop of a fit, and the one before it; the first has all helpers."""
    core = view(kernel, about, cost, helpers, outputs_given=True, vectorise=vectorise)
    if once is None:
        return core, None
    first = view(once.kernel, about, count(once.kernel), helpers, vectorise=vectorise)
    return replace(core, helpers=tuple(dict.fromkeys((*first.helpers, *core.helpers)))), first
