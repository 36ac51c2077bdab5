"""Vectorisable mathematics in single precision: twice as many numbers in a vector.

Like `vector_math`, whose functions compute everything else for float32 in double precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def vector_exp_single(x: Any) -> Any:
    """Return exp(x) of a float32 to 1 ulp; right at infinities, nan, and subnormal results.

    As in double precision, with a polynomial of degree 6, fitted to an error of 2**-28.
    """
    # A fit keeps parameters in double precision, in which the magic number below does not round.
    x = np.float32(x)
    # Cut off where the result is 0 anyway, and k where it is infinite; nan passes.
    x = np.float32(-104.0) if x < np.float32(-104.0) else x
    # Adding 1.5 * 2**23 rounds to the nearest whole number; the lowest bits are k + 254.
    shifted = x * np.float32(1.442695) + np.float32(12583166.0)
    shifted = np.float32(12583296.0) if shifted > np.float32(12583296.0) else shifted
    k = shifted - np.float32(12583166.0)
    r = x - k * np.float32(0.693359375)
    r = r + k * np.float32(0.00021219444)
    r2 = r * r
    low = np.float32(0.49999994) + r * np.float32(0.16666518)
    middle = np.float32(0.041668408) + r * np.float32(0.008368927)
    rest = r + r2 * (low + r2 * (middle + r2 * np.float32(0.0013814162)))
    # Times 2**k in two steps: 2**k itself may overflow or vanish where the result does not.
    bits = np.float32(shifted).view(np.int32)
    half = np.int32(bits >> 1)
    first = np.int32(half << 23).view(np.float32)
    second = np.int32((bits - half) << 23).view(np.float32)
    return (first + first * rest) * second
