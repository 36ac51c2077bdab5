"""What a least-squares fit gives back: parameters with their errors, and a table of them.

This room only keeps and prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.fit.result import Report, leaf_texts, number


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LeastSquaresResult(Report):
    """The result of a least-squares fit; `result.x` and `result["x"]` are the same.

    Attributes
    ----------
    x : the parameters, in the structure in which the first guess was given.
    errors : their standard errors, in the same structure: roots of the covariance's diagonal.
    covariance : of shape [p, p], the parameters in the order of `x`, arrays in C order. It is
        s² (JᵀJ)⁻¹ with s² = 2 cost / (residuals - p); with `absolute_sigma` s² is 1. Where the
        residuals don't determine the parameters, it is infinite.
    cost : half of the sum of squares at `x`.
    jac : the gradient of the cost, Jᵀr, in the structure of `x`.
    residuals : how many there are.
    nit : the number of steps tried.
    nfev : how often the residuals and their derivatives were computed.
    status : why the fit ended: 0 the gradient vanishes, 1 all steps taken, 2 stopped, 3 not finite,
        4 the steps are small, 5 the cost does not change.
    message : the same in words.
    success : whether the fit converged.
    trace : the cost before each step, or None if it was not asked for.
    seconds : how long the fit ran.
    """

    x: Any
    errors: Any
    covariance: NDArray[np.float64]
    cost: float
    jac: Any
    residuals: int
    nit: int
    nfev: int
    status: int
    message: str
    success: bool
    trace: NDArray[np.float64] | None
    seconds: float

    def title(self) -> str:
        """The headline."""
        done = "succeeded" if self.success else "did not succeed"
        return f"Least-squares fit: {done}"

    def rows(self) -> list[tuple[str, str]]:
        """What the table shows, line by line."""
        errors = dict(leaf_texts("x", self.errors))
        rows = [("message", self.message), ("cost", number(self.cost))]
        rows += [(label, f"{text} ± {errors[label]}") for label, text in leaf_texts("x", self.x)]
        if not np.isfinite(self.covariance).all():
            rows.append(("errors", "the residuals do not determine all parameters"))
        rows += [("residuals", str(self.residuals)), ("nit", str(self.nit))]
        rows += [("nfev", str(self.nfev)), ("status", str(self.status))]
        return [*rows, ("seconds", f"{self.seconds:.3g}")]
