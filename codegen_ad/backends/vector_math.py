"""Sums in any order, and vectorisable mathematics: functions that generated files bring along.

numba calls the C library once for each element, which keeps a whole loop scalar. These functions
are compiled into the loop instead. Their text is copied into the generated files that use them, so
each uses `np`, literals, functions that stand before it, and nothing else. They must be compiled
without reassociation.
"""

from __future__ import annotations

import numpy as np


def vector_power_of_two(shifted: float) -> tuple[float, float]:
    """Return two factors of 2**k, where `shifted` is k + 2046 + 1.5 * 2**52.

    2**k itself may overflow or vanish where p times 2**k does not.
    """
    bits = np.float64(shifted).view(np.int64)
    half = bits >> 1
    # The lowest bits are half of k, and the rest of it, both plus 1023: exponents, once on top.
    return np.int64(half << 52).view(np.float64), np.int64((bits - half) << 52).view(np.float64)


def vector_scaled(p: float, shifted: float) -> float:
    """Return p times 2**k, where `shifted` is k + 2046 + 1.5 * 2**52."""
    first, second = vector_power_of_two(shifted)
    return p * first * second


def vector_exp_parts(x: float) -> tuple[float, float]:
    """Return a rest and k + 2046 + 1.5 * 2**52, where exp(x) = 2**k (1 + rest).

    Cody and Waite's reduction to |r| <= log(2) / 2, then a polynomial of degree 12, fitted to the
    smallest relative error: 2**-64.
    """
    # Cut off where the result is 0 anyway, and k where it is infinite; nan passes.
    x = -746.0 if x < -746.0 else x
    # Adding 1.5 * 2**52 rounds to the nearest whole number.
    shifted = x * 1.4426950408889634 + 6755399441057790.0
    shifted = 6755399441058816.0 if shifted > 6755399441058816.0 else shifted
    k = shifted - 6755399441057790.0
    r = x - k * 0.6931471803691238
    r = r - k * 1.9082149292705877e-10
    r2 = r * r
    r4 = r2 * r2
    low = (0.5 + r * 0.16666666666666682) + r2 * (0.04166666666666609 + r * 0.00833333333331698)
    middle = (0.001388888888911643 + r * 0.000198412698965197) + r2 * (
        2.4801586925622793e-05 + r * 2.7557234723813175e-06
    )
    high = (2.7557582338831296e-07 + r * 2.5112085745614437e-08) + r2 * 2.08265703839266e-09
    return r + r2 * (low + r4 * (middle + r4 * high)), shifted


def vector_exp(x: float) -> float:
    """Return exp(x) to 1 ulp; right at infinities, nan, and results that are subnormal."""
    rest, shifted = vector_exp_parts(x)
    first, second = vector_power_of_two(shifted)
    return (first + first * rest) * second


def vector_exp2_part(r: float) -> float:
    """Return 2**r for |r| <= 1/2."""
    r2 = r * r
    r4 = r2 * r2
    low = (0.6931471805599453 + r * 0.24022650695910172) + r2 * (
        0.055504108664824574 + r * 0.009618129107577113
    )
    middle = (0.0013333558145568576 + r * 0.0001540353047879852) + r2 * (
        1.5252734736841308e-05 + r * 1.3215424511070117e-06
    )
    high = (1.0177656588311113e-07 + r * 7.075611949323681e-09) + r2 * 4.519234793040015e-10
    return 1.0 + r * (low + r4 * (middle + r4 * high))


def vector_exp2(x: float) -> float:
    """Return 2**x to 1 ulp."""
    # Cut off where the result is infinite or 0 anyway; nan passes every comparison.
    x = 1025.0 if x > 1025.0 else x
    x = -1077.0 if x < -1077.0 else x
    shifted = x + 6755399441057790.0
    return vector_scaled(vector_exp2_part(x - (shifted - 6755399441057790.0)), shifted)


def vector_expit(x: float) -> float:
    """Return 1 / (1 + exp(-x)) to 2 ulp; far below 0 as e - e**2 / (1 + e) with e = exp(x)."""
    rest, shifted = vector_exp_parts(-abs(x))
    p = 1.0 + rest
    e = vector_scaled(p, shifted)
    quotient = (e if x < 0.0 else 1.0) / (1.0 + e)
    small = e - (e * quotient - vector_scaled((1.0 - p) + rest, shifted))
    return small if x < -0.7 else quotient


def vector_split(x: float) -> tuple[float, float]:
    """Return k and f, where x = 2**k (1 + f) > 0, with 1 + f from sqrt(1/2) to sqrt(2)."""
    normal = x >= 2.2250738585072014e-308
    scaled = x if normal else x * 18014398509481984.0
    # Counting from sqrt(1/2), the exponent bits are k and the others 1 + f.
    bits = np.float64(scaled).view(np.int64) + 2638149301829632
    exponent = np.int64((bits >> 52) & 2047 | 4841369599423283200).view(np.float64)
    k = exponent - (4503599627371519.0 if normal else 4503599627371573.0)
    return k, np.int64((bits & 4503599627370495) + 4604544269498187776).view(np.float64) - 1.0


def vector_log_part(f: float) -> float:
    """Return log(1 + f) - f + f**2 / 2 for 1 + f around 1.

    With s = f / (2 + f), log(1 + f) = 2 atanh(s), where a polynomial in s**2 stands for all terms
    but the first (the coefficients are fdlibm's).
    """
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
    odd = z * (
        0.6666666666666735
        + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586))
    )
    return s * (0.5 * f * f + (even + odd))


def vector_log_ends(x: float, result: float) -> float:
    """Return a logarithm where x is positive and finite, and else what it is there."""
    result = result if x < np.inf else x
    return result if x > 0.0 else -np.inf if x == 0.0 else np.nan


def vector_log(x: float) -> float:
    """Return log(x) to 1 ulp; -inf at 0, nan below, and right for subnormal numbers."""
    k, f = vector_split(x)
    low = vector_log_part(f) + k * 1.9082149292705877e-10
    return vector_log_ends(x, (low - 0.5 * f * f + f) + k * 0.6931471803691238)


def vector_log2(x: float) -> float:
    """Return the logarithm of x to base 2, to 1 ulp, and exact for powers of 2."""
    k, f = vector_split(x)
    half_square = 0.5 * f * f
    # In two parts, as is 1 / log(2), so that the larger part of their product is exact.
    high = np.int64(np.float64(f - half_square).view(np.int64) & -4294967296).view(np.float64)
    low = ((f - high) - half_square) + vector_log_part(f)
    first = high * 1.4426946640014648
    rest = (low + high) * 3.768874985636099e-07 + low * 1.4426946640014648
    total = k + first
    return vector_log_ends(x, total + (((k - total) + first) + rest))


def vector_log10(x: float) -> float:
    """Return the logarithm of x to base 10, to 1.5 ulp."""
    k, f = vector_split(x)
    half_square = 0.5 * f * f
    # In two parts, as are log10(e) and log10(2), so that larger parts of products are exact.
    high = np.int64(np.float64(f - half_square).view(np.int64) & -4294967296).view(np.float64)
    low = ((f - high) - half_square) + vector_log_part(f)
    first = high * 0.4342944622039795
    rest = (low + high) * 1.9699272335463627e-08 + low * 0.4342944622039795
    rest = rest + k * 7.508597826552624e-08
    powers = k * 0.30102992057800293
    total = powers + first
    return vector_log_ends(x, total + (((powers - total) + first) + rest))


def vector_log1p(x: float) -> float:
    """Return log(1 + x) to 2 ulp, also near 0: the logarithm of the rounded sum, corrected."""
    u = 1.0 + x
    lost = x - (u - 1.0) if x < 1.0 else 1.0 - (u - x)
    correction = lost / u if 0.0 < u < np.inf else 0.0
    return x if x == 0.0 else vector_log(u) + correction


def vector_expm1(x: float) -> float:
    """Return exp(x) - 1 to 2 ulp, also near 0.

    With x = k log(2) + r: 2**k (1 + r + tail) - 1, where 2**k - 1 and 2**k r are added first and
    what their sum loses is kept. All is halved until the end, for 2**k may overflow.
    """
    # Cut off where the result is infinite or -1 anyway; nan passes every comparison.
    y = 710.0 if x > 710.0 else x
    y = -40.0 if y < -40.0 else y
    # Adding and subtracting 1.5 * 2**52 rounds to the nearest whole number.
    shifted = y * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    high = y - k * 0.6931471803691238
    r = high - k * 1.9082149292705877e-10
    r_lost = (high - r) - k * 1.9082149292705877e-10
    r2 = r * r
    r4 = r2 * r2
    low = (0.5 + r * 0.16666666666666666) + r2 * (0.041666666666666664 + r * 0.008333333333333333)
    middle = (0.001388888888888889 + r * 0.0001984126984126984) + r2 * (
        2.48015873015873e-05 + r * 2.7557319223985893e-06
    )
    top = (2.755731922398589e-07 + r * 2.505210838544172e-08) + r2 * (
        2.08767569878681e-09 + r * 1.6059043836821613e-10
    )
    tail = r2 * (low + r4 * (middle + r4 * top)) + r_lost
    bits = np.float64(shifted).view(np.int64) - 4843621399236968448
    half = np.int64((bits + 1022) << 52).view(np.float64)
    whole = half - 0.5
    part = half * r
    total = whole + part
    lost = part - (total - whole)
    return x if abs(x) < 1e-16 else 2.0 * (total + (lost + half * tail))


def vector_logaddexp(x: float, y: float) -> float:
    """Return log(exp(x) + exp(y)) to 2 ulp of the larger argument; equal infinities are kept."""
    gap = 0.0 if x == y else abs(x - y)
    return (x if x >= y else y) + vector_log1p(vector_exp(-gap))


def vector_softplus(x: float) -> float:
    """Return log(1 + exp(x)) to 2 ulp; its exp is the one that `vector_expit` of the same x has."""
    return (x if x > 0.0 else 0.0) + vector_log1p(vector_exp(-abs(x)))


def plus(total: float, term: float) -> float:
    """Return a sum with one term more; sums in loops may be taken in any order, to vectorise."""
    return total + term
