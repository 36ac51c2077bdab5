"""What many fits give back: arrays over fits, and a table that says how they went.

This room only keeps and prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.fit.result import Report, leaf_texts, number


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManyFitsResult(Report):
    """The results of many fits: the first axis of every array counts them.

    Attributes
    ----------
    x : the parameters, in the structure in which the first guesses were given.
    errors : their standard errors, in the same structure.
    covariance : of shape [fits, p, p], as of one fit; see `LeastSquaresResult`.
    cost : half of the sums of squares.
    nit : the numbers of steps tried.
    nfev : how often the residuals and their derivatives were computed.
    status : why each fit ended, as in `LeastSquaresResult`; 3 is one whose residuals are not finite
        at the start, too.
    success : which fits converged.
    message : how many did, and what became of the others.
    seconds : how long all fits ran.
    """

    x: Any
    errors: Any
    covariance: NDArray[np.float64]
    cost: NDArray[np.float64]
    nit: NDArray[np.int64]
    nfev: NDArray[np.int64]
    status: NDArray[np.int64]
    success: NDArray[np.bool_]
    message: str
    seconds: float

    def title(self) -> str:
        """The headline."""
        return f"{self.status.size} least-squares fits"

    def rows(self) -> list[tuple[str, str]]:
        """What the table shows, line by line."""
        rows = [("message", self.message), *leaf_texts("x", self.x)]
        rows += [("cost", _range(self.cost)), ("nit", _range(self.nit))]
        each = 1e6 * self.seconds / self.status.size
        return [*rows, ("seconds", f"{self.seconds:.3g} ({each:.3g} µs a fit)")]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManyMinimaResult(Report):
    """The results of many fits by a first-order method: first axes count them.

    Attributes
    ----------
    x : the best parameters found, in the structure in which the first guesses were given.
    fun : the losses there.
    jac : the gradients there, in the structure of `x`.
    nit : the numbers of steps taken.
    status : why each fit ended: 0 converged, 1 all steps taken, 2 stopped, 3 not finite.
    success : which fits did what was asked of them.
    message : how many did.
    trace : the losses before each step, of shape [fits, steps], nan where a fit had ended; None if
        they were not asked for.
    seconds : how long all fits ran.
    method : the name of the method.
    """

    x: Any
    fun: NDArray[np.float64]
    jac: Any
    nit: NDArray[np.int64]
    status: NDArray[np.int64]
    success: NDArray[np.bool_]
    message: str
    trace: NDArray[np.float64] | None
    seconds: float
    method: str

    def title(self) -> str:
        """The headline."""
        return f"{self.status.size} fits by {self.method}"

    def rows(self) -> list[tuple[str, str]]:
        """What the table shows, line by line."""
        rows = [("message", self.message), *leaf_texts("x", self.x)]
        rows += [("fun", _range(self.fun)), ("nit", _range(self.nit))]
        each = 1e6 * self.seconds / self.status.size
        return [*rows, ("seconds", f"{self.seconds:.3g} ({each:.3g} µs a fit)")]


def _range(values: NDArray[Any]) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "none"
    low, middle, high = (number(float(q)) for q in np.quantile(known, (0, 0.5, 1)))
    return f"from {low} to {high}, median {middle}"
