"""The table of cases: every function of NumPy that is known, in the uses that matter."""

from __future__ import annotations

from tests.cases import elementwise_cases, reduction_cases, shape_cases
from tests.cases.engine import Case

CASES: tuple[Case, ...] = (
    *elementwise_cases.CASES,
    *reduction_cases.CASES,
    *shape_cases.CASES,
)
NOTES: dict[str, str] = {**elementwise_cases.NOTES, **reduction_cases.NOTES, **shape_cases.NOTES}
