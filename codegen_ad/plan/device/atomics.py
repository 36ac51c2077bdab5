"""Arrays that rows add to by atomics, where the user allows that: at places that data name.

Nothing is sorted and nothing is kept of a row, but rows come in an order that nobody knows: sums of
floating-point numbers differ in their last digits from run to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from codegen_ad.ir.types import DType
from codegen_ad.plan.device.loops import is_scattered
from codegen_ad.plan.device.thread import is_small
from codegen_ad.plan.kernel import Allocate, For

ATOMIC = frozenset((DType.FLOAT64, DType.FLOAT32, DType.INT64))
"""The dtypes in which a device adds to an element of an array in one step."""


def atomic_sums(loop: For, arrays: Mapping[str, Allocate], outside: Set[str]) -> frozenset[str]:
    """The arrays that a loop does nothing with but add, somewhere at a place that data name.

    Small ones are left out: every thread adds up such an array for itself, which waits for nobody.

    Parameters
    ----------
    arrays : what the kernel allocates.
    outside : the names that are used outside of the loop: arrays that are not are a row's own.
    """
    return frozenset(
        name
        for name, array in arrays.items()
        if name in outside
        and array.dtype in ATOMIC
        and not is_small(array)
        and is_scattered(loop, name)
    )
