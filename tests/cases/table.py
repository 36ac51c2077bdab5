"""The table of cases: every function of NumPy that is known, in the uses that matter."""

from __future__ import annotations

from tests.cases import (
    density_cases,
    elementwise_cases,
    fourier_cases,
    linalg_cases,
    reduction_cases,
    shape_cases,
    special_cases,
)
from tests.cases.engine import Case

_TOPICS = (
    elementwise_cases,
    reduction_cases,
    shape_cases,
    linalg_cases,
    special_cases,
    density_cases,
    fourier_cases,
)
CASES: tuple[Case, ...] = tuple(case for topic in _TOPICS for case in topic.CASES)
NOTES: dict[str, str] = {k: note for topic in _TOPICS for k, note in topic.NOTES.items()}
