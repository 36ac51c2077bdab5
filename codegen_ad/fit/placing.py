"""Many fits: their arguments, and whether the processor or a GPU runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codegen_ad.fit.fitted import arguments_of
from codegen_ad.fit.minimize import HasKernels
from codegen_ad.fit.on_device import is_worth_it
from codegen_ad.fit.over_fits import brought_home, count_of_fits, first_of, own_arguments
from codegen_ad.options import target_of
from codegen_ad.runtime.arguments import Binder
from codegen_ad.runtime.dispatch import Kernels


@dataclass(frozen=True, slots=True)
class Placed:
    """Fits, and where they run.

    Attributes
    ----------
    kernels : of the function, there.
    is_on_device : whether that is a GPU.
    own : the names of the arguments of which each fit has its own.
    first : the first guesses, in the user's structure.
    arguments, single : all arguments of all fits, and those of the first fit.
    fits : how many there are.
    rows : how many rows of data each has; 0 where nobody asked.
    """

    kernels: Kernels
    is_on_device: bool
    own: list[str]
    first: tuple[Any, ...]
    arguments: Mapping[str, Any]
    single: Mapping[str, Any]
    fits: int
    rows: int


def place(
    function: HasKernels,
    x0: Any,
    args: Sequence[Any],
    per_fit: str | Sequence[str],
    target: str | None,
    caller: str,
    rows_of: Callable[[Binder, Mapping[str, Any]], int],
) -> Placed:
    """Find out where fits run; without a `target` the function's own says so.

    Raises
    ------
    InvalidArgument
        If arguments do not fit together.
    """
    target = function.options.target if target is None else target_of(target)
    kernels = function.on("cpu" if target == "cpu" else "cuda").kernels
    binder = kernels.binder
    own = own_arguments(binder, per_fit)
    first, arguments = arguments_of(binder, x0, args, caller)
    fits = count_of_fits(arguments, own)
    single = {n: first_of(v) if n in own else v for n, v in arguments.items()}
    rows = rows_of(binder, single) if target != "cpu" else 0
    if target == "auto" and not is_worth_it(rows, fits):
        target, kernels = "cpu", function.on("cpu").kernels
        arguments = {n: brought_home(v, n) for n, v in arguments.items()}
        single = {n: first_of(v) if n in own else v for n, v in arguments.items()}
    return Placed(kernels, target != "cpu", own, first, arguments, single, fits, rows)
