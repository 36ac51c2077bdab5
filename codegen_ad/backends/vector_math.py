"""Functions that generated files bring along: sums in any order, and vectorisable mathematics.

numba calls the C library once for each element, which keeps a whole loop scalar. These functions
are compiled into the loop instead. Their text is copied into the generated files that use them, so
each stands alone: it uses `np`, literals and nothing else. They must be compiled without
reassociation.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import numpy as np

from codegen_ad.emit.view import Helper


def vector_exp(x: float) -> float:
    """Return exp(x) to 1 ulp; right at infinities, nan, and results that are subnormal.

    Cody and Waite's reduction to |r| <= log(2) / 2, then a Taylor polynomial of degree 13.
    """
    # Cut off where the result is infinite or 0 anyway; nan passes every comparison.
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    # Adding and subtracting 1.5 * 2**52 rounds to the nearest whole number.
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = x - k * 0.6931471803691238
    r = r - k * 1.9082149292705877e-10
    r2 = r * r
    r4 = r2 * r2
    low = (0.5 + r * 0.16666666666666666) + r2 * (0.041666666666666664 + r * 0.008333333333333333)
    middle = (0.001388888888888889 + r * 0.0001984126984126984) + r2 * (
        2.48015873015873e-05 + r * 2.7557319223985893e-06
    )
    high = (2.755731922398589e-07 + r * 2.505210838544172e-08) + r2 * (
        2.08767569878681e-09 + r * 1.6059043836821613e-10
    )
    p = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)))
    # Times 2**k in two steps: 2**k itself may overflow or vanish where the result does not.
    bits = np.float64(shifted).view(np.int64) - 4843621399236968448
    half = bits >> 1
    first = np.int64((half + 1023) << 52).view(np.float64)
    second = np.int64((bits - half + 1023) << 52).view(np.float64)
    return p * first * second


def plus(total: float, term: float) -> float:
    """Return a sum with one term more; sums in loops may be taken in any order, to vectorise."""
    return total + term


EXACT = '{"contract"}'
ANY_ORDER = '{"contract", "nsz", "reassoc"}'

TABLE: tuple[tuple[Callable[..., float], str], ...] = ((plus, ANY_ORDER), (vector_exp, EXACT))
"""Each function with the liberties that its compiler may take."""


def helpers(text: str) -> tuple[Helper, ...]:
    """The functions of the table that `text` calls, as text, without annotations."""
    found: list[Helper] = []
    for function, flags in TABLE:
        if re.search(rf"\b{function.__name__}\(", text):
            source = inspect.getsource(function).rstrip()
            plain = re.sub(r"(: float\b| -> float\b)", "", source.split("\n", 1)[0])
            found.append(Helper(flags, "\n".join([plain, source.split("\n", 1)[1]])))
    return tuple(found)
