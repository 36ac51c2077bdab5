"""At a kink the derivative is that of the policy, in both modes; see "The derivative" in design.md.

It is 0 at a local extremum, the finite side where the other one is not finite, and otherwise the
mean of both sides. The sides are measured with NumPy itself.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from codegen_ad.ir.node import toposort
from codegen_ad.ops import ELEMENTWISE
from tests.cases.engine import Run
from tests.cases.kink_cases import CASES
from tests.frontend.library.library_cases import function_of

STEP = 1e-7
KNOTS = np.array([0.0, 1.0, 3.0])
ROWS = [
    (text, float(point))
    for text, _, points in (row.rpartition(": ") for row in CASES)
    for point in points.split()
]


@pytest.mark.parametrize(("text", "point"), ROWS)
def test_the_derivative_at_a_kink(text: str, point: float) -> None:
    case = _case(text, point)
    wanted = by_policy(*slopes(case, point))
    (found,) = case.gradients()
    assert found == pytest.approx(wanted, abs=1e-5)
    (pushed,) = case.tangents()
    assert pushed / case.directions[0] == pytest.approx(wanted, abs=1e-5)


def _case(text: str, point: float) -> Run:
    data = {"s": np.float64(point), "v": np.array([1.0, 2.0, 2.0, 4.0]), "knots": KNOTS}
    return Run(text, data, frozenset({"v", "knots"}))


def slopes(case: Run, point: float) -> tuple[float, float]:
    """The slopes on both sides, next to the point."""
    function, names = function_of(case.text)

    def value(at: float) -> float:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(function(*({**case.data, "s": np.float64(at)}[n] for n in names)))

    return tuple(  # type: ignore[return-value]
        (value(point + 2 * step) - value(point + step)) / step for step in (-STEP, STEP)
    )


def by_policy(left: float, right: float) -> float:
    """The derivative where the slopes of both sides are these."""
    sides = [s for s in (left, right) if math.isfinite(s)]
    if len(sides) == 2 and left * right < 0 and min(abs(left), abs(right)) > 1e-6:
        return 0.0
    return sum(sides) / len(sides)


def test_every_operation_with_a_policy_is_here() -> None:
    met = {node.op.name for text, _ in ROWS for node in toposort(_case(text, 0.0).program.outputs)}
    assert {e.op.name for e in ELEMENTWISE.values() if e.policy} <= met
