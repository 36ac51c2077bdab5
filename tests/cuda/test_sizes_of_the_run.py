"""Arrays whose size the kernel itself computes have no place on a GPU: its caller makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.errors import UnsupportedOnDevice

X, COUNTS = np.arange(11.0), np.array([1, 0, 2, 1, 3, 1, 0, 0, 1, 1, 2])


def repeated_and_added(x: Any, counts: Any) -> Any:
    y = x
    y += np.sum(np.repeat(y, counts))
    return np.sum(x)


def counted_in_a_loop(x: Any, counts: Any) -> Any:
    total = 0
    for i in range(len(counts)):
        total += counts[i]
    y = np.zeros(total)
    y[0] = x[1]
    return np.sum(np.exp(y)) * np.sum(x)


@pytest.mark.parametrize("function", [repeated_and_added, counted_in_a_loop])
def test_a_size_that_a_loop_adds_up_is_refused(function: Any) -> None:
    """The number that the loop begins with is not the size."""
    differentiate(function, wrt="x").check(X, COUNTS)
    with pytest.raises(UnsupportedOnDevice, match="known only while the function runs"):
        differentiate(function, wrt="x", target="cuda").source(X, COUNTS)
