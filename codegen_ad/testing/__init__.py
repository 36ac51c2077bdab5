"""Whether compiled derivatives are right at given arguments: `check_grad`, and `f.check(...)`.

The plain function is the judge: it is run as Python, on changed arguments, and differentiated by
complex step or by differences. This room never looks at programs or generated code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen_ad.api import differentiable
from codegen_ad.paths import Names
from codegen_ad.testing.report import CheckReport, Row

__all__ = ["CheckReport", "Row", "check_grad"]


def check_grad(
    function: Callable[..., Any],
    *args: Any,
    wrt: Names | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    second: bool = False,
    raise_on_failure: bool = True,
    **kwargs: Any,
) -> CheckReport:
    """Compare a function's compiled value and derivatives with the plain function, at one point.

    The value is compared with what the plain function returns; the derivative with complex steps
    and differences of the plain function, along random directions and, in parameters of at most 32
    elements, in each element; and forward with reverse differentiation, by ⟨Jv, w⟩ = ⟨v, Jᵀw⟩.
    Results that are not one number are checked along a random cotangent.

    At a kink central differences give the mean of both sides, which is what `codegen_ad` gives,
    except in the cases that its policy decides otherwise (0 at a local extremum, the finite side):
    such a row fails although nothing is wrong, and one beside a kink may be "unsure", as it is in a
    function that rounds to float32 inside. Check away from kinks. `stop_gradient` changes the
    derivative on purpose, which a check can't know. Where a custom derivative is given for one
    direction only, the comparison of forward with reverse is "skipped".

    Parameters
    ----------
    function : a function, or one that has its derivatives already.
    *args, **kwargs : the arguments at which it is checked; they are not changed. A parameter of the
        name of an option of this check is given by position.
    wrt : the parameters to differentiate; those of `function`, or the first, if left out.
    rtol, atol : the tolerances: 1e-6 and 1e-12, and 1e-3 and 1e-6 where arguments are float32. A
        comparison tolerates ten times the estimated error of what it compares with, too.
    seed : of the random directions.
    second : compare second derivatives too: the product of the Hessian and a random direction with
        differences of the compiled gradient. The function must return one number.
    raise_on_failure : return the report also where a comparison fails.

    Returns
    -------
    CheckReport

    Raises
    ------
    CheckFailed
        If a comparison fails; the message is the table.
    """
    return differentiable(function).check(
        *args,
        wrt=wrt,
        rtol=rtol,
        atol=atol,
        seed=seed,
        second=second,
        raise_on_failure=raise_on_failure,
        **kwargs,
    )
