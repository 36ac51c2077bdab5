"""Python's `max` and `min` of two numbers: the first stays unless the other one is beyond it.

So a NaN is kept where it comes first, and passed over where it comes later; NumPy's give NaN either
way. Of zeros with different signs the first one stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen_ad.ops.entry import elementwise, same

_NUMPY: Any = np


def _larger(x: Any, y: Any) -> Any:
    return _NUMPY.where(y > x, y, x)


def _smaller(x: Any, y: Any) -> Any:
    return _NUMPY.where(y < x, y, x)


TABLE = (
    elementwise(
        "larger",
        "xy",
        "y if y > x else x",
        same,
        numpy=_larger,
        partials=(
            "where(greater(y, x), 0, where(equal(x, y), 0.5, 1))",
            "where(greater(y, x), 1, where(equal(x, y), 0.5, 0))",
        ),
        at=((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)),
        policy="ties share equally",
    ),
    elementwise(
        "smaller",
        "xy",
        "y if y < x else x",
        same,
        numpy=_smaller,
        partials=(
            "where(less(y, x), 0, where(equal(x, y), 0.5, 1))",
            "where(less(y, x), 1, where(equal(x, y), 0.5, 0))",
        ),
        at=((1.0, 2.0), (2.0, 1.0), (1.0, 1.0)),
        policy="ties share equally",
    ),
)
