"""What is required of sizes: settled now, or checked when a kernel is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.sizes import Requirement, Restart, dim_text, smallest
from codegen_ad.ir.dims import Dim, as_dim

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def equate(m: Machine, first: Dim, second: Dim, what: str) -> None:
    """Require two sizes to be the same; reading starts again if that is news."""
    if first == second:
        return
    one, other = (dim_text(d, m.size_names) for d in (first, second))
    difference = first - second
    if not difference.is_constant:
        message = f"line {m.line()}: {what} needs {one} == {other}"
        if m.facts.solve(first, second, message):
            raise Restart
    m.refuse(
        f"`{what}` needs {one} and {other} to be the same size, and they are not."
        if difference.is_constant
        else f"`{what}` needs {one} == {other}, which cannot be settled before the call.",
        "Check the shapes of the arrays, for example by printing them.",
        ShapeMismatch,
    )


def require(m: Machine, at_least: Dim, minimum: Dim | int, what: str) -> None:
    """Require a size to be at least `minimum` when the kernel is called."""
    least = as_dim(minimum)
    bound = smallest(at_least - least, 0)
    if bound is not None and bound >= 0:
        return
    one, other = (dim_text(d, m.size_names) for d in (at_least, least))
    if (at_least - least).is_constant:
        m.refuse(
            f"`{what}` needs a size of at least {other}, and it is {one}.",
            "Check the shapes of the arrays, for example by printing them.",
            ShapeMismatch,
        )
    message = f"line {m.line()}: {what} needs {one} >= {other}"
    m.facts.demand(Requirement("at_least", at_least, least, message))
