"""Vectorisable mathematics in single precision: twice as many numbers in a vector.

Like `vector_math`, whose functions compute everything else for float32 in double precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def vector_exp_single(x: Any) -> Any:
    """Return exp(x) of a float32 to 1 ulp; right at infinities, nan, and subnormal results.

    Cody and Waite's reduction to |r| <= log(2) / 2, then Cephes' polynomial (Moshier's `expf`).
    """
    # A fit keeps parameters in double precision, in which the magic number below does not round.
    x = np.float32(x)
    # Cut off where the result is infinite or 0 anyway; nan passes every comparison.
    x = np.float32(89.0) if x > np.float32(89.0) else x
    x = np.float32(-104.0) if x < np.float32(-104.0) else x
    # Adding and subtracting 1.5 * 2**23 rounds to the nearest whole number.
    shifted = x * np.float32(1.442695) + np.float32(12582912.0)
    k = shifted - np.float32(12582912.0)
    r = x - k * np.float32(0.693359375)
    r = r + k * np.float32(0.00021219444)
    r2 = r * r
    low = np.float32(0.5) + r * np.float32(0.16666666)
    middle = np.float32(0.041665796) + r * np.float32(0.008333452)
    high = np.float32(0.00139819995) + r * np.float32(0.00019875691)
    p = np.float32(1.0) + (r + r2 * (low + r2 * (middle + r2 * high)))
    # Times 2**k in two steps: 2**k itself may overflow or vanish where the result does not.
    bits = np.int32(np.float32(shifted).view(np.int32) - 1262485504)
    half = np.int32(bits >> 1)
    first = np.int32((half + 127) << 23).view(np.float32)
    second = np.int32((bits - half + 127) << 23).view(np.float32)
    return p * first * second
