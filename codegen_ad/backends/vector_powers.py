"""Powers, roots and lengths, as `vector_math` says."""

from __future__ import annotations

import numpy as np

from codegen_ad.backends.vector_math import vector_exp2_part, vector_scaled, vector_split


def vector_leading(x: float) -> float:
    """Return x with its 26 leading bits alone: products of two such numbers are exact."""
    return np.int64(np.float64(x).view(np.int64) & -134217728).view(np.float64)


def vector_pow(x: float, y: float) -> float:
    """Return x**y to 2 ulp, as C's `pow`: 2**(y log2(x)), the logarithm to 2**-65.

    x = 2**k (1 + f), and log2(1 + f) = 2 / log(2) atanh(s) with s = f / (2 + f). The first two
    terms of its series are in two parts, where one has few bits, so that products are exact.
    """
    size = abs(x)
    k, f = vector_split(size)
    divisor = 2.0 + f
    divisor_lost = f - (divisor - 2.0)
    divisor_high = vector_leading(divisor)
    inverse = 1.0 / divisor
    s = f * inverse
    s_high = vector_leading(s)
    left = f - s_high * divisor_high
    s_low = (left - s_high * ((divisor - divisor_high) + divisor_lost)) * inverse
    # The first term.
    first = s_high * 2.885390043258667
    first_low = s_high * 3.851925982253235e-08 + s_low * 2.8853900817779268
    # The second, of s**3.
    z = s * s
    square = s_high * s_high
    square_high = vector_leading(square)
    square_low = (square - square_high) + s_low * (s + s_high)
    cube = s_high * square_high
    cube_high = vector_leading(cube)
    cube_low = (cube - cube_high) + s_high * square_low + s_low * z
    second = cube_high * 0.9617966860532761
    second_low = cube_high * 7.872699542894897e-09 + cube_low * 0.9617966939259756
    # All others.
    z2 = z * z
    low = (0.5770780163556181 + z * 0.41219858309188084) + z2 * (
        0.32059890228504173 + z * 0.2623077000496002
    )
    high = (0.22198405027812024 + z * 0.19125387535319066) + z2 * 0.19039789308795302
    others = s * z2 * (low + z2 * z2 * high)
    # The sum, and what it loses.
    partial = k + first
    partial_lost = first - (partial - k)
    total = partial + second
    lost = (partial_lost + (second - (total - partial))) + (first_low + (second_low + others))
    logarithm = total + lost
    lost = (total - logarithm) + lost
    # Times y, cut off where the result is infinite, 0 or 1 anyway; nan passes every comparison.
    y = 1e20 if y > 1e20 else y
    y = -1e20 if y < -1e20 else y
    logarithm_high = vector_leading(logarithm)
    y_high = vector_leading(y)
    product = y_high * logarithm_high
    rest = y * ((logarithm - logarithm_high) + lost) + (y - y_high) * logarithm_high
    rest = 0.0 if abs(product) > 1100.0 else rest
    product = 1100.0 if product > 1100.0 else product
    product = -1100.0 if product < -1100.0 else product
    shifted = product + 6755399441057790.0
    power = vector_exp2_part((product - (shifted - 6755399441057790.0)) + rest)
    result = vector_scaled(power, shifted)
    # Infinities and zeros, signs, and nan.
    result = (0.0 if y > 0.0 else np.inf) if size == 0.0 else result
    result = (np.inf if y > 0.0 else 0.0) if size == np.inf else result
    odd = 2.0 * np.floor(0.5 * y) != y
    result = np.nan if np.floor(y) != y and x < 0.0 and size < np.inf else result
    negative = np.float64(x).view(np.int64) < 0
    result = -result if negative and odd and np.floor(y) == y else result
    result = x + y if x != x or y != y else result
    return 1.0 if x == 1.0 or y == 0.0 else result


def vector_cbrt(x: float) -> float:
    """Return the cube root of x to 1 ulp.

    x = 2**(3 k) a with a from 1/2 to 4. A polynomial for a**(-1/3) and a step of Halley's method
    give 26 bits, whose square is exact, and a last step all others.
    """
    size = abs(x)
    normal = size >= 2.2250738585072014e-308
    bits = np.float64(size if normal else size * 18014398509481984.0).view(np.int64)
    exponent = np.int64((bits >> 52) & 2047 | 4841369599423283200).view(np.float64)
    exponent = exponent - (4503599627371519.0 if normal else 4503599627371573.0)
    m = np.int64((bits & 4503599627370495) + 4607182418800017408).view(np.float64)
    shifted = exponent * 0.3333333333333333 + 6755399441055744.0
    left = exponent - 3.0 * (shifted - 6755399441055744.0)
    a = m * (2.0 if left > 0.0 else 0.5 if left < 0.0 else 1.0)
    m2 = m * m
    inverse = (1.6700060751524135 - m * 1.172878035500248) + m2 * (
        (0.6954800702618921 - m * 0.22123656429075625) + m2 * 0.028590790556533706
    )
    inverse *= 0.7937005259840998 if left > 0.0 else 1.2599210498948732 if left < 0.0 else 1.0
    error = 1.0 - a * inverse * inverse * inverse
    inverse = inverse + inverse * (error * (0.3333333333333333 + error * 0.2222222222222222))
    root = a * inverse * inverse
    root = np.int64((np.float64(root).view(np.int64) + 67108864) & -134217728).view(np.float64)
    difference = a / (root * root) - root
    third = 0.3333333333333333 - difference * inverse * 0.1111111111111111
    root = root + difference * third
    scale = np.float64(shifted).view(np.int64) - 4843621399236968448 + 1023
    root = root * np.int64(scale << 52).view(np.float64)
    root = -root if x < 0.0 else root
    return root if 0.0 < size < np.inf else x


def vector_hypot(x: float, y: float) -> float:
    """Return sqrt(x**2 + y**2) to 1.5 ulp, without overflow on the way."""
    longest = abs(x) if abs(x) > abs(y) else abs(y)
    large = longest > 1.3407807929942597e154
    small = longest < 1.4916681462400413e-154
    scale = 7.458340731200207e-155 if large else 1.0715086071862673e301 if small else 1.0
    back = 1.3407807929942597e154 if large else 9.332636185032189e-302 if small else 1.0
    x_scaled = x * scale
    y_scaled = y * scale
    length = np.sqrt(x_scaled * x_scaled + y_scaled * y_scaled) * back
    return np.inf if abs(x) == np.inf or abs(y) == np.inf else length
